"""What the native pool costs in C: BetaPool beside GLib, libuv, oneTBB, libdispatch, and a mutex with a condition variable.

Each cell (a bench, a peer, a round) is a process of its own: a program of Tests/bench. Within a round the peers of a bench take turns.
"""

from __future__ import annotations

import argparse
import contextlib
import time
from pathlib import Path
from typing import Callable, NamedTuple

from rich.console import Console

from evaluation import machine, native_programs, report
from evaluation.bench_report import form
from evaluation.children import DidNotFinish
from evaluation.command import Parser, carry_out, earlier_results, keep_previous, leave, names_of, number
from evaluation.native_benches import GROUPS, NativeBench, NativeSizes, benches, chosen
from evaluation.native_peers import CONTROL, NATIVE_PEERS, label
from evaluation.native_programs import CONTROL_LIBRARY, Library, Unavailable
from evaluation.native_report import Report
from evaluation.plan import turns
from evaluation.progress import Display, duration
from evaluation.results import NativeCell, Outcome, Results

EXAMPLES = """examples:
  make bench-native ARGS=--quick                                        all benches, one round
  python -m evaluation.native --only round-trip,idle-1-1 --rounds 9     a group, and one bench
  python -m evaluation.native --peers betapool,tbb                      those two alone
  python -m evaluation.native --from .build/native.jsonl --markdown     a dozen lines about an earlier run, for a document
"""
FULL = NativeSizes(seconds=0.15, tasks=100_000, counted=10_000, loads=21)
QUICK = NativeSizes(seconds=0.05, tasks=20_000, counted=5_000, loads=5)
ROUNDS = 5
START = 0.06
"""Seconds that a program takes beside what it measures."""
SPECIAL = {"instructions": 1.2, "rss": 0.2, "load": 0.1}
"""Seconds of a cell whose length is not chosen."""


class Plan(NamedTuple):
    """What is to be measured."""

    benches: dict[str, NativeBench]
    libraries: dict[str, Library]
    """By peer."""
    refused: dict[tuple[str, int], str]
    """Peers that cannot have so many workers, and why."""
    rounds: int
    sizes: NativeSizes
    core: int
    """On which another process computes."""

    def peers_of(self, bench: NativeBench) -> list[str]:
        if bench.group == "load":
            every = {library.path: peer for peer, library in reversed(self.libraries.items()) if library.path}  # the first of each path
            return [*reversed(every.values()), CONTROL]
        return [peer for peer in self.libraries if (peer, bench.workers) not in self.refused]

    def seconds_of(self, bench: NativeBench) -> float:
        """Estimated, for one peer."""
        return SPECIAL.get(bench.command, 1.2 * self.sizes.seconds + START)

    def turns(self) -> list[tuple[int, str]]:
        """Rounds, and the benches in each: those beside another process follow each other."""
        return [(number, name) for number in range(1, self.rounds + 1) for name in self.benches]

    @property
    def seconds(self) -> float:
        return sum(self.seconds_of(self.benches[name]) * len(self.peers_of(self.benches[name])) for _, name in self.turns())


