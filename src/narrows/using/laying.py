"""The eight ways to lay a picture: flipped, and turned over its diagonal."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

WAYS = 8


def lay(pixels: Tensor, way: int) -> Tensor:
    """... H W in one of the eight ways to lay a picture; 0 is as it was."""
    if way & 1:
        pixels = pixels.flip(-1)
    if way & 2:
        pixels = pixels.flip(-2)
    return pixels.transpose(-1, -2) if way & 4 else pixels


def lay_back(pixels: Tensor, way: int) -> Tensor:
    """What `lay` did, undone."""
    if way & 4:
        pixels = pixels.transpose(-1, -2)
    if way & 2:
        pixels = pixels.flip(-2)
    return pixels.flip(-1) if way & 1 else pixels


def laid_in_every_way(net: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """`net` on a picture in each of the eight ways, and the mean of its results laid back: what it gets wrong in one
    way and not in another becomes less. Timofte et al. 2016, "Seven ways to improve example-based single image super
    resolution". B C H W -> B C H W, on both sides with height and width that the net takes in either order."""

    def every(ready: Tensor) -> Tensor:
        found = net(ready)
        for way in range(1, WAYS):
            found = found + lay_back(net(lay(ready, way).contiguous(memory_format=torch.channels_last)), way)
        return found / WAYS

    return every
