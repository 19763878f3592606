"""python -m betapool: what the package can say of itself, of this machine, and of programs."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

_COMMANDS = {
    "info": ("betapool._profile.info", "versions, paths, limits, and what can be seen on this machine"),
    "profile": ("betapool._profile.command", "run a program and say what its threads wait for"),
    "top": ("betapool._profile.top", "the same, live, of a Python that runs already"),
    "evaluate": ("evaluation.paper_tables", "the paper's evaluation, run again"),
}

_USAGE = f"""usage: python -m betapool COMMAND [options]

A thread pool that sizes itself from what its workers are really doing.

commands (each has its own --help):
{chr(10).join(f"  {name:<10}{text}" for name, (_, text) in _COMMANDS.items())}

examples:
  python -m betapool info                    versions, paths and limits
  python -m betapool info --json             the same for a program
  python -m betapool profile crawler.py      what its threads wait for
  python -m betapool top 4711                the same of a running process
  python -m betapool evaluate --quick        the paper's tables, measured on this machine
"""


def main(arguments: list[str] | None = None) -> int:
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments[:1] in (["-h"], ["--help"]):
        print(_USAGE, end="")
        return 0
    if not arguments:
        print(f"{_USAGE}\nerror: a command is missing", file=sys.stderr)
        return 2
    if arguments[0] not in _COMMANDS:
        print(f"error: there is no command {arguments[0]}: give one of {', '.join(_COMMANDS)}", file=sys.stderr)
        return 2
    module, _ = _COMMANDS[arguments[0]]
    if arguments[0] == "evaluate":  # in a checkout it lies beside this package, installed in a folder of it
        sys.path.append(str(Path(__file__).with_name("_evaluation")))
    try:
        command = importlib.import_module(module)
    except ModuleNotFoundError as error:
        if arguments[0] != "evaluate":
            raise
        sys.exit(f"error: the evaluation lacks something ({error}): pip install betapool-native[evaluate], or make evaluate in the source")
    return int(command.main(arguments[1:]) or 0)


if __name__ == "__main__":
    sys.exit(main())
