"""Variational: the code is a Gaussian near N(0, I), so that new codes, and new pictures, can be drawn.

Kingma & Welling 2014, arXiv:1312.6114; beta: Higgins et al. 2017; free bits: Kingma et al. 2016, arXiv:1606.04934.
Unusual: under `mse` and `l1` the likelihood's scale is learned (Rybkin et al. 2021, arXiv:2006.13202), so that
beta = 1 means what it says whatever the units of the data.
"""

from __future__ import annotations

import math

from torch import Tensor

from narrows._contract import AbstractArchitecture, Batch, Step
from narrows._errors import BadOption
from narrows.autoencoders._gaussian import StandardGaussianCode, kl, rising, sample
from narrows.nn.losses import AbstractLoss


class Variational(StandardGaussianCode):
    """Loss: (nll + beta * KL) / values, in nats. `encode` gives the mean.

    `warmup` is the share of the run over which beta rises from 0; `free_bits` the nats of each code value that cost
    nothing.
    """

    needs_loss = frozenset({"density"})
    gives = frozenset({"code", "draw", "likelihood"})

    def __init__(
        self,
        *,
        net: AbstractArchitecture,
        loss: AbstractLoss,
        code_size: int,
        beta: float = 1.0,
        warmup: float = 0.1,
        free_bits: float = 0.0,
    ) -> None:
        super().__init__(net=net, loss=loss, code_size=code_size)
        if not (0 <= beta < math.inf and 0 <= warmup <= 1 and free_bits >= 0):
            raise BadOption(
                f"beta={beta}, warmup={warmup}, free_bits={free_bits}; beta and free_bits take 0 or more, warmup 0 to 1"
            )
        self.beta, self.warmup, self.free_bits = beta, warmup, free_bits

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        mean, log_var = self.posterior(batch.x)
        raw = self.decode_raw(sample(mean, log_var, step.generator))
        nll = self.loss.nll(raw, batch.target, self.log_scale, batch.weight)
        each = kl(mean, log_var)
        paid = each.clamp_min(self.free_bits) if self.free_bits else each
        loss = nll + rising(step, self.warmup, self.training) * self.beta * paid.sum(1)
        values = batch.target[0].numel()
        return {
            "loss": loss.mean() / values,
            "nll": nll.mean(),
            "kl": each.sum(1).mean(),
            "kl_per_value": each.mean(),
        }
