"""What the commands of the harness have in common: options, the file of results, and an end that leaves nothing behind."""

from __future__ import annotations

import argparse
import os
import signal
import sys
from pathlib import Path
from typing import Any, Callable, NoReturn

from rich.console import Console

from evaluation import children, interpreters
from evaluation.results import Results


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"error: {message} (see --help)\n")


def listed(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def names_of(known: list[str]) -> Any:
    def convert(text: str) -> list[str]:
        for name in listed(text):
            if name not in known:
                raise argparse.ArgumentTypeError(f"there is no {name!r}; there are {', '.join(known)}")
        return listed(text)

    return convert


def number(kind: type, least: float) -> Any:
    def convert(text: str) -> Any:
        value = kind(text)
        if not least <= value <= 100_000:  # NaN is not either
            raise argparse.ArgumentTypeError(f"{text} is not from {least:g} to 100000")
        return value

    convert.__name__ = "whole number" if kind is int else "number"  # for argparse's "invalid ... value"
    return convert


def earlier_results(path: Path, cell: type) -> Results:
    """What an earlier run wrote; ends the command if that is nothing of its kind."""
    try:
        results = Results(path, cell)
    except ValueError as error:
        sys.exit(f"error: {error}")
    if not results.outcomes:
        sys.exit(f"error: {path} has no results of this benchmark: name the --json file of a run")
    return results


def keep_previous(path: Path, console: Console) -> None:
    """A new run begins with a new file; what was there is kept beside it."""
    if path.exists():
        previous = path.with_name(path.name + ".previous")
        path.replace(previous)
        console.print(f"the results that were in {path} are now in {previous}", highlight=False, soft_wrap=True)


def cache_folder() -> Path:
    """Where .ci/ keeps what is made once, too."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(os.environ.get("BETAPOOL_CACHE") or Path(base, "betapool"), "evaluation").absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def stop(_number: int, _frame: object) -> None:
    for each in SIGNALS:
        signal.signal(each, signal.SIG_IGN)  # a second Ctrl-C must not cut the tidying up short
    raise KeyboardInterrupt


SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def carry_out(work: Callable[[], None], console: Console, when_stopped: str) -> int:
    """Works until it is done or a signal stops it; the status to exit with."""
    for each in SIGNALS:
        if signal.getsignal(each) != signal.SIG_IGN:  # nohup and background jobs ignore some
            signal.signal(each, stop)
    status = 0
    try:
        work()
    except BrokenPipeError:
        raise
    except (interpreters.Unusable, children.DidNotFinish, OSError, ValueError) as error:
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        console.print(f"\nstopped; {when_stopped}", highlight=False, soft_wrap=True)
        status = 130
        children.end_leftovers()  # the signal may have come while a process was being started, before anybody was there to end it
    left = children.end_leftovers()
    if left:
        console.print(f"error: these processes were left running, and are ended now: {', '.join(left)}", highlight=False, soft_wrap=True)
        status = 1
    return status


def leave(main: Callable[[], int]) -> NoReturn:
    """Ends the program with what main returns."""
    sys.exit(status_of(main))


def status_of(main: Callable[[], int]) -> int:
    try:
        return main()
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 1
