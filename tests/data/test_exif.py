"""EXIF tells the size, and shows a thumbnail, of the picture that it travels with; all else stays byte for byte."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import pytest
from PIL import ExifTags, Image

from narrows.data import _exif
from narrows.data.images import open_photo, save_photo

NOTES = bytes(range(200))
"""A maker's notes, which only their maker can read."""
SIZES = {0x0100: "picture", 0x0101: "picture", 0xA002: "inner", 0xA003: "inner"}


def block_of(order: str, width: int, height: int, thumbnail: bytes | None = None, kind: int = 3) -> bytes:
    """EXIF of a camera: three directories, notes, and a thumbnail at the end. `kind` 3 is short, 4 long."""

    def entry(tag: int, kind: int, count: int, value: int) -> bytes:
        body = struct.pack(order + "HH", value, 0) if kind == 3 else struct.pack(order + "I", value)
        return struct.pack(order + "HHI", tag, kind, count) + body

    def directory(entries: list[bytes], link: int) -> bytes:
        return struct.pack(order + "H", len(entries)) + b"".join(entries) + struct.pack(order + "I", link)

    inner_at = 8 + 2 + 4 * 12 + 4
    notes_at = inner_at + 2 + 3 * 12 + 4
    second_at = notes_at + len(NOTES)
    thumbnail_at = second_at + 2 + 3 * 12 + 4
    size = [entry(0x0100, kind, 1, width), entry(0x0101, kind, 1, height)]
    first = directory([*size, entry(0x0112, 3, 1, 1), entry(0x8769, 4, 1, inner_at)], second_at if thumbnail else 0)
    inner = directory(
        [entry(0x927C, 7, len(NOTES), notes_at), entry(0xA002, kind, 1, width), entry(0xA003, kind, 1, height)], 0
    )
    out = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "I", 8) + first + inner + NOTES
    if thumbnail:
        second = [entry(0x0103, 3, 1, 6), entry(0x0201, 4, 1, thumbnail_at), entry(0x0202, 4, 1, len(thumbnail))]
        out += directory(second, 0) + thumbnail
    return b"Exif\0\0" + out


def jpeg(pixels: np.ndarray, quality: int = 90) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


def sizes_of(exif: bytes) -> dict[int, int]:
    found = Image.Exif()
    found.load(exif)
    inner = found.get_ifd(0x8769)
    assert inner[0x927C] == NOTES
    return {tag: (found if place == "picture" else inner)[tag] for tag, place in SIZES.items()}


def thumbnail_of(exif: bytes) -> Image.Image | None:
    found = Image.Exif()
    found.load(exif)
    second = found.get_ifd(ExifTags.IFD.IFD1)
    if 0x0201 not in second:
        return None
    begin = 6 + second[0x0201]
    data = exif[begin : begin + second[0x0202]]
    assert data.endswith(b"\xff\xd9"), "its length is not its own"
    return Image.open(io.BytesIO(data))


@pytest.fixture
def picture(drawn: Any) -> np.ndarray:
    return drawn(40, 60, 3)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [3, 4])
def test_an_enlarged_file_says_its_new_size_and_shows_itself(suffix, order, kind, tmp_path, picture):
    exif = block_of(order, 60, 40, jpeg(255 - picture[::2, ::2]), kind)
    Image.fromarray(picture).save(tmp_path / f"a{suffix}", exif=exif)
    photo = open_photo(tmp_path / f"a{suffix}").enlarged(2)
    written = save_photo(photo, tmp_path / f"b{suffix}")
    with Image.open(written) as image:
        after = image.info["exif"]
    after = after if after.startswith(b"Exif") else b"Exif\0\0" + after
    assert sizes_of(after) == {0x0100: 120, 0x0101: 80, 0xA002: 120, 0xA003: 80}
    small = thumbnail_of(after)
    assert small is not None and small.size == (30, 20) and len(after) == len(exif)
    wanted = np.asarray(Image.fromarray(picture).resize((30, 20), Image.Resampling.BOX), float)
    assert np.abs(np.asarray(small, float) - wanted).mean() < 12


def test_nothing_else_of_the_block_changes(picture):
    thumbnail = jpeg(picture[::2, ::2])
    before = block_of("<", 60, 40, thumbnail)
    after = _exif.for_picture(before, picture)
    assert after[: -len(thumbnail)][: len(before) - len(thumbnail) - 8] == before[: len(before) - len(thumbnail) - 8]
    without = block_of("<", 60, 40)
    assert _exif.for_picture(without, picture) == without


