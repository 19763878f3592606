"""Where things lie in CPython's structs, by version: what survey.h calls a layout.

An extension knows those of the interpreter it was built for. These are for looking into another one, on x86-64; each was taken from a
build of that version, and a test holds the one of the interpreter that runs it against its headers. From 3.13 on the interpreter tells most
of it itself (_Py_DebugOffsets), and what it tells is what counts.
"""

from __future__ import annotations

import struct

FIELDS = (
    *("gil_size", "gil_locked", "gil_holder", "runtime_gil", "runtime_interpreters", "interpreter_gil", "interpreter_threads"),
    *("thread_next", "thread_native_id", "thread_frame", "cframe_frame", "frame_previous", "frame_code"),
    *("code_name", "code_filename", "string_length", "string_data"),
)
_X86_64 = {
    "3.9": (208, 16, 8, 352, 32, -1, 8, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1),
    "3.10": (208, 16, 8, 352, 32, -1, 8, 8, -1, -1, -1, -1, -1, -1, -1, -1, -1),
    "3.11": (208, 16, 8, 360, 40, -1, 16, 8, 160, 56, 8, 48, 32, 120, 112, 16, 48),
    "3.12": (208, 16, 8, -1, 40, 384, 72, 8, 144, 56, 0, 8, 0, 120, 112, 16, 40),
    "3.13": (208, 16, 8, -1, 632, 16, 7344, 8, 160, 72, -1, 8, 0, 120, 112, 16, 40),
    "3.13t": (216, 24, 16, -1, 632, 16, 7344, 8, 160, 72, -1, 8, 0, 136, 128, 32, 56),
}


def known(version: str, machine: str) -> dict[str, int] | None:
    """That of a version, as "3.13t"; None if nobody has looked."""
    offsets = _X86_64.get(version) if machine == "x86_64" else None
    return dict(zip(FIELDS, offsets)) if offsets is not None else None


# The beginning of 3.13's _Py_DebugOffsets: each name is that of a 64-bit number.
_TOLD = (
    *("cookie", "version", "free_threaded", "", "", "runtime_interpreters"),
    *("", "", "", "interpreter_threads", "", "", "", "", "interpreter_gil", "gil", "", "gil_locked", "gil_holder"),
    *("", "", "thread_next", "", "thread_frame", "", "thread_native_id", "", ""),
    *("", "frame_previous", "frame_code", "", "", ""),
    *("", "code_filename", "code_name", "", "", "", "", "", "", ""),
    *("", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", ""),
    *("", "", "string_length", "string_data"),
)
TOLD_SIZE = 8 * len(_TOLD)
COOKIE = b"xdebugpy"


def told(data: bytes) -> dict[str, int]:
    """What a 3.13 says of itself, with `version` (as sys.hexversion) and `free_threaded`."""
    found = {name: value for name, value in zip(_TOLD, struct.unpack(f"<{len(_TOLD)}Q", data)) if name}
    start = found.pop("gil")
    found["gil_locked"] -= start
    found["gil_holder"] -= start
    del found["cookie"]
    return found
