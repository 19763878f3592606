"""Files that are made once and then read by every process that is measured."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Callable


def made_once(folder: Path, name: str, source: str, make: Callable[[Path], None]) -> Path:
    """The file, which is made if it is not there. Its name has a digest of the source code that makes it: changed code makes another."""
    stem, suffix = os.path.splitext(name)
    file = folder / f"{stem}-{hashlib.sha256(Path(source).read_bytes()).hexdigest()[:12]}{suffix}"
    if not file.exists():
        partial = file.with_name(f"{file.name}.{os.getpid()}.partial")
        partial.unlink(missing_ok=True)
        make(partial)
        partial.rename(file)  # there whole or not at all
    return file
