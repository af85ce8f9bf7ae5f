"""Filters against noise."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from narrows.measuring.classical._filter import ClassicalFilter, back, by_pixels


def gaussian(picture: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of `sigma` pixels."""
    from scipy.ndimage import gaussian_filter

    return back(gaussian_filter(picture.numpy(), (0, sigma, sigma), mode="reflect"))


def median(picture: Tensor, side: int) -> Tensor:
    """Median of `side` x `side` pixels. Tukey 1971."""
    from scipy.ndimage import median_filter

    return back(median_filter(picture.numpy(), (1, side, side), mode="reflect"))


def wiener(picture: Tensor, side: int) -> Tensor:
    """Towards the local mean, the more the less the local variance exceeds the noise's, which is estimated as the mean
    local variance. Lee 1980, IEEE TPAMI 2:165; windows of `side` pixels."""
    from scipy.ndimage import uniform_filter

    def local_mean(values: np.ndarray) -> np.ndarray:
        return np.stack([uniform_filter(one, side, mode="reflect") for one in values])

    array = picture.numpy().astype(np.float64)
    mean = local_mean(array)
    variance = (local_mean(array**2) - mean**2).clip(0)
    noise = variance.mean(axis=(1, 2), keepdims=True)
    return back(mean + (variance - noise).clip(0) / np.maximum(variance, 1e-12) * (array - mean))


def total_variation(picture: Tensor, weight: float) -> Tensor:
    """The picture of little total variation that is near; a larger `weight` smooths more. Chambolle 2004."""
    from skimage.restoration import denoise_tv_chambolle

    return by_pixels(picture, denoise_tv_chambolle, weight=weight)


def bilateral(picture: Tensor, spread: float) -> Tensor:
    """Mean of the near pixels (sigma 2, window 11x11) that are also of nearly the same value: standard deviation
    `spread`. Tomasi & Manduchi 1998."""
    height, width = picture.shape[1:]
    reach = 5
    down, across = (np.pad(np.arange(n), reach, mode="symmetric") for n in (height, width))
    wide = picture[:, torch.from_numpy(down)[:, None], torch.from_numpy(across)[None, :]]
    total, weights = torch.zeros_like(picture), picture.new_zeros((1, height, width))
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            other = wide[:, reach + dy : reach + dy + height, reach + dx : reach + dx + width]
            apart = (other - picture).square().mean(0, keepdim=True) / spread**2 + (dy * dy + dx * dx) / 4
            weight = torch.exp(-0.5 * apart)
            total += weight * other
            weights += weight
    return total / weights


def non_local_means(picture: Tensor, share: float) -> Tensor:
    """Buades et al. 2005; `share` times the estimated noise level is the filter's strength."""
    from skimage.restoration import denoise_nl_means

    sigma = _noise(picture)
    if sigma <= 0:
        return picture
    side = max(1, min(5, *(length // 2 * 2 - 1 for length in picture.shape[1:])))
    return by_pixels(
        picture, denoise_nl_means, patch_size=side, patch_distance=6, h=share * sigma, sigma=sigma, fast_mode=True
    )


_LEAST_RANGE = 1e-4
"""Of an opponent colour: rounding alone reaches 1e-7."""


def bm3d(picture: Tensor, share: float) -> Tensor:
    """Dabov et al. 2007, IEEE TIP 16:2080, by the package `bm3d`; told `share` times the estimated noise level."""
    import bm3d as package

    sigma = share * _noise(picture)
    if sigma <= 0 or min(picture.shape[1:]) < 8:
        return picture
    if len(picture) == 3 and _varies_in_colour(picture):
        return back(package.bm3d_rgb(picture.numpy().transpose(1, 2, 0), sigma).transpose(2, 0, 1))
    alike = len(picture) > 1 and bool((picture == picture[:1]).all())
    found = [
        back(np.reshape(package.bm3d(one.numpy(), sigma), (1, *one.shape))) for one in picture[: 1 if alike else None]
    ]
    return torch.cat(found).expand_as(picture)


def _varies_in_colour(picture: Tensor) -> bool:
    """Whether each of the three opponent colours, 3 H W, takes more than one value: bm3d_rgb divides by their ranges,
    and gave nothing but NaN for a grey picture in three channels."""
    red, green, blue = picture
    opponents = (red + green + blue, red - blue, red - 2 * green + blue)
    return all(float(one.amax() - one.amin()) > _LEAST_RANGE for one in opponents)


def _noise(picture: Tensor) -> float:
    """Standard deviation, by the median of the finest wavelets; 0 where there is none to be seen."""
    from skimage.restoration import estimate_sigma

    if min(picture.shape[1:]) < 3:
        return 0.0
    found = float(np.mean([estimate_sigma(one.numpy()) for one in picture]))
    return found if math.isfinite(found) else 0.0


FILTERS = (
    ClassicalFilter("gaussian", "Gaussian", (0.4, 0.6, 0.8, 1.0, 1.3, 1.7, 2.2, 3.0), gaussian),
    ClassicalFilter("median", "median", (3, 5, 7), median),
    ClassicalFilter("wiener", "Wiener", (3, 5, 7), wiener),
    ClassicalFilter("total_variation", "total variation", (0.01, 0.02, 0.04, 0.07, 0.12, 0.2), total_variation),
    ClassicalFilter("bilateral", "bilateral", (0.02, 0.05, 0.1, 0.2, 0.35), bilateral),
    ClassicalFilter("non_local_means", "non-local means", (0.4, 0.6, 0.8, 1.0, 1.3), non_local_means),
    ClassicalFilter("bm3d", "BM3D", (1.0,), bm3d, slow=True, package="bm3d"),
)