def parse(arguments: list[str] | None) -> argparse.Namespace:
    every = list(benches([0], 1e9, FULL))
    parser = Parser(
        prog="python -m evaluation.native",
        description=__doc__,
        epilog=EXAMPLES
        + "\ngroups of benches:\n"
        + "".join(f"  {name:14}{meaning}\n" for name, meaning in GROUPS.items())
        + "\nbenches:\n  idle-PRODUCERS-WORKERS and so on: "
        + ", ".join(name for name in every if not name.startswith("loaded"))
        + "\n\npeers:\n"
        + "".join(f"  {name:19}{peer.label}: {peer.meaning}\n" for name, peer in NATIVE_PEERS.items()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add("--only", type=names_of([*GROUPS, *every]), default=list(GROUPS), metavar="A,B", help="groups or benches (default: all)")
    add("--peers", type=names_of(list(NATIVE_PEERS)), default=list(NATIVE_PEERS), metavar="A,B", help="which (default: all)")
    add("--rounds", type=number(int, 1), metavar="N", help=f"in which the peers take turns (default: {ROUNDS}; 1 with --quick)")
    add("--quick", action="store_true", help="one round with less to do, in 90 s or less")
    add("--json", type=Path, default=Path(".build/native.jsonl"), metavar="FILE", help="results, one JSON object a line (%(default)s)")
    add("--from", type=Path, dest="earlier", metavar="FILE", help="measure nothing: show the results that an earlier run wrote there")
    add("--markdown", action="store_true", help="a dozen lines as Markdown")
    options = parser.parse_args(arguments)
    if options.rounds is None:
        options.rounds = 1 if options.quick else ROUNDS
    return options


def run(options: argparse.Namespace, console: Console) -> None:
    sizes = QUICK if options.quick else FULL
    described = machine.describe()
    libraries, left_out = native_programs.who_takes_part([peer for peer in NATIVE_PEERS if peer in options.peers])
    if not libraries:
        raise ValueError("no program is there: make bench-native builds them")
    speed = native_programs.calibrate(next(iter(libraries)))
    wanted = chosen(benches(described["cores"], speed, sizes), options.only)
    if not native_programs.has_valgrind():
        wanted = {name: bench for name, bench in wanted.items() if bench.command != "instructions"}
        left_out.append("instructions left out: valgrind was not found, make bench-native installs it")
    refused = refusals(list(libraries), wanted)
    left_out += [f"{why}: left out of those benches" for why in dict.fromkeys(refused.values())]
    plan = Plan(wanted, libraries, refused, options.rounds, sizes, described["cores"][-1])
    keep_previous(options.json, console)
    results = Results(options.json, NativeCell)
    results.add_run(
        {
            "time": time.strftime("%Y-%m-%d %H:%M:%S %z"),
            "machine": described,
            "iterations_per_second": speed,
            "rounds": plan.rounds,
            "sizes": sizes._asdict(),
            "libraries": {peer: library._asdict() for peer, library in libraries.items()},
            "left_out": left_out,
        }
    )
    for text in (report.machine(results), *left_out, f"about {duration(plan.seconds)}; results go to {options.json}"):
        console.print(text, highlight=False, soft_wrap=True)
    try:
        with Display(console, plan.seconds, lambda outcomes: line(outcomes, plan)) as display:
            measure(plan, results, display)
    finally:  # Ctrl-C too: what was measured counts
        if results.outcomes:
            console.print()
            show(results, console, markdown=options.markdown)


def refusals(peers: list[str], wanted: dict[str, NativeBench]) -> dict[tuple[str, int], str]:
    counts = dict.fromkeys(bench.workers for bench in wanted.values())
    every = {(peer, workers): native_programs.refusal(peer, workers) for peer in peers for workers in counts}
    return {key: why for key, why in every.items() if why is not None}


def measure(plan: Plan, results: Results, display: Display) -> None:
    failed: set[tuple[str, str]] = set()
    with contextlib.ExitStack() as beside:
        others_cpu: Callable[[], float] | None = None
        for round_number, name in plan.turns():
            bench = plan.benches[name]
            if bench.is_loaded != (others_cpu is not None):
                beside.close()
                others_cpu = None
                if bench.is_loaded:
                    process = beside.enter_context(native_programs.busy(next(iter(plan.libraries)), plan.core))
                    others_cpu = lambda: sum(process.cpu_times()[:2])  # noqa: B023, E731 - the one of now
            peers = [peer for peer in turns(plan.peers_of(bench), round_number) if (name, peer) not in failed]
            display.begin(f"round {round_number}, {name}")
            outcomes = measure_turn(plan, name, peers, round_number, others_cpu or (lambda: 0.0))
            for outcome in outcomes:
                results.add(outcome)
                if outcome.values is None:
                    failed.add((name, outcome.cell.peer))
            display.end(outcomes, plan.seconds_of(bench) * len(peers))


def measure_turn(plan: Plan, name: str, peers: list[str], round_number: int, service_cpu: Callable[[], float]) -> list[Outcome]:
    """A bench, peer by peer. What others use of the machine meanwhile is known for all of them together: one is too short to tell."""
    observer = machine.Observer(service_cpu)
    measured: list[tuple[str, dict[str, float] | None, str | None]] = []
    for peer in peers:
        values, failure = None, None
        library = CONTROL_LIBRARY if peer == CONTROL else plan.libraries[peer]
        try:
            values = native_programs.measure(peer, plan.benches[name], library, plan.sizes)
        except (DidNotFinish, Unavailable) as error:
            failure = str(error)
        measured.append((peer, values, failure))
    seen = observer.end()
    return [
        Outcome(NativeCell(name, peer, round_number), values, failure, seen.load_average, seen.others, seen.stolen, seen.is_too_much)
        for peer, values, failure in measured
    ]


def line(outcomes: list[Outcome], plan: Plan) -> str:
    if not outcomes:
        return "nobody is left to be measured"
    cell, seen = outcomes[0].cell, outcomes[0]
    figure = next(iter(plan.benches[cell.bench].figures))
    said = [f"{label(each.cell.peer)} {form(each.values[figure]) if each.values else each.failure}" for each in outcomes]
    flag = f"  ! others used {seen.others:.2f} cores, {seen.stolen:.2f} stolen" if seen.disturbed else ""
    return f"round {cell.round}  {cell.bench:20}{', '.join(said)}{flag}"


def show(results: Results, console: Console, *, markdown: bool) -> None:
    run = results.runs[-1]
    made = Report(results, benches(run["machine"]["cores"], run["iterations_per_second"], NativeSizes(**run["sizes"])))
    if markdown:
        print(report.as_markdown([made.digest()], made.digest_notes()))
    else:
        report.draw(made.tables(), made.notes(), console)


def main(arguments: list[str] | None = None) -> int:
    options = parse(arguments)
    console = report.wide_console()
    if options.earlier:
        show(earlier_results(options.earlier, NativeCell), console, markdown=options.markdown)
        return 0
    return carry_out(lambda: run(options, console), console, f"what was measured is in {options.json}")


if __name__ == "__main__":
    leave(main)
