"""File to pixels, and the same file back: format, depth, colour profile, EXIF, resolution, transparency.

What a file says beside its pixels is kept aside in `look` and written back. Three readers share the work: Pillow for
everything it keeps whole; `imagecodecs` for 16-bit RGB PNG, which Pillow silently opens as 8-bit; `tifffile` for TIFF.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from narrows._errors import BadData, BadPicture, CannotWrite
from narrows._files import make_folder, refuse_to_overwrite, write_atomically
from narrows.data import _pillow, _png, _tiff
from narrows.data._look import Look

READABLE = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp", ".bmp", ".gif", ".pgm", ".ppm", ".jfif")
"""Suffixes that a folder is searched for."""
_LUMA = (0.299, 0.587, 0.114)
"""Rec. 601."""


@dataclass(frozen=True, eq=False)
class Photo:
    """An opened picture in its own numbers. EXIF orientation is applied; transparency is kept apart."""

    array: np.ndarray
    """H W C, in the file's own type: uint8, uint16 or float32."""
    low: np.ndarray
    """(C,): the values that mean 0 ..."""
    high: np.ndarray
    """(C,): ... and 1."""
    alpha: np.ndarray | None = None
    """H W, in the file's own type."""
    path: Path | None = None
    notes: tuple[str, ...] = ()
    look: Look = field(default_factory=Look)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(C, H, W)."""
        height, width, channels = self.array.shape
        return channels, height, width

    def tensor(self, rows: slice = slice(None), cols: slice = slice(None)) -> Tensor:
        """C h w, float32, 0 to 1 (measured values of a float file may lie outside). Only this window is converted."""
        window = torch.from_numpy(np.array(self.array[rows, cols].transpose(2, 0, 1), dtype=np.float32, order="C"))
        low, span = self._scale()
        return window.sub_(low).div_(span)

    def blank(self) -> np.ndarray:
        """An empty array for results, like `array`."""
        return np.empty_like(self.array)

    def put(self, out: np.ndarray, pixels: Tensor, rows: slice = slice(None), cols: slice = slice(None)) -> None:
        """Write C h w back in the file's own numbers: integers rounded and clamped, floats as they are."""
        low, span = self._scale()
        values = (pixels * span + low).numpy().transpose(1, 2, 0)
        if np.issubdtype(out.dtype, np.integer):
            limits = np.iinfo(out.dtype)
            values = np.clip(np.rint(values), limits.min, limits.max)
        out[rows, cols] = values.astype(out.dtype)

    def with_array(self, array: np.ndarray) -> Photo:
        """The same photo with other pixels."""
        return dataclasses.replace(self, array=array)

    def _scale(self) -> tuple[Tensor, Tensor]:
        low = torch.from_numpy(self.low.astype(np.float32))[:, None, None]
        high = torch.from_numpy(self.high.astype(np.float32))[:, None, None]
        return low, (high - low).clamp_min(1e-12)


def open_photo(path: str | Path) -> Photo:
    """Open a picture file. Raises BadPicture, in one sentence, for whatever cannot be read as one."""
    path = Path(path)
    if path.is_dir():
        raise BadPicture(f"{path} is a folder; one picture file is expected, such as {path / 'photo.png'}")
    try:
        head = _head(path)
        if not head:
            raise BadPicture(f"{path} is empty (0 bytes); get the file anew")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
                array, alpha, look, notes = _tiff.read(path)
            elif _png.is_16_bit_colour(head):
                array, alpha, look, notes = _png.read(path)
            else:
                array, alpha, look, notes = _pillow.read(path)
    except BadPicture:
        raise
    except FileNotFoundError as error:
        raise BadPicture(f"{path} does not exist; give the path of a picture") from error
    except PermissionError as error:
        raise BadPicture(f"{path} may not be read (permission denied); change its permissions") from error
    except Exception as error:  # decoders raise whatever they like on broken files
        reason = str(error).strip().split("\n")[0][:160] or type(error).__name__
        raise BadPicture(
            f"{path} cannot be read as a picture ({reason}); PNG, JPEG, TIFF, WebP, BMP and GIF can"
        ) from error
    low, high = _range(array, look)
    return Photo(array, low, high, alpha, path, tuple(notes), look)


