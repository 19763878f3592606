#!/usr/bin/env python3
"""LlamaIndex: a workflow that asks many blocking tools at once. They run in the loop's default executor: a BetaPool."""

import asyncio

from betapool import AdaptiveThreadPoolExecutor
from llama_index.core.tools import FunctionTool
from llama_index.core.workflow import Context, Event, StartEvent, StopEvent, Workflow, step
from upstream import get, upstream


class Answer(Event):
    length: int


class Survey(Workflow):
    """Asks the tool about each passage, and adds up what it says."""

    tool: FunctionTool

    @step
    async def ask(self, context: Context, event: StartEvent) -> Answer:
        outputs = await asyncio.gather(*(self.tool.acall(passage=passage) for passage in event.passages))
        return Answer(length=sum(output.raw_output for output in outputs))

    @step
    def report(self, event: Answer) -> StopEvent:  # a step that is no coroutine runs in the pool, too
        return StopEvent(result=event.length)


async def survey(address, passages, pool):
    def weigh(passage: str) -> int:
        """Says how long a passage is."""
        return get(f"{address}/{passage}")["length"]

    asyncio.get_running_loop().set_default_executor(pool)
    workflow = Survey(timeout=60)
    workflow.tool = FunctionTool.from_defaults(weigh)
    return await workflow.run(passages=passages)


def main():
    passages = [f"passage-{number}" for number in range(300)]
    pool = AdaptiveThreadPoolExecutor()
    with upstream() as address:
        length = asyncio.run(survey(address, passages, pool))
    assert length == sum(len(passage) + 1 for passage in passages)
    stats = pool.stats()
    print(f"{len(passages)} tool calls and {stats.completed - len(passages)} step: {stats.threads_started} threads")


if __name__ == "__main__":
    main()
