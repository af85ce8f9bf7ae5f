"""Losses as densities, against torch.distributions; and what a weight leaves out."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Bernoulli, Laplace, Normal

from narrows._errors import BadOption
from narrows.nn.losses import LOSSES, get_loss

SCALE = torch.tensor(-1.3, dtype=torch.float64)


def some(seed):
    return torch.randn(5, 3, 2, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize(
    ("name", "density"), [("mse", lambda raw: Normal(raw, SCALE.exp())), ("l1", lambda raw: Laplace(raw, SCALE.exp()))]
)
def test_is_the_density_of_its_name(name, density):
    raw, target = some(0), some(1)
    assert torch.allclose(get_loss(name).nll(raw, target, SCALE), -density(raw).log_prob(target).sum((1, 2)))


def test_bce_is_a_bernoulli_and_has_no_scale():
    raw, target = some(0), (some(1) > 0).double()
    wanted = -Bernoulli(logits=raw).log_prob(target).sum((1, 2))
    for scale in (SCALE, 0 * SCALE):
        assert torch.allclose(get_loss("bce").nll(raw, target, scale), wanted)


@pytest.mark.parametrize("name", [name for name, loss in LOSSES.items() if loss.is_density])
@pytest.mark.parametrize("link", ["identity", "sigmoid"])
def test_values_of_weight_0_might_not_be_there(name, link):
    loss, raw, target = get_loss(name, link), some(0), some(1).sigmoid()
    weight = torch.ones(5, 3, 1, dtype=torch.float64)
    weight[:, 2] = 0
    assert torch.allclose(loss.nll(raw, target, SCALE, weight), loss.nll(raw[:, :2], target[:, :2], SCALE))
    assert torch.allclose(loss.nll(raw, target, SCALE, torch.ones_like(weight)), loss.nll(raw, target, SCALE))


def test_what_is_no_density_has_no_likelihood():
    with pytest.raises(BadOption, match=r"no density.*--loss mse"):
        get_loss("charbonnier").nll(some(0), some(1), SCALE)
