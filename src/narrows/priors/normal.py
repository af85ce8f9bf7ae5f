"""Normal: one Gaussian with the mean and the full covariance of the codes. In closed form, at once."""

from __future__ import annotations

import torch
from torch import Tensor

from narrows._contract import AbstractPrior, DataFacts
from narrows.priors._gaussian import log_gaussian, moments


class Normal(AbstractPrior):
    """N(mean, covariance)."""

    mean: Tensor
    factor: Tensor

    def __init__(self, *, code_shape: tuple[int, ...], count: int | None = None) -> None:
        super().__init__(code_shape=code_shape, count=count)
        (size,) = self.code_shape
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("factor", torch.eye(size))

    @property
    def turns(self) -> tuple[str, ...]:
        return ()

    def start(self, facts: DataFacts) -> None:
        """The mean and the covariance's Cholesky factor."""
        mean, factor = moments(facts.some)
        self.mean.copy_(mean)
        self.factor.copy_(factor)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        noise = torch.randn(n, len(self.mean), generator=generator).to(self.mean)
        return self.mean + noise @ self.factor.T

    def log_prob(self, codes: Tensor) -> Tensor:
        return log_gaussian(codes, self.mean, self.factor)
