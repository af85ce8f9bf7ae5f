"""Mixture: several Gaussians with full covariances, by expectation and maximisation. Bishop 2006, chapter 9.

What Ghosh et al. 2020 (arXiv:1903.12436) draw from, with ten components.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from narrows._contract import AbstractPrior, DataFacts
from narrows._errors import BadData, BadOption


class Mixture(AbstractPrior):
    """`components` Gaussians, each with a share, a mean and a covariance."""

    log_shares: Tensor
    means: Tensor
    factors: Tensor

    def __init__(self, *, code_shape: tuple[int, ...], count: int | None = None, components: int = 10) -> None:
        super().__init__(code_shape=code_shape, count=count)
        if not 1 <= components <= 1000:
            raise BadOption(f"components={components}; it takes 1 to 1000: --set components=10")
        (size,) = self.code_shape
        self.register_buffer("log_shares", torch.full((components,), -math.log(components)))
        self.register_buffer("means", torch.zeros(components, size))
        self.register_buffer("factors", torch.eye(size).repeat(components, 1, 1))

    @property
    def turns(self) -> tuple[str, ...]:
        return ()

    def start(self, facts: DataFacts) -> None:
        """Expectation and maximisation from k-means. Raises BadData for fewer codes than components."""
        from sklearn.mixture import GaussianMixture  # 1.5 s, and only here

        codes, components = facts.some.double(), len(self.means)
        if len(codes) < 2 * components:
            raise BadData(
                f"{len(codes)} codes came; a mixture of {components} takes {2 * components} or more: "
                f"--set components={max(1, len(codes) // 2)}, or --prior normal"
            )
        seed = int(torch.randint(1 << 31, (), generator=facts.generator))
        ridge = 1e-4 * float(codes.var(0, unbiased=False).mean().clamp_min(1e-6))
        found = GaussianMixture(components, reg_covar=ridge, random_state=seed, max_iter=200, tol=1e-4)
        found.fit(codes.numpy())
        self.log_shares.copy_(torch.from_numpy(found.weights_).log())
        self.means.copy_(torch.from_numpy(found.means_))
        self.factors.copy_(torch.linalg.cholesky(torch.from_numpy(found.covariances_)))

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        chosen = torch.multinomial(self.log_shares.exp().cpu(), n, replacement=True, generator=generator)
        noise = torch.randn(n, self.means.shape[1], generator=generator).to(self.means)
        return self.means[chosen] + (self.factors[chosen] @ noise[..., None]).squeeze(-1)

    def log_prob(self, codes: Tensor) -> Tensor:
        gaps = (codes[None] - self.means[:, None]).transpose(1, 2)  # K D B
        whitened = torch.linalg.solve_triangular(self.factors, gaps, upper=False)
        sizes = self.factors.diagonal(dim1=1, dim2=2).log().sum(1) + 0.5 * codes.shape[1] * math.log(2 * math.pi)
        return (self.log_shares[:, None] - 0.5 * whitened.square().sum(1) - sizes[:, None]).logsumexp(0)
