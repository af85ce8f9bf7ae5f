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


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, in native byte order. Raises BadData."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise BadData(f"{path} cannot be read as an IDX file ({error}); get the file anew") from error
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES or not 1 <= data[3] <= 4:
        raise BadData(f"{path} is no IDX file: it does not begin with IDX's magic number")
    dims = data[3]
    shape = tuple(int.from_bytes(data[4 + 4 * i : 8 + 4 * i], "big") for i in range(dims))
    kind = np.dtype(_TYPES[data[2]])
    wanted = math.prod(shape) * kind.itemsize
    have = len(data) - 4 - 4 * dims
    if math.prod(shape) > _MOST_VALUES or wanted != have:
        raise BadData(f"{path} says it holds {shape} values of {kind} ({wanted} bytes) but holds {have} bytes")
    return np.frombuffer(data, kind, offset=4 + 4 * dims).reshape(shape).astype(kind.newbyteorder("="))
