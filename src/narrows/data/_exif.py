"""EXIF that is true of the picture it travels with: its size and thumbnail; and EXIF inside TIFF.

In JPEG, PNG and WebP the block stays byte for byte, since makers' notes count bytes from its beginning; only sizes and
thumbnail are written over in their places. In TIFF it is directories of their own that the first one points at: they
are read whole, and written behind the file.
"""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np

PREFIX = b"Exif\0\0"
"""What Pillow and JPEG write before EXIF, and PNG and WebP do not."""
_EXIF_DIRECTORY = 34665
_WIDTHS, _HEIGHTS = (256, 40962), (257, 40963)
"""ImageWidth and PixelXDimension; ImageLength and PixelYDimension."""
_THUMBNAIL, _THUMBNAIL_BYTES = 513, 514
_ENOUGH = 4
"""Pixels each way that one of a thumbnail is the mean of, at least."""
_SHORT = 3
"""TIFF's number for unsigned 16 bits."""
POINTERS = (_EXIF_DIRECTORY, 34853)
"""Tags that hold where the EXIF and GPS directories begin."""
_LONG = 4
"""TIFF's number for unsigned 32 bits."""
_DAMAGED = (struct.error, ValueError, TypeError, KeyError, OSError, SyntaxError, OverflowError)
"""What Pillow raises while it reads one (SyntaxError is its word for a broken file)."""


def for_picture(exif: bytes, stored: np.ndarray) -> bytes:
    """The same block with the size of H W C uint8 or uint16, as it is stored, and a thumbnail of it where it has one.

    A thumbnail has no more bytes than the one that it takes the place of; where that cannot be, there is none. What is
    damaged stays as it was.
    """
    head = PREFIX if exif.startswith(PREFIX) else b""
    block = bytearray(exif.removeprefix(PREFIX))
    try:
        order = {b"II": "<", b"MM": ">"}[bytes(block[:2])]
        (first,) = struct.unpack_from(order + "I", block, 4)
        entries, link = _entries(block, order, first)
        _set_size(block, order, entries, stored)
        if _EXIF_DIRECTORY in entries:
            (inner,) = struct.unpack_from(order + "I", block, entries[_EXIF_DIRECTORY] + 8)
            _set_size(block, order, _entries(block, order, inner)[0], stored)
        if struct.unpack_from(order + "I", block, link) != (0,):
            _set_thumbnail(block, order, link, stored)
    except _DAMAGED:
        return exif
    return head + bytes(block)


def sized(directories: dict[int, Any], height: int, width: int) -> dict[int, Any]:
    """What `read_directories` gave, with the size of the picture."""
    found = directories.get(_EXIF_DIRECTORY, {})
    for tag, side in ((_WIDTHS[1], width), (_HEIGHTS[1], height)):
        if tag in found:
            found.tagtype[tag] = _LONG
            found[tag] = side
    return directories


def _entries(block: bytes | bytearray, order: str, start: int) -> tuple[dict[int, int], int]:
    """Tag to where its entry begins, and where the link to the next directory lies."""
    (count,) = struct.unpack_from(order + "H", block, start)
    places = range(start + 2, start + 2 + 12 * count, 12)
    return {struct.unpack_from(order + "H", block, at)[0]: at for at in places}, start + 2 + 12 * count


def _set_size(block: bytearray, order: str, entries: dict[int, int], stored: np.ndarray) -> None:
    for tags, side in ((_WIDTHS, stored.shape[1]), (_HEIGHTS, stored.shape[0])):
        for tag in tags:
            if tag in entries:
                _set_number(block, order, entries[tag], side)


def _set_number(block: bytearray, order: str, at: int, value: int) -> None:
    """The one number of the entry there."""
    kind, count = struct.unpack_from(order + "HI", block, at + 2)
    if count == 1 and kind in (_SHORT, _LONG):
        short = kind == _SHORT and value < 1 << 16
        struct.pack_into(order + "H", block, at + 2, _SHORT if short else _LONG)
        struct.pack_into(order + ("HH" if short else "I"), block, at + 8, *((value, 0) if short else (value,)))


def _set_thumbnail(block: bytearray, order: str, link: int, stored: np.ndarray) -> None:
    (start,) = struct.unpack_from(order + "I", block, link)
    entries, _ = _entries(block, order, start)
    new, place = b"", slice(0, 0)
    if _THUMBNAIL in entries and _THUMBNAIL_BYTES in entries:
        begin, count = (
            struct.unpack_from(order + "I", block, entries[tag] + 8)[0] for tag in (_THUMBNAIL, _THUMBNAIL_BYTES)
        )
        place = slice(begin, min(begin + count, len(block)))
        new = _thumbnail(bytes(block[place]), stored)
    block[place] = new.ljust(place.stop - place.start, b"\0")
    if new:
        _set_number(block, order, entries[_THUMBNAIL_BYTES], len(new))
    else:
        struct.pack_into(order + "I", block, link, 0)


def _thumbnail(old: bytes, stored: np.ndarray) -> bytes:
    """A JPEG no larger than the old one, in pixels and bytes; empty where there cannot be one."""
    from PIL import Image

    with Image.open(io.BytesIO(old)) as before:
        size = before.size
    every = max(1, max(stored.shape[:2]) // (_ENOUGH * max(size)))  # of a large picture no second copy is made
    colours = stored[::every, ::every, :3] if stored.shape[2] >= 3 else stored[::every, ::every, 0]
    if colours.dtype == np.uint16:
        colours = (colours >> 8).astype(np.uint8)
    small = Image.fromarray(np.ascontiguousarray(colours))
    small.thumbnail(size)
    for quality in range(90, 20, -10):
        out = io.BytesIO()
        small.save(out, "JPEG", quality=quality)
        if len(out.getvalue()) <= len(old):
            return out.getvalue()
    return b""


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
