"""tqdm: a progress bar over an executor's map, and thread_map."""

import concurrent.futures
import io

import pytest
from conftest import square, squares

from betapool import AdaptiveThreadPoolExecutor

tqdm = pytest.importorskip("tqdm")


def test_bar_around_map(executor):
    output = io.StringIO()
    assert list(tqdm.tqdm(executor.map(square, range(100)), total=100, file=output)) == squares(100)
    assert "100/100" in output.getvalue()


def test_thread_map(monkeypatch):
    # It imports the class by this name each time it is called.
    monkeypatch.setattr(concurrent.futures, "ThreadPoolExecutor", AdaptiveThreadPoolExecutor)
    thread_map = pytest.importorskip("tqdm.contrib.concurrent").thread_map
    output = io.StringIO()
    assert thread_map(square, range(100), max_workers=8, file=output) == squares(100)
    assert "100/100" in output.getvalue()
