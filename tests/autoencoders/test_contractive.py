"""Contractive: the estimate equals the exact Jacobian in the mean, and the penalty cannot be had by shrinking."""

from __future__ import annotations

import pytest
import torch

from narrows._contract import Batch, Step
from narrows._errors import BadOption
from narrows.model.build import make


def kind(seed=0, arch="mlp", shape=(5,), **options):
    settings = {"n_layers": 2, "n_nodes": 8, "code_size": 4}
    return make(shape=shape, kind="contractive", architecture=arch, options=options, seed=seed, **settings).autoencoder


def norm(model, x, seed=0):
    x = x.detach().requires_grad_()
    random = torch.Generator().manual_seed(seed)
    return model.jacobian_norm(x, model.encode(x), random, create_graph=False)


def rows(count=6):
    return torch.randn(count, 5, generator=torch.Generator().manual_seed(1))


def test_no_probes_is_the_exact_jacobian():
    model, x = kind(probes=0).double(), rows().double()
    found = norm(model, x)
    for number in range(len(x)):
        jacobian = torch.autograd.functional.jacobian(lambda one: model.encode(one[None])[0], x[number])
        torch.testing.assert_close(found[number], jacobian.square().sum())


def test_the_estimate_is_exact_in_the_mean():
    exact, estimate = kind(probes=0).double(), kind(probes=64).double()
    x = rows().double()
    found = torch.stack([norm(estimate, x, seed) for seed in range(200)])
    error = found.mean(0) - norm(exact, x)
    assert (error.abs() < 4 * found.std(0) / 200**0.5).all()
    assert (error.abs() < 0.02 * norm(exact, x)).all()


def test_it_is_judged_without_gradients_too_and_by_what_it_knew_of_the_codes():
    model, x = kind(probes=0, reach=0.0), rows()
    with torch.no_grad():
        named = model.eval()(Batch(x, x), "main", Step(0, 1, 6, torch.Generator()))
    torch.testing.assert_close(named["moved"], norm(model, x).mean() / model.variance)
    assert not named["loss"].requires_grad


def test_a_small_step_is_the_jacobian_in_the_mean():
    model, x = kind(reach=1e-4).double().eval(), rows().double()
    with torch.no_grad():
        found = torch.stack([
            model(Batch(x, x), "main", Step(0, 1, 6, torch.Generator().manual_seed(seed)))["jacobian"]
            for seed in range(400)
        ])  # fmt: skip
    assert abs(found.mean() - norm(kind(probes=0).double(), x).mean()) < 4 * found.std() / 400**0.5


def test_a_net_that_is_flat_at_the_example_and_steep_beside_it_is_charged():
    flat, finite = kind(probes=0, reach=0.0).double(), kind(reach=0.5).double()
    x = torch.zeros(6, 5, dtype=torch.float64)
    for model in (flat, finite):
        model.encode = lambda x: x.square()[:, :4]  # its derivative at 0 is 0
    charged = [model(Batch(x, x), "main", Step(0, 1, 6, torch.Generator()))["jacobian"] for model in (flat, finite)]
    assert charged[0] == 0 and charged[1] > 0.5


@pytest.mark.parametrize("reach", [0.0, 0.1])
def test_shrinking_the_code_gains_nothing(reach):
    model, x = kind(probes=0, reach=reach).train(), rows()
    before = model(Batch(x, x), "main", Step(0, 1, 6, torch.Generator()))["moved"]
    with torch.no_grad():
        model.encoder[-1].weight.mul_(0.01)
        model.encoder[-1].bias.mul_(0.01)
    torch.testing.assert_close(model(Batch(x, x), "main", Step(0, 1, 6, torch.Generator()))["moved"], before)


def test_the_code_moves_less_than_without_the_penalty():
    causes = torch.randn(64, 2, generator=torch.Generator().manual_seed(3))
    x = causes @ torch.randn(2, 5, generator=torch.Generator().manual_seed(4))  # a plane: three directions are noise

    def movement(weight):
        model = kind(weight=weight).train()
        optimizer = torch.optim.Adam(model.parameters(), 1e-2)
        for index in range(200):
            loss = model(Batch(x, x), "main", Step(index, 200, 64, torch.Generator().manual_seed(index)))["loss"]
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.requires_grad_(False)
        code = model.encode(x)
        noise = 0.1 * torch.randn(x.shape, generator=torch.Generator().manual_seed(9))
        return float((model.encode(x + noise) - code).norm() / (code - code.mean(0)).norm())

    assert movement(0.3) < 0.8 * movement(0.0)


def test_convolutions_have_a_jacobian_too():
    model = kind(arch="conv", shape=(1, 8, 8), probes=0)
    assert norm(model, torch.rand(2, 1, 8, 8)).shape == (2,)


@pytest.mark.parametrize("options", [{"weight": -1.0}, {"weight": float("inf")}, {"probes": -1}, {"reach": -0.1}])
def test_senseless_options_are_refused_with_what_to_type(options):
    with pytest.raises(BadOption, match="--set"):
        kind(**options)


def test_how_far_the_code_moves_keeps_its_digits_in_half_precision():
    model = make(
        shape=(1, 8, 8), kind="contractive", code_size=4, n_layers=2, n_nodes=16, options={"reach": 1e-3}
    ).autoencoder  # fmt: skip
    x = torch.rand(16, 1, 8, 8, generator=torch.Generator().manual_seed(0))

    def moved():
        step = Step(0, 1, 16, torch.Generator().manual_seed(1))
        return float(model.losses(Batch(x, x), "main", step)["jacobian"].detach())

    with torch.autocast("cpu", torch.bfloat16):
        found = moved()
    assert found == pytest.approx(moved(), rel=1e-3)
