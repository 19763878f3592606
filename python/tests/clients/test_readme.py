"""The blocks of Python in the READMEs run as they stand, each in an interpreter of its own, with what they take for granted (NAMES)."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import betapool

PROJECT = Path(__file__).resolve().parents[3]
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)

NAMES = """
import ctypes, logging, sys, time, urllib.request
from pathlib import Path

import betapool
import prometheus_client

urls = [path.as_uri() for path in Path(betapool.__file__).parent.glob("*.py")]

def fetch(url):
    with urllib.request.urlopen(url) as answer:
        return answer.read()

def work():
    time.sleep(0.01)

queue_length = queued = 3
cpu, wall = 0.25, 1.0
fetching = betapool.AdaptiveThreadPoolExecutor(thread_name_prefix="fetch")
parsing = betapool.AdaptiveThreadPoolExecutor(thread_name_prefix="parse")

sys.path.append(sys.argv[1])
import betapool_ctypes
_controller = betapool_ctypes.Controller(betapool_ctypes.load(betapool.get_library()))
controller, decision = _controller._handle, betapool_ctypes.Decision()
"""


def blocks():
    for path in (PROJECT / "README.md", PROJECT / "python" / "README.md"):
        text = path.read_text()
        for match in BLOCK.finditer(text):
            line = text[: match.start()].count("\n") + 2
            name = f"{path.relative_to(PROJECT)}:{line}"
            yield pytest.param("\n" * (line - 1) + match[1].replace("9100", "0"), str(path), id=name)  # any port that is free


BLOCKS = list(blocks())


def test_there_are_blocks():
    assert len(BLOCKS) >= 5


@pytest.mark.parametrize("code, path", BLOCKS)
def test_a_block_runs(code, path):
    for module in ("prometheus_client", "opentelemetry"):
        pytest.importorskip(module)
    program = f"import sys\nexec({NAMES!r})\nexec(compile({code!r}, {path!r}, 'exec'))"
    process = subprocess.run(
        [sys.executable, "-X", "dev", "-c", program, str(PROJECT / "examples" / "ctypes")],
        capture_output=True,
        text=True,
        timeout=50,
        cwd="/",
        env={**os.environ, "PYTHONPATH": str(Path(betapool.__file__).resolve().parent.parent)},
    )
    assert process.returncode == 0, f"{process.stderr}\n(what a block takes for granted stands in NAMES)"
