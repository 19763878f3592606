"""Puts betapool in the place of the standard library's thread pool and its futures: in run.py, and in the programs that tests start."""

import functools
import sys
from concurrent import futures
from concurrent.futures import _base

from betapool import AdaptiveThreadPoolExecutor, _core


def use_executor(journal):
    """From now on concurrent.futures.ThreadPoolExecutor is betapool's. Each one that is made adds a line to the journal, a file."""
    initialize = AdaptiveThreadPoolExecutor.__init__

    @functools.wraps(initialize)
    def initialize_and_note(self, *args, **kwargs):
        initialize(self, *args, **kwargs)
        with open(journal, "a") as lines:
            lines.write("made\n")

    AdaptiveThreadPoolExecutor.__init__ = initialize_and_note
    futures.ThreadPoolExecutor = AdaptiveThreadPoolExecutor
    # The tests write programs that import an executor by the name of its class.
    futures.AdaptiveThreadPoolExecutor = AdaptiveThreadPoolExecutor


def use_future():
    """Test modules that are imported from now on make betapool's futures, where they make one themselves."""
    _base.Future = _core.Future


def prelude(journal):
    """What a program begins with that is to have betapool's executor. It needs no environment: the tests start Python isolated from it."""
    return f"import sys; sys.path[:0] = {sys.path!r}; import substitute; substitute.use_executor({journal!r}); del sys, substitute\n"
