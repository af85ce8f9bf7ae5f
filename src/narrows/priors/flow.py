"""Flow: a net that turns N(0, I) into the codes' distribution and back, so that its density is known exactly.

Affine couplings (Dinh et al. 2017, arXiv:1605.08803) between the halves of the code, the values shuffled once and
for all before each; the codes are whitened first, so that the flow begins as the `normal` prior.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from narrows._contract import AbstractPrior, DataFacts
from narrows._errors import BadOption
from narrows.priors._gaussian import moments

_MOST_STRETCH = 2.0
"""Of the log of one coupling's scale: more only lets training jump."""


class Flow(AbstractPrior):
    """`couplings` steps, each a net with two hidden layers of `nodes`."""

    mean: Tensor
    factor: Tensor
    orders: Tensor

    def __init__(
        self, *, code_shape: tuple[int, ...], count: int | None = None, couplings: int = 8, nodes: int = 128
    ) -> None:
        super().__init__(code_shape=code_shape, count=count)
        if not (1 <= couplings <= 100 and 1 <= nodes <= 65_536):
            raise BadOption(f"couplings={couplings}, nodes={nodes}; they take 1 to 100, and 1 to 65536")
        (size,) = self.code_shape
        self.kept = size // 2
        """Values that steer a coupling; the others are moved."""
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("factor", torch.eye(size))
        self.register_buffer("orders", torch.stack([torch.randperm(size) for _ in range(couplings)]))
        self.nets = nn.ModuleList(_net(max(1, self.kept), nodes, 2 * (size - self.kept)) for _ in range(couplings))

    def start(self, facts: DataFacts) -> None:
        """The whitening: mean and Cholesky factor of the covariance."""
        mean, factor = moments(facts.some)
        self.mean.copy_(mean)
        self.factor.copy_(factor)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        state = torch.randn(n, len(self.mean), generator=generator).to(self.mean)
        for net, order in zip(reversed(self.nets), reversed(self.orders), strict=True):
            shift, stretch = self._steered(net, state)
            moved = state[:, self.kept :] * stretch.exp() + shift
            state = torch.cat([state[:, : self.kept], moved], 1)[:, order.argsort()]
        return self.mean + state @ self.factor.T

    def log_prob(self, codes: Tensor) -> Tensor:
        state = torch.linalg.solve_triangular(self.factor, (codes - self.mean).T, upper=False).T
        log_volume = -self.factor.diagonal().log().sum()
        for net, order in zip(self.nets, self.orders, strict=True):
            state = state[:, order]
            shift, stretch = self._steered(net, state)
            moved = (state[:, self.kept :] - shift) * (-stretch).exp()
            state = torch.cat([state[:, : self.kept], moved], 1)
            log_volume = log_volume - stretch.sum(1)
        return -0.5 * (state.square().sum(1) + state.shape[1] * math.log(2 * math.pi)) + log_volume

    def _steered(self, net: nn.Module, state: Tensor) -> tuple[Tensor, Tensor]:
        """Shift and log scale of the moved values. A code of one value has nothing to steer it."""
        steering = state[:, : self.kept] if self.kept else torch.zeros_like(state[:, :1])
        shift, stretch = net(steering).to(state.dtype).chunk(2, 1)
        return shift, _MOST_STRETCH * (stretch / _MOST_STRETCH).tanh()


def _net(n_in: int, nodes: int, n_out: int) -> nn.Sequential:
    """Its last layer begins at 0, so that a coupling begins as nothing."""
    last = nn.Linear(nodes, n_out)
    nn.init.zeros_(last.weight)
    nn.init.zeros_(last.bias)
    return nn.Sequential(nn.Linear(n_in, nodes), nn.SiLU(), nn.Linear(nodes, nodes), nn.SiLU(), last)
