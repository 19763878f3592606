"""tornado: run_on_executor in a handler, and run_in_executor of the loop."""

import asyncio

import pytest
from conftest import on_our_thread, square, squares

concurrent = pytest.importorskip("tornado.concurrent")
gen = pytest.importorskip("tornado.gen")
httpclient = pytest.importorskip("tornado.httpclient")
httpserver = pytest.importorskip("tornado.httpserver")
ioloop = pytest.importorskip("tornado.ioloop")
netutil = pytest.importorskip("tornado.netutil")
web = pytest.importorskip("tornado.web")


class Handler(web.RequestHandler):
    def initialize(self, executor):
        self.executor = executor

    @concurrent.run_on_executor
    def compute(self):
        return {"ours": on_our_thread(), "path": self.request.path}

    async def get(self):
        self.write(await self.compute())


def test_run_on_executor_in_a_handler(executor):
    async def main():
        server = httpserver.HTTPServer(web.Application([("/.*", Handler, {"executor": executor})]))
        (socket,) = netutil.bind_sockets(0, "127.0.0.1")
        server.add_socket(socket)
        client = httpclient.AsyncHTTPClient(force_instance=True)
        replies = await gen.multi([client.fetch(f"http://127.0.0.1:{socket.getsockname()[1]}/{number}") for number in range(20)])
        client.close()
        server.stop()
        await server.close_all_connections()
        return [web.escape.json_decode(reply.body) for reply in replies]

    assert asyncio.run(main()) == [{"ours": True, "path": f"/{number}"} for number in range(20)]


def test_run_in_executor(executor):
    async def main():
        loop = ioloop.IOLoop.current()
        given = await gen.multi([loop.run_in_executor(executor, square, number) for number in range(50)])
        loop.set_default_executor(executor)
        default = await gen.multi([loop.run_in_executor(None, square, number) for number in range(50)])
        return given, default

    assert asyncio.run(main()) == (squares(50), squares(50))
