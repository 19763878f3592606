"""Real text in an SQLite full-text index, and queries made from it.

The text is what the machine has: the language reference and the docstrings that come with the interpreter, then the README, NEWS and
other plain-text files under /usr/share/doc. Nothing is downloaded, nothing is generated.
"""

from __future__ import annotations

import contextlib
import gzip
import random
import re
import sqlite3
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PASSAGE_LENGTH = 400  # characters from which a run of paragraphs is a passage: about what retrieval systems index
LONGEST_PARAGRAPH = 1600  # longer ones are tables and listings
QUERY_WORDS = 5

WORD = re.compile(r"[^\W_]+")  # what FTS5's default tokenizer takes for a word


class Corpus(NamedTuple):
    passages: int
    documents: int
    characters: int


class Query(NamedTuple):
    text: str
    passage: int  # the passage its words were taken from, so that an answer can be judged


def require_fts5() -> None:
    try:
        with contextlib.closing(sqlite3.connect(":memory:")) as database:
            database.execute("CREATE VIRTUAL TABLE probe USING fts5(text)")
    except sqlite3.OperationalError as error:
        sys.exit(f"error: the SQLite {sqlite3.sqlite_version} of {sys.executable} has no FTS5 ({error}): use another Python")


def build_index(path: Path, limit: int) -> Corpus:
    """Writes at most `limit` passages into a new database, the same ones in the same order every time on one machine."""
    seen: set[str] = set()
    documents = characters = 0
    database = sqlite3.connect(str(path))
    # A temporary file that is written once: no journal to roll back, no need to reach the disk.
    database.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF")
    database.execute("CREATE VIRTUAL TABLE passages USING fts5(source UNINDEXED, text)")
    for source, text in _documents():
        if len(seen) == limit:
            break
        documents += 1
        for passage in _passages(text):
            if len(seen) < limit and passage not in seen:
                seen.add(passage)
                characters += len(passage)
                database.execute("INSERT INTO passages VALUES (?, ?)", (source, passage))
    database.commit()
    database.close()
    return Corpus(len(seen), documents, characters)


def make_queries(path: Path, count: int, seed: int) -> list[Query]:
    """Each query is a few words of one passage, picked at random; the same for the same seed."""
    pick = random.Random(seed)
    database = sqlite3.connect(str(path))
    passages = database.execute("SELECT rowid, text FROM passages").fetchall()
    database.close()
    queries = []
    while len(queries) < count:
        rowid, text = pick.choice(passages)
        words = sorted({word.lower() for word in WORD.findall(text) if len(word) > 3})
        if len(words) >= QUERY_WORDS:
            queries.append(Query(" ".join(pick.sample(words, QUERY_WORDS)), rowid))
    return queries


def _documents() -> Iterator[tuple[str, str]]:
    yield from _language_reference()
    yield from _docstrings()
    yield from _system_documentation()


def _language_reference() -> Iterator[tuple[str, str]]:
    try:
        from pydoc_data.topics import topics
    except ImportError:  # some distributions ship it apart
        return
    for name in sorted(topics):
        yield f"help({name!r})", topics[name]


def _docstrings() -> Iterator[tuple[str, str]]:
    library = Path(sysconfig.get_path("stdlib"))
    skipped = {"test", "tests", "idlelib", "lib2to3", "site-packages", "dist-packages", "pydoc_data"}
    for file in sorted(library.rglob("*.py")):
        source = file.relative_to(library)
        if skipped.isdisjoint(source.parts):
            # A pattern and not ast: it reads the whole library in a tenth of the time.
            yield str(source), "\n\n".join(re.findall(r'"""(.*?)"""', file.read_text("utf-8", "replace"), re.DOTALL))


def _system_documentation() -> Iterator[tuple[str, str]]:
    for file in sorted(Path("/usr/share/doc").rglob("*")):
        name = file.name[:-3] if file.suffix == ".gz" else file.name
        if name.startswith(("README", "NEWS", "FAQ")) or name.endswith((".txt", ".md", ".rst")):
            opener = gzip.open if file.suffix == ".gz" else open
            try:
                with opener(file, "rt", encoding="utf-8", errors="replace") as stream:
                    text = stream.read()
            except OSError:  # a dangling link, a directory, a file for others' eyes
                continue
            yield str(file), text


def _passages(text: str) -> Iterator[str]:
    """Joins paragraphs until there is enough for a passage; leaves out what is not prose."""
    passage = ""
    for paragraph in re.split(r"\n\s*\n", text):
        paragraph = " ".join(paragraph.split())
        if len(paragraph) > LONGEST_PARAGRAPH:
            continue
        passage = f"{passage} {paragraph}" if passage else paragraph
        if len(passage) >= PASSAGE_LENGTH:
            if sum(map(str.isalpha, passage)) > 0.6 * len(passage):
                yield passage
            passage = ""
