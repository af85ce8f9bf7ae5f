"""Convolution blocks and pooling on the way down, upsampling and convolution blocks on the way up.

What the textbooks draw: the channels double while the picture halves. A vector code ends in one fully connected
layer, and a linear map that begins at PCA lies beside the convolutions; a grid code keeps its place in the picture and
comes from a 1x1 convolution.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from torch import nn

from narrows._contract import Plan
from narrows.architectures._plans import doubling, widths_from
from narrows.architectures._starts import LinearStart
from narrows.nn.blocks import Centred, Upsample

_SMALLEST_SIDE = 4
_FIRST = 16
"""In the same minutes on a processor nets of 32 had a fifth to two fifths more error (docs/log.md, 2026-11-28)."""


class Conv(LinearStart):
    """Each layer before the code is a 3x3 convolution, ReLU and 2x2 max pooling; `n_nodes` names its channels.

    `start`: `linear` puts a linear map of the whole picture beside the convolutions, each way, where a code is one
    vector; where the kind's code allows it, that begins at PCA. `random` is the convolutions alone.
    """

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
        # Down: a 3x3 at each scale, and pooling that looks one finer pixel further; up: a 3x3 at each scale.
        down = sum(2**level for level in range(len(self.n_nodes))) + self.stride - 1
        up = sum(2**level for level in range(len(self.n_nodes))) + self.stride - 1
        return down + up

    def encoder(self, n_out: int, grid: bool = False) -> nn.Module:
        blocks: list[nn.Module] = []
        channels = n_in = self.shape[0] + self.extra
        for n in self.n_nodes:
            blocks += [
                _kaiming(nn.Conv2d(n_in, n, 3, padding=1)),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2, ceil_mode=True),
            ]
            n_in = n
        if grid:
            return Centred((channels, 1, 1), *blocks, nn.Conv2d(n_in, n_out, 1))
        height, width = halved_sizes(self.shape, len(self.n_nodes))[-1]
        blocks += [nn.Flatten(), nn.Linear(n_in * height * width, n_out)]
        return self.from_picture(n_out, blocks)

    def decoder(self, n_in: int, grid: bool = False) -> nn.Module:
        sizes = halved_sizes(self.target_shape, len(self.n_nodes))
        widest = self.n_nodes[-1] if self.n_nodes else self.target_shape[0]
        first: list[nn.Module]
        # Where no block follows, this layer gives the output, which is unbounded.
        bend: list[nn.Module] = [nn.ReLU(inplace=True)] if self.n_nodes else []
        if grid:
            one = nn.Conv2d(n_in, widest, 1)
            first = [_kaiming(one) if self.n_nodes else one, *bend]
        else:
            height, width = sizes[-1]
            first = [nn.Linear(n_in, widest * height * width), *bend, nn.Unflatten(1, (widest, height, width))]
        blocks: list[nn.Module] = []
        for level in reversed(range(len(self.n_nodes))):
            last = level == 0
            n_out = self.target_shape[0] if last else self.n_nodes[level - 1]
            blocks.append(Upsample(None if grid else sizes[level]))
            if last:
                # The last block keeps a hidden layer of its own: the output is linear, at full resolution.
                blocks += [_kaiming(nn.Conv2d(self.n_nodes[0], self.n_nodes[0], 3, padding=1)), nn.ReLU(inplace=True)]
                blocks += [nn.Conv2d(self.n_nodes[0], n_out, 3, padding=1)]
            else:
                blocks += [_kaiming(nn.Conv2d(self.n_nodes[level], n_out, 3, padding=1)), nn.ReLU(inplace=True)]
        return nn.Sequential(*first, *blocks) if grid else self.to_picture(n_in, [*first, *blocks])


def halved_sizes(shape: tuple[int, ...], times: int) -> list[tuple[int, int]]:
    """(H, W) at every scale, the picture's own first; odd sides are rounded up."""
    sizes = [(shape[1], shape[2])]
    for _ in range(times):
        sizes.append((math.ceil(sizes[-1][0] / 2), math.ceil(sizes[-1][1] / 2)))
    return sizes


def plan_of_halvings(
    shape: tuple[int, ...], n_layers: int | None, n_nodes: int | tuple[int, ...] | None, *, first: int
) -> Plan:
    """A plan in which every layer but the last halves the picture."""
    side = min(shape[1:])
    halvings = max(1, int(math.log2(max(side / _SMALLEST_SIDE, 1))))
    return widths_from(
        n_layers,
        n_nodes,
        default_layers=(
            halvings + 1,
            f"{halvings} halvings leave {halved_sizes(shape, halvings)[-1]} of {shape[1:]} pixels",
        ),
        default_first=(first, "channels that double while the picture halves"),
        rule=doubling,
    )


def _kaiming(conv: nn.Conv2d) -> nn.Conv2d:
    nn.init.kaiming_normal_(conv.weight, nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)
    return conv
