"""The same file back: pixels, format, orientation, depth, transparency, profile, EXIF, resolution."""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any

import imagecodecs
import numpy as np
import pytest
import tifffile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps, IptcImagePlugin, JpegImagePlugin, PngImagePlugin

from narrows import BadPicture, CannotWrite, WouldOverwrite
from narrows.data import _png, images
from narrows.data.images import Photo, open_photo, save_photo, value_range

RANDOM = np.random.default_rng(0)
GREY = RANDOM.integers(0, 256, (9, 13), dtype=np.uint8)
RGB = RANDOM.integers(0, 256, (9, 13, 3), dtype=np.uint8)
ALPHA = RANDOM.integers(0, 256, (9, 13, 1), dtype=np.uint8)
RGBA = np.concatenate([RGB, ALPHA], 2)
LA = np.concatenate([GREY[..., None], ALPHA], 2)
DEEP = RANDOM.integers(0, 65536, (9, 13, 4), dtype=np.uint16)
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

few = settings(max_examples=12, derandomize=True, deadline=None)


def _pillow(array: np.ndarray, mode: str | None = None, **options: Any) -> Callable[[Path], None]:
    def write(path: Path) -> None:
        image = Image.fromarray(array)
        (image.convert(mode) if mode else image).save(path, **options)

    return write


def _codec(array: np.ndarray) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(imagecodecs.png_encode(np.ascontiguousarray(array)))  # type: ignore[func-returns-value]


def _clear_palette(path: Path) -> None:
    image = Image.fromarray(RGB).quantize(16)
    image.save(path, transparency=3)


def _frames(path: Path) -> None:
    first, *others = (Image.fromarray(np.roll(RGB, k, 1)) for k in range(3))
    first.save(path, save_all=True, append_images=others, **({"lossless": True} if path.suffix == ".webp" else {}))


def _deep_pgm(path: Path) -> None:
    path.write_bytes(b"P5\n# a comment\n13 9\n65535\n" + DEEP[..., 0].astype(">u2").tobytes())


DRAWN: dict[str, tuple[str, Callable[[Path], None], tuple[int, int, int], str, bool]] = {
    # name: suffix, how it is written, (C, H, W), number type, transparency
    "grey PNG": (".png", _pillow(GREY), (1, 9, 13), "uint8", False),
    "black and white PNG": (".png", _pillow(GREY, "1"), (1, 9, 13), "uint8", False),
    "grey PNG with alpha": (".png", _pillow(LA), (1, 9, 13), "uint8", True),
    "colour PNG": (".png", _pillow(RGB), (3, 9, 13), "uint8", False),
    "colour PNG with alpha": (".png", _pillow(RGBA), (3, 9, 13), "uint8", True),
    "PNG with a transparent colour": (".png", _pillow(RGB, transparency=(1, 2, 3)), (3, 9, 13), "uint8", True),
    "palette PNG": (".png", lambda p: Image.fromarray(RGB).quantize(16).save(p), (3, 9, 13), "uint8", False),
    "palette PNG with transparency": (".png", _clear_palette, (3, 9, 13), "uint8", True),
    "16-bit grey PNG": (".png", _pillow(DEEP[..., 0]), (1, 9, 13), "uint16", False),
    "16-bit grey PNG with alpha": (".png", _codec(DEEP[..., :2]), (1, 9, 13), "uint16", True),
    "16-bit colour PNG": (".png", _codec(DEEP[..., :3]), (3, 9, 13), "uint16", False),
    "16-bit colour PNG with alpha": (".png", _codec(DEEP), (3, 9, 13), "uint16", True),
    "animated PNG": (".png", _frames, (3, 9, 13), "uint8", False),
    "grey JPEG": (".jpg", _pillow(GREY), (1, 9, 13), "uint8", False),
    "colour JPEG": (".jpg", _pillow(RGB), (3, 9, 13), "uint8", False),
    "progressive JPEG": (".jpeg", _pillow(RGB, progressive=True), (3, 9, 13), "uint8", False),
    "CMYK JPEG": (".jpg", _pillow(RGB, "CMYK"), (3, 9, 13), "uint8", False),
    "lossy WebP": (".webp", _pillow(RGB, quality=60), (3, 9, 13), "uint8", False),
    "lossy WebP with alpha": (".webp", _pillow(RGBA, quality=60), (3, 9, 13), "uint8", True),
    "lossless WebP": (".webp", _pillow(RGB, lossless=True), (3, 9, 13), "uint8", False),
    "animated WebP": (".webp", _frames, (3, 9, 13), "uint8", False),
    "GIF": (".gif", _pillow(GREY), (1, 9, 13), "uint8", False),
    "animated GIF": (".gif", _frames, (3, 9, 13), "uint8", False),
    "BMP": (".bmp", _pillow(RGB), (3, 9, 13), "uint8", False),
    "PGM": (".pgm", _pillow(GREY), (1, 9, 13), "uint8", False),
    "16-bit PGM": (".pgm", _deep_pgm, (1, 9, 13), "uint16", False),
    "PPM": (".ppm", _pillow(RGB), (3, 9, 13), "uint8", False),
}
LOSSY = {"grey JPEG", "colour JPEG", "progressive JPEG", "CMYK JPEG", "lossy WebP", "lossy WebP with alpha"}
NOT_EXACT = LOSSY | {"animated GIF"}  # a GIF of more than 256 colours is quantised anew


