"""What is wrong with a picture is named from its pixels; nothing is wrong with a good one."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from narrows.measuring.diagnose import BLUR, DARK, JPEG, NOISE, VERBS, diagnose
from narrows.measuring.traces import edge_steepness, highlights
from narrows.nn.degrade import blur, gaussian_kernels, motion_kernels


@pytest.fixture(scope="module")
def photo():
    """A sharp photograph, C H W."""
    return torch.from_numpy(data.astronaut()[:320, 100:420]).permute(2, 0, 1).float() / 255


def rounded(picture):
    return (picture.clamp(0, 1) * 255).round() / 255


def jpeg(picture, quality):
    file = io.BytesIO()
    Image.fromarray((picture * 255).round().byte().permute(1, 2, 0).numpy()).save(file, "JPEG", quality=quality)
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float() / 255


def names(picture):
    return [one.name for one in diagnose(picture)]


def test_a_good_photograph_is_left_alone(photo):
    assert diagnose(photo) == ()
    assert diagnose(jpeg(photo, 85)) == ()


def test_noise_is_named_with_its_level(photo):
    noisy = rounded(photo + torch.randn(photo.shape, generator=torch.Generator().manual_seed(0)) * 20 / 255)
    (found,) = diagnose(noisy)
    assert found.name == NOISE and found.verb == "denoise"
    assert found.amount == pytest.approx(20, rel=0.1)


def test_jpeg_is_named_with_its_quality(photo):
    found = diagnose(jpeg(photo, 20))
    assert found[0].name == JPEG and found[0].amount == 20


@pytest.mark.parametrize("kernel", [
    gaussian_kernels(torch.tensor([2.0]), 8), motion_kernels(torch.tensor([7.0]), torch.tensor([0.5]), 8),
], ids=["gaussian", "motion"])  # fmt: skip
def test_blur_is_named(photo, kernel):
    assert names(rounded(blur(photo[None], kernel)[0])) == [BLUR]


def test_darkness_is_named_first_and_hides_blur(photo):
    dark = rounded(photo * 0.15)
    assert names(dark)[0] == DARK
    assert BLUR not in names(rounded(blur(dark[None], gaussian_kernels(torch.tensor([2.0]), 8))[0]))


def test_a_night_with_lights_is_not_too_dark():
    night = torch.zeros((1, 64, 64))
    night[:, 20:30, 20:30] = 1
    assert highlights(night) == 1
    assert DARK not in names(night)


def test_every_trouble_names_a_task():
    from narrows._registry import tasks

    assert set(VERBS.values()) <= set(tasks)


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (3, 3), (31, 200), (64, 64)])
@pytest.mark.parametrize("value", [0.0, 0.5, 1.0, float("nan")])
def test_pictures_without_anything_in_them_have_nothing_wrong(size, value):
    found = diagnose(torch.full((3, *size), value))
    assert [one.name for one in found] in ([], [DARK])


def test_the_steepness_of_edges_falls_with_a_blur_and_is_unknown_without_edges(photo):
    sharp = edge_steepness(photo)
    soft = edge_steepness(blur(photo[None], gaussian_kernels(torch.tensor([2.0]), 8))[0])
    assert sharp > 0.4 and soft == pytest.approx(0.2, abs=0.03)
    assert edge_steepness(torch.full((1, 64, 64), 0.5)) is None
    assert edge_steepness(photo[:, :20]) is None
