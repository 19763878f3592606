"""That what is measured as free-threaded is."""

from __future__ import annotations

import sys
import sysconfig


def require_no_gil() -> None:
    if sysconfig.get_config_var("Py_GIL_DISABLED") and sys._is_gil_enabled():  # type: ignore[attr-defined]
        raise RuntimeError("an extension module has turned the GIL on in this free-threaded interpreter: it must declare Py_mod_gil")
