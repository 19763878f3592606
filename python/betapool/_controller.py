"""betapool.Controller."""

import functools
import inspect
from typing import Callable, TypeVar

from betapool import _core

_Result = TypeVar("_Result")


class Controller(_core.Controller):
    """Turns the CPU and wall times of tasks into thread counts, for programs that own their threads.

    Report each task (`report`, `task` or `instrument`), call `tick` every `interval` seconds with the length of the queue, and use as
    many threads as it says. With the policy 'paper' this is Algorithm 1 of the paper.

    min_threads, max_threads   limits of the thread count (N_min, N_max), 1 to 65536
    policy                     'fixed', 'paper', 'paper-io' or 'adaptive'
    beta_threshold             growth needs a blocking ratio above this, 0 to 1
    alpha                      weight of the newest interval in the mean, above 0 to 1
    hysteresis                 intervals of wanting to grow before growing (H), at least 1
    interval                   seconds between ticks, 0.001 to 3600

    Every method may be called from any thread. Raises ValueError and TypeError for arguments that are out of range or none.
    """

    __slots__ = ()

    def instrument(self, function: Callable[..., _Result]) -> Callable[..., _Result]:
        """Decorates a function so that each call of it is measured and reported (paper, section on instrumentation).

        For functions that do their work in the thread that calls them: TypeError for coroutine and generator functions, whose calls
        only make an object.
        """
        if inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
            raise TypeError(f"instrument takes a function that does its work when it is called, not {function!r}: use task() inside it")

        @functools.wraps(function)
        def measured(*args: object, **kwargs: object) -> _Result:
            with self.task():
                return function(*args, **kwargs)

        return measured

    async def to_thread(self, function: Callable[..., _Result], /, *args: object, **kwargs: object) -> _Result:
        """asyncio.to_thread, measured and reported: calls the function in the loop's default executor, in a copy of the context.

        What counts is the call, not the time that it waits for a thread. Errors are the function's; TypeError as for instrument.
        """
        import asyncio  # by those who have it already

        return await asyncio.to_thread(self.instrument(function), *args, **kwargs)
