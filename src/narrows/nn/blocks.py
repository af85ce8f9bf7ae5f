"""Blocks that architectures share: a shift to mean 0, a residual block, and changes of scale."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Centred(nn.Sequential):
    """Layers that are shown x - mean: every value's, or every channel's over all places. The mean is the data's, once
    `learn_mean` was told some, and 0 before.

    Values that are all above 0 move every weight of a node the same way, and its sum by as many times that as there
    are values. LeCun et al. 1998, "Efficient BackProp", section 4.3.
    """

    mean: Tensor

    def __init__(self, shape: tuple[int, ...], *layers: nn.Module) -> None:
        """`shape` is one example's, (C, H, W) or (D,); with 1 for H and W where every channel has one mean."""
        super().__init__(*layers)
        self.register_buffer("mean", torch.zeros(shape))

    def learn_mean(self, inputs: Tensor) -> None:
        """Take the mean of B C H W, or B D."""
        alike = [axis for axis, size in enumerate(self.mean.shape, 1) if size == 1]
        self.mean.copy_(inputs.mean([0, *alike]).view_as(self.mean))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x - self.mean)


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


class Upsample(nn.Module):
    """Nearest neighbour, to a fixed (H, W) or to twice the size."""

    def __init__(self, size: tuple[int, int] | None) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        size = self.size or (2 * x.shape[-2], 2 * x.shape[-1])
        return F.interpolate(x, size=size, mode="nearest")


def down(n_in: int, n_out: int) -> nn.Conv2d:
    """Half the height and width by a strided 2x2 convolution."""
    return nn.Conv2d(n_in, n_out, 2, stride=2)
