"""16-bit PNG, and the ancillary chunks of every PNG: colour profile, EXIF, resolution, texts, as they were."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from narrows.data._look import Look, check_size, disorient, orient

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_ALPHA_TYPES = (4, 6)
_KEPT = (b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"pHYs", b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME", b"cICP")


def is_16_bit_colour(head: bytes) -> bool:
    """Whether these first bytes are a PNG of 16 bits a channel; Pillow would read its colours as 8."""
    return head[:8] == _SIGNATURE and head[12:16] == b"IHDR" and len(head) > 25 and head[24] == 16


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None, Look, list[str]]:
    """H W C uint16, alpha, look, notes."""
    import imagecodecs

    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    check_size(width, height, path)
    chunks = chunks_of(data, whole=True)
    array = imagecodecs.png_decode(data)
    array = array[..., None] if array.ndim == 2 else array
    found = dict(chunks)
    look = Look(
        format="PNG",
        mode="16-bit",
        orientation=_orientation(found.get(b"eXIf", b"")),
        exif=found.get(b"eXIf"),
        chunks=tuple(chunks),
    )
    array = orient(array, look.orientation)
    if data[25] in _ALPHA_TYPES:
        return np.ascontiguousarray(array[..., :-1]), np.ascontiguousarray(array[..., -1]), look, []
    return array, None, look, []


def encode(array: np.ndarray, alpha: np.ndarray | None, look: Look) -> bytes:
    """H W C uint16 (C 1 or 3) -> the bytes of a PNG, with the chunks that it came with."""
    import imagecodecs

    from narrows._errors import CannotWrite

    if array.shape[2] not in (1, 3):
        raise CannotWrite(f"a picture of {array.shape[2]} channels fits only in a TIFF; write .tif")
    stored = disorient(array, look.orientation)
    if alpha is not None:
        stored = np.concatenate([stored, disorient(alpha, look.orientation)[..., None]], 2)
    data = imagecodecs.png_encode(np.ascontiguousarray(stored[..., 0] if stored.shape[2] == 1 else stored), level=3)
    return with_chunks(bytes(data), look.chunks)


def chunks_of(data: bytes, *, whole: bool = False) -> tuple[tuple[bytes, bytes], ...]:
    """The ancillary chunks that travel with a picture. With `whole`, raises ValueError for a file cut short."""
    found, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if whole and len(body) < length:
            break
        if name in _KEPT:
            found.append((name, body))
        if name == b"IEND":
            return tuple(found)
        at += 12 + length
    if whole:
        raise ValueError("the file is cut short")
    return tuple(found)


def with_chunks(data: bytes, chunks: tuple[tuple[bytes, bytes], ...]) -> bytes:
    """A PNG with these chunks right behind its header."""
    added = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
    behind = 8 + 25  # signature and IHDR
    return data[:behind] + added + data[behind:]


def _orientation(exif: bytes) -> int:
    from PIL import Image

    if not exif:
        return 1
    found = Image.Exif()
    found.load(exif if exif.startswith(b"Exif\0\0") else b"Exif\0\0" + exif)
    value = found.get(0x0112, 1)
    return value if value in range(1, 9) else 1
