"""Beta-TC: a variational kind that charges extra for code values that depend on each other.

Chen et al. 2018, arXiv:1802.04942: the KL is the sum of what the code knows of the picture (mutual information), the
total correlation of its values, and each value's own distance from N(0, 1); beta weighs the middle one alone.
Unusual: q(z) is estimated with each example's own posterior at its known weight 1/N and the rest of the batch
standing for all others, which is unbiased and the same for every order of the batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from narrows._contract import AbstractArchitecture, Batch, Step
from narrows._errors import BadOption
from narrows.autoencoders._gaussian import StandardGaussianCode, kl, log_normal, rising, sample
from narrows.nn.losses import AbstractLoss


class BetaTC(StandardGaussianCode):
    """Loss: (nll + information + beta * total correlation + each value's KL) / values, in nats. `encode` gives the
    mean. `warmup` is the share of the run over which the three rise from 0."""

    needs_loss = frozenset({"density"})
    gives = frozenset({"code", "draw", "likelihood"})

    def __init__(
        self,
        *,
        net: AbstractArchitecture,
        loss: AbstractLoss,
        code_size: int,
        beta: float = 4.0,
        warmup: float = 0.1,
    ) -> None:
        super().__init__(net=net, loss=loss, code_size=code_size)
        if not (0 <= beta < math.inf and 0 <= warmup <= 1):
            raise BadOption(f"beta={beta}, warmup={warmup}; beta takes 0 or more, warmup 0 to 1: --set beta=4")
        self.beta, self.warmup = beta, warmup

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        mean, log_var = self.posterior(batch.x)
        code = sample(mean, log_var, step.generator)
        nll = self.loss.nll(self.decode_raw(code), batch.target, self.log_scale, batch.weight).mean()
        information, correlation, distance = parts_of_kl(code, mean, log_var, step.examples)
        paid = information + self.beta * correlation + distance
        return {
            "loss": (nll + rising(step, self.warmup, self.training) * paid) / batch.target[0].numel(),
            "nll": nll,
            "kl": kl(mean, log_var).sum(1).mean(),
            "kl_per_value": kl(mean, log_var).mean(),
            "information": information,
            "correlation": correlation,
            "distance": distance,
        }


def parts_of_kl(code: Tensor, mean: Tensor, log_var: Tensor, examples: int) -> tuple[Tensor, Tensor, Tensor]:
    """Mutual information, total correlation and the values' own KL, in nats, from one draw B D; `examples` is N.

    Their sum is the mean of log q(z | x) - log p(z), exactly.
    """
    pairs = [t.unsqueeze(0) for t in (mean, log_var)]
    each = log_normal(code[:, None, :, None], *(t.unsqueeze(-1) for t in pairs))  # B B D: draw, posterior, value
    weights = _log_weights(len(code), examples).to(code)
    log_q = (each.sum(2) + weights).logsumexp(1)
    log_product = (each + weights[..., None]).logsumexp(1).sum(1)
    log_given = log_normal(code, mean, log_var)
    return (log_given - log_q).mean(), (log_q - log_product).mean(), (log_product - log_normal(code)).mean()


def _log_weights(count: int, examples: int) -> Tensor:
    """B B: how much posterior j counts in q(draw i). A batch of one knows of no other."""
    if count == 1:
        return torch.zeros(1, 1)
    examples = max(examples, count)
    others = (examples - 1) / examples / (count - 1)
    return torch.full((count, count), others).fill_diagonal_(1 / examples).log()
