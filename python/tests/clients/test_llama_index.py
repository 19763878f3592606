"""llama-index-core: synchronous tools, readers and workflow steps, which it runs in the loop's default executor."""

import asyncio

import pytest
from conftest import on_our_thread, square, squares

from betapool import AdaptiveThreadPoolExecutor

base = pytest.importorskip("llama_index.core.readers.base")
schema = pytest.importorskip("llama_index.core.schema")
tools = pytest.importorskip("llama_index.core.tools")
workflow = pytest.importorskip("llama_index.core.workflow")


def run(work):
    async def main():
        asyncio.get_running_loop().set_default_executor(AdaptiveThreadPoolExecutor())
        return await work()

    return asyncio.run(main())


def test_tools():
    async def agent():
        tool = tools.FunctionTool.from_defaults(square, name="square", description="Squares a number.")
        return await asyncio.gather(*(tool.acall(number=number) for number in range(20)))

    assert [output.raw_output for output in run(agent)] == squares(20)


class Reader(base.BaseReader):
    def load_data(self, source):
        return [schema.Document(text=source, metadata={"ours": on_our_thread()})]


def test_readers():
    async def load():
        return await Reader().aload_data("a text")

    (document,) = run(load)
    assert (document.text, document.metadata) == ("a text", {"ours": True})


class Squares(workflow.Workflow):
    @workflow.step
    def compute(self, event: workflow.StartEvent) -> workflow.StopEvent:
        return workflow.StopEvent(result=square(event.number))


def test_workflow_steps():
    async def flow():
        return await Squares(timeout=30).run(number=5)

    assert run(flow) == (25, True)