def _head(path: Path) -> bytes:
    with open(path, "rb") as file:
        return file.read(64)


def _range(array: np.ndarray, look: Look) -> tuple[np.ndarray, np.ndarray]:
    """The values that mean 0 and 1, for every channel."""
    channels = array.shape[2]
    if array.dtype == np.uint8 and channels <= 4:
        return np.zeros(channels), np.full(channels, 255.0)
    if array.dtype == np.uint16 and channels <= 4 and look.dtype in (None, "uint16"):
        return np.zeros(channels), np.full(channels, 65535.0)
    known = np.isfinite(array)
    if array.dtype == np.float32 and known.all() and array.min(initial=0) >= 0 and array.max(initial=1) <= 1:
        return np.zeros(channels), np.ones(channels)
    low, high = np.zeros(channels), np.ones(channels)
    for channel in range(channels):
        values = array[..., channel][known[..., channel]]
        if values.size:
            low[channel], high[channel] = np.percentile(values, (0.1, 99.9))
        if high[channel] <= low[channel]:
            high[channel] = low[channel] + 1
    return low, high


def save_photo(photo: Photo, path: str | Path, *, force: bool = False) -> Path:
    """Write a photo as the same kind of file it came from, or as `path`'s suffix says, whole or not at all.

    Unchanged pixels give back the original file's bytes. Raises WouldOverwrite unless `force`; CannotWrite.
    """
    path = Path(path)
    refuse_to_overwrite(path, force)
    make_folder(path.parent)
    write_atomically(path, _encoded(photo, path))
    return path


def _encoded(photo: Photo, path: Path) -> bytes:
    suffix = path.suffix.lower()
    if photo.path is not None and photo.path.suffix.lower() == suffix:
        try:
            before = open_photo(photo.path)
            if np.array_equal(before.array, photo.array):
                return photo.path.read_bytes()
        except (BadPicture, OSError):
            pass  # the original is gone: write what we have
    array = np.where(np.isnan(photo.array), 0, photo.array) if photo.array.dtype.kind == "f" else photo.array
    if suffix in (".tif", ".tiff"):
        return _tiff.encode(array if photo.look.format == "TIFF" else photo.array, photo.alpha, photo.look)
    if photo.array.dtype == np.uint16 and suffix == ".png":
        return _png.encode(photo.array, photo.alpha, photo.look)
    if photo.array.dtype != np.uint8:
        if suffix != ".png":
            raise CannotWrite(f"{path} cannot hold {photo.array.dtype} pixels; write .tif (or .png for 16 bits)")
        whole = np.empty(photo.array.shape, np.uint16)
        Photo.put(dataclasses.replace(photo, low=np.zeros_like(photo.low), high=np.full_like(photo.high, 65535)),
                  whole, photo.tensor())  # fmt: skip
        return _png.encode(whole, None, photo.look)
    return _pillow.encode(photo.array, photo.alpha, photo.look, suffix)


def convert_channels(pixels: Tensor, channels: int) -> Tensor:
    """C H W -> channels H W: grey from colour by Rec. 601 luma, colour from grey by repeating, others by mean."""
    have = pixels.shape[0]
    if have == channels:
        return pixels
    if channels == 1:
        if have == 3:
            return (pixels * pixels.new_tensor(_LUMA)[:, None, None]).sum(0, keepdim=True)
        return pixels.mean(0, keepdim=True)
    if have == 1:
        return pixels.expand(channels, -1, -1).contiguous()
    raise BadData(f"a picture of {have} channels came where {channels} are expected; convert it first")


def fit_to(pixels: Tensor, shape: tuple[int, ...]) -> Tensor:
    """C H W -> exactly `shape`: channels converted, resized with antialiasing until it covers, the middle cut out."""
    channels, height, width = shape
    pixels = convert_channels(pixels, channels)
    if pixels.shape[1:] == (height, width):
        return pixels
    scale = max(height / pixels.shape[1], width / pixels.shape[2])
    size = [max(want, round(scale * have)) for want, have in zip((height, width), pixels.shape[1:], strict=True)]
    pixels = F.interpolate(pixels[None], size=size, mode="bilinear", antialias=True, align_corners=False)[0]
    top, left = (size[0] - height) // 2, (size[1] - width) // 2
    return pixels[:, top : top + height, left : left + width].contiguous()


