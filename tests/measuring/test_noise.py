"""The noise that is estimated is the noise that was put on."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from narrows.measuring.noise import noise_curve, noise_level

CAMERA = torch.from_numpy(data.camera()[100:356, 100:356].copy())[None].float() / 255
COLOUR = torch.from_numpy(data.astronaut()[:200, 150:350].copy()).permute(2, 0, 1).float() / 255


def drawn(picture, seed=0):
    return torch.randn(picture.shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("level", [5, 10, 25, 50])
@pytest.mark.parametrize("picture", [CAMERA, COLOUR], ids=["grey", "colour"])
def test_the_level_is_found(picture, level):
    assert noise_level(picture + level / 255 * drawn(picture)) == pytest.approx(level, rel=0.08)


@pytest.mark.parametrize("level", [10, 25])
def test_the_level_is_found_in_8_bits_with_clipping(level):
    stored = ((CAMERA + level / 255 * drawn(CAMERA)).clamp(0, 1) * 255).round() / 255
    assert noise_level(stored) == pytest.approx(level, rel=0.08)


def test_a_black_sky_with_clipped_noise_is_not_taken_for_a_clean_picture():
    sky = torch.cat([CAMERA[:, :128], torch.zeros_like(CAMERA[:, :128])], 1)
    stored = (sky + 20 / 255 * drawn(sky)).clamp(0, 1)
    assert noise_level(stored) == pytest.approx(20, rel=0.12)


def test_clean_pictures_have_next_to_none():
    assert noise_level(CAMERA) < 1.5
    assert noise_level(torch.zeros((3, 64, 64))) == 0
    slope = torch.linspace(0.1, 0.9, 80).repeat(80, 1)[None]
    assert noise_level(slope) < 0.01


@pytest.mark.parametrize("size", [(1, 1), (2, 9), (3, 3), (6, 40), (8, 8), (16, 16)])
def test_small_pictures_give_a_number(size):
    picture = 0.5 + 0.1 * torch.randn((3, *size), generator=torch.Generator().manual_seed(0))
    found = noise_level(picture)
    assert np.isfinite(found) and found >= 0
    assert (found == 0) == (min(size) < 3)
    curve = noise_curve(picture)
    assert np.isfinite(curve.slope) and np.isfinite(curve.offset)


@pytest.mark.parametrize(("slope", "offset"), [(0.0, (10 / 255) ** 2), (0.02, 0.0), (0.01, (5 / 255) ** 2)])
def test_the_curve_of_photon_and_sensor_noise_is_found(slope, offset):
    noisy = CAMERA + drawn(CAMERA) * (slope * CAMERA + offset).sqrt()
    found = noise_curve(noisy)
    for value in (0.2, 0.5, 0.8):
        assert found.level(value) == pytest.approx(255 * (slope * value + offset) ** 0.5, rel=0.15)


def test_the_curve_gives_levels_in_units_of_1_255():
    from narrows.measuring.noise import NoiseCurve

    assert NoiseCurve(0.0, (25 / 255) ** 2).level(0.3) == pytest.approx(25)
    assert NoiseCurve(0.04, 0.0).level(0.25) == pytest.approx(25.5)
