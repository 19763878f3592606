"""The Pythons that are measured."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from evaluation.children import PACKAGE_PARENT, environment, last_line

FINDER = PACKAGE_PARENT.parent / ".ci" / "pythons"
DEFAULTS = ("3.11", "3.13", "3.13t")

_DESCRIBE = """
import hashlib, json, platform, sys, sysconfig
from pathlib import Path
import betapool
from betapool import _core
free_threaded = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))
parts = (betapool.get_library(), _core.__file__)
print(json.dumps({
    "name": "%d.%d" % sys.version_info[:2] + "t" * free_threaded,
    "version": platform.python_version(),
    "path": sys.executable,
    "free_threaded": free_threaded,
    "build": hashlib.sha256(b"".join(Path(part).read_bytes() for part in parts)).hexdigest()[:12],
}))
"""


class Interpreter(NamedTuple):
    name: str
    """'3.11', '3.13t'"""
    version: str
    path: str
    free_threaded: bool
    build: str
    """Stands for the files of library and extension: figures of two builds are not compared."""

    @property
    def max_workers(self) -> int:
        """Free-threaded builds have taken over 15 minutes to start 256 threads of a static pool, so nobody is asked for as many."""
        return 128 if self.free_threaded else 256


class Unusable(Exception):
    """Says why, and the fix."""


def is_installed() -> bool:
    """From a wheel, which has betapool for one interpreter: nothing else can be measured."""
    return not FINDER.exists()


def copy_package(folder: Path) -> None:
    """betapool as it is now, so that a build that begins later does not change what is measured."""
    package = PACKAGE_PARENT.parent if is_installed() else PACKAGE_PARENT / "betapool"
    shutil.copytree(package, folder / "betapool", ignore=shutil.ignore_patterns("__pycache__", "_evaluation"))


def describe(path: str, packages: Path) -> Interpreter:
    """packages: where betapool is."""
    try:
        done = subprocess.run(
            [os.path.abspath(path), "-c", _DESCRIBE],
            cwd="/",  # as children.call
            env=environment(packages),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unusable(f"{path} does not run: {error}") from None
    if done.returncode:
        fix = "install it there" if is_installed() else f"build it with `make ext PYTHONS={path}`"
        raise Unusable(f"{path} cannot import betapool ({last_line(done.stderr)}): {fix}")
    return Interpreter(**json.loads(done.stdout))


def choose(wanted: list[str] | None, packages: Path, defaults: tuple[str, ...] = DEFAULTS) -> list[Interpreter]:
    """By version, '3.13t', or by path. If nothing is wanted, those of the defaults that are there."""
    if is_installed():
        wanted = wanted or [sys.executable]
    names = [name for name in wanted or defaults if "/" not in name]
    found = {interpreter.name: interpreter for interpreter in (describe(path, packages) for path in find(names))}
    missing = [name for name in names if name not in found]
    if wanted and missing:
        if is_installed():
            raise Unusable(f"betapool is installed for {sys.executable} alone: leave --pythons out, or install it there too")
        raise Unusable(f"no Python {', '.join(missing)} with headers was found: name its path, or see .ci/pythons")
    chosen = [describe(name, packages) if "/" in name else found.get(name) for name in wanted or defaults]
    if not any(chosen):
        raise Unusable(f"none of Python {', '.join(defaults)} was found: name one by its path with --pythons")
    return [interpreter for interpreter in chosen if interpreter is not None]


def find(names: list[str]) -> list[str]:
    """Paths of those interpreters, of all that the project is built for, that have such a name."""
    if not names or is_installed():
        return [sys.executable] if names else []
    paths = subprocess.run([str(FINDER)], stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout.split()
    return [path for path in paths if Path(path).name.removeprefix("python") in names]
