"""dask: the pool of the threaded scheduler, and the executor of a distributed worker."""

import pytest
from conftest import square, squares

dask = pytest.importorskip("dask")


def graph():
    """Squares, and the sum of them."""
    items = [dask.delayed(square)(number) for number in range(100)]
    return items, dask.delayed(lambda items: sum(value for value, _ in items))(items)


RESULT = (squares(100), sum(number * number for number in range(100)))


def test_pool_of_the_threaded_scheduler(executor):
    assert dask.compute(*graph(), scheduler="threads", pool=executor) == RESULT


def test_pool_in_the_configuration(executor):
    with dask.config.set(scheduler="threads", pool=executor):
        assert dask.compute(*graph()) == RESULT


def test_executor_as_the_scheduler(executor):
    assert dask.compute(*graph(), scheduler=executor) == RESULT


def test_executor_of_a_distributed_worker(executor):
    distributed = pytest.importorskip("distributed")
    in_process = {"n_workers": 1, "threads_per_worker": 4, "processes": False, "dashboard_address": None}
    with distributed.LocalCluster(**in_process, executor=executor) as cluster, distributed.Client(cluster) as client:
        assert client.gather(client.map(square, range(100))) == squares(100)
