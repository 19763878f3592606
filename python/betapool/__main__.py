"""python -m betapool: what the package can say of itself and of this machine."""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
from typing import Any

import betapool
from betapool import _core

_EXAMPLES = """examples:
  python -m betapool info               versions, paths and limits
  python -m betapool info --json        the same for a program
  python -m betapool evaluate --quick   the paper's tables, measured on this machine
"""


def _info() -> dict[str, Any]:
    """Unknown values are None."""
    limits = _core.limits()
    gil_enabled = getattr(sys, "_is_gil_enabled", lambda: True)()
    return {
        "version": betapool.__version__,
        "library": betapool.get_library(),
        "python": platform.python_version(),
        "gil": gil_enabled,
        "policies": _core.policies(),
        "cores": limits["cores"],
        "memory": limits["memory"] or None,
        "threads": limits["threads"] or None,
    }


def _as_text(info: dict[str, Any]) -> str:
    memory = "unknown" if info["memory"] is None else f"{info['memory'] / 2**20:,.0f} MiB"
    rows = {
        "betapool": info["version"],
        "library": info["library"],
        "python": f"{info['python']}, {'with the GIL' if info['gil'] else 'free-threaded'}",
        "policies": ", ".join(info["policies"]),
        "cores": f"{info['cores']:g} by affinity and CPU quota",
        "memory": f"{memory} at most",
        "threads": "unknown" if info["threads"] is None else f"{info['threads']:,} at most",
    }
    return "\n".join(f"{name:<10}{value}" for name, value in rows.items())


def _evaluate(arguments: list[str]) -> int:
    try:
        tables = importlib.import_module("evaluation.paper_tables")
    except ModuleNotFoundError as error:
        sys.exit(f"error: the evaluation is not installed ({error}): pip install betapool-native[evaluate], or make evaluate in the source")
    return int(tables.main(arguments))


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m betapool",
        description="A thread pool that sizes itself from what its workers are really doing.",
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    info = commands.add_parser("info", help="versions, paths and the limits of this machine")
    info.add_argument("--json", action="store_true", help="print one JSON object; what is unknown is null")
    commands.add_parser("evaluate", help="the paper's evaluation, run again; its own --help says what it takes")
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] == ["evaluate"]:
        return _evaluate(arguments[1:])
    options = parser.parse_args(arguments)
    found = _info()
    print(json.dumps(found, indent=2) if options.json else _as_text(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
