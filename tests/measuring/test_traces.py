"""What was done to a picture is found again: JPEG's quality, the width of a blur, darkness."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from skimage import data

from narrows.measuring.traces import blur_width, brightness, jpeg_quality, quality_of_tables

CAMERA, COLOUR = data.camera()[100:356, 100:356], data.chelsea()[20:276, 100:356]


def as_tensor(array):
    array = array[..., None] if array.ndim == 2 else array
    return torch.from_numpy(array.transpose(2, 0, 1).copy()).float() / 255


def stored(array, quality, **options):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", quality=quality, **options)
    return Image.open(file)


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 95, 100])
def test_the_quality_is_read_from_a_files_tables(quality):
    assert quality_of_tables(stored(CAMERA, quality).quantization[0]) == quality


@pytest.mark.parametrize("quality", [5, 10, 30, 50, 75, 90])
@pytest.mark.parametrize("array", [CAMERA, COLOUR], ids=["grey", "colour"])
@pytest.mark.parametrize("cut", [(0, 0), (3, 5)])
def test_the_quality_is_read_from_the_pixels_also_off_the_grid(array, quality, cut):
    pixels = np.asarray(stored(array, quality))[cut[0] :, cut[1] :]
    found = jpeg_quality(as_tensor(pixels))
    assert found is not None and abs(found - quality) <= 1


def test_no_quality_is_made_up():
    assert jpeg_quality(as_tensor(CAMERA)) is None
    assert jpeg_quality(torch.full((1, 64, 64), 0.5)) is None
    assert jpeg_quality(torch.rand((3, 64, 64), generator=torch.Generator().manual_seed(0))) is None
    assert jpeg_quality(torch.rand((1, 9, 300), generator=torch.Generator().manual_seed(0))) is None


@pytest.mark.parametrize(("array", "noise"), [(CAMERA, 0), (COLOUR, 0), (CAMERA, 2)], ids=["grey", "colour", "noisy"])
@pytest.mark.parametrize("sigma", [1.0, 1.6, 2.4, 4.0])
def test_the_width_of_a_blur_is_found(array, sigma, noise):
    picture = as_tensor(array)
    blurred = torch.from_numpy(ndimage.gaussian_filter(picture.numpy(), (0, sigma, sigma)))
    blurred = blurred + noise / 255 * torch.randn(blurred.shape, generator=torch.Generator().manual_seed(0))
    assert blur_width(blurred) == pytest.approx(sigma, abs=0.15 + 0.12 * sigma)


def test_sharp_pictures_and_noise_are_not_blurred():
    assert blur_width(as_tensor(CAMERA)) < 0.6
    assert blur_width(torch.rand((1, 128, 128), generator=torch.Generator().manual_seed(0))) < 0.6
    assert blur_width(torch.full((1, 64, 64), 0.5)) == 0
    assert blur_width(torch.rand((3, 8, 8))) == 0


def test_brightness_is_a_mean_of_what_eyes_see():
    assert brightness(torch.full((1, 5, 5), 0.3)) == pytest.approx(0.3)
    green, blue = torch.zeros((3, 4, 4)), torch.zeros((3, 4, 4))
    green[1], blue[2] = 1, 1
    assert brightness(green) > 4 * brightness(blue)
