"""Restoring: the user's picture in, the same kind of picture out, only better; any size, in bounded memory."""

from __future__ import annotations

import copy
import inspect
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, TypeGuard

import numpy as np
import torch
from torch import Tensor

from narrows._contract import AbstractTask, Window
from narrows._errors import BadData, BadOption, NotSupported, UnknownName
from narrows._registry import tasks
from narrows.data.arrays import as_batch
from narrows.data.images import Photo, save_photo
from narrows.data.stack_saving import save_stack
from narrows.data.stacks import Stack, open_picture
from narrows.model import zoo
from narrows.model.folder import load
from narrows.model.model import Model
from narrows.using.engines import net_of
from narrows.using.laying import laid_in_every_way
from narrows.using.tiles import TILE, Tile, cut, pad_to, tiles

_ONE_WAY = "careful lays a picture in eight ways, and this model {}: leave out --careful (careful=True)"

_NO_NET = "{} is computed by a formula, and an engine computes nets: leave out --engine {}"

_loaded: dict[Path, Model] = {}


def restore(
    picture: Any,
    *,
    task: str = "denoise",
    model: Any = None,
    strength: float = 1.0,
    careful: bool = False,
    engine: str = "torch",
    **options: Any,
) -> Any:
    """A better picture of the kind that came: NumPy array, PIL picture, tensor, or a list of them.

    Of 2 or 4 channels the last is transparency, which comes back as it was, unless the model takes so many itself.
    `task` names a shipped model, or the verb of your own `model` (a folder, its path, or what `narrows.load` gave).
    `strength` 0 to 1 blends from the original to the result. `careful` passes the picture through the net eight times,
    flipped and turned, and takes the mean: about 0.1 dB better, eight times as long. `engine` computes the net:
    "torch", or "onnxruntime" where that is installed (the same to 1e-4). `options` are the task's own, such as
    `level=25` of `denoise` (units of 1/255). Example: `better = narrows.restore(picture, task="denoise")`.

    Raises UnknownName, BadOption, BadData, BadModelFile, NotSupported.
    """
    _check_strength(strength)
    given = None if model is None else model_for(task, 3, model)
    pixels, back = as_batch(
        picture,
        alpha=not isinstance(given, Model) or given.shape[0] not in (2, 4),
        verb=task if given is None else "restore --model DIR",
    )
    chosen = given or model_for(task, 1 if _is_grey(pixels) else pixels.shape[1])
    if strength == 0 and task_of(chosen).scale == 1 and not _reshapes(chosen):
        return copy.deepcopy(picture)  # in whatever precision and mode it came: `pixels` are single floats
    return back(restore_tensor(chosen, pixels, strength=strength, careful=careful, engine=engine, **options))


def restore_tensor(
    model: Model | AbstractTask,
    pixels: Tensor,
    *,
    strength: float = 1.0,
    tile: int = TILE,
    careful: bool = False,
    engine: str = "torch",
    **options: Any,
) -> Tensor:
    """B C H W in [0, 1] -> the same (of more pixels, for a task that enlarges), in tiles where the net has a finite
    reach. `model` may be a task that has an exact formula."""
    _check_strength(strength)
    if _reshapes(model):
        return _related(model, pixels, strength, careful, engine, options)
    task = task_of(model)
    if strength == 0 and task.scale == 1:
        return pixels.clone()

    def own(rows: slice, cols: slice) -> Tensor:
        return pixels[..., rows, cols]

    height, width = pixels.shape[2:]
    options = looked(task, own, (height, width), options)
    window, size = enlarged(task, own, (height, width))
    out = pixels.new_empty((*pixels.shape[:2], *size))

    def put(part: Tensor, rows: slice, cols: slice) -> None:
        out[..., rows, cols] = part if strength == 1 else _blend(window(rows, cols), part, strength)

    way = way_of(model, pixels.shape[1], size, engine, options, careful=careful)
    in_tiles(way, pixels.shape[1], size, window, put, tile, options, alike=_is_grey(pixels))
    return out.clamp_(0, 1)


