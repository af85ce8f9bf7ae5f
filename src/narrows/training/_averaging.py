"""The running mean of the weights, which is what is judged and kept. Polyak & Juditsky 1992."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import Tensor, nn


class Average:
    """Floating parameters and buffers of a module, averaged in place with two fused calls a step."""

    def __init__(self, module: nn.Module, memory: float) -> None:
        self.module, self.memory = module, memory
        self.names = [name for name, tensor in module.state_dict().items() if tensor.is_floating_point()]
        state = module.state_dict()  # tensors that share memory with the module's, and do so for good
        self.live = [state[name] for name in self.names]
        self.means = [tensor.clone() for tensor in self.live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """After step number `step` (from 1)."""
        memory = min(self.memory, (1 + step) / (10 + step)) if self.memory else 0.0
        torch._foreach_lerp_(self.means, self.live, 1 - memory)

    @contextlib.contextmanager
    def applied(self) -> Iterator[None]:
        """The module with its averaged values, for as long as the block lasts."""
        kept = [tensor.clone() for tensor in self.live]
        torch._foreach_copy_(self.live, self.means)
        try:
            yield
        finally:
            torch._foreach_copy_(self.live, kept)

    def state(self) -> dict[str, Tensor]:
        """A copy of the module's whole state with the averages in it."""
        state = {name: tensor.detach().clone() for name, tensor in self.module.state_dict().items()}
        return state | {name: mean.clone() for name, mean in zip(self.names, self.means, strict=True)}

    def tensors(self) -> dict[str, Tensor]:
        """The averages by name, for a checkpoint."""
        return dict(zip(self.names, self.means, strict=True))

    @torch.no_grad()
    def load(self, tensors: dict[str, Tensor]) -> None:
        """Back from a checkpoint."""
        for name, mean in zip(self.names, self.means, strict=True):
            mean.copy_(tensors[name])
