"""What the tests with other people's libraries share. Each runs a library as its documentation says, with our executor in it.

A library that could not be installed is skipped, and the summary says which (pytest.importorskip).
"""

import os
import threading

import pytest

from betapool import AdaptiveThreadPoolExecutor

# All servers are on loopback; a proxy that the environment names is not for them.
os.environ["no_proxy"] = os.environ["NO_PROXY"] = "127.0.0.1,localhost"


def is_ours(thread):
    """Whether a thread belongs to a pool: none of the tests gives its pool another name."""
    return thread.name.startswith("AdaptiveThreadPoolExecutor-")


def on_our_thread():
    """Whether the caller runs in a pool."""
    return is_ours(threading.current_thread())


def square(number):
    """What most tests have done: its square, and whether a pool did it."""
    return number * number, on_our_thread()


def squares(count):
    """What square() returns for 0, 1, 2... if all of it was done in a pool."""
    return [(number * number, True) for number in range(count)]


@pytest.fixture
def executor():
    with AdaptiveThreadPoolExecutor() as executor:
        yield executor


@pytest.fixture(autouse=True)
def no_thread_is_left():
    """Libraries keep threads of their own after a test. Of ours there is none: the test, or the library, has shut the pool down."""
    yield
    for thread in filter(is_ours, threading.enumerate()):
        thread.join(20)
        assert not thread.is_alive()
