"""Denoising: every example has an amount of its own, up to the one that was asked for; codes are of whole inputs."""

from __future__ import annotations

import pytest
import torch

from narrows._contract import Batch, Step
from narrows.model.build import make

ROWS = 400


def hidden(noise, amount, x=None):
    kind = make(
        shape=(500,), kind="denoising", architecture="mlp", code_size=4, options={"noise": noise, "amount": amount}
    ).autoencoder
    x = torch.full((ROWS, 500), 0.5) if x is None else x
    return x, kind._hidden(x, torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("noise", "amount"), [("masking", 0.6), ("masking", 1.0), ("salt", 0.4)])
def test_each_example_loses_its_own_share_up_to_the_one_asked_for(noise, amount):
    x, seen = hidden(noise, amount)
    share = (seen != x).float().mean(1)
    assert float(share.mean()) == pytest.approx(amount / 2, abs=0.03)
    assert float(share.min()) < 0.05 * amount
    assert 0.95 * amount < float(share.max()) < min(1.0, amount + 0.1) + 1e-6


def test_masking_leaves_0_and_salt_leaves_0_or_1():
    assert set(hidden("masking", 0.5)[1].unique().tolist()) == {0.0, 0.5}
    seen = hidden("salt", 0.5)[1]
    assert set(seen.unique().tolist()) == {0.0, 0.5, 1.0}
    assert float((seen == 0).float().mean()) == pytest.approx(float((seen == 1).float().mean()), abs=0.01)


def test_the_gaussians_strength_is_each_examples_own():
    x, seen = hidden("gaussian", 0.3)
    spread = (seen - x).std(1)
    assert float(spread.mean()) == pytest.approx(0.15, abs=0.01)
    assert float(spread.min()) < 0.02
    assert 0.28 < float(spread.max()) < 0.33


@pytest.mark.parametrize("noise", ["masking", "gaussian", "salt"])
def test_an_amount_of_0_hides_nothing_and_codes_are_never_of_hidden_inputs(noise):
    x, seen = hidden(noise, 0.0, torch.rand(20, 500, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(x, seen)
    kind = make(shape=(6,), kind="denoising", architecture="mlp", code_size=2, options={"noise": noise}).autoencoder
    x = torch.rand(3, 6, generator=torch.Generator().manual_seed(0))
    assert torch.equal(kind.encode(x), kind.encoder(x))


def test_bright_pictures_come_back_as_bright_as_they_are():
    """A quarter hidden always made everything that was whole too bright: the net had learned to make up for it."""
    random = torch.Generator().manual_seed(0)
    x = 0.7 + 0.05 * torch.randn((600, 64), generator=random)
    net = make(shape=(64,), kind="denoising", architecture="mlp", code_size=2, n_nodes=(32,)).autoencoder
    learner = torch.optim.Adam(net.parameters(), 3e-3)
    for index in range(300):
        rows = x[torch.randint(0, 600, (32,), generator=random)]
        loss = net(Batch(rows, rows), "main", Step(index, 300, 600, random))["loss"]
        learner.zero_grad()
        loss.backward()
        learner.step()
    with torch.no_grad():
        assert float(net.restore(x).mean()) == pytest.approx(0.7, abs=0.03)
