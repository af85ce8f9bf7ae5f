"""Examples from noisy pictures alone: what goes in and what should come out are both made of the same noisy picture.

Every function gives (x, target, weight) such that, on average over the noise, the squared error to the target is
the squared error to the unknown truth, plus a constant.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from narrows.nn.degrade import draw

_GENTLE, _STRONG = (0.12, 0.4), (0.35, 0.7)
"""Range of the recorrupting noise, over the picture's own: the first where it is much wider than the steps between
values, the second where it is not. On photographs in fine steps the first gained 0.06 to 0.09 dB, and a stack of photon
counts, of which a standard deviation is a few, lost 1.4 dB by it: the nearest count then tells the net what was added
(docs/log.md, 2026-11-27)."""
_STEPS_WIDE = 2.0
"""Steps between values that the weakest recorrupting noise should be wide."""
_HIDDEN = 1 / 16
"""Share of the pixels that are hidden at a time: most have none hidden around them."""
_AROUND = 2
"""Pixels, each way, from which a hidden one's stand-in is taken."""
STRONGEST = 2.0
"""gamma at the end of training: for Gaussian noise in colour, by Huang et al."""
_PAIRS = torch.tensor([[0, 1], [0, 2], [1, 3], [2, 3], [1, 0], [2, 0], [3, 1], [3, 2]])
"""Neighbours in a cell of 2x2, numbered in rows."""

Example = tuple[Tensor, Tensor, Tensor | None]


def recorrupted(noisy: Tensor, curve: Tensor, grain: float, generator: torch.Generator) -> Example:
    """B C H W, (slope, offset) of its noise's variance, and the step between its values -> the picture with more noise,
    and with less.

    x = y + a z and target = y - z / a, z drawn like the noise: then x and target have independent noise (Pang et al.
    2021, CVPR, "Recorrupted-to-Recorrupted"; exact for Gaussian noise). Unusual: every picture comes twice, once with
    z and once with -z (the second half of the batch is therefore not looked at), so that most of the target's noise
    cancels in the gradient. The limit of small a is Stein's unbiased risk estimate.
    """
    half = (len(noisy) + 1) // 2
    y = noisy[:half]
    spread = (curve[0] * y.clamp_min(0) + curve[1]).clamp_min(0).sqrt()
    z = spread * torch.randn(y.shape, generator=generator, dtype=y.dtype, device=y.device)
    lowest = _STEPS_WIDE * grain / spread.mean((1, 2, 3), keepdim=True).clamp_min(1e-6)
    share = ((lowest - _GENTLE[0]) / (_STRONG[0] - _GENTLE[0])).clamp(0, 1)
    low, high = (gentle + share * (strong - gentle) for gentle, strong in zip(_GENTLE, _STRONG, strict=True))
    a = low + (high - low) * draw(half, 0, 1, y, generator)[:, None, None, None]
    x = torch.cat([y + a * z, y - a * z])
    target = torch.cat([y - z / a, y + z / a])
    return x[: len(noisy)], target[: len(noisy)], None


def neighbours(
    noisy: Tensor, restore: Callable[[Tensor], Tensor] | None, progress: float, generator: torch.Generator
) -> Example:
    """B C H W -> two pictures of half the size, of neighbouring pixels: Neighbor2Neighbor, Huang et al. 2021, CVPR.

    The noise of neighbouring pixels must be independent; it may have any other shape, and none is asked for. `restore`
    is the net as it stands and `progress` 0 to 1. The paper's loss, |f(a) - b|^2 + gamma |f(a) - b - (a' - b')|^2 with
    a' and b' taken from f(noisy) without gradient, is (1 + gamma) |f(a) - t|^2 plus a constant, where
    t = b + gamma / (1 + gamma) (a' - b'). So it needs no other loss: its target moves.
    """
    height, width = (length // 2 * 2 for length in noisy.shape[2:])
    if min(height, width) == 0:  # one line of pixels has no cells; what is beside a pixel is itself
        return noisy, noisy, None
    noisy = noisy[..., :height, :width]
    cells = (len(noisy), 1, height // 2, width // 2)
    which = torch.randint(0, len(_PAIRS), cells, generator=generator, device=generator.device)
    first, second = _PAIRS.to(which)[which].unbind(-1)
    a, b = _picked(noisy, first), _picked(noisy, second)
    gamma = STRONGEST * progress
    if restore is None or gamma == 0:
        return a, b, None
    better = restore(noisy)
    return a, b + gamma / (1 + gamma) * (_picked(better, first) - _picked(better, second)), None


def blind_spots(noisy: Tensor, generator: torch.Generator) -> Example:
    """B C H W -> the picture with some pixels hidden behind their neighbours; the loss counts at these alone.

    Krull et al. 2019 (Noise2Void, CVPR) and Batson & Royer 2019 (Noise2Self, ICML). As `neighbours`, it asks for noise
    that is independent from pixel to pixel and for nothing else, and it works with nets of one size.
    """
    count, _, height, width = noisy.shape
    draws = {"generator": generator, "device": noisy.device}
    hidden = torch.rand((count, 1, height, width), **draws) < _HIDDEN
    rows = torch.arange(height, device=noisy.device)[:, None].expand(height, width)
    cols = torch.arange(width, device=noisy.device).expand(height, width)
    # 1 to 24 of the 25 places around, the middle left out.
    place = torch.randint(1, (2 * _AROUND + 1) ** 2, (count, height, width), **draws)
    place = (place + 2 * _AROUND * (_AROUND + 1)) % (2 * _AROUND + 1) ** 2
    # Around the edge, not mirrored at it: a mirrored pixel may be the hidden one itself.
    down = (rows + place // (2 * _AROUND + 1) - _AROUND) % height
    across = (cols + place % (2 * _AROUND + 1) - _AROUND) % width
    there = (down * width + across).flatten(1)[:, None].expand(-1, noisy.shape[1], -1)
    stand_in = noisy.flatten(2).gather(2, there).view_as(noisy)
    return torch.where(hidden, stand_in, noisy), noisy, hidden.to(noisy)


def _picked(pictures: Tensor, which: Tensor) -> Tensor:
    """B C H W and a number 0 to 3 for each cell of 2x2 (B 1 h w) -> B C h w."""
    cells = pictures.unflatten(3, (-1, 2)).unflatten(2, (-1, 2)).transpose(3, 4).flatten(4)
    return cells.gather(4, which.expand(-1, pictures.shape[1], -1, -1)[..., None])[..., 0]
