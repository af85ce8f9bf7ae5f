"""What likelihood kinds share: where the scale of their density begins."""

from __future__ import annotations

import pytest
import torch

from narrows._contract import Pairs, Step
from narrows.model.build import make

KINDS = ["variational", "iwae", "betatc", "vampprior", "hierarchical"]


def pictures(count=40, side=8):
    return 0.4 + 0.2 * torch.rand(count, 1, side, side, generator=torch.Generator().manual_seed(0))


def started(examples, **settings):
    model = make(architecture="conv", code_size=2, loss="mse", options={"start": "random"}, **settings)
    step = Step(0, 1, len(examples), torch.Generator().manual_seed(0))
    model.autoencoder.start(model.facts(examples, len(examples), step))
    return model.autoencoder.log_scale.exp()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("task", ["reconstruct", "denoise", "inpaint", "sharpen"])
def test_the_scale_begins_at_the_spread_of_what_should_come_out_whatever_goes_in(kind, task):
    clean = pictures()
    found = started(clean, shape=(1, 8, 8), kind=kind, task=task)
    torch.testing.assert_close(found, (clean - clean.mean(0)).std())


@pytest.mark.parametrize("side", [8, 4])
def test_so_it_does_for_pairs_of_any_sizes(side):
    before, after = pictures(), 0.5 * pictures(side=side)
    settings = {} if side == 8 else {"target_shape": (1, side, side)}
    found = started(Pairs(before, after), shape=(1, 8, 8), kind="variational", task="relate", **settings)
    torch.testing.assert_close(found, (after - after.mean(0)).std())


@pytest.mark.parametrize("kind", KINDS)
def test_one_picture_of_one_value_has_no_spread_and_begins_all_the_same(kind):
    model = make(shape=(1, 1, 1), kind=kind, architecture="conv", code_size=1, loss="mse")
    one = torch.full((1, 1, 1, 1), 0.3)
    model.autoencoder.start(model.facts(one, 1, Step(0, 1, 1, torch.Generator())))
    assert all(bool(value.isfinite().all()) for value in model.autoencoder.state_dict().values())
