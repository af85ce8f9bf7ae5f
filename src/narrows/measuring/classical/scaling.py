"""Interpolation. The pictures that come are already enlarged to twice the side, bicubically, as the net gets them."""

from __future__ import annotations

import torch
from torch import Tensor

from narrows.measuring.classical._filter import ClassicalFilter
from narrows.nn.degrade import CUBIC, LANCZOS, resizing

_SCALE = 2


def bicubic(picture: Tensor, _: None) -> Tensor:
    """What came. Keys 1981."""
    return picture


def lanczos(picture: Tensor, _: None) -> Tensor:
    """Enlarged by Lanczos' kernel of three lobes instead: the small picture is computed back, which loses nothing,
    since the bicubic enlargement has twice as many equations as unknowns on each axis."""
    down, across = (_instead(length) for length in picture.shape[1:])
    return (down @ picture.double() @ across.T).to(picture)


def _instead(length: int) -> Tensor:
    """length x length: from the bicubic enlargement of a line to the other one."""
    small = -(-length // _SCALE)
    came, wanted = (resizing(small, _SCALE, kernel)[:length] for kernel in (CUBIC, LANCZOS))
    return wanted @ torch.linalg.pinv(came)


FILTERS = (
    ClassicalFilter("bicubic", "bicubic", (None,), bicubic),
    ClassicalFilter("lanczos", "Lanczos", (None,), lanczos),
)
