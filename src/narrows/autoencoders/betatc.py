"""Beta-TC: a variational kind that charges extra for code values that depend on each other.

Chen et al. 2018, arXiv:1802.04942: the KL is the sum of what the code knows of the picture (mutual information), the
total correlation of its values, and each value's own distance from N(0, 1); beta weighs the middle one alone.
Unusual: q(z) is estimated with each example's own posterior at its known weight 1/N and the rest of the batch
standing for all others, which is unbiased and the same for every order of the batch.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.autoencoders._gaussian import kl, log_normal, rising, sample, set_scale, split
from narrows.nn.losses import AbstractLoss


class BetaTC(AbstractAutoencoder):
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
        super().__init__(net=net, loss=loss)
        if not (0 <= beta < math.inf and 0 <= warmup <= 1):
            raise BadOption(f"beta={beta}, warmup={warmup}; beta takes 0 or more, warmup 0 to 1: --set beta=4")
        self.encoder = net.encoder(2 * code_size)
        self.decoder = net.decoder(code_size)
        self.code_size, self.beta, self.warmup = code_size, beta, warmup
        self.log_scale = nn.Parameter(torch.zeros(()), requires_grad=loss.name != "bce")

    def start(self, facts: DataFacts) -> None:
        """Also: the likelihood's scale begins at the spread of the data around their mean."""
        super().start(facts)
        set_scale(self.log_scale, facts)

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        mean, log_var = split(self.encoder(batch.x).to(batch.x.dtype))
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
