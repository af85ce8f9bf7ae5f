"""The gain that is estimated without truth, beside the true one."""

from __future__ import annotations

import math

import pytest
import torch
from skimage import data

from narrows.measuring.classical import all_filters
from narrows.measuring.noise import NoiseCurve
from narrows.measuring.risk import estimated_gain


def picture():
    return torch.from_numpy(data.camera()[100:260, 100:260].copy()).float()[None] / 255


def seeded():
    return torch.Generator().manual_seed(3)


@pytest.mark.parametrize("curve", [NoiseCurve(0.0, (25 / 255) ** 2), NoiseCurve(0.02, 0.001)])
@pytest.mark.parametrize(("name", "setting"), [("gaussian", 1.0), ("median", 3), ("total_variation", 0.07)])
def test_it_is_near_the_true_gain(curve, name, setting):
    clean = picture()
    noisy = clean + (curve.slope * clean + curve.offset).sqrt() * torch.randn(clean.shape, generator=seeded())

    def restore(seen):
        return all_filters()[name].apply(seen, setting)

    found = estimated_gain(noisy, curve, restore, seeded())
    true = 10 * math.log10(float((noisy - clean).square().mean() / (restore(noisy) - clean).square().mean()))
    assert found == pytest.approx(true, abs=0.4)


def test_leaving_a_picture_as_it_is_gains_nothing():
    noisy = picture() + 0.1 * torch.randn((1, 160, 160), generator=seeded())
    assert estimated_gain(noisy, NoiseCurve(0.0, 0.01), lambda seen: seen, seeded()) == pytest.approx(0, abs=0.05)
    assert estimated_gain(noisy, NoiseCurve(0.0, 0.0), lambda seen: seen, seeded()) == 0
