"""What is soaked: one pool under a load that changes twice a second, beside pools that come and go, while calls fail at random.

Run by evaluation.torture.soak in an interpreter of its own, with Tests/fuzz/flaky.c preloaded. Prints a line of JSON a second, and one at
the end. Each task that runs is counted; what was accepted is compared with that.
"""

import _thread
import concurrent.futures
import contextlib
import ctypes
import gc
import itertools
import json
import os
import random
import sys
import threading
import time

from betapool import AdaptiveThreadPoolExecutor

THREADS = 32
"""Most of them: free-threaded builds take minutes to start hundreds that are runnable."""
FEWER_THREADS = 8
"""For a run of less than a minute: an idle pool halves its threads every 2 s."""
ONE_CALL_IN = 40
TROUBLE = (RuntimeError, MemoryError, OSError)
"""What submit raises when a thread or memory cannot be had."""


libc = ctypes.CDLL(None)
libc.flaky_begin.restype = libc.flaky_failed_threads.restype = ctypes.c_ulong


class MallocUse(ctypes.Structure):
    """glibc's struct mallinfo2."""

    _names = ("arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost")
    _fields_ = [(name, ctypes.c_size_t) for name in _names]


libc.mallinfo2.restype = MallocUse


def allocated():
    """Bytes that callers of malloc hold. Unlike resident memory, it says nothing of what glibc keeps for them."""
    use = libc.mallinfo2()
    return use.uordblks + use.hblkhd


class Soak:
    def __init__(self, seconds, seed):
        self.flaky = libc.flaky_begin
        self.chance = random.Random(seed)
        self.end = time.monotonic() + seconds
        self.pool = AdaptiveThreadPoolExecutor(THREADS if seconds >= 60 else FEWER_THREADS, min_workers=1, interval=0.02)
        self.accepted = self.refused = self.cancelled = self.pools = 0
        self.ran = itertools.count()  # counts in one step, with a GIL and without
        self.lock = threading.Lock()

    # Tasks

    def nothing(self):
        next(self.ran)

    def sleep(self):
        next(self.ran)
        time.sleep(random.random() * 0.004)

    def compute(self):
        next(self.ran)
        sum(range(2000))

    def fail(self):
        next(self.ran)
        raise LookupError

    def nest(self):
        next(self.ran)
        self.settle(self.submit(self.nothing, 3))

    # Load

    def submit(self, task, count):
        futures = []
        for _ in range(count):
            try:
                futures.append(self.pool.submit(task))
            except TROUBLE:
                with self.lock:
                    self.refused += 1
        with self.lock:
            self.accepted += len(futures)
        return futures

    def settle(self, futures):
        """Waits for futures, some of which were cancelled."""
        cancelled = 0
        for future in futures:
            try:
                future.result(120)
            except LookupError:
                pass
            except concurrent.futures.CancelledError:
                cancelled += 1
        with self.lock:
            self.cancelled += cancelled

    def load(self, seed, until):
        chance = random.Random(seed)
        while time.monotonic() < until:
            task = chance.choice([self.nothing, self.sleep, self.sleep, self.compute, self.fail, self.nest])
            # Those that wait for others are fewer than there are threads.
            futures = self.submit(task, 1 if task == self.nest else chance.choice([1, 5, 50, 500]))
            if chance.random() < 0.3:
                for future in futures[:: chance.randint(1, 4)]:
                    future.cancel()
            self.settle(futures)
            time.sleep(chance.choice([0, 0, 0.001, 0.02]))

    def use_other_pool(self):
        """A pool that lives for a moment."""
        self.pools += 1
        try:
            pool = AdaptiveThreadPoolExecutor(4, policy=self.chance.choice(["adaptive", "fixed", "paper"]))
        except TROUBLE:
            return
        done = []
        futures = []
        for number in range(20):
            try:
                futures.append(pool.submit(done.append, number))
            except TROUBLE:
                continue
        how = self.chance.randrange(3)
        pool.shutdown(wait=how == 0, cancel_futures=how == 1)
        pool.shutdown()
        assert len(done) + sum(future.cancelled() for future in futures) == len(futures)

    def phase(self):
        """Half a second of one kind of load, by as many producers as can be had."""
        until = min(self.end, time.monotonic() + 0.5)
        producers = []
        for _ in range(self.chance.choice([0, 1, 2, 4])):
            producer = threading.Thread(target=self.load, args=(self.chance.random(), until))
            producer.start()
            producers.append(producer)
        self.flaky(ONE_CALL_IN if self.chance.random() < 0.7 else 0)
        while time.monotonic() < until:
            self.use_other_pool()
            time.sleep(0.02)
        self.flaky(0)
        for producer in producers:
            producer.join()

    # The sum

    def rest(self):
        """Waits until the pool is as it is with nothing to do."""
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            stats = self.pool.stats()
            if stats.threads <= 1 and stats.queue_length == 0 and stats.running == 0:
                break
            time.sleep(0.05)
        return stats

    def measure(self):
        gc.collect()
        with open("/proc/self/statm") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")
        return {
            "resident": resident,
            "allocated": allocated(),
            "objects": sys.getallocatedblocks(),
            "failed_threads": libc.flaky_failed_threads(),
            "files": len(os.listdir("/proc/self/fd")),
            "threads": len(os.listdir("/proc/self/task")),
        }

    def left_by_failed_thread(self):
        """Bytes that CPython itself does not give back when a thread fails to start: its state, before 3.12.8 and 3.13.1 (gh-109746)."""
        self.flaky(1)
        for count in (100, 2000):  # the first ones fill what is kept for the next
            gc.collect()
            before = allocated()
            for _ in range(count):
                with contextlib.suppress(RuntimeError):
                    _thread.start_new_thread(print, ())
        gc.collect()
        self.flaky(0)
        return (allocated() - before) / count

    def run(self):
        self.settle(self.submit(self.nothing, 1))
        self.rest()
        first = self.measure()
        started = time.monotonic()
        said = 0.0
        while time.monotonic() < self.end:
            self.phase()
            if time.monotonic() - said >= 1:
                said = time.monotonic()
                print(json.dumps({"seconds": round(said - started, 1), "accepted": self.accepted, **self.measure()}), flush=True)
        stats = self.rest()
        last = self.measure()
        failed_calls = self.flaky(0)
        print(
            json.dumps(
                {
                    "accepted": self.accepted,
                    "ran": next(self.ran),
                    "cancelled": self.cancelled,
                    "refused": self.refused,
                    "failed_calls": failed_calls,
                    "other_pools": self.pools,
                    "stats": {
                        "submitted": stats.submitted,
                        "completed": stats.completed,
                        "cancelled": stats.cancelled,
                        "threads": stats.threads,
                        "threads_started": stats.threads_started,
                        "spawn_failures": stats.spawn_failures,
                    },
                    "first": first,
                    "last": last,
                    "left_by_failed_thread": self.left_by_failed_thread(),
                }
            ),
            flush=True,
        )


if __name__ == "__main__":
    Soak(float(sys.argv[1]), int(sys.argv[2])).run()
