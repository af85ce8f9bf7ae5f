"""Variational: the code is a Gaussian near N(0, I), so that new codes, and new pictures, can be drawn.

Kingma & Welling 2014, arXiv:1312.6114; beta: Higgins et al. 2017; free bits: Kingma et al. 2016, arXiv:1606.04934.
Unusual: under `mse` and `l1` the likelihood's scale is learned (Rybkin et al. 2021, arXiv:2006.13202), so that
beta = 1 means what it says whatever the units of the data.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.autoencoders._gaussian import kl, log_normal, rising, sample, set_scale, split
from narrows.nn.losses import AbstractLoss


class Variational(AbstractAutoencoder):
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
        super().__init__(net=net, loss=loss)
        if not (0 <= beta < math.inf and 0 <= warmup <= 1 and free_bits >= 0):
            raise BadOption(
                f"beta={beta}, warmup={warmup}, free_bits={free_bits}; beta and free_bits take 0 or more, warmup 0 to 1"
            )
        self.encoder = net.encoder(2 * code_size)
        self.decoder = net.decoder(code_size)
        self.code_size, self.beta, self.warmup, self.free_bits = code_size, beta, warmup, free_bits
        self.log_scale = nn.Parameter(torch.zeros(()), requires_grad=loss.name != "bce")

    def start(self, facts: DataFacts) -> None:
        """Also: the likelihood's scale begins at the spread of the data around their mean."""
        super().start(facts)
        set_scale(self.log_scale, facts)

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        mean, log_var = split(self.encoder(batch.x).to(batch.x.dtype))  # under bf16 the variance would lose its digits
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

    def encode(self, x: Tensor) -> Tensor:
        return split(self.encoder(x))[0]

    def decode_raw(self, code: Tensor) -> Tensor:
        return self.decoder(code) + self.offset

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n codes from the prior N(0, I): n D."""
        return torch.randn(n, self.code_size, generator=generator).to(self.offset)

    def code_kl(self, x: Tensor) -> Tensor:
        """B D: nats that each code value tells of x, beyond the prior."""
        return kl(*split(self.encoder(x)))

    def log_weights(self, x: Tensor, target: Tensor, k: int, generator: torch.Generator) -> Tensor:
        """k B: log p(target, z) - log q(z | x), for k draws of z; their log-mean-exp estimates log p(target)."""
        mean, log_var = split(self.encoder(x))
        found = []
        for _ in range(k):
            code = sample(mean, log_var, generator)
            likelihood = -self.loss.nll(self.decode_raw(code), target, self.log_scale)
            found.append(likelihood + log_normal(code) - log_normal(code, mean, log_var))
        return torch.stack(found)
