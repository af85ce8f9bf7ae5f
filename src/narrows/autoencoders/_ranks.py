"""What kinds that count must do when several processes share a batch: count together, or they drift apart."""

from __future__ import annotations

import torch.distributed as dist
from torch import Tensor


def summed(mine: Tensor) -> Tensor:
    """The sum over all processes; `mine` itself where there is one. Changes `mine`."""
    if dist.is_available() and dist.is_initialized():
        dist.all_reduce(mine)
    return mine
