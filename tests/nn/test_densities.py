"""Losses as densities, against torch.distributions; and what a weight leaves out."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Bernoulli, Laplace, Normal

from narrows._errors import BadOption
from narrows.nn.links import LINKS
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
@pytest.mark.parametrize("link", LINKS)
def test_values_of_weight_0_might_not_be_there(name, link):
    loss, raw, target = get_loss(name, link), some(0), some(1).sigmoid()
    weight = torch.ones(5, 3, 1, dtype=torch.float64)
    weight[:, 2] = 0
    assert torch.allclose(loss.nll(raw, target, SCALE, weight), loss.nll(raw[:, :2], target[:, :2], SCALE))
    assert torch.allclose(loss.nll(raw, target, SCALE, torch.ones_like(weight)), loss.nll(raw, target, SCALE))


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("link", LINKS)
def test_a_link_is_undone_and_its_slope_is_its_derivative(name, link):
    loss, mean = get_loss(name, link), torch.linspace(0.05, 0.95, 19, dtype=torch.float64)
    raw = loss.link.raw(mean).requires_grad_()
    found = loss.output(raw)
    torch.testing.assert_close(found.detach(), mean)
    found.sum().backward()
    torch.testing.assert_close(loss.link.slope(raw.detach()), raw.grad)


@pytest.mark.parametrize("name", ["mse", "l1", "charbonnier"])
def test_a_clamped_value_comes_back_where_it_should_and_stays_where_it_may(name):
    loss = get_loss(name, "clamp")
    raw = torch.tensor([[-9.0, -9.0, 0.4, 9.0, 9.0]], requires_grad=True)
    loss(raw, torch.tensor([[0.0, 0.3, 0.9, 0.8, 1.0]])).sum().backward()
    assert loss.output(raw).tolist() == loss.output(raw.detach()).tolist() == [[0, 0, pytest.approx(0.6), 1, 1]]
    assert raw.grad[0].sign().tolist() == [0, -1, -1, 1, 0]


def test_losses_that_are_never_content_with_black_end_in_a_sigmoid():
    assert [name for name in LOSSES if get_loss(name, "clamp").link.name == "sigmoid"] == ["bce", "logistic"]


def test_what_is_no_density_has_no_likelihood():
    with pytest.raises(BadOption, match=r"no density.*--loss mse"):
        get_loss("charbonnier").nll(some(0), some(1), SCALE)
