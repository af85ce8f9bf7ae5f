"""What every restoring task does to pictures in training: walked from the registry, then each task's own promises."""

from __future__ import annotations

import ast
import inspect

import numpy as np
import pytest
import torch

from narrows._contract import Step
from narrows._errors import BadOption
from narrows._registry import tasks
from narrows.cli._parts import parts_of
from narrows.measuring.classical import filters_for
from narrows.nn.degrade import gaussian
from narrows.tasks._filling import smooth_fill
from narrows.tasks._masks import random_masks

DAMAGING = [name for name in tasks.files() if name != "reconstruct" and tasks[name].learns_from == "clean"]


def pictures(count=4, channels=3, height=24, width=33, seed=0, dtype=torch.float32):
    drawn = torch.rand((count, channels, height, width), generator=torch.Generator().manual_seed(seed), dtype=dtype)
    return gaussian(drawn, 1.0)


def example(name, clean, seed=0, **options):
    return tasks[name](**options).example(clean, Step(0, 1, len(clean), torch.Generator().manual_seed(seed)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("size", [(1, 1), (1, 12), (8, 8), (24, 33)])
@pytest.mark.parametrize("channels", [1, 2, 3])
@pytest.mark.parametrize("name", DAMAGING)
def test_an_example_has_the_shapes_of_the_contract(name, channels, size, dtype):
    clean = pictures(3, channels, *size, dtype=dtype)
    before = clean.clone()
    x, target, weight = example(name, clean)
    assert x.shape == (3, channels + tasks[name].extra, *size) and target.shape == clean.shape
    assert x.dtype == target.dtype == dtype and torch.isfinite(x).all()
    assert weight is None or (weight.shape == (3, 1, *size) and float(weight.min()) >= 0)
    assert torch.equal(clean, before), "the clean pictures were changed"


@pytest.mark.parametrize("name", DAMAGING)
def test_the_same_seed_gives_the_same_pixels_and_torchs_own_generator_is_left_alone(name):
    before = torch.random.get_rng_state()
    first, again, other = (example(name, pictures(), seed) for seed in (1, 1, 2))
    assert torch.equal(first.x, again.x)
    assert not torch.equal(first.x, other.x) or name in ("blur", "upscale")  # these draw nothing
    assert torch.equal(torch.random.get_rng_state(), before)


@pytest.mark.parametrize("name", DAMAGING)
def test_pictures_are_damaged_one_by_one(name):
    """Another neighbour changes nothing, since all that is drawn is drawn by the place in the batch."""
    clean, others = pictures(), pictures()
    others[1:] = pictures(seed=9)[1:]
    one, two = example(name, clean), example(name, others)
    torch.testing.assert_close(one.x[0], two.x[0], atol=1e-6, rtol=0)
    assert not torch.equal(one.target[1], two.target[1])


@pytest.mark.parametrize("name", DAMAGING)
def test_prepare_without_options_adds_the_extra_channels_and_keeps_the_picture(name):
    photo = pictures(2)
    ready = tasks[name]().prepare(photo)
    assert ready.shape == (2, 3 + tasks[name].extra, 24, 33)
    assert torch.equal(ready[:, :3], photo)


@pytest.mark.parametrize("name", DAMAGING)
def test_every_option_of_the_verb_is_explained_and_read_as_it_is(name):
    part = next(part for part in parts_of(tasks) if part.name == name)
    written = inspect.signature(tasks[name].prepare).parameters
    assert [option.name for option in part.prepare] == [n for n in written if n not in ("self", "photo")]
    for option in part.prepare:
        assert len(option.help) > 10 and option.default == written[option.name].default
    assert part.help and not part.help.startswith("(")
    assert isinstance(ast.literal_eval(repr(tasks[name].classical)), tuple)


@pytest.mark.parametrize("name", DAMAGING)
def test_every_task_is_set_beside_classical_filters(name):
    assert filters_for(tasks[name].classical)


WRONG = {
    "blur": [{"sigma": -1}, {"sigma": 1e6}, {"sigma": float("nan")}],
    "brighten": [{"darkest": 0}, {"darkest": 1.1}, {"noise": -1}],
    "denoise": [{"level": 0}, {"level": -3}, {"camera": 2}, {"camera": 0.5, "level": 9.0}],
    "inpaint": [{"most": 0}, {"most": 1}],
    "sharpen": [{"width": 0}, {"width": 99}, {"noise": -1}],
    "unjpeg": [{"quality": 0}, {"quality": 101}, {"quality": 7.5}],
}


@pytest.mark.parametrize(("name", "options"), [(n, o) for n, found in WRONG.items() for o in found])
def test_an_option_out_of_range_is_refused_with_one_that_works(name, options):
    with pytest.raises(BadOption, match=r"--set \w+=|such as"):
        tasks[name](**options)


VERBS = [
    ("brighten", {"brightness": -0.1}), ("brighten", {"brightness": 2.0}), ("denoise", {"level": -1}),
    ("unjpeg", {"quality": 0}), ("unjpeg", {"quality": 12.5}), ("blur", {"sigma": 3.0}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "options"), VERBS)
def test_a_verbs_option_out_of_range_is_refused_with_its_name(name, options):
    with pytest.raises(BadOption, match=f"--{next(iter(options))}"):
        tasks[name]().prepare(pictures(), **options)


# Each task's own promises


def test_blur_is_the_exact_gaussian_in_training_and_as_a_formula():
    clean = pictures()
    assert torch.equal(example("blur", clean, sigma=1.5).target, gaussian(clean, 1.5))
    formula = tasks["blur"]().exact(sigma=1.5)
    assert torch.equal(formula.apply(clean), gaussian(clean, 1.5)) and formula.reach == 6


def test_no_blur_is_no_change():
    assert torch.equal(example("blur", pictures(), sigma=0).target, pictures())


def test_sharpen_begins_with_sharp_pictures_and_goes_to_the_width():
    clean = pictures(200, 1, 16, 16)
    lost = (example("sharpen", clean, noise=0).x - clean).square().flatten(1).mean(1).sqrt()
    assert float(lost.min()) < 0.002 and float(lost.max()) > 0.05
    narrow = (example("sharpen", clean, noise=0, width=0.05).x - clean).abs().max()
    assert float(narrow) < 0.02


def test_sharpen_adds_noise_of_two_levels_on_average():
    flat = torch.full((300, 1, 12, 12), 0.5)
    found = (example("sharpen", flat).x - flat).flatten(1).std(1)
    assert 1.7 < float(found.mean()) * 255 < 2.3


def test_unjpeg_is_told_the_quality_for_half_of_the_pictures():
    told = example("unjpeg", pictures(200, 1, 8, 8)).x[:, -1, 0, 0]
    assert 0.35 < float((told > 0).float().mean()) < 0.65
    known = tasks["unjpeg"]().prepare(pictures(), quality=10)[:, -1]
    assert torch.equal(known, torch.full_like(known, 0.91))
    fixed = example("unjpeg", pictures(200, 1, 8, 8), quality=10).x[:, -1, 0, 0]
    assert sorted({round(value, 4) for value in fixed.tolist()}) == [0.0, 0.91]


def test_upscale_shows_the_net_less_detail_at_the_same_size_and_place():
    clean = pictures()
    x, target, _ = example("upscale", clean)
    assert torch.equal(target, clean)
    fine = (x - gaussian(x, 1.0)).square().mean(), (clean - gaussian(clean, 1.0)).square().mean()
    assert float(fine[0]) < 0.9 * float(fine[1])
    assert np.corrcoef(x[0, 0].flatten(), clean[0, 0].flatten())[0, 1] > 0.9


def test_brighten_darkens_to_8_bits_and_leaves_a_picture_alone_when_nothing_is_asked():
    from narrows.tasks.brighten import darken

    clean = (pictures() * 255).round() / 255
    one, nothing = torch.ones(4), torch.zeros(4)
    same = darken(clean, one, gamma=one, offset=nothing, photons=nothing, sensor=nothing,
                  generator=torch.Generator().manual_seed(0))  # fmt: skip
    torch.testing.assert_close(same, clean, atol=1e-6, rtol=0)
    dark = example("brighten", clean).x[:, :3]
    torch.testing.assert_close((dark * 255).round(), dark * 255, atol=1e-3, rtol=0)
    assert bool((dark.flatten(1).mean(1) < clean.flatten(1).mean(1) + 0.03).all())


def test_brighten_looks_at_the_whole_picture_once_and_tells_it_every_tile():
    photo = pictures(2)
    task = tasks["brighten"]()
    found = task.look(lambda rows, cols: photo[..., rows, cols], (24, 33))
    torch.testing.assert_close(found["brightness"], photo.flatten(1).mean(1))
    assert task.look(lambda rows, cols: photo[..., rows, cols], (24, 33), brightness=0.3) == {}
    corner = task.prepare(photo[..., :5, :5], **found)
    assert torch.equal(corner[:, -1, 0, 0], found["brightness"])


def test_inpaint_hides_what_is_missing_and_counts_only_there():
    clean = pictures(60, 3)
    x, _, weight = example("inpaint", clean)
    mask = x[:, -1:]
    assert torch.equal(weight, mask) and set(mask.unique().tolist()) == {0.0, 1.0}
    hidden = mask.expand_as(clean) > 0
    assert torch.equal(x[:, :3], smooth_fill(torch.where(hidden, 7.0, clean), mask))
    assert torch.equal(x[:, :3][~hidden], clean[~hidden])
    changed = tasks["inpaint"]().finish(x, torch.zeros_like(clean))
    assert bool((changed[hidden] == 0).all()) and torch.equal(changed[~hidden], clean[~hidden])


@pytest.mark.parametrize("size", [(1, 1), (1, 30), (8, 8), (64, 80)])
def test_masks_are_never_empty_and_of_about_the_size_that_was_asked_for(size):
    mask = random_masks(torch.zeros((300, 1, *size)), 0.4, torch.Generator().manual_seed(0))
    assert mask.shape == (300, 1, *size) and bool(mask.flatten(1).any(1).all())
    if min(size) >= 8:
        share = mask.flatten(1).mean(1)
        assert 0.1 < float(share.mean()) < 0.3 and float(share.max()) < 0.7


def test_part_of_the_pictures_get_the_noise_of_cameras_and_its_level_is_never_told():
    clean = torch.tensor([0.5, 0.5, 0.49])[:, None, None].expand(16, -1, 48, 48)  # grey ones have no noise of colour
    x = example("denoise", clean, camera=0.5).x
    noise = x[:, :3] - clean
    shared = (noise[..., 1:] * noise[..., :-1]).mean((1, 2, 3)) / noise.square().mean((1, 2, 3))
    assert shared[:8].min() > 0.1 and shared[8:].abs().max() < 0.1
    assert (x[:8, 3] == 0).all() and (x[8:, 3] > 0).any()


def test_half_of_the_noisy_pictures_are_cut_off_at_black_and_white_as_files_store_them():
    black = torch.zeros((64, 1, 16, 16))
    x = example("denoise", black, level=25).x[:, :1]
    stored = (x >= 0).flatten(1).all(1)
    assert 20 < stored.sum() < 44
    # Of noise around 0 the half below is gone: the mean is 0.4 standard deviations.
    assert float(x[stored].mean()) == pytest.approx(0.4 * 25 / 255, rel=0.05)
    assert float(x[~stored].mean()) == pytest.approx(0, abs=0.003)
    assert example("denoise", 1 - black, level=25).x[:, :1][stored].max() == 1
