"""The logistic loss: log-cosh by itself, 256 probabilities that add up to 1 as a density."""

from __future__ import annotations

import math

import pytest
import torch

from narrows.nn.losses import get_loss

LEVELS = torch.arange(256, dtype=torch.float64) / 255


def raw_of(mean):
    return torch.tensor(mean, dtype=torch.float64).logit().expand(256)


@pytest.mark.parametrize("mean", [0.001, 0.3, 0.999])
@pytest.mark.parametrize("log_scale", [-8.0, -4.0, 0.0, 2.0])
def test_the_256_levels_share_all_probability(mean, log_scale):
    loss = get_loss("logistic", "sigmoid")
    nll = loss.nll(raw_of(mean)[:, None], LEVELS[:, None], torch.tensor(log_scale, dtype=torch.float64))
    assert float((-nll).exp().sum()) == pytest.approx(1, abs=1e-9)


def test_of_tables_it_is_a_continuous_density():
    x = torch.linspace(-60, 60, 200_001, dtype=torch.float64)
    nll = get_loss("logistic").nll(torch.full_like(x, 0.7)[:, None], x[:, None], torch.tensor(0.4, dtype=torch.float64))
    assert float((-nll).exp().sum() * 120 / 200_000) == pytest.approx(1, abs=1e-6)


def test_levels_far_from_the_mean_are_unlikely_and_never_infinite():
    loss, scale = get_loss("logistic", "sigmoid"), torch.tensor(-7.0, requires_grad=True)
    raw = torch.full((256,), -6.0, requires_grad=True)
    nll = loss.nll(raw[:, None], LEVELS.float()[:, None], scale)
    nll.sum().backward()
    assert torch.isfinite(nll).all() and torch.isfinite(raw.grad).all() and math.isfinite(float(scale.grad))


def test_without_a_scale_it_is_squared_near_0_and_absolute_beyond():
    loss = get_loss("logistic")
    gaps = torch.tensor([0.0, 1e-4, 1.0, 2.0], dtype=torch.float64)
    found = loss.each(gaps, torch.zeros_like(gaps))
    assert float(found[0]) == pytest.approx(0, abs=1e-12)
    assert float(found[1]) == pytest.approx(1e-8 / (4 * loss.scale), rel=1e-2)
    assert float(found[3] - found[2]) == pytest.approx(1, rel=1e-6)
