"""Pictures to one size and number of channels, in bounded memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from narrows._errors import BadData

if TYPE_CHECKING:
    from narrows.data.images import Photo

_LUMA = (0.299, 0.587, 0.114)
"""Rec. 601."""
_BAND_VALUES = 1 << 20
"""Values of a photo that are floats at once while it is resized: 4 MiB."""


def convert_channels(pixels: Tensor, channels: int) -> Tensor:
    """C H W -> channels H W: grey from colour by Rec. 601 luma, colour from grey by repeating, others by mean."""
    have = pixels.shape[0]
    if have == channels:
        return pixels
    if channels == 1:
        if have == 3:
            return (pixels * pixels.new_tensor(_LUMA)[:, None, None]).sum(0, keepdim=True)
        return pixels.mean(0, keepdim=True)
    if have == 1:
        return pixels.expand(channels, -1, -1).contiguous()
    raise BadData(f"a picture of {have} channels came where {channels} are expected; convert it first")


def fit_to(pixels: Tensor, shape: tuple[int, ...]) -> Tensor:
    """C H W -> exactly `shape`: channels converted, resized with antialiasing until it covers, the middle cut out."""
    channels, height, width = shape
    pixels = convert_channels(pixels, channels)
    if pixels.shape[1:] == (height, width):
        return pixels
    return _cut(_resize(pixels, _cover(pixels.shape[1:], height, width)), height, width)


def fit_photo(photo: Photo, shape: tuple[int, ...]) -> Tensor:
    """uint8 `shape`: `fit_to` of a photo, rounded to bytes; a band of rows is floats at a time, never the whole."""
    channels, height, width = shape
    _, have_height, have_width = photo.shape
    tall, wide = _cover((have_height, have_width), height, width)
    rows = max(1, _BAND_VALUES // max(1, photo.shape[0] * have_width))
    bands = []
    for start in range(0, have_height, rows):  # every row is resized across by itself, so bands change nothing
        band = convert_channels(photo.tensor(slice(start, start + rows)), channels)
        bands.append(band if wide == have_width else _resize(band, (band.shape[1], wide)))
    pixels = torch.cat(bands, 1)
    pixels = pixels if tall == have_height else _resize(pixels, (tall, wide))
    return _cut(pixels, height, width).clamp(0, 1).mul_(255).round_().to(torch.uint8)


def _cover(have: tuple[int, ...] | torch.Size, height: int, width: int) -> tuple[int, int]:
    """The size, of the same proportions as `have`, that covers height and width."""
    if tuple(have) == (height, width):
        return height, width
    scale = max(height / have[0], width / have[1])
    return max(height, round(scale * have[0])), max(width, round(scale * have[1]))


def _resize(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    return F.interpolate(pixels[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]


def _cut(pixels: Tensor, height: int, width: int) -> Tensor:
    top, left = (pixels.shape[1] - height) // 2, (pixels.shape[2] - width) // 2
    return pixels[:, top : top + height, left : left + width].contiguous()
