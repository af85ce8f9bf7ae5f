"""One noisy picture restored by what it teaches itself."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage import data

from narrows._errors import BadData, BadOption
from narrows.alone import Alone, restore_alone
from narrows.data.images import Photo

FEW = {"steps": 3, "compare": False}


def photo(side=64, channels=1, level=25.0, dtype=np.uint8, most=255.0):
    clean = data.astronaut()[:side, 100 : 100 + side, :channels].astype(float)
    noisy = clean + np.random.default_rng(0).normal(0, level, clean.shape)
    if np.dtype(dtype).kind == "u":
        noisy = np.clip(np.rint(noisy / 255 * np.iinfo(dtype).max), 0, np.iinfo(dtype).max)
        return Photo(noisy.astype(dtype), np.zeros(channels), np.full(channels, float(np.iinfo(dtype).max)))
    return Photo((noisy / 255 * most).astype(dtype), np.zeros(channels), np.full(channels, most))


@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_the_photo_keeps_its_numbers(channels, dtype):
    given = photo(channels=channels, dtype=dtype, most=1000.0)
    made = restore_alone(given, **FEW)
    assert made.photo.array.dtype == given.array.dtype and made.photo.shape == given.shape
    assert made.steps == 3 and made.level == pytest.approx(25, rel=0.25)
    assert not np.array_equal(made.photo.array, given.array)


def test_measured_values_beyond_the_range_are_not_cut_off():
    given = photo(dtype="float32", most=1.0)
    given.array[:8] += 1.5
    assert restore_alone(given, **FEW, level=25).photo.array.max() > 1.2


def test_what_is_no_number_stays_so():
    given = photo(dtype="float32", most=1.0)
    given.array[5, 6] = np.nan
    made = restore_alone(given, **FEW).photo.array
    assert np.isnan(made[5, 6]).all() and np.isfinite(np.delete(made.ravel(), 5 * 64 + 6)).all()


def test_the_same_seed_gives_the_same_pixels_and_leaves_torch_alone():
    before = torch.random.get_rng_state()
    first, again, other = (restore_alone(photo(), **FEW, seed=seed).photo.array for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_strength_blends():
    whole, half = (restore_alone(photo(), **FEW, strength=part).photo.array.astype(int) for part in (1.0, 0.5))
    assert np.abs((whole + photo().array) / 2 - half).max() <= 1


def test_a_few_steps_take_noise_away():
    clean = data.astronaut()[:64, 100:164, :1].astype(float)
    given = photo(side=64)
    made = restore_alone(given, steps=40, compare=False).photo.array
    before, after = (np.mean((one.astype(float) - clean) ** 2) for one in (given.array, made))
    assert after < before / 2.5


def test_others_are_tried_on_the_same_picture_and_who_does_best_is_said():
    made = restore_alone(photo(side=48), steps=2)
    assert made.gain is not None and "non-local means" in made.others
    assert max(made.others.values()) > made.gain, "two steps are no training"
    assert "does better here: " in made.verdict and "non-local means by about" in made.verdict


def test_the_verdict_says_so_where_nothing_does_better():
    made = Alone(photo(), 25.0, 10, 8.0, {"BM3D": 7.5, "non-local means": 8.05}, ())
    assert made.verdict == "estimated without truth, it is as good here as BM3D and non-local means"
    assert "too small" in made._replace(gain=None, others={}).verdict
    assert "BM3D by about 1.0 dB" in made._replace(others={"BM3D": 9.0, "non-local means": 7}).verdict


def test_small_and_odd_pictures_pass_once_the_level_is_told():
    for shape in [(1, 1, 1), (1, 40, 1), (70, 3, 3)]:
        given = Photo(np.full(shape, 100, np.uint8), np.zeros(shape[2]), np.full(shape[2], 255.0))
        with pytest.raises(BadData, match="too small to measure its noise"):
            restore_alone(given, steps=2)
        made = restore_alone(given, steps=2, level=10)
        assert made.photo.array.shape == shape and made.gain is None


def test_what_cannot_be_done_is_refused():
    slope = np.add.outer(np.arange(64), np.arange(64))[..., None].astype(np.uint8)
    plain = Photo(slope, np.zeros(1), np.full(1, 255.0))
    with pytest.raises(BadData, match="nothing to learn"):
        restore_alone(plain, **FEW)
    with pytest.raises(BadOption, match="sharpen cannot be learned from one picture"):
        restore_alone(photo(), task="sharpen")
    for wrong in ({"seconds": 0}, {"seconds": float("nan")}, {"level": 0}, {"level": -3}):
        with pytest.raises(BadOption):
            restore_alone(photo(), **wrong)
