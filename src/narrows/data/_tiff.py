"""TIFF: any depth, 1 to 64 channels, floats, tiles, compression, through tifffile."""

from __future__ import annotations

import io
import logging
import struct
from pathlib import Path
from typing import Any, cast

import numpy as np

from narrows._errors import BadPicture, CannotWrite
from narrows.data import _cmyk, _exif
from narrows.data._look import Look, check_size, disorient, orient

_MOST_CHANNELS = 64
_ICC, _ORIENTATION = 34675, 274
_LOSSLESS = {1, 5, 8, 32946, 32773, 34925, 50000}
"""TIFF compression codes: none, LZW, deflate (two), PackBits, LZMA, zstd."""
_WITHOUT_PREDICTOR = (1, 32773)
_DEFLATE = 8
_WHITE_IS_0, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 2, 3, 5, 6
"""Photometric interpretations."""
_KEPT = {
    271: "s", 272: "s", 305: "s", 306: "s", 315: "s", 316: "s", 33432: "s",  # camera, program, date, artist, copyright
    700: "B", 33723: "B", 34377: "B",  # XMP, IPTC, Photoshop
    33550: "d", 33922: "d", 34264: "d", 34735: "H", 34736: "d", 34737: "s", 42112: "s", 42113: "s",  # where on Earth
}  # fmt: skip
"""Tags that are written back as they were, and their types."""


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None, Look, list[str]]:
    """H W C, alpha, look, notes. Raises BadPicture, and whatever tifffile raises on broken files."""
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it logs what it then raises
    notes: list[str] = []
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages.first
        depth = max(1, page.dtype.itemsize if page.dtype is not None else 1)
        check_size(page.imagewidth, page.imagelength, path, page.samplesperpixel * depth)
        if len(file.pages) > 1:
            notes.append(f"many pages: the first of {len(file.pages)} is used")
        array = page.asarray()
        if page.photometric == _PALETTE and page.colormap is not None:
            array = np.moveaxis(page.colormap[:, array], 0, -1)
            array = (array >> 8).astype(np.uint8)
            notes.append("palette: worked on, and written, as full colour")
        look = _look(page, file, array)
        if page.planarconfig == 2 and array.ndim == 3:
            array = np.moveaxis(array, 0, -1)
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or page.imagedepth > 1 or array.shape[2] > _MOST_CHANNELS or array.dtype.kind not in "biuf":
        raise BadPicture(
            f"{path} has a page of shape {array.shape} and type {array.dtype}; a picture has height, width and 1 to "
            f"{_MOST_CHANNELS} channels of numbers"
        )
    if look.bilevel:
        array = array.astype(np.uint8) * 255
    if look.more["photometric"] == _WHITE_IS_0 and array.dtype.kind == "u":
        array = np.iinfo(array.dtype).max - array
    if look.mode == "CMYK":
        look.more["inks"], array = array, _cmyk.rgb_of(array)
        notes.append("CMYK: worked on as RGB")
    array = orient(np.ascontiguousarray(array), look.orientation)
    if look.more["alpha"] and array.shape[2] in (2, 4):
        return np.ascontiguousarray(array[..., :-1]), np.ascontiguousarray(array[..., -1]), look, notes
    return array, None, look, notes


def _look(page: Any, file: Any, array: np.ndarray) -> Look:
    tags = page.tags
    icc = tags.get(_ICC)
    orientation = tags.get(_ORIENTATION)
    extra = tuple(int(x) for x in page.extrasamples)
    resolution = None
    if "XResolution" in tags and "YResolution" in tags:
        (a, b), (c, d) = tags["XResolution"].value, tags["YResolution"].value
        resolution = (a / b if b else 1.0, c / d if d else 1.0)
    unit = tags.get("ResolutionUnit")
    photometric = int(page.photometric)
    is_cmyk = photometric == _CMYK and page.samplesperpixel == 4 and array.dtype.kind == "u"
    return Look(
        format="TIFF",
        mode="CMYK" if is_cmyk else None,
        bilevel=array.dtype == np.bool_,
        orientation=int(orientation.value) if orientation and orientation.value in range(1, 9) else 1,
        icc=bytes(icc.value) if icc else None,
        resolution=resolution,
        more={
            "compression": int(page.compression),
            "predictor": int(page.predictor) != 1,
            "planar": int(page.planarconfig) == 2 and page.samplesperpixel > 1,
            "photometric": _RGB if photometric in (_PALETTE, _YCBCR) else photometric,
            "alpha": bool(extra) and extra[-1] in (1, 2),
            "extra": extra,
            "bigtiff": bool(file.is_bigtiff),
            "byteorder": file.byteorder,
            "description": page.description or None,
            "unit": int(unit.value) if unit else None,
            "tiled": (page.tilelength, page.tilewidth) if page.is_tiled else None,
            "directories": _exif.read_directories(file, page),
            "tags": [(code, kind, tags[code].value) for code, kind in _KEPT.items() if code in tags],
        },
    )


