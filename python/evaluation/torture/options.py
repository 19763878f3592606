"""What the two commands, evaluation.torture and its soak, are asked alike."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from evaluation import interpreters
from evaluation.command import Parser, number

BUILD = Path(__file__).parents[3] / ".build"
USUAL = ["3.11", "3.13", "3.13t"]


def parser(name: str, description: str | None, examples: str) -> Parser:
    made = Parser(
        prog=f"python -m {name}",
        description=(description or "").split("\n")[0],
        epilog=examples,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    made.add_argument("--pythons", type=paths, metavar="A,B", help="by version or path (default: 3.11, 3.13 and 3.13t, if found)")
    made.add_argument("--seed", type=number(int, 0), default=1, help="where random numbers begin (default: %(default)s)")
    made.add_argument("--json", type=Path, metavar="FILE", help="also write what was found to a file")
    return made


def paths(text: str) -> list[str]:
    names = text.replace(",", " ").split()
    found = {name_of(path): path for path in interpreters.find([name for name in names if "/" not in name])}
    missing = [name for name in names if name not in found and not os.access(name, os.X_OK)]
    if missing or not names:
        raise argparse.ArgumentTypeError(f"there is no Python {missing[0] if missing else text!r}: name a version, as 3.13t, or a path")
    return [found.get(name, name) for name in names]


def usual() -> list[str]:
    """Those of the usual ones that are here."""
    return interpreters.find(USUAL) or [sys.executable]


def name_of(path: str) -> str:
    """'3.13t'"""
    return Path(os.path.realpath(path)).name.removeprefix("python")


def built(*names: str) -> list[Path]:
    """Programs of .build; ends the command if one is missing."""
    files = [BUILD / name for name in names]
    for file in files:
        if not file.exists():
            sys.exit(f"error: there is no {file.relative_to(BUILD.parent)}: `make torture ARGS=--help` builds it")
    return files
