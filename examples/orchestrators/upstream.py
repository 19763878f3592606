"""The service that the programs in this folder talk to: HTTP, on loopback unless it is told otherwise, in a process of its own, each answer
after 50 ms.

GET /anything answers {"path": "/anything", "length": 9}.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator

SECONDS = 0.05


@contextlib.contextmanager
def upstream(host: str = "127.0.0.1") -> Iterator[str]:
    """Runs the service, and gives its address."""
    os.environ["no_proxy"] = os.environ["NO_PROXY"] = host  # a proxy that the environment names is not for it
    with subprocess.Popen([sys.executable, __file__, host], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin and process.stdout
        yield f"http://{host}:{int(process.stdout.readline())}"
        process.stdin.close()  # on which it ends


def get(url: str) -> dict[str, object]:
    """What a task does most of the time: it waits for an answer."""
    with urllib.request.urlopen(url, timeout=30) as response:
        return dict(json.load(response))


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError), contextlib.closing(writer):
        while True:
            request = await reader.readuntil(b"\r\n\r\n")
            path = request.split()[1].decode()
            await asyncio.sleep(SECONDS)
            body = json.dumps({"path": path, "length": len(path)}).encode()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            await writer.drain()


async def serve() -> None:
    server = await asyncio.start_server(answer, sys.argv[1], 0, backlog=1000)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(serve())
