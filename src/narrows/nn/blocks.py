"""Blocks that architectures share: a convolution, a residual block, and changes of scale."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class ResidualBlock(nn.Module):
    """x + conv(act(conv(x))), 3x3 convolutions without normalisation. He et al. 2016, arXiv:1603.05027.

    The second convolution starts at a tenth of its usual size, so that a deep stack begins near the identity and
    needs no batch statistics (a row never depends on its batch).
    """

    reach = 2

    def __init__(self, n: int) -> None:
        super().__init__()
        self.inner = nn.Conv2d(n, n, 3, padding=1)
        self.outer = nn.Conv2d(n, n, 3, padding=1)
        with torch.no_grad():
            self.outer.weight.mul_(0.1)
            self.outer.bias.zero_()  # type: ignore[union-attr]

    def forward(self, x: Tensor) -> Tensor:
        # In place: a sum of its own would be the fourth of these tensors in memory, and they bound the size of tiles.
        return self.outer(F.relu(self.inner(x), inplace=True)).add_(x)


class PixelShuffleUp(nn.Module):
    """Twice the height and width: a 1x1 convolution to four times the channels, rearranged. Shi et al. 2016."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.widen = nn.Conv2d(n_in, 4 * n_out, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.pixel_shuffle(self.widen(x), 2)


def down(n_in: int, n_out: int) -> nn.Conv2d:
    """Half the height and width by a strided 2x2 convolution."""
    return nn.Conv2d(n_in, n_out, 2, stride=2)
