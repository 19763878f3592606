"""The threads of an executor."""

from __future__ import annotations

import itertools
import logging
import sys
import threading
import time
import weakref
from concurrent.futures import Future, _base
from concurrent.futures.thread import BrokenThreadPool
from typing import TYPE_CHECKING, Any, Callable

from betapool._records import TaskTimes

if TYPE_CHECKING:
    from betapool import _core
    from betapool._executor import AdaptiveThreadPoolExecutor
    from betapool._records import Decision

    Initializer = tuple[Callable[..., object], tuple[Any, ...]]

FIRST_PAUSE, LONGEST_PAUSE = 0.01, 0.16
"""Seconds after a thread could not be started; each pause is twice the one before it, until one starts."""

_logger = logging.getLogger("betapool")


class Crew:
    """Starts the threads of one pool, joins them, and settles futures of calls that the pool gives up.

    A thread that serves holds the pool, the pool holds its crew, and the crew knows the executor by a weak reference alone: so an executor
    that is dropped without shutdown() is collected while its threads still work, even if its own initializer refers to it.
    """

    broken: str | bool = False
    _courier: threading.Thread | None = None
    _leaving_limit = 64
    """When there are more of them, those that have ended are forgotten."""
    _refused_until = 0.0
    _pause = 0.0

    def __init__(self, executor: AdaptiveThreadPoolExecutor, prefix: str, initializes: bool) -> None:
        self.threads: set[threading.Thread] = set()
        self.prefix = prefix
        self._executor = weakref.ref(executor)
        self._initializes = initializes
        self._leaving: set[threading.Thread] = set()
        self._joiners: list[threading.Lock] = []
        self._next_number = itertools.count().__next__

    # Threads

    def hire(self, pool: _core.Pool) -> BaseException | None:
        """Starts a worker. Called by the pool, in any of its threads; raises what Thread.start raises.

        Returns an exception, Ctrl-C, that came too late to keep the worker from beginning.

        Where the system refuses threads, those that there are go on alone for a while, at first FIRST_PAUSE: attempts cost time, and a
        Thread for each of very many fills the sets of the threading module, which CPython searches for ever if they are full and cannot
        grow.
        """
        if self.threads and time.monotonic() < self._refused_until:
            raise RuntimeError("can't start new thread: the system has just refused one")
        try:
            interruption = self._hire(pool)
        except Exception:
            self._pause = min(2 * self._pause or FIRST_PAUSE, LONGEST_PAUSE)
            self._refused_until = time.monotonic() + self._pause
            raise
        self._pause = 0.0
        return interruption

    def _hire(self, pool: _core.Pool) -> BaseException | None:
        first_task = [self._initializer()]
        name = f"{self.prefix}_{self._next_number()}"
        worker = threading.Thread(target=pool.work, name=name, args=(first_task,), daemon=False)
        try:
            self.threads.add(worker)
            return _start(worker, first_task)
        except BaseException:
            self._forget(worker)
            raise

    def start_courier(self, pool: _core.Pool) -> None:
        """Starts the thread that does what the pool's ticker wants of Python. Called by the pool before its first task."""
        first_task = [None]
        self._courier = threading.Thread(target=self._attend, name=f"{self.prefix}_courier", args=(pool, first_task), daemon=False)
        interruption = _start(self._courier, first_task)
        if interruption is not None:
            raise interruption

    def join(self, pool: _core.Pool) -> None:
        """Waits until no thread is left. For a pool that was shut down."""
        while True:
            self._wait_for_last()
            leaving = [*self._leaving]
            alive = [thread for thread in (*self.threads, *leaving, self._courier) if thread is not None and thread.is_alive()]
            for thread in alive:
                thread.join()
            self._leaving.difference_update(leaving)
            if not alive and pool.stats().threads == 0:
                return
            if not alive:
                time.sleep(0.001)  # one is about to begin

    def _wait_for_last(self) -> None:
        """Sleeps until the last of many workers leaves, so as not to be woken by each of them."""
        if len(self.threads) <= 2 or threading.current_thread() in self.threads:  # who would join itself is told so
            return
        gone = threading.Lock()
        gone.acquire()
        self._joiners.append(gone)
        # Looks now and then, for an exception raised in a worker from outside may have kept it from saying that it leaves.
        while any(thread.is_alive() for thread in list(self.threads)) and not gone.acquire(timeout=1):
            pass

    def forked(self, pool: _core.Pool) -> None:
        """Called in the child of a fork, where only the calling thread is left. It may be one of the workers."""
        self._leaving = set()
        self._joiners = []
        self._courier = None
        self.threads = {threading.current_thread()} if pool.forked() else set()

    def _initializer(self) -> Initializer | None:
        if not self._initializes:
            return None
        executor = self._executor()
        if executor is None:
            raise RuntimeError("the executor is gone, and the initializer of its threads with it")
        return executor._preparation

    def leave(self, pool: _core.Pool) -> None:
        """Called by a worker at its end."""
        worker = threading.current_thread()
        self._leaving.add(worker)
        self._forget(worker)
        if pool.is_over:
            # Whoever joins the workers of a pool that was shut down, by `_threads`, finds no thread of it left, unless it is being started.
            courier = None if self.threads else self._courier
            if courier is not None and courier.is_alive():
                courier.join()
        elif len(self._leaving) > self._leaving_limit:
            self._leaving.difference_update([thread for thread in list(self._leaving) if not thread.is_alive()])
            self._leaving_limit = 64 + 2 * len(self._leaving)

    def _forget(self, worker: threading.Thread) -> None:
        self.threads.discard(worker)
        if not self.threads:
            try:
                while True:
                    self._joiners.pop().release()
            except IndexError:
                pass

    def _attend(self, pool: _core.Pool, first_task: list[None]) -> None:
        """What the courier does."""
        try:
            first_task.pop()
        except IndexError:
            return
        pool.courier()

    def initialize(self, initializer: Initializer, pool: _core.Pool) -> bool:
        """Called by a worker at its start. Whether it may go on."""
        function, args = initializer
        try:
            function(*args)
        except BaseException:
            _base.LOGGER.critical("Exception in initializer:", exc_info=True)
            self.broken = "A thread initializer failed, the thread pool is not usable anymore"
            pool.break_()
            return False
        return True

    def checkpoint(self) -> None:
        """Called by a worker between tasks: the interpreter looks whether others wait for the GIL, as it does in Python code alone."""

    # Decisions

    def listeners(self) -> list[Callable[[Decision], object]]:
        """Who wants to hear of decisions. Asked for each: the level of the logger may be set at any time."""
        executor = self._executor()
        on_decision = None if executor is None else executor._on_decision
        listeners = [] if on_decision is None else [on_decision]
        return [self._log, *listeners] if _logger.isEnabledFor(logging.INFO) else listeners

    def _log(self, decision: Decision) -> None:
        if decision.action == "veto":
            _logger.debug("%s stays at %d threads: %s", self.prefix, decision.threads, decision.reason)
        else:
            _logger.info("%s goes from %d to %d threads: %s", self.prefix, decision.threads_before, decision.threads, decision.reason)

    # Tasks

    def tell_task(self, function: Callable[..., object], queue_time: float, wall_time: float, cpu_time: float) -> None:
        """Called by a worker after a call, if somebody wants to hear of each."""
        executor = self._executor()
        on_task = None if executor is None else executor._on_task
        del executor  # not to be kept alive by a callback that takes long
        if on_task is not None:
            on_task(TaskTimes(function, queue_time, wall_time, cpu_time))

    # Futures

    def cancel_future(self, future: Future[Any]) -> None:
        """The pool was shut down, and what it had queued was to be cancelled."""
        if future.cancel():
            future.set_running_or_notify_cancel()  # else who waits in wait() or as_completed() is not told

    def break_future(self, future: Future[Any]) -> None:
        """An initializer has failed."""
        if future.set_running_or_notify_cancel():
            future.set_exception(BrokenThreadPool(self.broken))

    def disown_future(self, future: _core.Future[Any]) -> None:
        """In the child of a fork: it is the parent that makes the call, and that tells those who wait for the future, and its callbacks.

        Any lock may have been held by a thread that does not exist here, so none is touched.
        """
        future._disown()

    def task_failed(self, exception: BaseException) -> None:
        """A future refused what its worker brought: somebody else has resolved it."""
        _base.LOGGER.critical("Exception in worker", exc_info=exception)


def _start(thread: threading.Thread, first_task: list[Any]) -> BaseException | None:
    """Starts a thread that takes its first task off the list. Ctrl-C may strike while this waits for it to begin.

    Then whoever is first has the task: if it is the thread, it goes on, and the exception is returned; else it ends at once.
    """
    handled = sys.exc_info()[1]
    try:
        thread.start()
    except BaseException as error:
        # Within its wait CPython may have given up a lock that it gives up again on the way out: then that error hides the Ctrl-C.
        hidden = error.__context__ if isinstance(error, RuntimeError) and error.__context__ is not handled else None
        interruption = error if hidden is None or isinstance(hidden, Exception) else hidden
        try:
            first_task.pop()
        except IndexError:
            return interruption
        if not isinstance(interruption, Exception):
            _see_it_begin(thread)
        if interruption is not error:
            raise interruption from None
        raise
    return None


def _see_it_begin(thread: threading.Thread) -> None:
    """Waits for a thread whose start was interrupted, if there is one: an interpreter that ends before it begins takes its state away."""
    deadline = time.monotonic() + 1  # it may not have been made
    while thread in threading._limbo and time.monotonic() < deadline:  # type: ignore[attr-defined]
        time.sleep(0.001)
