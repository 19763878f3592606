"""Where the native half of betapool lies, for programs that link it."""

import sys
from pathlib import Path

from betapool import _core

_PACKAGE = Path(__file__).resolve().parent


def get_include() -> str:
    """The directory that holds betapool.h. FileNotFoundError if it was not installed."""
    # In a wheel, in a checkout, where a system's package has it.
    for directory in (_PACKAGE / "include", _PACKAGE.parent.parent / "include", Path(sys.base_prefix, "include")):
        if (directory / "betapool.h").is_file():
            return str(directory)
    raise FileNotFoundError("betapool.h is not beside the package: reinstall the wheel, or Debian's libbetapool-dev")


def get_library() -> str:
    """The path of the libbetapool that this process uses."""
    return str(Path(_core.library()).resolve())
