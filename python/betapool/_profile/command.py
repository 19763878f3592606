"""python -m betapool profile: runs a program in this process, and says at its end what its threads waited for.

The program runs as it would by itself, in the main thread, and ends as it would: the report is an atexit handler, the first to be
registered and so the last to be called, when all threads that the interpreter waits for have ended and a traceback has been printed.
"""

from __future__ import annotations

import argparse
import atexit
import importlib.machinery
import importlib.util
import json
import os
import runpy
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from betapool._profile import session, text
from betapool._profile.arguments import Parser

_DESCRIPTION = """Runs a program and says what its threads wait for: a core, the GIL, a lock, I/O.

The program runs unchanged; a native thread that never needs the GIL looks at its threads 50 times a second. The report comes on standard
error when the program ends, by an exception, sys.exit(), Ctrl-C or SIGTERM too. os._exit() and exec leave none, and processes that the
program starts are not looked into."""

_EXAMPLES = """examples:
  python -m betapool profile crawler.py --depth 2              a script with its arguments
  python -m betapool profile -m pytest tests                   a module
  python -m betapool profile --html report.html crawler.py     with a picture over time
  python -m betapool profile --trace trace.json crawler.py     for ui.perfetto.dev
  timeout 60 python -m betapool profile server.py              a server, for a minute
"""


def make_parser() -> Parser:
    parser = Parser(
        "profile",
        usage="python -m betapool profile [options] (SCRIPT | -m MODULE) [argument ...]",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
    )
    parser.add_argument("-m", dest="module", metavar="MODULE", help="run a module as a script, like python -m")
    parser.add_argument("--json", metavar="FILE", help="write the profile as one JSON object; - for standard output")
    parser.add_argument("--html", metavar="FILE", help="write one page with a timeline of each group of threads")
    parser.add_argument("--trace", metavar="FILE", help="write a trace for chrome://tracing or ui.perfetto.dev")
    parser.add_argument("--rate", type=float, default=session.RATE, metavar="HZ", help="looks a second (default %(default)g)")
    parser.add_argument("--quiet", action="store_true", help="no summary on standard error")
    return parser


def split_arguments(arguments: list[str]) -> tuple[list[str], list[str]]:
    """Our own options, and the program with its arguments: whatever follows a script's or a module's name is the program's."""
    takes_value = {"--json", "--html", "--trace", "--rate"}
    position = 0
    while position < len(arguments):
        argument = arguments[position]
        if argument == "-m":
            return arguments[: position + 2], arguments[position + 2 :]
        if argument.startswith("-m") and len(argument) > 2:
            return arguments[: position + 1], arguments[position + 1 :]
        if argument == "--":
            return arguments[:position], arguments[position + 1 :]
        if not argument.startswith("-"):
            return arguments[:position], arguments[position:]
        position += 2 if argument in takes_value else 1
    return arguments, []


class _Report:
    def __init__(self, options: argparse.Namespace, command: str) -> None:
        self._options = options
        self._command = command
        self._process = os.getpid()
        self._folder = os.getcwd()
        self.session = session.Session(rate=options.rate)

    def write(self) -> None:
        """Called once, at exit. A child of a fork that comes here has nothing to report."""
        if os.getpid() != self._process:
            return
        profile = self.session.stop(self._command)
        options = self._options
        if not options.quiet:
            sys.stderr.write("\n")
            text.show(profile, sys.stderr)
        try:
            if options.json == "-":
                json.dump(profile.as_json(), sys.stdout)
                sys.stdout.write("\n")
                sys.stdout.flush()
            elif options.json:
                self._put(options.json, json.dumps(profile.as_json()))
            if options.html:
                from betapool._profile.html import as_html

                self._put(options.html, as_html(profile))
            if options.trace:
                from betapool._profile.trace import as_trace

                self._put(options.trace, json.dumps(as_trace(profile, self.session)))
        except OSError as error:
            print(f"error: the profile was not written: {error}", file=sys.stderr)

    def _put(self, name: str, content: str) -> None:
        """Where the name was given, wherever the program has gone since."""
        Path(self._folder, name).write_text(content, encoding="utf-8")


def _check_files(parser: Parser, options: argparse.Namespace) -> None:
    """Before the program runs for an hour."""
    for name in filter(None, (options.json if options.json != "-" else None, options.html, options.trace)):
        folder = Path(name).resolve().parent
        if Path(name).is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
            parser.error(f"{name} cannot be written: give a file in a folder that exists and that you may write to")


def _mistake_in(module: str) -> str | None:
    """Why python -m cannot run it. A package is not imported to find out: that belongs to its run."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None:
        return f"there is no module {module}: name one that python -m finds from here"
    if spec.origin == "built-in" or isinstance(spec.loader, importlib.machinery.ExtensionFileLoader):
        return f"{module} is not written in Python: name a module that is"
    folders = spec.submodule_search_locations
    if folders is not None and importlib.machinery.PathFinder.find_spec(f"{module}.__main__", list(folders)) is None:
        return f"{module} is a package without a __main__: name a module in it"
    return None


def _terminate(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def main(arguments: list[str]) -> None:
    parser = make_parser()
    own, program = split_arguments(arguments)
    options = parser.parse_args(own)
    if not 0.1 <= options.rate <= 10000:
        parser.error(f"--rate is {options.rate:g}: give 0.1 to 10000 looks a second")
    if options.module is None and not program:
        parser.error("no program was given: name a script, or a module after -m")
    _check_files(parser, options)
    run: Any
    if options.module is not None:
        command = " ".join(["python -m", options.module, *program])
        sys.argv = [options.module, *program]
        sys.path[0] = os.getcwd()
        if (mistake := _mistake_in(options.module)) is not None:
            parser.error(mistake)

        def run() -> None:
            runpy.run_module(options.module, run_name="__main__", alter_sys=True)

    else:
        script = program[0]
        command = " ".join(["python", *program])
        if not os.path.exists(script):
            parser.error(f"there is no file {script}")
        if os.path.isdir(script) and not os.path.exists(os.path.join(script, "__main__.py")):
            parser.error(f"{script} is a folder without a __main__.py")
        sys.argv = program
        sys.path[0] = os.path.dirname(os.path.realpath(script))

        def run() -> None:
            runpy.run_path(script, run_name="__main__")

    try:
        report = _Report(options, command)
    except OSError as error:
        sys.exit(f"error: the threads of this process cannot be seen here: {error}. Is /proc mounted?")
    atexit.register(report.write)
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, _terminate)
    report.session.start()
    run()
