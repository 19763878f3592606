"""The README's summary of the paper's claims, and the run that it is made from."""

import json
import subprocess
import sys

import pytest
from test_paper_contests import as_the_paper as contests_of_the_paper
from test_paper_report import as_the_paper as sweeps_of_the_paper
from test_paper_report import run as swept

from evaluation import paper_digest, paper_report
from evaluation.children import PACKAGE_PARENT, environment
from evaluation.readme import README
from evaluation.statistics import histogram, pooled

RUN = {
    "time": "2026-01-01 00:00:00 +0000",
    "machine": {"processor": "a processor", "cores": [0, 1, 2, 3], "memory": 2**30, "system": "Linux"},
    "interpreters": {"3.11": {"version": "3.11.2", "path": "/where/it/is/python3.11", "free_threaded": False, "build": "b"}},
    "settings": {"3.11": {"cache": "/where/it/is"}},
    "effort": {"runs": 1},
    "cores": [1, 4],
}


@pytest.fixture
def found():
    """As if this machine, and our policies, were the paper's."""
    return paper_report.Found(RUN, sweeps_of_the_paper(), contests_of_the_paper())


def test_the_papers_own_figures_are_what_it_claims(found):
    made = paper_digest.claims(found)
    assert {claim.where for claim in made} >= {"I", "II", "III", "IV, VI", "VII", "VIII", "IX", "X", "XI", "XII", "XIII"}
    by_text = {claim.text: (claim.theirs, claim.ours) for claim in made}
    assert by_text["adaptive beside the best static count, micro mixed"] == ("96.5%", "96.5%")
    assert by_text["adaptive on seven edge workloads: mean, worst"] == ("93.9%, 87.5%", "93.9%, 87.5%")
    assert by_text["... its P99 beside the best static counts': median, worst"] == ("-", "1.00x, 1.00x")
    assert by_text["beta of 256 threads, micro mixed"] == ("0.21", "0.21 (beta_io: 0.20)")
    assert by_text["vetoes of Algorithm 1, and where it ends"] == ("23, 48 threads", "23, 48 threads (on beta_io: 23, 48 threads)")
    assert by_text["memory of 8 processes beside 32 threads, RSS"] == ("7.5x", "7.5x (PSS: 7.5x)")
    cliffs = [claim for claim in made if claim.where == "IV, VI"]
    assert [(claim.theirs, claim.ours) for claim in cliffs] == [("-40.2%", "-40.2%"), ("-35.1%", "-35.1%")]


def test_what_was_not_measured_or_did_not_finish():
    empty = paper_digest.claims(paper_report.Found(RUN, [], []))
    assert {claim.ours for claim in empty} <= {"-", "- - - - - -"}
    hung = paper_report.Found(RUN, [swept("micro", 32, 60.0), swept("micro", 2048, None)], [])
    assert "did not finish" in {claim.ours for claim in paper_digest.claims(hung)}


def test_a_run_that_is_put_away_says_the_same_and_nothing_of_the_machines_folders(found, tmp_path):
    file = tmp_path / "kept" / "quick.json"
    paper_digest.keep(found, file)
    again = paper_digest.read(file)
    assert paper_digest.claims(again) == paper_digest.claims(found)
    assert "/where" not in file.read_text()
    assert len(json.loads(file.read_text())["contests"]) == len(found.contests)


def test_the_tail_of_latencies_is_enough_for_the_p99_of_several_runs():
    runs = [
        {str(bucket): count for bucket, count in histogram([place / (100 * number) for place in range(1, 1001)]).items()}
        for number in (1, 2)
    ]
    tails = [paper_digest.tail(run) for run in runs]
    assert pooled(tails, 0.99) == pooled(runs, 0.99)
    assert sum(map(len, tails)) < sum(map(len, runs)) / 10


def test_the_readme_says_what_the_kept_run_does():
    text = README.read_text()
    shown = text[text.index("<!-- claims -->") + len("<!-- claims -->") : text.index("<!-- /claims -->")].strip()
    assert shown == paper_digest.markdown(paper_digest.read(paper_digest.KEPT)).strip(), "make readme-tables"


def test_another_file_is_refused(tmp_path):
    file = tmp_path / "other.json"
    file.write_text('{"name": 1}')
    command = [sys.executable, "-m", "evaluation.paper_digest", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=environment(PACKAGE_PARENT))
    assert done.returncode == 1
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
