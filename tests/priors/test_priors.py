"""Every prior, walked from the registry: densities that are densities, draws that look like the codes, files."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from narrows._contract import DataFacts
from narrows._errors import BadData, BadOption, BadPairing, NotSupported, UnknownName
from narrows._registry import priors
from narrows.model.build import make
from narrows.model.folder import from_bytes, to_bytes
from narrows.training.config import TrainingConfig
from narrows.using.loaded import LoadedModel
from narrows.using.sample import fit_prior

VECTOR = [name for name in priors if priors[name].accepts == "vector"]
GRID = [name for name in priors if priors[name].accepts == "indices"]
SMALL = {
    "flow": {"couplings": 4, "nodes": 32},
    "mixture": {"components": 3},
    "autoregressive": {"depth": 1, "nodes": 32},
}
FEW = TrainingConfig(steps=150, batch_size=64, learning_rate=5e-3, device="cpu", ema=0.9, precision="32-true")


def vectors(kind="rae"):
    return make(shape=(6,), kind=kind, code_size=3, n_layers=2, n_nodes=8)


def grids(kind="fsq", **options):
    options = {"levels": 2} if kind == "fsq" else {"codebook": 4}
    return make(
        shape=(1, 8, 8), kind=kind, architecture="conv", code_size=2, n_layers=3, n_nodes=4, options=options
    )  # fmt: skip


def codes(count=400, seed=0):
    """Two clumps, stretched and turned: what a plain N(0, I) is not."""
    random = torch.Generator().manual_seed(seed)
    clump = (torch.rand(count, 1, generator=random) < 0.3).float()
    turned = torch.randn(count, 3, generator=random) @ torch.tensor([[1.0, 0.8, 0.0], [0.0, 0.5, 0.0], [0.0, 0.0, 0.1]])
    return turned + 5 * clump + torch.tensor([0.0, 2.0, -3.0])


def model_for(name):
    return vectors() if name in VECTOR else grids()


def codes_for(name, model):
    if name in VECTOR:
        return codes()
    return model.encode(torch.rand(200, 1, 8, 8, generator=torch.Generator().manual_seed(0)))


def fitted(name, seed=0):
    model = model_for(name)
    fit_prior(model, codes_for(name, model), name, seed=seed, options=SMALL.get(name), config=FEW)
    return model


def draw(model, n=4, seed=0):
    return model.draw(n, torch.Generator().manual_seed(seed))


def test_there_is_a_prior_for_either_sort_of_code():
    assert {"normal", "mixture", "flow"} <= set(VECTOR)
    assert "autoregressive" in GRID


@pytest.mark.parametrize("name", list(priors))
def test_a_model_with_a_prior_draws_and_comes_back_bit_for_bit(name):
    model = fitted(name)
    again = from_bytes(to_bytes(model))
    assert "draw" in again.can
    assert again.card["prior"]["name"] == name
    assert torch.equal(draw(again), draw(model))
    assert draw(model).shape == (4, *model.shape)
    if name in VECTOR:  # grids of an untrained net have one code for all
        assert not torch.equal(draw(model), draw(model, seed=1))
    assert to_bytes(again) == to_bytes(model)


@pytest.mark.parametrize("name", list(priors))
def test_the_same_seed_fits_the_same_bits_and_leaves_torch_alone(name):
    before = torch.random.get_rng_state()
    assert to_bytes(fitted(name)) == to_bytes(fitted(name))
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", VECTOR)
def test_draws_have_the_mean_and_covariance_of_the_codes(name):
    prior = fitted(name).prior
    drawn = prior.draw(4000, torch.Generator().manual_seed(0)).double()
    torch.testing.assert_close(drawn.mean(0), codes().double().mean(0), atol=0.4, rtol=0)
    assert (torch.cov(drawn.T) - torch.cov(codes().double().T)).norm() < 0.3 * torch.cov(codes().double().T).norm()


@pytest.mark.parametrize("name", VECTOR)
def test_the_density_is_a_density(name):
    """Its mean ratio to a wide Gaussian, over draws of that Gaussian, is 1."""
    prior = fitted(name).prior.double()
    wide = torch.distributions.MultivariateNormal(codes().double().mean(0), 2 * torch.cov(codes().double().T))
    random = torch.randn(100_000, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    points = wide.mean + random @ wide.scale_tril.T
    with torch.no_grad():
        assert float((prior.log_prob(points) - wide.log_prob(points)).exp().mean()) == pytest.approx(1, abs=0.1)


def test_mixture_and_flow_fit_clumps_better_than_one_gaussian():
    fresh = codes(seed=1)
    found = {name: float(fitted(name).prior.log_prob(fresh).mean()) for name in VECTOR}
    assert found["mixture"] > found["normal"] + 0.3
    assert found["flow"] > found["normal"] + 0.1


@pytest.mark.parametrize("name", GRID)
def test_the_probabilities_of_all_grids_add_up_to_one_and_common_ones_are_likely(name):
    prior = priors[name](code_shape=(2, 2), count=2, **SMALL[name])
    with torch.no_grad():
        for parameter in prior.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=torch.Generator().manual_seed(1)))
        every = torch.cartesian_prod(*[torch.arange(2)] * 4).view(-1, 2, 2)
        assert float(prior.log_prob(every).exp().sum()) == pytest.approx(1, abs=1e-5)
        drawn = prior.draw(4000, torch.Generator().manual_seed(0))
        shares = torch.stack([(drawn == one).all(-1).all(-1).float().mean() for one in every])
    torch.testing.assert_close(shares, prior.log_prob(every).exp().detach(), atol=0.03, rtol=0)


def test_an_autoregressive_prior_learns_what_follows_what():
    model = grids("vqvae")
    model.autoencoder.vectors.copy_(torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]))
    first = torch.randint(0, 4, (300, 1, 1), generator=torch.Generator().manual_seed(0))
    rows = first.expand(-1, 2, 2)
    fit_prior(
        model, model.autoencoder.from_indices(rows), "autoregressive", options=SMALL["autoregressive"], config=FEW
    )
    with torch.no_grad():
        assert float(-model.prior.log_prob(rows).mean()) < math.log(4) + 0.3  # all else follows from the first
        drawn = model.prior.draw(50, torch.Generator().manual_seed(0))
    assert float((drawn == drawn[:, :1, :1]).float().mean()) > 0.9


@pytest.mark.parametrize("name", VECTOR)
@pytest.mark.parametrize("size", [1, 2])
def test_codes_of_one_or_two_values_or_in_a_plane_will_do(name, size):
    model = make(shape=(6,), kind="rae", code_size=size, n_layers=2, n_nodes=8)
    flat = torch.randn(60, 1, generator=torch.Generator().manual_seed(0)).repeat(1, size)
    fit_prior(model, flat, name, options=SMALL.get(name), config=TrainingConfig(steps=5, device="cpu", batch_size=20))
    assert torch.isfinite(draw(model)).all()


def test_a_prior_takes_the_place_of_the_kinds_own_and_sample_says_which():
    model = vectors("variational")
    own = draw(model)
    fit_prior(model, codes() + 100, "normal")
    assert not torch.equal(draw(model), own)
    loaded = LoadedModel(model)
    assert np.array_equal(loaded.sample(3, prior="normal", seed=2), loaded.sample(3, seed=2))
    with pytest.raises(NotSupported, match="holds the prior normal, not flow"):
        loaded.sample(3, prior="flow")
    with pytest.raises(UnknownName, match="did you mean mixture"):
        loaded.sample(3, prior="mixtur")


def test_sampling_without_a_prior_says_what_to_do():
    with pytest.raises(NotSupported, match="fit_prior"):
        LoadedModel(vectors()).sample(1)
    with pytest.raises(NotSupported, match="no fitted prior"):
        LoadedModel(vectors()).sample(1, prior="flow")


@pytest.mark.parametrize(
    ("make_model", "count", "name", "options", "error", "says"),
    [
        (vectors, 50, "nromal", {}, UnknownName, "did you mean normal"),
        (vectors, 50, "normal", {"components": 3}, UnknownName, "components"),
        (vectors, 50, "autoregressive", {}, BadPairing, "--prior mixture"),
        (vectors, 50, "mixture", {"components": 0}, BadOption, "--set components"),
        (vectors, 10, "mixture", {}, BadData, "--set components=5"),
        (vectors, 1, "normal", {}, BadData, "2 or more"),
        (vectors, 50, "flow", {"couplings": 0}, BadOption, "1 to 100"),
    ],
)
def test_what_cannot_work_is_refused_in_a_sentence(make_model, count, name, options, error, says):
    with pytest.raises(error, match=says):
        fit_prior(make_model(), codes(count), name, options=options)


def test_grids_take_grid_priors_only():
    model = grids()
    with pytest.raises(BadPairing, match="--prior autoregressive"):
        fit_prior(model, codes_for("autoregressive", model), "normal")
    with pytest.raises(BadPairing, match="codes"):
        wide = make(shape=(1, 8, 8), kind="fsq", architecture="conv", n_layers=2, n_nodes=4, options={"levels": 20})
        fit_prior(wide, wide.encode(torch.rand(4, 1, 8, 8)), "autoregressive")


def test_codes_of_another_shape_and_broken_ones_are_refused():
    with pytest.raises(BadData, match=r"are \(n, 3\)"):
        fit_prior(vectors(), torch.zeros(9, 4), "normal")
    with pytest.raises(BadData, match="not numbers"):
        fit_prior(vectors(), torch.full((9, 3), math.nan), "normal")


def test_closed_forms_see_all_codes():
    prior = priors["normal"](code_shape=(3,))
    prior.start(DataFacts(400, codes().mean(0), codes(), torch.Generator()))
    torch.testing.assert_close(prior.mean, codes().mean(0))
