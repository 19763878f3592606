"""python -m betapool: what the package can say of itself and of this machine."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from typing import Any

import betapool
from betapool import _core

_EXAMPLES = """examples:
  python -m betapool info          versions, paths and limits
  python -m betapool info --json   the same for a program
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
    options = parser.parse_args(arguments)
    found = _info()
    print(json.dumps(found, indent=2) if options.json else _as_text(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
