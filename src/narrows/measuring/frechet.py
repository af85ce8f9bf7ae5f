"""Sample quality in a named feature space: Frechet distance, precision and recall.

The numbers depend on the space as much as on the samples, so each carries its space's name, and none of them is the
FID, which is this distance in the features of one particular classifier of photographs. The spaces here need no
download: fixed random convolutions, principal components of the data, or any net that a script has trained.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from narrows._errors import BadData
from narrows.measuring.baselines import PCABaseline
from narrows.measuring.intervals import Interval, bootstrap
from narrows.training.seeds import generator

_CHANNELS = (16, 32, 64)
"""Of the random convolutions' levels, each half as large a side as the one before."""
_AT_ONCE = 500
_DISTANCES_AT_ONCE = 1 << 22
"""Distances held at once."""
_COMPONENTS = 64


class FeatureSpace(NamedTuple):
    """Where samples are compared: a name to print beside every number, and the map."""

    name: str
    of: Callable[[Tensor], Tensor]
    """N *shape -> N F"""

    def __call__(self, examples: Tensor) -> Tensor:
        """N *shape -> N F, in parts that fit in memory, in double precision."""
        with torch.no_grad():
            return torch.cat([self.of(part).flatten(1).double() for part in examples.split(_AT_ONCE)])


class Quality(NamedTuple):
    """What `sample_quality` found."""

    space: str
    frechet: float
    precision: Interval
    """Share of samples that lie where real examples do: how good they look."""
    recall: Interval
    """Share of real examples that lie where samples do: how much of the data they cover."""
    samples: int
    real: int


def random_convolutions(shape: tuple[int, ...], *, seed: int = 0) -> FeatureSpace:
    """Features of a fixed random net for pictures (C, H, W): mean and spread of every channel of three levels.

    Random filters see edges and textures at three sizes; the weights follow from `seed` alone.
    """
    random = generator(seed, "random convolutions")
    weights, channels = [], shape[0]
    for width in _CHANNELS:
        weight = torch.randn(width, channels, 3, 3, generator=random)
        weight = weight - weight.mean((1, 2, 3), keepdim=True)  # what is even everywhere gives 0
        weights.append(weight / weight.flatten(1).norm(dim=1).view(-1, 1, 1, 1))
        channels = width

    def features(x: Tensor) -> Tensor:
        x, found = x.float(), [F.adaptive_avg_pool2d(x.float(), 4).flatten(1)]
        for weight in weights:
            x = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="replicate"), weight).relu()
            found += [x.mean((2, 3)), x.flatten(2).std(2, unbiased=False)]
            if min(x.shape[2:]) >= 4:
                x = F.avg_pool2d(x, 2)
        return torch.cat(found, 1)

    return FeatureSpace(f"random convolutions, seed {seed}", features)


def principal_components(examples: Tensor, size: int = _COMPONENTS) -> FeatureSpace:
    """The leading principal components of these examples, for pictures and rows alike."""
    rows = examples.flatten(1)
    size = min(size, rows.shape[1], max(1, len(rows) - 1))
    pca = PCABaseline().fit(rows, size)
    return FeatureSpace(f"{size} principal components", lambda x: pca.encode(x.flatten(1)))


def frechet_distance(one: Tensor, other: Tensor) -> float:
    """Between the Gaussians of two sets of features, N F and M F: |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)).

    Dowson & Landau 1982; for samples of nets, Heusel et al. 2017 (arXiv:1706.08500). Biased upwards for few samples,
    so only numbers of the same N and M compare. Raises BadData for fewer than 2 of either.
    """
    _check(one, other, 2)
    mean_1, mean_2 = one.double().mean(0), other.double().mean(0)
    root = _root(_covariance(one.double() - mean_1))
    between = root @ _covariance(other.double() - mean_2) @ root
    # tr (C1 C2)^(1/2) is that of the symmetric C1^(1/2) C2 C1^(1/2), whose eigenvalues are real.
    shared = torch.linalg.eigvalsh(0.5 * (between + between.T)).clamp_min(0).sqrt().sum()
    spread = (one.double() - mean_1).square().sum() / len(one) + (other.double() - mean_2).square().sum() / len(other)
    return max(0.0, float((mean_1 - mean_2).square().sum() + spread - 2 * shared))


def _covariance(centred: Tensor) -> Tensor:
    return centred.T @ centred / len(centred)


def _root(covariance: Tensor) -> Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    return (vectors * values.clamp_min(0).sqrt()) @ vectors.T


def precision_and_recall(
    samples: Tensor, real: Tensor, *, neighbours: int = 3, seed: int = 0, groups: Tensor | None = None
) -> tuple[Interval, Interval]:
    """Of features N F of samples and M F of real examples, with intervals over samples and over real examples
    (`groups` of them are as `bootstrap` takes them).

    A point lies where a set does when it is within the distance of some member of the set to that member's own
    `neighbours`-th neighbour. Kynkaanniemi et al. 2019, arXiv:1904.06991. Raises BadData for too few.
    """
    _check(samples, real, neighbours + 1)
    random = generator(seed, "precision and recall")
    return (
        bootstrap(_lies_within(samples, real, neighbours), generator=random),
        bootstrap(_lies_within(real, samples, neighbours), generator=random, groups=groups),
    )


def sample_quality(
    samples: Tensor, real: Tensor, space: FeatureSpace, *, seed: int = 0, groups: Tensor | None = None
) -> Quality:
    """Everything above, of examples N *shape and M *shape, in one space; `groups` are of the real ones."""
    drawn, true = space(samples), space(real)
    precision, recall = precision_and_recall(drawn, true, seed=seed, groups=groups)
    return Quality(space.name, frechet_distance(drawn, true), precision, recall, len(drawn), len(true))


def _lies_within(points: Tensor, members: Tensor, neighbours: int) -> Tensor:
    """N of 0 or 1: whether a point is within some member's radius."""
    # Its own nearest neighbour is itself, at 0.
    radii = torch.cat([
        distances.kthvalue(neighbours + 1, dim=1).values for distances in _distances(members, members)
    ])  # fmt: skip
    return torch.cat([(distances <= radii).any(1).float() for distances in _distances(points, members)])


def _distances(points: Tensor, members: Tensor):  # type: ignore[no-untyped-def]  # an iterator of B M tensors
    rows = max(1, _DISTANCES_AT_ONCE // max(1, len(members)))
    for part in points.split(rows):
        yield torch.cdist(part, members, compute_mode="use_mm_for_euclid_dist_if_necessary")


def _check(one: Tensor, other: Tensor, least: int) -> None:
    if min(len(one), len(other)) < least:
        raise BadData(f"{len(one)} and {len(other)} examples came; {least} or more of each are needed")
    if not (torch.isfinite(one).all() and torch.isfinite(other).all()):
        raise BadData("there are features that are not numbers; the samples are broken")
