"""The model service: a small HTTP server, in a process of its own, that turns texts into vectors.

It stands where an edge system has its model: on another board, another chip or another machine. The vectors are real (hashed TF-IDF,
quantised to one byte, as small embedding models do). Only the time that a model would need is a timer, because a model's size is not what
this example is about.

    POST /embed   {"texts": [...]}  ->  {"vectors": [[...], ...]}, after the delay
    GET  /usage                     ->  {"requests": ..., "cpu_seconds": ...}
"""

from __future__ import annotations

import asyncio
import http.client
import json
import math
import re
import sqlite3
import subprocess
import sys
import time
import zlib
from collections import Counter
from pathlib import Path

from rag_corpus import WORD

DIMENSIONS = 128
JITTER = 0.2  # the delay of a request lies within this share of the mean; which, its text decides: the same in every run
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class ModelService:
    """Starts the service, knows its port, ends it. The service also ends when its starter is gone: it watches its standard input."""

    def __init__(self, database: Path, delay: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(database), str(delay)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,  # Ctrl-C is the starter's to handle
        )
        try:
            line = self._process.stdout.readline()
            if not line:
                sys.exit("error: the model service did not start (its own message is above)")
            self.port = int(line)
        except BaseException:
            self.close()
            raise

    def usage(self) -> dict:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/usage")
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def close(self) -> None:
        self._process.stdin.close()
        try:
            self._process.wait(2)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def __enter__(self) -> ModelService:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class Embedder:
    """Text to a vector: each word adds its TF-IDF weight, with a sign, at a place that its hash says."""

    def __init__(self, database: Path) -> None:
        connection = sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)
        connection.execute("CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, passages, row)")
        (passages,) = connection.execute("SELECT count(*) FROM passages").fetchone()
        self._words = {}
        for word, found_in in connection.execute("SELECT term, doc FROM temp.vocabulary"):
            code = zlib.crc32(word.encode())
            weight = math.log(1 + passages / found_in)
            self._words[word] = (code % DIMENSIONS, weight if code & 0x80000000 else -weight)
        connection.close()

    def __call__(self, text: str) -> list[int]:
        vector = [0.0] * DIMENSIONS
        for word, count in Counter(WORD.findall(text.lower())).items():
            if word in self._words:
                place, weight = self._words[word]
                vector[place] += weight * (1 + math.log(count))
        scale = 127 / (max(map(abs, vector)) or 1)
        return [round(value * scale) for value in vector]


class Connection(asyncio.Protocol):
    """One client's connection, kept open between requests. A timer costs no thread: hundreds of requests may be under way."""

    requests = 0

    def __init__(self, embed: Embedder, delay: float) -> None:
        self._embed = embed
        self._delay = delay
        self._buffer = bytearray()

    def connection_made(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, blank, rest = self._buffer.partition(b"\r\n\r\n")
        if not blank:
            return
        field = CONTENT_LENGTH.search(head)
        length = int(field[1]) if field else 0
        if len(rest) < length:
            return
        del self._buffer[: len(head) + 4 + length]
        if head.startswith(b"POST /embed "):
            Connection.requests += 1
            body = bytes(rest[:length])
            vectors = [self._embed(text) for text in json.loads(body)["texts"]]
            chance = zlib.crc32(body) / 0xFFFFFFFF  # 0 to 1
            delay = self._delay * (1 + JITTER * (2 * chance - 1))
            asyncio.get_running_loop().call_later(delay, self._reply, "200 OK", {"vectors": vectors})
        elif head.startswith(b"GET /usage "):
            self._reply("200 OK", {"requests": Connection.requests, "cpu_seconds": time.process_time()})
        else:
            self._reply("404 Not Found", {"error": "POST /embed or GET /usage"})

    def _reply(self, status: str, answer: dict) -> None:
        body = json.dumps(answer, separators=(",", ":")).encode()
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        self._transport.write(head.encode() + body)


async def serve(database: Path, delay: float) -> None:
    loop = asyncio.get_running_loop()
    embed = Embedder(database)
    server = await loop.create_server(lambda: Connection(embed, delay), "127.0.0.1", 0, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    starter_gone = asyncio.Event()
    loop.add_reader(sys.stdin.fileno(), starter_gone.set)  # nothing is ever written to it: readable means closed
    await starter_gone.wait()
    server.close()


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1]), float(sys.argv[2])))
