"""IDX files, as MNIST comes: a magic number, the sizes, then the values; gzipped or not."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np

from narrows._errors import BadData

_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
_MOST_VALUES = 1 << 33
_MOST_DIMS = 4


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, in native byte order. Raises BadData."""
    try:
        with open(path, "rb") as file:
            packed = file.read(2) == b"\x1f\x8b"
        with gzip.open(path) if packed else open(path, "rb") as file:
            data = file.read(4 + 4 * _MOST_DIMS)
            data += file.read(
                max(0, _wanted(data) - len(data)) + 1
            )  # no more than it says: a packed file may be endless
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"{path} cannot be read as an IDX file ({error}); get the file anew") from error
    if not _is_head(data):
        raise BadData(f"{path} is no IDX file: it does not begin with IDX's magic number; get the file anew")
    shape, kind = _shape(data), np.dtype(_TYPES[data[2]])
    wanted = _wanted(data)
    if math.prod(shape) > _MOST_VALUES or wanted != len(data):
        have = f"{len(data)}" if len(data) <= wanted else "more"
        raise BadData(
            f"{path} says it holds {shape} values of {kind} ({wanted} bytes with its head) but holds {have}; get the "
            f"file anew"
        )
    return np.frombuffer(data, kind, offset=4 + 4 * data[3]).reshape(shape).astype(kind.newbyteorder("="))


def _shape(data: bytes) -> tuple[int, ...]:
    return tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(data[3]))


def _wanted(data: bytes) -> int:
    """Bytes of the whole file, by its head; none for what is no IDX file."""
    if not _is_head(data):
        return 0
    values = math.prod(_shape(data))
    return 0 if values > _MOST_VALUES else 4 + 4 * data[3] + values * np.dtype(_TYPES[data[2]]).itemsize


def _is_head(data: bytes) -> bool:
    return len(data) >= 4 and data[:2] == b"\0\0" and data[2] in _TYPES and 1 <= data[3] <= _MOST_DIMS
