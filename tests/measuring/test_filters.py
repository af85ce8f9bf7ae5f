"""A classical filter in the place of a network."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows._errors import BadOption, NotSupported, UnknownName
from narrows._registry import tasks
from narrows.measuring.classical import all_filters
from narrows.measuring.filters import Filtered, read_filter
from narrows.using.restore import restore_tensor

FILTERED = [
    (name, one) for name in tasks.files() for one in tasks[name].classical
    if one in all_filters() and not all_filters()[one].sees_extra and one != "bm3d"
]  # fmt: skip


def task(name):
    return tasks[name]()


@pytest.mark.parametrize(("name", "one"), FILTERED)
def test_every_filter_of_every_task_is_read_and_gives_the_tasks_size(name, one):
    own = task(name)
    found = restore_tensor(Filtered(own, *read_filter(one, own)), torch.rand(2, 3, 21, 30))
    assert found.shape == (2, 3, 21 * own.scale, 30 * own.scale)
    assert bool(torch.isfinite(found).all()) and float(found.min()) >= 0 and float(found.max()) <= 1


def test_a_setting_is_read_in_its_own_kind():
    assert read_filter("median=5", task("denoise"))[1] == 5
    assert read_filter("unsharp_mask=2,0.7", task("sharpen"))[1] == (2.0, 0.7)
    assert read_filter("richardson_lucy=1.2,15", task("sharpen"))[1] == (1.2, 15)
    assert read_filter("gaussian", task("denoise"))[1] in all_filters()["gaussian"].settings
    assert read_filter("bicubic", task("upscale"))[1] is None


WRONG = ["median=x", "median=2.5", "median=0", "median=5,5", "gaussian=-1", "gaussian=nan", "gaussian="]


@pytest.mark.parametrize("text", WRONG)
def test_a_setting_that_cannot_be_is_refused_with_one_that_can(text):
    with pytest.raises(BadOption, match=r"such as --classical (median|gaussian)=\d"):
        read_filter(text, task("denoise"))


@pytest.mark.parametrize(("text", "of", "what"), [
    ("gaussian=-1", "denoise", "gaussian takes a number above 0 and below 10000"),
    ("median=2.5", "denoise", "median takes a whole number above 0"),
    ("unsharp_mask=2", "sharpen", "unsharp_mask takes 2 numbers, each above 0"),
])  # fmt: skip
def test_what_a_setting_may_be_is_said(text, of, what):
    with pytest.raises(BadOption, match=what):
        read_filter(text, task(of))


def test_a_filter_without_settings_takes_none():
    with pytest.raises(BadOption, match="bicubic has no setting: --classical bicubic"):
        read_filter("bicubic=2", task("upscale"))


def test_a_filter_of_another_task_is_refused_by_name():
    with pytest.raises(UnknownName, match="no classical filter of denoise called 'clahe'"):
        read_filter("clahe", task("denoise"))
    with pytest.raises(NotSupported, match="no verb of its own"):
        read_filter("harmonic", task("inpaint"))


def test_what_only_the_network_is_told_is_refused():
    work = Filtered(task("denoise"), *read_filter("median", task("denoise")))
    with pytest.raises(BadOption, match="--level is told the network"):
        work.exact(level=20)


@pytest.mark.parametrize("text", ["gaussian=1", "median=3", "bilateral=0.1"])
def test_tiles_of_a_filter_equal_the_whole(text):
    work = Filtered(task("denoise"), *read_filter(text, task("denoise")))
    pixels = torch.from_numpy(np.random.default_rng(0).random((1, 3, 150, 170), dtype=np.float32))
    whole = restore_tensor(work, pixels, tile=1000)
    torch.testing.assert_close(restore_tensor(work, pixels, tile=64), whole, atol=1e-3, rtol=0)


def test_what_needs_the_whole_picture_is_not_cut():
    work = Filtered(task("brighten"), *read_filter("equalise=1", task("brighten")))
    pixels = torch.linspace(0, 1, 80 * 80).reshape(1, 1, 80, 80).square()
    assert torch.equal(restore_tensor(work, pixels, tile=16), restore_tensor(work, pixels, tile=1000))
