"""Sparse: many units, few of them active for any one picture, so that each comes to stand for something.

Three ways to the same end, one word apart: `topk` keeps the k largest and is exact (Makhzani & Frey 2014,
arXiv:1312.5663); `l1` charges for activity; `kl` holds each unit's mean activity near a target (Ng 2011, CS294A).
Unusual: units that top-k has not let through for a while learn to mend what the live ones leave over (the auxiliary
loss of Gao et al. 2024, arXiv:2406.04093, through a decoder of any depth), so that they come back. The code may be
larger than the input: what is narrow here is how much of it is active.
"""

from __future__ import annotations

import math
from types import MappingProxyType
from typing import Literal

import torch
from torch import Tensor

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, Batch, Step
from narrows._errors import BadOption
from narrows.autoencoders._ranks import summed
from narrows.nn.losses import AbstractLoss

_ALIVE = 1e-3
"""Activity that counts as active, for the activations that are never exactly 0."""


class Sparse(AbstractAutoencoder):
    """Loss: reconstruction + weight * penalty. The penalty of `topk` is the error that dead units leave, of `l1` the
    mean activity, of `kl` the mean divergence from the target activity.

    `k` units are active under topk (None: an eighth of the code, 32 at most), `alpha` * k of them once trained;
    `target` is the mean activity under kl. A unit is dead when `dead_after` examples in a row left it out.
    """

    may_be_wider = True
    net_options = MappingProxyType({"start": "random"})
    """Units do not begin at PCA. With a linear map beside convolutions the error was a sixth less and the probe's 4.40
    for 3.74 % (docs/log.md, 2026-11-28)."""
    link = "identity"
    """A sum of units, which a sigmoid would hide: in pixels that it has driven to 0, units may hold anything, and did
    (docs/log.md, 2026-11-26)."""

    idle: Tensor

    def __init__(
        self,
        *,
        net: AbstractArchitecture,
        loss: AbstractLoss,
        code_size: int,
        activation: Literal["topk", "l1", "kl"] = "topk",
        k: int | None = None,
        alpha: float = 1.0,
        weight: float | None = None,
        target: float = 0.05,
        dead_after: int = 2_000,
    ) -> None:
        super().__init__(net=net, loss=loss)
        if activation not in _WEIGHTS:
            raise BadOption(f"activation={activation!r}; it takes topk, l1 or kl: --set activation=topk")
        k = min(32, math.ceil(code_size / 8)) if k is None else k
        if not 1 <= k <= code_size:
            raise BadOption(f"k={k}; of {code_size} units 1 to {code_size} can be active: --set k={min(32, code_size)}")
        if not (alpha >= 1 and round(alpha * k) <= code_size):
            raise BadOption(f"alpha={alpha}; it takes 1 to {code_size / k:g}, as {code_size} units are all there are")
        if weight is not None and not 0 <= weight < math.inf:
            raise BadOption(f"weight={weight}; it takes 0 or more: --set weight={_WEIGHTS[activation]}")
        if not 0 < target < 1:
            raise BadOption(f"target={target}; a mean activity lies between 0 and 1: --set target=0.05")
        if dead_after < 1:
            raise BadOption(f"dead_after={dead_after}; it takes a number of examples: --set dead_after=2000")
        self.encoder = net.encoder(code_size)
        self.decoder = net.decoder(code_size)
        self.activation, self.k, self.alpha = activation, k, alpha
        self.weight = _WEIGHTS[activation] if weight is None else weight
        self.target, self.dead_after = target, dead_after
        self.register_buffer("idle", torch.zeros(code_size, dtype=torch.long))

    @property
    def active_values(self) -> int | None:
        """Values of the code that are not 0: alpha * k; None where that is not fixed."""
        return round(self.alpha * self.k) if self.activation == "topk" else None

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        units = self.encoder(batch.x).to(batch.x.dtype)  # in bf16 an activity near 1 is 1, and its divergence endless
        code = self._active(units)
        error = self.loss(self.decode_raw(code), batch.target, batch.weight).mean()
        if self.training:
            self._count(code)
        penalty = self._penalty(units, code, batch)
        return {
            "loss": error + self.weight * penalty,
            "error": error,
            "penalty": penalty,
            "active": (code.abs() > _ALIVE).sum(1).to(error.dtype).mean(),
            "dead": (self.idle >= self.dead_after).to(error.dtype).mean(),
        }

    def encode(self, x: Tensor) -> Tensor:
        return self._active(self.encoder(x))

    def decode_raw(self, code: Tensor) -> Tensor:
        return self.decoder(code) + self.offset

    def _active(self, units: Tensor) -> Tensor:
        if self.activation == "topk":
            return _largest(units, self.k if self.training else round(self.alpha * self.k))
        return units.relu() if self.activation == "l1" else units.sigmoid()

    def _penalty(self, units: Tensor, code: Tensor, batch: Batch) -> Tensor:
        if self.activation == "l1":
            return code.mean()
        if self.activation == "kl":
            mean = code.mean(0).clamp(1e-6, 1 - 1e-6)
            here, there = self.target, 1 - self.target
            return (here * (here / mean).log() + there * (there / (1 - mean)).log()).mean()
        dead = self.idle >= self.dead_after
        count = int(dead.sum())
        if not self.training or count == 0:
            return units.new_zeros(())
        # Two thirds of the dead, so that they compete; k alone brought fewer back (docs/log.md, 2026-11-24).
        revived = _largest(units.masked_fill(~dead, -math.inf), min(max(self.k, 2 * count // 3), count))
        raw = self.decode_raw(code.detach() + revived)
        return self.loss(raw, batch.target, batch.weight).mean()

    @torch.no_grad()
    def _count(self, code: Tensor) -> None:
        """Examples since each unit was last active, over all ranks."""
        seen = summed((code.abs() > _ALIVE).sum(0))
        rows = int(summed(torch.tensor(len(code), device=code.device)))
        self.idle.copy_(torch.where(seen > 0, 0, self.idle + rows))


_WEIGHTS = {"topk": 0.3, "l1": 5e-2, "kl": 1e-2}
"""What the penalty weighs unless said otherwise."""


def _largest(units: Tensor, k: int) -> Tensor:
    """The k largest of every row where they stand, 0 elsewhere."""
    values, places = units.topk(k, dim=1, sorted=False)
    return torch.zeros_like(units).scatter(1, places, values)
