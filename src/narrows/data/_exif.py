"""EXIF inside TIFF: directories of their own that the first one points at; read whole, and written behind the file."""

from __future__ import annotations

import io
import struct
from typing import Any

POINTERS = (34665, 34853)
"""Tags that hold where the EXIF and GPS directories begin."""
_LONG = 4
"""TIFF's number for unsigned 32 bits."""
_DAMAGED = (struct.error, ValueError, TypeError, KeyError, OSError, SyntaxError, OverflowError)
"""What Pillow raises while it reads one (SyntaxError is its word for a broken file)."""


def read_directories(file: Any, page: Any) -> dict[int, Any]:
    """Pointer tag to what Pillow's `ImageFileDirectory_v2` loads there; nothing for those that are damaged."""
    from PIL import TiffImagePlugin

    wanted = {pointer: page.tags[pointer].valueoffset for pointer in POINTERS if pointer in page.tags}
    if not wanted:
        return {}
    file.filehandle.seek(0)
    data, found = file.filehandle.read(), {}
    for pointer, place in wanted.items():
        directory = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if file.is_bigtiff else 8])
        stream = io.BytesIO(data)
        stream.seek(place)
        try:
            directory.load(stream)
            _ = [directory[number] for number in list(directory)]  # decoded, so that it can be written elsewhere
        except _DAMAGED:  # costs its own content, never the picture
            continue
        found[pointer] = directory
    return found


def with_directories(data: bytes, directories: dict[int, Any], *, bigtiff: bool, byteorder: str) -> bytes:
    """A TIFF of one page with these directories behind it, and a first directory that points at them.

    The first directory is written anew, because tifffile writes no pointer tags; everything it refers to stays.
    """
    count_type, offset_type, size = ("Q", "Q", 20) if bigtiff else ("H", "I", 12)
    out, header = bytearray(data), 8 if bigtiff else 4
    (start,) = struct.unpack_from(byteorder + offset_type, out, header)
    (count,) = struct.unpack_from(byteorder + count_type, out, start)
    first = start + struct.calcsize(count_type)
    entries = [data[first + size * n : first + size * (n + 1)] for n in range(count)]
    for pointer, directory in directories.items():
        out += bytes(-len(out) % 8)  # directories begin at even places, in BigTIFF at multiples of 8
        entries.append(struct.pack(f"{byteorder}HH{offset_type}I", pointer, _LONG, 1, len(out)).ljust(size, b"\0"))
        out += directory.tobytes(len(out))
    out += bytes(-len(out) % 8)
    struct.pack_into(byteorder + offset_type, out, header, len(out))
    out += struct.pack(byteorder + count_type, len(entries))
    out += b"".join(sorted(entries, key=lambda entry: struct.unpack_from(byteorder + "H", entry)))
    return bytes(out + bytes(struct.calcsize(offset_type)))  # no directory after this one
