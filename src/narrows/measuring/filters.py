"""Classical filters: the simple alternative to a restoring network. Their settings are chosen on training pictures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from narrows.measuring.metrics import psnr

_CHOSEN_BY_SIDE = 192
"""Pixels: settings are chosen on the middles of pictures, which is quick and says the same."""


def _gaussian(picture: Tensor, sigma: float) -> Tensor:
    from scipy.ndimage import gaussian_filter

    return torch.from_numpy(gaussian_filter(picture.numpy(), (0, sigma, sigma), mode="reflect"))


def _median(picture: Tensor, side: int) -> Tensor:
    from scipy.ndimage import median_filter

    return torch.from_numpy(median_filter(picture.numpy(), (1, side, side), mode="reflect"))


def _non_local_means(picture: Tensor, share: float) -> Tensor:
    """Buades et al. 2005; `share` times the estimated noise level is the filter's strength."""
    from skimage.restoration import denoise_nl_means, estimate_sigma

    grey = len(picture) == 1
    array = np.ascontiguousarray(picture[0].numpy() if grey else picture.numpy().transpose(1, 2, 0), dtype=np.float32)
    axis = None if grey else -1
    sigma = float(np.mean(estimate_sigma(array, channel_axis=axis)))
    if not np.isfinite(sigma) or sigma <= 0:
        return picture
    side = max(1, min(5, *(length // 2 * 2 - 1 for length in array.shape[:2])))
    found = denoise_nl_means(
        array, patch_size=side, patch_distance=6, h=share * sigma, sigma=sigma, fast_mode=True, channel_axis=axis
    )
    found = found[None] if grey else found.transpose(2, 0, 1)
    return torch.from_numpy(np.ascontiguousarray(found, dtype=np.float32))


class ClassicalFilter(NamedTuple):
    """A filter and the settings that are tried."""

    name: str
    settings: tuple[Any, ...]
    apply: Callable[[Tensor, Any], Tensor]
    """(C H W, setting) -> C H W"""


FILTERS = (
    ClassicalFilter("Gaussian", (0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0), _gaussian),
    ClassicalFilter("median", (3, 5, 7), _median),
    ClassicalFilter("non-local means", (0.4, 0.6, 0.8, 1.0, 1.3), _non_local_means),
)


class ChosenFilter(NamedTuple):
    """The filter and setting that did best on the pictures it was chosen by."""

    name: str
    setting: Any
    apply: Callable[[Tensor], Tensor]
    """C H W -> C H W"""
    psnr: float


def best_filter(damaged: list[Tensor], clean: list[Tensor]) -> ChosenFilter:
    """Choose by mean PSNR on (training) pictures, C H W in [0, 1]."""
    pairs = [(_middle(d), _middle(c)) for d, c in zip(damaged, clean, strict=True)]
    best: ChosenFilter | None = None
    for candidate in FILTERS:
        for setting in candidate.settings:
            found = [float(psnr(candidate.apply(d, setting).clamp(0, 1)[None], c[None])) for d, c in pairs]
            score = sum(found) / len(found)
            if best is None or score > best.psnr:

                def apply(picture: Tensor, candidate: ClassicalFilter = candidate, setting: Any = setting) -> Tensor:
                    return candidate.apply(picture, setting)

                best = ChosenFilter(candidate.name, setting, apply, score)
    assert best is not None  # FILTERS is not empty
    return best


def _middle(picture: Tensor) -> Tensor:
    top, left = (max(0, (length - _CHOSEN_BY_SIDE) // 2) for length in picture.shape[1:])
    return picture[:, top : top + _CHOSEN_BY_SIDE, left : left + _CHOSEN_BY_SIDE].contiguous()
