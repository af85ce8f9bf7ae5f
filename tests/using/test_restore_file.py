"""A file to a file: the same format, size, depth and everything it carried, only other pixels."""

from __future__ import annotations

from pathlib import Path

import imagecodecs
import numpy as np
import pytest
import tifffile
from PIL import Image, ImageCms

from narrows._errors import BadPicture, CannotWrite, WouldOverwrite
from narrows.data.images import open_photo
from narrows.model.model import Model
from narrows.using.restore import restore_file

PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


@pytest.fixture(scope="module")
def model(stirred) -> Model:
    return stirred(shape=(1, 32, 32), task="denoise", n_nodes=(8, 8))


def exif(orientation: int) -> bytes:
    found = Image.Exif()
    found[0x0112] = orientation
    found[0x010F] = "A camera"
    return found.tobytes()


@pytest.fixture
def write(tmp_path, drawn):
    """`write(name)`: one file of that sort; names are in FILES."""

    def make_file(name: str) -> Path:
        path = tmp_path / name
        grey, colour, clear = (Image.fromarray(drawn(24, 40, n).squeeze()) for n in (1, 3, 4))
        if name == "grey.png":
            grey.save(path, dpi=(300, 300))
        elif name == "colour.png":
            colour.save(path, icc_profile=PROFILE, dpi=(150, 150))
        elif name == "clear.png":
            clear.save(path)
        elif name == "deep-grey.png":
            Image.fromarray(drawn(24, 40)[..., 0].astype(np.uint16) * 257).save(path)
        elif name == "deep-colour.png":
            path.write_bytes(imagecodecs.png_encode(drawn(24, 40, 3).astype(np.uint16) * 257))
        elif name == "turned.jpg":
            colour.save(path, quality=90, exif=exif(6), icc_profile=PROFILE, dpi=(240, 240))
        elif name == "ảnh chụp 📷.jpg":
            colour.save(path, quality=85)
        elif name == "grey.webp":
            colour.save(path, lossless=True)
        elif name == "colour.bmp":
            colour.save(path)
        elif name == "deep.tif":
            tifffile.imwrite(path, drawn(24, 40, 3).astype(np.uint16) * 200, photometric="rgb", resolution=(72, 72))
        elif name == "five-channels.tif":
            tifffile.imwrite(path, drawn(24, 40, 5).astype(np.uint16) * 100, photometric="minisblack")
        elif name == "float.tif":
            tifffile.imwrite(path, drawn(24, 40)[..., 0].astype(np.float32) * 40 - 1000)
        return path

    return make_file


FILES = (
    "grey.png", "colour.png", "clear.png", "deep-grey.png", "deep-colour.png", "turned.jpg", "ảnh chụp 📷.jpg",
    "grey.webp", "colour.bmp", "deep.tif", "five-channels.tif", "float.tif",
)  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_format_size_depth_and_everything_carried_are_kept(name, write, tmp_path, model):
    path, target = write(name), tmp_path / "out" / name
    before = path.read_bytes()
    restore_file(path, target, task="denoise", model=model)
    was, now = open_photo(path), open_photo(target)
    assert path.read_bytes() == before, "the original was changed"
    assert now.shape == was.shape and now.array.dtype == was.array.dtype
    assert not np.array_equal(now.array, was.array), "nothing was restored"
    assert now.look.format == was.look.format and now.look.orientation == was.look.orientation
    assert now.look.icc == was.look.icc
    if was.alpha is not None:
        assert np.array_equal(now.alpha, was.alpha)
    if not name.endswith(".tif"):
        with Image.open(path) as one, Image.open(target) as other:
            assert (other.format, other.mode, other.size) == (one.format, one.mode, one.size)
            assert dict(other.getexif()) == dict(one.getexif())
            assert other.info.get("dpi") == one.info.get("dpi")


@pytest.mark.parametrize("name", FILES)
def test_strength_0_gives_the_very_bytes_of_the_original(name, write, tmp_path, model):
    path, target = write(name), tmp_path / "out" / name
    restore_file(path, target, task="denoise", model=model, strength=0)
    assert target.read_bytes() == path.read_bytes()


def test_a_result_does_not_stray_from_the_units_of_a_float_file(write, tmp_path, model):
    path, target = write("float.tif"), tmp_path / "out.tif"
    restore_file(path, target, task="denoise", model=model, strength=0.1)
    was, now = tifffile.imread(path), tifffile.imread(target)
    assert now.dtype == np.float32 and np.corrcoef(was.ravel(), now.ravel())[0, 1] > 0.99
    assert abs(now.mean() - was.mean()) < 0.2 * was.std()


@pytest.mark.parametrize("name", ["grey.png", "turned.jpg", "deep.tif"])
def test_nothing_is_written_over_without_force(name, write, tmp_path, model):
    path, target = write(name), tmp_path / "out" / name
    target.parent.mkdir()
    target.write_bytes(b"mine")
    with pytest.raises(WouldOverwrite, match="--force"):
        restore_file(path, target, task="denoise", model=model)
    assert target.read_bytes() == b"mine"
    restore_file(path, target, task="denoise", model=model, force=True)
    assert open_photo(target).shape == open_photo(path).shape


def test_the_original_is_not_written_over_either(write, model):
    path = write("grey.png")
    before = path.read_bytes()
    with pytest.raises(WouldOverwrite):
        restore_file(path, path, task="denoise", model=model)
    assert path.read_bytes() == before


def test_a_format_that_cannot_hold_the_pixels_is_refused_and_nothing_is_left(write, tmp_path, model):
    path, target = write("deep.tif"), tmp_path / "out" / "small.jpg"
    with pytest.raises(CannotWrite, match=r"\.tif"):
        restore_file(path, target, task="denoise", model=model)
    assert not target.exists() and not any(target.parent.glob(".*"))


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0"])
def test_what_is_no_picture_is_refused_and_leaves_nothing(content, tmp_path, model):
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(BadPicture, match=r"photo\.png"):
        restore_file(path, tmp_path / "out.png", task="denoise", model=model)
    assert not (tmp_path / "out.png").exists()
