#!/usr/bin/env python3
"""requests and pandas: pages fetched and parsed on one pool, with a connection per thread, and a table in the end."""

import threading

import pandas
import requests
from betapool import AdaptiveThreadPoolExecutor
from upstream import upstream

PAGES = 600
own = threading.local()


def connect():
    """For each thread, when it starts: a session keeps its connection open, and is not made for several threads."""
    own.session = requests.Session()
    own.session.trust_env = False  # loopback needs no proxy


def scrape(url):
    response = own.session.get(url, timeout=30)
    response.raise_for_status()
    return {"url": url, "status": response.status_code, **response.json(), "thread": threading.current_thread().name}


def main():
    with upstream() as address, AdaptiveThreadPoolExecutor(initializer=connect, thread_name_prefix="scrape") as pool:
        # buffersize: no more pages ahead than that, however long the list is
        rows = pool.map(scrape, (f"{address}/page/{number}" for number in range(PAGES)), buffersize=256)
        table = pandas.DataFrame(rows)
        threads = pool.stats().threads_started
    assert len(table) == PAGES and set(table.status) == {200}
    assert (table.length == table.path.str.len()).all()
    print(table.groupby("length").agg(pages=("url", "count"), threads=("thread", "nunique")))
    print(f"{PAGES} pages: {threads} threads")


if __name__ == "__main__":
    main()
