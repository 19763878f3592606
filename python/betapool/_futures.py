"""What futures do in Python."""

from __future__ import annotations

from concurrent.futures import Future, _base
from typing import Any


def callback_failed(future: Future[Any], exception: Exception) -> None:
    """A function that was given to add_done_callback has raised."""
    _base.LOGGER.error("exception calling callback for %r", future, exc_info=exception)
