"""The HTTP service that workloads talk to, in a process of its own: it shares no GIL and no pool with what is measured.

GET /            is answered after SERVICE_SECONDS, for WORKERS clients at a time
GET /after/N     is answered after N microseconds, for everybody at once

python -m evaluation.services     prints the port it listens on; ends when its standard input closes
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator

import psutil

from evaluation import children
from evaluation.workloads import AFTER

WORKERS = 8
SERVICE_SECONDS = 0.020
REPLY = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"


class Connection(asyncio.Protocol):
    """A client's connection, kept open. Its requests for / stand in the one queue of all clients."""

    def __init__(self, requests: asyncio.Queue[asyncio.Transport]) -> None:
        self._requests = requests
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            path = self._buffer[:end].split(b" ", 2)[1].decode()
            del self._buffer[: end + 4]
            if path == "/":
                self._requests.put_nowait(self._transport)
            else:
                microseconds = int(path.removeprefix(AFTER))
                asyncio.get_running_loop().call_later(microseconds / 1e6, answer, self._transport)


def answer(transport: asyncio.Transport) -> None:
    if not transport.is_closing():
        transport.write(REPLY)


async def work(requests: asyncio.Queue[asyncio.Transport]) -> None:
    while True:
        transport = await requests.get()
        await asyncio.sleep(SERVICE_SECONDS)
        answer(transport)


async def serve() -> None:
    loop = asyncio.get_running_loop()
    requests: asyncio.Queue[asyncio.Transport] = asyncio.Queue()
    server = await loop.create_server(lambda: Connection(requests), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    starter_gone = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), starter_gone.set)  # nothing is ever written to it: readable means closed
    workers = [asyncio.create_task(work(requests)) for _ in range(WORKERS)]
    await starter_gone.wait()
    for worker in workers:
        worker.cancel()
    server.close()


class Service:
    def __init__(self, process: subprocess.Popen[bytes], port: int) -> None:
        self._process = psutil.Process(process.pid)
        self.port = port

    def cpu_seconds(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)


@contextlib.contextmanager
def upstream(cores: set[int]) -> Iterator[Service]:
    """The service while it runs, on the given cores: as far as can be not on those that are measured."""
    process = subprocess.Popen(
        [sys.executable, "-m", "evaluation.services"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=children.environment(),  # it is found wherever the harness is
        start_new_session=True,  # Ctrl-C is the starter's to handle
    )
    try:
        os.sched_setaffinity(process.pid, cores)
        assert process.stdout is not None and process.stdin is not None
        line = process.stdout.readline()
        if not line:
            raise RuntimeError("the upstream service did not start: its own message is above")
        yield Service(process, int(line))
    finally:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


if __name__ == "__main__":
    # Not epoll, which asyncio uses: its waits are whole milliseconds. select() takes 1024 files, more than the clients of any workload.
    with contextlib.closing(asyncio.SelectorEventLoop(selectors.SelectSelector())) as loop:
        loop.run_until_complete(serve())
