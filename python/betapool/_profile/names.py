"""The names of threads, which the kernel does not have before Python 3.14."""

from __future__ import annotations

import functools
import threading
from typing import Any


class ThreadNames:
    """Remembers how each thread was called, by the kernel's number of it. Threads say it themselves when they begin."""

    def __init__(self) -> None:
        self._names: dict[int, str] = {}
        self._original: Any = getattr(threading.Thread, "_set_native_id", None)

    def start(self) -> None:
        self.look()
        if self._original is None:
            return  # a Python that we do not know: those that are there when somebody looks

        @functools.wraps(self._original)
        def set_native_id(thread: threading.Thread) -> None:
            self._original(thread)
            if thread.native_id is not None:
                self._names[thread.native_id] = thread.name

        threading.Thread._set_native_id = set_native_id  # type: ignore[attr-defined]

    def stop(self) -> None:
        self.look()
        if self._original is not None:
            threading.Thread._set_native_id = self._original  # type: ignore[attr-defined]

    def look(self) -> None:
        """Takes the names of those that are alive, which may have changed."""
        for thread in threading.enumerate():
            if thread.native_id is not None:
                self._names[thread.native_id] = thread.name

    def get(self, number: int) -> str | None:
        return self._names.get(number)
