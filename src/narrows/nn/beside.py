"""A net beside a linear map, which may begin as PCA: what the net learns is what the map cannot say."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_SIDE = 64
"""Pixels of a side, at most, that the map is told of. 128 directions of 1,000 pictures of 128x128 leave 3 % (faces) and
5 % (photographs) less of others' error when they are found at 64x64 (docs/log.md, 2026-11-28)."""
_VALUES = 32
"""Values of a code from which on the map that draws is handed a share of them: at the rate that suits the rest, steps
of all its weights add up, and nets that began at PCA left it. 300 steps on faces of 64x64 in colour, a code of 128:
0.00729 of squared error with a quarter, 0.00733 without; digits with a code of 30 want all (docs/log.md, 2026-11-28).
That steps should shrink with the number of inputs: Yang et al. 2022, arXiv:2203.03466."""


class BesideLinear(nn.Module):
    """linear(x) + net(x), B *shape_in -> B *shape_out, both of any shape. Pictures are larger than the map sees or
    draws them: it takes means of their pixels, and what it gives is interpolated.

    The map begins at 0, so the whole as the net alone was drawn. Once the map is to begin as something
    (`nn.linear_start`), `silence` lets the net begin at 0 instead: of the two, one is heard at first.
    """

    begins_linear = True

    def __init__(self, shape_in: tuple[int, ...], shape_out: tuple[int, ...], net: nn.Module) -> None:
        super().__init__()
        self.shape_out = shape_out
        self.drawn = reduced(shape_out)
        self.share = min(1.0, _VALUES / shape_in[0]) if len(shape_in) == 1 else 1.0
        self.linear = nn.Linear(math.prod(reduced(shape_in)), math.prod(self.drawn))
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)
        self.net = net

    @torch.no_grad()
    def silence(self) -> None:
        """Let the net give 0: by the weights of its last layer, whose gradient the others wait for by one step."""
        last = [layer for layer in self.net.modules() if isinstance(layer, (nn.Linear, nn.Conv2d))][-1]
        last.weight.zero_()
        if last.bias is not None:
            last.bias.zero_()

    def forward(self, x: Tensor) -> Tensor:
        return self.enlarge(self.linear(self.share * reduce(x).flatten(1))) + self.net(x)

    def enlarge(self, values: Tensor) -> Tensor:
        """What the map gives -> B *shape_out."""
        drawn = values.unflatten(1, self.drawn)
        if self.drawn == self.shape_out:
            return drawn
        return F.interpolate(drawn, self.shape_out[1:], mode="bilinear", align_corners=False)


def reduced(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of what a linear map takes for `shape`: itself but for large pictures."""
    if len(shape) != 3:
        return shape
    times = -(-max(shape[1:]) // _SIDE)
    return (shape[0], *(-(-side // times) for side in shape[1:]))


def reduce(x: Tensor) -> Tensor:
    """B *shape -> B *reduced(shape), of means."""
    small = reduced(tuple(x.shape[1:]))
    return x if small == x.shape[1:] else F.interpolate(x, small[1:], mode="area")
