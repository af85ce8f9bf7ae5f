"""Fill parts of a picture that are missing or spoilt: scratches, dust, date stamps, dead pixels.

What to fill is told by a mask: a picture file, white where to fill, or the pixels of one colour with which the spoilt
parts were painted over. The net is shown the smoothest surface there (`_filling`), so that it only has to add what that
lacks, and the mask as one more channel; nothing else is changed. Trained with strokes, boxes and single pixels drawn at
random; the loss counts only where something is missing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from narrows._contract import AbstractTask, Batch, Step, Window
from narrows._errors import BadData, BadOption
from narrows.data.arrays import as_batch
from narrows.data.images import open_photo
from narrows.tasks._filling import smooth_fill
from narrows.tasks._masks import random_masks

_AT_ONCE = 1024
"""Rows of a picture that are looked at at a time."""
_SPOILT = 0.1
"""A mask is white from here on: a brush's soft edge is spoilt too, and what JPEG leaves around black is weaker."""
_TOLERANCE = 16.0
"""How far a pixel may be from the colour it is marked with, in units of 1/255."""
_AROUND = 64
"""Pixels around what is missing, each way, that it is filled from."""


class Inpaint(AbstractTask):
    """`most`: of the picture, at most about so much is taken away in training."""

    metric = "psnr"
    model = "inpaint"
    extra = 1
    extra_meaning = "1 where to fill, else 0; there the picture holds a smooth surface, elsewhere it stays as it was"
    classical = ("nearest_known", "harmonic", "biharmonic")

    def __init__(self, *, most: float = 0.4) -> None:
        super().__init__()
        if not 0 < most <= 0.95:
            raise BadOption(f"most={most}; it takes a share above 0, up to 0.95: --set most=0.4")
        self.most = most

    def example(self, pictures: Tensor, step: Step) -> Batch:
        mask = random_masks(pictures, self.most, step.generator)
        return Batch(torch.cat([smooth_fill(pictures, mask), mask], 1), pictures, mask)

    def look(
        self,
        window: Window,
        size: tuple[int, int],
        *,
        mask: Any = None,
        marked: str | None = None,
        tolerance: float | None = None,
        **options: Any,
    ) -> dict[str, Any]:
        if (mask is None) == (marked is None):
            came = "both came" if mask is not None else "neither came"
            raise BadOption(
                f"what to fill is told by --mask FILE (white where to fill) or by --marked COLOUR (such as ff0000), "
                f"which are --set mask=FILE and --set marked=COLOUR of narrows restore; {came}"
            )
        if mask is not None and tolerance is not None:
            raise BadOption(f"--tolerance {tolerance:g} belongs to --marked; leave it out beside --mask")
        near = _TOLERANCE if tolerance is None else tolerance
        found = _of_file(mask, size) if mask is not None else _of_colour(window, size, str(marked), near)
        return {"mask": _fill(window, size, found)}

    def prepare(
        self, photo: Tensor, *, mask: Path | None = None, marked: str | None = None, tolerance: float = _TOLERANCE
    ) -> Tensor:
        """mask: a picture of the same size, white where to fill.
        marked: a colour such as ff0000, with which what is to be filled was painted over.
        tolerance: how far a pixel may be from that colour, in units of 1/255; JPEG needs more than PNG.
        """
        if not isinstance(mask, Tensor):
            return torch.cat([photo, torch.zeros_like(photo[:, :1])], 1)
        missing = mask[:, :1].isfinite().to(photo)
        return torch.cat([torch.where(missing > 0, mask.to(photo), photo), missing], 1)

    def finish(self, ready: Tensor, result: Tensor) -> Tensor:
        return torch.where(ready[:, -1:] > 0, result, ready[:, :-1])


