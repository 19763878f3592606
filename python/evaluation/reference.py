"""Gets other Python packages into folders aside: the paper's own, which has the name of this project's, those of other thread pools and the
libraries of workloads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from evaluation.children import environment, last_line
from evaluation.interpreters import Interpreter
from evaluation.peers import REFERENCE, Package

SECONDS = 300


class Unavailable(Exception):
    """Says why."""


def install(interpreter: Interpreter, cache: Path, package: Package = REFERENCE) -> Path:
    """A folder to import it from, with what it depends on. Downloads it once."""
    folder = cache / f"{package.name}-{package.version}-python{interpreter.version}{'t' * interpreter.free_threaded}"
    if folder.exists():
        return folder
    partial = folder.with_name(folder.name + ".partial")
    requirement = f"{package.name}=={package.version}"
    if package.built_with:
        tools = folder.with_name(folder.name + ".tools")
        pip(interpreter, tools, ["--only-binary=:all:", *package.built_with])
        pip(interpreter, partial, ["--no-build-isolation", requirement], tools)
    else:
        constraints = ["--constraint", str(package.constraints)] if package.constraints else []
        pip(interpreter, partial, ["--only-binary=:all:", *constraints, *["--no-deps"] * package.is_alone, requirement])
    partial.rename(folder)  # there whole or not at all
    return folder


def pip(interpreter: Interpreter, folder: Path, arguments: list[str], *packages: Path) -> None:
    """packages: folders that the build of a package imports from."""
    command = [sys.executable, "-m", "pip", "--python", interpreter.path, "--disable-pip-version-check", "--no-input", "--quiet"]
    requirement = arguments[-1]
    try:
        done = subprocess.run(
            [*command, "install", "--progress-bar=off", "--upgrade", "--target", str(folder), *arguments],
            env=environment(*packages),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"pip took over {SECONDS} s for {requirement}") from None
    if done.returncode:
        raise Unavailable(f"pip could not install {requirement}: {last_line(done.stderr)}")
