"""aiohttp: files, names and a handler's own blocking work go to the loop's default executor."""

import asyncio

import pytest
from conftest import on_our_thread

from betapool import AdaptiveThreadPoolExecutor

aiohttp = pytest.importorskip("aiohttp")
web = pytest.importorskip("aiohttp.web")


def test_server(tmp_path):
    file = tmp_path / "page.txt"
    file.write_text("a page")

    async def send_file(request):
        return web.FileResponse(file)

    async def compute(request):
        return web.json_response(await asyncio.to_thread(on_our_thread))

    async def main():
        asyncio.get_running_loop().set_default_executor(executor)
        application = web.Application()
        application.add_routes([web.get("/file", send_file), web.get("/compute", compute)])
        runner = web.AppRunner(application)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0]
        async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
            async with session.get("/file") as reply:
                text = await reply.text()
            calls = executor.stats().submitted
            async with session.get("/compute") as reply:
                ours = await reply.json()
        await runner.cleanup()
        return text, calls, ours

    executor = AdaptiveThreadPoolExecutor()
    text, calls, ours = asyncio.run(main())
    assert (text, ours) == ("a page", True)
    assert calls > 0  # opened, read and closed there
