"""Where a network may have invented: how much its results differ when the same picture is laid otherwise and shaken.

What is in the picture comes out however it is laid, so where the eight results disagree, the network guessed. Unusual:
it needs no second network and no training, and runs in the same tiles as restoring does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from narrows._errors import NotSupported
from narrows._registry import tasks
from narrows.data.images import Photo
from narrows.model.model import Model
from narrows.nn.padding import pad_to
from narrows.using.engines import net_of
from narrows.using.laying import WAYS, lay, lay_back
from narrows.using.restore import enlarged, in_tiles, looked, model_for, way_of
from narrows.using.tiles import Tile, cut

_SHAKEN = 2 / 255
"""Standard deviation of the noise that is put on each of the eight."""
_TILE = 384


def model_with_doubt(task: str, channels: int, model: Any = None) -> Model:
    """The model that restores pictures of so many channels. Raises NotSupported where nothing can be said of it."""
    use = model_for(task, channels, model)
    if not isinstance(use, Model):
        raise NotSupported(f"{tasks.name_of(use)} is computed by a formula and invents nothing: leave out --map")
    if not use.any_size:
        raise NotSupported(
            "this model takes pictures of one size only, which cannot be laid otherwise: leave out --map"
        )
    return use


@torch.no_grad()
def doubt(
    photo: Photo, *, task: str = "denoise", model: Any = None, seed: int = 0, careful: bool = False, **options: Any
) -> Tensor:
    """H W, of the result's pixels: the standard deviation of eight results, mean over channels, in units of 1.

    `task`, `model`, `careful` and `options` as `restore` takes them; `careful` changes nothing, since all eight ways
    are looked at anyhow. Raises NotSupported for tasks that have an exact formula, and for models of pictures of one
    size.
    """
    use = model_with_doubt(task, photo.colours, model)

    def own(rows: slice, cols: slice) -> Tensor:
        return photo.tensor(rows, cols)[None]

    options = looked(use.task, own, photo.shape[1:], options)
    window, size = enlarged(use.task, own, photo.shape[1:])
    way = way_of(use, photo.shape[0], size, "torch", options)
    net, random = net_of(use), torch.Generator().manual_seed(seed)
    found = torch.empty(size)

    def through(seen: Tensor, one: Tile, options: dict[str, Any]) -> Tensor:
        ready = use.task.prepare(pad_to(seen, way.stride), **options)
        total, squares = torch.zeros(()), torch.zeros(())
        for number in range(WAYS):
            laid = lay(ready, number)
            shaken = laid.clone()
            shaken[:, : use.shape[0]] += _SHAKEN * torch.randn(
                (len(laid), use.shape[0], *laid.shape[2:]), generator=random
            )
            result = use.task.finish(laid, net(shaken.contiguous(memory_format=torch.channels_last)))
            result = cut(lay_back(result, number), one)
            total, squares = total + result, squares + result.square()
        return ((squares - total.square() / WAYS) / (WAYS - 1)).clamp_min(0).sqrt()

    def put(part: Tensor, rows: slice, cols: slice) -> None:
        found[rows, cols] = part[0].mean(0)

    in_tiles(way._replace(through=through), photo.shape[0], size, window, put, _TILE, options, alike=photo.is_grey)
    return found
