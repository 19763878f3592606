"""A thread pool executor that sizes itself from what its workers are really doing.

AdaptiveThreadPoolExecutor   takes the place of concurrent.futures.ThreadPoolExecutor
Controller                   the same decisions for programs that own their threads

plot                         what a pool decided, or what a profile has seen, as a picture

Times are seconds. "The paper" is arXiv 2601.10582, "Mitigating GIL Bottlenecks in Edge AI Systems".
"""

try:
    import betapool._core  # noqa: F401  (first, for the message below)
except ImportError as error:
    # A path, and a module that is not there, tell of files; an extension that was found and refuses speaks for itself.
    if isinstance(error, ModuleNotFoundError) or error.path:
        raise ImportError(
            f"betapool's extension cannot be loaded ({error}): run `make`, or reinstall the wheel for this interpreter"
        ) from None
    raise

from betapool._controller import Controller
from betapool._core import version as __version__
from betapool._executor import AdaptiveThreadPoolExecutor
from betapool._paths import get_include, get_library
from betapool._plot import plot
from betapool._records import Decision, PoolStats, TaskTimes, Times

__all__ = [
    "AdaptiveThreadPoolExecutor",
    "Controller",
    "Decision",
    "PoolStats",
    "TaskTimes",
    "Times",
    "__version__",
    "get_include",
    "get_library",
    "plot",
]
