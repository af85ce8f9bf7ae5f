"""Adversarial: a critic learns to tell codes from draws of N(0, I), and the encoder learns to pass for them.

Makhzani et al. 2016, arXiv:1511.05644. Unusual: the critic is softened by a penalty on its slope at true draws
(Mescheder et al. 2018, arXiv:1801.04406), without which the pair circles; it is not in the shipped file.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from narrows._contract import AbstractArchitecture, Batch, Step
from narrows._errors import BadOption
from narrows.autoencoders._plain import PlainCode
from narrows.nn.losses import AbstractLoss

_CRITIC_NODES = 256
_SLOPE_WEIGHT = 0.1


class AAE(PlainCode):
    """Loss: reconstruction + weight * how surely the critic knows the codes for codes. Judged by reconstruction alone:
    what a game's loss says moves with the opponent."""

    gives = frozenset({"code", "draw"})
    even = False
    critics = ("critic",)
    training_only = ("critic",)

    def __init__(self, *, net: AbstractArchitecture, loss: AbstractLoss, code_size: int, weight: float = 0.01) -> None:
        super().__init__(net=net, loss=loss, code_size=code_size)
        if not 0 <= weight < math.inf:
            raise BadOption(f"weight={weight}; it takes 0 or more: --set weight=0.01")
        self.critic = nn.Sequential(
            nn.Linear(code_size, _CRITIC_NODES), nn.SiLU(),
            nn.Linear(_CRITIC_NODES, _CRITIC_NODES), nn.SiLU(),
            nn.Linear(_CRITIC_NODES, 1),
        )  # fmt: skip
        self.code_size, self.weight = code_size, weight

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        if turn == "critic":
            return self._critic_losses(batch.x, step)
        code = self.encode(batch.x)
        error = self.loss(self.decode_raw(code), batch.target, batch.weight).mean()
        if not self.training:
            return {"loss": error, "error": error}
        known = F.softplus(-self.critic(code)).mean()
        return {"loss": error + self.weight * known, "error": error, "known": known}

    def _critic_losses(self, x: Tensor, step: Step) -> dict[str, Tensor]:
        with torch.no_grad():
            code = self.encode(x)
        drawn = torch.randn(code.shape, generator=step.generator, dtype=x.dtype, device=x.device)
        learning = torch.is_grad_enabled()
        with torch.enable_grad():
            drawn.requires_grad_()
            true = self.critic(drawn)
            (slope,) = torch.autograd.grad(true.sum(), drawn, create_graph=learning, retain_graph=True)
        false = self.critic(code)
        wrong = F.softplus(-true).mean() + F.softplus(false).mean()
        steep = slope.square().sum(1).mean()
        right = 0.5 * ((true > 0).to(x.dtype).mean() + (false < 0).to(x.dtype).mean())
        return {"loss": wrong + 0.5 * _SLOPE_WEIGHT * steep, "right": right, "slope": steep}

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n codes from N(0, I): n D."""
        return torch.randn(n, self.code_size, generator=generator).to(self.offset)
