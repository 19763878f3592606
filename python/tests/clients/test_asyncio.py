"""asyncio, of the standard library: the loop's default executor, and one that is handed over."""

import asyncio
import contextvars

from conftest import on_our_thread, square, squares

from betapool import AdaptiveThreadPoolExecutor

request = contextvars.ContextVar("request")


def test_run_in_executor(executor):
    async def main():
        loop = asyncio.get_running_loop()
        return await asyncio.gather(*(loop.run_in_executor(executor, square, number) for number in range(200)))

    assert asyncio.run(main()) == squares(200)


def test_to_thread_with_the_default_executor():
    def handle():
        return request.get(), on_our_thread()

    async def main():
        asyncio.get_running_loop().set_default_executor(executor)
        request.set("of the caller")
        return await asyncio.to_thread(handle)

    executor = AdaptiveThreadPoolExecutor()
    assert asyncio.run(main()) == ("of the caller", True)  # run() shuts the default executor down


def test_names_are_looked_up_by_the_default_executor():
    async def main():
        loop = asyncio.get_running_loop()
        loop.set_default_executor(executor)
        return await loop.getaddrinfo("localhost", 80)

    executor = AdaptiveThreadPoolExecutor()
    assert asyncio.run(main())
    assert executor.stats().submitted == 1
