"""Gaussians with full covariances: the functions that the priors share."""

from __future__ import annotations

import math

import torch
from torch import Tensor

_RIDGE = 1e-6
"""Added to the covariance, in units of its mean variance: codes may lie in a plane."""


def moments(codes: Tensor) -> tuple[Tensor, Tensor]:
    """Mean D and lower Cholesky factor D D of the covariance of codes B D, in double precision."""
    wide = codes.double()
    mean = wide.mean(0)
    centred = wide - mean
    covariance = centred.T @ centred / len(wide)
    ridge = _RIDGE * covariance.diagonal().mean().clamp_min(1e-6)
    return mean, torch.linalg.cholesky(covariance + ridge * torch.eye(len(mean)).double())


def log_gaussian(codes: Tensor, mean: Tensor, factor: Tensor) -> Tensor:
    """B: log N(codes; mean, factor factor^T)."""
    whitened = torch.linalg.solve_triangular(factor, (codes - mean).T, upper=False)
    return -0.5 * (whitened.square().sum(0) + len(mean) * math.log(2 * math.pi)) - factor.diagonal().log().sum()
