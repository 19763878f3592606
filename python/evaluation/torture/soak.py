"""Minutes of changing load while calls fail at random: at the end every task is accounted for, and nothing has grown.

One interpreter after the other. What runs in them is soak_program.py.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from evaluation.command import leave, number
from evaluation.progress import Display
from evaluation.torture.options import BUILD, built, name_of, parser, usual
from evaluation.torture.table import Row
from evaluation.torture.trial import PACKAGE_PARENT

PROGRAM = Path(__file__).with_name("soak_program.py")
GRACE = 300
"""Seconds that a program may take longer than asked for: the last tasks, and a machine that does other things."""
MOST_GROWTH = 16 << 20
"""Bytes of memory in the second half: what threads that come and go take and give back is less."""
MOST_KEPT = 2 << 20
"""Bytes of malloc's in the second half: what threads and queues hold at one moment and not at another is less."""
MOST_THREADS = 4
"""When all is over: main, the pool's last worker, its ticker and its courier."""

SLOPES = ("resident", "allocated", "objects", "failed_threads")

EXAMPLES = """examples:
  python -m evaluation.torture.soak --seconds 20
  python -m evaluation.torture.soak --minutes 9 --pythons 3.13t --json soak.json
"""


def main() -> int:
    made = parser("evaluation.torture.soak", __doc__, EXAMPLES)
    made.add_argument("--minutes", type=number(float, 0.01), default=10, help="for each interpreter (default: %(default)s)")
    made.add_argument("--seconds", type=number(float, 1), help="the same, in place of --minutes")
    options = made.parse_args()
    built("fuzz/flaky.so")
    seconds = options.seconds or 60 * options.minutes
    console = Console(highlight=False, soft_wrap=True)
    pythons = options.pythons or usual()
    reports = []
    with Display(console, seconds * len(pythons), str) as display:
        for done, python in enumerate(pythons):
            report = soak(python, seconds, options.seed, lambda now, done=done: display.reach(done * seconds + min(now, seconds)))
            reports.append(report)
            console.print(in_words(report), markup=False)
    if options.json:
        rows, notes = [row_of(each)._asdict() for each in reports], [in_short(each) for each in reports if "end" in each]
        found = {"runs": reports, "rows": rows, "notes": notes}
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    return 1 if any(report["complaints"] for report in reports) else 0


def soak(python: str, seconds: float, seed: int, reach: Any) -> dict[str, Any]:
    """Runs it in one interpreter. "complaints" says what was not as it must be."""
    environment = {**os.environ, "PYTHONPATH": str(PACKAGE_PARENT), "LD_PRELOAD": str(BUILD / "fuzz" / "flaky.so")}
    samples: list[dict[str, Any]] = []
    with tempfile.TemporaryFile("w+") as errors:
        process = subprocess.Popen(
            [python, "-X", "faulthandler", str(PROGRAM), str(seconds), str(seed)],
            stdout=subprocess.PIPE,
            stderr=errors,
            env=environment,
            text=True,
            start_new_session=True,
        )
        # Whatever hangs says where, and is ended: by a signal to itself, for a read of its output would wait for it.
        deadline = time.monotonic() + seconds + GRACE
        watchdog = subprocess.Popen(["sh", "-c", f"sleep {seconds + GRACE}; kill -ABRT {process.pid}"], start_new_session=True)
        try:
            assert process.stdout is not None
            for line in process.stdout:
                samples.append(json.loads(line))
                reach(samples[-1].get("seconds", seconds))
            status = process.wait()
        finally:
            for each in (watchdog, process):
                if each.poll() is None:
                    os.killpg(each.pid, signal.SIGKILL)
                    each.wait()
        errors.seek(0)
        complaint = errors.read()[-5000:]
    complaints = [f"it hung: {complaint}" if time.monotonic() > deadline else f"it ended with {status}: {complaint}"] if status else []
    report = {"python": os.path.realpath(python), "seconds": seconds, "samples": samples, "complaints": complaints}
    if status == 0:
        end = samples.pop()
        slopes = {name: slope([(each["seconds"], each[name]) for each in samples]) for name in SLOPES}
        slopes["left_by_cpython"] = slopes.pop("failed_threads") * end["left_by_failed_thread"]
        report |= {"end": end, "slopes": slopes}
        report["complaints"] = judge(report)
    return report


