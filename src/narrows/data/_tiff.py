"""TIFF: any depth, 1 to 64 channels, floats, tiles, compression, through tifffile."""

from __future__ import annotations

import io
import logging
import struct
from pathlib import Path
from typing import Any, cast

import numpy as np
from PIL import Image

from narrows._errors import BadPicture, CannotHold
from narrows.data import _cmyk, _exif
from narrows.data._look import Look, check_size, disorient, orient

_MOST_CHANNELS = 64
_ICC, _ORIENTATION = 34675, 274
_LOSSLESS = {1, 5, 8, 32946, 32773, 34925, 50000}
"""TIFF compression codes: none, LZW, deflate (two), PackBits, LZMA, zstd."""
_WITHOUT_PREDICTOR = (1, 32773)
_JPEG = (6, 7, 33007, 34892)
"""TIFF compression codes of JPEG, whose YCbCr tifffile gives as RGB."""
_DEFLATE = 8
_WHITE_IS_0, _BLACK_IS_0, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
"""Photometric interpretations."""
_LAB = {8: "CIELAB", 9: "ICC L*a*b*", 10: "ITU L*a*b*"}
_WEIGHTS, _REFERENCE = 529, 532
_BT601, _FULL_RANGE = (0.299, 0.587, 0.114), (0, 255, 128, 255, 128, 255)
"""What YCbCr means where a file does not say it: as in JPEG, and as Pillow has it."""
_KEPT = {
    269: "s", 285: "s", 297: "H", 271: "s", 272: "s", 305: "s", 306: "s", 315: "s", 316: "s",  # names, camera, date
    33432: "s", 700: "B", 33723: "B", 34377: "B",  # copyright, XMP, IPTC, Photoshop
    33550: "d", 33922: "d", 34264: "d", 34735: "H", 34736: "d", 34737: "s", 42112: "s", 42113: "s",  # where on Earth
}  # fmt: skip
"""Tags that are written back as they were, and their types."""
_NODATA = 42113
"""The value that stands for none, as text: of maps, most of which are no rectangles."""
_RAW = (50838, 50839, 51123)
"""The same, byte for byte: what ImageJ and Micro-Manager know of a stack."""


def read(path: Path) -> tuple[np.ndarray, np.ndarray | None, Look, list[str]]:
    """H W C, alpha, look, notes: the first page. Raises BadPicture, and whatever tifffile raises on broken files."""
    import tifffile

    quiet()
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages.first
        check_page(page, path)
        notes = [f"many pages: the first of {len(file.pages)} is used"] if len(file.pages) > 1 else []
        array, alpha, look, more = read_page(file, page, path)
        return array, alpha, look, [*notes, *more]


def quiet() -> None:
    """tifffile logs what it then raises."""
    logging.getLogger("tifffile").setLevel(logging.CRITICAL)


def check_page(page: Any, path: Path) -> None:
    """Refuse what would fill the memory. Raises BadPicture."""
    depth = max(1, page.dtype.itemsize if page.dtype is not None else 1)
    check_size(page.imagewidth, page.imagelength, path, page.samplesperpixel * depth)


def read_page(
    file: Any, page: Any, path: Path, raw: np.ndarray | None = None, *, directories: bool = True
) -> tuple[np.ndarray, np.ndarray | None, Look, list[str]]:
    """H W C, alpha, look, notes of one page of an open file; `raw` are its stored values where they lie elsewhere.
    `directories`: also its EXIF, for which the whole file is read.

    Values that are meant as they are stored stay views of `raw`, so that of a mapped file nothing is read yet. Raises
    BadPicture, and whatever tifffile raises.
    """
    notes: list[str] = []
    if page.photometric in _LAB:
        raise BadPicture(
            f"{path} has {_LAB[page.photometric]} colours; grey, RGB and CMYK are read: save it as RGB first"
        )
    array = page.asarray() if raw is None else raw
    if page.photometric == _PALETTE and page.colormap is not None:
        array = np.moveaxis(page.colormap[:, array], 0, -1)
        array = (array >> 8).astype(np.uint8)
        notes.append("palette: worked on, and written, as full colour")
    look = _look(page, file, array, directories)
    if page.planarconfig == 2 and array.ndim == 3:
        array = np.moveaxis(array, 0, -1)
    if page.photometric == _YCBCR and page.compression not in _JPEG:
        array = _rgb_of(page, array, path)
        notes.append("YCbCr: worked on, and written, as RGB")
    array = array[..., None] if array.ndim == 2 else array
    if array.ndim != 3 or page.imagedepth > 1 or array.shape[2] > _MOST_CHANNELS or array.dtype.kind not in "biuf":
        raise BadPicture(
            f"{path} has a page of shape {array.shape} and type {array.dtype}; a picture has height, width and 1 to "
            f"{_MOST_CHANNELS} channels of numbers"
        )
    if look.bilevel:
        array = array.astype(np.uint8) * 255
    if look.more["bits"]:
        array = _widened(array, look.more["bits"])
        if not _stays_packed(look.more):
            notes.append(f"{look.more['bits']} bits a value, packed: written with {8 * array.dtype.itemsize}")
    if look.more["photometric"] == _WHITE_IS_0 and array.dtype.kind == "u":
        array = np.iinfo(array.dtype).max - array
    if look.mode == "CMYK":
        look.more["inks"], array = array, _cmyk.rgb_of(array)
        notes.append("CMYK: worked on as RGB")
    array = orient(array, look.orientation)
    alpha = None
    if look.more["alpha"] and array.shape[2] in (2, 4):
        array, alpha = array[..., :-1], array[..., -1]
    if raw is None:
        array, alpha = np.ascontiguousarray(array), None if alpha is None else np.ascontiguousarray(alpha)
    return array, alpha, look, notes