def restore_photo(
    model: Model | AbstractTask,
    photo: Photo,
    *,
    strength: float = 1.0,
    tile: int = TILE,
    careful: bool = False,
    engine: str = "torch",
    into: np.ndarray | None = None,
    **options: Any,
) -> Photo:
    """The same, from and to a photo's own numbers: only one tile at a time is held as floats. `into`, an array like the
    photo's, takes the result where that has the photo's shape."""
    _check_strength(strength)
    if _reshapes(model):
        related = photo.emptied(model.target_shape)
        related.put(related.array, _related(model, photo.tensor()[None], strength, careful, engine, options)[0])
        return related
    task = task_of(model)
    if strength == 0 and task.scale == 1:
        return photo

    def own(rows: slice, cols: slice) -> Tensor:
        return photo.tensor(rows, cols)[None]

    options = looked(task, own, photo.shape[1:], options)
    window, size = enlarged(task, own, photo.shape[1:])
    result = photo if task.scale == 1 else photo.enlarged(task.scale)
    # Not-a-numbers are kept from the array that is written over, so an enlarged one can be written over in place.
    out = result.array if result is not photo else photo.blank() if into is None else into

    def put(part: Tensor, rows: slice, cols: slice) -> None:
        part = part if strength == 1 else _blend(window(rows, cols), part, strength)
        result.put(out, part[0], rows, cols)

    way = way_of(model, photo.shape[0], size, engine, options, careful=careful)
    in_tiles(way, photo.shape[0], size, window, put, tile, options, alike=photo.is_grey)
    return result.with_array(out)


def restore_file(
    path: Path,
    target: Path,
    *,
    task: str,
    model: Any = None,
    strength: float = 1.0,
    force: bool = False,
    **options: Any,
) -> Path:
    """One file to another, in the same format with everything it carried, and all of its pages."""

    def better(photo: Photo, into: np.ndarray | None = None) -> Photo:
        use = model_for(task, photo.colours, model)
        return restore_photo(use, photo, strength=strength, into=into, **options)

    found = open_picture(path)
    if isinstance(found, Stack):
        return save_stack(found, target, better, force=force)
    return save_photo(better(found), target, force=force)


def check_engine_for(task: str, model: Any, engine: str) -> None:
    """Raises NotSupported where another engine than torch has no net to compute."""
    if engine != "torch" and not isinstance(model_for(task, 3, model), Model):
        raise NotSupported(_NO_NET.format(task, engine))


def task_of(model: Model | AbstractTask) -> AbstractTask:
    """The task that a model was made for."""
    return model.task if isinstance(model, Model) else model


def model_for(task: str, channels: int, model: Any = None) -> Model | AbstractTask:
    """The model to use: the given one (folder or loaded), else the task itself where it has an exact formula, else
    the shipped one for so many channels; kept loaded."""
    if isinstance(model, Model):
        return model
    inner = getattr(model, "model", None)
    if isinstance(inner, Model):
        return inner
    if model is None and tasks[task].exact is not AbstractTask.exact:
        return tasks[task]()
    if model is not None and not isinstance(model, (str, os.PathLike)):
        raise BadOption(
            f"model={model!r}; it takes the folder of a model, such as 'denoise-model', or what narrows.load gave"
        )
    path = Path(model) if model is not None else zoo.for_task(tasks[task].model, task, channels)
    path = path.resolve()
    if path not in _loaded or model is not None:
        fresh = load(path)
        if fresh.any_size:
            fresh.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        _loaded[path] = fresh
    return _loaded[path]


def _is_grey(pixels: Tensor) -> bool:
    """Whether pictures of three channels have the same in all of them."""
    return pixels.shape[1] == 3 and bool((pixels == pixels[:, :1]).all())


