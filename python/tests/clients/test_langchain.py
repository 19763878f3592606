"""langchain-core: branches and batches of runnables."""

import asyncio

import pytest
from conftest import square, squares

from betapool import AdaptiveThreadPoolExecutor

config = pytest.importorskip("langchain_core.runnables.config")
runnables = pytest.importorskip("langchain_core.runnables")

STEP = runnables.RunnableLambda(square)
BRANCHES = runnables.RunnableParallel({"a": STEP, "b": STEP, "c": STEP})
RESULT = {"a": (9, True), "b": (9, True), "c": (9, True)}


def test_asynchronous_calls_use_the_default_executor():
    async def main():
        asyncio.get_running_loop().set_default_executor(AdaptiveThreadPoolExecutor())
        return await BRANCHES.ainvoke(3), await STEP.abatch(list(range(20)))

    assert asyncio.run(main()) == (RESULT, squares(20))


class ContextExecutor(config.ContextThreadPoolExecutor, AdaptiveThreadPoolExecutor):
    """Langchain's own executor, which hands the caller's context on, but with our threads."""


def test_synchronous_calls(monkeypatch):
    # They make an executor for each call, and nothing in a configuration says of which class: the name is replaced where it is looked up.
    monkeypatch.setattr(config, "ContextThreadPoolExecutor", ContextExecutor)
    assert BRANCHES.invoke(3) == RESULT
    assert STEP.batch(list(range(20)), {"max_concurrency": 4}) == squares(20)
    assert {branch: result for chunk in BRANCHES.stream(3) for branch, result in chunk.items()} == RESULT
    assert sorted(STEP.batch_as_completed(list(range(20)))) == list(enumerate(squares(20)))
