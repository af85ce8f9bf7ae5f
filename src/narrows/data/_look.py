"""What a file says beside its pixels, kept to be written back."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from narrows._errors import BadPicture

MOST_PIXELS = 500_000_000
"""A file that claims more is refused before a pixel is decoded."""


@dataclass(frozen=True)
class Look:
    """Everything a writer needs to make the same kind of file again; empty for pictures that came from no file."""

    format: str | None = None
    """ "PNG", "JPEG", "TIFF", ... as Pillow names them."""
    mode: str | None = None
    """Pillow's mode of the file."""
    dtype: str | None = None
    """The file's own number type, where `Photo.array` had to convert it."""
    orientation: int = 1
    """EXIF orientation of the stored pixels; `Photo.array` has it applied."""
    icc: bytes | None = None
    exif: bytes | None = None
    resolution: tuple[float, float] | None = None
    """Dots per inch."""
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    """PNG: ancillary chunks as they were."""
    more: dict[str, Any] = field(default_factory=dict)
    """By format: quantisation tables, compression, planar configuration, ..."""


def check_size(width: int, height: int, path: Any) -> None:
    """Refuse what would fill the memory. Raises BadPicture."""
    if width < 1 or height < 1 or width * height > MOST_PIXELS:
        raise BadPicture(
            f"{path} claims {width}x{height} pixels; pictures of 1 to {MOST_PIXELS // 10**6} megapixels are read"
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
