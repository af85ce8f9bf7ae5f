"""Random masks of what a picture may lack: strokes, boxes, single pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from narrows.nn.degrade import draw

_STROKES, _BOXES = 4, 2
_LEAST = 0.02
"""Of the pixels, the smallest share that is drawn."""


def random_masks(pictures: Tensor, most: float, generator: torch.Generator) -> Tensor:
    """B 1 H W of 0 and 1 (missing): a third of the pictures get strokes, a third boxes, a third pixels, each over
    about 2 % to `most` of it; at least one pixel."""
    count, _, height, width = pictures.shape
    share = draw(count, min(_LEAST, most), most, pictures, generator)[:, None, None]
    size = torch.tensor([height, width], dtype=pictures.dtype, device=pictures.device)
    down = torch.arange(height, dtype=pictures.dtype, device=pictures.device)[None, :, None]
    across = torch.arange(width, dtype=pictures.dtype, device=pictures.device)[None, None, :]

    def points(many: int) -> Tensor:
        return draw(count * many * 2, 0, 1, pictures, generator).reshape(count, many, 2) * size

    strokes = _strokes(down, across, points(_STROKES + 1), share, height, width)
    boxes = _boxes(down, across, points(_BOXES), points(_BOXES) / size, share, height, width)
    shape = (count, height, width)
    chance = torch.rand(shape, generator=generator, dtype=pictures.dtype, device=pictures.device)
    which = draw(count, 0, 3, pictures, generator)[:, None, None]
    mask = torch.where(which < 1, strokes, torch.where(which < 2, boxes, chance < share))
    first = chance.flatten(1).argmin(1)  # no mask is empty: one pixel, drawn
    mask = mask.flatten(1) | (torch.arange(height * width, device=mask.device) == first[:, None])
    return mask.reshape(count, 1, height, width).to(pictures)


def _strokes(down: Tensor, across: Tensor, corners: Tensor, share: Tensor, height: int, width: int) -> Tensor:
    """B H W: a line through the corners (B S+1 2), as thick as makes its area about `share`."""
    begin, end = corners[:, :-1], corners[:, 1:]
    long = (end - begin).norm(dim=2).sum(1).clamp_min(1)[:, None, None]
    half = (share * height * width / long / 2).clamp(0.5, max(0.5, min(height, width) / 4))
    nearest = torch.full((len(corners), height, width), torch.inf, dtype=corners.dtype, device=corners.device)
    for at in range(begin.shape[1]):
        top, left = (one[:, None, None] for one in begin[:, at].unbind(1))
        dy, dx = (one[:, None, None] for one in (end - begin)[:, at].unbind(1))
        along = ((down - top) * dy + (across - left) * dx) / (dy.square() + dx.square()).clamp_min(1e-6)
        along = along.clamp(0, 1)
        away = (down - top - along * dy).square() + (across - left - along * dx).square()
        nearest = torch.minimum(nearest, away)
    return nearest.sqrt() <= half


def _boxes(
    down: Tensor, across: Tensor, centres: Tensor, forms: Tensor, share: Tensor, height: int, width: int
) -> Tensor:
    """B H W: boxes around the centres (B N 2), together of about `share`, twice as long as wide at most."""
    area = share[:, 0] * height * width / centres.shape[1]
    longer = 2 ** (forms[..., 0] - 0.5)
    half_down, half_across = area.sqrt() * longer / 2, area.sqrt() / longer / 2
    inside = (down[:, None] - centres[:, :, 0, None, None]).abs() <= half_down[..., None, None]
    inside = inside & ((across[:, None] - centres[:, :, 1, None, None]).abs() <= half_across[..., None, None])
    return inside.any(1)
