"""Hierarchical: codes above codes. The top says what kind of picture it is, each level below fills in what is left.

A ladder (Sonderby et al. 2016, arXiv:1602.02282): the encoder works its way up, then the levels are drawn from the
top down, each from the encoder's view and the level above's expectation, weighted by their precisions. Unusual: the
decoder sees all levels, so that every value of the code does something; and no normalisation over batches.
"""

from __future__ import annotations

import math
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.autoencoders._gaussian import log_normal, rising, sample, set_scale, split
from narrows.nn.losses import AbstractLoss

_LEAST_NODES = 64


class Hierarchical(AbstractAutoencoder):
    """Loss: (nll + beta * the levels' KLs) / values, in nats. `encode` gives the means of all levels side by side,
    the top last; `parts` names their slices.

    `code_size` counts all levels together, each about half of the one below; with fewer values than `levels` there
    are as many levels as values. `nodes` is the width of the nets between levels (None: four times the code, 64 at
    least); `warmup` the share of the run over which beta rises from 0, without which upper levels stay unused.
    """

    needs_loss = frozenset({"density"})
    gives = frozenset({"code", "draw", "likelihood"})
    net_options = MappingProxyType({"start": "random"})
    """The encoder gives no code by itself, which could begin at PCA."""

    def __init__(
        self,
        *,
        net: AbstractArchitecture,
        loss: AbstractLoss,
        code_size: int,
        levels: int = 2,
        nodes: int | None = None,
        beta: float = 1.0,
        warmup: float = 0.3,
        free_bits: float = 0.0,
    ) -> None:
        super().__init__(net=net, loss=loss)
        if not 2 <= levels <= 16:
            raise BadOption(f"levels={levels}; it takes 2 to 16: --set levels=2")
        if not (0 <= beta < math.inf and 0 <= warmup <= 1 and free_bits >= 0):
            raise BadOption(
                f"beta={beta}, warmup={warmup}, free_bits={free_bits}; beta and free_bits take 0 or more, warmup 0 to 1"
            )
        if nodes is not None and not 1 <= nodes <= 65_536:
            raise BadOption(f"nodes={nodes}; the nets between levels have 1 to 65536 nodes: --set nodes=128")
        nodes = max(_LEAST_NODES, 4 * code_size) if nodes is None else nodes
        sizes = _sizes(code_size, min(levels, code_size))
        self.encoder = net.encoder(nodes)
        self.decoder = net.decoder(code_size)
        self.up = nn.ModuleList(nn.Linear(nodes, nodes) for _ in sizes[1:])
        self.view = nn.ModuleList(nn.Linear(nodes, 2 * size) for size in sizes)
        above = [sum(sizes[level + 1 :]) for level in range(len(sizes) - 1)]
        self.down = nn.ModuleList(
            nn.Sequential(nn.Linear(n, nodes), nn.SiLU(), nn.Linear(nodes, 2 * size))
            for n, size in zip(above, sizes, strict=False)
        )
        self.beta, self.warmup, self.free_bits = beta, warmup, free_bits
        ends = [sum(sizes[: level + 1]) for level in range(len(sizes))]
        self.parts = {
            f"level {level + 1}": slice(end - size, end)
            for level, (size, end) in enumerate(zip(sizes, ends, strict=True))
        }
        self.log_scale = nn.Parameter(torch.zeros(()), requires_grad=loss.name != "bce")

    def start(self, facts: DataFacts) -> None:
        """Also: the likelihood's scale begins at the spread of the data around their mean."""
        super().start(facts)
        set_scale(self.log_scale, facts)

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        code, posteriors, priors = self._through(batch.x, step.generator)
        nll = self.loss.nll(self.decode_raw(code), batch.target, self.log_scale, batch.weight).mean()
        each = [_kl(*q, *p) for q, p in zip(posteriors, priors, strict=True)]
        paid = sum(kl.clamp_min(self.free_bits).sum(1).mean() for kl in each)
        loss = nll + rising(step, self.warmup, self.training) * self.beta * paid
        found = {f"kl_{number + 1}": kl.sum(1).mean() for number, kl in enumerate(each)}
        total = torch.stack(list(found.values())).sum()
        return {
            "loss": loss / batch.target[0].numel(),
            "nll": nll,
            "kl": total,
            "kl_per_value": total / code.shape[1],
            **found,
        }

    def encode(self, x: Tensor) -> Tensor:
        return self._through(x, None)[0]

    def decode_raw(self, code: Tensor) -> Tensor:
        return self.decoder(code) + self.offset

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n codes from the top down: n D."""
        parts: list[Tensor] = []
        for level in reversed(range(len(self.view))):
            size = self.view[level].out_features // 2  # type: ignore[operator]
            noise = torch.randn(n, size, generator=generator).to(self.offset)  # type: ignore[arg-type]
            if parts:
                mean, log_var = split(self.down[level](torch.cat(parts, 1)))
                noise = mean + (0.5 * log_var).exp() * noise
            parts.insert(0, noise)
        return torch.cat(parts, 1)

    def code_kl(self, x: Tensor) -> Tensor:
        """B D: nats that each code value tells of x beyond the level above, where every level is at its mean."""
        _, posteriors, priors = self._through(x, None)
        return torch.cat([_kl(*q, *p) for q, p in zip(posteriors, priors, strict=True)], 1)

    def log_weights(self, x: Tensor, target: Tensor, k: int, generator: torch.Generator) -> Tensor:
        """k B: log p(target, z) - log q(z | x), for k draws of z; their log-mean-exp estimates log p(target)."""
        views = self._views(x)
        found = []
        for _ in range(k):
            code, posteriors, priors = self._descend(views, generator)
            weight = -self.loss.nll(self.decode_raw(code), target, self.log_scale)
            for part, q, p in zip(self.parts.values(), posteriors, priors, strict=True):
                weight = weight + log_normal(code[:, part], *p) - log_normal(code[:, part], *q)
            found.append(weight)
        return torch.stack(found)

    def _through(self, x: Tensor, generator: torch.Generator | None) -> tuple[Tensor, _Pairs, _Pairs]:
        return self._descend(self._views(x), generator)

    def _views(self, x: Tensor) -> _Pairs:
        """What the encoder makes of each level, the bottom first."""
        state = self.encoder(x).to(x.dtype)
        found = []
        for level, view in enumerate(self.view):
            if level:
                state = state + self.up[level - 1](F.silu(state))
            found.append(split(view(F.silu(state)).to(x.dtype)))
        return found

    def _descend(self, views: _Pairs, generator: torch.Generator | None) -> tuple[Tensor, _Pairs, _Pairs]:
        """The code, and posterior and prior of every level, the bottom first. No generator: means all the way."""
        parts: list[Tensor] = []
        posteriors: _Pairs = []
        priors: _Pairs = []
        for level in reversed(range(len(views))):
            mean, log_var = views[level]
            if parts:
                prior = split(self.down[level](torch.cat(parts, 1)).to(mean.dtype))
                mean, log_var = _combined(mean, log_var, *prior)
            else:
                prior = (torch.zeros_like(mean), torch.zeros_like(log_var))
            parts.insert(0, mean if generator is None else sample(mean, log_var, generator))
            posteriors.insert(0, (mean, log_var))
            priors.insert(0, prior)
        return torch.cat(parts, 1), posteriors, priors


_Pairs = list[tuple[Tensor, Tensor]]
"""(mean, log_var) of every level."""


def _sizes(code_size: int, levels: int) -> list[int]:
    """Values of each level, the bottom first: each about half of the one below, 1 at least."""
    sizes = []
    for remaining in range(levels, 0, -1):
        left = code_size - sum(sizes)
        share = left if remaining == 1 else round(left * 2 ** (remaining - 1) / (2**remaining - 1))
        sizes.append(max(1, min(share, left - (remaining - 1))))
    return sizes


def _combined(mean: Tensor, log_var: Tensor, mean_p: Tensor, log_var_p: Tensor) -> tuple[Tensor, Tensor]:
    """The product of two Gaussians: means weighted by their precisions, precisions added."""
    total = torch.logaddexp(-log_var, -log_var_p)
    share = (-log_var - total).exp()
    return share * mean + (1 - share) * mean_p, -total


def _kl(mean: Tensor, log_var: Tensor, mean_p: Tensor, log_var_p: Tensor) -> Tensor:
    """B D: nats from one Gaussian to another, for every value."""
    gap = (mean - mean_p).square() * (-log_var_p).exp()
    return 0.5 * (gap + (log_var - log_var_p).exp() - 1 + log_var_p - log_var)
