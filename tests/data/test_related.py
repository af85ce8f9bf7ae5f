"""Pairs that are none are refused with the correlation found; whatever is related in some way is not."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows._errors import BadData
from narrows.data.related import refuse_unrelated
from narrows.data.sources import ArraySource


def scenes(count=24, side=24, seed=0):
    """N 1 H W: smooth, each different."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand((count, 1, 5, 5), generator=random)
    return torch.nn.functional.interpolate(coarse, size=(side, side), mode="bicubic").clamp(0, 1)


def check(before, after):
    refuse_unrelated(ArraySource(before), ArraySource(after), [f"{n}.png" for n in range(len(before))])


@pytest.mark.parametrize("count", [6, 24, 300])
def test_other_pictures_of_the_same_names_are_refused_with_the_correlation(count):
    with pytest.raises(BadData, match=r"rank correlation of 0\.\d\d.*exchanged at random 0\.\d\d.*--no-check-pairs"):
        check(scenes(count), scenes(count, seed=1))


def test_mixed_up_names_are_refused():
    with pytest.raises(BadData, match="no pairs"):
        check(scenes(), scenes().roll(5, 0) * 0.5)


def darker(x):
    """As LOL's: a twelfth of the light, a curve, strong noise, 8 bits."""
    noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(9)) * 0.02
    return ((x**1.8 * 0.08 + noise).clamp(0, 1) * 255).round() / 255


RELATIONS = {
    "in a twelfth of the light": darker,
    "negative": lambda x: 1 - x,
    "blurred": lambda x: torch.nn.functional.avg_pool2d(x, 9, 1, 4),
    "noisy": lambda x: x + 0.5 * torch.randn(x.shape, generator=torch.Generator().manual_seed(3)),
    "half as large": lambda x: torch.nn.functional.avg_pool2d(x, 2),
    "edges": lambda x: (x[..., 1:, 1:] - x[..., :-1, :-1]).abs() * 4,
    "a flat picture of its brightness": lambda x: x.mean((1, 2, 3), keepdim=True).expand(-1, -1, 6, 6),
    "upside down": lambda x: x.flip(2),
}


@pytest.mark.parametrize("relation", RELATIONS)
def test_related_pictures_pass(relation):
    check(scenes(60), RELATIONS[relation](scenes(60)))


def test_the_lower_half_of_a_face_goes_with_the_upper():
    random = np.random.default_rng(0)
    persons = random.random((10, 3))
    rows, cols = np.mgrid[0:16, 0:16] / 16
    faces = [
        np.sin(6 * rows * (1 + p[0]) + 9 * p[1]) * np.cos(5 * cols * (1 + p[2])) + 0.2 * random.random((16, 16))
        for p in persons
        for _ in range(4)
    ]
    whole = torch.from_numpy(np.stack(faces)).float()[:, None]
    whole = (whole - whole.min()) / (whole.max() - whole.min())
    check(whole[..., :8, :], whole[..., 8:, :])


def test_too_few_pairs_to_tell_are_not_refused():
    check(scenes(5), scenes(5, seed=1))
