"""What else was done to a picture, read from its pixels: JPEG's steps, the width of a blur, too little light."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from narrows.measuring.classical._filter import luma
from narrows.measuring.noise import noise_level
from narrows.nn.jpeg import BLOCK, tables

# JPEG

_PLACES = (
    (0, 1), (1, 0), (2, 0), (1, 1), (0, 2), (0, 3), (1, 2), (2, 1), (3, 0), (4, 0), (3, 1), (2, 2), (1, 3), (0, 4),
)  # fmt: skip
"""Coefficients that are looked at: the coarsest, which most blocks have."""
_BEST_SEEN = 95
"""Beyond, a step is no larger than the rounding of the pixels and leaves no trace."""
_FEWEST = 30
"""Coefficients that a quality is judged by."""
_ON_STEPS, _AS_GOOD = 0.4, 0.9
_ROUNDING = 0.1
"""Variance of a coefficient, in levels, from pixels that were rounded."""


def quality_of_tables(luma_steps: Sequence[int]) -> int:
    """The quality whose standard table of brightness is nearest to a file's, 1 to 100. 64 steps, in rows; Pillow
    gives them as `Image.quantization[0]`."""
    wanted = torch.tensor(list(luma_steps), dtype=torch.float64).log()
    apart = (_all_tables().flatten(1).log() - wanted).square().sum(1)
    return int(apart.argmin()) + 1


def jpeg_quality(picture: Tensor) -> int | None:
    """C H W in [0, 1] -> the JPEG quality that it once had, also where it was cut or stored otherwise since; None
    where there is no trace of one of 95 or less.

    Stored coefficients are multiples of a step: the largest step that nearly all obey gives the quality. The grid's
    place is where steps between pixels are largest. Measured on the middles of 14 of scikit-image's pictures, cut off
    the grid (docs/log.md): right to one step in all for qualities 5 to 50, in 12 or 13 for 60 to 80, in 11 at 90 and
    8 at 95; the others gave None, and one the quality that it had had before.
    """
    bright = (luma(picture.detach().cpu()).double().clamp(0, 1) * 255).numpy()
    if min(bright.shape) < 4 * BLOCK:
        return None
    for place in dict.fromkeys((_grid(bright), (0, 0))):
        found = _quality(bright[place[0] :, place[1] :])
        if found is not None:
            return found
    return None


def _grid(bright: np.ndarray) -> tuple[int, int]:
    """Row and column where the first whole block begins."""
    found = []
    for axis in (0, 1):
        steps = np.moveaxis(np.abs(np.diff(bright, axis=axis)), axis, 0)
        excess = np.clip(steps[1:-1] - (steps[:-2] + steps[2:]) / 2, -8, 8).mean(1)
        found.append((int(np.argmax([excess[start::BLOCK].mean() for start in range(BLOCK)])) + 2) % BLOCK)
    return found[0], found[1]


def _quality(bright: np.ndarray) -> int | None:
    from scipy.fft import dctn

    rows, cols = (length // BLOCK for length in bright.shape)
    blocks = bright[: rows * BLOCK, : cols * BLOCK].reshape(rows, BLOCK, cols, BLOCK).transpose(0, 2, 1, 3) - 128
    blocks = blocks.reshape(-1, BLOCK, BLOCK)
    whole = (blocks.min((1, 2)) > -128) & (blocks.max((1, 2)) < 127)  # clipped blocks have lost their steps
    blocks = blocks[whole] if whole.sum() > _FEWEST else blocks
    down, across = np.array(_PLACES).T
    coefficients = np.asarray(dctn(blocks, axes=(1, 2), norm="ortho"))[:, down, across]
    scores = np.zeros(_BEST_SEEN)
    for number, steps in enumerate(_all_tables().numpy()[:_BEST_SEEN, down, across]):
        stored = np.abs(coefficients) > 0.6 * steps  # the others were rounded to 0, which is a multiple of anything
        if stored.sum() < _FEWEST:
            continue
        on_steps = np.cos(2 * np.pi * coefficients / steps)[stored].sum()
        at_best = (stored.sum(0) * np.exp(-2 * np.pi**2 * _ROUNDING / steps**2)).sum()
        scores[number] = min(1.0, on_steps / at_best)
    if scores.max() < _ON_STEPS:
        return None
    first = int(np.argmax(scores >= _AS_GOOD * scores.max()))  # half the step fits as well: the largest is meant
    return first + int(np.argmax(scores[first : first + 4])) + 1


def _all_tables() -> Tensor:
    """100 8 8: steps of brightness for the qualities 1 to 100."""
    return tables(torch.arange(1, 101))


# Blur

_SLOPE, _SLOPE_SPREAD, _ERROR = 2.3, 0.3, 0.25
"""The power of photographs falls with frequency to about this power, give or take; scatter of its logarithm."""
_BANDS, _LOWEST = 36, 0.15
"""Rings of frequency, from so many radians a pixel."""


def blur_width(picture: Tensor, noise: float | None = None) -> float:
    """C H W in [0, 1] -> about the standard deviation, in pixels, of the Gaussian that it looks blurred by; 0 where it
    cannot be told (under 32 pixels a side, or nothing but noise). `noise` in units of 1/255; measured if None.

    Sharp photographs have a power spectrum that falls as 1/f^2.3; a Gaussian blur multiplies it by exp(-(sigma f)^2).
    Both are fitted to the logarithm of the power above the noise. Cameras and scaling blur too, so sharp pictures give
    0 to 0.6. Measured on the middles of 14 of scikit-image's pictures without noise (docs/log.md): blurred by 1 / 1.6 /
    2.4 / 4 pixels they give 1.1 / 1.7 / 2.5 / 4.0, eight of ten within 0.25 of it. Smooth pictures under noise are less
    sure: little of their spectrum is left to be seen.
    """
    from scipy.fft import dctn
    from scipy.optimize import lsq_linear

    bright = luma(picture.detach().cpu()).double().numpy()
    if min(bright.shape) < 32:
        return 0.0
    level = noise_level(torch.from_numpy(bright)[None]) if noise is None else noise
    floor = max((level / 255) ** 2, 1 / 12 / 255**2)  # rounding to 8 bits is noise, too
    power = np.asarray(dctn(bright - bright.mean(), norm="ortho")) ** 2
    down, across = (np.pi * np.arange(length) / length for length in bright.shape)
    turns = np.hypot(down[:, None], across[None, :])
    ring = np.digitize(turns, np.linspace(_LOWEST, np.pi, _BANDS)).ravel()
    counts = np.maximum(np.bincount(ring, minlength=_BANDS + 1), 1)[1:_BANDS]
    at, mean = (np.bincount(ring, one.ravel(), _BANDS + 1)[1:_BANDS] / counts for one in (turns, power))
    above = mean - floor > floor
    heard = len(above) if above.all() else int(np.argmin(above))
    if heard < 4:
        return 0.0
    at, mean = at[:heard], mean[:heard] - floor
    rows = np.stack([np.ones(heard), -np.log(at), -(at**2)], 1) / _ERROR
    prior = np.array([[0, 1 / _SLOPE_SPREAD, 0]])
    found = lsq_linear(
        np.concatenate([rows, prior]),
        np.concatenate([np.log(mean) / _ERROR, [_SLOPE / _SLOPE_SPREAD]]),
        bounds=([-np.inf, 0, 0], np.inf),
    ).x
    return math.sqrt(float(found[2]))


_EDGES = 0.999
"""The steepest edges are this quantile of the differences between neighbours."""
_APART, _APART_ACROSS = 8, 6
"""Pixels over which an edge has climbed to its height: along rows and columns, and along diagonals."""
_DIRECTIONS = ((0, 1), (1, 1), (1, 0), (1, -1))


def edge_steepness(picture: Tensor) -> float | None:
    """C H W in [0, 1] -> the share of their height that the steepest edges climb from one pixel to the next, in the
    direction in which that is least; None where it cannot be told (under 32 pixels a side, or no edges).

    About 0.4 / width for a Gaussian blur, 1 / length along a motion. Noise adds to it. On 50 of BSDS500's training
    photographs it was 0.41 to 0.83; blurred by a Gaussian of 1 to 3 pixels, a disc of 1.5 to 4.5 or a motion of 3 to 9
    it was 0.15 to 0.39 (docs/log.md), where the power spectrum took every motion and half of the discs for sharp.
    """
    bright = luma(picture.detach().cpu()).double().numpy()
    if min(bright.shape) < 32:
        return None
    found = []
    for down, across in _DIRECTIONS:
        apart = _APART_ACROSS if down and across else _APART
        height = np.quantile(_differences(bright, down * apart, across * apart), _EDGES)
        if height < _FLAT:
            return None
        found.append(np.quantile(_differences(bright, down, across), _EDGES) / height)
    return float(min(found))


_FLAT = 8 / 255
"""Edges no higher than this are none."""


def _differences(bright: np.ndarray, down: int, across: int) -> np.ndarray:
    """Between pixels that lie so far apart."""
    height, width = bright.shape
    left, right = (slice(0, width - abs(across)), slice(abs(across), width))
    first, second = (left, right) if across >= 0 else (right, left)
    return np.abs(bright[down:, second] - bright[: height - down, first])


# Light


def highlights(picture: Tensor) -> float:
    """C H W in [0, 1] -> what 99 of 100 pixels are darker than: little in the dark, much in a night with lights."""
    return float(np.quantile(luma(picture.detach().cpu()).clamp(0, 1).numpy(), 0.99))


def brightness(picture: Tensor) -> float:
    """C H W in [0, 1] -> mean brightness, 0 (black) to 1."""
    return float(luma(picture).clamp(0, 1).mean())
