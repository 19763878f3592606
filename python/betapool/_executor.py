"""betapool.AdaptiveThreadPoolExecutor."""

from __future__ import annotations

import collections
import functools
import itertools
import threading
import time
import weakref
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures.thread import BrokenThreadPool
from typing import Any, Callable, TypeVar

from betapool import _core, _lifetime
from betapool._crew import Crew
from betapool._records import Decision, PoolStats, TaskTimes
from betapool._work_queue import WorkQueue

_Result = TypeVar("_Result")


class AdaptiveThreadPoolExecutor(_core.ExecutorBase, ThreadPoolExecutor):
    """A ThreadPoolExecutor whose thread count follows the work.

    Takes what concurrent.futures.ThreadPoolExecutor takes, and by name alone:

    min_workers      threads below which it does not go once they have started; default 1, or 4 with the paper's policies
    policy           'adaptive'; 'paper' is Algorithm 1 of the paper, 'paper-io' the same fed with measured wait states, 'fixed' always
                     allows max_workers
    interval         seconds between decisions, 0.001 to 3600; default 0.1, or 0.5 with the paper's policies
    on_decision      called in a thread of its own with each Decision that changes the thread count, and with the first that refuses growth.
                     Must return soon, for growth may wait for it; its exceptions go to sys.unraisablehook
    beta_threshold   growth needs a blocking ratio above this, 0 to 1; default 0.3
    alpha            weight of the newest interval in the mean, above 0 to 1; default 0.2
    hysteresis       intervals of wanting to grow before growing, at least 1; default 3

    max_queue        calls that may wait for a thread; default any number
    when_full        what submit() does when as many wait: 'wait' until there is room, or 'raise' queue.Full
    context          'copy' makes each call in a copy of the context (contextvars) that submitted it; by default a thread has one of its own

    timing           stats() has `queue_time` and `run_time`, how long calls waited and ran; some 40 ns a call
    on_task          called by a worker with TaskTimes after each call, before its result can be seen, if the executor is still there then;
                     its exceptions go to sys.unraisablehook. Implies timing; costs two readings of the CPU clock and itself

    The logger "betapool" hears of the same decisions in the same thread: of changes at INFO, of refused growth at DEBUG.

    max_workers is at most 65536, and by default as many as memory and thread limits bear, or 64 with the other policies. Every method may
    be called from any thread. Raises ValueError and TypeError for arguments that are out of range or none.
    """

    _counter = itertools.count().__next__
    _shutdown = False
    _preparation: tuple[Callable[..., object], tuple[Any, ...]] | None = None

    def __init__(
        self,
        max_workers: int | None = None,
        thread_name_prefix: str = "",
        initializer: Callable[..., object] | None = None,
        initargs: tuple[Any, ...] = (),
        *,
        min_workers: int | None = None,
        policy: str = "adaptive",
        interval: float | None = None,
        on_decision: Callable[[Decision], object] | None = None,
        beta_threshold: float | None = None,
        alpha: float | None = None,
        hysteresis: int | None = None,
        max_queue: int | None = None,
        when_full: str = "wait",
        context: str | None = None,
        timing: bool = False,
        on_task: Callable[[TaskTimes], object] | None = None,
    ) -> None:
        if initializer is not None and not callable(initializer):
            raise TypeError("initializer must be a callable")
        if on_decision is not None and not callable(on_decision):
            raise TypeError("on_decision must be a callable")
        if on_task is not None and not callable(on_task):
            raise TypeError("on_task must be a callable")
        if when_full not in ("wait", "raise"):
            raise ValueError(f"when_full must be 'wait' or 'raise', not {when_full!r}")
        if context not in (None, "copy"):
            raise ValueError(f"context must be 'copy' or None, not {context!r}")
        if initializer is not None:
            self._preparation = (initializer, initargs)
        self._on_decision = on_decision
        self._on_task = on_task
        self._shutdown_lock = threading.Lock()
        self._crew = Crew(self, thread_name_prefix or f"AdaptiveThreadPoolExecutor-{self._counter()}", initializer is not None)
        # Dropped without shutdown(), it takes the pool with it: what is queued still runs, then the threads end.
        self._pool = _core.Pool(
            self,
            self._crew,
            min_workers,
            max_workers,
            policy,
            interval,
            beta_threshold,
            alpha,
            hysteresis,
            on_decision is not None,
            max_queue,
            when_full == "raise",
            context == "copy",
            timing or on_task is not None,
            on_task is not None,
        )
        _lifetime.watch(self._pool)

    # Nothing of the base class's own state is used, so its __init__ is not called; libraries that look inside find these.

    @functools.cached_property
    def _work_queue(self) -> WorkQueue:  # type: ignore[override]
        return WorkQueue(self._pool)

    @property
    def _max_workers(self) -> int:  # type: ignore[override]
        return self._pool.stats().max_threads

    @property
    def _threads(self) -> set[threading.Thread]:  # type: ignore[override]
        return set(self._crew.threads)  # a copy: whoever goes through it, to join them say, must not see it shrink

    def _adjust_thread_count(self) -> None:
        """The pool does it."""

    @property
    def _initializer(self) -> Callable[..., object] | None:  # type: ignore[override]
        return self._preparation[0] if self._preparation else None

    @property
    def _initargs(self) -> tuple[Any, ...]:  # type: ignore[override]
        return self._preparation[1] if self._preparation else ()

    @property
    def _broken(self) -> str | bool:  # type: ignore[override]
        return self._crew.broken

    @property
    def _thread_name_prefix(self) -> str:  # type: ignore[override]
        return self._crew.prefix

    def _refusal(self) -> RuntimeError:
        """Why submit() takes no call."""
        if self._broken:
            return BrokenThreadPool(self._broken)
        if self._shutdown:
            return RuntimeError("cannot schedule new futures after shutdown")
        if _lifetime.interpreter_has_ended():
            return RuntimeError("cannot schedule new futures after interpreter shutdown")
        return RuntimeError("can't start new thread")

    def map(
        self,
        fn: Callable[..., _Result],
        *iterables: Iterable[Any],
        timeout: float | None = None,
        chunksize: int = 1,
        buffersize: int | None = None,
    ) -> Iterator[_Result]:
        """As map(fn, *iterables), but the calls are made by the pool: all of them submitted before this returns.

        timeout      seconds from now until the last result; the iterator raises TimeoutError then
        chunksize    has no effect: it is for processes
        buffersize   if given, no more calls than this are ahead of the results taken, and the iterables are read on as results are taken

        A call's exception is raised when its result is taken. What has not begun when the iterator ends is cancelled. Raises TypeError or
        ValueError for a buffersize that is no integer or below 1.
        """
        if buffersize is not None and not isinstance(buffersize, int):
            raise TypeError("buffersize must be an integer or None")
        if buffersize is not None and buffersize < 1:
            raise ValueError("buffersize must be None or > 0")
        deadline = None if timeout is None else timeout + time.monotonic()
        futures: collections.deque[Future[_Result]]
        if buffersize is None and iterables:
            futures = collections.deque(map(self.submit, itertools.repeat(fn), *iterables))
            return _results(futures, deadline)
        calls = zip(*iterables)
        futures = collections.deque(self.submit(fn, *args) for args in itertools.islice(calls, buffersize))
        return _results(futures, deadline, functools.partial(_submit_next, futures, fn, calls, weakref.ref(self)))

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Refuses further calls. Queued calls still run, or are cancelled. May be called again.

        wait             return when every thread has ended; RuntimeError in one of them
        cancel_futures   cancel the calls that have not begun
        """
        self._shutdown = True
        self._pool.shutdown(cancel_futures)
        if wait:
            self._crew.join(self._pool)

    def stats(self) -> PoolStats:
        """The pool at this moment."""
        return self._pool.stats()

    def decisions(self) -> list[Decision]:
        """The newest decisions, oldest first; the last 256 are kept."""
        return self._pool.decisions()


def _results(
    futures: collections.deque[Future[_Result]], deadline: float | None, submit_next: Callable[[], None] | None = None
) -> Iterator[_Result]:
    """The results of map(). Holds no reference to a result once it was taken, nor to the executor.

    A future is left where it is until its result is there: it may have to be cancelled. Then it must go, for its exception refers to this
    frame.
    """
    pop = futures.popleft
    try:
        if submit_next is None and deadline is None:
            while futures:
                yield (futures[0].result(), pop())[0]
        while futures:
            if submit_next is not None:
                submit_next()
            yield (futures[0].result(None if deadline is None else deadline - time.monotonic()), pop())[0]
    finally:
        while futures:
            pop().cancel()


def _submit_next(
    futures: collections.deque[Future[_Result]],
    fn: Callable[..., _Result],
    further: Iterator[tuple[Any, ...]],
    executor_reference: weakref.ref[AdaptiveThreadPoolExecutor],
) -> None:
    executor = executor_reference()
    args = next(further, None) if executor is not None else None
    if executor is not None and args is not None:
        futures.append(executor.submit(fn, *args))
