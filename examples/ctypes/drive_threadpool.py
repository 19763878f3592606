#!/usr/bin/env python3
"""Lets betapool's controller say how many threads of CPython's own ThreadPoolExecutor are at work.

Each job reads a real file, compresses and hashes it, and then waits for a service on the loopback interface that takes its time: CPU and
waiting, mixed, as in a program that calls another one. The executor is the standard library's, untouched: it starts a thread only when a
task comes and none is idle, so that a limit on the tasks handed to it is a limit on its threads, up and down.
"""

import argparse
import asyncio
import collections
import hashlib
import json
import math
import os
import socket
import sys
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor

from betapool_ctypes import BetaPoolError, Controller, limits, load

EXAMPLES = """examples:
  BETAPOOL_LIBRARY=.build/lib/libbetapool.so python3 examples/ctypes/drive_threadpool.py
  python3 drive_threadpool.py --library ./libbetapool.so --policy paper --jobs 200
  python3 drive_threadpool.py --delay 0 --json      no waiting: fewer threads are enough
"""


class Service:
    """Answers each line with the same line, `delay` seconds later; any number at a time."""

    def __init__(self, delay):
        self.delay = delay
        self.address = None
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), name="service", daemon=True)

    def __enter__(self):
        self._thread.start()
        self._ready.wait()
        if self.address is None:
            raise OSError("the service cannot listen on the loopback interface")
        return self

    def __exit__(self, *exception):
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self):
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            server = await asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=1024)
            self.address = server.sockets[0].getsockname()
        finally:
            self._ready.set()
        await self._stop.wait()
        server.close()

    async def _answer(self, reader, writer):
        line = await reader.readline()
        await asyncio.sleep(self.delay)
        writer.write(line)
        await writer.drain()
        writer.close()


class LimitedExecutor:
    """Hands tasks to an executor, as many at a time as the controller says, tells it what each used, and keeps the rest in a queue."""

    def __init__(self, executor, controller):
        self._executor, self._controller, self._limit = executor, controller, controller.threads
        self._lock = threading.Lock()
        self._queue = collections.deque()
        self._running = 0
        self._quiet = threading.Condition(self._lock)

    @property
    def queue_length(self):
        return len(self._queue)

    def submit(self, function, *arguments):
        with self._lock:
            self._queue.append((function, arguments))
        self._hand_out()

    def set_limit(self, limit):
        with self._lock:
            self._limit = limit
        self._hand_out()

    def wait(self, timeout):
        """Whether all tasks are done, after at most `timeout` seconds."""
        with self._quiet:
            return self._quiet.wait_for(lambda: not self._queue and not self._running, timeout)

    def cancel(self):
        with self._lock:
            self._queue.clear()

    def _hand_out(self):
        with self._lock:
            while self._queue and self._running < self._limit:
                function, arguments = self._queue.popleft()
                self._running += 1
                self._executor.submit(self._run, function, arguments)

    def _run(self, function, arguments):
        wall, cpu = time.perf_counter(), time.thread_time()
        try:
            with self._controller.watching():
                function(*arguments)
        finally:
            cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
            self._controller.report(min(cpu, wall), wall)
            with self._quiet:
                self._running -= 1
                self._quiet.notify_all()
            self._hand_out()


class Work:
    """The jobs, and what came of them."""

    def __init__(self, address):
        self.address = address
        self.done = self.bytes = self.compressed = 0
        self.errors = []
        self._lock = threading.Lock()

    def job(self, path):
        try:
            with open(path, "rb") as file:
                content = file.read(1 << 20)
            compressed = zlib.compress(content)
            digest = hashlib.sha256(compressed).hexdigest()
            self.ask(digest)
        except Exception as error:  # it would be lost in a future that nobody looks at
            with self._lock:
                self.errors.append(f"{path}: {error}")
            return
        with self._lock:
            self.done += 1
            self.bytes += len(content)
            self.compressed += len(compressed)

    def ask(self, digest):
        with socket.create_connection(self.address, timeout=30) as connection, connection.makefile("rw") as stream:
            stream.write(digest + "\n")
            stream.flush()
            if stream.readline() != digest + "\n":
                raise OSError("the service gave a wrong answer")


def source_files(count):
    """Files of the standard library: every Python has them. The same ones again if there are too few."""
    folder = os.path.dirname(os.__file__)
    files = sorted(entry.path for entry in os.scandir(folder) if entry.name.endswith(".py"))
    return [files[number % len(files)] for number in range(count)]


