"""python -m betapool top: what the threads of a Python that runs already wait for. It was started with nothing, and notices nothing."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

from betapool import _core
from betapool._profile import estimate, text
from betapool._profile.arguments import Parser
from betapool._profile.records import Profile, ThreadRecord
from betapool._profile.session import make_profile
from betapool._profile.target import RefusedError, Target, open_target, running_pythons

_RATE, _VISITS = 100.0, 32
_DESCRIPTION = """What the threads of a running Python wait for: a core, the GIL, a lock, I/O.

The process needs no preparation: CPython 3.9 to 3.13 on x86-64, any that is the version of this one elsewhere. Be its user or root. Threads
are named as the kernel has them or, if it does not tell them apart, by the function that they run."""
_EXAMPLES = """examples:
  python -m betapool top 4711                  live; Ctrl-C ends it
  python -m betapool top                       of the one Python that runs
  python -m betapool top --once 4711           one report, of two seconds
  python -m betapool top --once --json 4711    the same for a program
"""
_POOLS = {
    "thread.py:_worker": "ThreadPoolExecutor",
    "_crew.py:_work": "AdaptiveThreadPoolExecutor",
    "pool.py:worker": "multiprocessing.pool",
}


class Watch:
    """Looks at a process; each report is of the time since the last."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self._process_name = Path(f"/proc/{target.process}/comm").read_text(encoding="utf-8", errors="replace").rstrip("\n")
        self._survey = _core.Survey(target.process, target.memory, rate=_RATE, visits=_VISITS, roots=True)
        self._before: dict[tuple[int, float], ThreadRecord] = {}
        self._totals = {"seconds": 0.0, "gil_seen": 0.0, "gil_held": 0.0, "looks": 0, "cost": 0.0}
        self.is_over = False

    def start(self) -> None:
        self._survey.start()

    def stop(self) -> None:
        self._survey.stop()

    def report(self) -> Profile:
        totals = self._survey.totals()
        threads = [ThreadRecord(*fields) for fields in self._survey.threads()]
        self.is_over = totals["is_over"] or self._is_gone()
        changes = [self._since(thread) for thread in threads if thread.visits]
        self._before = {(thread.number, thread.first): thread for thread in threads if thread.is_alive}
        change = {name: totals[name] - before for name, before in self._totals.items()}
        self._totals = {name: totals[name] for name in self._totals}
        groups, total = estimate.make_groups([thread for thread in changes if sum(thread.seconds) > 0], self._name, change["seconds"])
        return make_profile(
            command=self.target.command,
            python=self.target.python,
            gil=self.target.gil,
            groups=groups,
            total=total,
            totals=change,
            cores=_core.limits()["cores"],
            timeline={"times": [], "groups": {}},
        )

    def _is_gone(self) -> bool:
        """Also if it has ended and its parent did not ask yet."""
        try:
            stat = Path(f"/proc/{self.target.process}/stat").read_text(encoding="utf-8", errors="replace")
        except OSError:
            return True
        return stat.rpartition(")")[2].split()[0] in "ZX"

    def _since(self, thread: ThreadRecord) -> ThreadRecord:
        before = self._before.get((thread.number, thread.first))
        if before is None:
            return thread
        return thread._replace(
            visits=thread.visits - before.visits,
            seconds=tuple(now - then for now, then in zip(thread.seconds, before.seconds)),
            span=thread.span - before.span,
            cpu=thread.cpu - before.cpu,
            queued=thread.queued - before.queued,
            awake_for_gil=thread.awake_for_gil - before.awake_for_gil,
            without_gil=thread.without_gil - before.without_gil,
        )

    def _name(self, thread: ThreadRecord) -> str:
        if thread.number == self.target.process:
            return "MainThread"
        if thread.name != self._process_name:
            return estimate.group_of(thread.name)
        return _POOLS.get(thread.root, thread.root) or thread.name


def _choose(parser: Parser) -> int:
    found = running_pythons()
    if len(found) == 1:
        return found[0][0]
    if not found:
        parser.error("no Python runs that can be seen: give the number of a process")
    lines = "\n".join(f"  {process:>8}  {command[:100]}" for process, command in found)
    print(f"Pythons that run:\n{lines}", file=sys.stderr)
    parser.error("more than one Python runs: give the number of one")


def main(arguments: list[str]) -> int:
    parser = Parser("top", description=_DESCRIPTION, epilog=_EXAMPLES)
    parser.add_argument("process", nargs="?", type=int, metavar="PID", help="the process; may be left out if one Python runs")
    parser.add_argument("--once", action="store_true", help="one report, and the end")
    parser.add_argument("--json", action="store_true", help="with --once: print one JSON object")
    parser.add_argument("--interval", type=float, metavar="SECONDS", help="what a report covers (default 1, with --once 2)")
    options = parser.parse_args(arguments)
    interval = options.interval if options.interval is not None else 2.0 if options.once else 1.0
    if not 0.05 <= interval <= 3600:
        parser.error(f"--interval is {interval:g}: give 0.05 to 3600 seconds")
    if options.json and not options.once:
        parser.error("--json goes with --once")
    process = options.process if options.process is not None else _choose(parser)
    try:
        watch = Watch(open_target(process))
    except (RefusedError, OSError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    watch.start()
    try:
        if options.once:
            time.sleep(interval)
            profile = watch.report()
            if options.json:
                print(json.dumps(profile.as_json()))
            else:
                print(_heading(watch))
                text.show(profile, sys.stdout)
        else:
            _live(watch, interval)
    except KeyboardInterrupt:
        return 130 if options.once else 0
    finally:
        watch.stop()
    return 0


def _heading(watch: Watch) -> str:
    return f"{watch.target.process}: {watch.target.command}"


def _live(watch: Watch, interval: float) -> None:
    try:
        from rich.console import Console, Group
        from rich.live import Live
        from rich.text import Text
    except ImportError:
        _plain(watch, interval)
        return
    console = Console(highlight=False)

    def screen(profile: Profile) -> Group:
        return Group(Text(_heading(watch), style="bold", no_wrap=True, overflow="ellipsis"), text.as_rich(profile))

    with Live(console=console, screen=True, auto_refresh=False, vertical_overflow="ellipsis") as live:
        live.update(Text(f"{_heading(watch)}\nlooking for {interval:g} s; Ctrl-C ends it"), refresh=True)
        while not watch.is_over:
            time.sleep(interval)
            profile = watch.report()
            if not watch.is_over:
                live.update(screen(profile), refresh=True)
    console.print(f"process {watch.target.process} has ended")


def _plain(watch: Watch, interval: float) -> None:
    """Report after report, without rich."""
    while not watch.is_over:
        time.sleep(interval)
        profile = watch.report()
        if not watch.is_over:
            print(f"{_heading(watch)}\n{text.as_text(profile)}\n", flush=True)
    print(f"process {watch.target.process} has ended")