def judge(report: dict[str, Any]) -> list[str]:
    end, stats = report["end"], report["end"]["stats"]
    accepted, ended = end["accepted"], end["ran"] + end["cancelled"]
    half = report["samples"][len(report["samples"]) // 2 :]
    minutes = (half[-1]["seconds"] - half[0]["seconds"]) / 60 if half else 0
    slopes = report["slopes"]
    growth = minutes * (slopes["resident"] - slopes["left_by_cpython"])
    kept = minutes * (slopes["allocated"] - slopes["left_by_cpython"])
    return [
        what
        for what, is_well in (
            (f"{accepted} tasks were accepted, {ended} ran or were cancelled", accepted == ended),
            (f"the pool says {stats}", stats["submitted"] == accepted == stats["completed"] + stats["cancelled"]),
            (f"{stats['threads']} workers are left", stats["threads"] <= 1),
            (f"{end['last']['threads']} threads are left", end["last"]["threads"] <= MOST_THREADS),
            (f"{end['last']['files']} files are open, {end['first']['files']} were", end["last"]["files"] <= end["first"]["files"]),
            (f"memory grew by {growth / 2**20:.1f} MiB in the second half", growth <= MOST_GROWTH),
            (f"{kept / 2**10:.0f} KiB more were allocated at the end of the second half", kept <= MOST_KEPT),
        )
        if not is_well
    ]


def slope(points: list[tuple[float, int]]) -> float:
    """Growth in a minute of the second half, by least squares; the first half is for pools of memory to fill."""
    points = points[len(points) // 2 :]
    if len(points) < 2:
        return 0.0
    mean_x, mean_y = (sum(values) / len(points) for values in zip(*points))
    return 60 * sum((x - mean_x) * (y - mean_y) for x, y in points) / (sum((x - mean_x) ** 2 for x, _ in points) or 1.0)


def in_words(report: dict[str, Any]) -> str:
    if "end" not in report:
        return f"FAILED  {report['python']}: {report['complaints'][0]}"
    end, slopes = report["end"], report["slopes"]
    lines = [
        f"{report['python']}, {report['seconds']:g} s: {end['accepted']:,} tasks accepted, {end['ran']:,} ran, "
        f"{end['cancelled']:,} cancelled, {end['accepted'] - end['ran'] - end['cancelled']} lost; {end['refused']:,} refused",
        f"  {end['failed_calls']:,} calls failed, {end['other_pools']:,} other pools came and went, "
        f"{end['stats']['threads_started']:,} threads started, {end['stats']['threads']} left",
        f"  files {end['first']['files']} -> {end['last']['files']}, memory {end['first']['resident'] / 2**20:.1f} -> "
        f"{end['last']['resident'] / 2**20:.1f} MiB",
        f"  a minute of the second half: memory {slopes['resident'] / 1024:+.0f} KiB, of malloc's {slopes['allocated'] / 1024:+.0f} KiB, "
        f"of which CPython's own {slopes['left_by_cpython'] / 1024:+.0f} KiB, {end['left_by_failed_thread']:.0f} bytes for each thread "
        f"that fails to start; Python's objects {slopes['objects']:+.0f}",
    ]
    return "\n".join(lines + [f"  FAILED: {complaint}" for complaint in report["complaints"]])


def row_of(report: dict[str, Any]) -> Row:
    """For the table: how often calls failed."""
    what = f"Python {name_of(report['python'])}, {report['seconds'] / 60:.3g} minutes: calls that failed"
    if "end" not in report:
        return Row("soak", what, name_of(report["python"]), 0, failed=1)
    end = report["end"]
    lost = end["accepted"] - end["ran"] - end["cancelled"]
    return Row("soak", what, name_of(report["python"]), end["failed_calls"], end["accepted"], max(0, lost), int(bool(report["complaints"])))


def in_short(report: dict[str, Any]) -> str:
    end, slopes = report["end"], report["slopes"]
    own = f", {slopes['left_by_cpython'] / 1024:.0f} of them CPython's own" if round(slopes["left_by_cpython"] / 1024) else ""
    return (
        f"soak, Python {name_of(report['python'])}: {end['stats']['threads']} of {end['stats']['threads_started']} workers left, "
        f"files {end['first']['files']} -> {end['last']['files']}; a minute of the second half: memory "
        f"{slopes['resident'] / 1024:+.0f} KiB, of malloc's {slopes['allocated'] / 1024:+.0f} KiB{own}"
    )


if __name__ == "__main__":
    leave(main)
