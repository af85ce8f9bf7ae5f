"""Whatever holds pictures in memory to a batch, and results back to the type that came."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from narrows._errors import BadData
from narrows.data._cmyk import inks_for, rgb_of
from narrows.data.images import Photo

_LOWEST, _HIGHEST = -0.5, 1.5
"""Float pictures beyond these were never scaled to 0..1; a little beyond 0..1 is noise."""
_KEPT = ("icc_profile", "exif", "xmp", "XML:com.adobe.xmp", "dpi", "comment")
"""What a PIL picture says beside its pixels, which also goes through Pillow's own filters."""
_COLOURS = {"1": "L", "LA": "L", "La": "L", "P": "RGB", "PA": "RGB", "RGBA": "RGB", "RGBa": "RGB"}
"""Modes to those whose profiles describe them as well."""
_SCALES = {"uint8": 255.0, "uint16": 65535.0}


def as_batch(data: Any, *, alpha: bool = False, verb: str = "") -> tuple[Tensor, Callable[[Tensor], Any]]:
    """Whatever holds pictures -> B C H W in [0, 1], and a function that turns a result back into what came.

    Takes NumPy arrays and tensors (H W, H W C, C H W, B H W C, B C H W; uint8, uint16, bool or floats in [0, 1]), PIL
    pictures (transparency is kept aside and put back), Photos, and lists of one kind. With `alpha`, the last of 2 or 4
    channels of an array or tensor is transparency, too. `verb` is what to type for files. Raises BadData.
    """
    if isinstance(data, (list, tuple)):
        return _list(list(data), alpha, verb)
    if isinstance(data, Photo):
        return data.tensor()[None], lambda result: _photo_back(data, result)
    if isinstance(data, Image.Image):
        batch, back = _pillow_batch(data)
        return batch, lambda result: _saying_as(data, back(result))
    if isinstance(data, Tensor):
        plain = data.detach().cpu()
        if plain.is_floating_point() and plain.dtype not in (torch.float16, torch.float32, torch.float64):
            plain = plain.float()  # NumPy knows no bfloat16
        inner, back = as_batch(plain.numpy(), alpha=alpha)
        return inner, lambda result: torch.from_numpy(back(result)).to(data.device)
    if isinstance(data, (str, Path)):
        typed = f", or type narrows {verb} {shlex.quote(str(data))}" if verb else ""
        raise BadData(f"the path {str(data)!r} came where a picture is expected; open it with PIL.Image.open{typed}")
    if not isinstance(data, np.ndarray):
        raise BadData(f"{type(data).__name__} came; pictures are NumPy arrays, PIL pictures, tensors or lists of them")
    return _array_batch(data, alpha)


def _list(data: list[Any], alpha: bool, verb: str) -> tuple[Tensor, Callable[[Tensor], Any]]:
    if not data:
        raise BadData("an empty list came; give one picture or more")
    pairs = [as_batch(one, alpha=alpha, verb=verb) for one in data]
    if len({tuple(batch.shape[1:]) for batch, _ in pairs}) > 1:
        raise BadData("pictures of several sizes came in one list; give them one by one, or all of one size")
    counts = [len(batch) for batch, _ in pairs]

    def back(result: Tensor) -> list[Any]:
        return [give(part) for part, (_, give) in zip(result.split(counts), pairs, strict=True)]

    return torch.cat([batch for batch, _ in pairs]), back


def _pillow_batch(image: Image.Image) -> tuple[Tensor, Callable[[Tensor], Any]]:
    """Grey stays grey, 16 bits stay 16 bits, four inks stay four, transparency travels beside; everything else is
    worked on as RGB."""
    try:
        image.load()
    except (OSError, SyntaxError, ValueError) as error:  # Pillow opens a file, and reads it when it is asked for pixels
        raise BadData(f"the PIL picture's file cannot be read ({str(error)[:120]}); get the file anew") from error
    if image.mode.startswith("I;16"):
        batch, back = _array_batch(np.asarray(image).astype(np.uint16))
        return batch, lambda result: Image.fromarray(back(result))
    if image.mode in ("I", "F"):
        raise BadData(
            f"a PIL picture of mode {image.mode} came, whose range nothing says; hand over numpy.asarray of it as "
            f"uint8, uint16 or floats from 0 to 1"
        )
    if image.mode == "CMYK":
        inks = np.asarray(image)
        batch, back = _array_batch(rgb_of(inks))

        def printed(result: Tensor) -> Image.Image:
            found = back(result)
            if found.shape[2] != 3:  # a model may give grey for colour
                return Image.fromarray(found[..., 0])
            found = inks_for(found, inks)
            return Image.frombytes("CMYK", (found.shape[1], found.shape[0]), found.tobytes())

        return batch, printed
    clear = image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info
    grey = image.mode in ("1", "L", "LA", "La")
    alpha = image.convert("RGBA").getchannel("A") if clear else None
    batch, back = _array_batch(np.asarray(image.convert("L" if grey else "RGB")))

    def give(result: Tensor) -> Image.Image:
        array = back(result)
        found = Image.fromarray(array[..., 0] if array.ndim == 3 and array.shape[2] == 1 else array)
        if alpha is not None:
            found.putalpha(alpha.resize(found.size))
        return found

    return batch, give


