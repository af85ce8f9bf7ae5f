"""TIFF: any depth, 1 to 64 channels, floats, tiles, compression, through tifffile."""

from __future__ import annotations

import io
import logging
from pathlib import Path
from typing import Any

import numpy as np

from narrows._errors import BadPicture
from narrows.data._look import Look, check_size, disorient, orient

_MOST_CHANNELS = 64
_ICC, _ORIENTATION = 34675, 274
_LOSSLESS = {1, 5, 8, 32946, 32773, 34925, 50000}
"""TIFF compression codes: none, LZW, deflate (two), PackBits, LZMA, zstd."""
_DEFLATE = 8


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None, Look, list[str]]:
    """H W C, alpha, look, notes."""
    import tifffile

    logging.getLogger("tifffile").setLevel(logging.CRITICAL)  # it logs what it then raises
    notes: list[str] = []
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages.first
        check_size(page.imagewidth, page.imagelength, path)
        if len(file.pages) > 1:
            notes.append(f"many pages: the first of {len(file.pages)} is used")
        array = page.asarray()
        if page.photometric == 3 and page.colormap is not None:  # palette
            array = np.moveaxis(page.colormap[:, array], 0, -1)
            array = (array >> 8).astype(np.uint8)
            notes.append("palette: worked on, and written, as full colour")
        look = _look(page, file, array)
        if page.planarconfig == 2 and array.ndim == 3:
            array = np.moveaxis(array, 0, -1)
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or array.shape[2] > _MOST_CHANNELS:
        raise BadPicture(f"{path} has a page of shape {array.shape}; a picture has 1 to {_MOST_CHANNELS} channels")
    if array.dtype == np.bool_:
        array = array.astype(np.uint8) * 255
    elif array.dtype not in (np.uint8, np.uint16, np.float32):
        array = array.astype(np.float32)
    array = orient(np.ascontiguousarray(array), look.orientation)
    if look.more.get("alpha") and array.shape[2] in (2, 4):
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
    return Look(
        format="TIFF",
        dtype=array.dtype.name,
        orientation=int(orientation.value) if orientation and orientation.value in range(1, 9) else 1,
        icc=bytes(icc.value) if icc else None,
        resolution=resolution,
        more={
            "compression": int(page.compression),
            "predictor": int(page.predictor) != 1,
            "planar": int(page.planarconfig) == 2 and page.samplesperpixel > 1,
            "photometric": int(page.photometric),
            "alpha": bool(extra) and extra[-1] in (1, 2),
            "extra": extra,
            "bigtiff": bool(file.is_bigtiff),
            "description": page.description or None,
            "unit": int(unit.value) if unit else None,
            "tiled": (page.tilelength, page.tilewidth) if page.is_tiled else None,
        },
    )


def encode(array: np.ndarray, alpha: np.ndarray | None, look: Look) -> bytes:
    """H W C -> the bytes of a TIFF like the one it came from, or a deflated one for pictures from elsewhere."""
    import tifffile

    more = look.more if look.format == "TIFF" else {}
    if look.dtype not in (None, array.dtype.name) and look.format == "TIFF":
        wanted = np.dtype(look.dtype)
        if wanted.kind in "iu":
            limits = np.iinfo(wanted)
            array = np.clip(np.rint(array.astype(np.float64)), limits.min, limits.max)
        array = array > 127 if wanted.kind == "b" else array.astype(wanted)
    stored = disorient(array, look.orientation)
    colours = stored.shape[2]
    if alpha is not None:
        stored = np.concatenate([stored, disorient(alpha, look.orientation)[..., None]], 2)
    stored = stored[..., 0] if stored.shape[2] == 1 else stored
    compression = more.get("compression", _DEFLATE)
    options: dict[str, Any] = {
        "photometric": "rgb" if colours == 3 else "minisblack",
        "compression": compression if compression in _LOSSLESS else _DEFLATE,
        "predictor": more.get("predictor", False)
        if compression in _LOSSLESS and compression not in (1, 32773)
        else None,
        "iccprofile": look.icc,
        "description": more.get("description"),
        "metadata": None,
        "software": False,
    }
    if more.get("planar") and stored.ndim == 3:
        stored, options["planarconfig"] = np.moveaxis(stored, -1, 0), "separate"
    elif stored.ndim == 3:
        options["planarconfig"] = "contig"
    if stored.ndim == 3 and (alpha is not None or more.get("extra")):
        options["extrasamples"] = ["unassalpha"] if alpha is not None else list(more["extra"])
    if look.resolution and look.format == "TIFF":
        options |= {"resolution": look.resolution, "resolutionunit": more.get("unit") or 1}
    elif look.resolution:
        options |= {"resolution": look.resolution, "resolutionunit": 2}
    if look.orientation != 1:
        options["extratags"] = [(_ORIENTATION, "H", 1, look.orientation, True)]
    if more.get("tiled") and all(side % 16 == 0 for side in more["tiled"]):
        options["tile"] = more["tiled"]
    out = io.BytesIO()
    with tifffile.TiffWriter(out, bigtiff=more.get("bigtiff", False)) as writer:
        writer.write(np.ascontiguousarray(stored), **options)
    return out.getvalue()
