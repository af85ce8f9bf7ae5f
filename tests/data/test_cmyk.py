"""Four inks stay four inks: the look that is asked for, the file's own share of black, its own inks where unchanged."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

import narrows
from narrows.data._cmyk import inks_for, rgb_of
from narrows.data.images import open_photo, save_photo
from narrows.using.restore import restore_photo

RANDOM = np.random.default_rng(2)
PROFILE = b"four inks"


def printed(drawn: np.ndarray, black: float) -> np.ndarray:
    """H W 3 uint8 -> H W 4, with so much of the darkness that all three have in common printed as black."""
    room = 255.0 - drawn.max(2, keepdims=True)
    key = np.rint(black * room)
    coloured = 255 - drawn * 255.0 / np.maximum(255 - key, 1)
    return np.concatenate([np.rint(coloured).clip(0, 255), key], 2).astype(np.uint8)


def written(path: Path, inks: np.ndarray, **more: Any) -> Path:
    if path.suffix == ".tif":
        tifffile.imwrite(path, inks, photometric="separated", iccprofile=PROFILE, metadata=None, **more)
    else:
        image = Image.frombytes("CMYK", (inks.shape[1], inks.shape[0]), inks.tobytes())
        image.save(path, quality=95, icc_profile=PROFILE)
    return path


def inks_of(path: Path) -> np.ndarray:
    """As they are stored."""
    if path.suffix == ".tif":
        with tifffile.TiffFile(path) as file:
            page: Any = file.pages.first
            assert page.photometric.name == "SEPARATED" and page.iccprofile == PROFILE
            return file.asarray().astype(int)
    with Image.open(path) as image:
        assert image.mode == "CMYK" and image.info["icc_profile"] == PROFILE
        return np.asarray(image).astype(int)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_any_inks_come_back_from_an_unchanged_picture_and_any_picture_looks_as_asked(dtype):
    most = np.iinfo(dtype).max
    inks = RANDOM.integers(0, most + 1, (40, 50, 4)).astype(dtype)
    inks[:9] = RANDOM.choice([0, 1, most - 1, most], (9, 50, 4)).astype(dtype)
    np.testing.assert_array_equal(inks_for(rgb_of(inks), inks), inks)
    wanted = RANDOM.integers(0, most + 1, (40, 50, 3)).astype(dtype)
    wanted[:, :9] = RANDOM.choice([0, 1, most - 1, most], (40, 9, 3)).astype(dtype)
    np.testing.assert_array_equal(rgb_of(inks_for(wanted, inks)), wanted)
    np.testing.assert_array_equal(rgb_of(inks_for(wanted, None)), wanted)


def test_strips_make_no_difference(monkeypatch):
    inks = RANDOM.integers(0, 256, (20, 30, 4), dtype=np.uint8)
    wanted = RANDOM.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    whole = inks_for(wanted, inks)
    monkeypatch.setattr("narrows.data._cmyk._AT_ONCE", 7)
    np.testing.assert_array_equal(inks_for(wanted, inks), whole)


@pytest.mark.parametrize("black", [0.0, 0.5, 1.0])
def test_black_keeps_its_share(black, drawn):
    inks = printed(drawn(40, 50, 3) // 2, black)
    brighter = np.minimum(rgb_of(inks).astype(int) * 2 + 3, 255).astype(np.uint8)
    found = inks_for(brighter, inks).astype(int)
    room = 255 - brighter.max(2).astype(int)
    assert np.abs(found[..., 3] - black * room).max() <= 2


def test_all_inks_are_stored_by_the_finest_table(tmp_path, drawn):
    photo = open_photo(written(tmp_path / "a.jpg", printed(drawn(64, 80, 3), 0.5)))
    photo.look.more["qtables"] = {0: [9] * 64, 1: [3] * 64}
    with Image.open(save_photo(photo.with_array(255 - photo.array), tmp_path / "b.jpg")) as image:
        assert max(image.quantization[0]) == 3 and len(image.quantization) == 1  # type: ignore[attr-defined]


def test_text_in_black_alone_stays_black_alone():
    inks = np.zeros((20, 30, 4), np.uint8)
    inks[5:15, 5:25, 3] = RANDOM.integers(100, 256, (10, 20))
    found = inks_for(rgb_of(inks) // 2 + 128, inks)
    assert found[..., :3].max() == 0 and found[5:15, 5:25, 3].min() >= 50


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_a_restored_file_has_its_black_its_profile_and_the_right_look(suffix, tmp_path, drawn):
    inks = printed(drawn(64, 80, 3) // 2, 0.8)
    path = written(tmp_path / f"a{suffix}", inks)
    photo = open_photo(path)
    assert "CMYK: worked on as RGB" in photo.notes
    wanted = photo.array.copy()
    wanted[:, 40:] = np.minimum(wanted[:, 40:] * 1.5, 255)
    after = inks_of(save_photo(photo.with_array(wanted), tmp_path / f"b{suffix}"))
    before, lossy = inks_of(path), 0 if suffix == ".tif" else 8  # JPEG, once more
    assert np.abs(after[:, :32] - before[:, :32]).max() <= lossy
    assert np.abs(rgb_of(after.astype(np.uint8)).astype(int) - wanted).max() <= 2 * lossy
    share = after[:, 48:, 3].sum() / (255 - wanted[:, 48:].max(2).astype(int)).sum()
    assert share == pytest.approx(0.8, abs=0.02)


@pytest.mark.parametrize("orientation", [1, 6])
def test_an_enlarged_file_has_its_black_in_the_same_places(orientation, tmp_path, drawn):
    inks = printed(drawn(24, 40, 3) // 2, 0.8)
    path = written(tmp_path / "a.tif", inks, extratags=[(274, "H", 1, orientation, True)])
    twice = open_photo(path).enlarged(2)
    np.testing.assert_array_equal(inks_of(save_photo(twice, tmp_path / "b.tif")), inks.repeat(2, 0).repeat(2, 1))
    after = inks_of(save_photo(twice.with_array(twice.array // 2), tmp_path / "c.tif"))
    darker = rgb_of(after.astype(np.uint8))
    np.testing.assert_array_equal(darker, rgb_of(inks).repeat(2, 0).repeat(2, 1) // 2)
    assert np.abs(after[..., 3] - 0.8 * (255 - darker.max(2).astype(float))).max() <= 2


def test_a_pil_picture_in_four_inks_comes_back_in_four(drawn):
    inks = printed(drawn(40, 50, 3) // 2, 0.8)
    image = Image.frombytes("CMYK", (50, 40), inks.tobytes())
    better = narrows.restore(image, task="blur")
    assert better.mode == "CMYK" and better.size == image.size
    assert np.asarray(better)[..., 3].mean() == pytest.approx(inks[..., 3].mean(), rel=0.1)


def test_other_pixels_for_a_file_of_inks_are_rgb_without_its_profile(tmp_path):
    for suffix in (".jpg", ".tif"):
        photo = open_photo(written(tmp_path / f"a{suffix}", RANDOM.integers(0, 256, (24, 32, 4), dtype=np.uint8)))
        with Image.open(save_photo(photo.emptied((3, 9, 13)), tmp_path / f"b{suffix}")) as image:
            assert image.mode == "RGB" and image.size == (13, 9) and "icc_profile" not in image.info


@pytest.mark.needs_shipped_models
def test_a_noisy_print_is_denoised_in_its_inks(tmp_path, drawn):
    from narrows.using.restore import model_for

    clean = drawn(96, 96, 3) // 2 + 20
    noisy = np.rint(clean + RANDOM.normal(0, 20, clean.shape)).clip(0, 255).astype(np.uint8)
    path = written(tmp_path / "a.tif", printed(noisy, 0.8))
    better = restore_photo(model_for("denoise", 3), open_photo(path))
    after = inks_of(save_photo(better, tmp_path / "b.tif"))
    truth, before = printed(clean, 0.8).astype(int), inks_of(path)
    for plate in range(4):
        error, was = (np.square(one[..., plate] - truth[..., plate]).mean() for one in (after, before))
        assert error < was / 4, plate
