"""Filters against darkness; those of histograms work on the brightness and keep the colours' proportions."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from narrows.measuring.classical._filter import ClassicalFilter, back, luma, with_luma


def gamma(picture: Tensor, exponent: float) -> Tensor:
    """Every value to the power of `exponent`."""
    return picture.clamp(0, 1) ** exponent


def exposures(picture: Tensor, mean: float) -> Tensor:
    """As many exposures of it laid over each other as bring its mean to `mean`: 1 - (1 - picture) ** times.

    That is what laying a picture over itself as light ("screen") does: black stays black and white white, the dark
    grows `times` fold. Nothing is done where it is as bright already.
    """
    clear = 1 - picture.clamp(0, 1)
    every = -(-max(picture.shape[1:]) // _LOOKED_AT)
    seen = clear[:, ::every, ::every]
    low, high = 0.0, math.log(_MOST_TIMES)
    if float(1 - seen.mean()) >= mean:
        return picture.clamp(0, 1)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if float(1 - (seen ** math.exp(middle)).mean()) < mean else (low, middle)
    return 1 - clear ** math.exp(high)


def clahe(picture: Tensor, limit: float) -> Tensor:
    """Histogram equalisation in tiles, contrast limited to `limit`. Zuiderveld 1994, Graphics Gems IV."""
    from skimage.exposure import equalize_adapthist

    bright = luma(picture).clamp(0, 1)
    if min(bright.shape) < 8:  # a tile is an eighth of a side
        return picture
    return with_luma(picture, back(equalize_adapthist(bright.numpy(), clip_limit=limit)))


def equalise(picture: Tensor, share: float) -> Tensor:
    """Towards as many pixels of every brightness, `share` of the way."""
    from skimage.exposure import equalize_hist

    bright = luma(picture).clamp(0, 1)
    return with_luma(picture, (1 - share) * bright + share * back(equalize_hist(bright.numpy())))


def auto_levels(picture: Tensor, percent: float) -> Tensor:
    """The darkest and the brightest `percent` of the pixels become 0 and 1, in each channel; what lies between is
    stretched evenly."""
    found = []
    for channel in picture:
        low, high = np.percentile(channel.numpy(), [percent, 100 - percent])
        found.append((channel - float(low)) / max(float(high - low), 1e-3))
    return torch.stack(found).clamp(0, 1)


_MOST_TIMES = 1000.0
_LOOKED_AT = 256
"""Pixels a side, at most, that the brightness is measured on."""
_HALVINGS = 24

FILTERS = (
    ClassicalFilter(
        "exposures", "exposures laid over each other", (0.3, 0.35, 0.4, 0.45, 0.5, 0.55), exposures, whole=True
    ),
    ClassicalFilter("gamma", "gamma", (0.25, 0.35, 0.45, 0.55, 0.7, 0.85), gamma),
    ClassicalFilter("clahe", "CLAHE", (0.005, 0.01, 0.03, 0.1), clahe, whole=True),
    ClassicalFilter("equalise", "histogram equalisation", (0.3, 0.6, 1.0), equalise, whole=True),
    ClassicalFilter("auto_levels", "auto levels", (0.1, 0.5, 2.0), auto_levels, whole=True),
)
