"""Who takes part in the benchmark of the native pool: the programs that `make bench-programs` makes of Tests/bench."""

from __future__ import annotations

from typing import NamedTuple


class NativePeer(NamedTuple):
    label: str
    meaning: str
    is_ours: bool = False
    """Not among those that it is held against."""


OURS = "betapool"
"""The one whose ratios the summary leads with."""
CONTROL = "empty"
"""Not a pool: a library with nothing in it."""

NATIVE_PEERS = {
    OURS: NativePeer("BetaPool", "policy fixed, so many workers", is_ours=True),
    "betapool-adaptive": NativePeer("BetaPool adaptive", "policy adaptive held at so many workers: what measuring costs", is_ours=True),
    "glib": NativePeer("GLib", "GThreadPool, exclusive"),
    "libuv": NativePeer("libuv", "uv_queue_work, a loop for each producer, UV_THREADPOOL_SIZE"),
    "tbb": NativePeer("oneTBB", "task_arena::enqueue, no place kept for the submitter"),
    "dispatch": NativePeer("libdispatch", "dispatch_async_f: a serial queue for one worker, the global queue for one a core"),
    "textbook": NativePeer("textbook", "one mutex, one condition variable, a ring (Tests/bench/peer_textbook.c)"),
}
"""In the order of the tables."""


def label(peer: str) -> str:
    return "empty .so" if peer == CONTROL else NATIVE_PEERS[peer].label
