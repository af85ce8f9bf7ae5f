"""EXIF inside TIFF: directories of their own that the first one points at; read whole, and written behind the file."""

from __future__ import annotations

import io
import struct
from typing import Any

POINTERS = (34665, 34853)
"""Tags that hold where the EXIF and GPS directories begin."""


def read_directories(file: Any, page: Any) -> dict[int, Any]:
    """Pointer tag to what Pillow's `ImageFileDirectory_v2` loads there; nothing for those that are damaged."""
    from PIL import TiffImagePlugin

    wanted = {pointer: page.tags[pointer].valueoffset for pointer in POINTERS if pointer in page.tags}
    if not wanted:
        return {}
    file.filehandle.seek(0)
    data, found = file.filehandle.read(), {}
    for pointer, place in wanted.items():
        try:
            directory = TiffImagePlugin.ImageFileDirectory_v2(data[:16])
            stream = io.BytesIO(data)
            stream.seek(place)
            directory.load(stream)
            _ = [directory[number] for number in list(directory)]  # decoded, so that it can be written elsewhere
        except Exception:  # a damaged directory costs its own content, never the picture
            continue
        found[pointer] = directory
    return found


def with_directories(data: bytes, directories: dict[int, Any], *, bigtiff: bool, byteorder: str) -> bytes:
    """A TIFF whose pointer tags (4 bytes, written as 0) lead to these directories, behind everything else."""
    out = bytearray(data)
    start = struct.unpack_from(byteorder + ("Q" if bigtiff else "I"), out, 8 if bigtiff else 4)[0]
    count = struct.unpack_from(byteorder + ("Q" if bigtiff else "H"), out, start)[0]
    head, entry, value = (8, 20, 12) if bigtiff else (2, 12, 8)
    for number in range(count):
        place = start + head + entry * number
        directory = directories.get(struct.unpack_from(byteorder + "H", out, place)[0])
        if directory is not None:
            out += bytes(len(out) % 2)  # directories begin at even places
            struct.pack_into(byteorder + "I", out, place + value, len(out))
            out += directory.tobytes(len(out))
    return bytes(out)