def show_progress(work, arguments, start, threads):
    if sys.stderr.isatty() and time.perf_counter() - start > 2:
        filled = 30 * work.done // arguments.jobs
        sys.stderr.write(f"\r\033[K[{'#' * filled:30}] {work.done} of {arguments.jobs} jobs, {threads} threads")
        sys.stderr.flush()


def run(controller, work, arguments):
    """All jobs, ticking while they run. What each tick decided, and the seconds it took."""
    paths = source_files(arguments.jobs)
    start = time.perf_counter()
    decisions = []
    with ThreadPoolExecutor(arguments.max_threads, thread_name_prefix="job") as executor:
        tasks = LimitedExecutor(executor, controller)
        try:
            for path in paths:
                tasks.submit(work.job, path)
            next_tick = arguments.interval
            while not tasks.wait(arguments.interval / 5):
                controller.sample()
                now = time.perf_counter() - start
                if now >= next_tick:
                    next_tick = now + arguments.interval
                    decision = controller.tick(now, tasks.queue_length)
                    tasks.set_limit(decision.threads)
                    decisions.append(controller.describe(decision))
                    show_progress(work, arguments, start, decision.threads)
        except KeyboardInterrupt:
            tasks.cancel()
            work.errors.append("interrupted")
    if sys.stderr.isatty():
        sys.stderr.write("\r\033[K")
    return decisions, time.perf_counter() - start


def print_report(report, decisions):
    for decision in decisions:
        if decision["threads"] != decision["threads_before"]:
            print("{time:6.2f} s  {queue_length:4} queued  {action:10}  {threads_before:2} -> {threads:2}  {reason}".format(**decision))
    print("{jobs} jobs, {megabytes} MB to {compressed_megabytes} MB in {seconds} s: {jobs_per_second} jobs/s".format(**report))
    print("policy {policy}: up to {most_threads} threads, {vetoes} vetoes, beta {beta}; Python {python}, {cores} cores".format(**report))


def parse(arguments):
    parser = argparse.ArgumentParser(description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--library", metavar="PATH", help="libbetapool.so; otherwise BETAPOOL_LIBRARY, otherwise the system's")
    parser.add_argument("--policy", default="adaptive", help="fixed, paper, paper-io or adaptive (default)")
    parser.add_argument("--max-threads", type=int, default=32, metavar="N", help="at most N threads (default 32)")
    parser.add_argument("--jobs", type=int, default=600, metavar="N", help="so many jobs (default 600)")
    parser.add_argument("--delay", type=float, default=0.03, metavar="S", help="the service takes S seconds (default 0.03)")
    parser.add_argument("--interval", type=float, default=0.1, metavar="S", help="a decision every S seconds (default 0.1)")
    parser.add_argument("--json", action="store_true", help="print the figures and all decisions as JSON")
    options = parser.parse_args(arguments)
    if options.jobs < 1:
        parser.error("--jobs must be at least 1")
    if not 0 <= options.delay <= 10:
        parser.error("--delay must be 0 to 10 seconds")
    if not 1 <= options.max_threads <= 1024:
        parser.error("--max-threads must be 1 to 1024")
    if not 0.001 <= options.interval <= 3600:
        parser.error("--interval must be 0.001 to 3600 seconds")
    return options


def main():
    options = parse(sys.argv[1:])
    try:
        library = load(options.library)
        controller = Controller(library, policy=options.policy, max_threads=options.max_threads, interval=options.interval)
        least = controller.threads
        with controller, Service(options.delay) as service:
            work = Work(service.address)
            decisions, seconds = run(controller, work, options)
            beta = controller.beta
    except (BetaPoolError, OSError) as error:
        sys.exit(f"drive_threadpool: {error}")
    report = {
        "jobs": work.done,
        "megabytes": round(work.bytes / 1e6, 1),
        "compressed_megabytes": round(work.compressed / 1e6, 1),
        "seconds": round(seconds, 2),
        "jobs_per_second": round(work.done / seconds),
        "policy": options.policy,
        "most_threads": max([least] + [decision["threads"] for decision in decisions]),
        "vetoes": sum(decision["action"] == "veto" for decision in decisions),
        "beta": None if math.isnan(beta) else round(beta, 2),
        "python": sys.version.split()[0],
        "cores": limits(library).cores,
        "errors": work.errors,
    }
    if options.json:
        print(json.dumps({**report, "decisions": decisions}))
    else:
        print_report(report, decisions)
    if work.done < options.jobs:
        first = work.errors[0] if work.errors else "the library refused to watch a thread"
        sys.exit(f"drive_threadpool: {options.jobs - work.done} of {options.jobs} jobs were not done: {first}")


if __name__ == "__main__":
    main()
