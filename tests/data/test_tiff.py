"""TIFF: every number type, 1 to 64 channels, layouts, compressions, tags; results in the file's own units."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, TiffImagePlugin

from narrows import BadPicture
from narrows.data._exif import with_directories
from narrows.data.images import open_photo, save_photo
from narrows.data.stacks import Stack, open_picture

RANDOM = np.random.default_rng(1)
TYPES = ["uint8", "uint16", "uint32", "int8", "int16", "int32", "float16", "float32", "float64"]


def _numbers(dtype: str, *shape: int) -> np.ndarray:
    kind = np.dtype(dtype)
    if kind.kind == "f":
        return (RANDOM.normal(size=shape) * 40 - 7).astype(kind)
    limits = np.iinfo(kind)
    return RANDOM.integers(limits.min // 2, limits.max // 2, shape, dtype=kind)


def _written(path: Path, array: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, array, **({"metadata": None} | options))
    return path


def _changed(path: Path, tmp_path: Path) -> tuple[np.ndarray, Path]:
    """One value changed, saved, and where."""
    photo = open_photo(path)
    array = photo.array.copy()
    array[3, 2, 0] = array[5, 6, 0]
    return array, save_photo(photo.with_array(array), tmp_path / "out" / path.name)


@pytest.mark.parametrize("channels", [1, 3, 5, 64])
@pytest.mark.parametrize("dtype", TYPES)
def test_every_number_type_comes_back_in_its_own_units(dtype: str, channels: int, tmp_path: Path) -> None:
    shape = (9, 13) if channels == 1 else (9, 13, channels)
    options = {"photometric": "rgb" if channels == 3 else "minisblack", "planarconfig": "contig"}
    path = _written(tmp_path / "a.tif", _numbers(dtype, *shape), **(options if channels > 1 else {}))
    photo = open_photo(path)
    assert photo.shape == (channels, 9, 13) and photo.array.dtype == dtype
    tensor = photo.tensor()
    assert tensor.isfinite().all() and tensor.flatten(1).median(1).values.sub(0.5).abs().max() < 0.5
    back = photo.blank()
    photo.put(back, tensor)
    span = photo.high - photo.low
    allowed = (1e-3 if dtype == "float16" else 3e-7) * span.max() + (1 if photo.array.dtype.kind in "iu" else 1e-6)
    assert np.abs(back.astype(float) - photo.array.astype(float)).max() <= allowed
    array, written = _changed(path, tmp_path)
    with tifffile.TiffFile(written) as file:
        assert file.pages.first.dtype == dtype
    np.testing.assert_array_equal(open_photo(written).array, array)


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_eight_and_sixteen_bits_survive_a_net_that_changes_nothing(dtype: str, tmp_path: Path) -> None:
    everything = np.arange(np.iinfo(dtype).max + 1, dtype=dtype).reshape(16, -1)
    photo = open_photo(_written(tmp_path / "a.tif", everything))
    back = photo.blank()
    photo.put(back, photo.tensor())
    np.testing.assert_array_equal(back, photo.array)


@pytest.mark.parametrize("compression", [None, "lzw", "zlib", "packbits", "zstd", "lzma"])
@pytest.mark.parametrize("predictor", [False, True])
@pytest.mark.parametrize("dtype", ["uint16", "float32"])
def test_compression_is_kept(compression: str | None, predictor: bool, dtype: str, tmp_path: Path) -> None:
    if predictor and compression in (None, "packbits"):
        pytest.skip("takes no predictor")
    path = _written(tmp_path / "a.tif", _numbers(dtype, 9, 13), compression=compression, predictor=predictor)
    array, written = _changed(path, tmp_path)
    with tifffile.TiffFile(path) as before, tifffile.TiffFile(written) as after:
        assert before.pages.first.compression == after.pages.first.compression
        assert before.pages.first.predictor == after.pages.first.predictor
    np.testing.assert_array_equal(open_photo(written).array, array)


LAYOUTS: dict[str, tuple[tuple[int, ...], dict[str, Any]]] = {
    "planar": ((3, 9, 13), {"photometric": "rgb", "planarconfig": "separate"}),
    "planar, 5 channels": ((5, 9, 13), {"photometric": "minisblack", "planarconfig": "separate"}),
    "tiled": ((40, 50, 3), {"photometric": "rgb", "tile": (16, 32)}),
    "planar and tiled": ((3, 40, 50), {"photometric": "rgb", "planarconfig": "separate", "tile": (16, 16)}),
    "bigtiff": ((9, 13), {"bigtiff": True}),
    "big-endian": ((9, 13), {"byteorder": ">"}),
    "alpha": ((9, 13, 4), {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    "premultiplied alpha": ((9, 13, 4), {"photometric": "rgb", "extrasamples": ["assocalpha"]}),
    "grey with alpha": ((9, 13, 2), {"photometric": 1, "extrasamples": ["unassalpha"], "planarconfig": "contig"}),
    "colour and infrared": ((9, 13, 4), {"photometric": "rgb", "extrasamples": ["unspecified"]}),
    "white is zero": ((9, 13), {"photometric": "miniswhite"}),
}  # fmt: skip


@pytest.mark.parametrize("name", LAYOUTS)
def test_the_layout_is_kept(name: str, tmp_path: Path) -> None:
    shape, options = LAYOUTS[name]
    path = _written(tmp_path / "a.tif", _numbers("uint16", *shape), **options)
    array, written = _changed(path, tmp_path)
    with tifffile.TiffFile(path) as before, tifffile.TiffFile(written) as after:
        assert (after.is_bigtiff, after.byteorder) == (before.is_bigtiff, before.byteorder)
        for field in ("photometric", "planarconfig", "samplesperpixel", "extrasamples", "is_tiled", "tilewidth"):
            assert getattr(after.pages.first, field) == getattr(before.pages.first, field), field
        assert (after.asarray() != before.asarray()).sum() == 1
    again = open_photo(written)
    np.testing.assert_array_equal(again.array, array)
    assert (again.alpha is not None) == ("alpha" in name)


def test_white_is_zero_is_seen_as_it_looks(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.tif", np.array([[0, 255]], np.uint8), photometric="miniswhite")
    assert open_photo(path).array[..., 0].tolist() == [[255, 0]]


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
def test_bits_stay_bits(photometric: str, tmp_path: Path) -> None:
    path = _written(tmp_path / "a.tif", RANDOM.random((9, 16)) > 0.5, photometric=photometric)
    photo = open_photo(path)
    assert photo.array.dtype == np.uint8 and set(np.unique(photo.array)) == {0, 255}
    array, written = _changed(path, tmp_path)
    with tifffile.TiffFile(written) as file:
        assert file.pages.first.bitspersample == 1 and file.pages.first.photometric.name.lower() == photometric
    np.testing.assert_array_equal(open_photo(written).array, array)


@pytest.mark.parametrize("photometric", [0, 1])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("bits", [2, 4, 10, 12])
def test_values_of_fewer_bits_are_as_bright_as_they_look(
    bits: int, packed: bool, order: str, photometric: int, tmp_path: Path
) -> None:
    top, most = (1 << bits) - 1, 255 if bits < 8 else 65535
    values = RANDOM.integers(0, top + 1, (9, 13))
    values[0, :2], values[3, 2], values[5, 6] = (0, top), 0, top
    path = _of_bits(tmp_path / "scan.tif", values, bits, packed=packed, order=order, photometric=photometric)
    light = values / top if photometric else 1 - values / top
    photo = open_photo(path)
    assert np.abs(photo.tensor()[0].numpy() - light).max() <= 0.5 / most
    array, written = _changed(path, tmp_path)
    assert (open_photo(written).array == array).all()
    with tifffile.TiffFile(written) as file:
        page = file.pages.first
        stored, found = page.asarray(), int(page.bitspersample)
    stays = not packed and (bits < 8 or order == "<")
    assert found == (bits if stays else 8 if bits < 8 else 16)
    assert bool(photo.notes) is not stays
    assert np.abs(stored[0] / ((1 << found) - 1) - values[0] / top).max() <= 0.5 / most


def _of_bits(path: Path, values: np.ndarray, bits: int, *, packed: bool, order: str, photometric: int) -> Path:
    """A grey TIFF of one strip whose values fill no whole bytes, which tifffile cannot write in all these ways."""
    height, width = values.shape
    size = -(-width * bits // 8)
    lines = ["".join(f"{value:0{bits}b}" for value in row).ljust(8 * size, "0") for row in values.tolist()]
    data = b"".join(int(line, 2).to_bytes(size, "big") for line in lines)
    data = zlib.compress(data) if packed else data
    data += b"\0" * (len(data) % 2)
    tags = [
        (256, width), (257, height), (258, bits), (259, 8 if packed else 1), (262, photometric), (273, 8), (277, 1),
        (278, height), (279, len(data)),
    ]  # fmt: skip
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags)
    head = {"<": b"II*\0", ">": b"MM\0*"}[order] + struct.pack(f"{order}I", 8 + len(data))
    path.write_bytes(head + data + struct.pack(f"{order}H", len(tags)) + entries + bytes(4))
    return path


@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
def test_cmyk_looks_as_pillow_shows_it_and_stays_cmyk(dtype: str, tmp_path: Path) -> None:
    inks = _numbers(dtype, 9, 13, 4) * 2
    path = _written(tmp_path / "a.tif", inks, photometric="separated", iccprofile=b"four inks")
    photo = open_photo(path)
    assert photo.shape == (3, 9, 13) and "CMYK: worked on as RGB" in photo.notes
    if dtype == "uint8":
        with Image.open(path) as image:
            np.testing.assert_allclose(photo.array.astype(int), np.asarray(image.convert("RGB")), atol=1)
    array, written = _changed(path, tmp_path)
    with tifffile.TiffFile(written) as file:
        assert file.pages.first.photometric.name == "SEPARATED" and file.pages.first.iccprofile == b"four inks"
    np.testing.assert_array_equal(open_photo(written).array, array)


def test_a_palette_is_read_as_colours(tmp_path: Path) -> None:
    image = Image.fromarray(RANDOM.integers(0, 256, (9, 13, 3), dtype=np.uint8)).quantize(16)
    image.save(tmp_path / "a.tif")
    photo = open_photo(tmp_path / "a.tif")
    np.testing.assert_array_equal(photo.array, np.asarray(image.convert("RGB")))
    assert "palette: worked on, and written, as full colour" in photo.notes
    array, written = _changed(tmp_path / "a.tif", tmp_path)
    np.testing.assert_array_equal(open_photo(written).array, array)


def test_a_jpeg_inside_is_decoded_and_written_without_loss(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(32), np.arange(48)).astype(np.uint8)
    path = _written(tmp_path / "a.tif", np.stack([smooth] * 3, -1), photometric="ycbcr", compression="jpeg")
    array, written = _changed(path, tmp_path)
    np.testing.assert_array_equal(open_photo(written).array, array)


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "tiff_adobe_deflate"])
def test_ycbcr_is_seen_as_pillow_shows_it_and_written_as_rgb(compression: str | None, tmp_path: Path) -> None:
    image = Image.fromarray(RANDOM.integers(0, 256, (9, 13, 3), dtype=np.uint8)).convert("YCbCr")
    image.save(tmp_path / "a.tif", compression=compression)
    photo = open_photo(tmp_path / "a.tif")
    np.testing.assert_array_equal(photo.array, np.asarray(image.convert("RGB")))
    assert "YCbCr: worked on, and written, as RGB" in photo.notes
    array, written = _changed(tmp_path / "a.tif", tmp_path)
    with Image.open(written) as again:
        assert again.mode == "RGB"
        np.testing.assert_array_equal(np.asarray(again), array)


def test_every_page_of_a_ycbcr_stack_is_seen_as_rgb(tmp_path: Path) -> None:
    pages = [Image.fromarray(RANDOM.integers(0, 256, (9, 13, 3), dtype=np.uint8)).convert("YCbCr") for _ in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    stack = open_picture(tmp_path / "a.tif")
    assert isinstance(stack, Stack)
    for number, page in enumerate(pages):
        np.testing.assert_array_equal(stack.photo(number).array, np.asarray(page.convert("RGB")))


STUDIO = (16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1)


@pytest.mark.parametrize("dtype, photometric, tags, said", [
    ("uint8", "cielab", (), "CIELAB colours"),
    ("uint8", "icclab", (), r"ICC L\*a\*b\* colours"),
    ("uint16", "cielab", (), "CIELAB colours"),
    ("uint16", "ycbcr", (), "YCbCr colours of another kind"),
    ("uint8", "ycbcr", [(532, "2I", 6, STUDIO, True)], "YCbCr colours of another kind"),
    ("uint8", "ycbcr", [(529, "2I", 3, (2126, 10000, 7152, 10000, 722, 10000), True)], "YCbCr colours of another kind"),
])  # fmt: skip
def test_colours_that_would_come_out_false_are_refused(
    dtype: str, photometric: str, tags: Any, said: str, tmp_path: Path
) -> None:
    pixels = _numbers(dtype, 9, 13, 3)
    path = _written(tmp_path / "a.tif", pixels, photometric=photometric, extratags=tags)
    with pytest.raises(BadPicture, match=rf"{said}.*save it as RGB first"):
        open_photo(path)


def test_of_many_pages_the_first_is_used_and_that_is_said(tmp_path: Path) -> None:
    pages = _numbers("uint8", 3, 9, 13)
    path = _written(tmp_path / "a.tif", pages, photometric="minisblack")
    photo = open_photo(path)
    np.testing.assert_array_equal(photo.array[..., 0], pages[0])
    assert photo.notes == ("many pages: the first of 3 is used",)
    assert save_photo(photo, tmp_path / "b.tif").read_bytes() == path.read_bytes()


def test_tags_survive(tmp_path: Path) -> None:
    path = _written(
        tmp_path / "a.tif",
        _numbers("uint8", 9, 13),
        description="Kính hiển vi 🔬".encode(),
        resolution=(254, 127),
        resolutionunit="CENTIMETER",
        iccprofile=b"a profile",
        datetime="2026:11:24 10:00:00",
        extratags=[
            (315, "s", 0, "Nguyễn".encode(), True),
            (700, "B", 12, b"<x:xmpmeta/>", True),
            (33550, "d", 3, (0.5, 0.5, 0.0), True),
            (34735, "H", 4, (1, 1, 0, 0), True),
            (42113, "s", 0, b"-9999", True),
        ],
    )
    _, written = _changed(path, tmp_path)
    with tifffile.TiffFile(path) as before, tifffile.TiffFile(written) as after:
        for tag in (270, 282, 283, 296, 306, 315, 700, 33550, 34675, 34735, 42113):
            assert after.pages.first.tags[tag].value == before.pages.first.tags[tag].value, tag


@pytest.mark.parametrize("bigtiff", [False, True])
def test_exif_and_gps_survive(bigtiff: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    exif, loaded = Image.Exif(), Image.Exif()
    exif[0x010F] = "a maker"
    exif[0x8769] = {0x9003: "2026:11:23 09:00:00", 0x829A: 0.01, 0x9286: b"UNICODE\0H\0u\1\xbf"}
    exif[0x8825] = {1: "N", 2: (16.0, 28.0, 7.5)}
    loaded.load(exif.tobytes())
    Image.fromarray(RANDOM.integers(0, 256, (9, 13, 3), dtype=np.uint8)).save(path, exif=loaded, big_tiff=bigtiff)
    array, written = _changed(path, tmp_path)
    with Image.open(path) as before, Image.open(written) as after:
        for pointer in (0x8769, 0x8825):
            assert before.getexif().get_ifd(pointer)
            assert after.getexif().get_ifd(pointer) == before.getexif().get_ifd(pointer)
        assert after.getexif()[0x010F] == "a maker"
    np.testing.assert_array_equal(open_photo(written).array, array)
    again = _changed(written, tmp_path / "again")[1]
    with Image.open(again) as image:
        assert image.getexif().get_ifd(0x8825)[1] == "N"


def test_exif_survives_in_a_big_endian_file(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.tif", _numbers("uint16", 9, 13), byteorder=">")
    directory = TiffImagePlugin.ImageFileDirectory_v2(prefix=b"MM")
    directory[0x9003] = "2026:11:23 09:00:00"
    data = with_directories(path.read_bytes(), {34665: directory}, bigtiff=False, byteorder=">")
    path.write_bytes(data)
    _, written = _changed(path, tmp_path)
    with Image.open(written) as image:
        assert image.getexif().get_ifd(0x8769) == {0x9003: "2026:11:23 09:00:00"}
    assert written.read_bytes()[:2] == b"MM"


def test_a_damaged_exif_directory_costs_no_picture(tmp_path: Path) -> None:
    path = _written(tmp_path / "a.tif", _numbers("uint8", 9, 13), extratags=[(34665, "I", 1, 10**9, True)])
    array, written = _changed(path, tmp_path)
    np.testing.assert_array_equal(open_photo(written).array, array)


# Measured values


def test_each_channel_is_scaled_by_its_own_percentiles(tmp_path: Path) -> None:
    values = _numbers("float32", 50, 50, 3) * np.array([1, 1000, 1e-6], np.float32) + np.array([0, 5e4, 0], np.float32)
    photo = open_photo(_written(tmp_path / "a.tif", values, photometric="rgb"))
    np.testing.assert_allclose(photo.low, np.percentile(values.reshape(-1, 3), 0.1, axis=0), rtol=1e-5)
    np.testing.assert_allclose(photo.high, np.percentile(values.reshape(-1, 3), 99.9, axis=0), rtol=1e-5)
    inside = ((photo.tensor() >= 0) & (photo.tensor() <= 1)).float().mean((1, 2))
    assert (inside > 0.99).all()


def test_values_far_from_zero_keep_their_digits(tmp_path: Path) -> None:
    values = 1e9 + RANDOM.random((20, 20))
    photo = open_photo(_written(tmp_path / "a.tif", values))
    back = photo.blank()
    photo.put(back, photo.tensor())
    np.testing.assert_allclose(back[..., 0] - 1e9, values - 1e9, atol=1e-6)


def test_floats_that_lie_in_0_to_1_are_taken_as_they_are(tmp_path: Path) -> None:
    photo = open_photo(_written(tmp_path / "a.tif", RANDOM.random((9, 9)).astype(np.float32) * 0.5))
    assert photo.low.tolist() == [0] and photo.high.tolist() == [1]


def test_pixels_that_are_no_numbers_stay_and_spoil_nothing(tmp_path: Path) -> None:
    values = _numbers("float32", 20, 20)
    values[3, 4], values[5, 6] = np.nan, np.inf
    photo = open_photo(_written(tmp_path / "a.tif", values))
    assert photo.tensor().isfinite().all() and np.isfinite(photo.low).all() and np.isfinite(photo.high).all()
    out = photo.blank()
    photo.put(out, photo.tensor() * 0.5)
    assert np.isnan(out[3, 4]) and np.isinf(out[5, 6]) and np.isfinite(np.delete(out.ravel(), [64, 106])).all()
    again = open_photo(save_photo(photo.with_array(out), tmp_path / "b.tif"))
    np.testing.assert_array_equal(again.array, out)
    assert save_photo(photo, tmp_path / "c.tif").read_bytes() == (tmp_path / "a.tif").read_bytes()


@pytest.mark.parametrize("pages", [1, 3])
@pytest.mark.parametrize(
    "dtype, nodata",
    [("float32", "-9999"), ("float32", "-3.4028234663852886e+38"), ("int16", "-32768"), ("uint16", "0")],
)
def test_pixels_that_a_map_says_have_no_value_stay_and_spoil_nothing(
    dtype: str, nodata: str, pages: int, tmp_path: Path
) -> None:
    heights = (500 + 30 * RANDOM.random((pages, 20, 30))).astype(dtype)
    heights[:, :8, :9] = np.dtype(dtype).type(float(nodata))
    options = {"extratags": [(42113, "s", 0, nodata, True)], "photometric": "minisblack"}
    path = _written(tmp_path / "map.tif", heights, **options)
    found = open_picture(path)
    for number in range(pages):
        photo = found.photo(number) if isinstance(found, Stack) else found
        if dtype != "uint16" or pages > 1:
            assert photo.low >= 499 and photo.high <= 531
        assert (photo.tensor()[0, :8, :9] == 0).all()
        out = photo.blank()
        photo.put(out, photo.tensor() * 0 + 0.5)
        assert (out[:8, :9, 0] == heights[number, :8, :9]).all() and len(np.unique(out[9:])) == 1
        black = photo.emptied((1, 20, 30))
        black.put(black.array, photo.tensor() * 0 + 0.5)
        assert len(np.unique(black.array)) == 1


@pytest.mark.parametrize("nodata, instead", [(0, 1), (255, 254)])
def test_no_result_becomes_the_value_that_stands_for_none(nodata: int, instead: int, tmp_path: Path) -> None:
    options = {"extratags": [(42113, "s", 0, str(nodata), True)], "photometric": "minisblack"}
    photo = open_photo(_written(tmp_path / "map.tif", np.full((4, 5), 100, np.uint8), **options))
    out = photo.blank()
    photo.put(out, torch.full((1, 4, 5), nodata / 255))
    assert (out == instead).all()


@pytest.mark.parametrize("nodata", ["none", "nan", "1e400", "-1", "2.5", ""])
def test_a_value_that_no_pixel_can_have_stands_for_nothing(nodata: str, tmp_path: Path) -> None:
    options = {"extratags": [(42113, "s", 0, nodata, True)], "photometric": "minisblack"}
    path = _written(tmp_path / "map.tif", _numbers("uint16", 9, 13), **options)
    array, written = _changed(path, tmp_path)
    assert (open_photo(written).array == array).all()


def test_a_constant_or_empty_channel_is_never_divided_by_zero(tmp_path: Path) -> None:
    for name, value in (("a.tif", 5.0), ("b.tif", np.nan)):
        photo = open_photo(_written(tmp_path / name, np.full((9, 9), value, np.float32)))
        assert photo.tensor().isfinite().all()


# Refusals


@pytest.mark.parametrize(
    ("array", "options"),
    [
        (np.zeros((9, 13), np.complex64), {}),
        (np.zeros((9, 13, 65), np.uint8), {"photometric": "minisblack", "planarconfig": "contig"}),
        (np.zeros((4, 9, 16), np.uint8), {"volumetric": True, "tile": (2, 16, 16), "photometric": "minisblack"}),
    ],
)
def test_what_is_no_picture_is_refused(array: np.ndarray, options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(BadPicture, match="1 to 64 channels"):
        open_photo(_written(tmp_path / "a.tif", array, **options))


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_file_cut_short_is_refused(compression: str | None, share: float, tmp_path: Path) -> None:
    path = _written(tmp_path / "a.tif", _numbers("uint16", 90, 130), compression=compression)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(BadPicture, match=r"a\.tif"):
        open_photo(path)


def test_a_claim_of_too_many_bytes_is_refused_before_they_are_made(tmp_path: Path) -> None:
    path = _written(
        tmp_path / "a.tif", np.zeros((9, 13, 64), np.float64), photometric="minisblack", planarconfig="contig"
    )
    with tifffile.TiffFile(path, mode="r+b") as file:
        file.pages.first.tags[256].overwrite(10_000)
        file.pages.first.tags[257].overwrite(10_000)
    with pytest.raises(BadPicture, match=r"claims 10000x10000 pixels of 512 bytes; up to 4 GiB are read"):
        open_photo(path)
