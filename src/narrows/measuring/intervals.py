"""How sure a mean is: bootstrap intervals over pictures. Efron & Tibshirani 1993."""

from __future__ import annotations

import math
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


def bootstrap(values: Tensor, *, generator: torch.Generator, repeats: int = REPEATS, level: float = 0.95) -> Interval:
    """The mean of N values. One value alone says nothing of its spread: its interval is infinite."""
    means = _resampled(values[:, None], generator, repeats)[:, 0]
    return _interval(float(values.double().mean()), means, level, len(values))


def bootstrap_ratio(
    a: Tensor, b: Tensor, *, generator: torch.Generator, repeats: int = REPEATS, level: float = 0.95
) -> Interval:
    """mean(a) / mean(b) of N pairs, pictures drawn together; 1 where both are 0."""
    pairs = torch.stack([a, b], 1)
    means = _resampled(pairs, generator, repeats)
    return _interval(float(_ratio(pairs.double().mean(0))), _ratio(means), level, len(a))


def bootstrap_difference(
    a: Tensor, b: Tensor, *, generator: torch.Generator, repeats: int = REPEATS, level: float = 0.95
) -> Interval:
    """mean(a - b) of N pairs."""
    return bootstrap(a - b, generator=generator, repeats=repeats, level=level)


def _ratio(means: Tensor) -> Tensor:
    """... 2 -> ..."""
    a, b = means.unbind(-1)
    return torch.where((a == 0) & (b == 0), torch.ones_like(a), a / b.clamp_min(1e-30))


def _resampled(columns: Tensor, generator: torch.Generator, repeats: int) -> Tensor:
    """repeats C: means of N rows drawn with replacement."""
    count = len(columns)
    found = []
    for start in range(0, repeats, max(1, _AT_ONCE // max(count, 1))):
        now = min(max(1, _AT_ONCE // max(count, 1)), repeats - start)
        drawn = torch.randint(count, (now, count), generator=generator)
        found.append(columns.double()[drawn].mean(1))
    return torch.cat(found)


def _interval(value: float, means: Tensor, level: float, count: int) -> Interval:
    if count < 2:
        return Interval(value, float("-inf"), float("inf"))
    tail = (1 - level) / 2
    low, high = torch.quantile(means, torch.tensor([tail, 1 - tail], dtype=means.dtype)).tolist()
    return Interval(value, low, high)
