"""Log-likelihood by importance sampling: how probable a model finds pictures that it has not seen.

log p(x) is estimated as the log of the mean of `samples` importance weights p(x, z) / q(z | x), Burda et al. 2016
(arXiv:1509.00519). The estimate is a lower bound on average, and rises with the number of samples: without that
number it means nothing, so the two always go together.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from narrows._contract import Step
from narrows._errors import BadData, BadOption, NotSupported
from narrows.model.model import Model
from narrows.training.seeds import generator

ACTIVE = 0.01
"""Variance over the data of a code value's posterior mean from which it counts as active. Burda et al. 2016."""
_ROWS_AT_ONCE, _SAMPLES_AT_ONCE = 250, 100


class Likelihood(NamedTuple):
    """What `log_likelihood` found, in nats for each example."""

    nll: float
    """Minus the mean log-likelihood."""
    standard_error: float
    """Of that mean, over the examples: their spread divided by the root of their number; infinite for one."""
    sampling_error: float
    """Of that mean, from drawing `samples` codes alone and not infinitely many."""
    samples: int
    count: int
    each: Tensor
    """N, double: the log-likelihood of each example."""


@torch.no_grad()
def log_likelihood(model: Model, examples: Tensor, *, samples: int = 1000, seed: int = 0) -> Likelihood:
    """Of examples N *shape; those of continuous losses are densities in the data's units (tables: standardised ones).

    Raises NotSupported for kinds without a likelihood, BadOption, and BadData for rows with missing cells.
    """
    if "likelihood" not in model.can:
        raise NotSupported(
            f"this model's kind, {model.kind}, has no likelihood; fit with --kind variational, iwae or hierarchical"
        )
    if samples < 1:
        raise BadOption(f"samples={samples}; it takes 1 or more, such as --likelihood 1000")
    if not len(examples):
        raise BadData("no examples came; a likelihood is a mean over some")
    if not torch.isfinite(examples).all():
        raise BadData("rows with missing cells have no likelihood here; give complete rows")
    parts = [_part(model, part, samples, seed, number) for number, part in enumerate(examples.split(_ROWS_AT_ONCE))]
    each, noise = torch.cat([found for found, _ in parts]), torch.cat([squares for _, squares in parts])
    count = len(each)
    spread = float(each.std() / math.sqrt(count)) if count > 1 else math.inf
    return Likelihood(-float(each.mean()), spread, float(noise.sum().sqrt() / count), samples, count, each)


def _part(model: Model, part: Tensor, samples: int, seed: int, number: int) -> tuple[Tensor, Tensor]:
    """B each: the log of the mean weight, and the variance that drawing so few gives it."""
    step = Step(0, 1, len(part), generator(seed, "likelihood example", number))
    batch = model.batch(part.to(model.autoencoder.offset), step)
    # Sums are kept relative to the largest weight so far, so that nothing overflows whatever the number of samples.
    top = torch.full((len(part),), -math.inf, dtype=torch.double)
    total, squares = torch.zeros_like(top), torch.zeros_like(top)
    for at, start in enumerate(range(0, samples, _SAMPLES_AT_ONCE)):
        random = generator(seed, "likelihood", number, at)
        k = min(_SAMPLES_AT_ONCE, samples - start)
        weights = model.autoencoder.log_weights(batch.x, batch.target, k, random).double()  # type: ignore[operator]
        higher = torch.maximum(top, weights.max(0).values)
        shrink = (top - higher).exp()
        shares = (weights - higher).exp()
        total = total * shrink + shares.sum(0)
        squares = squares * shrink.square() + shares.square().sum(0)
        top = higher
    mean = total / samples
    # Delta method: var(log m) = var(weights) / (samples * m^2).
    variance = (squares / samples - mean.square()).clamp_min(0) / (samples * mean.square())
    return top + mean.log(), variance


def active_units(means: Tensor, threshold: float = ACTIVE) -> int:
    """How many code values of N D posterior means vary over the data by more than `threshold`."""
    if len(means) < 2:
        raise BadData(f"{len(means)} codes came; whether a value varies is seen from 2 or more")
    return int((means.flatten(1).double().var(0) > threshold).sum())
