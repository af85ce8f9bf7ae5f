"""Files of many pages: a TIFF of which one page at a time is in memory.

Every page of a stack has one scale, taken over the whole stack, so that pages stay comparable: for measured values
(floats, 16-bit grey) that is the stack's own range. Pages are read anew each time, and huge ones only in windows.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import math
import os
import re
import threading
import weakref
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from narrows._errors import BadPicture
from narrows.data import _tiff
from narrows.data._exif import POINTERS
from narrows.data._look import Look
from narrows.data.images import (
    Photo,
    head_of,
    is_tiff,
    let_go,
    open_photo,
    percentiles,
    told_as_bad_picture,
    value_range,
    within_0_to_1,
)  # fmt: skip

_WINDOWED = 256 << 20
"""Bytes of a page from which on it stays on the disk and is worked on in windows, where it lies there as it is."""
_MOST_SAMPLED = 1 << 20
"""Pixels of a stack, evenly spread, that its range is taken from."""
_FEW = 100
"""Whole numbers in a range, below which to round to them costs quality: 0.35 dB at a PSNR of 40 dB."""
_BAND = 16 << 20
"""Values that are looked at together."""
_OPEN = 32
"""Stacks whose files stay open; a process may have 1,024 open, and a folder may hold more stacks than that."""


class _Place(NamedTuple):
    """Where one page of pixels is described, and where it lies."""

    page: int
    level: int | None
    """Of the page's smaller copies, which; None is the page itself."""
    frame: int
    """Of the pages that lie behind one description, which."""
    pixels: int
    nbytes: int
    dtype: np.dtype[Any]
    """With the file's byte order."""
    shape: tuple[int, ...]
    offset: int | None
    """Of the values in the file; None where they are packed or not meant as they are."""


class _Handles:
    """The files of stacks: of those that nobody reads, the one that was read longest ago is closed first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: OrderedDict[int, Any] = OrderedDict()

    @contextlib.contextmanager
    def opened(self, handle: Any) -> Iterator[None]:
        """The handle of tifffile, open until the block ends; only one thread may ask for the same one at a time."""
        with self._lock:
            self._idle.pop(id(handle), None)
        handle.open()
        try:
            yield
        finally:
            self.leave(handle)

    def leave(self, handle: Any) -> None:
        """Nobody reads it for now. One that is closed since takes a place all the same."""
        with self._lock:
            self._idle[id(handle)] = handle
            while len(self._idle) > _OPEN:
                self._idle.popitem(last=False)[1].close()


_handles = _Handles()


class Stack:
    """A file of several pages. Pages are read when they are asked for; threads may ask at once."""

    def __init__(self, path: Path, file: Any, places: list[_Place]) -> None:
        self.path, self._file, self.places = path, file, places
        self._main = [number for number, place in enumerate(places) if place.level is None]
        self._lock, self._measuring = threading.Lock(), threading.Lock()
        self._measured: dict[_Sort, _Range] | None = None
        self._notes: dict[str, None] = {}
        weakref.finalize(self, file.close)
        _handles.leave(file.filehandle)

    def __len__(self) -> int:
        return len(self._main)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was noticed on the pages that were read until now."""
        return tuple(self._notes)

    @property
    def is_uniform(self) -> bool:
        """Whether all pages have one size and one type."""
        return len({(self.places[n].shape, self.places[n].dtype) for n in self._main}) == 1

    @functools.cached_property
    def together(self) -> int:
        """How many pages, one after the other, show one place at one time: the channels of a hyperstack."""
        try:
            with self._lock, _handles.opened(self._file.filehandle):
                found = _channels_last(self.path, self._file.pages.first)
        except Exception:  # descriptions are written by anybody
            return 1
        return found if len(self) % found == 0 else 1

    def photo(self, number: int) -> Photo:
        """The page, from 0, at the stack's scale. Raises BadPicture."""
        return self.photo_at(self._main[number])

    def photo_at(self, at: int) -> Photo:
        """The same by its place among all pages and their smaller copies."""
        ranges = self._ranges()
        array, alpha, look, notes = self._read(at)
        low, high = ranges.get(_sort_of(array)) or value_range(array, look.more.get("nodata"))
        number = (self.places[at].page + self.places[at].frame + 1, len(self))
        return Photo(array, low, high, alpha, self.path, notes, look, number if len(self) > 1 else None)

    def _read(self, at: int) -> tuple[np.ndarray, np.ndarray | None, Look, tuple[str, ...]]:
        place = self.places[at]
        with self._lock, told_as_bad_picture(self.path), _handles.opened(self._file.filehandle):
            page = self._file.pages[place.page]
            if place.level is not None:
                page = page.pages[place.level]
            raw = None
            if place.offset is not None:
                raw = np.memmap(self.path, place.dtype, "r", place.offset, place.shape)
                if place.nbytes < _WINDOWED:
                    raw = np.array(raw, dtype=place.dtype.newbyteorder("="))
            array, alpha, look, notes = _tiff.read_page(self._file, page, self.path, raw, directories=False)
            if any(tag in page.tags for tag in POINTERS) and not self.lies_open:
                notes.append("the EXIF of a file of many pages is not kept")
            if place.frame:  # what the file says of itself stands on its first page
                look = dataclasses.replace(look, more=look.more | {"description": None, "raw": []})
            self._notes |= dict.fromkeys(notes)
            return array, alpha, look, tuple(notes)

    @property
    def lies_open(self) -> bool:
        """Whether all values lie in the file as they are."""
        return all(place.offset is not None for place in self.places)

    def _ranges(self) -> dict[_Sort, _Range]:
        """What means 0 and 1, by type and channels: one look at all pages, before the first is given."""
        with self._measuring:
            if self._measured is None:
                self._measured = self._measure()
            return self._measured

    def _measure(self) -> dict[_Sort, _Range]:
        if len(self) == 1 and self.places[0].nbytes < _WINDOWED:  # as a plain picture
            array, _, look, _ = self._read(self._main[0])
            return {_sort_of(array): value_range(array, look.more.get("nodata"))}
        step = math.ceil(sum(self.places[n].pixels for n in self._main) / _MOST_SAMPLED) | 1  # odd: across all columns
        seen: dict[_Sort, _Values] = {}
        for number in self._main:
            array, _, look, _ = self._read(number)
            values = seen.setdefault(_sort_of(array), _Values(step, look.more.get("nodata")))
            if _known_range(_sort_of(array), len(self)) is None:
                values.take(array)
        found = {sort: _known_range(sort, len(self)) or values.range() for sort, values in seen.items()}
        for (dtype, _), (low, high) in found.items():
            if "int" in dtype and (high - low).min() < _FEW:
                self._notes[
                    f"its values are whole numbers from about {low.min():.0f} to {high.max():.0f}, and so are those of "
                    f"the result: as a float TIFF it would keep what lies between"
                ] = None
        return found


