"""A Python that runs already: whether one may look at it, where its GIL is, and how it lays out its structs."""

from __future__ import annotations

import os
import platform
import re
import struct
import sys
import sysconfig
from pathlib import Path
from typing import NamedTuple

from betapool import _core
from betapool._profile import elf, layouts


class RefusedError(Exception):
    """One line that says why the process cannot be looked at, and what to do."""


class Target(NamedTuple):
    process: int
    command: str
    python: str
    """Its version, as far as it is known."""
    gil: bool
    memory: tuple[int, int, dict[str, int]]
    """For a Survey: where _PyRuntime is, where the GIL is (0: there is none), and the layout."""


def open_target(process: int) -> Target:
    """RefusedError with the reason."""
    folder = Path(f"/proc/{process}")
    if not folder.exists():
        raise RefusedError(f"there is no process {process}")
    try:
        maps = (folder / "maps").read_text(encoding="utf-8", errors="replace")
        (folder / "syscall").read_bytes()
        memory = os.open(folder / "mem", os.O_RDONLY | os.O_CLOEXEC)
    except PermissionError:
        raise RefusedError(
            f"process {process} may not be looked at: be its user or root, and where /proc/sys/kernel/yama/ptrace_scope is 1, root"
        ) from None
    except (FileNotFoundError, ProcessLookupError):
        raise RefusedError(f"process {process} has ended, or this system has no /proc/PID/syscall") from None
    try:
        return _open(process, folder, maps, memory)
    except OSError as error:
        raise RefusedError(f"the memory of process {process} cannot be read: {error.strerror}") from None
    finally:
        os.close(memory)


def _open(process: int, folder: Path, maps: str, memory: int) -> Target:
    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    path, runtime, version_at = _find_runtime(process, folder, maps)
    told = {}
    data = os.pread(memory, layouts.TOLD_SIZE, runtime)
    if data.startswith(layouts.COOKIE):
        version = struct.unpack_from("<Q", data, 8)[0]
        told = layouts.told(data) if version >> 16 == 0x30D else {}
        is_free_threaded = struct.unpack_from("<Q", data, 16)[0] == 1
    else:
        version = struct.unpack("<Q", os.pread(memory, 8, version_at))[0] if version_at else _version_in(path)
        is_free_threaded = False
    name = f"{version >> 24}.{version >> 16 & 255}{'t' if is_free_threaded else ''}"
    layout = _layout(name)
    layout.update({key: value for key, value in told.items() if key in layout})
    patch = f".{version >> 8 & 255}" if version & 0xFFFF else ""
    python = f"{version >> 24}.{version >> 16 & 255}{patch}{' free-threaded' if is_free_threaded else ''}"
    gil = _gil(memory, runtime, layout, is_free_threaded)
    if gil is None:
        raise RefusedError(f"process {process} runs Python {python}, but its GIL is not where that version has it: it cannot be looked at")
    return Target(process, command, python, gil != 0, (runtime, gil, layout))


def _find_runtime(process: int, folder: Path, maps: str) -> tuple[str, int, int]:
    """The file that holds CPython, and the addresses of _PyRuntime and Py_Version (0: none, before 3.11)."""
    seen: set[str] = set()
    for line in maps.splitlines():
        match = re.match(r"([0-9a-f]+)-\S+ \S+ 0+ \S+ \d+\s+(/\S.*)", line)
        if match is None or match[2] in seen or not (len(seen) == 0 or "libpython" in match[2]):
            continue
        seen.add(match[2])
        file = folder / "exe" if len(seen) == 1 else Path(f"{folder}/root{match[2]}")
        try:
            found = elf.symbols(file, ("_PyRuntime", "Py_Version"))
        except (OSError, ValueError):
            continue
        if "_PyRuntime" in found:
            start = int(match[1], 16)
            return match[2], start + found["_PyRuntime"], start + found["Py_Version"] if "Py_Version" in found else 0
    raise RefusedError(f"process {process} is no CPython (no _PyRuntime in it), or its symbols were taken away")


def _version_in(path: str) -> int:
    """By the file's name, for versions that do not tell: as sys.hexversion, without the last two bytes."""
    match = re.search(r"python(3)\.(\d+)", path)
    if match is None:
        raise RefusedError(f"what version of Python {path} is cannot be told")
    return int(match[1]) << 24 | int(match[2]) << 16


def _layout(name: str) -> dict[str, int]:
    own = f"{sys.version_info[0]}.{sys.version_info[1]}{'t' if sysconfig.get_config_var('Py_GIL_DISABLED') else ''}"
    layout = dict(_core.own_memory()["layout"]) if name == own else layouts.known(name, platform.machine())
    if layout is None:
        raise RefusedError(f"it runs Python {name}, which this one ({own}) does not know from within: run `top` with a Python {name}")
    return layout


def _gil(memory: int, runtime: int, layout: dict[str, int], is_free_threaded: bool) -> int | None:
    """Its address; 0 if there is none, None if what is there cannot be a GIL."""

    def pointer(address: int) -> int:
        return int(struct.unpack("<Q", os.pread(memory, 8, address))[0])

    if layout["runtime_gil"] >= 0:
        gil = runtime + layout["runtime_gil"]
    else:
        gil = pointer(pointer(runtime + layout["runtime_interpreters"]) + layout["interpreter_gil"])
    data = os.pread(memory, layout["gil_size"], gil)
    (locked,) = struct.unpack_from("<i", data, layout["gil_locked"])
    (interval,) = struct.unpack_from("<Q", data, layout["gil_holder"] - 8)  # microseconds
    if is_free_threaded and struct.unpack_from("<i", data, 0)[0] == 0:
        return 0
    return gil if locked in (-1, 0, 1) and 1 <= interval < 10**9 else None


def running_pythons() -> list[tuple[int, str]]:
    """Processes that may be one, with their commands; this one is left out."""
    found = []
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        try:
            is_python = re.match(r"python3", os.path.basename(os.readlink(folder / "exe"))) or "libpython3" in (folder / "maps").read_text()
            if is_python:
                found.append((int(folder.name), (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()))
        except (OSError, UnicodeDecodeError):
            continue
    return sorted(found)
