"""Importance sampling: against a likelihood known in closed form, in any number of chunks."""

import math

import pytest
import torch

from narrows import BadData, BadOption, NotSupported
from narrows.measuring import likelihood
from narrows.measuring.likelihood import active_units, log_likelihood
from narrows.model.build import make


def linear_model(shape=(4,), code=2, kind="variational", **more):
    """Encoder and decoder of one layer: p(x) is a Gaussian that one can write down."""
    model = make(shape=shape, kind=kind, code_size=code, n_layers=1, architecture="mlp", **more).double()
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    if kind == "variational":
        model.autoencoder.log_scale.fill_(0.5)
        for parameter in model.autoencoder.encoder.parameters():
            parameter.zero_()  # drawing from the prior does well enough where a picture says so little
    return model


def exact(model, x):
    """log N(x; b, W W^T + s^2), by asking the decoder for W and b."""
    decode = model.autoencoder.decode_raw
    bias = decode(torch.zeros(1, 2).double())[0]
    weight = (decode(torch.eye(2).double()) - bias).T
    scale = model.autoencoder.log_scale.exp()
    covariance = weight @ weight.T + scale.square() * torch.eye(len(bias))
    return torch.distributions.MultivariateNormal(bias, covariance).log_prob(x)


def test_a_linear_model_gets_the_likelihood_that_mathematics_gives():
    model = linear_model()
    x = torch.randn(20, 4, generator=torch.Generator().manual_seed(0)).double()
    wanted = exact(model, x)
    found = log_likelihood(model, x, samples=4000)
    assert abs(-found.nll - float(wanted.mean())) < 5 * found.sampling_error
    assert found.sampling_error < 0.02 and (found.each - wanted).abs().max() < 0.3
    assert found.standard_error == pytest.approx(float(found.each.std() / math.sqrt(20)))


def test_more_samples_raise_the_bound_and_lower_its_error():
    model = linear_model()
    x = 3 * torch.randn(30, 4, generator=torch.Generator().manual_seed(0)).double()
    few, many = (log_likelihood(model, x, samples=k) for k in (2, 2000))
    assert many.nll < few.nll
    assert many.sampling_error < few.sampling_error
    assert (few.samples, many.samples) == (2, 2000)


def test_chunks_of_samples_change_nothing_but_the_draws(monkeypatch):
    model = linear_model()
    x = torch.randn(6, 4, generator=torch.Generator().manual_seed(0)).double()
    whole = log_likelihood(model, x, samples=1500)
    monkeypatch.setattr(likelihood, "_SAMPLES_AT_ONCE", 7)
    parts = log_likelihood(model, x, samples=1500)
    assert parts.nll == pytest.approx(whole.nll, abs=0.1)
    monkeypatch.setattr(model.autoencoder, "log_weights", lambda x, t, k, g: torch.full((k, len(x)), -1e5))
    assert log_likelihood(model, x, samples=50).nll == pytest.approx(1e5)  # no overflow, and the mean of equal weights


def test_sums_stay_right_when_a_later_chunk_holds_a_far_larger_weight(monkeypatch):
    model = linear_model()
    monkeypatch.setattr(likelihood, "_SAMPLES_AT_ONCE", 2)
    chunks = [torch.tensor([[-3.0], [0.0]]), torch.tensor([[4.0], [2.0]]), torch.tensor([[1.0], [-900.0]])]
    left = iter(chunks)
    monkeypatch.setattr(model.autoencoder, "log_weights", lambda x, t, k, g: next(left))
    weights = torch.cat(chunks).double()
    found = log_likelihood(model, torch.zeros(1, 4), samples=6)
    assert found.nll == pytest.approx(math.log(6) - float(weights.logsumexp(0)))
    plain = weights.exp()
    assert found.sampling_error == pytest.approx(float(plain.std(unbiased=False) / plain.mean() / math.sqrt(6)))


@pytest.mark.parametrize("kind", ["variational", "iwae", "betatc", "vampprior", "hierarchical"])
@pytest.mark.parametrize("loss", ["bce", "mse", "l1"])
def test_every_likelihood_kind_can_be_scored_with_every_density(kind, loss):
    model = make(shape=(1, 4, 4), kind=kind, code_size=3, n_nodes=8, loss=loss)
    found = log_likelihood(model, torch.rand(5, 1, 4, 4), samples=3, seed=1)
    assert math.isfinite(found.nll) and len(found.each) == found.count == 5
    again = log_likelihood(model, torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0)), samples=3, seed=1)
    assert (
        again.nll
        == log_likelihood(
            model, torch.rand(5, 1, 4, 4, generator=torch.Generator().manual_seed(0)), samples=3, seed=1
        ).nll
    )


def test_what_has_no_likelihood_is_refused():
    with pytest.raises(NotSupported, match="undercomplete, has no likelihood"):
        log_likelihood(make(shape=(4,), code_size=2), torch.zeros(2, 4))
    model = linear_model()
    with pytest.raises(BadOption, match="samples=0"):
        log_likelihood(model, torch.zeros(2, 4), samples=0)
    with pytest.raises(BadData, match="missing cells"):
        log_likelihood(model, torch.tensor([[0.0, float("nan"), 0.0, 0.0]]))
    with pytest.raises(BadData, match="no examples"):
        log_likelihood(model, torch.zeros(0, 4))


def test_one_example_says_nothing_of_the_spread():
    assert log_likelihood(linear_model(), torch.zeros(1, 4), samples=4).standard_error == math.inf


def test_a_value_is_active_where_it_varies_by_more_than_a_hundredth():
    codes = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.2, 0.01])
    assert active_units(codes) == 2
    with pytest.raises(BadData, match="1 codes"):
        active_units(codes[:1])
