"""What tasks do to a user's picture as a whole: enlarging, looking at all of it, filling, and working without a net."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import narrows
from narrows._errors import BadData, BadOption, UnknownName
from narrows._registry import tasks
from narrows.data.images import open_photo
from narrows.model.build import make
from narrows.nn.degrade import gaussian, resize
from narrows.using.restore import restore_file, restore_photo, restore_tensor


@pytest.fixture(scope="module")
def model_of(stirred):
    """`model_of(task, channels)`: a small net that changes every picture."""

    def made(task, channels=1, **more):
        return stirred(shape=(channels, 32, 32), task=task, n_nodes=(8, 8), **more)

    return made


def picture(*size, seed=0):
    return torch.rand(size, generator=torch.Generator().manual_seed(seed))


def mask_of(height, width):
    mask = np.zeros((height, width), np.uint8)
    mask[height // 3 : height // 2, width // 4 : width // 2] = 255
    mask[-1, -1] = 255
    return mask


OPTIONS = {"inpaint": lambda size: {"mask": mask_of(*size)}}


@pytest.mark.parametrize("size", [(40, 64), (41, 65), (97, 70)])
@pytest.mark.parametrize("tile", [16, 33])
@pytest.mark.parametrize("name", [n for n in tasks.files() if n != "reconstruct"])
def test_tiles_equal_the_whole_for_every_task(name, tile, size, model_of):
    model, pixels = model_of(name), picture(2, 1, *size)
    options = OPTIONS.get(name, lambda size: {})(size)
    whole = restore_tensor(model, pixels, tile=10_000, **options)
    assert whole.shape[2:] == tuple(side * tasks[name].scale for side in size)
    assert not torch.equal(whole, pixels)
    torch.testing.assert_close(restore_tensor(model, pixels, tile=tile, **options), whole, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", [n for n in tasks.files() if n != "reconstruct"])
def test_a_grey_model_takes_every_channel_by_itself_for_every_task(name, model_of):
    model, pixels = model_of(name), picture(2, 3, 20, 24).contiguous()
    pixels[:, 1:] = pixels[:, :1]  # of one brightness, so that what is looked up is the same
    options = OPTIONS.get(name, lambda size: {})((20, 24))
    together = restore_tensor(model, pixels, **options)
    alone = restore_tensor(model, pixels[:, :1], **options)
    torch.testing.assert_close(together[:, 2:], alone, atol=1e-5, rtol=0)


# Enlarging


def test_an_untrained_net_gives_the_bicubic_enlargement():
    pixels = picture(2, 1, 21, 34)
    found = restore_tensor(make(shape=(1, 32, 32), task="upscale", n_nodes=(8, 8)), pixels)
    torch.testing.assert_close(found, resize(pixels, 2).clamp(0, 1), atol=1e-5, rtol=0)


@pytest.mark.parametrize("strength", [0.0, 0.5])
def test_strength_blends_from_the_bicubic_enlargement(strength, model_of):
    model, pixels = model_of("upscale"), picture(1, 1, 40, 24) / 2 + 0.25
    plain, whole = resize(pixels, 2), restore_tensor(model, pixels)
    found = restore_tensor(model, pixels, strength=strength, tile=32)
    inside = (whole > 0) & (whole < 1)
    torch.testing.assert_close(found[inside], (plain + strength * (whole - plain))[inside], atol=1e-5, rtol=0)


def test_an_enlarged_file_keeps_its_depth_transparency_and_resolution(tmp_path, model_of):
    pixels = np.random.default_rng(0).integers(0, 65536, (20, 31, 4), dtype=np.uint16)
    tifffile.imwrite(tmp_path / "in.tif", pixels, photometric="rgb", extrasamples=["unassalpha"], resolution=(300, 300),
                     resolutionunit="INCH")  # fmt: skip
    restore_file(tmp_path / "in.tif", tmp_path / "out.tif", task="upscale", model=model_of("upscale", 3))
    before, after = open_photo(tmp_path / "in.tif"), open_photo(tmp_path / "out.tif")
    assert after.shape == (3, 40, 62) and after.array.dtype == np.uint16
    assert np.array_equal(after.alpha[::2, ::2], before.alpha) and np.array_equal(after.alpha[1::2, 1::2], before.alpha)
    assert after.look.resolution == before.look.resolution


def test_not_a_number_stays_where_it_was_when_enlarged(tmp_path, model_of):
    values = np.random.default_rng(0).random((12, 9), dtype=np.float32)
    values[3, 4] = np.nan
    tifffile.imwrite(tmp_path / "in.tif", values)
    photo = open_photo(tmp_path / "in.tif")
    found = restore_photo(model_of("upscale", noise=0.01), photo).array[..., 0]
    assert found.shape == (24, 18)
    assert np.array_equal(np.isnan(found), np.isnan(values).repeat(2, 0).repeat(2, 1))


def test_a_pil_picture_with_transparency_is_enlarged_with_it(drawn, model_of):
    image = Image.fromarray(drawn(20, 12, 4))
    better = narrows.restore(image, model=model_of("upscale", 3))
    assert better.mode == "RGBA" and better.size == (24, 40)
    assert narrows.restore(image, model=model_of("upscale", 3), strength=0).size == (24, 40)


def test_a_fixed_size_model_takes_pictures_of_half_its_size():
    model = make(shape=(1, 8, 8), task="upscale", kind="undercomplete", architecture="mlp", code_size=4)
    assert restore_tensor(model, picture(3, 1, 4, 4)).shape == (3, 1, 8, 8)
    with pytest.raises(BadData, match="exactly 8x8"):
        restore_tensor(model, picture(3, 1, 8, 8))


# Filling


@pytest.mark.parametrize("strength", [1.0, 0.4])
def test_only_masked_pixels_change(strength, tmp_path, drawn, model_of):
    pixels, mask = drawn(50, 40, 3), mask_of(50, 40)
    Image.fromarray(pixels).save(tmp_path / "in.png")
    Image.fromarray(mask).save(tmp_path / "mask.png")
    restore_file(tmp_path / "in.png", tmp_path / "out.png", task="inpaint", model=model_of("inpaint", 3),
                 strength=strength, mask=tmp_path / "mask.png")  # fmt: skip
    changed = (np.asarray(Image.open(tmp_path / "out.png")) != pixels).any(2)
    assert changed[mask > 0].mean() > 0.8 and not changed[mask == 0].any()


def test_what_lies_under_the_mask_does_not_matter(model_of):
    model, mask, pixels = model_of("inpaint"), mask_of(40, 40), picture(1, 1, 40, 40)
    spoilt = torch.where(torch.from_numpy(mask > 0), 0.9, pixels)
    assert torch.equal(restore_tensor(model, pixels, mask=mask), restore_tensor(model, spoilt, mask=mask))


def test_the_soft_edge_of_a_mask_is_filled_too_and_the_dirt_of_jpeg_is_not(model_of):
    model, pixels = model_of("inpaint"), picture(1, 1, 24, 24)
    mask = np.zeros((24, 24), np.uint8)
    mask[8, 8:12], mask[16, 8:12] = 60, 12
    changed = (restore_tensor(model, pixels, mask=mask) != pixels)[0, 0].numpy()
    assert np.array_equal(changed, mask == 60)


@pytest.mark.parametrize("channels", [1, 3])
def test_what_fills_belongs_to_its_own_channel(channels, model_of):
    # Four channels pass one by one, through a grey net and through one of colour.
    model, mask, pixels = model_of("inpaint", channels), mask_of(40, 44), picture(2, 4, 40, 44).contiguous()
    together = restore_tensor(model, pixels, mask=mask, tile=16)
    for channel in range(4):
        alone = restore_tensor(model, pixels[:, channel : channel + 1], mask=mask)
        torch.testing.assert_close(together[:, channel : channel + 1], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("channels", [1, 3])
def test_marked_pixels_are_found_by_their_colour(channels, drawn, model_of):
    pixels, mask = drawn(50, 40, 3), mask_of(50, 40) > 0
    marked = pixels.copy()
    marked[mask] = (255, 0, 250)
    model = model_of("inpaint", channels)
    by_colour = narrows.restore(marked, model=model, marked="ff00ff", tolerance=5)
    assert np.array_equal(by_colour, narrows.restore(marked, model=model, mask=mask))
    assert np.array_equal(by_colour[~mask], pixels[~mask])


REFUSED = [
    ({}, BadOption, "neither came"),
    ({"mask": np.ones((8, 8)), "marked": "ff0000"}, BadOption, "both came"),
    ({"mask": np.ones((9, 8))}, BadData, r"9x8 pixels came for a picture of 8x8"),
    ({"mask": np.zeros((8, 8))}, BadData, "is black everywhere"),
    ({"mask": np.eye(8, dtype=np.uint8)}, BadData, r"almost black everywhere \(its largest value is 1 of 255\)"),
    ({"mask": np.ones((8, 8))}, BadData, "white everywhere"),
    ({"mask": np.eye(8), "tolerance": 3.0}, BadOption, "--tolerance 3 belongs to --marked"),
    ({"marked": "808080"}, BadData, "every pixel is within 16"),
    ({"marked": "red"}, BadOption, "ff0000"),
    ({"marked": "12fe56"}, BadData, "no pixel is within 16"),
    ({"marked": "ff0000", "tolerance": -1.0}, BadOption, "--tolerance"),
]


@pytest.mark.parametrize(("options", "error", "said"), REFUSED)
def test_a_mask_that_cannot_be_is_refused(options, error, said, model_of):
    with pytest.raises(error, match=said):
        restore_tensor(model_of("inpaint", 3), torch.full((1, 3, 8, 8), 0.5), **options)


# Looking at the whole picture


def test_a_dark_corner_of_a_bright_picture_is_treated_like_the_rest_of_it(monkeypatch, model_of):
    model, pixels = model_of("brighten"), picture(1, 1, 64, 64)
    pixels[..., :32, :32] *= 0.02
    told = []
    monkeypatch.setattr(model.task, "prepare", _watched(model.task.prepare, told))
    restore_tensor(model, pixels, tile=16)
    assert len(told) == 16 and len({float(one) for one in told}) == 1
    torch.testing.assert_close(told[0], pixels.mean()[None])


def _watched(prepare, told):
    def watch(photo, *, brightness=None):
        told.append(brightness)
        return prepare(photo, brightness=brightness)

    return watch


def test_a_brightness_that_is_given_is_not_measured(drawn, model_of):
    model = model_of("brighten", 3)
    dark, bright = (narrows.restore(drawn(16, 16, 3), model=model, brightness=told) for told in (0.05, 0.5))
    assert not np.array_equal(dark, bright)
    with pytest.raises(BadOption, match="--brightness 3"):
        narrows.restore(drawn(16, 16, 3), model=model, brightness=3)


# Without a net


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_the_verb_blur_is_exact_and_needs_no_model(channels):
    pixels = picture(2, channels, 70, 90)
    found = narrows.restore(pixels, task="blur", sigma=2.5)
    torch.testing.assert_close(found, gaussian(pixels, 2.5), atol=1e-6, rtol=0)
    tiled = restore_tensor(tasks["blur"](), pixels, tile=16, sigma=2.5)
    torch.testing.assert_close(tiled, found, atol=1e-6, rtol=0)


def test_blur_refuses_what_it_cannot_do(drawn, model_of):
    with pytest.raises(BadOption, match="sigma=-1"):
        narrows.restore(drawn(8, 8), task="blur", sigma=-1)
    with pytest.raises(UnknownName, match="sigma"):
        narrows.restore(drawn(8, 8), task="blur", sgima=1)
    with pytest.raises(BadOption, match="has learned 1"):
        narrows.restore(drawn(8, 8)[..., 0], model=model_of("blur"), sigma=2.0)


def test_a_model_of_a_task_with_a_formula_is_used_where_it_is_given(drawn, model_of):
    pixels = drawn(24, 24)[..., 0] / 255
    assert not np.allclose(
        narrows.restore(pixels, task="blur", model=model_of("blur")), narrows.restore(pixels, task="blur")
    )
