"""How sure a mean is: bootstrap intervals over pictures. Efron & Tibshirani 1993."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

_AT_ONCE = 1 << 24
"""Numbers drawn at once, so that memory stays bounded."""
REPEATS = 2000


class Interval(NamedTuple):
    """A value with the ends of its 95 % interval (another level where said)."""

    value: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there were two values or more; what one value says of the next is left out of sentences."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def __str__(self) -> str:
        return f"{self.value:.3g}" + (f" [{self.low:.3g}, {self.high:.3g}]" if self.is_known else "")


def bootstrap(
    values: Tensor, *, generator: torch.Generator, repeats: int = REPEATS, level: float = 0.95,
    groups: Tensor | None = None,
) -> Interval:  # fmt: skip
    """The mean of N values. One value alone says nothing of its spread: its interval is infinite.

    `groups`, N whole numbers, are drawn as a whole where there are any: copies of one example, or pictures of one
    person, say no more of others than one of them does (a cluster bootstrap; Field & Welsh 2007, JRSS B 69:369).
    """
    means, count = _resampled(values[:, None], generator, repeats, groups)
    return _interval(float(values.double().mean()), means[:, 0], level, count)


def bootstrap_ratio(
    a: Tensor, b: Tensor, *, generator: torch.Generator, repeats: int = REPEATS, level: float = 0.95,
    groups: Tensor | None = None,
) -> Interval:  # fmt: skip
    """mean(a) / mean(b) of N pairs, pictures drawn together; 1 where both are 0. `groups` as `bootstrap` takes them."""
    pairs = torch.stack([a, b], 1)
    means, count = _resampled(pairs, generator, repeats, groups)
    return _interval(float(_ratio(pairs.double().mean(0))), _ratio(means), level, count)


def bootstrap_difference(
    a: Tensor, b: Tensor, *, generator: torch.Generator, repeats: int = REPEATS, level: float = 0.95,
    groups: Tensor | None = None,
) -> Interval:  # fmt: skip
    """mean(a - b) of N pairs. `groups` as `bootstrap` takes them."""
    return bootstrap(a - b, generator=generator, repeats=repeats, level=level, groups=groups)


def numbered(owners: Sequence[str]) -> Tensor | None:
    """N: `groups` for the functions above, the same number for the same owner; None where each example is its own."""
    if len(set(owners)) == len(owners):
        return None
    number = {owner: at for at, owner in enumerate(dict.fromkeys(owners))}
    return torch.tensor([number[owner] for owner in owners])


def drawn_with(groups: Tensor | None, count: int) -> Tensor:
    """N: which of 0, 1, ... each of `count` examples is drawn with: its group's, or its own where there are none."""
    return torch.arange(count) if groups is None else groups.unique(return_inverse=True)[1]


def _ratio(means: Tensor) -> Tensor:
    """... 2 -> ..."""
    a, b = means.unbind(-1)
    return torch.where((a == 0) & (b == 0), torch.ones_like(a), a / b.clamp_min(1e-30))


def _resampled(columns: Tensor, generator: torch.Generator, repeats: int, groups: Tensor | None) -> tuple[Tensor, int]:
    """repeats C: means of N rows (or of groups of rows) drawn with replacement, and how many there are to draw."""
    which = drawn_with(groups, len(columns))
    sizes = torch.bincount(which).double()
    sums = torch.zeros(len(sizes), columns.shape[1], dtype=torch.float64).index_add(0, which, columns.double())
    count = len(sums)
    found = []
    for start in range(0, repeats, max(1, _AT_ONCE // max(count, 1))):
        now = min(max(1, _AT_ONCE // max(count, 1)), repeats - start)
        drawn = torch.randint(count, (now, count), generator=generator)
        found.append(sums[drawn].mean(1) / sizes[drawn].mean(1, keepdim=True))
    return torch.cat(found), count


def _interval(value: float, means: Tensor, level: float, count: int) -> Interval:
    if count < 2:
        return Interval(value, float("-inf"), float("inf"))
    tail = (1 - level) / 2
    low, high = torch.quantile(means, torch.tensor([tail, 1 - tail], dtype=means.dtype)).tolist()
    return Interval(value, low, high)
