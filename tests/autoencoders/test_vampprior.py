"""VampPrior: the mixture's density, its draws, and pseudo-inputs that begin as the data."""

from __future__ import annotations

import math

import pytest
import torch

from narrows._contract import Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.autoencoders._gaussian import log_normal
from narrows.autoencoders.vampprior import log_mixture
from narrows.model.build import make


def kind(pseudo_inputs=4, **options):
    options = {"pseudo_inputs": pseudo_inputs, **options}
    return make(shape=(6,), kind="vampprior", code_size=2, n_layers=2, n_nodes=12, options=options).autoencoder


def rows(count=10):
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(1))


def test_the_mixtures_density_is_the_mean_of_its_components():
    draw = torch.Generator().manual_seed(0)
    code, mean, log_var = (torch.randn(n, 2, generator=draw, dtype=torch.float64) for n in (5, 7, 7))
    each = torch.stack([log_normal(code, mean[i], log_var[i]) for i in range(7)])
    torch.testing.assert_close(log_mixture(code, mean, log_var), each.logsumexp(0) - math.log(7))


def test_one_component_at_the_origin_is_the_plain_prior():
    code = torch.randn(5, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    nothing = torch.zeros(1, 2, dtype=torch.float64)
    torch.testing.assert_close(log_mixture(code, nothing, nothing), log_normal(code))


@pytest.mark.parametrize("count", [4, 25])
def test_pseudo_inputs_begin_as_examples_also_when_there_are_more_of_them(count):
    model, x = kind(count), rows()
    model.start(DataFacts(10, x.mean(0), x, torch.Generator().manual_seed(0)))
    nearest = torch.cdist(model.pseudo_inputs.detach(), x).min(1)
    assert nearest.values.max() < 0.1
    assert len(set(nearest.indices.tolist())) == min(count, 10)


def test_draws_come_from_every_component_and_from_the_mixtures_density():
    model = kind(3).eval()
    with torch.no_grad():
        model.pseudo_inputs.copy_(3 * rows(3))
        mean, _ = model._components()
        code = model.draw(3000, torch.Generator().manual_seed(0))
        again = model.draw(3000, torch.Generator().manual_seed(0))
    assert torch.equal(code, again)
    torch.testing.assert_close(code.mean(0), mean.mean(0), atol=0.15, rtol=0)


def test_its_weights_average_to_its_bound():
    model, x = kind().double().eval(), rows(6).double()
    with torch.no_grad():
        weights = model.log_weights(x, x, 3000, torch.Generator().manual_seed(0)).mean()
        bounds = [
            -6 * model(Batch(x, x), "main", Step(0, 1, 6, torch.Generator().manual_seed(seed)))["loss"]
            for seed in range(500)
        ]
    assert abs(float(weights) - float(torch.stack(bounds).mean())) < 0.3


@pytest.mark.parametrize("options", [{"pseudo_inputs": 0}, {"beta": -1.0}, {"warmup": -0.1}])
def test_senseless_options_are_refused_with_what_to_type(options):
    with pytest.raises(BadOption, match="--set"):
        kind(**options)


def test_the_mixtures_density_keeps_its_digits_in_half_precision():
    draw = torch.Generator().manual_seed(0)
    code, mean = (5 * torch.randn(n, 32, generator=draw) for n in (8, 20))
    log_var = torch.randn(20, 32, generator=draw) - 3
    mean[:8] = code  # near components, whose |z - m|^2 is a small difference of large numbers
    with torch.autocast("cpu", torch.bfloat16):
        found = log_mixture(code, mean, log_var)
    torch.testing.assert_close(found, log_mixture(code, mean, log_var))
