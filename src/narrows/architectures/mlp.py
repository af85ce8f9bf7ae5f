"""Fully connected: every value sees every other. The best start for small pictures and for tables.

Hinton & Salakhutdinov 2006 (Science 313:504) is 784-1000-500-250-30 of this.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any, Literal

from torch import nn

from narrows._contract import Plan
from narrows._errors import BadOption
from narrows.architectures._plans import halving, widths_from
from narrows.architectures._starts import LinearStart
from narrows.nn.blocks import Centred
from narrows.nn.linear_start import mark_linear

_FEW_VALUES = 256
_WIDEST = 1024
_MANY_VALUES = 4096
"""Beyond, the first layer is half as wide: with 64x64 in colour it has 6 million weights each way as it is."""
_NARROWEST_FIRST = 64


class MLP(LinearStart):
    """`n_nodes` halve from layer to layer on the way to the code; the decoder mirrors them.

    `start`: `linear` begins, where the kind's code allows it, at PCA (as much of it as half of the narrowest layer has
    room for); `random` as weights are drawn.
    """

    offers = frozenset({"vector"})
    accepts = frozenset({"picture", "table"})

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
        """Four layers from 256 values on, else three; the first as wide as the data's next power of two, 64 to 1024,
        or 512 beyond 4,096 values; none narrower than two nodes for every value of the code."""
        values = math.prod(shape)
        layers = 4 if values >= _FEW_VALUES else 3
        widest = _WIDEST if values <= _MANY_VALUES else _WIDEST // 2
        first = min(widest, max(_NARROWEST_FIRST, 2 ** math.ceil(math.log2(max(values, 1)))))
        code = code_size or 1
        plan = widths_from(
            n_layers,
            n_nodes,
            default_layers=(layers, f"{values} values are {'many' if layers == 4 else 'few'}"),
            default_first=(
                first,
                f"the next power of two to {values} values, between {_NARROWEST_FIRST} and {widest}",
            ),
            rule=lambda start, count: halving(start, count, floor=max(code, min(start, 2 * code))),
        )
        if (
            code_size is not None
            and isinstance(n_nodes, (int, tuple))
            and plan.n_nodes
            and min(plan.n_nodes) < code_size
        ):
            raise BadOption(
                f"n_nodes={plan.n_nodes} has a layer narrower than the code of {code_size}: the narrowest would be the "
                f"real bottleneck; give wider layers or a smaller --code-size"
            )
        return plan

    def encoder(self, n_out: int, grid: bool = False) -> nn.Module:
        shape = (self.shape[0] + self.extra, *self.shape[1:])
        return self._started(Centred(shape, nn.Flatten(), *_stack((math.prod(shape), *self.n_nodes, n_out))))

    def decoder(self, n_in: int, grid: bool = False) -> nn.Module:
        values = math.prod(self.target_shape)
        layers = _stack((n_in, *reversed(self.n_nodes), values))
        return self._started(nn.Sequential(*layers, nn.Unflatten(1, self.target_shape)))

    def _started(self, module: nn.Sequential) -> nn.Module:
        if self.start == "linear":
            mark_linear(module)
        return module


def _stack(sizes: tuple[int, ...]) -> list[nn.Module]:
    """Linear layers with an activation between each two."""
    modules: list[nn.Module] = []
    for number, (n_in, n_out) in enumerate(pairwise(sizes)):
        last = number == len(sizes) - 2
        linear = nn.Linear(n_in, n_out)
        nn.init.kaiming_normal_(linear.weight, nonlinearity="linear" if last else "relu")
        nn.init.zeros_(linear.bias)
        modules += [linear] if last else [linear, nn.SiLU()]
    return modules
