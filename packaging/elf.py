"""What an ELF library says of itself (System V ABI, "Object Files")."""

from __future__ import annotations

import re
import struct

_MAGIC = b"\x7fELF"
#: The size of an address, in bits, by `EI_CLASS`.
_CLASSES = {1: 32, 2: 64}


def is_elf(library: bytes) -> bool:
    """Whether the bytes are an ELF file."""
    return library.startswith(_MAGIC)


def section_sizes(library: bytes) -> dict[str, int]:
    """Return the sizes of the sections in bytes, by name. All machines of Linux wheels are little-endian."""
    wide = _CLASSES[library[4]] == 64  # noqa: PLR2004 - bits
    # Of the header e_shoff, and e_shentsize to e_shstrndx; of an entry sh_name to sh_size.
    (table,) = struct.unpack_from("<Q", library, 0x28) if wide else struct.unpack_from("<I", library, 0x20)
    entry_size, count, names_index = struct.unpack_from("<3H", library, 0x3A if wide else 0x2E)
    layout = "<II4Q" if wide else "<6I"
    entries = [struct.unpack_from(layout, library, table + entry_size * index) for index in range(count)]
    names = entries[names_index][4]

    def name(offset: int) -> str:
        start = names + offset
        return library[start : library.index(b"\0", start)].decode()

    return {name(offset): size for offset, *_, size in entries}


def glibc_versions(library: bytes) -> set[tuple[int, int]]:
    """Return the versions of glibc's symbols that the library asks for; with musl there are none."""
    found = re.findall(rb"\0GLIBC_(\d+)\.(\d+)(?:\.\d+)?(?=\0)", library)
    return {(int(major), int(minor)) for major, minor in found}
