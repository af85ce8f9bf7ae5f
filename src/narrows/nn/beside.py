"""A net beside a linear map, which may begin as PCA: what the net learns is what the map cannot say."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


class BesideLinear(nn.Module):
    """linear(x) + net(x), B *shape_in -> B *shape_out, both of any shape.

    The map begins at 0, so the whole as the net alone was drawn. Once the map is to begin as something
    (`nn.linear_start`), `silence` lets the net begin at 0 instead: of the two, one is heard at first.
    """

    begins_linear = True

    def __init__(self, shape_in: tuple[int, ...], shape_out: tuple[int, ...], net: nn.Module) -> None:
        super().__init__()
        self.shape_out = shape_out
        self.linear = nn.Linear(math.prod(shape_in), math.prod(shape_out))
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
        return self.linear(x.flatten(1)).unflatten(1, self.shape_out) + self.net(x)