@torch.no_grad()
def _related(
    model: Model, pixels: Tensor, strength: float, careful: bool, engine: str, options: dict[str, Any]
) -> Tensor:
    """B *shape -> B *target_shape, for a model that gives pictures of another shape than it takes."""
    if careful:
        raise NotSupported(_ONE_WAY.format("gives pictures of another shape than it takes"))
    if strength != 1:
        raise BadOption(f"strength={strength}; this model gives pictures of another shape, which cannot be blended")
    if tuple(pixels.shape[1:]) != model.shape:
        raise BadData(
            f"a picture of {_spelt(pixels.shape[1:])} came; this model takes {_spelt(model.shape)} and restoring never "
            f"resizes"
        )
    _, _, height, width = pixels.shape
    options = looked(model.task, lambda rows, cols: pixels[..., rows, cols], (height, width), options)
    ready = model.task.prepare(pixels, **options)
    return model.task.finish(ready, net_of(model, engine)(ready)).clamp_(0, 1)


def _reshapes(model: Model | AbstractTask) -> TypeGuard[Model]:
    """Whether it gives pictures of another shape than it takes, which no task without a model does."""
    return isinstance(model, Model) and model.target_shape != model.shape


def _spelt(shape: tuple[int, ...]) -> str:
    """ "8x12 pixels with 3 channels"."""
    return f"{shape[1]}x{shape[2]} pixels with {shape[0]} channel{'s' if shape[0] > 1 else ''}"


def _check_strength(strength: Any) -> None:
    try:
        good = bool(0 <= strength <= 1)
    except (TypeError, ValueError, RuntimeError):  # text, None, many numbers at once
        good = False
    if not good:
        raise BadOption(f"strength={strength!r}; it takes 0 (the original) to 1 (the whole correction): --strength 0.7")


def _blend(before: Tensor, after: Tensor, strength: float) -> Tensor:
    return before + strength * (after - before)


