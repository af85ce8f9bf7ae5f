"""Diagonal Gaussians: the functions that the likelihood kinds share."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from narrows._contract import DataFacts, Step

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


@torch.no_grad()
def set_scale(log_scale: Tensor, facts: DataFacts) -> None:
    """Let the likelihood's scale begin at the spread of the data around their mean."""
    if facts.some.shape[1:] == facts.mean.shape:
        log_scale.copy_((facts.some - facts.mean).std().clamp_min(1e-3).log())
