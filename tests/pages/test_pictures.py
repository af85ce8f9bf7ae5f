"""Tensors in pages: the pixels that are there, enlarged as squares."""

import base64
import io

import numpy as np
import pytest
import torch
from PIL import Image

from narrows.pages._pictures import Shown, cards, gallery, look, png_address, strip


def _open(address: str) -> Image.Image:
    assert address.startswith("data:image/png;base64,")
    return Image.open(io.BytesIO(base64.b64decode(address.split(",", 1)[1])))


def test_a_tiny_picture_is_enlarged_by_a_whole_number_and_its_pixels_stay_squares():
    picture = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0))
    shown = np.asarray(_open(png_address(picture, at_least=64)))
    assert shown.shape == (64, 64)
    wanted = (picture[0] * 255).round().to(torch.uint8).numpy()
    assert (shown == wanted.repeat(8, 0).repeat(8, 1)).all()


def test_a_large_picture_is_reduced_and_keeps_its_proportions():
    assert _open(png_address(torch.zeros(3, 1000, 500), at_most=200)).size == (100, 200)
    assert _open(png_address(torch.zeros(1, 1000, 1), at_most=200)).size == (1, 200)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (2, "L"), (3, "RGB"), (4, "RGB"), (7, "L")])
def test_any_number_of_channels_can_be_shown(channels, mode):
    assert _open(png_address(torch.rand(channels, 5, 5))).mode == mode


def test_values_outside_of_the_range_and_not_a_number_are_clamped():
    picture = torch.tensor([[[-1.0, 2.0, float("nan"), float("inf")]]])
    assert np.asarray(_open(png_address(picture, at_least=1))).tolist() == [[0, 255, 0, 255]]


def test_a_strip_holds_a_row_for_each_version_and_names_under_the_columns(read_page):
    from narrows.pages._html import page

    rows = [Shown("original", [torch.zeros(1, 4, 4)] * 3), Shown("PCA", [torch.ones(1, 4, 4)] * 3)]
    found = read_page(page("t", strip(rows, names=["a", "<b>", "c"], notes=["1", "2", "3"]), lang="en"))
    assert found.tags["img"] == 6 and found.tags["tr"] == 4
    assert found.of("img", "alt") == [f"{v}, {n}" for v in ("original", "PCA") for n in ("a", "<b>", "c")]


def test_small_pictures_stand_in_strips_and_large_ones_on_cards():
    def rows(side):
        return [Shown("x", [torch.zeros(1, side, side)])]

    assert 'class="strip"' in gallery(rows(96), names=["n"])
    assert 'class="card"' in gallery(rows(97), names=["n"])
    assert "30.0 dB" in cards([Shown("x", [torch.zeros(1, 9, 9)], ["30.0 dB"])])


def test_a_look_shows_one_version_at_a_time_without_a_script(read_page):
    from narrows.pages._html import page

    versions = [(name, torch.zeros(3, 9, 9), "") for name in ("noisy", "filter", "restored", "clean")]
    found = read_page(page("t", look(versions, name="one"), lang="en"))
    assert found.tags["input"] == found.tags["label"] == found.tags["img"] == 4
    assert [n for _, n, _ in found.attributes].count("checked") == 1
    assert found.of("input", "id") == found.of("label", "for")
