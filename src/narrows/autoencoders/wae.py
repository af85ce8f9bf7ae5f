"""Wasserstein: plain codes, and a pull that makes all codes together look like N(0, I).

Tolstikhin et al. 2018, arXiv:1711.01558, with the maximum mean discrepancy under inverse multiquadratic kernels at
seven scales. Single codes stay sharp, so pictures do too; yet new codes can be drawn.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from narrows._contract import AbstractArchitecture, Batch, Step
from narrows._errors import BadOption
from narrows.autoencoders._plain import PlainCode
from narrows.nn.losses import AbstractLoss

_SCALES = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Kernel widths, in units of the squared distance to be expected between two codes."""


class WAE(PlainCode):
    """Loss: reconstruction + weight * MMD(codes, N(0, I))."""

    gives = frozenset({"code", "draw"})
    even = False

    def __init__(self, *, net: AbstractArchitecture, loss: AbstractLoss, code_size: int, weight: float = 0.1) -> None:
        super().__init__(net=net, loss=loss, code_size=code_size)
        if not 0 <= weight < math.inf:
            raise BadOption(f"weight={weight}; it takes 0 or more: --set weight=0.1")
        self.code_size, self.weight = code_size, weight

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        code = self.encode(batch.x)
        error = self.loss(self.decode_raw(code), batch.target, batch.weight).mean()
        code = code.to(batch.x.dtype)
        drawn = torch.randn(code.shape, generator=step.generator, dtype=code.dtype, device=code.device)
        distance = mmd(code, drawn)
        return {"loss": error + self.weight * distance, "error": error, "mmd": distance}

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n codes from N(0, I): n D."""
        return torch.randn(n, self.code_size, generator=generator).to(self.offset)


def mmd(one: Tensor, other: Tensor) -> Tensor:
    """The squared maximum mean discrepancy of two samples B D, between 0 (the same sample) and 2.

    The mean over scales of inverse multiquadratic kernels. Gretton et al. 2012, JMLR 13:723.
    """
    return _kernel(one, one) + _kernel(other, other) - 2 * _kernel(one, other)


def _kernel(one: Tensor, other: Tensor) -> Tensor:
    distance = (one[:, None] - other[None]).square().sum(2)
    expected = 2.0 * one.shape[1]
    return torch.stack([(s * expected / (s * expected + distance)).mean() for s in _SCALES]).mean()
