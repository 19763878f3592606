"""What a retrieval orchestrator does for one query: search, ask the model, re-rank, answer.

The mix is the usual one on an edge board, a few milliseconds of CPU around a wait of tens of milliseconds. It knows nothing of executors:
any number of threads may call answer() at once.
"""

from __future__ import annotations

import http.client
import json
import math
import re
import sqlite3
import threading
from operator import mul
from pathlib import Path
from typing import Any, Callable, NamedTuple

from rag_corpus import WORD

CANDIDATES = 20  # passages that the search hands to the model


class Candidate(NamedTuple):
    passage: int
    source: str
    text: str
    rank: float  # BM25 as FTS5 gives it: below zero, the best candidate the lowest


class Pipeline:
    def __init__(self, database: Path, port: int) -> None:
        self._database = f"{database.as_uri()}?mode=ro&immutable=1"  # immutable: nobody writes, so no file locks
        self._port = port
        self._thread = threading.local()
        self._opened: list[sqlite3.Connection | http.client.HTTPConnection] = []

    def answer(self, query: str) -> str:
        """The sentence that answers best, as JSON."""
        candidates = self._search(query)  # works: SQLite, which lets go of the GIL in each step
        vectors = self._embed([query, *(candidate.text for candidate in candidates)])  # waits: the network and the model
        score, best = _best(candidates, vectors)  # works: pure Python
        sentence = _sentence(query, best.text)
        return json.dumps({"query": query, "passage": best.passage, "source": best.source, "score": round(score, 4), "answer": sentence})

    def _search(self, query: str) -> list[Candidate]:
        words = " OR ".join(f'"{word}"' for word in query.split())
        # rowid: passages that rank equal come in the same order in every thread.
        search = "SELECT rowid, source, text, rank FROM passages WHERE passages MATCH ? ORDER BY rank, rowid LIMIT ?"
        rows = self._mine("database", self._open_database).execute(search, (words, CANDIDATES))
        return [Candidate(*row) for row in rows]

    def _embed(self, texts: list[str]) -> list[list[int]]:
        model = self._mine("model", self._open_model)
        model.request("POST", "/embed", json.dumps({"texts": texts}), {"Content-Type": "application/json"})
        response = model.getresponse()
        body = response.read()
        if response.status != 200:
            raise OSError(f"the model service said {response.status} {response.reason}")
        return json.loads(body)["vectors"]

    def _mine(self, name: str, opener: Callable[[], Any]) -> Any:
        """The calling thread's own connection, opened when it first asks."""
        connection = getattr(self._thread, name, None)
        if connection is None:
            connection = opener()
            setattr(self._thread, name, connection)
            self._opened.append(connection)
        return connection

    def _open_database(self) -> sqlite3.Connection:
        # check_same_thread is off for close() alone, which comes from another thread when the workers are done.
        return sqlite3.connect(self._database, uri=True, check_same_thread=False)

    def _open_model(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)

    def close(self) -> None:
        while self._opened:
            self._opened.pop().close()

    def __enter__(self) -> Pipeline:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _best(candidates: list[Candidate], vectors: list[list[int]]) -> tuple[float, Candidate]:
    """Hybrid ranking: the mean of what the words say (BM25, as a share of the best) and what the vectors say (cosine)."""
    query, *others = vectors
    most = candidates[0].rank
    scores = [(candidate.rank / most + _cosine(query, vector)) / 2 for candidate, vector in zip(candidates, others)]
    score = max(scores)
    return score, candidates[scores.index(score)]  # the first of equals


def _cosine(a: list[int], b: list[int]) -> float:
    return sum(map(mul, a, b)) / (math.sqrt(sum(map(mul, a, a)) * sum(map(mul, b, b))) or 1)


def _sentence(query: str, text: str) -> str:
    """The sentence of a passage that shares most words with the query."""
    words = set(query.split())
    return max(re.split(r"(?<=[.!?:]) ", text), key=lambda sentence: len(words.intersection(WORD.findall(sentence.lower()))))
