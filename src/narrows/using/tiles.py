"""A picture of any size through a net, in tiles that equal the whole.

Why it is exact: every tile starts at a multiple of the net's stride, so that pooling and folding fall on the same
pixels; and it is computed with a halo of the net's reach, rounded up to the stride, so that nothing its inner pixels
depend on is missing. Halos stop at the picture's own edge, where the whole picture would be padded just the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from narrows.nn.padding import pad_to as pad_to

TILE = 768
"""Pixels of a tile's side. With a reach of 84 the halo then costs half as much again; a tile of 512 costs 0.8 more."""


class Tile(NamedTuple):
    """A tile's own pixels, and the window around it that the net is shown; all in pixels of the picture."""

    rows: slice
    cols: slice
    seen_rows: slice
    seen_cols: slice


def tiles(height: int, width: int, *, stride: int, reach: int | None, tile: int = TILE) -> Iterator[Tile]:
    """Cover the picture. With `reach` None, everything depends on everything: one tile."""
    if reach is None:
        whole = (slice(0, height), slice(0, width))
        yield Tile(*whole, *whole)
        return
    side = max(stride, tile // stride * stride)
    halo = -(-reach // stride) * stride
    for top in range(0, height, side):
        for left in range(0, width, side):
            bottom, right = min(top + side, height), min(left + side, width)
            yield Tile(
                slice(top, bottom),
                slice(left, right),
                # Up to the padded edge, which is the picture's edge plus less than a stride.
                slice(max(0, top - halo), min(height, bottom + halo)),
                slice(max(0, left - halo), min(width, right + halo)),
            )


def cut(output: Tensor, tile: Tile) -> Tensor:
    """The tile's own pixels out of what the net gave for its window."""
    top, left = tile.rows.start - tile.seen_rows.start, tile.cols.start - tile.seen_cols.start
    height, width = tile.rows.stop - tile.rows.start, tile.cols.stop - tile.cols.start
    return output[..., top : top + height, left : left + width]


@torch.no_grad()
def through(
    net: Callable[[Tensor], Tensor], pixels: Tensor, *, stride: int, reach: int | None, tile: int = TILE
) -> Tensor:
    """B C H W -> B C H W through `net` in tiles. `net` is called on B C h w with sides that are multiples of stride."""
    height, width = pixels.shape[-2:]
    parts = None
    for one in tiles(height, width, stride=stride, reach=reach, tile=tile):
        window = pad_to(pixels[..., one.seen_rows, one.seen_cols], stride)
        found = cut(net(window.contiguous(memory_format=torch.channels_last)), one)
        if parts is None:
            parts = found.new_empty((*found.shape[:-2], height, width))
        parts[..., one.rows, one.cols] = found
    assert parts is not None  # a picture has at least one pixel
    return parts
