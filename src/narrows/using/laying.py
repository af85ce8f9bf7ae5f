"""The eight ways to lay a picture: flipped, and turned over its diagonal."""

from __future__ import annotations

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
