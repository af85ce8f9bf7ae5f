"""Pictures that Pillow keeps whole: 8 bits a channel, and their metadata."""

from __future__ import annotations

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, JpegImagePlugin

from narrows._errors import CannotWrite
from narrows.data import _png
from narrows.data._look import Look, check_size, disorient, orient

_ORIENTATION = 0x0112
_FORMATS = {
    ".png": "PNG", ".jpg": "JPEG", ".jpeg": "JPEG", ".jfif": "JPEG", ".webp": "WEBP", ".bmp": "BMP", ".gif": "GIF",
    ".pgm": "PPM", ".ppm": "PPM",
}  # fmt: skip
_JPEG_QUALITY, _WEBP_QUALITY = 95, 95


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None, Look, list[str]]:
    """H W C, alpha, look, notes. Raises whatever Pillow raises on broken files."""
    notes: list[str] = []
    with Image.open(path) as image:
        check_size(*image.size, path)
        frames = getattr(image, "n_frames", 1)
        if frames > 1 and image.format != "MPO":
            notes.append(f"animated: the first of {frames} frames is used")
        look = _look(image, path)
        image.load()
        image, lost = _plain(image)
        notes += lost
        array = np.asarray(image)
    array = array[..., None] if array.ndim == 2 else array
    array = orient(array, look.orientation)
    if image.mode in ("LA", "RGBA"):
        return np.ascontiguousarray(array[..., :-1]), np.ascontiguousarray(array[..., -1]), look, notes
    if array.dtype == np.int32:  # Pillow's "I": 16-bit data in 32 bits
        array = array.astype(np.uint16) if array.min() >= 0 and array.max() <= 65535 else array.astype(np.float32)
    return array, None, look, notes


def _look(image: Image.Image, path: Path) -> Look:
    exif = image.getexif()
    orientation = exif.get(_ORIENTATION, 1)
    more: dict[str, Any] = {}
    kind = "JPEG" if image.format == "MPO" else image.format
    if isinstance(image, JpegImagePlugin.JpegImageFile):
        more = {"qtables": image.quantization, "subsampling": JpegImagePlugin.get_sampling(image)}
    if kind == "WEBP":
        more = {"lossless": _is_lossless_webp(path)}
    dpi = image.info.get("dpi")
    return Look(
        format=kind,
        mode=image.mode,
        orientation=orientation if orientation in range(1, 9) else 1,
        icc=image.info.get("icc_profile"),
        exif=image.info.get("exif") or (exif.tobytes() if len(exif) else None),
        resolution=(float(dpi[0]), float(dpi[1])) if dpi else None,
        chunks=_png.chunks_of(path.read_bytes()) if kind == "PNG" else (),
        more=more,
    )


def _is_lossless_webp(path: Path) -> bool:
    with open(path, "rb") as file:
        head = file.read(4096)
    return b"VP8L" in head


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
        wide = image.convert("RGBA" if clear or image.mode == "PA" else "RGB")
        return wide, ["palette: worked on, and written, as full colour"]
    if image.mode in ("La", "RGBa"):
        return image.convert(image.mode[:-1] + "A"), []
    return image.convert("RGB"), [f"{image.mode}: worked on as RGB"]


def encode(array: np.ndarray, alpha: np.ndarray | None, look: Look, suffix: str) -> bytes:
    """H W C uint8 -> the bytes of a file of `suffix`."""
    kind = _FORMATS.get(suffix)
    if kind is None:
        raise CannotWrite(f"no writer for {suffix or 'a name without a suffix'}; write .png, .jpg, .tif, .webp or .bmp")
    stored = disorient(array, look.orientation)
    clear = None if alpha is None or kind in ("JPEG", "PPM", "BMP") else disorient(alpha, look.orientation)
    if stored.shape[2] not in (1, 3):
        raise CannotWrite(f"a picture of {stored.shape[2]} channels fits only in a TIFF; write .tif")
    if clear is not None:
        stored = np.concatenate([stored, clear[..., None]], 2)
    image = Image.fromarray(np.ascontiguousarray(stored[..., 0] if stored.shape[2] == 1 else stored))
    same = kind == look.format
    options = _options(kind, look, same)
    if same and look.mode == "CMYK":
        image = image.convert("CMYK")
    if same and look.mode == "1":
        image = image.convert("1", dither=Image.Dither.NONE)
    if kind == "GIF" and image.mode != "L":
        image = image.convert("RGB").quantize(256)
    out = io.BytesIO()
    image.save(out, kind, **options)
    return _png.with_chunks(out.getvalue(), look.chunks) if kind == "PNG" and same else out.getvalue()


def _options(kind: str, look: Look, same: bool) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if not (kind == "PNG" and same):  # a PNG's own chunks are put back as they were
        # The orientation lives in the EXIF; without one the pixels are stored upright.
        options = {"icc_profile": look.icc, "exif": look.exif, "dpi": look.resolution}
        options = {name: value for name, value in options.items() if value}
    if kind in ("BMP", "GIF", "PPM"):
        options = {name: value for name, value in options.items() if name == "dpi" and kind == "BMP"}
    if kind == "PNG":
        options["compress_level"] = 3  # 1 megapixel in 0.1 s instead of 0.7, a few percent larger
    if kind == "JPEG" and same and look.more.get("qtables"):
        sampling = look.more["subsampling"]
        options |= {"qtables": look.more["qtables"], "subsampling": sampling if sampling >= 0 else 0}
    elif kind == "JPEG":
        options |= {"quality": _JPEG_QUALITY, "subsampling": 0}
    if kind == "WEBP":
        options.pop("dpi", None)
        options |= {"lossless": True} if look.more.get("lossless", not same) else {"quality": _WEBP_QUALITY}
        options |= {"exact": True}
    return options


def upright(look: Look) -> Look:
    """The look of pixels that are stored as they are meant, for formats that hold no EXIF."""
    return dataclasses.replace(look, orientation=1)
