"""Where examples come from: an array in memory, pictures fitted to one size, or patches of photographs.

A source has a length, a shape, and `take(indices, generator)`. What fits in memory stays there, as bytes where the
files were bytes; the rest is read from the disk each time.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from narrows._errors import BadData, BadPicture
from narrows.data.fitting import convert_channels, fit_photo
from narrows.data.images import Photo, open_photo

_READERS = 4
"""Threads that decode at once: decoders release the interpreter's lock, and disks like a short queue."""


class Source(Protocol):
    """Examples by number."""

    shape: tuple[int, ...]

    def __len__(self) -> int: ...

    def take(self, indices: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """float32 B *shape, float64 of tables that need it; pictures in [0, 1]. Only sources that draw patches use the
        generator."""
        ...


def memory_for_data() -> int:
    """Bytes that examples may take: a quarter of what is free now."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 4
    except (ValueError, OSError, AttributeError):  # not on this system
        return 2 << 30


class ArraySource:
    """N *shape in memory: floats as they are (float64 only of tables), uint8 and uint16 scaled when taken."""

    _SCALES: ClassVar = {torch.uint8: 255.0, torch.uint16: 65535.0}

    def __init__(self, values: Tensor) -> None:
        self.values = values
        self.shape = tuple(values.shape[1:])
        self.scale = self._SCALES.get(values.dtype)

    def __len__(self) -> int:
        return len(self.values)

    def take(self, indices: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """B *shape."""
        if self.values.dtype == torch.uint16:  # torch cannot index unsigned 16 bits
            found = torch.from_numpy(self.values.numpy()[indices.numpy()].astype(np.float32))
        else:
            found = self.values[indices]
            found = found if found.dtype == torch.float64 else found.float()
        return found if self.scale is None else found.div_(self.scale)


class PhotoSource:
    """Pictures on the disk, each fitted to one shape when it is taken: for data larger than memory."""

    def __init__(self, paths: Sequence[Path | Place], shape: tuple[int, ...]) -> None:
        self.paths, self.shape = list(paths), tuple(shape)

    def __len__(self) -> int:
        return len(self.paths)

    def take(self, indices: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """float32 B C H W: the bits that `ArraySource` would give. Raises BadData when a file is gone."""
        with ThreadPoolExecutor(_READERS) as pool:
            wanted = [self.paths[i] for i in indices.tolist()]
            found = torch.stack(list(pool.map(lambda path: fit_photo(_reopened(path), self.shape), wanted)))
        return found.float().div_(255.0)


class Place(Protocol):
    """What stands for a file where a photo is not one: a page of a stack, a photo that is open already."""

    def photo(self) -> Photo: ...


def opened(path: Path | Place) -> Photo:
    """The photo, wherever it is. Raises BadPicture."""
    return open_photo(path) if isinstance(path, Path) else path.photo()


def _reopened(path: Path | Place) -> Photo:
    """A photo that could be read before. Raises BadData."""
    try:
        return opened(path)
    except BadPicture as error:
        raise BadData(
            f"{path} vanished or changed while it was learned from ({error}); put it back, then run the same command "
            f"again"
        ) from error


class PatchSource:
    """Square patches of photographs of any size, turned and flipped: for nets that take any size.

    Number `i` is a patch of photograph `i // per_photo`; where in it, and which way up, is drawn from the generator,
    or is the middle, as it is, without one. Several files of one size that belong together are one photograph, their
    channels one after the other: all are cut, turned and flipped alike.
    """

    def __init__(
        self, photos: Sequence[Path | Place | tuple[Path, ...]], size: int, channels: int, *, per_photo: int = 64,
        memory: int | None = None,
    ) -> None:  # fmt: skip
        self.photos, self.size, self.per_photo = list(photos), size, per_photo
        self.shape = (channels, size, size)
        self._kept: list[Tensor] | None = None
        budget = memory_for_data() if memory is None else memory
        kept, used = [], 0
        for path in self.photos:
            photo = self._read(path)
            used += photo.nbytes
            if used > budget:
                break
            kept.append(photo)
        else:
            self._kept = kept

    def __len__(self) -> int:
        return len(self.photos) * self.per_photo

    def take(self, indices: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """float32 B C size size."""
        numbers = [i // self.per_photo for i in indices.tolist()]
        places = torch.rand((len(numbers), 3), generator=generator) if generator is not None else None
        patches = []
        for row, number in enumerate(numbers):
            photo = self._read(self.photos[number]) if self._kept is None else self._kept[number]
            patches.append(self._patch(photo, None if places is None else places[row].tolist()))
        found = torch.stack(patches)
        return found.float().div_(255.0) if found.dtype == torch.uint8 else found

    def _read(self, files: Path | Place | tuple[Path, ...]) -> Tensor:
        """C H W: uint8 where the files were 8 bits deep, else float32; at least `size` each way."""
        if isinstance(files, tuple):
            each = [_pixels(path, self.shape[0] // len(files)) for path in files]
            if len({one.dtype for one in each}) > 1:
                each = [one / 255.0 if one.dtype == torch.uint8 else one for one in each]
            pixels = torch.cat(each)
        else:
            pixels = _pixels(files, self.shape[0])
        while min(pixels.shape[1:]) < self.size:  # mirrored, and mirrored again, until a patch fits
            pixels = torch.cat([pixels, pixels.flip(1)], 1) if pixels.shape[1] < self.size else pixels
            pixels = torch.cat([pixels, pixels.flip(2)], 2) if pixels.shape[2] < self.size else pixels
        return pixels

    def _patch(self, photo: Tensor, place: list[float] | None) -> Tensor:
        free = [length - self.size for length in photo.shape[1:]]
        if place is None:
            top, left, way = free[0] // 2, free[1] // 2, 0
        else:
            top, left, way = int(place[0] * (free[0] + 1)), int(place[1] * (free[1] + 1)), int(place[2] * 8)
        patch = photo[:, top : top + self.size, left : left + self.size]
        # The eight ways to lay a square: two flips and a transpose.
        patch = patch.flip(1) if way & 1 else patch
        patch = patch.flip(2) if way & 2 else patch
        return patch.transpose(1, 2) if way & 4 else patch


def _pixels(path: Path | Place, channels: int) -> Tensor:
    """C H W: uint8 where the file was 8 bits deep, else float32."""
    photo = _reopened(path)
    if photo.array.dtype == np.uint8 and photo.shape[0] == channels:
        return torch.from_numpy(np.array(photo.array.transpose(2, 0, 1), order="C"))
    pixels = convert_channels(photo.tensor(), channels)
    return pixels.mul(255.0).round_().to(torch.uint8) if photo.array.dtype == np.uint8 else pixels


class Subset:
    """Some examples of another source."""

    def __init__(self, source: Source, indices: Tensor) -> None:
        self.source, self.indices, self.shape = source, indices, source.shape

    def __len__(self) -> int:
        return len(self.indices)

    def take(self, indices: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """float32 B *shape."""
        return self.source.take(self.indices[indices], generator)
