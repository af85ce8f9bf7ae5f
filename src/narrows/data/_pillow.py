"""Pictures that Pillow keeps whole: 8 bits a channel, and their metadata."""

from __future__ import annotations

import functools
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin

from narrows._errors import CannotHold
from narrows.data import _cmyk, _exif, _photoshop, _png
from narrows.data._look import Look, check_size, disorient, orient

_ORIENTATION = 0x0112
FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jfif": "JPEG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF",
    ".pgm": "PPM", ".ppm": "PPM",
}  # fmt: skip
"""Suffixes to the formats that are written here, as Pillow names them."""
_WITH_ALPHA = ("PNG", "WEBP", "GIF")
_WITH_METADATA = ("PNG", "JPEG", "WEBP")
_JPEG_QUALITY, _WEBP_QUALITY = 95, 95


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None, Look, list[str]]:
    """H W C, alpha, look, notes. Raises whatever Pillow raises on broken files."""
    notes: list[str] = []
    with Image.open(path) as image:
        check_size(*image.size, path)
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format == "MPO":  # a preview, another view, a map of light or depth
            notes.append(f"the first of the {frames} pictures in the file is used, and written alone")
        elif frames > 1:
            notes.append(f"animated: the first of {frames} frames is used")
        look = _look(image, path)
        image.load()
        if image.format == "PPM" and image.mode == "RGB" and _is_deep_ppm(path):
            notes.append("16 bits a channel: read, and written, with 8")
        if image.mode == "CMYK":
            look.more["inks"] = np.asarray(image)
            image = Image.fromarray(_cmyk.rgb_of(look.more["inks"]))
            notes.append("CMYK: worked on as RGB")
        image, lost = _plain(image)
        notes += lost
        if look.mode in ("P", "PA") and image.mode in ("L", "LA"):
            look = look.without_profile()
        array = np.asarray(image)
    array = array[..., None] if array.ndim == 2 else array
    if array.dtype == np.int32:  # Pillow's "I": 16-bit data in 32 bits
        array = array.astype(np.uint16) if array.min() >= 0 and array.max() <= 65535 else array.astype(np.float32)
    array = orient(array, look.orientation)
    if image.mode in ("LA", "RGBA"):
        return np.ascontiguousarray(array[..., :-1]), np.ascontiguousarray(array[..., -1]), look, notes
    return array, None, look, notes


def _look(image: Image.Image, path: Path) -> Look:
    exif = image.getexif()
    orientation = exif.get(_ORIENTATION, 1)
    more: dict[str, Any] = {name: image.info[name] for name in ("xmp", "comment") if name in image.info}
    kind = "JPEG" if image.format == "MPO" else image.format
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        more |= {"qtables": image.quantization, "subsampling": JpegImagePlugin.get_sampling(image)}
        more |= {"progressive": bool(image.info.get("progressive")), "photoshop": _photoshop.blocks_of(image)}
    if kind == "WEBP":
        more["lossless"] = _is_lossless_webp(path.read_bytes())
    dpi = image.info.get("dpi")
    block = image.info.get("exif") or (exif.tobytes() if len(exif) else b"")
    return Look(
        format=kind,
        mode=image.mode,
        orientation=orientation if orientation in range(1, 9) else 1,
        icc=image.info.get("icc_profile"),
        exif=_exif.PREFIX + block.removeprefix(_exif.PREFIX) if block else None,  # a JPEG's is none without it
        resolution=(float(dpi[0]), float(dpi[1])) if dpi else None,
        chunks=_png.chunks_of(path.read_bytes()) if kind == "PNG" else (),
        more=more,
    )


def _is_lossless_webp(data: bytes) -> bool:
    """By the first picture's chunk: VP8L, or "VP8 " where it is lossy."""
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if name in (b"VP8L", b"VP8 "):
            return name == b"VP8L"
        at += 8 + (16 if name == b"ANMF" else size + size % 2)  # a frame holds chunks of its own
    return False


def _is_deep_ppm(path: Path) -> bool:
    with open(path, "rb") as file:
        lines = [line.split(b"#")[0] for line in file.read(4096).split(b"\n")]
    words = b" ".join(lines).split()
    return len(words) > 3 and words[3].isdigit() and int(words[3]) > 255


def _plain(image: Image.Image) -> tuple[Image.Image, list[str]]:
    """L, LA, RGB, RGBA or 16-bit grey, and what was lost on the way."""
    clear = "transparency" in image.info
    if image.mode in ("L", "RGB"):
        return (image.convert(image.mode + "A") if clear else image), []
    if image.mode in ("LA", "RGBA", "I", "F", "I;16"):
        return image, []
    if image.mode.startswith("I;16"):
        return image.convert("I"), []
    if image.mode == "1":
        return image.convert("L"), ["black and white: worked on as grey"]
    if image.mode in ("P", "PA"):
        clear = clear or image.mode == "PA"
        if _is_grey(image):
            return image.convert("LA" if clear else "L"), ["palette of greys: worked on, and written, as grey"]
        wide = image.convert("RGBA" if clear else "RGB")
        if image.format == "GIF":
            return wide, ["palette: worked on as full colour, and written with a new one"]
        return wide, ["palette: worked on, and written, as full colour"]
    if image.mode in ("La", "RGBa"):
        return image.convert(image.mode[:-1] + "A"), []
    return image.convert("RGB"), [f"{image.mode}: worked on as RGB"]


