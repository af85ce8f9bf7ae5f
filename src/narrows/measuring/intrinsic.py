"""How many numbers the data need, from the data alone: a second opinion beside the error of trained nets.

Three estimates, each with what it cannot see. *PCA* counts flat directions, so a curved sheet needs many. *TwoNN*
(Facco et al. 2017, Scientific Reports 7:12140) looks at the two nearest neighbours, so noise that is larger than
their distance is all it sees. *Local PCA* over growing neighbourhoods (Little, Maggioni & Rosasco 2017, ACHA 43:504)
finds the gap between directions along the data and those across; it says nothing where there is no gap.
Unusual: the noise floor is found first (Marchenko & Pastur 1967), and directions below it are left out.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from narrows.measuring.inside import participation_ratio
from narrows.measuring.intervals import Interval
from narrows.training.seeds import generator

_FEWEST_FLOOR = 8
"""Directions that a noise floor has at least."""
_FLATTEST = 1.35
"""Spread of the floor's eigenvalues, 3rd over 1st quartile, over what white noise has."""
_KEPT = 0.9
"""TwoNN: the largest tenth of the ratios is left out, as its authors do."""
_CENTRES = 48
_NEIGHBOURS = (32, 64, 128, 256, 512)
_CLEAR_GAP = 2.0
"""Times that the variance falls over a gap at least."""
_ABOVE_OTHERS = 2.0
"""In logarithms: the gap over the largest fall after it; 1.71 for a spectrum that falls as any power, so this is
beyond what no gap at all can give."""
_STRONG = 0.01
"""Of the first direction's variance: what the last one before the gap has at least."""
_REPEATS = 200
_AT_ONCE = 1 << 24


class Reduced(NamedTuple):
    """Data in the directions that rise above white noise."""

    rows: Tensor
    """N m: centred and rotated; m is P where there is no noise floor."""
    noise: float
    """Variance of the noise in each direction; 0 where none was found."""
    mean: Tensor
    directions: Tensor | None
    """P m; None where nothing was left out."""

    def of(self, rows: Tensor) -> Tensor:
        """Other rows, N P -> N m, in the same directions."""
        centred = rows.double() - self.mean
        return (centred if self.directions is None else centred @ self.directions).to(rows.dtype)


class Dimensions(NamedTuple):
    """What the data say of their own dimension."""

    linear: int
    """Principal components that hold 95 % of the variance."""
    elbow: int
    """The component after which PCA's spectrum falls most."""
    participation: float
    twonn: Interval
    local: Interval | None
    """By local PCA; None where there is no gap."""
    gap: float
    """How many times the variance falls over the gap."""