def _fill(window: Window, size: tuple[int, int], missing: Tensor) -> Tensor:
    """B C H W: what fills the pixels that are missing (B or 1, 1 H W of bool), not a number elsewhere. Half precision:
    it is a hint, and a map of the whole picture."""
    rows, cols = (torch.nonzero(missing.any(0).any(0).any(1 - axis)).flatten() for axis in (0, 1))
    part = [slice(max(0, int(at[0]) - _AROUND), int(at[-1]) + 1 + _AROUND) for at in (rows, cols)]
    part = [slice(one.start, min(one.stop, side)) for one, side in zip(part, size, strict=True)]
    corner = window(slice(0, 1), slice(0, 1))
    found = torch.full((*corner.shape[:2], *size), torch.nan, dtype=torch.half)
    around = found[..., part[0], part[1]]
    for some in _bands(part[0]):
        found[..., some, part[1]] = window(some, part[1]).half()
    holes = missing[..., part[0], part[1]]
    for channel in range(around.shape[1]):  # one at a time, for the memory
        filled = smooth_fill(around[:, channel : channel + 1].float(), holes)
        around[:, channel : channel + 1] = torch.where(holes, filled, torch.nan)
    return found


def _of_file(mask: Any, size: tuple[int, int]) -> Tensor:
    """1 1 H W of 0 and 1, from a file, or from a picture in memory. Raises BadData."""
    pixels = open_photo(mask).tensor()[None] if isinstance(mask, (str, Path)) else as_batch(mask)[0]
    if tuple(pixels.shape[2:]) != size:
        raise BadData(
            f"a mask of {pixels.shape[2]}x{pixels.shape[3]} pixels came for a picture of {size[0]}x{size[1]}; it takes "
            f"one of the same size, white where to fill"
        )
    found = (pixels.mean(1, keepdim=True) >= _SPOILT).any(0, keepdim=True)
    if not bool(found.any()):
        most = float(pixels.max())
        black = (
            f"almost black everywhere (its largest value is {255 * most:.2g} of 255)" if most else "black everywhere"
        )
        raise BadData(f"the mask is {black}, so there is nothing to fill; it is white where to fill")
    if bool(found.all()):
        raise BadData(
            "the mask is white everywhere, so there is nothing to fill it from; it is white only where to fill"
        )
    return found


def _bands(rows: slice) -> Iterator[slice]:
    """The rows, so many at a time as are looked at."""
    for top in range(rows.start, rows.stop, _AT_ONCE):
        yield slice(top, min(top + _AT_ONCE, rows.stop))


def _of_colour(window: Window, size: tuple[int, int], marked: str, tolerance: float) -> Tensor:
    """B 1 H W: True at the pixels of that colour. Raises BadOption, BadData."""
    if not re.fullmatch(r"#?[0-9a-fA-F]{6}", marked):
        raise BadOption(f"--marked {marked}: a colour is six hexadecimal digits, red, green, blue, such as ff0000")
    if not 0 <= tolerance <= 255:
        raise BadOption(f"--tolerance {tolerance}: it takes 0 to 255, such as 16")
    colour = torch.tensor([int(marked[-6:][at : at + 2], 16) / 255 for at in (0, 2, 4)])
    found = []
    for rows in _bands(slice(0, size[0])):
        part = window(rows, slice(0, size[1]))
        if part.shape[1] not in (1, 3):
            raise BadOption(f"--marked takes a grey or colour picture; this one has {part.shape[1]} channels: --mask")
        wanted = colour if part.shape[1] == 3 else colour.mean(0, keepdim=True)
        # A thousandth of a step: 16-bit pictures and floats are not exactly on it.
        away = (part - wanted.to(part)[:, None, None]).abs().amax(1, keepdim=True)
        found.append(away <= (tolerance + 1e-3) / 255)
    mask = torch.cat(found, 2)
    if not bool(mask.any()):
        raise BadData(f"no pixel is within {tolerance:g} of the colour {marked}; look it up in the picture, or --mask")
    if bool(mask.flatten(1).all(1).any()):
        raise BadData(
            f"every pixel is within {tolerance:g} of the colour {marked}, so there is nothing to fill it from; take a "
            f"smaller --tolerance"
        )
    return mask
