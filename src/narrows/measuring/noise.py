"""How noisy a picture is, from the picture alone.

Real detail is always larger than nothing, so a mean over the picture overestimates. Here only the patches with the
weakest texture count, and of these only the direction of least variance, in which detail has least to say: Liu,
Tanaka & Okutomi 2013, IEEE TIP 22:5226.
"""

from __future__ import annotations

import functools
import math
from typing import NamedTuple

import numpy as np
from torch import Tensor

_SIDE = 7
"""Pixels of a patch's side."""
_MOST_PATCHES = 40_000
_FEWEST_PATCHES = 3 * _SIDE**2
"""A covariance of 49 values from fewer means nothing."""
_MOST_CLIPPED = 0.1
"""Share of a patch's pixels at exactly 0 or 1. To allow none would choose patches by their noise."""
_ROUNDS = 3
_SURE = 1 - 1e-6
"""Of the patches that are nothing but noise, this share passes as weakly textured."""
_DIRECTIONS = 8
_LEVELS = 10
"""Brightnesses at which the noise is looked at for its curve."""


class NoiseCurve(NamedTuple):
    """Variance of the noise = slope * value + offset, for values in [0, 1]: photons and sensor."""

    slope: float
    offset: float

    def level(self, value: float) -> float:
        """Standard deviation in units of 1/255 where the picture has this value."""
        return 255 * math.sqrt(max(0.0, self.slope * value + self.offset))


def noise_level(picture: Tensor) -> float:
    """C H W in [0, 1] -> standard deviation of its noise, in units of 1/255, taken as Gaussian and even; 0 for
    pictures under 3x3.

    Patches with many clipped pixels are left out where others are to be had. Measured on the middles of 14 of
    scikit-image's pictures (docs/log.md): median error 2 to 3 % for levels of 5 to 50, mostly low, and 7 % at 50 when
    clipped; grass and gravel, where no patch is plain, were off by 2 units at levels of 2 and 5.
    """
    return 255 * float(np.mean([_level(plane) for plane in _planes(picture)]))


def noise_curve(picture: Tensor) -> NoiseCurve:
    """C H W in [0, 1] -> how the noise grows with the light. Channels are taken as equally noisy.

    A straight line through the noise found at up to 10 brightnesses, in the 8 directions in which the picture's
    patches vary least (directions chosen anew at each would be those of least noise, by chance); where a picture has
    too few patches, an even level. Measured as above for five curves of 3 to 45 units: the level at the values 0.2,
    0.5 and 0.8 has a median error of 1 to 7 %, and 12 % for the weakest, which detail adds to.
    """
    patches = np.concatenate([_patches(plane) for plane in _planes(picture)])
    if len(patches) < 2 * _FEWEST_PATCHES:
        return NoiseCurve(0.0, (noise_level(picture) / 255) ** 2)
    means = patches.mean(1)
    patches = patches - means[:, None]
    # The first direction is the mean's, of which nothing is left.
    least = np.linalg.eigh(np.cov(patches.T))[1][:, 1 : 1 + _DIRECTIONS]
    levels = min(_LEVELS, len(patches) // _FEWEST_PATCHES)
    order = np.array_split(np.argsort(means, kind="stable"), levels)
    values = np.array([means[part].mean() for part in order])
    spreads = np.array([np.median(np.abs(patches[part] @ least)) / 0.6745 for part in order])
    return _line(values, spreads**2)


def _line(values: np.ndarray, variances: np.ndarray) -> NoiseCurve:
    """Through variances whose errors are in proportion to them; neither slope nor offset below 0."""
    from scipy.optimize import nnls

    weights = 1 / np.maximum(variances, max(1e-9, 0.05 * float(np.median(variances))))
    slope, offset = nnls(np.stack([values, np.ones_like(values)], 1) * weights[:, None], variances * weights)[0]
    return NoiseCurve(float(slope), float(offset))


def _planes(picture: Tensor) -> np.ndarray:
    return picture.detach().cpu().numpy().astype(np.float64)


def _level(plane: np.ndarray) -> float:
    """H W -> standard deviation."""
    patches = _patches(plane)
    if len(patches) >= _FEWEST_PATCHES:
        return math.sqrt(_weakest(patches))
    if min(plane.shape) < 3:
        return 0.0
    # Second differences both ways leave 36 times the variance of even noise, and of smooth pictures nothing.
    rough = np.diff(np.diff(plane, 2, axis=0), 2, axis=1)
    return float(np.median(np.abs(rough))) / 0.6745 / 6


def _patches(plane: np.ndarray) -> np.ndarray:
    """N 49: patches from all over the plane, those with few clipped pixels where they are a tenth or more."""
    if min(plane.shape) < _SIDE:
        return np.empty((0, _SIDE**2))
    windows = np.lib.stride_tricks.sliding_window_view(plane, (_SIDE, _SIDE))
    every = math.ceil(math.sqrt(windows.shape[0] * windows.shape[1] / _MOST_PATCHES))
    found = windows[::every, ::every].reshape(-1, _SIDE**2)
    clipped = ((found == 0) | (found == 1)).mean(1)
    inside = clipped <= _MOST_CLIPPED
    return found[inside] if inside.sum() >= max(_FEWEST_PATCHES, len(found) / 10) else found


def _weakest(patches: np.ndarray) -> float:
    """Variance of the noise: the least eigenvalue over patches whose gradients could be noise, in rounds."""
    from scipy.special import gammaincinv

    gradients, trace, trace_of_square = _gradients()
    strength = (patches @ gradients * patches).sum(1)
    variance = _least(patches)
    for _ in range(_ROUNDS):
        # The strength of pure noise is nearly gamma distributed, with this mean and spread.
        mean, spread = variance * trace, 2 * variance**2 * trace_of_square
        if mean <= 0:
            return 0.0
        weak = strength <= gammaincinv(mean**2 / spread, _SURE) * spread / mean
        if weak.sum() < _FEWEST_PATCHES:
            break
        variance = _least(patches[weak])
    return variance


def _least(patches: np.ndarray) -> float:
    return max(0.0, float(np.linalg.eigvalsh(np.cov(patches.T))[0]))


@functools.cache
def _gradients() -> tuple[np.ndarray, float, float]:
    """The matrix G of a patch's squared central differences p'Gp, its trace, and its square's."""
    units = np.eye(_SIDE**2).reshape(-1, _SIDE, _SIDE)
    across = (units[:, :, 2:] - units[:, :, :-2]).reshape(_SIDE**2, -1) / 2
    down = (units[:, 2:] - units[:, :-2]).reshape(_SIDE**2, -1) / 2
    found = across @ across.T + down @ down.T
    return found, float(np.trace(found)), float(np.trace(found @ found))
