"""The smooth surface over what is missing."""

from __future__ import annotations

import pytest
import torch

from narrows.measuring.classical.filling import harmonic
from narrows.tasks import _filling
from narrows.tasks._filling import smooth_fill
from narrows.tasks._masks import random_masks


def ramp(height, width):
    return torch.linspace(0, 1, height)[:, None] / 2 + torch.linspace(0, 1, width) / 2


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (7, 1), (33, 20)])
def test_where_nothing_is_known_it_is_grey_and_where_all_is_known_the_picture(size):
    x = torch.rand((2, 3, *size), generator=torch.Generator().manual_seed(0))
    assert torch.equal(smooth_fill(x, torch.ones(2, 1, *size)), torch.full_like(x, 0.5))
    assert torch.equal(smooth_fill(x, torch.zeros(2, 1, *size)), x)


def test_one_known_pixel_fills_everything_with_itself():
    x, missing = torch.full((1, 1, 37, 50), 9.0), torch.ones(1, 1, 37, 50)
    x[..., 30, 3], missing[..., 30, 3] = 0.25, 0
    assert torch.allclose(smooth_fill(x, missing), torch.tensor(0.25))


def test_what_is_known_stays_and_what_stood_in_the_hole_does_not_matter():
    x = torch.rand((6, 3, 40, 41), generator=torch.Generator().manual_seed(0))
    missing = random_masks(x, 0.4, torch.Generator().manual_seed(1))
    found = smooth_fill(x, missing)
    assert torch.equal(found[(missing == 0).expand_as(x)], x[(missing == 0).expand_as(x)])
    for spoilt in (-3.0, torch.nan):
        assert torch.equal(smooth_fill(torch.where(missing > 0, spoilt, x), missing), found)


def test_it_is_nearly_the_membrane_that_laplaces_equation_gives():
    x = ramp(48, 64)[None]
    missing = torch.zeros_like(x)
    missing[:, 10:18, 20:40] = 1
    missing[:, 25:40, 50:52] = 1
    found = smooth_fill(x[None], missing[None])[0]
    assert float((found - harmonic(torch.cat([x, missing]), None)).abs().max()) < 0.01
    assert float((found - x).abs().max()) < 0.01  # a slope goes on


def test_a_high_picture_settles_in_parts_to_the_same(monkeypatch):
    x = torch.rand((2, 1, 150, 40), generator=torch.Generator().manual_seed(0))
    missing = random_masks(x, 0.9, torch.Generator().manual_seed(1))
    whole = smooth_fill(x, missing)
    monkeypatch.setattr(_filling, "_AT_ONCE", 16)
    assert torch.equal(smooth_fill(x, missing), whole)


def test_no_hole_gets_values_beyond_those_around_it():
    x = torch.rand((8, 1, 30, 30), generator=torch.Generator().manual_seed(0)) / 2 + 0.2
    missing = random_masks(x, 0.9, torch.Generator().manual_seed(1))
    found = smooth_fill(x, missing)
    assert float(found.min()) >= 0.2 and float(found.max()) <= 0.7 + 1e-6
