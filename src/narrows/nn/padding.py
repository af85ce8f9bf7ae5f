"""Pictures of any size for nets that halve: both sides are padded to a multiple of the net's stride."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor


def pad_to(pixels: Tensor, stride: int) -> Tensor:
    """B C H W with both sides rounded up to the stride, by reflection; by repetition where a side is too short."""
    for dim, place in ((-2, 2), (-1, 0)):
        missing = -pixels.shape[dim] % stride
        if missing:
            pad = [0, 0, 0, 0]
            pad[place + 1] = missing
            mode = "reflect" if missing < pixels.shape[dim] else "replicate"
            pixels = F.pad(pixels, pad, mode=mode)
    return pixels