def test_a_size_that_a_short_number_cannot_hold_becomes_a_long_one():
    wide = np.zeros((1, 70_000, 1), np.uint8)
    assert sizes_of(_exif.for_picture(block_of(">", 5, 5), wide))[0xA002] == 70_000


@pytest.mark.parametrize("shape", [(40, 60, 1), (40, 60, 2), (40, 60, 4), (1, 1, 3), (1, 500, 3)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_thumbnails_of_all_kinds_of_pictures(shape, dtype, picture):
    block = block_of("<", 60, 40, jpeg(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)))
    stored = np.full(shape, np.iinfo(dtype).max // 2, dtype)
    small = thumbnail_of(_exif.for_picture(block, stored))
    assert small is not None and np.abs(np.asarray(small, float) - 127).max() < 3


def test_a_thumbnail_that_finds_no_room_is_taken_away(picture):
    tiny = jpeg(np.zeros((40, 60, 3), np.uint8), 1)
    noise = np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)
    block = block_of("<", 60, 40, tiny)
    after = _exif.for_picture(block, noise)
    assert thumbnail_of(after) is None and len(after) == len(block) and tiny not in after
    assert sizes_of(after)[0xA002] == 60


def test_a_thumbnail_that_is_no_jpeg_or_leads_outside_costs_nothing_else(picture):
    for place in range(6, len(block_of("<", 5, 5, b"no picture"))):
        damaged = bytearray(block_of("<", 5, 5, b"no picture"))
        damaged[place] = 255
        after = _exif.for_picture(bytes(damaged), picture)
        assert len(after) >= 6
    for cut in range(len(damaged)):
        _exif.for_picture(bytes(damaged[:cut]), picture)


def test_a_large_pictures_thumbnail_has_its_size_and_looks_like_it(picture):
    large = picture.repeat(20, 0).repeat(20, 1)
    block = block_of("<", 60, 40, jpeg(np.random.default_rng(0).integers(0, 256, (40, 60, 3), dtype=np.uint8)))
    small = thumbnail_of(_exif.for_picture(block, large))
    assert small is not None and small.size == (60, 40)
    assert np.abs(np.asarray(small, float) - picture).mean() < 12


def test_a_turned_files_size_and_thumbnail_are_those_of_what_is_stored(tmp_path, picture):
    exif = bytearray(block_of("<", 60, 40, jpeg(picture[::2, ::2])))
    at = exif.index(struct.pack("<HHI", 0x0112, 3, 1)) + 8
    exif[at] = 6
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=bytes(exif))
    photo = open_photo(tmp_path / "a.jpg").enlarged(2)
    assert photo.shape == (3, 120, 80)
    with Image.open(save_photo(photo, tmp_path / "b.jpg")) as image:
        after, size = image.info["exif"], image.size
    assert size == (120, 80) and sizes_of(after)[0xA002] == 120
    small = thumbnail_of(after)
    assert small is not None and small.size == (30, 20)


def test_an_enlarged_tiff_says_its_new_size(tmp_path, picture):
    exif, loaded = Image.Exif(), Image.Exif()
    exif[0x8769] = {0xA002: 60, 0xA003: 40, 0x829A: 0.01}
    loaded.load(exif.tobytes())
    Image.fromarray(picture).save(tmp_path / "a.tif", exif=loaded)
    photo = open_photo(tmp_path / "a.tif")
    for number, times in enumerate((2, 3)):  # what is written once can be written again
        with Image.open(save_photo(photo.enlarged(times), tmp_path / f"{number}.tif")) as image:
            inner = image.getexif().get_ifd(0x8769)
            assert (inner[0xA002], inner[0xA003]) == image.size == (60 * times, 40 * times)
            assert inner[0x829A] == 0.01


def test_a_restored_photo_shows_the_restored_thumbnail(tmp_path, picture):
    Image.fromarray(picture).save(tmp_path / "a.jpg", exif=block_of(">", 60, 40, jpeg(picture[::2, ::2])))
    photo = open_photo(tmp_path / "a.jpg")
    written = save_photo(photo.with_array(np.full_like(photo.array, 200)), tmp_path / "b.jpg")
    with Image.open(written) as image:
        small = thumbnail_of(image.info["exif"])
    assert small is not None and np.asarray(small).min() > 190
