"""16-bit PNG, and the ancillary chunks of every PNG: colour profile, EXIF, resolution, texts, as they were."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import numpy as np

from narrows._errors import CannotHold
from narrows.data import _exif
from narrows.data._look import Look, check_size, disorient, orient

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_KEPT = (
    b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"cICP", b"mDCV", b"cLLI",  # the last three say how bright an HDR picture is
    b"pHYs", b"eXIf", b"tEXt", b"zTXt", b"iTXt", b"tIME",
)  # fmt: skip
_INCH = 0.0254
"""Metres."""


def is_16_bit(head: bytes) -> bool:
    """Whether these first bytes are a PNG of 16 bits a channel; Pillow would read its colours as 8."""
    return head[:8] == _SIGNATURE and head[12:16] == b"IHDR" and len(head) > 25 and head[24] == 16


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None, Look, list[str]]:
    """H W C uint16, alpha, look, notes. Raises ValueError for a file cut short, and what imagecodecs raises."""
    import imagecodecs

    data = path.read_bytes()
    width, height = struct.unpack(">II", data[16:24])
    check_size(width, height, path, bytes_per_pixel=8)
    chunks = chunks_of(data, whole=True)
    array = imagecodecs.png_decode(data)
    array = array[..., None] if array.ndim == 2 else array
    found = dict(chunks)
    exif = found.get(b"eXIf")
    look = Look(
        format="PNG",
        mode="16-bit",
        orientation=_orientation(exif) if exif else 1,
        icc=_profile(found.get(b"iCCP", b"")),
        exif=_exif.PREFIX + exif if exif else None,
        resolution=_resolution(found.get(b"pHYs", b"")),
        chunks=tuple(chunks),
    )
    notes = ["animated: the first frame is used"] if b"acTL" in data[:4096] else []
    array = orient(array, look.orientation)
    if array.shape[2] in (2, 4):  # its own, or of a colour that is named transparent
        return np.ascontiguousarray(array[..., :-1]), np.ascontiguousarray(array[..., -1]), look, notes
    return array, None, look, notes


def encode(array: np.ndarray, alpha: np.ndarray | None, look: Look) -> bytes:
    """H W C uint16 (C 1 or 3) -> the bytes of a PNG, with the chunks that it came with. Raises CannotHold."""
    import imagecodecs

    if array.shape[2] not in (1, 3):
        raise CannotHold(f"a picture of {array.shape[2]} channels fits only in a TIFF; write .tif")
    stored = disorient(array, look.orientation)
    if alpha is not None:
        stored = np.concatenate([stored, disorient(alpha, look.orientation)[..., None]], 2)
    data = imagecodecs.png_encode(np.ascontiguousarray(stored[..., 0] if stored.shape[2] == 1 else stored), level=3)
    chunks = look.chunks if look.format == "PNG" else _chunks_from(look)
    return with_chunks(bytes(data), chunks, stored)


def chunks_of(data: bytes, *, whole: bool = False) -> tuple[tuple[bytes, bytes], ...]:
    """The ancillary chunks that travel with a picture. With `whole`, raises ValueError for a file cut short."""
    found, at = [], 8
    while at + 12 <= len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        name, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        if len(body) < length:
            break
        if name in _KEPT:
            found.append((name, body))
        if name == b"IEND":
            return tuple(found)
        at += 12 + length
    if whole:
        raise ValueError("the file is cut short")
    return tuple(found)


def with_chunks(data: bytes, chunks: tuple[tuple[bytes, bytes], ...], stored: np.ndarray) -> bytes:
    """A PNG with these chunks right behind its header; EXIF with the size of what is stored, H W C."""
    bodies = [(name, _exif.for_picture(body, stored) if name == b"eXIf" else body) for name, body in chunks]
    added = b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in bodies
    )
    behind = 8 + 25  # signature and IHDR
    return data[:behind] + added + data[behind:]


def _chunks_from(look: Look) -> tuple[tuple[bytes, bytes], ...]:
    """What another format said, as chunks."""
    found = []
    if look.icc:
        found.append((b"iCCP", b"ICC Profile\0\0" + zlib.compress(look.icc)))
    if look.resolution:
        across, down = (round(dots / _INCH) for dots in look.resolution)
        found.append((b"pHYs", struct.pack(">IIB", across, down, 1)))
    if look.exif:
        found.append((b"eXIf", look.exif.removeprefix(_exif.PREFIX)))
    return tuple(found)


def _profile(body: bytes) -> bytes | None:
    name, _, packed = body.partition(b"\0")
    try:
        return zlib.decompress(packed[1:]) if name else None
    except zlib.error:
        return None


def _resolution(body: bytes) -> tuple[float, float] | None:
    if len(body) != 9 or body[8] != 1:
        return None
    across, down, _ = struct.unpack(">IIB", body)
    return across * _INCH, down * _INCH


def _orientation(exif: bytes) -> int:
    from PIL import Image

    found = Image.Exif()
    found.load(_exif.PREFIX + exif.removeprefix(_exif.PREFIX))
    value = found.get(0x0112, 1)
    return value if value in range(1, 9) else 1
