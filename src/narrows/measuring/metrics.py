"""How far a result is from the truth, for every picture of a batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

NOTHING = 1e-8
"""Share of the mean example's squared error that is none: what is below differs by rounding alone."""


class Metric(NamedTuple):
    """A measure with what a reader must know of it."""

    name: str
    unit: str
    higher_is_better: bool
    of: Callable[[Tensor, Tensor], Tensor]
    """(result, target), both B C H W in [0, 1] or B D -> B"""


def squared_error(recon: Tensor, target: Tensor) -> Tensor:
    """B: squared difference summed over the values, as Hinton & Salakhutdinov 2006 report it."""
    return (recon - target).square().flatten(1).sum(1)


def mse(recon: Tensor, target: Tensor) -> Tensor:
    """B: squared difference, mean over the values."""
    return (recon - target).square().flatten(1).mean(1)


def mae(recon: Tensor, target: Tensor) -> Tensor:
    """B: absolute difference, mean over the values."""
    return (recon - target).abs().flatten(1).mean(1)


def psnr(recon: Tensor, target: Tensor) -> Tensor:
    """B: decibels against a peak of 1. Equal pictures give 100 dB, so that means stay finite."""
    return -10 * mse(recon, target).clamp_min(1e-10).log10()


def ssim(recon: Tensor, target: Tensor) -> Tensor:
    """B: structural similarity, -1 to 1. Wang et al. 2004: 11x11 Gaussian window of sigma 1.5, valid region, mean over
    channels. Sides under 11 pixels shrink the window to the largest odd size that fits."""
    side = min(11, *recon.shape[2:])
    side -= 1 - side % 2
    at = torch.arange(side, dtype=recon.dtype, device=recon.device) - (side - 1) / 2
    line = torch.exp(-at.square() / (2 * 1.5**2))
    line = line / line.sum()
    channels = recon.shape[1]
    window = (line[:, None] * line[None, :]).expand(channels, 1, side, side)

    def blur(x: Tensor) -> Tensor:
        return F.conv2d(x, window, groups=channels)

    mean_r, mean_t = blur(recon), blur(target)
    var_r = blur(recon.square()) - mean_r.square()
    var_t = blur(target.square()) - mean_t.square()
    covariance = blur(recon * target) - mean_r * mean_t
    c1, c2 = 0.01**2, 0.03**2
    found = (2 * mean_r * mean_t + c1) * (2 * covariance + c2)
    found = found / ((mean_r.square() + mean_t.square() + c1) * (var_r + var_t + c2))
    return found.flatten(1).mean(1)


METRICS: dict[str, Metric] = {
    "mse": Metric("mse", "", False, mse),
    "squared_error": Metric("squared_error", "", False, squared_error),
    "mae": Metric("mae", "", False, mae),
    "psnr": Metric("psnr", "dB", True, psnr),
    "ssim": Metric("ssim", "", True, ssim),
}