@pytest.fixture(params=DRAWN)
def drawn_file(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[str, Path]:
    suffix, write, *_ = DRAWN[request.param]
    path = tmp_path / f"ảnh 🌄{suffix}"
    write(path)
    return request.param, path


def test_every_kind_of_file_is_read_as_what_it_is(drawn_file: tuple[str, Path]) -> None:
    name, path = drawn_file
    _, _, shape, dtype, has_alpha = DRAWN[name]
    photo = open_photo(path)
    assert (photo.shape, photo.array.dtype.name, photo.alpha is not None) == (shape, dtype, has_alpha)
    assert photo.tensor().min() >= 0 and photo.tensor().max() <= 1
    said = " ".join(photo.notes)
    assert ("first of 3 frames" in said) == ("animated" in name)
    assert ("palette" in said) == ("palette" in name or "GIF" in name)


def test_unchanged_pixels_give_back_the_bytes(drawn_file: tuple[str, Path], tmp_path: Path) -> None:
    _, path = drawn_file
    written = save_photo(open_photo(path), tmp_path / "out" / path.name)
    assert written.read_bytes() == path.read_bytes()


def test_a_changed_pixel_changes_nothing_else(drawn_file: tuple[str, Path], tmp_path: Path) -> None:
    name, path = drawn_file
    photo = open_photo(path)
    array = photo.array.copy()
    array[4, 5] = np.iinfo(array.dtype).max - array[4, 5]
    after = open_photo(save_photo(photo.with_array(array), tmp_path / "out" / path.name))
    assert after.array.dtype == array.dtype and after.look.format == photo.look.format
    if photo.alpha is not None:
        assert after.alpha is not None
        np.testing.assert_array_equal(after.alpha, photo.alpha)
    if name in NOT_EXACT:
        assert after.shape == photo.shape
    else:
        np.testing.assert_array_equal(after.array, array)


@pytest.mark.parametrize("name", ["grey PNG", "16-bit colour PNG with alpha", "lossless WebP", "black and white PNG"])
def test_a_second_pass_gives_the_same_mode(name: str, tmp_path: Path) -> None:
    suffix, write, *_ = DRAWN[name]
    write(tmp_path / f"a{suffix}")
    photo = open_photo(tmp_path / f"a{suffix}")
    save_photo(photo.with_array(255 - photo.array), tmp_path / f"b{suffix}")
    with Image.open(tmp_path / f"a{suffix}") as before, Image.open(tmp_path / f"b{suffix}") as after:
        assert before.mode == after.mode


@few
@given(st.data())
def test_any_pixels_of_any_size_come_back(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    folder = tmp_path_factory.mktemp("any")
    kind = data.draw(st.sampled_from([(".png", 8), (".png", 16), (".bmp", 8), (".webp", 8), (".tif", 8), (".tif", 16)]))
    size = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 12)))
    channels = data.draw(st.sampled_from([1, 3]))
    dtype = np.uint8 if kind[1] == 8 else np.uint16
    random = np.random.default_rng(data.draw(st.integers(0, 1000)))
    array = random.integers(0, np.iinfo(dtype).max + 1, (*size, channels)).astype(dtype)
    photo = Photo(array, np.zeros(channels), np.full(channels, float(np.iinfo(dtype).max)))
    again = open_photo(save_photo(photo, folder / f"a{kind[0]}"))
    if kind[0] == ".webp":  # which has no grey
        array = np.broadcast_to(array, again.array.shape)
    np.testing.assert_array_equal(again.array, array)
    back = again.blank()
    again.put(back, again.tensor())
    np.testing.assert_array_equal(back, again.array)


# Orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", "deep.png"])
def test_orientation_is_applied_and_kept(orientation: int, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    if suffix == "deep.png":
        chunk = exif.tobytes().removeprefix(b"Exif\0\0")
        path.write_bytes(_with_chunk(imagecodecs.png_encode(DEEP[..., :3].copy()), b"eXIf", chunk))
        want = DEEP[..., :3]
    elif suffix == ".tif":
        tifffile.imwrite(path, RGB, photometric="rgb", extratags=[(274, "H", 1, orientation, True)], metadata=None)
        want = RGB
    else:
        Image.fromarray(RGB).save(path, exif=exif, **({"lossless": True} if suffix == ".webp" else {}))
        with Image.open(path) as image:
            want = np.asarray(image.convert("RGB"))
    photo = open_photo(path)
    upright = _turned(want, orientation)
    np.testing.assert_array_equal(photo.array, upright)
    array = photo.array.copy()
    array[0, 0] = 255 - array[0, 0] // 2
    after = open_photo(save_photo(photo.with_array(array), tmp_path / "out" / path.name))
    assert after.look.orientation == orientation
    if suffix != ".jpg":
        np.testing.assert_array_equal(after.array, array)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".bmp"])
@pytest.mark.parametrize("kind", [".jpg", ".png", ".webp"])
def test_which_way_is_up_is_known_in_every_other_format(kind: str, suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / f"a{kind}"
    Image.fromarray(RGB).save(path, exif=exif)
    photo = open_photo(path)
    assert photo.shape == (3, 13, 9)
    with Image.open(save_photo(photo, tmp_path / f"b{suffix}")) as after:
        assert ImageOps.exif_transpose(after).size == (9, 13)


def _turned(array: np.ndarray, orientation: int) -> np.ndarray:
    """By Pillow, on 8-bit halves, so that it judges 16 bits too."""
    ways = {
        2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_90,
    }  # fmt: skip
    if orientation == 1:
        return array
    high, low = (
        np.asarray(Image.fromarray(part.astype(np.uint8)).transpose(ways[orientation])).astype(array.dtype)
        for part in (array.astype(np.uint16) >> 8, array & 255)
    )
    return (high << 8 if array.dtype == np.uint16 else 0 * high) + low


def test_the_palette_of_a_gif_is_said_to_be_made_anew(tmp_path: Path) -> None:
    colours = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 13, 3), dtype=np.uint8)).quantize(16)
    for suffix, said in ((".gif", "worked on as full colour, and written with a new one"),
                         (".png", "worked on, and written, as full colour")):  # fmt: skip
        colours.save(tmp_path / f"a{suffix}")
        assert open_photo(tmp_path / f"a{suffix}").notes == (f"palette: {said}",)


