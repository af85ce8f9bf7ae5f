"""JPEG in torch against Pillow's own files."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

from narrows.nn.jpeg import jpeg, tables

GREY, COLOUR = data.camera()[60:187, 40:173], data.astronaut()[20:151, 60:203]
"""Odd sizes: the last blocks are not full."""


def as_tensor(array):
    array = array[..., None] if array.ndim == 2 else array
    return torch.from_numpy(np.ascontiguousarray(array)).permute(2, 0, 1)[None].float() / 255


def through_pillow(array, quality):
    file = io.BytesIO()
    Image.fromarray(array).save(file, "JPEG", quality=quality)
    return Image.open(file)


@pytest.mark.parametrize("quality", [1, 5, 30, 49, 50, 75, 95, 100])
def test_the_tables_are_those_of_pillows_files(quality):
    stored = through_pillow(COLOUR, quality).quantization
    for number, chroma in enumerate((False, True)):
        assert tables(torch.tensor([quality]), chroma)[0].flatten().tolist() == stored[number]


@pytest.mark.parametrize("quality", [5, 10, 30, 50, 75, 95])
def test_grey_pictures_differ_from_pillows_by_rounding_alone(quality):
    found = (jpeg(as_tensor(GREY), torch.tensor([quality]))[0, 0] * 255).numpy()
    apart = np.abs(found - np.asarray(through_pillow(GREY, quality), float))
    assert apart.mean() < 0.2 and np.mean(apart > 1) < 0.04  # a coefficient on the edge between two steps


@pytest.mark.parametrize("quality", [5, 10, 30, 50, 75, 95])
def test_colour_pictures_differ_from_pillows_far_less_than_from_the_original(quality):
    found = (jpeg(as_tensor(COLOUR), torch.tensor([quality]))[0] * 255).permute(1, 2, 0).numpy()
    stored = np.asarray(through_pillow(COLOUR, quality), float)
    lost = np.abs(COLOUR - stored).mean()
    assert np.abs(found - stored).mean() < min(0.6, 0.25 * lost)


def test_a_shift_is_what_a_picture_cut_out_of_a_larger_file_has():
    whole = jpeg(as_tensor(GREY), torch.tensor([20]))
    inside = jpeg(as_tensor(GREY)[..., 11:99, 5:93], torch.tensor([20]), torch.tensor([[3, 5]]))
    assert torch.equal(whole[..., 16:96, 8:88], inside[..., 5:85, 3:83])


def test_every_picture_has_its_own_quality_and_shift():
    pixels = torch.cat([as_tensor(GREY), as_tensor(GREY).flip(3), as_tensor(GREY).flip(2)])
    quality, shift = torch.tensor([10, 50, 90]), torch.tensor([[0, 0], [7, 1], [3, 4]])
    together = jpeg(pixels, quality, shift)
    for at in range(3):
        assert torch.equal(together[at : at + 1], jpeg(pixels[at : at + 1], quality[at : at + 1], shift[at : at + 1]))
    lost = (together - pixels).square().flatten(1).mean(1)
    assert lost[0] > lost[1] > lost[2] > 0


@pytest.mark.parametrize("size", [(1, 1), (1, 17), (8, 8), (5, 31)])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_pictures_of_any_size_and_channels_keep_them(size, channels):
    pixels = torch.rand((2, channels, *size), generator=torch.Generator().manual_seed(0)).double()
    found = jpeg(pixels, torch.tensor([40, 90]), torch.tensor([[0, 0], [7, 7]]))
    assert found.shape == pixels.shape and found.dtype == pixels.dtype
    assert float(found.min()) >= 0 and float(found.max()) <= 1


@pytest.mark.parametrize("value", [0, 1, 77, 128, 254, 255])
def test_a_flat_grey_stays_what_it_is_at_quality_100(value):
    flat = torch.full((1, 3, 16, 16), value / 255)
    assert torch.equal(jpeg(flat, torch.tensor([100])), flat)
