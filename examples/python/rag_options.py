"""The command line of the retrieval example."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import Callable, NoReturn

EXAMPLES = """\
examples:
  rag_orchestrator.py                        all three executors, in less than a minute
  rag_orchestrator.py --quick                the same in about ten seconds
  rag_orchestrator.py --delay-ms 200         with a slower model
  rag_orchestrator.py --only betapool --policy paper --rounds 1
  rag_orchestrator.py --quick --json | python3 -m json.tool"""

MOST_ROUNDS = 5
# seconds: no round begins that would probably end later
FULL = {"seconds": 50, "queries": 800, "limit": 20, "passages": 6000}
QUICK = {"seconds": 9, "queries": 400, "limit": 6, "passages": 2000}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see --help)\n")  # one line: the usage is what --help is for


def parse(description: str, executors: Iterable[str]) -> argparse.Namespace:
    parser = Parser(description=description, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False)
    add = parser.add_argument
    add("--queries", type=_number(int, 1, 100_000), metavar="N", help=f"queries a round ({_default('queries')})")
    add("--rounds", type=_number(int, 1, 100), metavar="N", help=f"rounds (default: as many as fit into the time, at most {MOST_ROUNDS})")
    add("--limit", type=_number(float, 0.1, 3600), metavar="S", help=f"time limit of each trial, in seconds ({_default('limit')})")
    add("--delay-ms", type=_number(float, 0, 60_000), default=50, metavar="MS", help="mean time the model service takes (default: 50)")
    add("--passages", type=_number(int, 100, 1_000_000), metavar="N", help=f"passages to index, at most ({_default('passages')})")
    add("--seed", type=int, default=1, metavar="N", help="which queries (default: 1)")
    add("--only", action="append", choices=list(executors), help="run this executor alone; may be repeated")
    add("--policy", choices=("adaptive", "paper", "paper-io", "fixed"), default="adaptive", help="how BetaPool decides (default: adaptive)")
    add("--quick", action="store_true", help="a short run of about ten seconds")
    add("--json", action="store_true", help="the result as one JSON object on standard output, nothing else")
    options = parser.parse_args()
    defaults = QUICK if options.quick else FULL
    for name, value in defaults.items():
        if getattr(options, name, None) is None:
            setattr(options, name, value)
    return options


def _default(name: str) -> str:
    return f"default: {FULL[name]:g}; {QUICK[name]:g} with --quick"


def _number(kind: Callable[[str], float], least: float, most: float) -> Callable[[str], float]:
    def convert(text: str) -> float:
        value = kind(text)
        if not least <= value <= most:  # NaN is not either
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to {most:g}")
        return value

    convert.__name__ = "whole number" if kind is int else "number"  # for argparse's "invalid ... value"
    return convert