@pytest.mark.parametrize("suffix", [".bmp", ".ppm", ".gif", ".tif", ".png", ".webp", ".jpg"])
@pytest.mark.parametrize("source", [".jpg", ".tif"])
def test_a_turned_photo_is_upright_in_every_other_format(source: str, suffix: str, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.zeros((16, 32, 3), np.uint8)
    pixels[:, :16] = 255
    Image.fromarray(pixels).save(tmp_path / f"a{source}", exif=exif)
    photo = open_photo(tmp_path / f"a{source}")
    with Image.open(save_photo(photo.with_array(photo.array // 2), tmp_path / f"b{suffix}")) as image:
        seen = np.asarray(ImageOps.exif_transpose(image).convert("L")).astype(int)
    assert seen.shape == (32, 16)
    assert seen[:12].mean() > 110 and seen[20:].mean() < 10


# Metadata


def _with_chunk(data: bytes, name: bytes, body: bytes) -> bytes:
    chunk = struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
    return data[:33] + chunk + data[33:]


def _rich_exif() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Máy ảnh"
    exif[0x0132] = "2026:11:24 10:00:00"
    exif.get_ifd(0x8769)[0x9003] = "2026:11:23 09:00:00"
    exif.get_ifd(0x8825)[1] = "N"
    return exif


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp"])
def test_profile_exif_and_resolution_survive(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    Image.fromarray(RGB).save(path, icc_profile=SRGB, exif=_rich_exif(), dpi=(300, 150), xmp=b"<x:xmpmeta/>")
    photo = open_photo(path)
    assert photo.look.icc == SRGB
    written = save_photo(photo.with_array(255 - photo.array), tmp_path / "out" / path.name)
    with Image.open(path) as before, Image.open(written) as after:
        assert after.info["icc_profile"] == SRGB
        assert after.getexif().tobytes() == before.getexif().tobytes()
        assert after.getexif().get_ifd(0x8769) == before.getexif().get_ifd(0x8769)
        assert after.info.get("dpi") == before.info.get("dpi")
        assert after.info.get("xmp") == before.info.get("xmp")


@pytest.mark.parametrize("suffix", [".png", ".jpg", "deep.png"])
def test_a_profile_of_colours_is_not_given_to_grey(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == "deep.png":
        chunk = b"colours\0\0" + zlib.compress(SRGB)
        path.write_bytes(_with_chunk(imagecodecs.png_encode(DEEP[..., :3].copy()), b"iCCP", chunk))  # type: ignore[arg-type]
    else:
        Image.fromarray(RGB).save(path, icc_profile=SRGB, dpi=(300, 300))
    grey = open_photo(path).emptied((1, 9, 13))
    data = save_photo(
        grey.with_array(grey.array + np.asarray(7, grey.array.dtype)), tmp_path / f"b{suffix}"
    ).read_bytes()
    after = open_photo(tmp_path / f"b{suffix}")
    assert after.shape[0] == 1 and after.look.icc is None and b"iCCP" not in data
    assert suffix == "deep.png" or after.look.resolution == pytest.approx((300, 300), abs=1)


def test_a_palette_of_greys_leaves_its_profile_of_colours(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    image = Image.fromarray(GREY).convert("P")
    image.save(path, icc_profile=SRGB, dpi=(300, 300))
    assert b"iCCP" in path.read_bytes()
    photo = open_photo(path)
    save_photo(photo.with_array(255 - photo.array), tmp_path / "b.png")
    after = open_photo(tmp_path / "b.png")
    assert after.look.mode == "L" and after.look.icc is None and b"iCCP" not in (tmp_path / "b.png").read_bytes()
    assert after.look.resolution == pytest.approx((300, 300), abs=1)


@pytest.mark.parametrize("bits", [8, 16])
def test_texts_of_a_png_survive(bits: int, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Title", "a title")
    texts.add_itxt("Author", "Nguyễn Văn A", zip=True)
    texts.add(b"gAMA", struct.pack(">I", 45455))
    image = Image.fromarray(RGB if bits == 8 else DEEP[..., 0])
    image.save(path, pnginfo=texts, dpi=(300, 300), icc_profile=SRGB if bits == 8 else None)
    photo = open_photo(path)
    written = save_photo(photo.with_array(photo.array // 2), tmp_path / "out.png")
    with Image.open(path) as before, Image.open(written) as after:
        after.load()
        assert after.info["Title"] == "a title" and after.info["Author"] == "Nguyễn Văn A"
        assert after.info["gamma"] == before.info["gamma"] and after.info["dpi"] == before.info["dpi"]


@pytest.mark.parametrize("bits", [8, 16])
def test_what_says_how_bright_an_hdr_png_is_survives(bits: int, tmp_path: Path) -> None:
    path, array = tmp_path / "a.png", RGB if bits == 8 else DEEP[..., :3]
    save_photo(Photo(array, *value_range(array)), path)
    said = ((b"cICP", bytes([9, 16, 0, 1])), (b"mDCV", bytes(range(24))), (b"cLLI", struct.pack(">II", 10**7, 4000)))
    path.write_bytes(_png.with_chunks(path.read_bytes(), said, array))
    photo = open_photo(path)
    written = save_photo(photo.with_array(photo.array // 2), tmp_path / "out.png")
    assert _png.chunks_of(written.read_bytes()) == said


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("quality", [95, 98])
def test_a_jpeg_keeps_its_tables_sampling_and_comment(quality: int, subsampling: int, tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    smooth = np.asarray(Image.fromarray(RGB).resize((64, 48)))
    Image.fromarray(smooth).save(path, quality=quality, subsampling=subsampling, comment="said", progressive=True)
    photo = open_photo(path)
    written = save_photo(photo.with_array(255 - photo.array), tmp_path / "b.jpg")
    with Image.open(path) as before, Image.open(written) as after:
        assert isinstance(before, JpegImagePlugin.JpegImageFile) and isinstance(after, JpegImagePlugin.JpegImageFile)
        assert after.quantization == before.quantization
        assert JpegImagePlugin.get_sampling(after) == JpegImagePlugin.get_sampling(before) == subsampling
        assert after.info["comment"] == b"said" and after.info["progressive"]


def test_the_other_pictures_of_a_phones_jpeg_are_said_to_stay_behind(tmp_path: Path) -> None:
    first = Image.fromarray(RGB)
    first.save(tmp_path / "a.jpg", "MPO", save_all=True, append_images=[first.reduce(2)])
    assert open_photo(tmp_path / "a.jpg").notes == (
        "the first of the 2 pictures in the file is used, and written alone",
    )


@pytest.mark.parametrize("long", [False, True])
def test_a_jpeg_keeps_its_captions_and_keywords_but_no_old_thumbnail(long: bool, tmp_path: Path) -> None:
    caption = (b"a caption" * 3000)[: 27000 if long else 9]
    iptc = _block(1028, b"\x1c\x02\x78" + struct.pack(">H", len(caption)) + caption)
    blocks = iptc + _block(1036, b"t" * (30001 if long else 5)) + _block(2000, b"p" * (50001 if long else 3), b"path")
    segments = b""
    for at in range(0, len(blocks), 60000):
        part = b"Photoshop 3.0\0" + blocks[at : at + 60000]
        segments += b"\xff\xed" + struct.pack(">H", len(part) + 2) + part
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "JPEG", exif=_rich_exif(), xmp=b"<x:xmpmeta/>")
    path = tmp_path / "a.jpg"
    path.write_bytes(file.getvalue()[:2] + segments + file.getvalue()[2:])
    photo = open_photo(path)
    with Image.open(save_photo(photo.with_array(255 - photo.array), tmp_path / "b.jpg")) as after:
        told: Any = IptcImagePlugin.getiptcinfo(after)
        assert told == {(2, 120): caption}
        kept = b"".join(body[14:] for name, body in after.applist if name == "APP13")
        assert kept == iptc + _block(2000, b"p" * (50001 if long else 3), b"path")
        assert after.info["xmp"] == b"<x:xmpmeta/>" and after.getexif()


def _block(number: int, data: bytes, name: bytes = b"") -> bytes:
    """One of Photoshop's."""
    named = bytes([len(name)]) + name
    named += b"\0" * (len(named) % 2)
    return b"8BIM" + struct.pack(">H", number) + named + struct.pack(">I", len(data)) + data + b"\0" * (len(data) % 2)


@pytest.mark.parametrize("share", [0.0, 0.3, 0.6, 0.9])
def test_damaged_captions_cost_no_picture(share: float, tmp_path: Path) -> None:
    blocks = _block(1028, b"caption") + _block(1036, b"t" * 50)
    part = b"Photoshop 3.0\0" + blocks[: round(share * len(blocks))]
    file = io.BytesIO()
    Image.fromarray(RGB).save(file, "JPEG")
    path = tmp_path / "a.jpg"
    segment = b"\xff\xed" + struct.pack(">H", len(part) + 2) + part
    path.write_bytes(file.getvalue()[:2] + segment + file.getvalue()[2:])
    photo = open_photo(path)
    assert open_photo(save_photo(photo.with_array(255 - photo.array), tmp_path / "b.jpg")).shape == photo.shape


@pytest.mark.parametrize("lossless", [True, False])
def test_a_webp_stays_lossless_or_lossy_also_behind_a_long_profile(lossless: bool, tmp_path: Path) -> None:
    path = tmp_path / "a.webp"
    profile = SRGB + bytes(9000)
    Image.fromarray(RGB).save(path, lossless=lossless, icc_profile=profile)
    photo = open_photo(path)
    array = 255 - photo.array
    after = open_photo(save_photo(photo.with_array(array), tmp_path / "b.webp"))
    assert after.look.more["lossless"] is lossless
    assert np.array_equal(after.array, array) is lossless


def test_cmyk_stays_cmyk_and_its_profile_stays_with_it_only(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    Image.fromarray(RGB).convert("CMYK").save(path, icc_profile=b"four inks")
    photo = open_photo(path)
    changed = photo.with_array(photo.array // 2)
    with Image.open(save_photo(changed, tmp_path / "b.jpg")) as image:
        assert image.mode == "CMYK" and image.info["icc_profile"] == b"four inks"
    with Image.open(save_photo(changed, tmp_path / "b.png")) as image:
        assert image.mode == "RGB" and "icc_profile" not in image.info


def test_a_deep_tiff_keeps_profile_and_resolution_as_png(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, DEEP[..., :3], photometric="rgb", iccprofile=SRGB, resolution=(300, 300), resolutionunit=2, metadata=None
    )
    photo = open_photo(path)
    after = open_photo(save_photo(photo, tmp_path / "a.png"))
    np.testing.assert_array_equal(after.array, photo.array)
    assert after.look.icc == SRGB
    assert after.look.resolution == pytest.approx((300, 300), rel=1e-4)


# Refusals


def test_transparency_is_never_dropped_in_silence(tmp_path: Path) -> None:
    Image.fromarray(RGBA).save(tmp_path / "a.png")
    photo = open_photo(tmp_path / "a.png")
    with pytest.raises(CannotWrite, match="cannot hold transparency"):
        save_photo(photo, tmp_path / "a.jpg")
    assert not (tmp_path / "a.jpg").exists()
    Image.fromarray(np.concatenate([RGB, np.full_like(ALPHA, 255)], 2)).save(tmp_path / "b.png")
    assert save_photo(open_photo(tmp_path / "b.png"), tmp_path / "b.jpg").exists()


def test_depth_is_never_dropped_in_silence(tmp_path: Path) -> None:
    _codec(DEEP)(tmp_path / "a.png")
    with pytest.raises(CannotWrite, match=r"uint16 pixels; write \.tif"):
        save_photo(open_photo(tmp_path / "a.png"), tmp_path / "a.jpg")


@pytest.mark.parametrize("name", ["a.xyz", "a"])
def test_an_unknown_suffix_is_refused(name: str, tmp_path: Path) -> None:
    Image.fromarray(RGB).save(tmp_path / "a.png")
    with pytest.raises(CannotWrite, match=r"no writer for .* write \.png"):
        save_photo(open_photo(tmp_path / "a.png"), tmp_path / name)


def test_a_picture_beyond_a_formats_limit_is_refused_in_a_sentence(tmp_path: Path) -> None:
    wide = Photo(np.zeros((2, 17000, 3), np.uint8), np.zeros(3), np.full(3, 255.0))
    with pytest.raises(CannotWrite, match=r"a \.webp cannot hold this picture"):
        save_photo(wide, tmp_path / "a.webp")


def test_nothing_is_written_over_without_force(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(RGB).save(path)
    before = path.read_bytes()
    photo = open_photo(path).with_array(255 - RGB)
    with pytest.raises(WouldOverwrite, match="--force"):
        save_photo(photo, path)
    assert path.read_bytes() == before
    save_photo(photo, path, force=True)
    np.testing.assert_array_equal(open_photo(path).array, 255 - RGB)


def test_a_wrong_suffix_is_read_by_what_the_file_is(tmp_path: Path) -> None:
    out = io.BytesIO()
    Image.fromarray(RGB).save(out, "TIFF")
    (tmp_path / "a.png").write_bytes(out.getvalue())
    np.testing.assert_array_equal(open_photo(tmp_path / "a.png").array, RGB)


# Threads and memory


@pytest.mark.parametrize(
    ("write", "suffix", "kind"),
    [
        (_pillow(RGBA), ".jpg", "PNG"),
        (_codec(DEEP[..., :3]), ".jpg", "PNG"),
        (_pillow(RGB, lossless=True), ".jpg", "WEBP"),
        (_pillow(RGB, quality=90), ".png", "JPEG"),
        (_pillow(RGB), ".png", "TIFF"),
    ],
)
def test_what_is_called_what_it_is_not_is_written_as_what_it_is(write, suffix: str, kind: str, tmp_path: Path) -> None:
    own = {"PNG": ".png", "WEBP": ".webp", "JPEG": ".jpg", "TIFF": ".tif"}[kind]
    write(tmp_path / f"a{own}")
    path = (tmp_path / f"a{own}").rename(tmp_path / f"b{suffix}")
    photo = open_photo(path)
    changed = photo.with_array(photo.array[::-1].copy())
    saved = save_photo(changed, tmp_path / "out" / f"b{suffix}")
    back = open_photo(saved)
    assert back.look.format == kind and back.array.dtype == photo.array.dtype
    if kind != "JPEG":
        assert images.same_pixels(back, changed)
    other = ".png" if suffix == ".jpg" else ".tif"
    if kind != "WEBP" and (kind, other) != ("TIFF", ".tif"):
        assert open_photo(save_photo(changed, tmp_path / f"c{other}")).look.format == (
            "PNG" if other == ".png" else "TIFF"
        )


def test_reading_in_threads_leaves_warning_filters_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second reader begins before the first ends, and ends after it."""
    for name in ("first.png", "second.png"):
        Image.fromarray(RGB).save(tmp_path / name)
    began, ended, read = Event(), Event(), images._pillow.read

    def staggered(path: Path) -> Any:
        if path.name == "first.png":
            assert began.wait(10)
        else:
            began.set()
            assert ended.wait(10)
        return read(path)

    monkeypatch.setattr(images._pillow, "read", staggered)
    before = list(warnings.filters)
    with ThreadPoolExecutor(2) as pool:
        first, second = (pool.submit(open_photo, tmp_path / name) for name in ("first.png", "second.png"))
        first.result(10)
        ended.set()
        second.result(10)
    assert warnings.filters == before


def test_only_the_window_that_is_asked_for_is_converted() -> None:
    photo = Photo(RGB, np.zeros(3), np.full(3, 255.0))
    window = photo.tensor(slice(2, 5), slice(3, 9))
    assert window.shape == (3, 3, 6) and window.dtype == torch.float32
    assert torch.equal(window, photo.tensor()[:, 2:5, 3:9])
    assert window.untyped_storage().nbytes() == 3 * 3 * 6 * 4


@pytest.mark.parametrize(
    ("most", "rows", "cols"),
    [
        (1, slice(4, 5), slice(6, 7)),
        (4, slice(2, 6), slice(4, 8)),
        (9, slice(0, 9), slice(2, 11)),
        (10, slice(0, 9), slice(1, 11)),
        (13, slice(0, 9), slice(0, 13)),
        (500, slice(0, 9), slice(0, 13)),
    ],
)
def test_the_middle_is_at_most_so_many_pixels_a_side(most: int, rows: slice, cols: slice) -> None:
    photo = Photo(RGB, np.zeros(3), np.full(3, 255.0))
    assert torch.equal(photo.middle(most), photo.tensor(rows, cols))


@pytest.mark.parametrize("cut", [0, 1, 7, 30, 0.5, 0.9])
@pytest.mark.parametrize("name", ["colour PNG", "16-bit colour PNG", "colour JPEG", "lossless WebP", "GIF", "BMP"])
def test_a_file_cut_short_is_refused_in_a_sentence(name: str, cut: float, tmp_path: Path) -> None:
    suffix, write, *_ = DRAWN[name]
    path = tmp_path / f"a{suffix}"
    write(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(cut * len(data)) if isinstance(cut, float) else cut])
    with pytest.raises(BadPicture, match=r"a\.\w+ (is empty|cannot be read as a picture)"):
        open_photo(path)


@pytest.mark.parametrize(("quality", "kept"), [(10, False), (80, False), (95, True), (98, True)])
def test_a_jpeg_is_never_stored_more_coarsely_than_at_quality_95(tmp_path, quality, kept):
    Image.fromarray(np.asarray(Image.fromarray(RGB).resize((64, 48)))).save(tmp_path / "a.jpg", quality=quality)
    photo = open_photo(tmp_path / "a.jpg")
    better = 255 - photo.array
    save_photo(photo.with_array(better), tmp_path / "b.jpg")
    with Image.open(tmp_path / "a.jpg") as before, Image.open(tmp_path / "b.jpg") as after:
        assert (after.quantization == before.quantization) == kept
        assert max(after.quantization[0]) <= 12
        assert np.abs(np.asarray(after, float) - better).mean() < 4.5


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_picture_is_grey_where_all_three_channels_agree_everywhere(dtype):
    array = np.repeat(np.random.default_rng(0).integers(0, 200, (600, 7, 1)), 3, 2).astype(dtype)
    if dtype == np.float32:
        array[3, 2] = np.nan

    def photo(array, high=(255.0, 255.0, 255.0)):
        channels = array.shape[2]
        return Photo(array, np.zeros(channels), np.array(high[:channels]))

    assert photo(array).is_grey
    assert not photo(array, (255.0, 255.0, 254.0)).is_grey, "the same number means another light in one of them"
    assert not photo(array[..., :1]).is_grey and not photo(array[..., :2]).is_grey
    last = array.copy()
    last[599, 6, 1] += 1
    assert not photo(last).is_grey
