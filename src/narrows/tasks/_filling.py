"""What stands where something is missing: the smoothest surface through what is known around it.

A membrane over the hole (Laplace's equation), coarse first: halve the picture until nothing is missing, each half the
mean of what is known in it; then go back up, every time taking the coarser surface for what is missing and letting it
settle, each pixel towards the mean of its four neighbors. Gortler et al. 1996 (SIGGRAPH, "The Lumigraph") call the two
ways pull and push; settling on the way up is a multigrid cycle's (Briggs et al. 2000).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_SETTLING = 12
"""Times that a pixel goes towards its neighbors' mean, at every size."""
_TOWARDS = 0.8
"""How far: all the way would swing between the two colors of a chessboard."""
_NOTHING_KNOWN = 0.5
_AT_ONCE = 512
"""Rows that settle at a time, for the memory. The same comes out: in 12 times, 12 rows on either side have a say."""


def smooth_fill(pictures: Tensor, missing: Tensor) -> Tensor:
    """B C H W, and B 1 H W (above 0 is missing) -> B C H W: the same, with the holes filled. What stood in them does
    not matter; where nothing at all is known it is grey."""
    known = missing <= 0
    return _filled(torch.where(known, pictures, 0), known)


def _filled(pictures: Tensor, known: Tensor) -> Tensor:
    """Of pictures that are 0 where they are not `known`."""
    if bool(known.all()):
        return pictures
    height, width = pictures.shape[2:]
    if height * width == 1:
        return torch.where(known, pictures, _NOTHING_KNOWN)
    # Rows and columns that make the sides even are not known.
    even = (0, width % 2, 0, height % 2)
    share = F.avg_pool2d(F.pad(known.to(pictures), even), 2)
    half = F.avg_pool2d(F.pad(pictures, even), 2).div_(share.clamp_min(0.25))
    coarse = _filled(half, share > 0)
    guess = coarse.repeat_interleave(2, 2)[..., :height, :].repeat_interleave(2, 3)[..., :width]
    guess = torch.where(known, pictures, guess)
    found = torch.empty_like(guess)
    for top in range(0, height, _AT_ONCE):
        bottom = min(height, top + _AT_ONCE)
        rows = slice(max(0, top - _SETTLING), min(height, bottom + _SETTLING))
        settled = _settled(guess[..., rows, :], known[..., rows, :])
        found[..., top:bottom, :] = settled[..., top - rows.start : bottom - rows.start, :]
    return found


def _settled(found: Tensor, known: Tensor) -> Tensor:
    kept = found
    for _ in range(_SETTLING):
        around = F.pad(found, (1, 1, 1, 1), mode="replicate")
        mean = (around[..., 2:, 1:-1] + around[..., :-2, 1:-1] + around[..., 1:-1, 2:] + around[..., 1:-1, :-2]) / 4
        found = torch.where(known, kept, torch.lerp(found, mean, _TOWARDS))
    return found
