"""Restoring: the user's picture in, the same kind of picture out, only better; any size, in bounded memory."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from narrows._errors import BadData, BadOption, NotSupported, UnknownName
from narrows._registry import tasks
from narrows.data.arrays import as_batch
from narrows.data.images import Photo, open_photo, save_photo
from narrows.model import zoo
from narrows.model.folder import load
from narrows.model.model import Model
from narrows.using.tiles import TILE, cut, pad_to, tiles

_loaded: dict[Path, Model] = {}


def restore(picture: Any, *, task: str = "denoise", model: Any = None, strength: float = 1.0, **options: Any) -> Any:
    """A better picture of the kind that came: NumPy array, PIL picture, tensor, or a list of them.

    `task` names a shipped model, or the verb of your own `model` (a folder, its path, or what `narrows.load` gave).
    `strength` 0 to 1 blends from the original to the result. `options` are the task's own, such as `level=25` of
    `denoise` (units of 1/255). Example: `better = narrows.restore(picture, task="denoise")`.

    Raises UnknownName, BadOption, BadData, BadModelFile.
    """
    pixels, back = as_batch(picture)
    chosen = model_for(task, pixels.shape[1], model)
    if strength == 0:
        return copy.deepcopy(picture)  # in whatever precision and mode it came: `pixels` are single floats
    return back(restore_tensor(chosen, pixels, strength=strength, **options))


def restore_tensor(model: Model, pixels: Tensor, *, strength: float = 1.0, tile: int = TILE, **options: Any) -> Tensor:
    """B C H W in [0, 1] -> the same, in tiles where the net has a finite reach."""
    _check_strength(strength)
    out = torch.empty_like(pixels)
    if strength == 0:
        return pixels.clone()

    def window(rows: slice, cols: slice) -> Tensor:
        return pixels[..., rows, cols]

    def put(part: Tensor, rows: slice, cols: slice) -> None:
        before = pixels[..., rows, cols]
        out[..., rows, cols] = part if strength == 1 else before + strength * (part - before)

    _in_tiles(model, pixels.shape[1], pixels.shape[2:], window, put, tile, options)
    return out.clamp_(0, 1)


def restore_photo(model: Model, photo: Photo, *, strength: float = 1.0, tile: int = TILE, **options: Any) -> Photo:
    """The same, from and to a photo's own numbers: only one tile at a time is held as floats."""
    _check_strength(strength)
    if strength == 0:
        return photo
    channels, height, width = photo.shape
    out = photo.blank()

    def window(rows: slice, cols: slice) -> Tensor:
        return photo.tensor(rows, cols)[None]

    def put(part: Tensor, rows: slice, cols: slice) -> None:
        if strength != 1:
            before = photo.tensor(rows, cols)[None]
            part = before + strength * (part - before)
        photo.put(out, part[0], rows, cols)

    _in_tiles(model, channels, (height, width), window, put, tile, options)
    return photo.with_array(out)


def restore_file(
    path: Path,
    target: Path,
    *,
    task: str,
    model: Any = None,
    strength: float = 1.0,
    force: bool = False,
    **options: Any,
) -> Photo:
    """One file to another, in the same format with everything it carried. Gives the result."""
    photo = open_photo(path)
    better = restore_photo(model_for(task, photo.shape[0], model), photo, strength=strength, **options)
    save_photo(better, target, force=force)
    return better


def model_for(task: str, channels: int, model: Any = None) -> Model:
    """The model to use: the given one (folder or loaded), else the shipped one for so many channels; kept loaded."""
    if isinstance(model, Model):
        return model
    inner = getattr(model, "model", None)
    if isinstance(inner, Model):
        return inner
    path = Path(model) if model is not None else zoo.for_task(tasks[task].model, task, channels)
    path = path.resolve()
    if path not in _loaded or model is not None:
        fresh = load(path)
        if fresh.net_facts.any_size:
            fresh.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        _loaded[path] = fresh
    return _loaded[path]


def _check_strength(strength: float) -> None:
    if not 0 <= strength <= 1:
        raise BadOption(f"strength={strength}; it takes 0 (the original) to 1 (the whole correction): --strength 0.7")


def _check_options(model: Model, options: dict[str, Any]) -> None:
    parameters = inspect.signature(model.task.prepare).parameters.values()
    known = [one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise UnknownName.of(f"option of {model.card['task']['name']}", name, known or ["(none)"])


@torch.no_grad()
def _in_tiles(
    model: Model,
    channels: int,
    size: Any,
    window: Callable[[slice, slice], Tensor],
    put: Callable[[Tensor, slice, slice], None],
    tile: int,
    options: dict[str, Any],
) -> None:
    """`window` gives pixels of the picture, `put` takes results; one tile after the other."""
    _check_options(model, options)
    if model.form != "picture":
        raise NotSupported("this model is for tables and restores no pictures; fit one on pictures first")
    facts, own = model.net_facts, model.shape[0]
    if channels != own and own != 1:
        raise BadData(
            f"a picture of {channels} channels came; this model takes {own}: convert it, or take a grey model"
        )
    whole = "whole" in model.autoencoder.needs or "grid" in model.autoencoder.needs
    if not whole and tuple(size) != tuple(model.shape[1:]):
        raise BadData(
            f"a picture of {size[0]}x{size[1]} pixels came; this model has a code for exactly "
            f"{model.shape[1]}x{model.shape[2]} and restoring never resizes: fit with --kind direct for any size"
        )
    reach = facts.reach if whole else None
    stride = facts.stride if whole else 1
    for one in tiles(size[0], size[1], stride=stride, reach=reach, tile=tile):
        part = window(one.seen_rows, one.seen_cols)
        batch = part.reshape(-1, own, *part.shape[2:]) if channels != own else part
        padded = pad_to(batch, stride)
        ready = model.task.prepare(padded, **options).contiguous(memory_format=torch.channels_last)
        found = cut(model.autoencoder.restore(ready), one)
        put(found.reshape(len(part), channels, *found.shape[2:]), one.rows, one.cols)
