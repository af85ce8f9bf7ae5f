"""What a restorer gains on one noisy picture whose truth nobody knows, where the noise is known.

Stein's unbiased risk estimate (Stein 1981), its derivative by one draw (Ramani, Blu & Unser 2008, IEEE TIP 17:1540):
error = change - noise + 2 noise * gradient. Unusual: nothing is taken for granted of the restorer, so that filters and
nets stand side by side. An error in the noise's strength moves them all alike, and so hardly their order.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor

from narrows.measuring.noise import NoiseCurve

_STEP = 0.1
"""Of the noise's standard deviation: how far the picture is moved to see what the result does."""
_LEAST = 1e-3
"""Of the noise: an error that is estimated to be less, or below 0, is taken as this."""


def estimated_gain(
    picture: Tensor, curve: NoiseCurve, restore: Callable[[Tensor], Tensor], generator: torch.Generator
) -> float:
    """C H W in [0, 1], not clipped, and its noise -> decibels that `restore`, of C H W, takes the picture nearer to
    the truth. It runs twice; noise must be independent from pixel to pixel."""
    result = restore(picture)
    variance = (curve.slope * result.clamp(0, 1) + curve.offset).clamp_min(0)
    noise = float(variance.mean())
    if noise == 0:
        return 0.0
    step = _STEP * math.sqrt(noise)
    signs = torch.randint(0, 2, picture.shape, generator=generator).to(picture) * 2 - 1
    moved = (restore(picture + step * signs) - result) / step
    error = float((result - picture).square().mean()) - noise + 2 * float((variance * signs * moved).mean())
    return -10 * math.log10(max(_LEAST, error / noise))
