"""Residual: strided convolutions down, pixel shuffles up, a residual block at every scale. He et al. 2016.

Deeper than `conv` for the same number of scales; no normalisation (see `nn.blocks.ResidualBlock`).
"""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor, nn

from narrows._contract import Plan
from narrows.architectures._starts import LinearStart
from narrows.architectures.conv import halved_sizes, plan_of_halvings
from narrows.nn.blocks import Centred, PixelShuffleUp, ResidualBlock, down

_FIRST = 16
"""In two minutes on a processor nets of 32 had four times the error (docs/log.md, 2026-11-28)."""


class ResNet(LinearStart):
    """Each layer before the code is a strided convolution with a residual block behind it. `start` is as for `conv`."""

    offers = frozenset({"vector", "grid"})
    accepts = frozenset({"picture"})
    any_size = True

    def __init__(self, *, start: Literal["linear", "random"] = "linear", **net: Any) -> None:
        """`net`: as every architecture takes it."""
        super().__init__(start=start, **net)

    @classmethod
    def plan(
        cls,
        shape: tuple[int, ...],
        n_layers: int | None = None,
        n_nodes: int | tuple[int, ...] | None = None,
        code_size: int | None = None,
    ) -> Plan:
        """As many halvings as leave a side of 4 pixels or more; 16 channels, doubling."""
        return plan_of_halvings(shape, n_layers, n_nodes, first=_FIRST)

    @property
    def stride(self) -> int:
        return 2 ** len(self.n_nodes)

    @property
    def reach(self) -> int:
        inner = sum(2 * ResidualBlock.reach * 2 ** (level + 1) for level in range(len(self.n_nodes)))
        return 2 + inner + self.stride - 1  # a 3x3 at full resolution at both ends

    def encoder(self, n_out: int, grid: bool = False) -> nn.Module:
        channels = self.shape[0] + self.extra
        n_in = self.n_nodes[0] if self.n_nodes else channels
        modules: list[nn.Module] = []
        if self.n_nodes:
            modules.append(nn.Conv2d(channels, n_in, 3, padding=1))
        for number, n in enumerate(self.n_nodes):
            pad = [] if grid else [_PadToEven(halved_sizes(self.shape, number)[-1])]
            modules += [nn.ReLU(inplace=True), *pad, down(n_in, n), ResidualBlock(n)]
            n_in = n
        if grid:
            return Centred((channels, 1, 1), *modules, nn.Conv2d(n_in, n_out, 1))
        height, width = halved_sizes(self.shape, len(self.n_nodes))[-1]
        return self.from_picture(n_out, [*modules, nn.Flatten(), nn.Linear(n_in * height * width, n_out)])

    def decoder(self, n_in: int, grid: bool = False) -> nn.Module:
        sizes = halved_sizes(self.target_shape, len(self.n_nodes))
        widest = self.n_nodes[-1] if self.n_nodes else self.target_shape[0]
        height, width = sizes[-1]
        modules: list[nn.Module] = (
            [nn.Conv2d(n_in, widest, 1)]
            if grid
            else [nn.Linear(n_in, widest * height * width), nn.Unflatten(1, (widest, height, width))]
        )
        for level in reversed(range(len(self.n_nodes))):
            n = self.n_nodes[level]
            n_out = self.n_nodes[max(level - 1, 0)]
            modules += [ResidualBlock(n), nn.ReLU(inplace=True), PixelShuffleUp(n, n_out)]
            modules += [] if grid else [_Crop(sizes[level])]
        if self.n_nodes:
            modules += [nn.ReLU(inplace=True), nn.Conv2d(self.n_nodes[0], self.target_shape[0], 3, padding=1)]
        return nn.Sequential(*modules) if grid else self.to_picture(n_in, modules)


class _PadToEven(nn.Module):
    """One more row or column, repeated, where a side is odd."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.pad = (0, size[1] % 2, 0, size[0] % 2)

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.pad(x, self.pad, mode="replicate") if any(self.pad) else x


class _Crop(nn.Module):
    """The first H rows and W columns."""

    def __init__(self, size: tuple[int, int]) -> None:
        super().__init__()
        self.size = size

    def forward(self, x: Tensor) -> Tensor:
        return x[..., : self.size[0], : self.size[1]]
