"""Ways through the space of codes: from one code to another, and along one code value at a time."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from narrows._errors import BadData, BadOption, NotSupported
from narrows.model.model import Model

_PARALLEL = 1e-4
"""Radians under which an arc is a straight line."""
_ENDS = 0.01
"""A walk along a value goes from this quantile of the data to the one as far from the other end."""
_MOST_VALUES = 16


def linear(first: Tensor, last: Tensor, steps: int) -> Tensor:
    """steps *code: on the straight line between two codes, both ends included. Raises BadOption."""
    share = _shares(steps, first)
    return torch.lerp(first[None], last[None], share)


def spherical(first: Tensor, last: Tensor, steps: int) -> Tensor:
    """steps *code: on the arc between two codes, with lengths that go from one's to the other's.

    Codes drawn from N(0, I) lie near a sphere, and the straight line passes inside of it, where no data are. Shoemake
    1985; for codes, White 2016 (arXiv:1609.04468). Codes in the same or in opposite directions have no arc: straight.
    """
    share = _shares(steps, first)
    one, other = first.flatten().double(), last.flatten().double()
    sizes = one.norm(), other.norm()
    if min(sizes) == 0:
        return linear(first, last, steps)
    angle = torch.arccos((one @ other / (sizes[0] * sizes[1])).clamp(-1, 1))
    if angle < _PARALLEL or torch.pi - angle < _PARALLEL:
        return linear(first, last, steps)
    share = share.flatten()[:, None].double()
    direction = (((1 - share) * angle).sin() * (one / sizes[0]) + (share * angle).sin() * (other / sizes[1])).to(one)
    walk = direction / angle.sin() * torch.lerp(sizes[0], sizes[1], share)
    return walk.view(steps, *first.shape).to(first)


def _shares(steps: int, like: Tensor) -> Tensor:
    if steps < 2:
        raise BadOption(f"steps={steps}; both ends are steps, so it takes 2 or more")
    return torch.linspace(0, 1, steps, dtype=like.dtype).view(-1, *(1 for _ in like.shape))


class Traversal(NamedTuple):
    """What `traverse` found."""

    values: Tensor
    """V, int64: which code values, the one that varies most over the data first."""
    stops: Tensor
    """V S: what each of them is set to."""
    results: Tensor
    """V S *shape: what the decoder makes of it, in the data's units."""


def traverse(
    model: Model, codes: Tensor, base: Tensor, *, steps: int = 7, values: list[int] | None = None
) -> Traversal:
    """Change one value of the code `base` (D) at a time, over the range that it has in the data.

    `codes` are of the data, N D; each value goes from their 1 % to their 99 % quantile in `steps`. `values` names
    those to walk along, from 0; None: the 16 that vary most. Raises NotSupported for grids and for models without a
    code, BadData, BadOption.
    """
    if model.code_shape is None or len(model.code_shape) != 1:
        raise NotSupported(
            f"{model.kind} has {'no code' if model.code_shape is None else 'a grid of codes'}, so there is no code "
            f"value to walk along; fit with --kind undercomplete or variational"
        )
    size = model.code_shape[0]
    if codes.dim() != 2 or codes.shape[1] != size or base.shape != (size,) or len(codes) < 2:
        raise BadData(f"codes of shape {tuple(codes.shape)} came; two or more of (n, {size}) are needed")
    if steps < 2:
        raise BadOption(f"steps={steps}; both ends are steps, so it takes 2 or more")
    unknown = [value for value in values or () if not 0 <= value < size]
    if unknown:
        raise BadOption(f"value {unknown[0]} came; this code's are 0 to {size - 1}")
    order = codes.double().var(0).argsort(descending=True)[: min(size, _MOST_VALUES)]
    chosen = order if values is None else torch.tensor(values, dtype=torch.long)
    low, high = (torch.quantile(codes[:, chosen].float(), end, dim=0) for end in (_ENDS, 1 - _ENDS))
    stops = torch.lerp(low[:, None], high[:, None], torch.linspace(0, 1, steps)[None])
    walks = base.float().expand(len(chosen), steps, size).clone()
    walks[torch.arange(len(chosen)), :, chosen] = stops
    results = model.decode(walks.flatten(0, 1).to(base)).unflatten(0, (len(chosen), steps))
    return Traversal(chosen, stops, results)