def _rgb_of(page: Any, array: np.ndarray, path: Path) -> np.ndarray:
    """H W 3 of YCbCr -> RGB. Raises BadPicture where it is not JPEG's kind of it."""
    meant = {_WEIGHTS: _BT601, _REFERENCE: _FULL_RANGE}
    told = {tag: np.reshape(page.tags[tag].value, (-1, 2)) for tag in meant if tag in page.tags}  # as fractions
    usual = all(
        len(pairs) == len(meant[tag]) and np.allclose(pairs[:, 0], pairs[:, 1] * meant[tag], rtol=1e-3)
        for tag, pairs in told.items()
    )
    if not usual or array.dtype != np.uint8 or array.ndim != 3 or array.shape[2] != 3:
        raise BadPicture(
            f"{path} has YCbCr colours of another kind than 8 bits of full range with the weights of BT.601: save it "
            f"as RGB first"
        )
    image = Image.frombytes("YCbCr", (array.shape[1], array.shape[0]), np.ascontiguousarray(array).tobytes())
    return np.asarray(image.convert("RGB"))


def _bits(page: Any) -> int | None:
    """How many bits a value has where they fill no whole bytes, such as a scanner's 4 or a camera's 12: these are the
    lowest of what tifffile gives, which would be black as it is."""
    bits, dtype = page.bitspersample, page.dtype
    if page.photometric == _PALETTE or dtype is None or dtype.kind != "u" or dtype.itemsize > 2:
        return None
    return bits if isinstance(bits, int) and bits < 8 * dtype.itemsize else None


def _nodata(page: Any, file: Any, dtype: np.dtype[Any]) -> Any:
    """The value of a map that stands for none, in its own type, where values are meant as they are stored. What a file
    says once, it says of all pages."""
    tag = page.tags.get(_NODATA) or file.pages.first.tags.get(_NODATA)
    if tag is None or page.photometric not in (_BLACK_IS_0, _RGB) or _bits(page) or dtype.kind not in "iuf":
        return None
    try:
        value = float(tag.value)
    except (ValueError, TypeError):
        return None
    if dtype.kind == "f":
        return dtype.type(value) if np.isfinite(dtype.type(value)) else None
    limits = np.iinfo(dtype)
    return int(value) if value.is_integer() and limits.min <= value <= limits.max else None


