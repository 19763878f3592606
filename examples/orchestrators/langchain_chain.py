#!/usr/bin/env python3
"""LangChain: a chain over tools that block, as a batch, awaited and not.

Awaited, runnables that block use the loop's default executor. `batch` and RunnableParallel make an executor for each call, of a class that
LangChain looks up in its own module; put in its place, ours runs them.
"""

import asyncio

from betapool import AdaptiveThreadPoolExecutor
from langchain_core.runnables import RunnableLambda, RunnableParallel, config
from langchain_core.tools import tool
from upstream import get, upstream

QUESTIONS = [f"question-{number}" for number in range(100)]


class ContextExecutor(config.ContextThreadPoolExecutor, AdaptiveThreadPoolExecutor):
    """LangChain's executor, which hands on the caller's context, with our threads."""

    started = 0

    def __exit__(self, *error):
        super().__exit__(*error)
        ContextExecutor.started += self.stats().threads_started


def chain(address):
    @tool
    def search(question: str) -> str:
        """Searches for an answer."""
        return get(f"{address}/search/{question}")["path"]

    @tool
    def weigh(question: str) -> int:
        """Says how long the question is."""
        return get(f"{address}/{question}")["length"]

    branches = RunnableParallel(found=search, length=weigh)
    return branches | RunnableLambda(lambda both: f"{both['found']} {both['length']}")


async def awaited(steps):
    pool = AdaptiveThreadPoolExecutor()
    asyncio.get_running_loop().set_default_executor(pool)
    return await steps.abatch(QUESTIONS), pool.stats()


def main():
    expected = [f"/search/{question} {len(question) + 1}" for question in QUESTIONS]
    with upstream() as address:
        steps = chain(address)
        answers, stats = asyncio.run(awaited(steps))
        assert answers == expected
        print(f"{len(answers)} answers awaited, {stats.completed} blocking calls: {stats.threads_started} threads")

        config.ContextThreadPoolExecutor = ContextExecutor
        assert steps.batch(QUESTIONS) == expected
        print(f"{len(expected)} answers of batch(), which makes an executor, and one for each answer: {ContextExecutor.started} threads")


if __name__ == "__main__":
    main()
