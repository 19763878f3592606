"""Gets the paper's own Python package, which has the name of this project's, into a folder aside."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from evaluation.children import environment, last_line
from evaluation.interpreters import Interpreter
from evaluation.strategies import REFERENCE_VERSION

SECONDS = 300


class Unavailable(Exception):
    """Says why."""


def install(interpreter: Interpreter, cache: Path) -> Path:
    """A folder to import it from, with what it depends on. Downloads it once."""
    folder = cache / f"betapool-{REFERENCE_VERSION}-python{interpreter.version}{'t' * interpreter.free_threaded}"
    if folder.exists():
        return folder
    partial = folder.with_name(folder.name + ".partial")
    requirement = f"betapool=={REFERENCE_VERSION}"
    pip = [sys.executable, "-m", "pip", "--python", interpreter.path, "--disable-pip-version-check", "--no-input", "--quiet"]
    try:
        done = subprocess.run(
            [*pip, "install", "--progress-bar=off", "--only-binary=:all:", "--upgrade", "--target", str(partial), requirement],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"pip took over {SECONDS} s for {requirement}") from None
    if done.returncode:
        raise Unavailable(f"pip could not install {requirement}: {last_line(done.stderr)}")
    partial.rename(folder)  # there whole or not at all
    return folder