_Sort = tuple[str, int]
"""Type and channels."""
_Range = tuple[np.ndarray, np.ndarray]


def _sort_of(array: np.ndarray) -> _Sort:
    return array.dtype.name, array.shape[2]


def _known_range(sort: _Sort, pages: int) -> _Range | None:
    """Of types whose whole range is meant. Grey in 16 bits is measured where there is more than one page: cameras of 10
    to 14 bits and photon counts leave most of it empty."""
    dtype, channels = sort
    if channels > 4 or not (dtype == "uint8" or (dtype == "uint16" and (channels > 2 or pages == 1))):
        return None
    return np.zeros(channels), np.full(channels, float(np.iinfo(dtype).max))


class _Values:
    """Every `step`-th pixel of many arrays, and whether all lie in 0 to 1; `nodata` stands for no value."""

    def __init__(self, step: int, nodata: Any = None) -> None:
        self.step, self.nodata, self._next, self._within, self._kept = step, nodata, 0, True, []

    def take(self, array: np.ndarray) -> None:
        rows = max(1, _BAND // max(1, array.shape[1] * array.shape[2]))
        for start in range(0, len(array), rows):
            band = array[start : start + rows].reshape(-1, array.shape[2])
            self._within &= within_0_to_1(band, self.nodata)
            self._kept.append(np.array(band[self._next :: self.step]))
            self._next = (self._next - len(band)) % self.step
            let_go(array)

    def range(self) -> _Range:
        values = np.concatenate(self._kept)
        if self._within:
            return np.zeros(values.shape[1]), np.ones(values.shape[1])
        return percentiles(values, self.nodata)


@dataclass(frozen=True)
class Page:
    """One page of a stack, where a file of its own would stand."""

    stack: Stack
    number: int
    """From 0."""

    def photo(self) -> Photo:
        return self.stack.photo(self.number)

    def __str__(self) -> str:
        return f"{self.stack.path} page {self.number + 1}"


def order(place: Path | Page) -> tuple[Path, int]:
    """By path, then by page."""
    return (place, -1) if isinstance(place, Path) else (place.stack.path, place.number)


# Opening


def open_stack(path: Path) -> Stack | None:
    """The file's pages; None for what is a plain picture (one page that memory holds). Raises BadPicture."""
    import tifffile

    with told_as_bad_picture(path):
        if not is_tiff(head_of(path)):
            return None
        _tiff.quiet()
        file = tifffile.TiffFile(path)
        try:
            places = list(_places(path, file))
        except BaseException:
            file.close()
            raise
    if len(places) == 1 and (places[0].offset is None or places[0].nbytes < _WINDOWED):
        file.close()
        return None
    return Stack(path, file, places)


def open_picture(path: Path) -> Photo | Stack:
    """A photo, or the stack that the file is. Raises BadPicture."""
    return open_stack(path) or open_photo(path)


def telling_page(path: Path, like: Photo | None = None) -> Photo:
    """What stands for a file where one picture is looked at: of many pages the middle one, at the stack's scale, or at
    that of `like`. Raises BadPicture."""
    found = open_picture(path)
    photo = found.photo(len(found) // 2) if isinstance(found, Stack) else found
    if like is None or like.page is None or len(like.low) != len(photo.low):
        return photo
    return dataclasses.replace(photo, low=like.low, high=like.high)


def pages_of(path: Path) -> list[Path | Page]:
    """What is learned from or looked at: every page of a file of pages of one size, else the file, of which the first
    page counts."""
    try:
        stack = open_stack(path)
    except BadPicture:  # opening it again will say so
        return [path]
    if stack is None or len(stack) == 1 or not stack.is_uniform:
        return [path]
    return [Page(stack, number) for number in range(len(stack))]


def _places(path: Path, file: Any) -> Iterator[_Place]:
    size, count = os.path.getsize(path), len(file.pages)
    for number in range(count):
        page = file.pages[number]
        for frame in range(_frames(path, page) if count == 1 else 1):
            yield _place(path, page, number, None, frame, file.byteorder, size)
        for level, smaller in enumerate(page.pages or ()):
            yield _place(path, smaller, number, level, 0, file.byteorder, size)


def _place(
    path: Path, page: Any, number: int, level: int | None, frame: int, byteorder: str, size: int
) -> _Place:  # fmt: skip
    pixels = page.imagewidth * page.imagelength
    if not _tiff.is_stored_as_meant(page):
        _tiff.check_page(page, path)
        dtype = np.dtype(page.dtype if page.dtype is not None else np.uint8)
        return _Place(number, level, frame, pixels, page.nbytes, dtype, tuple(page.shape), None)
    offset = page.dataoffsets[0] + frame * page.nbytes
    if offset + page.nbytes > size:
        raise BadPicture(f"{path} is cut short: page {number + frame + 1} ends beyond its end; get the file anew")
    dtype = page.dtype.newbyteorder(byteorder)
    return _Place(number, level, frame, pixels, page.nbytes, dtype, tuple(page.shape), offset)


def _frames(path: Path, page: Any) -> int:
    """Pages that lie behind the one description of a file, as ImageJ writes stacks of over 4 GiB."""
    import tifffile

    if not (page.is_imagej or page.is_shaped) or not _tiff.is_stored_as_meant(page):
        return 1
    with tifffile.TiffFile(path) as again:  # it changes how pages are read
        whole = again.series[0]
        return max(1, whole.size // page.size) if whole.dataoffset is not None else 1


def _channels_last(path: Path, page: Any) -> int:
    """Channels where they are the axis that runs first, else 1."""
    import tifffile

    if page.is_ome:
        order, count = (re.search(rf'{name}="(\w+)"', page.description) for name in ("DimensionOrder", "SizeC"))
        planes = int(count.group(1)) // page.samplesperpixel if count else 1
        return max(1, planes) if order and order.group(1).startswith("XYC") else 1
    if not (page.is_imagej or page.is_shaped):
        return 1
    with tifffile.TiffFile(path) as again:
        whole = again.series[0]
        outer = [(axis, length) for axis, length in zip(whole.axes, whole.shape, strict=True) if axis not in "YXS"]
    return outer[-1][1] if outer and outer[-1][0] == "C" else 1
