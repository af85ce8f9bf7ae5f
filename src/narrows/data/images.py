"""File to pixels, and the same file back: format, depth, colour profile, EXIF, resolution, transparency.

What a file says beside its pixels is kept aside in `look` and written back. Three readers share the work: Pillow for
everything it keeps whole; `imagecodecs` for 16-bit RGB PNG, which Pillow silently opens as 8-bit; `tifffile` for TIFF.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import mmap
import os
import threading
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from narrows._errors import BadPicture, CannotHold
from narrows._files import make_folder, refuse_to_overwrite, write_atomically
from narrows.data import _pillow, _png, _tiff
from narrows.data._look import MOST_PIXELS, Look

READABLE = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".pgm", ".ppm", ".jfif")
"""Suffixes that a folder is searched for."""
_PERCENTILES = (0.1, 99.9)
"""Of a channel's measured values, to be 0 and 1."""
_OF_CHANNELS = ("photometric", "extra", "alpha", "planar", "inks")
"""What a look says of its channels, which does not hold for others."""
_ROWS = 256
"""Looked at together, of a picture that need not be in memory."""


@dataclass(frozen=True, eq=False)
class Photo:
    """An opened picture in its own numbers. EXIF orientation is applied; transparency is kept apart."""

    array: np.ndarray
    """H W C, in the file's own type: uint8 and uint16 mostly; any integers or floats from a TIFF."""
    low: np.ndarray
    """(C,): the values that mean 0 ..."""
    high: np.ndarray
    """(C,): ... and 1."""
    alpha: np.ndarray | None = None
    """H W, in the file's own type."""
    path: Path | None = None
    notes: tuple[str, ...] = ()
    look: Look = field(default_factory=Look)
    page: tuple[int, int] | None = None
    """Number, from 1, and of how many, where it is one of several in its file."""

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        height, width, channels = self.array.shape
        return channels, height, width

    @functools.cached_property
    def is_grey(self) -> bool:
        """Whether a file of three channels holds the same in all of them: a grey picture, saved as a colour one."""
        if self.shape[0] != 3 or not (np.ptp(self.low) == np.ptp(self.high) == 0):
            return False
        for start in range(0, self.shape[1], _ROWS):
            rows = self.array[start : start + _ROWS]
            alike = all(
                np.array_equal(rows[..., 0], rows[..., one], equal_nan=rows.dtype.kind == "f") for one in (1, 2)
            )
            let_go(self.array)
            if not alike:
                return False
        return True

    @property
    def colours(self) -> int:
        """Channels to choose a model by: 1 for a grey picture, also in a file of three. A net that knows colour takes
        its noise, which is one and the same in all channels, for detail (docs/log.md)."""
        return 1 if self.is_grey else self.shape[0]

    def tensor(self, rows: slice = slice(None), cols: slice = slice(None)) -> Tensor:
        """C h w, float32, 0 to 1 (measured values of a float file may lie outside). Only this window is converted.

        What is no number, or stands for none, counts as 0 here, and stays what it was in `put`.
        """
        window = self.array[rows, cols].transpose(2, 0, 1)
        low, span = (values[:, None, None] for values in self._scale())
        if self.array.dtype.itemsize <= 2 and self.array.dtype.kind != "f":
            found = np.array(window, dtype=np.float32, order="C")
            found -= low.astype(np.float32)
            found /= span.astype(np.float32)
        else:  # far from 0, single precision would lose the picture before `low` is taken off
            found = ((window.astype(np.float64) - low) / span).astype(np.float32, order="C")
        unknown = self._unknown(window)
        if unknown is not None:
            found[unknown] = 0
        let_go(self.array)
        return torch.from_numpy(found)

    def middle(self, most: int) -> Tensor:
        """C h w as `tensor` gives it: the centre, at most so many pixels a side."""
        rows, cols = (slice(start, start + most) for start in (max(0, (n - most) // 2) for n in self.shape[1:]))
        return self.tensor(rows, cols)

    def blank(self) -> np.ndarray:
        """An empty array for results, like `array`."""
        return np.empty_like(self.array, subok=False)  # in memory, also of a file that is mapped

    def put(self, out: np.ndarray, pixels: Tensor, rows: slice = slice(None), cols: slice = slice(None)) -> None:
        """Write C h w back in the file's own numbers: integers rounded and clamped, floats as they are."""
        low, span = self._scale()
        values = pixels.numpy().transpose(1, 2, 0).astype(np.float64) * span + low
        if out.dtype.kind in "iu":
            limits = np.iinfo(out.dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
            nodata = self.look.more.get("nodata")
            if nodata is not None:  # a result must not turn into a hole in the map
                values[values == nodata] += 1 if nodata < limits.max else -1
        before = self.array[rows, cols]
        unknown = self._unknown(before)
        if unknown is not None:
            values = np.where(unknown, before, values)
        out[rows, cols] = values.astype(out.dtype)
        let_go(out)

    def enlarged(self, scale: int) -> Photo:
        """The same photo with every pixel, and its transparency, repeated `scale` times each way."""
        alpha = None if self.alpha is None else self.alpha.repeat(scale, 0).repeat(scale, 1)
        return dataclasses.replace(self, array=self.array.repeat(scale, 0).repeat(scale, 1), alpha=alpha)

    def emptied(self, shape: tuple[int, ...]) -> Photo:
        """A black photo of another shape, (C, H, W), for the same kind of file; it has no transparency."""
        channels, height, width = shape
        array = np.zeros((height, width, channels), dtype=self.array.dtype)
        more = self.look.more | {"nodata": None}  # of a black picture no pixel is one that stays
        low, high, look = self.low, self.high, dataclasses.replace(self.look, mode=None, bilevel=False, more=more)
        other = channels != len(low)
        if other:
            low, high = np.full(channels, low.min()), np.full(channels, high.max())
        if other or self.look.mode == "CMYK":
            look = look.without_profile()
        if other or self.look.mode == "CMYK" or self.alpha is not None:
            kept = {name: value for name, value in look.more.items() if name not in _OF_CHANNELS}
            look = dataclasses.replace(look, more=kept)
        return dataclasses.replace(self, array=array, low=low, high=high, alpha=None, look=look)

    def with_array(self, array: np.ndarray) -> Photo:
        """The same photo with other pixels."""
        return dataclasses.replace(self, array=array)

    def _unknown(self, values: np.ndarray) -> np.ndarray | None:
        """Where there is no value; None where there is one everywhere."""
        nodata = self.look.more.get("nodata")
        unknown = None if nodata is None else values == nodata
        if values.dtype.kind != "f":
            return unknown
        return ~np.isfinite(values) if unknown is None else unknown | ~np.isfinite(values)

    def _scale(self) -> tuple[np.ndarray, np.ndarray]:
        """(C,) what means 0, and from there to what means 1."""
        return self.low, np.maximum(self.high - self.low, 1e-300)


def let_go(array: np.ndarray) -> None:
    """What was read of a file, or written to it, through a mapped array no longer counts as this process's memory."""
    mapped = getattr(array, "_mmap", None)
    if mapped is not None and hasattr(mmap, "MADV_DONTNEED"):
        mapped.madvise(mmap.MADV_DONTNEED)


def open_photo(path: str | Path) -> Photo:
    """Open a picture file; of several pages or frames, the first. Raises BadPicture, in one sentence, for whatever
    cannot be read as one."""
    path = Path(path)
    with told_as_bad_picture(path):
        head = head_of(path)
        if not head:
            raise BadPicture(f"{path} is empty (0 bytes); get the file anew")
        array, alpha, look, notes = _reader(head)(path)
    low, high = value_range(array, look.more.get("nodata"))
    return Photo(array, low, high, alpha, path, tuple(notes), look)


@contextlib.contextmanager
def told_as_bad_picture(path: Path) -> Iterator[None]:
    """Whatever goes wrong while `path` is read becomes BadPicture, and decoders' warnings are silent."""
    try:
        with _without_warnings():
            yield
    except BadPicture:
        raise
    except FileNotFoundError as error:
        raise BadPicture(f"{path} does not exist; give the path of a picture") from error
    except PermissionError as error:
        raise BadPicture(f"{path} may not be read (permission denied); change its permissions") from error
    except Image.DecompressionBombError as error:
        raise BadPicture(
            f"{path} claims too many pixels ({error}); pictures of up to {MOST_PIXELS // 10**6} megapixels are read: "
            f"cut it into parts first"
        ) from error
    except Exception as error:  # decoders raise whatever they like on broken files
        reason = str(error).strip().split("\n")[0][:160] or type(error).__name__
        raise BadPicture(
            f"{path} cannot be read as a picture ({reason}); PNG, JPEG, TIFF, WebP, BMP and GIF can"
        ) from error


def is_tiff(head: bytes) -> bool:
    """Whether these first bytes are a TIFF's, classic or big, of either byte order."""
    return head.startswith((b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"))


def _reader(head: bytes) -> Callable[[Path], tuple[np.ndarray, np.ndarray | None, Look, list[str]]]:
    """By what the file is, whatever it is called."""
    if is_tiff(head):
        return _tiff.read
    return _png.read if _png.is_16_bit(head) else _pillow.read


_readers, _readers_lock, _silence = 0, threading.Lock(), contextlib.ExitStack()


@contextlib.contextmanager
def _without_warnings() -> Iterator[None]:
    """Decoders warn of what their errors say. Filters belong to the process, so threads that overlap in
    `catch_warnings` would leave them changed: the first reader silences, the last one puts back."""
    global _readers
    with _readers_lock:
        if _readers == 0:
            _silence.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
        _readers += 1
    try:
        yield
    finally:
        with _readers_lock:
            _readers -= 1
            if _readers == 0:
                _silence.close()


def head_of(path: Path) -> bytes:
    """The first bytes of a file. Raises BadPicture where it is none, and OSError."""
    if path.is_dir():
        raise BadPicture(f"{path} is a folder; one picture file is expected, such as {path / 'photo.png'}")
    if path.exists() and not path.is_file():
        raise BadPicture(f"{path} is no file (a pipe, a device or a socket); give the path of a picture")
    with open(path, "rb") as file:
        return file.read(64)


def value_range(array: np.ndarray, nodata: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """The values of an H W C array that mean 0 and 1, for every channel; `nodata` is a value that stands for none."""
    channels = array.shape[2]
    if array.dtype in (np.uint8, np.uint16) and channels <= 4:
        return np.zeros(channels), np.full(channels, float(np.iinfo(array.dtype).max))
    if within_0_to_1(array, nodata):
        return np.zeros(channels), np.ones(channels)
    return percentiles(array.reshape(-1, channels), nodata)


def within_0_to_1(array: np.ndarray, nodata: Any = None) -> bool:
    """Whether these are floats from 0 to 1."""
    if array.dtype.kind != "f":
        return False
    known = array if nodata is None else array[array != nodata]
    return not known.size or bool(known.min() >= 0 and known.max() <= 1)  # NaN compares as false


def percentiles(values: np.ndarray, nodata: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """N C, measured -> (C,) what is to be 0, and 1: nearly the least and the largest that are numbers."""
    low, high = np.zeros(values.shape[1]), np.ones(values.shape[1])
    for channel, found in enumerate(values.T):
        found = found[np.isfinite(found)] if values.dtype.kind == "f" else found
        found = found if nodata is None else found[found != nodata]
        if found.size:
            low[channel], high[channel] = np.percentile(found.astype(np.float64), _PERCENTILES)
        if high[channel] <= low[channel]:
            high[channel] = low[channel] + 1
    return low, high


def save_photo(
    photo: Photo, path: str | Path, *, force: bool = False, about_to: Callable[[os.stat_result], None] | None = None
) -> Path:
    """Write a photo as the same kind of file it came from, whatever that was called; as `path`'s suffix says where it
    is another. Whole or not at all.

    Unchanged pixels give back the original file's bytes. `about_to` is told of the finished file just before it takes
    its place. Raises WouldOverwrite unless `force`; CannotHold where the kind of file cannot hold it, CannotWrite.
    """
    path = Path(path)
    refuse_to_overwrite(path, force)
    make_folder(path.parent)
    write_atomically(path, _encoded(photo, path), about_to=about_to)
    return path


def _encoded(photo: Photo, path: Path) -> bytes:
    suffix = path.suffix.lower()
    if photo.path is not None and photo.page is None and photo.path.suffix.lower() == suffix:
        try:
            if same_pixels(open_photo(photo.path), photo):
                return photo.path.read_bytes()
        except (BadPicture, OSError):
            pass  # the original is gone: write what we have
        suffix = _true_suffix(photo.look.format, suffix)
    array, alpha, look = photo.array, photo.alpha, photo.look
    if suffix in (".tif", ".tiff"):
        return _tiff.encode(array, alpha, _look_for("TIFF", look))
    look = _look_for(_pillow.FORMATS.get(suffix, ""), look)
    if array.dtype == np.uint8 or (array.dtype == np.uint16 and suffix == ".pgm"):
        return _pillow.encode(array, alpha, look, suffix)
    if suffix != ".png":
        raise CannotHold(f"{path} cannot hold {array.dtype} pixels; write .tif (or .png for 16 bits)")
    if array.dtype != np.uint16:
        array, alpha = _to_16_bits(photo)
    return _png.encode(array, alpha, look)


def _true_suffix(kind: str | None, suffix: str) -> str:
    """That of the kind of file, where one is called what it is not: a PNG called .jpg would lose by becoming a JPEG."""
    kinds = _pillow.FORMATS | {".tif": "TIFF", ".tiff": "TIFF"}
    return suffix if kinds.get(suffix) == kind else next((own for own, one in kinds.items() if one == kind), suffix)


def same_pixels(one: Photo, other: Photo) -> bool:
    """Whether two photos hold the same values of the same type."""
    if (one.alpha is None) != (other.alpha is None) or one.array.dtype != other.array.dtype:
        return False
    pairs = [(one.array, other.array), (one.alpha, other.alpha)]
    return all(np.array_equal(a, b, equal_nan=a.dtype.kind == "f") for a, b in pairs if a is not None and b is not None)


def _look_for(kind: str, look: Look) -> Look:
    """What of a look holds in another format: pixels are stored upright where nothing would say how they are turned,
    and a profile of four inks does not describe RGB."""
    if kind == look.format:
        return look
    if kind != "TIFF" and not _pillow.keeps_orientation(kind, look):
        look = dataclasses.replace(look, orientation=1)
    return look.without_profile() if look.mode == "CMYK" else look


def _to_16_bits(photo: Photo) -> tuple[np.ndarray, np.ndarray | None]:
    """Measured values from 0 to 1 to the whole range of 16 bits."""
    array = np.rint(photo.tensor().clamp(0, 1).numpy().transpose(1, 2, 0) * 65535).astype(np.uint16)
    if photo.alpha is None:
        return array, None
    most = np.iinfo(photo.alpha.dtype).max if photo.alpha.dtype.kind in "iu" else 1
    return array, np.rint(np.clip(photo.alpha / most, 0, 1) * 65535).astype(np.uint16)
