"""What a classical filter is, and how a function that wants H W C pixels is called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor


class ClassicalFilter(NamedTuple):
    """A filter and the settings that are tried."""

    name: str
    title: str
    """As people are told it."""
    settings: tuple[Any, ...]
    """Numbers, or tuples of numbers; (None,) where there is nothing to set."""
    apply: Callable[[Tensor, Any], Tensor]
    """(C H W in [0, 1], setting) -> C H W; with `sees_extra`, C+extra H W -> C H W."""
    sees_extra: bool = False
    """True where it needs the channels beside the picture: a mask."""
    whole: bool = False
    """True where every pixel depends on all the others, so that a picture cannot be cut into tiles."""
    slow: bool = False
    """True where a picture of 320x320 takes much more than a second."""
    package: str | None = None
    """An optional package that it needs."""


def label(title: str, setting: Any) -> str:
    """ "unsharp mask 1.5, 0.8": a filter with its setting."""
    if setting is None:
        return title
    numbers = setting if isinstance(setting, tuple) else (setting,)
    return f"{title} {', '.join(f'{one:g}' for one in numbers)}"


def by_pixels(picture: Tensor, work: Callable[..., np.ndarray], **options: Any) -> Tensor:
    """Call a function of scikit-image on H W, or on H W C with `channel_axis=-1`."""
    grey = len(picture) == 1
    array = picture[0].numpy() if grey else picture.numpy().transpose(1, 2, 0)
    found = work(np.ascontiguousarray(array, dtype=np.float32), channel_axis=None if grey else -1, **options)
    return back(found[None] if grey else found.transpose(2, 0, 1))


def back(array: np.ndarray) -> Tensor:
    """C H W, single precision."""
    return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32))


def luma(picture: Tensor) -> Tensor:
    """H W: how bright a picture is; channels that are not red, green, blue count alike."""
    weights = picture.new_tensor([0.299, 0.587, 0.114]) if len(picture) == 3 else picture.new_ones(len(picture))
    return ((weights / weights.sum())[:, None, None] * picture).sum(0)


def with_luma(picture: Tensor, wanted: Tensor) -> Tensor:
    """C H W with another brightness (H W) and the colours' proportions kept."""
    return (picture * (wanted / luma(picture).clamp_min(1e-3))).clamp(0, 1)
