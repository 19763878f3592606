"""Retrieval for generation: a request in JSON, SQLite's full text search and a vector search beside it, an answer in JSON.

The documents are the sentences of Python's own language reference, which every installation has. Their vectors are hashed words, weighted
by rarity: no trained model is needed for that.
"""

from __future__ import annotations

import json
import re
import sqlite3
import sys
import threading
import zlib
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from pydoc_data.topics import topics
from typing import Callable

import numpy as np

from evaluation.edge.kept import made_once
from evaluation.workloads import Setting

DIMENSIONS = 256
SHORTEST = 40
"""Characters of a sentence that says something."""
CANDIDATES = 20
"""That each of the two searches names."""
ANSWERS = 3
QUESTION = "what does a with statement call when its block raises an exception"


def passages() -> list[tuple[str, str]]:
    """Topic and text; a text that several topics have only once."""
    found: dict[str, str] = {}
    for topic, text in sorted(topics.items()):
        for paragraph in text.split("\n\n"):
            for sentence in re.split(r"(?<=[.:;]) ", " ".join(paragraph.split())):
                if len(sentence) >= SHORTEST:
                    found.setdefault(sentence, topic)
    return [(topic, text) for text, topic in found.items()]


def words(text: str) -> list[str]:
    return re.findall(r"[a-z0-9]+", text.lower())


def hashed(text: str) -> np.ndarray:
    """How often each word is there; words share places by their checksums."""
    vector = np.zeros(DIMENSIONS, np.float32)
    for word, count in Counter(words(text)).items():
        vector[zlib.crc32(word.encode()) % DIMENSIONS] += 1 + np.log(count)
    return vector


def unit(vectors: np.ndarray) -> np.ndarray:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def make_index(file: Path) -> None:
    """A database with all passages, in full text and as vectors."""
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("CREATE VIRTUAL TABLE passage USING fts5(topic UNINDEXED, text)")
        database.executemany("INSERT INTO passage (topic, text) VALUES (?, ?)", passages())
        database.execute("CREATE TABLE vector (number INTEGER PRIMARY KEY, hashed BLOB)")
        rows = database.execute("SELECT rowid, text FROM passage ORDER BY rowid").fetchall()
        database.executemany("INSERT INTO vector VALUES (?, ?)", ((number, hashed(text).tobytes()) for number, text in rows))


class Retriever:
    def __init__(self, file: Path) -> None:
        class Reader(threading.local):
            """A connection for each thread, as sqlite3 asks."""

            def __init__(self) -> None:
                self.database = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)

        self._reader = Reader()
        rows = self._reader.database.execute("SELECT number, hashed FROM vector ORDER BY number").fetchall()
        counts = np.frombuffer(b"".join(blob for _, blob in rows), np.float32).reshape(len(rows), DIMENSIONS)
        self._numbers = [number for number, _ in rows]
        self._rarity = np.log(len(rows) / (1 + (counts > 0).sum(axis=0, dtype=np.float32)))
        self._vectors = unit(counts * self._rarity)

    def __call__(self, request: str) -> str:
        """request: {"question": ...}; the answer has the best passages for it."""
        question = json.loads(request)["question"]
        scores: Counter[int] = Counter()
        for ranking in (self._by_words(question), self._by_vector(question)):
            for rank, number in enumerate(ranking):
                scores[number] += 1 / (60 + rank)  # reciprocal rank fusion, with the constant that is usual
        best = scores.most_common(ANSWERS)
        return json.dumps({"passages": [{**self._passage(number), "score": round(score, 5)} for number, score in best]})

    def _by_words(self, question: str) -> list[int]:
        wanted = " OR ".join(f'"{word}"' for word in words(question))
        query = "SELECT rowid FROM passage WHERE passage MATCH ? ORDER BY rank LIMIT ?"
        return [number for (number,) in self._reader.database.execute(query, (wanted, CANDIDATES))]

    def _by_vector(self, question: str) -> Iterable[int]:
        likeness = self._vectors @ unit(hashed(question) * self._rarity)
        nearest = np.argpartition(likeness, -CANDIDATES)[-CANDIDATES:]
        return (self._numbers[place] for place in nearest[np.argsort(-likeness[nearest], kind="stable")])

    def _passage(self, number: int) -> dict[str, str]:
        topic, text = self._reader.database.execute("SELECT topic, text FROM passage WHERE rowid = ?", (number,)).fetchone()
        return {"topic": topic, "text": text}


def index(folder: Path) -> Path:
    """The language reference is another in each version."""
    return made_once(folder, f"reference-{sys.version_info[0]}.{sys.version_info[1]}.{sys.version_info[2]}.sqlite", __file__, make_index)


def build(setting: Setting) -> Callable[[], str]:
    retriever, request = Retriever(index(Path(setting.cache))), json.dumps({"question": QUESTION})
    return lambda: retriever(request)
