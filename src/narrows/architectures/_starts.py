"""Nets that can begin as a linear map: the option `start`, which they share."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

from torch import nn

from narrows._contract import AbstractArchitecture
from narrows._errors import BadOption
from narrows.nn.beside import BesideLinear, reduced
from narrows.nn.blocks import Centred

_MOST_WEIGHTS = 1 << 23
"""Of a linear map beside a net: 32 MiB each way, a code of 682 values for 64x64 in colour and larger."""


class LinearStart(AbstractArchitecture):
    """`start`: "linear" where the kind's code allows it, else as weights are drawn; "random" always so. An architecture
    names it in a constructor of its own, for what it takes is read from its own file."""

    def __init__(self, *, start: Literal["linear", "random"], **net: Any) -> None:
        """`net`: as every architecture takes it."""
        super().__init__(**net)
        if start not in ("linear", "random"):
            raise BadOption(f"start={start!r}; it takes linear or random: --set start=linear")
        self.start = start

    def from_picture(self, n_out: int, layers: Sequence[nn.Module]) -> nn.Module:
        """An encoder, B C+extra H W -> B n_out, of such layers, with a linear map beside them."""
        shape = (self.shape[0] + self.extra, *self.shape[1:])
        if not self._beside(shape, (n_out,)):
            return Centred((shape[0], 1, 1), *layers)
        return Centred(shape, BesideLinear(shape, (n_out,), nn.Sequential(*layers)))

    def to_picture(self, n_in: int, layers: Sequence[nn.Module]) -> nn.Module:
        """A decoder, B n_in -> B *target_shape, likewise."""
        net = nn.Sequential(*layers)
        return BesideLinear((n_in,), self.target_shape, net) if self._beside((n_in,), self.target_shape) else net

    def _beside(self, *shapes: tuple[int, ...]) -> bool:
        """Whether a linear map from the one shape to the other lies beside the layers: where there are hidden ones,
        and it has not too many weights."""
        weights = math.prod(math.prod(reduced(shape)) for shape in shapes)
        return self.start == "linear" and bool(self.n_nodes) and weights <= _MOST_WEIGHTS
