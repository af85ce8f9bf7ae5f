"""Sparse: exactly k active, dead units come back, and the two soft penalties do what they say."""

from __future__ import annotations

import pytest
import torch

from narrows._contract import Batch, Step
from narrows._errors import BadOption
from narrows.model.build import make


def kind(code_size=12, seed=0, **options):
    options = {"k": 3, **options}
    return make(shape=(6,), kind="sparse", code_size=code_size, n_layers=2, n_nodes=16, options=options, seed=seed)


def step(index=0, seed=0):
    return Step(index, 100, 64, torch.Generator().manual_seed(seed))


def rows(count=32, seed=0):
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(seed))


def learn(autoencoder, x, steps):
    autoencoder.train()
    optimizer = torch.optim.Adam(autoencoder.parameters(), 1e-2)
    for index in range(steps):
        named = autoencoder(Batch(x, x), "main", step(index, index))
        optimizer.zero_grad()
        named["loss"].backward()
        optimizer.step()
    return {name: float(value.detach()) for name, value in named.items()}


def test_exactly_k_units_are_active_and_they_are_the_largest():
    model = kind().autoencoder.eval()
    x = rows()
    code, units = model.encode(x), model.encoder(x)
    assert ((code != 0).sum(1) == 3).all()
    least_kept = torch.where(code != 0, code, torch.inf).amin(1)
    most_dropped = torch.where(code != 0, -torch.inf, units).amax(1)
    assert (least_kept >= most_dropped).all()


def test_alpha_lets_more_units_through_only_once_trained():
    model = kind(alpha=2.0).autoencoder
    assert ((model.eval().encode(rows()) != 0).sum(1) == 6).all()
    assert ((model.train().encode(rows()) != 0).sum(1) == 3).all()
    assert model.active_values == 6


@pytest.mark.parametrize("weight", [0.0, None])
def test_dead_units_come_back_and_only_by_the_penalty(weight):
    options = {"dead_after": 640} | ({} if weight is None else {"weight": weight})
    model = kind(code_size=24, **options).autoencoder
    with torch.no_grad():
        model.encoder[-1].bias[:12] = -3  # half of the units are never among the largest
    named = learn(model, rows(64), 400)
    assert named["dead"] <= 0.1 if weight is None else named["dead"] >= 0.4


def test_units_are_counted_by_examples_and_only_in_training():
    model = kind().autoencoder
    x = rows(10)
    model.train()(Batch(x, x), "main", step())
    active = (model.encode(x) != 0).any(0)
    assert torch.equal(model.idle, torch.where(active, 0, 10))
    model.eval()(Batch(x, x), "main", step())
    assert int(model.idle.max()) in (0, 10)


def test_l1_makes_codes_smaller_and_gives_exact_zeros():
    found = [learn(kind(activation="l1", weight=w).autoencoder, rows(), 200)["penalty"] for w in (0.0, 0.3)]
    assert found[1] < 0.5 * found[0]
    assert (kind(activation="l1").autoencoder.encode(rows()) == 0).any()


def test_kl_brings_mean_activity_to_its_target():
    model = kind(activation="kl", weight=1.0, target=0.1).autoencoder
    learn(model, rows(), 400)
    torch.testing.assert_close(model.encode(rows()).mean(0), torch.full((12,), 0.1), atol=0.04, rtol=0)


def test_the_code_may_be_wider_than_the_input():
    assert kind(code_size=50).encode(rows()).shape == (32, 50)


@pytest.mark.parametrize(
    "options",
    [{"k": 0}, {"k": 13}, {"alpha": 0.5}, {"alpha": 9.0}, {"activation": "relu"}, {"weight": -1.0}, {"target": 1.0},
     {"dead_after": 0}],
)  # fmt: skip
def test_senseless_options_are_refused_with_what_to_type(options):
    with pytest.raises(BadOption, match=r"takes|can be active|lies between"):
        kind(**options)


def test_the_divergence_of_units_that_are_nearly_always_on_is_a_number_in_half_precision():
    model = make(
        shape=(1, 8, 8), kind="sparse", code_size=4, n_layers=1, options={"activation": "kl", "weight": 1.0}
    ).autoencoder  # fmt: skip
    with torch.no_grad():
        list(model.encoder)[-1].bias.fill_(8.0)
    x = 0.01 * torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    step = Step(0, 1, 16, torch.Generator().manual_seed(1))
    with torch.autocast("cpu", torch.bfloat16):
        found = model.losses(Batch(x, x), "main", step)["penalty"]
    torch.testing.assert_close(
        found, model.losses(Batch(x, x), "main", step)["penalty"], rtol=0.01, atol=0, check_dtype=False
    )
