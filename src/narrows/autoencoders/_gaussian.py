"""Diagonal Gaussians: what the likelihood kinds share. A kind adds its loss."""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, DataFacts, Step
from narrows.nn.linear_start import begin_at_pca, linears
from narrows.nn.losses import AbstractLoss

_LEAST_REST = 1e-4
"""Variance of a value that a linear code leaves, at least: a hundredth of full range each way."""
_LIMIT = 10.0
"""exp(+-10 / 2) standard deviations: beyond it only overflow is to be had."""


def split(both: Tensor) -> tuple[Tensor, Tensor]:
    """B 2D -> mean, log_var, each B D."""
    mean, log_var = both.chunk(2, dim=1)
    return mean, log_var.clamp(-_LIMIT, _LIMIT)


def sample(mean: Tensor, log_var: Tensor, generator: torch.Generator) -> Tensor:
    """mean + std * noise, differentiable. Kingma & Welling 2014, arXiv:1312.6114."""
    noise = torch.randn(mean.shape, generator=generator, dtype=mean.dtype, device=mean.device)
    return mean + (0.5 * log_var).exp() * noise


def kl(mean: Tensor, log_var: Tensor) -> Tensor:
    """B D: nats from N(0, 1), for every code value."""
    return 0.5 * (mean.square() + log_var.exp() - 1 - log_var)


def log_normal(x: Tensor, mean: Tensor | float = 0.0, log_var: Tensor | None = None) -> Tensor:
    """log N(x; mean, exp(log_var)), summed over the last dimension."""
    log_var = torch.zeros_like(x) if log_var is None else log_var
    each = -0.5 * ((x - mean).square() * (-log_var).exp() + log_var + math.log(2 * math.pi))
    return each.sum(-1)


def rising(step: Step, warmup: float, training: bool) -> float:
    """The share of the KL term that counts: from 0 to 1 over the first `warmup` of the run; 1 when judged.

    Bowman et al. 2016, arXiv:1511.06349; Sonderby et al. 2016, arXiv:1602.02282.
    """
    return min(1.0, (step.index + 1) / (warmup * step.total)) if training and warmup else 1.0


class GaussianCode(AbstractAutoencoder):
    """The encoder gives a mean and a log variance for every code value, the decoder the mean of a density whose scale
    is learned (bce has none). `encode` gives the mean.

    What a kind needs and gives stands in its own file, where it is read without an import: `needs_loss`, `gives`.
    """

    def __init__(self, *, net: AbstractArchitecture, loss: AbstractLoss, code_size: int) -> None:
        super().__init__(net=net, loss=loss)
        self.code_size = code_size
        self.encoder = net.encoder(2 * code_size)
        self.decoder = net.decoder(code_size)
        self.log_scale = nn.Parameter(torch.zeros(()), requires_grad=loss.name != "bce")

    def start(self, facts: DataFacts) -> None:
        """Also: the likelihood's scale begins at the spread of the data around their mean; or, where the net can begin
        at PCA (nn/linear_start.py), at what that leaves, and the code as surely as that tells it: probabilistic PCA,
        Tipping & Bishop 1999."""
        super().start(facts)
        set_scale(self.log_scale, facts)
        found = begin_at_pca(self, facts, even=False)
        if found is None:
            return
        with torch.no_grad():
            if self.loss.name == "bce":
                rest = (facts.mean * (1 - facts.mean)).mean().clamp_min(_LEAST_REST)
            else:
                rest = torch.tensor(found.rest).clamp_min(_LEAST_REST)
                self.log_scale.copy_(0.5 * rest.log())
            told = found.variances / rest
            last = linears(self.encoder)[-1]
            last.bias[self.code_size :][: len(told)] = -torch.log1p(told)

    def encode(self, x: Tensor) -> Tensor:
        return self.posterior(x)[0]

    def posterior(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log variance of the code, each B D. Under bf16 the variance would lose its digits."""
        return split(self.encoder(x).to(x.dtype))

    def decode_raw(self, code: Tensor) -> Tensor:
        return self.decoder(code) + self.offset

    def log_prior(self) -> Callable[[Tensor], Tensor]:
        """The log density of codes before anything is seen, B D -> B: N(0, I), unless a kind has its own."""
        return log_normal

    def log_weights(self, x: Tensor, target: Tensor, k: int, generator: torch.Generator) -> Tensor:
        """k B: log p(target, z) - log q(z | x), for k draws of z; their log-mean-exp estimates log p(target)."""
        mean, log_var = self.posterior(x)
        prior, found = self.log_prior(), []
        for _ in range(k):
            code = sample(mean, log_var, generator)
            likelihood = -self.loss.nll(self.decode_raw(code), target, self.log_scale)
            found.append(likelihood + prior(code) - log_normal(code, mean, log_var))
        return torch.stack(found)


class StandardGaussianCode(GaussianCode):
    """A Gaussian code whose prior is N(0, I): codes can be drawn, and what each value tells can be counted."""

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n codes from the prior N(0, I): n D."""
        return torch.randn(n, self.code_size, generator=generator).to(self.offset)

    def code_kl(self, x: Tensor) -> Tensor:
        """B D: nats that each code value tells of x, beyond the prior."""
        return kl(*self.posterior(x))


@torch.no_grad()
def set_scale(log_scale: Tensor, facts: DataFacts) -> None:
    """Let the likelihood's scale begin at the spread around their mean of what should come out: what goes in, unless
    something else is said. From a scale that is far too wide, the code is found too dear, and comes to say nothing."""
    some = facts.some if facts.targets is None else facts.targets
    if some.shape[1:] == facts.mean.shape:
        apart = some - facts.mean
        spread = apart.std(correction=min(1, apart.numel() - 1))  # one number alone has none
        log_scale.copy_(spread.clamp_min(1e-3).log())