def looked(task: AbstractTask, window: Window, size: tuple[int, int], options: dict[str, Any]) -> dict[str, Any]:
    """The options, checked, with what the task finds in the whole picture."""
    parameters = inspect.signature(task.prepare).parameters.values()
    known = [one.name for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
    for name in options:
        if name not in known:
            raise UnknownName.of(f"option of {tasks.name_of(task)}", name, known or ["(none)"])
    return options | task.look(window, size, **options)


def enlarged(task: AbstractTask, window: Window, size: tuple[int, int]) -> tuple[Window, tuple[int, int]]:
    """The picture as `task` enlarges it, seen through a window, and its size: of every window only what it takes is
    enlarged."""
    scale, margin = task.scale, task.margin
    if scale == 1:
        return window, size

    def larger(rows: slice, cols: slice) -> Tensor:
        spans = [
            slice(max(0, one.start // scale - margin), min(side, -(-one.stop // scale) + margin))
            for one, side in zip((rows, cols), size, strict=True)
        ]
        top, left = (one.start - span.start * scale for one, span in zip((rows, cols), spans, strict=True))
        found = task.enlarge(window(*spans))
        return found[..., top : top + rows.stop - rows.start, left : left + cols.stop - cols.start]

    return larger, (size[0] * scale, size[1] * scale)


class Way(NamedTuple):
    """How a tile passes."""

    through: Callable[[Tensor, Tile, dict[str, Any]], Tensor]
    """B C h w that the tile sees -> B C h w of its own pixels."""
    channels: int
    """That go through together. Pictures of others pass channel by channel where it is 1, or 3: grey is colour whose
    three channels agree."""
    stride: int
    reach: int | None


def way_of(
    model: Model | AbstractTask,
    channels: int,
    size: tuple[int, int],
    engine: str,
    options: dict[str, Any],
    *,
    careful: bool = False,
) -> Way:
    """Through the model's net, or by the task's formula. `careful` is as `restore` takes it. Raises NotSupported,
    BadData."""
    if not isinstance(model, Model):
        formula = model.exact(**options)
        if formula is None:
            raise NotSupported(f"{tasks.name_of(model)} needs a model: --model DIR")
        if engine != "torch":
            raise NotSupported(_NO_NET.format(tasks.name_of(model), engine))
        if careful:
            raise NotSupported(
                f"{tasks.name_of(model)} is a formula, which gives the same in all eight ways: leave out --careful"
            )
        together = channels if formula.together else 1
        return Way(lambda seen, one, _: cut(formula.apply(seen), one), together, 1, formula.reach)
    if model.form != "picture":
        raise NotSupported("this model is for tables and restores no pictures; fit one on pictures first")
    whole = "whole" in model.autoencoder.needs or "grid" in model.autoencoder.needs
    if not whole and size != tuple(model.shape[1:]):
        raise BadData(
            f"a picture of {size[0]}x{size[1]} pixels came; this model has a code for exactly "
            f"{model.shape[1]}x{model.shape[2]} and restoring never resizes: fit with --kind direct for any size"
        )
    stride = model.net_facts.stride if whole else 1
    net = net_of(model, engine)
    if careful:
        if not model.any_size:
            raise NotSupported(_ONE_WAY.format("takes pictures of one size"))
        net = laid_in_every_way(net)

    def through(seen: Tensor, one: Tile, options: dict[str, Any]) -> Tensor:
        ready = model.task.prepare(pad_to(seen, stride), **options).contiguous(memory_format=torch.channels_last)
        return model.task.finish(cut(ready, one), cut(net(ready), one))

    return Way(through, model.shape[0], stride, model.net_facts.reach if whole else None)


@torch.no_grad()
def in_tiles(
    way: Way,
    channels: int,
    size: tuple[int, int],
    window: Window,
    put: Callable[[Tensor, slice, slice], None],
    tile: int,
    options: dict[str, Any],
    alike: bool = False,
) -> None:
    """`window` gives pixels of the picture, `put` takes results; one tile after the other. Where all channels are
    `alike` and would pass one by one, one passes for all."""
    if way.channels not in (1, 3, channels):
        raise BadData(
            f"a picture of {channels} channels came; this model takes {way.channels}: convert it, or take a grey model"
        )
    alike = alike and channels != way.channels
    given = 1 if alike else channels
    together = given if given == way.channels else 1
    if alike:  # so are the channels of what was found in it
        maps = {name: value for name, value in options.items() if isinstance(value, Tensor) and value.dim() == 4}
        first = {n: one.unflatten(1, (channels, -1))[:, 0] for n, one in maps.items() if one.shape[1] > 1}
        options = options | first
    for one in tiles(size[0], size[1], stride=way.stride, reach=way.reach, tile=tile):
        seen = window(one.seen_rows, one.seen_cols)[:, :given]
        batch = seen.reshape(-1, together, *seen.shape[2:]).expand(-1, way.channels, -1, -1)
        found = way.through(batch, one, _for_tile(options, one, way.stride, given // together))
        if together < way.channels:
            found = found.mean(1, keepdim=True)
        found = found.reshape(len(seen), given, *found.shape[2:])
        put(found.expand(-1, channels, -1, -1) if alike else found, one.rows, one.cols)


def _for_tile(options: dict[str, Any], one: Tile, stride: int, copies: int) -> dict[str, Any]:
    """Maps of the whole picture cut and padded like the tile; one value a picture becomes one a row of the batch."""
    found = {}
    for name, value in options.items():
        if isinstance(value, Tensor) and value.dim() == 4:
            value = pad_to(value[..., one.seen_rows, one.seen_cols].float(), stride)
        if isinstance(value, Tensor) and value.dim() == 4 and value.shape[1] > 1:
            value = value.unflatten(1, (copies, -1)).flatten(0, 1)
        elif isinstance(value, Tensor) and value.dim() in (1, 4) and len(value) > 1:
            value = value.repeat_interleave(copies, 0)
        found[name] = value
    return found