def _saying_as(image: Image.Image, found: Image.Image) -> Image.Image:
    """The result with what the picture said; a profile only where it describes these pixels, too."""
    kept = {name: image.info[name] for name in _KEPT if name in image.info}
    if _COLOURS.get(image.mode, image.mode) != _COLOURS.get(found.mode, found.mode):
        kept.pop("icc_profile", None)
    found.info.update(kept)
    return found


def _array_batch(data: np.ndarray, alpha: bool = False) -> tuple[Tensor, Callable[[Tensor], Any]]:
    scale = _SCALES.get(data.dtype.name)
    if scale is None and data.dtype.kind not in "fb":
        raise BadData(f"an array of {data.dtype} came; pictures are uint8, uint16, bool or floats from 0 to 1")
    if data.ndim not in (2, 3, 4) or data.size == 0:
        raise BadData(f"an array of shape {data.shape} came; pictures are H W, H W C, C H W, B C H W or B H W C")
    last = data.ndim >= 3 and data.shape[-1] <= 4 and not (data.ndim == 3 and data.shape[0] <= 4 < data.shape[1])
    last = last and not (data.ndim == 4 and data.shape[1] <= 4 < data.shape[-1])
    values = data.astype(np.float32)
    if scale is not None:
        values /= np.float32(scale)
    elif data.dtype.kind == "f":
        _check_range(values)
    batch = _channels_first(values, last)
    clear = None
    if alpha and batch.shape[1] in (2, 4):  # in the type that came, so that not a bit of it changes
        clear, batch = _channels_first(data, last)[:, -1:], batch[:, :-1]

    def back(result: Tensor) -> np.ndarray:
        found = result.detach().cpu().numpy()
        if scale is None:
            found = found > 0.5 if data.dtype.kind == "b" else found.astype(data.dtype)
        else:
            found = np.clip(np.rint(found * scale), 0, scale).astype(data.dtype)
        if clear is not None:
            rows, cols = (
                np.arange(new) * old // new for new, old in zip(found.shape[2:], clear.shape[2:], strict=True)
            )
            found = np.concatenate([found, clear[:, :, rows][..., cols].astype(found.dtype)], 1)
        if last:
            found = found.transpose(0, 2, 3, 1)
        if data.ndim < 4 and len(found) == 1:
            found = found[0]
        if data.ndim == 2 and found.ndim == 3:
            found = found[0] if len(found) == 1 else found.transpose(1, 2, 0)
        return np.ascontiguousarray(found)

    return torch.from_numpy(np.ascontiguousarray(batch)), back


def _channels_first(array: np.ndarray, last: bool) -> np.ndarray:
    """B C H W of an array of 2 to 4 dimensions."""
    if array.ndim == 2:
        return array[None, None]
    batch = array[None] if array.ndim == 3 else array
    return batch.transpose(0, 3, 1, 2) if last else batch


def _check_range(values: np.ndarray) -> None:
    low, high = float(values.min()), float(values.max())
    if not np.isfinite(low + high):
        raise BadData(
            "values that are not numbers (NaN or infinity) came; pictures are floats from 0 to 1: replace them"
        )
    if high > _HIGHEST or low < _LOWEST:
        raise BadData(
            f"values from {low:g} to {high:g} came where 0 to 1 is expected; divide by 255 or hand over uint8"
        )


def _photo_back(photo: Photo, result: Tensor) -> Photo:
    times = result.shape[2] // photo.shape[1]
    if result.shape[1:] == (photo.shape[0], times * photo.shape[1], times * photo.shape[2]):
        photo = photo.enlarged(times)
    else:
        photo = photo.emptied(tuple(result.shape[1:]))
    out = photo.blank()
    photo.put(out, result[0])
    return photo.with_array(out)
