"""Filters against darkness. All work on the brightness and keep the colours' proportions, unless said otherwise."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from narrows.measuring.classical._filter import ClassicalFilter, back, luma, with_luma


def gamma(picture: Tensor, exponent: float) -> Tensor:
    """Every value to the power of `exponent`."""
    return picture.clamp(0, 1) ** exponent


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


FILTERS = (
    ClassicalFilter("gamma", "gamma", (0.25, 0.35, 0.45, 0.55, 0.7, 0.85), gamma),
    ClassicalFilter("clahe", "CLAHE", (0.005, 0.01, 0.03, 0.1), clahe, whole=True),
    ClassicalFilter("equalise", "histogram equalisation", (0.3, 0.6, 1.0), equalise, whole=True),
    ClassicalFilter("auto_levels", "auto levels", (0.1, 0.5, 2.0), auto_levels, whole=True),
)