def _is_grey(image: Image.Image) -> bool:
    """Whether every colour of the palette is a grey, as in GIFs of grey pictures."""
    colours = np.array(image.getpalette("RGB") or [0, 0, 1]).reshape(-1, 3)
    return bool((colours == colours[:, :1]).all())


def keeps_orientation(kind: str, look: Look) -> bool:
    """Whether a file of this kind will say how its pixels are turned; else they are stored upright."""
    return kind in _WITH_METADATA and (kind == look.format or look.exif is not None)


def encode(array: np.ndarray, alpha: np.ndarray | None, look: Look, suffix: str) -> bytes:
    """H W C (C 1 or 3) uint8, or one channel of uint16 for a .pgm -> the bytes of a file of `suffix`.

    Raises CannotHold.
    """
    kind = FORMATS.get(suffix)
    if kind is None:
        raise CannotHold(f"no writer for {suffix or 'a name without a suffix'}; write .png, .jpg, .tif, .webp or .bmp")
    if array.shape[2] not in (1, 3):
        raise CannotHold(f"a picture of {array.shape[2]} channels fits only in a TIFF; write .tif")
    if suffix == ".pgm" and array.shape[2] == 3:
        raise CannotHold("a .pgm is grey and this picture has colours; write .ppm or .png")
    stored = disorient(array, look.orientation)
    if alpha is not None and kind in _WITH_ALPHA:
        stored = np.concatenate([stored, disorient(alpha, look.orientation)[..., None]], 2)
    elif alpha is not None and alpha.min() < 255:
        raise CannotHold(f"a {suffix} cannot hold transparency and this picture has some; write .png, .webp or .tif")
    same = kind == look.format
    if same and look.mode == "CMYK" and stored.shape[2] == 3:
        inks = _cmyk.inks_for(stored, look.more.get("inks"))
        image = Image.frombytes("CMYK", (inks.shape[1], inks.shape[0]), inks.tobytes())
    else:
        image = Image.fromarray(np.ascontiguousarray(stored[..., 0] if stored.shape[2] == 1 else stored))
    if same and look.mode == "1":
        image = image.convert("1", dither=Image.Dither.NONE)
    if kind == "GIF" and image.mode == "RGB":
        image = image.quantize(256)
    out = io.BytesIO()
    try:
        image.save(out, kind, **_options(kind, look, same, stored))
    except (OSError, ValueError, struct.error) as error:  # sides beyond the format's limit, EXIF longer than it holds
        raise CannotHold(f"a {suffix} cannot hold this picture ({error}); write .png or .tif") from error
    return _png.with_chunks(out.getvalue(), look.chunks, stored) if kind == "PNG" and same else out.getvalue()


def _at_least(tables: dict[int, list[int]]) -> dict[int, list[int]]:
    """A file's own quantisation tables, made as fine as at quality 95 where they are coarser: else blocks that were
    taken away would come back in storing."""
    fine = _fine_tables()
    return {n: [min(pair) for pair in zip(table, fine[min(n, 1)], strict=True)] for n, table in tables.items()}


@functools.cache
def _fine_tables() -> dict[int, list[int]]:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", quality=_JPEG_QUALITY)
    return Image.open(file).quantization  # type: ignore[attr-defined]


def _options(kind: str, look: Look, same: bool, stored: np.ndarray) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if kind in _WITH_METADATA and not (kind == "PNG" and same):  # a PNG's own chunks are put back as they were
        exif = _exif.for_picture(look.exif, stored) if look.exif else None
        options = {"icc_profile": look.icc, "exif": exif, "dpi": look.resolution, "xmp": look.more.get("xmp")}
        if kind != "JPEG":
            options.pop("xmp" if kind == "PNG" else "dpi")
    elif kind == "BMP":
        options = {"dpi": look.resolution}
    options = {name: value for name, value in options.items() if value}
    if kind == "PNG":
        options["compress_level"] = 3  # 1 megapixel in 0.1 s instead of 0.7, a few percent larger
    if kind == "JPEG" and same and look.more.get("qtables"):
        sampling, tables = look.more["subsampling"], _at_least(look.more["qtables"])
        keeps = tables == look.more["qtables"] and sampling >= 0
        if look.mode == "CMYK":  # of two tables, all inks but the first would get the one for colour differences
            tables = {0: [min(values) for values in zip(*tables.values(), strict=True)]}
        options |= {"qtables": tables, "subsampling": sampling if keeps else 0}
        options |= {"progressive": look.more["progressive"]}
        options |= {"comment": look.more["comment"]} if "comment" in look.more else {}
        options |= {"extra": _photoshop.segments(look.more["photoshop"])}
    elif kind == "JPEG":
        options |= {"quality": _JPEG_QUALITY, "subsampling": 0}
    if kind == "WEBP":
        options |= {"lossless": True} if look.more.get("lossless", not same) else {"quality": _WEBP_QUALITY}
        options |= {"exact": True}
    return options
