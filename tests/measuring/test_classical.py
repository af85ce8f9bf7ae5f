"""Classical filters: each does what it is for, keeps flat pictures, and is as quick as the report needs it."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch
from scipy import ndimage
from skimage import data

from narrows._errors import UnknownName
from narrows._registry import tasks
from narrows.measuring.classical import all_filters, filters_for
from narrows.measuring.classical._filter import label
from narrows.measuring.classical.filling import harmonic, nearest_known
from narrows.measuring.classical.sharpening import wiener_deconvolution
from narrows.measuring.filters import apply_filter, best_filter
from narrows.measuring.metrics import psnr
from narrows.nn.degrade import gaussian, resize

CAMERA = torch.from_numpy(data.camera()[150:278, 150:246].copy())[None].float() / 255
COLOUR = torch.from_numpy(data.astronaut()[20:116, 180:268].copy()).permute(2, 0, 1).float() / 255
FILTERS = {name: one for name, one in all_filters().items() if not one.slow}
BRIGHTENING = ("exposures", "gamma", "clahe", "equalise", "auto_levels")
EVERY = [
    pytest.param(one, setting, id=label(name, setting)) for name, one in FILTERS.items() for setting in one.settings
]
MIDDLE = [pytest.param(one, one.settings[len(one.settings) // 2], id=name) for name, one in FILTERS.items()]


def noisy(picture, level=20, seed=0):
    return picture + level / 255 * torch.randn(picture.shape, generator=torch.Generator().manual_seed(seed))


def with_mask(picture, sees_extra=True, share=0.1):
    if not sees_extra:
        return picture
    mask = torch.rand(picture.shape[1:], generator=torch.Generator().manual_seed(0)) < share
    return torch.cat([picture, mask[None].float()])


def gain(name, damaged, clean, extra=None):
    """Decibels over the damaged picture, with the best setting."""
    found = best_filter([damaged], [clean], [name], None if extra is None else [extra])
    return found.psnr - float(psnr(damaged.clamp(0, 1)[None], clean[None]))


@pytest.mark.parametrize(("one", "setting"), MIDDLE)
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 7), (33, 20)])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_a_picture_of_any_size_keeps_it_and_is_not_changed_in_place(one, setting, size, channels):
    picture = torch.rand((channels, *size), generator=torch.Generator().manual_seed(1))
    given = with_mask(picture, one.sees_extra)
    before = given.clone()
    found = one.apply(given, setting)
    assert found.shape == picture.shape and found.dtype == torch.float32 and bool(torch.isfinite(found).all())
    assert torch.equal(given, before)


@pytest.mark.parametrize(("one", "setting"), EVERY)
def test_every_setting_gives_numbers(one, setting):
    given = with_mask(COLOUR[:, :24, :30], one.sees_extra)
    assert bool(torch.isfinite(one.apply(given, setting)).all())


@pytest.mark.parametrize(("one", "setting"), [p for p in EVERY if p.values[0].name not in BRIGHTENING])
def test_a_flat_picture_stays_flat(one, setting):
    flat = torch.full((3, 20, 26), 0.4)
    found = one.apply(with_mask(flat, one.sees_extra), setting)
    torch.testing.assert_close(found, flat, atol=2e-3, rtol=0)


@pytest.mark.parametrize("name", ["gaussian", "median", "wiener", "total_variation", "bilateral", "non_local_means"])
@pytest.mark.parametrize("clean", [CAMERA, COLOUR], ids=["grey", "colour"])
def test_filters_against_noise_gain_over_a_noisy_picture(name, clean):
    assert gain(name, noisy(clean), clean) > 2.5


@pytest.mark.parametrize("name", ["unsharp_mask", "wiener_deconvolution", "richardson_lucy"])
def test_filters_against_blur_gain_over_a_blurred_picture(name):
    assert gain(name, noisy(gaussian(CAMERA[None], 1.6)[0], 2), CAMERA) > 0.5


def test_deconvolution_with_the_right_width_and_no_noise_brings_the_picture_back():
    blurred = gaussian(CAMERA[None].double(), 0.8)[0]
    found = wiener_deconvolution(blurred, (0.8, 1e-9))
    torch.testing.assert_close(found, CAMERA, atol=1e-3, rtol=0)


@pytest.mark.parametrize("name", ["gamma", "clahe", "equalise", "auto_levels"])
def test_filters_against_darkness_gain_over_a_dark_picture(name):
    assert gain(name, COLOUR * 0.2, COLOUR) > 3


@pytest.mark.parametrize("name", ["nearest_known", "harmonic", "biharmonic"])
@pytest.mark.parametrize("clean", [CAMERA, COLOUR], ids=["grey", "colour"])
def test_filters_that_fill_change_only_what_is_missing(name, clean):
    given = with_mask(clean)
    missing = given[-1] > 0
    spoilt = torch.where(missing, 0.5, clean)
    found = all_filters()[name].apply(torch.cat([spoilt, given[-1:]]), None)
    assert torch.equal(found[:, ~missing], clean[:, ~missing])
    assert gain(name, spoilt, clean, given[-1:]) > 4


def test_the_nearest_known_pixel_is_the_nearest():
    picture = torch.tensor([[[0.1, 0.9, 0.9, 0.9, 0.7]], [[0.0, 1.0, 1.0, 0.0, 0.0]]])
    assert nearest_known(picture, None)[0, 0].tolist() == pytest.approx([0.1, 0.1, 0.9, 0.9, 0.7])


def test_the_harmonic_fill_of_a_slope_is_the_slope_and_every_missing_pixel_the_mean_of_its_neighbours():
    slope = torch.linspace(0, 1, 21).repeat(15, 1)[None]
    mask = torch.zeros_like(slope)
    mask[:, 4:11, 5:16] = 1
    found = harmonic(torch.cat([torch.where(mask > 0, 0.5, slope), mask]), None)
    torch.testing.assert_close(found, slope, atol=1e-3, rtol=0)
    around = ndimage.convolve(found[0].numpy(), np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]]) / 4, mode="nearest")
    np.testing.assert_allclose(found[0].numpy()[5:10, 6:15], around[5:10, 6:15], atol=1e-3)


@pytest.mark.parametrize("mask", [0.0, 1.0])
@pytest.mark.parametrize("name", ["nearest_known", "harmonic", "biharmonic"])
def test_nothing_missing_and_everything_missing_are_no_trouble(name, mask):
    picture = torch.cat([COLOUR, torch.full_like(COLOUR[:1], mask)])
    assert torch.equal(all_filters()[name].apply(picture, None), COLOUR)


@pytest.mark.parametrize("size", [(128, 96), (95, 61)])
def test_lanczos_from_the_bicubic_enlargement_is_lanczos_from_the_small_picture(size):
    small = resize(CAMERA[None, :, : size[0], : size[1]].double(), 0.5)
    came, wanted = (resize(small, 2, kernel)[0, :, : size[0], : size[1]] for kernel in ("cubic", "lanczos"))
    torch.testing.assert_close(all_filters()["lanczos"].apply(came, None), wanted, atol=1e-6, rtol=0)


@pytest.mark.parametrize("one", [pytest.param(one, id=name) for name, one in FILTERS.items()])
def test_a_picture_of_320_pixels_a_side_takes_about_a_second_at_most(one):
    picture = torch.from_numpy(data.camera()[:320, :320].copy())[None].float() / 255
    given = with_mask(noisy(picture), one.sees_extra, share=0.3)
    began = time.process_time()
    one.apply(given, one.settings[-1])
    assert time.process_time() - began < 3  # of processor time, on whatever machine


# Choosing


def test_the_best_filter_and_setting_is_the_one_of_highest_psnr():
    clean, damaged = [CAMERA, CAMERA.flip(2)], [noisy(CAMERA), noisy(CAMERA.flip(2), seed=1)]
    names = ("gaussian", "median")
    scores = {
        (one.title, setting): np.mean([float(psnr(one.apply(d, setting).clamp(0, 1)[None], c[None]))
                                       for d, c in zip(damaged, clean, strict=True)])
        for one in filters_for(names) for setting in one.settings
    }  # fmt: skip
    chosen = best_filter(damaged, clean, names)
    assert (chosen.name, chosen.setting) == max(scores, key=scores.get)
    assert chosen.psnr == pytest.approx(max(scores.values()), abs=1e-4)
    assert chosen.label == label(chosen.name, chosen.setting)


def test_a_filter_that_needs_the_mask_gets_it():
    given = with_mask(CAMERA)
    spoilt = torch.where(given[-1:] > 0, 0.5, CAMERA)
    chosen = best_filter([spoilt], [CAMERA], tasks["inpaint"].classical, [given[-1:]])
    assert chosen.sees_extra
    assert torch.equal(apply_filter(chosen, spoilt, given[-1:])[:, given[-1] == 0], CAMERA[:, given[-1] == 0])


def test_labels_name_the_setting():
    assert label("bicubic", None) == "bicubic"
    assert label("median", 3) == "median 3"
    assert label("unsharp mask", (1.5, 0.8)) == "unsharp mask 1.5, 0.8"


def test_a_filter_that_nobody_knows_is_named():
    with pytest.raises(UnknownName, match="did you mean median"):
        filters_for(["medain"])


def test_slow_filters_come_only_when_asked_for():
    quick, all_ = filters_for(tasks["denoise"].classical), filters_for(tasks["denoise"].classical, slow=True)
    assert not any(one.slow for one in quick) and len(quick) >= 6
    assert {one.name for one in all_} - {one.name for one in quick} <= {"bm3d"}


@pytest.mark.parametrize("name", tasks.files())
def test_what_a_task_names_is_there(name):
    filters_for(tasks[name].classical)


def test_bm3d_takes_a_grey_picture_in_three_channels_as_it_takes_it_in_one():
    pytest.importorskip("bm3d")
    one = noisy(torch.rand(1, 24, 24, generator=torch.Generator().manual_seed(0)) / 4 + 0.4)
    bm3d = all_filters()["bm3d"]
    found = bm3d.apply(one.expand(3, -1, -1), 1.0)
    assert bool(found.isfinite().all()) and not torch.equal(found[:1], one)
    again = bm3d.apply(one, 1.0).expand(3, -1, -1)
    torch.testing.assert_close(found, again, atol=1e-3, rtol=0)  # twice the same differs by 1e-4: it runs in threads


@pytest.mark.slow
def test_bm3d_beats_non_local_means():
    pytest.importorskip("bm3d")
    clean = CAMERA[:, :96, :96]
    best = {name: best_filter([noisy(clean)], [clean], [name], slow=True).psnr for name in ("bm3d", "non_local_means")}
    assert best["bm3d"] > best["non_local_means"]


def test_exposures_bring_the_mean_and_leave_black_white_and_what_is_bright_enough():
    from narrows.measuring.classical.brightening import exposures

    dark = 0.1 * COLOUR
    assert float(exposures(dark, 0.45).mean()) == pytest.approx(0.45, abs=0.01)
    ends = torch.tensor([0.0, 1.0, 0.01, 0.01]).reshape(1, 2, 2)
    found = exposures(ends, 0.6).flatten()
    assert found[0] == 0 and found[1] == 1 and 0.01 < float(found[2]) < 1
    assert torch.equal(exposures(COLOUR, 0.05), COLOUR)
    assert torch.equal(exposures(torch.zeros(1, 4, 4), 0.4), torch.zeros(1, 4, 4))