def _widened(array: np.ndarray, bits: int) -> np.ndarray:
    """Values of so many bits over the whole range of their type."""
    most, top = int(np.iinfo(array.dtype).max), (1 << bits) - 1
    return ((array.astype(np.uint32) * most + top // 2) // top).astype(array.dtype)


def _narrowed(array: np.ndarray, bits: int) -> np.ndarray:
    """The inverse of `_widened`; values between are rounded."""
    most, top = int(np.iinfo(array.dtype).max), (1 << bits) - 1
    return ((array.astype(np.uint32) * top + most // 2) // most).astype(array.dtype)


def _stays_packed(more: dict[str, Any]) -> bool:
    """Whether values of fewer bits are written as such: tifffile does so without compression, and packs two bytes of a
    big-endian file in the wrong order."""
    bits = more.get("bits")
    return bits is not None and more["compression"] == 1 and (bits < 8 or more["byteorder"] == "<")


def is_stored_as_meant(page: Any) -> bool:
    """Whether a page's values lie in the file in one piece and mean what they are, so that it is worked on there."""
    return (
        page.is_memmappable
        and page.photometric not in (_WHITE_IS_0, _PALETTE, _CMYK, _YCBCR, *_LAB)
        and page.dtype.kind in "iuf"
        and page.imagedepth == 1
        and page.samplesperpixel <= _MOST_CHANNELS
        and (page.planarconfig == 1 or page.samplesperpixel == 1)
        and (_ORIENTATION not in page.tags or page.tags[_ORIENTATION].value == 1)
    )


def _look(page: Any, file: Any, array: np.ndarray, directories: bool) -> Look:
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
            "bits": _bits(page),
            "nodata": _nodata(page, file, array.dtype),
            "extra": extra,
            "bigtiff": bool(file.is_bigtiff),
            "subfiletype": int(page.subfiletype),
            "byteorder": file.byteorder,
            "description": page.description or None,
            "unit": int(unit.value) if unit else None,
            "tiled": (page.tilelength, page.tilewidth) if page.is_tiled else None,
            "directories": _exif.read_directories(file, page) if directories else {},
            "tags": [(code, kind, tags[code].value) for code, kind in _KEPT.items() if code in tags],
            "raw": [_raw(file, tags[code]) for code in _RAW if code in tags],
        },
    )


def _raw(file: Any, tag: Any) -> tuple[int, int, int, bytes]:
    """Code, type, number of values, and these as they lie in the file."""
    file.filehandle.seek(tag.valueoffset)
    return tag.code, int(tag.dtype), tag.count, file.filehandle.read(tag.valuebytecount)


def encode(array: np.ndarray, alpha: np.ndarray | None, look: Look) -> bytes:
    """H W C -> the bytes of a TIFF like the one it came from, or a deflated one for pictures from elsewhere.

    Raises CannotHold.
    """
    import tifffile

    out = io.BytesIO()
    layout = layout_of(look)
    try:
        with tifffile.TiffWriter(out, **layout) as writer:
            write_page(writer, array, alpha, look)
    except UNWRITABLE as error:
        raise CannotHold(f"a TIFF like the original cannot hold this picture ({error}); write .png") from error
    directories = look.more.get("directories") if look.format == "TIFF" else None
    if not directories:
        return out.getvalue()
    height, width = array.shape[1::-1] if look.orientation >= 5 else array.shape[:2]  # as it is stored
    return _exif.with_directories(out.getvalue(), _exif.sized(directories, height, width), **layout)


UNWRITABLE = (ValueError, TypeError, struct.error)
"""What tifffile raises over 4 GiB, and for tags that contradict each other."""


def layout_of(look: Look) -> Any:
    """How the file as a whole is written: arguments of `TiffWriter`."""
    more = look.more if look.format == "TIFF" else {}
    return {"bigtiff": more.get("bigtiff", False), "byteorder": more.get("byteorder", "<")}


def write_page(writer: Any, array: np.ndarray, alpha: np.ndarray | None, look: Look, **options: Any) -> None:
    """H W C as one more page of an open `TiffWriter`; raises UNWRITABLE. `options` are `write`'s own."""
    more = look.more if look.format == "TIFF" else {}
    stored = stored_values(array, alpha, look)
    photometric = more.get("photometric", _RGB if array.shape[2] == 3 else 1)
    options = _options(look, more, stored, alpha is not None) | {"photometric": photometric} | options
    if stored.ndim == 3:
        options["planarconfig"] = "separate" if more.get("planar") else "contig"
    cast(Any, writer).write(np.ascontiguousarray(stored), **options)


def stored_values(array: np.ndarray, alpha: np.ndarray | None, look: Look) -> np.ndarray:
    """H W C -> what a page that looks so holds: H W, H W C or C H W."""
    more = look.more if look.format == "TIFF" else {}
    stored = disorient(array, look.orientation)
    colours = stored.shape[2]
    if alpha is not None:
        stored = np.concatenate([stored, disorient(alpha, look.orientation)[..., None]], 2)
    if more and look.mode == "CMYK":
        stored = _cmyk.inks_for(stored, more.get("inks"))
    if more.get("photometric") == _WHITE_IS_0 and stored.dtype.kind == "u":
        stored = np.iinfo(stored.dtype).max - stored
    if look.bilevel and colours == 1:
        stored = stored > 127
    if _stays_packed(more):
        stored = _narrowed(stored, more["bits"])
    stored = stored[..., 0] if stored.shape[2] == 1 else stored
    return np.moveaxis(stored, -1, 0) if more.get("planar") and stored.ndim == 3 else stored


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
    if _stays_packed(more):
        options["bitspersample"] = more["bits"]
    if more.get("subfiletype"):
        options["subfiletype"] = more["subfiletype"]
    if stored.ndim == 3 and more.get("extra"):
        options["extrasamples"] = list(more["extra"])
    elif stored.ndim == 3 and has_alpha:
        options["extrasamples"] = ["unassalpha"]
    if look.resolution:
        options |= {"resolution": look.resolution, "resolutionunit": (more.get("unit") or 1) if more else 2}
    tags = [(code, *_typed(kind, value), True) for code, kind, value in more.get("tags", ())]
    tags += [(*one, True) for one in more.get("raw", ())]
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
