"""What a file says beside its pixels, kept to be written back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from narrows._errors import BadPicture

MOST_PIXELS = 178_956_970
"""A file that claims more is refused before a pixel is decoded. Pillow's limit, so that all formats have the same."""
_MOST_BYTES = 4 << 30
"""The same for the decoded bytes, where a picture has many channels or wide numbers."""

_PROFILES = (b"iCCP", b"cHRM", b"cICP")
"""PNG: chunks that say which colours are meant; sRGB and gAMA hold for grey as well."""


@dataclass(frozen=True)
class Look:
    """Everything a writer needs to make the same kind of file again; empty for pictures that came from no file."""

    format: str | None = None
    """ "PNG", "JPEG", "TIFF", ... as Pillow names them."""
    mode: str | None = None
    """Pillow's mode of the file."""
    bilevel: bool = False
    """One bit a pixel: worked on as 0 and 255, written as bits again."""
    orientation: int = 1
    """EXIF orientation of the stored pixels; `Photo.array` has it applied."""
    icc: bytes | None = None
    exif: bytes | None = None
    resolution: tuple[float, float] | None = None
    """Dots per inch."""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """PNG: ancillary chunks as they were."""
    more: dict[str, Any] = field(default_factory=dict)
    """By format: quantisation tables, compression, planar configuration, the four inks of CMYK, ..."""

    def without_profile(self) -> Look:
        """For pixels of other colours: a profile is one of grey, of colour or of inks."""
        chunks = tuple((name, body) for name, body in self.chunks if name not in _PROFILES)
        return dataclasses.replace(self, icc=None, chunks=chunks)


def check_size(width: int, height: int, path: Any, bytes_per_pixel: int = 1) -> None:
    """Refuse what would fill the memory. Raises BadPicture."""
    if width < 1 or height < 1 or width * height > MOST_PIXELS:
        raise BadPicture(
            f"{path} claims {width}x{height} pixels; pictures of 1 pixel to {MOST_PIXELS // 10**6} megapixels are "
            f"read: cut it into parts first"
        )
    if width * height * bytes_per_pixel > _MOST_BYTES:
        raise BadPicture(
            f"{path} claims {width}x{height} pixels of {bytes_per_pixel} bytes; up to {_MOST_BYTES >> 30} GiB are "
            f"read: cut it into parts first"
        )


def orient(array: np.ndarray, orientation: int) -> np.ndarray:
    """H W ... as stored -> as meant, by the EXIF orientation 1 to 8."""
    ways = {
        2: lambda a: a[:, ::-1],
        3: lambda a: a[::-1, ::-1],
        4: lambda a: a[::-1],
        5: lambda a: a.swapaxes(0, 1),
        6: lambda a: np.rot90(a, -1),
        7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
        8: lambda a: np.rot90(a, 1),
    }
    return np.ascontiguousarray(ways[orientation](array)) if orientation in ways else array


def disorient(array: np.ndarray, orientation: int) -> np.ndarray:
    """As meant -> as stored: the inverse of `orient`."""
    return orient(array, {6: 8, 8: 6}.get(orientation, orientation))