def above_noise(rows: Tensor) -> Reduced:
    """N P, finite -> the principal components above the edge that white noise of this many rows would have.

    A floor is believed only where its eigenvalues are as flat as white noise makes them: photographs have none.
    """
    mean = rows.double().mean(0)
    centred = rows.double() - mean
    whole = Reduced(centred.to(rows.dtype), 0.0, mean, None)
    count, size = centred.shape
    if count <= size or size < 2 * _FEWEST_FLOOR:
        return whole
    values, vectors = torch.linalg.eigh(centred.T @ centred / count)
    values, vectors = values.flip(0), vectors.flip(1)
    root = math.sqrt(size / count)
    noise = float(values.median())
    for _ in range(30):
        kept = int((values > noise * (1 + root) ** 2 * 1.02).sum())
        if kept >= size:
            break
        noise = float(values[kept:].mean())
    floor = values[kept:]
    if len(floor) < max(_FEWEST_FLOOR, size // 10) or not _is_flat(floor, count):
        return whole
    kept = max(kept, 1)
    return Reduced((centred @ vectors[:, :kept]).to(rows.dtype), noise, mean, vectors[:, :kept])


def _is_flat(floor: Tensor, count: int) -> bool:
    """Whether eigenvalues, largest first, are spread no wider than those of white noise in as many directions."""
    if float(floor[-1]) <= 1e-9 * float(floor[0]):
        return False
    white = torch.randn(count, len(floor), generator=generator(0, "white floor"), dtype=torch.float64)
    values = torch.linalg.eigvalsh(white.T @ white / count).flip(0)
    low, high = len(floor) // 4, (3 * len(floor)) // 4
    return float(floor[low] / floor[high]) <= _FLATTEST * float(values[low] / values[high])


def twonn(rows: Tensor) -> Interval:
    """N P -> dimension with its 95 % interval: N log-ratios of the second to the first neighbour's distance.

    The fit through the origin of the paper; the interval is that of an exponential rate from as many ratios.
    """
    first, second = _two_nearest(rows)
    fine = first > 0  # duplicates say nothing
    ratios = (second[fine] / first[fine]).double().log().sort().values
    count = len(ratios)
    if count < 10 or float(ratios[-1]) <= 0:
        return Interval(0.0, 0.0, math.inf)
    used = int(count * _KEPT)
    shares = torch.arange(1, used + 1, dtype=torch.float64) / count
    at, survival = ratios[:used], -torch.log1p(-shares)
    value = float((at @ survival) / (at @ at).clamp_min(1e-30))
    half = 1.96 / math.sqrt(used)
    return Interval(value, value * (1 - half), value * (1 + half))


def _two_nearest(rows: Tensor) -> tuple[Tensor, Tensor]:
    """N, N: distances to the nearest two other rows."""
    rows = rows.double()  # near neighbours differ in digits that single precision loses in |a|^2 - 2ab + |b|^2
    squares, found = rows.square().sum(1), []
    for part in torch.arange(len(rows)).split(max(1, _AT_ONCE // len(rows))):
        distances = squares[part, None] - 2 * rows[part] @ rows.T + squares
        distances[torch.arange(len(part)), part] = math.inf
        found.append(distances.topk(2, dim=1, largest=False).values)
    near = torch.cat(found).clamp_min(0).sqrt()
    return near[:, 0], near[:, 1]


def local_dimension(rows: Tensor, noise: float = 0.0, *, seed: int = 0) -> tuple[Interval | None, float]:
    """N m -> (dimension with its interval, gap): where the mean spectrum of neighbourhoods falls most.

    The neighbourhood size with the widest gap counts; the interval is over centres, drawn again and again. None
    where no gap is clear (twice, and squared beyond any after it).
    """
    count, size = rows.shape
    random = generator(seed, "local dimension")
    centres = torch.randperm(count, generator=random)[:_CENTRES]
    distances = torch.cdist(rows[centres].double(), rows.double())
    order = distances.argsort(1)
    best: tuple[float, int, Tensor] | None = None
    for near in (n for n in _NEIGHBOURS if n <= max(count // 8, _NEIGHBOURS[0]) and n < count):
        spectra = torch.stack([_spectrum(rows[order[i, :near]].double()) for i in range(len(centres))]) + noise / 10
        at, gap = _gap(spectra.mean(0), min(size, near // 2))
        if at and (best is None or gap > best[0]):
            best = gap, at, spectra[:, : min(size, near // 2)]
    if best is None:
        return None, 1.0
    gap, at, spectra = best
    drawn = torch.randint(len(centres), (_REPEATS, len(centres)), generator=random)
    means = [spectra[one].mean(0) for one in drawn]
    ends = sorted(found for found, _ in (_gap(mean, spectra.shape[1]) for mean in means) if found)
    if not ends:
        return None, 1.0
    low, high = ends[int(0.025 * len(ends))], ends[min(len(ends) - 1, int(0.975 * len(ends)))]
    return Interval(float(at), float(min(low, at)), float(max(high, at))), gap


def _spectrum(points: Tensor) -> Tensor:
    """min(K, m): variances along a neighbourhood's own directions, largest first."""
    centred = points - points.mean(0)
    return torch.linalg.svdvals(centred).square() / (len(points) - 1)


def _gap(spectrum: Tensor, most: int) -> tuple[int, float]:
    """(how many values lie before the widest gap, how many times they fall over it); 0 where it is not clear."""
    values = spectrum[:most].clamp_min(1e-12 * float(spectrum[0].clamp_min(1e-300)))
    if len(values) < 3:
        return 0, 1.0
    falls = (values[:-1] / values[1:]).log()
    # What falls from next to nothing is columns that hardly vary, not the data's own shape.
    strong = int((values >= _STRONG * values[0]).sum())
    at = int(falls[:strong].argmax())
    later = falls[at + 1 : max(at + 1, int((values >= _STRONG**2 * values[0]).sum()))]
    after = float(later.max()) if len(later) else 0.0
    gap = float(falls[at])
    clear = gap >= math.log(_CLEAR_GAP) and gap >= _ABOVE_OTHERS * after and at + 1 < len(falls)
    return (at + 1, math.exp(gap)) if clear else (0, 1.0)


def dimensions(reduced: Reduced, *, seed: int = 0) -> Dimensions:
    """All estimates of data that went through `above_noise`."""
    rows = reduced.rows
    values = torch.linalg.svdvals(rows.double() - rows.double().mean(0)).square()
    shares = values.cumsum(0) / values.sum().clamp_min(1e-300)
    falls = (values[:-1] / values[1:].clamp_min(1e-12 * float(values[0]))).log()
    most = max(1, int((shares < 0.999).sum()))
    different = torch.unique(rows, dim=0)  # a neighbourhood of one example again and again is a point
    different = rows if len(different) == len(rows) else different
    local, gap = local_dimension(different, reduced.noise, seed=seed)
    return Dimensions(
        linear=int((shares < 0.95).sum()) + 1,
        elbow=int(falls[:most].argmax()) + 1 if len(falls) else 1,
        participation=participation_ratio(rows),
        twonn=twonn(different),
        local=local,
        gap=gap,
    )