def encode(array: np.ndarray, alpha: np.ndarray | None, look: Look) -> bytes:
    """H W C -> the bytes of a TIFF like the one it came from, or a deflated one for pictures from elsewhere.

    Raises CannotWrite.
    """
    import tifffile

    more = look.more if look.format == "TIFF" else {}
    stored = disorient(array, look.orientation)
    colours = stored.shape[2]
    if alpha is not None:
        stored = np.concatenate([stored, disorient(alpha, look.orientation)[..., None]], 2)
    photometric = more.get("photometric", _RGB if colours == 3 else 1)
    if more and look.mode == "CMYK":
        stored = _cmyk.inks_for(stored, more.get("inks"))
    if photometric == _WHITE_IS_0 and stored.dtype.kind == "u":
        stored = np.iinfo(stored.dtype).max - stored
    if look.bilevel and colours == 1:
        stored = stored > 127
    stored = stored[..., 0] if stored.shape[2] == 1 else stored
    options: dict[str, Any] = _options(look, more, stored, alpha is not None) | {"photometric": photometric}
    if more.get("planar") and stored.ndim == 3:
        stored, options["planarconfig"] = np.moveaxis(stored, -1, 0), "separate"
    elif stored.ndim == 3:
        options["planarconfig"] = "contig"
    out = io.BytesIO()
    layout: Any = {"bigtiff": more.get("bigtiff", False), "byteorder": more.get("byteorder", "<")}
    try:
        with tifffile.TiffWriter(out, **layout) as writer:
            cast(Any, writer).write(np.ascontiguousarray(stored), **options)
    except (ValueError, TypeError, struct.error) as error:  # over 4 GiB, tags that contradict each other
        raise CannotWrite(f"a TIFF like the original cannot hold this picture ({error}); write .png") from error
    if more.get("directories"):
        return _exif.with_directories(out.getvalue(), more["directories"], **layout)
    return out.getvalue()


def _options(look: Look, more: dict[str, Any], stored: np.ndarray, has_alpha: bool) -> dict[str, Any]:
    compression = more.get("compression", _DEFLATE)
    lossless = compression in _LOSSLESS
    predictor = more.get("predictor", False) and lossless and compression not in _WITHOUT_PREDICTOR
    description = more.get("description")
    options: dict[str, Any] = {
        "compression": compression if lossless else _DEFLATE,
        "predictor": predictor and stored.dtype.kind in "uif",
        "iccprofile": look.icc,
        "description": description.encode() if description else None,  # text beyond ASCII only as bytes
        "metadata": None,
        "software": False,
    }
    if stored.ndim == 3 and more.get("extra"):
        options["extrasamples"] = list(more["extra"])
    elif stored.ndim == 3 and has_alpha:
        options["extrasamples"] = ["unassalpha"]
    if look.resolution:
        options |= {"resolution": look.resolution, "resolutionunit": (more.get("unit") or 1) if more else 2}
    tags = [(code, *_typed(kind, value), True) for code, kind, value in more.get("tags", ())]
    if look.orientation != 1:
        tags.append((_ORIENTATION, "H", 1, look.orientation, True))
    if tags:
        options["extratags"] = tags
    if more.get("tiled") and all(side % 16 == 0 for side in more["tiled"]):
        options["tile"] = more["tiled"]
    return options


def _typed(kind: str, value: Any) -> tuple[str, int, Any]:
    """Type, count and value as tifffile writes them."""
    if kind == "s":
        data = value if isinstance(value, bytes) else str(value).encode()
        return "s", len(data) + 1, data
    if kind == "B":
        data = bytes(value) if not isinstance(value, str) else value.encode()
        return "B", len(data), data
    values = tuple(np.atleast_1d(value).tolist())
    return kind, len(values), values
