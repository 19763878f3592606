"""Where a process has a symbol of one of its files: the few fields of ELF that say so."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from pathlib import Path

_DYNSYM, _SYMTAB, _LOAD = 11, 2, 1


def symbols(path: Path, wanted: Iterable[str]) -> dict[str, int]:
    """Addresses of those that the file defines, counted from where its first byte is loaded. ValueError if it is no 64-bit ELF file."""
    names = {name.encode() for name in wanted}
    with path.open("rb") as file:
        header = file.read(64)
        if header[:5] != b"\x7fELF\x02" or header[5] != 1:
            raise ValueError(f"{path} is no 64-bit ELF file")
        programs, sections = struct.unpack_from("<QQ", header, 32)
        program_size, program_count, section_size, section_count = struct.unpack_from("<HHHH", header, 54)
        file.seek(programs)
        table = file.read(program_size * program_count)
        loads = [struct.unpack_from("<IIQQ", table, index * program_size) for index in range(program_count)]
        base = min((address - offset for kind, _, offset, address in loads if kind == _LOAD), default=0)
        file.seek(sections)
        table = file.read(section_size * section_count)
        headers = [struct.unpack_from("<IIQQQQII", table, index * section_size) for index in range(section_count)]
        found: dict[str, int] = {}
        for kind in (_DYNSYM, _SYMTAB):
            for _, section_kind, _, _, offset, size, link, _ in headers:
                if section_kind == kind and link < len(headers) and len(found) < len(names):
                    file.seek(headers[link][4])
                    strings = file.read(headers[link][5])
                    file.seek(offset)
                    found.update(_find(file.read(size), strings, names, base))
    return found


def _find(table: bytes, strings: bytes, names: set[bytes], base: int) -> dict[str, int]:
    places = {start: name for name in names if (start := strings.find(b"\0" + name + b"\0") + 1) > 0}
    found = {}
    for text, _, _, section, value, _ in struct.iter_unpack("<IBBHQQ", table):
        if section != 0 and text in places:
            found[places[text].decode()] = value - base
    return found
