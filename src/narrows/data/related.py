"""Whether pairs are pairs: chance alone would give what unrelated pictures show.

Two things are looked at, each beside what it is when partners are exchanged at random. The rank correlation of the
places of a pair, by how bright they are and by how much goes on there (ranks, so that darkening, gamma and contrast
change nothing; of either sign, so that negatives are fine; what goes on, so that drawings of edges are). And whether
pictures that are alike before are alike after (Mantel 1967, Cancer Research 27:209), which holds for pairs whose pixels
do not lie on each other: the upper and the lower half of a face.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from narrows._errors import BadData
from narrows.data.sources import Source

_SIDE = 16
"""Pixels a side that pictures are reduced to: noise and small shifts vanish."""
_MOST, _FEWEST = 200, 6
"""Pairs that are looked at, and from how many on chance can be told from a relation."""
_EXCHANGES = 499
_CHANCE = 0.01
"""Five things are tried, so that about one in twenty unrelated sets passes."""


def refuse_unrelated(before: Source, after: Source, names: Sequence[str]) -> None:
    """Raise BadData where neither the pixels nor the likeness of pictures ties pairs together."""
    count = len(before)
    if count < _FEWEST:
        return
    rows = torch.linspace(0, count - 1, min(count, _MOST)).long()
    first, last = _reduced(before, rows), _reduced(after, rows)
    orders = [torch.randperm(len(rows), generator=torch.Generator().manual_seed(n)) for n in range(_EXCHANGES)]
    own = torch.arange(len(rows))
    told = []
    ranked = [[_unit(_ranks(one)) for one in side] for side in (first, last)]
    for one, other in itertools.product(*ranked):
        same = (one @ other.T).abs()
        matched = float(same.diagonal().mean())
        exchanged = torch.stack([same[own, order].mean() for order in orders])
        if _by_chance(matched, exchanged) <= _CHANCE:
            return
        told.append((matched, float(exchanged.mean())))
    distances = torch.cdist(last[0], last[0])
    near, far = _off_diagonal(torch.cdist(first[0], first[0])), _off_diagonal(distances)
    likeness = float(_correlation(near, far))
    others = torch.stack([_correlation(near, _off_diagonal(distances[order][:, order])) for order in orders])
    if _by_chance(likeness, others) <= _CHANCE:
        return
    raise BadData(
        f"these are no pairs, as far as can be seen: the pixels of {len(rows)} pairs (such as {names[int(rows[0])]}) "
        f"have a rank correlation of {told[0][0]:.2f}, with partners exchanged at random {told[0][1]:.2f}; "
        f"give pictures that belong together the same name, or say --no-check-pairs where you know that they do"
    )


def _reduced(source: Source, rows: Tensor) -> tuple[Tensor, Tensor]:
    """N _SIDE*_SIDE each: how bright, and how much goes on."""
    grey = torch.cat([source.take(part).mean(1, keepdim=True) for part in rows.split(32)])
    activity = (grey - F.avg_pool2d(grey, 3, 1, 1, count_include_pad=False)).abs()
    bright, active = (F.adaptive_avg_pool2d(one, _SIDE).flatten(1) for one in (grey, activity))
    return bright, active


def _ranks(rows: Tensor) -> Tensor:
    """Every value to its place in its row; equal values, as in flat pictures, to the mean of their places."""
    in_order = rows.sort(1).values
    return (torch.searchsorted(in_order, rows) + torch.searchsorted(in_order, rows, right=True) - 1) / 2


def _unit(rows: Tensor) -> Tensor:
    return F.normalize(rows - rows.mean(1, keepdim=True))


def _off_diagonal(square: Tensor) -> Tensor:
    return square[~torch.eye(len(square), dtype=torch.bool)]


def _correlation(one: Tensor, other: Tensor) -> Tensor:
    return F.cosine_similarity(one - one.mean(), other - other.mean(), dim=0)


def _by_chance(found: float, exchanged: Tensor) -> float:
    """How often exchanged partners do as well."""
    return (1 + int((exchanged >= found - 1e-6).sum())) / (1 + len(exchanged))
