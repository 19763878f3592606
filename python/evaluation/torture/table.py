"""The README's table: what happened, how often, and what was lost. From what the other commands wrote.

  python -m evaluation.torture.table torture.json soak.json test_faults.log fuzz.log | python -m evaluation.readme torture
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, NamedTuple

WHAT = {
    "lives": "an interpreter ends, in every way, with tasks in every state",
    "forks": "a process forks, from main, workers and submitters, under load; parent and child go on",
    "limits": "no more threads, memory, files or /proc",
    "faults": "the Nth malloc, pthread_create, open, pread, futex, clock ... of the library fails, for every N",
    "fuzz": "sequences of calls that nobody meant, some of whose system calls fail, under the address sanitizer",
}


class Row(NamedTuple):
    what: str
    tried: str
    tasks: str
    lost: str


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1].startswith("-"):
        print(__doc__)
        return 2
    rows = [row for name in sys.argv[1:] for row in rows_of(Path(name).read_text())]
    print("| what happened | how often | tasks accepted | lost, hung or crashed |\n|---|---:|---:|---|")
    for row in rows:
        print("| " + " | ".join(row) + " |")
    return 0


def rows_of(text: str) -> list[Row]:
    if text.lstrip().startswith("{"):
        found = json.loads(text)
        return [of_group(each) for each in found.get("rows", [])] + [of_soak(each) for each in found.get("runs", [])]
    rows = []
    runs = sum(map(int, re.findall(r"^faults: (\d+) runs", text, re.MULTILINE)))
    if runs:
        rows.append(Row(WHAT["faults"], f"{runs:,} runs", "-", verdict("[  FAILED  ]" not in text)))
    inputs = re.search(r"^fuzz: (\d+) inputs, none failed", text, re.MULTILINE)
    if inputs:
        rows.append(Row(WHAT["fuzz"], f"{int(inputs[1]):,} sequences", "-", verdict(True)))
    return rows


def of_group(row: dict[str, Any]) -> Row:
    return Row(WHAT[row["group"]], f"{row['tried']:,} times", f"{row['tasks']:,}", verdict(not row["lost"] and not row["failed"]))


def of_soak(run: dict[str, Any]) -> Row:
    minutes = f"{run['seconds'] / 60:.3g} minutes"
    if "end" not in run:
        return Row(f"changing load while calls fail at random: {run['python']}", minutes, "-", verdict(False))
    end = run["end"]
    name = Path(run["python"]).name.replace("python3", "Python 3")
    what = f"changing load while calls fail at random, {name}: memory {run['slope'] / 1024:+.0f} KiB a minute"
    return Row(what, f"{minutes}, {end['failed_calls']:,} calls", f"{end['accepted']:,}", verdict(not run["complaints"]))


def verdict(is_well: bool) -> str:
    return "nothing" if is_well else "**see the log**"


if __name__ == "__main__":
    sys.exit(main())
