"""WAE: the discrepancy is 0 for equal samples, grows with the distance, and training brings the codes to N(0, I)."""

from __future__ import annotations

import pytest
import torch

from narrows._errors import BadOption
from narrows.autoencoders.wae import mmd
from narrows.model.build import make


def drawn(count=200, seed=0, at=0.0, scale=1.0):
    return at + scale * torch.randn(count, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def test_equal_samples_have_no_discrepancy():
    one = drawn()
    assert abs(float(mmd(one, one))) < 1e-12
    assert abs(float(mmd(one, one[torch.randperm(200)]))) < 1e-12


def test_it_grows_with_distance_in_place_or_width():
    same = float(mmd(drawn(seed=0), drawn(seed=1)))
    assert 0 < same < 0.02
    near, far = (float(mmd(drawn(seed=0), drawn(seed=1, at=at))) for at in (1.0, 3.0))
    assert same < near < far < 2
    assert float(mmd(drawn(seed=0), drawn(seed=1, scale=0.2))) > 5 * same


def test_it_can_be_followed_downhill_to_the_other_sample():
    one, goal = drawn(100, seed=0, at=2.0).requires_grad_(), drawn(100, seed=1)
    optimizer = torch.optim.Adam([one], 0.1)
    for _ in range(150):
        optimizer.zero_grad()
        mmd(one, goal).backward()
        optimizer.step()
    assert (one.detach().mean(0) - goal.mean(0)).abs().max() < 0.5
    assert (one.detach().std(0) - goal.std(0)).abs().max() < 0.5


def test_a_negative_weight_is_refused():
    with pytest.raises(BadOption, match="--set weight"):
        make(shape=(6,), kind="wae", options={"weight": -1.0})