_MOST_FLOAT = 1.5
"""Float pictures above this were never scaled to 0..1."""


def as_batch(data: Any) -> tuple[Tensor, Callable[[Tensor], Any]]:
    """Whatever holds pictures -> B C H W in [0, 1], and a function that turns a result back into what came.

    Takes NumPy arrays and tensors (H W, H W C, C H W, B H W C, B C H W; uint8, uint16 or floats in [0, 1]), PIL
    pictures, Photos, and lists of one kind. Raises BadData.
    """
    if isinstance(data, (list, tuple)):
        if not data:
            raise BadData("an empty list came; give one picture or more")
        pairs = [as_batch(one) for one in data]
        if len({tuple(batch.shape[1:]) for batch, _ in pairs}) > 1:
            raise BadData("pictures of several sizes came in one list; give them one by one, or all of one size")
        return torch.cat([batch for batch, _ in pairs]), lambda result: [
            back(result[i : i + 1]) for i, (_, back) in enumerate(pairs)
        ]
    if isinstance(data, Photo):
        return data.tensor()[None], lambda result: _photo_back(data, result)
    if isinstance(data, Image.Image):
        mode = data.mode if data.mode in ("L", "RGB") else ("L" if data.mode in ("1", "LA", "I;16") else "RGB")
        inner, back = as_batch(np.asarray(data.convert(mode)))
        return inner, lambda result: Image.fromarray(back(result))
    if isinstance(data, Tensor):
        inner, back = as_batch(data.detach().cpu().numpy())
        return inner, lambda result: torch.from_numpy(back(result)).to(data.device)
    if not isinstance(data, np.ndarray):
        raise BadData(f"{type(data).__name__} came; pictures are NumPy arrays, PIL pictures, tensors or lists of them")
    return _array_batch(data)


def _array_batch(data: np.ndarray) -> tuple[Tensor, Callable[[Tensor], Any]]:
    scale = {"uint8": 255.0, "uint16": 65535.0}.get(data.dtype.name)
    if scale is None and data.dtype.kind != "f" and data.dtype.kind != "b":
        raise BadData(f"an array of {data.dtype} came; pictures are uint8, uint16 or floats from 0 to 1")
    if data.ndim not in (2, 3, 4) or data.size == 0:
        raise BadData(f"an array of shape {data.shape} came; pictures are H W, H W C, C H W, B C H W or B H W C")
    last = data.ndim >= 3 and data.shape[-1] <= 4 and not (data.ndim == 3 and data.shape[0] <= 4 < data.shape[1])
    last = last and not (data.ndim == 4 and data.shape[1] <= 4 < data.shape[-1])
    values = data.astype(np.float32) if scale is None else data.astype(np.float32) / scale
    if scale is None and values.size and np.nanmax(values) > _MOST_FLOAT:
        raise BadData(
            f"values up to {np.nanmax(values):g} came where 0 to 1 is expected; divide by 255 or hand over uint8"
        )
    if data.ndim == 2:
        batch = values[None, None]
    elif data.ndim == 3:
        batch = values.transpose(2, 0, 1)[None] if last else values[None]
    else:
        batch = values.transpose(0, 3, 1, 2) if last else values

    def back(result: Tensor) -> np.ndarray:
        found = result.detach().cpu().numpy()
        if last:
            found = found.transpose(0, 2, 3, 1)
        if data.ndim < 4 and len(found) == 1:
            found = found[0]
        if data.ndim == 2:
            found = found[0]
        if scale is None:
            return np.ascontiguousarray(found.astype(data.dtype if data.dtype.kind == "f" else np.float32))
        return np.clip(np.rint(found * scale), 0, scale).astype(data.dtype)

    return torch.from_numpy(np.ascontiguousarray(batch)), back


def _photo_back(photo: Photo, result: Tensor) -> Photo:
    out = photo.blank()
    photo.put(out, result[0])
    return photo.with_array(out)
