"""Held-out scores of a model: every picture's error, with what came out, to set beside the simple alternatives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from narrows._contract import Batch, Pairs, Step
from narrows.measuring.metrics import METRICS
from narrows.model.model import Model
from narrows.training.seeds import generator
from narrows.using.tiles import through

_AT_ONCE = 250


class Scored(NamedTuple):
    """What evaluation found; lists, because pictures of restoring nets may differ in size."""

    inputs: list[Tensor]
    """C H W or D: as the net saw them, without extra channels."""
    targets: list[Tensor]
    results: list[Tensor]
    errors: Tensor
    """N: squared error, mean over the values of each example (known cells only, for tables)."""
    scores: Tensor
    """N: the task's own metric; higher or lower is better as the metric says."""
    known: list[Tensor] | None = None
    """Tables: 1 where a cell was there, 0 where it was missing."""
    extras: list[Tensor] | None = None
    """Pictures: extra H W, the channels beside them (a noise level, a mask) that the net was shown."""


def evaluate(model: Model, examples: Sequence[Tensor | Pairs], *, seed: int = 0) -> Scored:
    """Score clean examples (C H W in [0, 1], or D with NaN for missing), or pairs (of one each). Damage, if the task
    does any, is drawn from `seed` alone, so that two models see the same. Tables are scored in standardised units."""
    parts = [_score(model, part, seed, at) for at, part in enumerate(_alike(examples))]
    return Scored(
        [x for part in parts for x in part.inputs],
        [x for part in parts for x in part.targets],
        [x for part in parts for x in part.results],
        torch.cat([part.errors for part in parts]),
        torch.cat([part.scores for part in parts]),
        [known for part in parts for known in part.known or []] if parts[0].known is not None else None,
        [extra for part in parts for extra in part.extras or []] if parts[0].extras is not None else None,
    )


def _alike(examples: Sequence[Tensor | Pairs]) -> list[list[Tensor | Pairs]]:
    """Runs of equal shape, cut to what fits in memory at once."""
    found: list[list[Tensor | Pairs]] = []
    for example in examples:
        shown = _shown(example)
        at_once = max(1, _AT_ONCE if shown.numel() <= 1 << 14 else (_AT_ONCE << 14) // shown.numel() // 16)
        if found and _shown(found[-1][0]).shape == shown.shape and len(found[-1]) < at_once:
            found[-1].append(example)
        else:
            found.append([example])
    return found


def _shown(example: Tensor | Pairs) -> Tensor:
    return example.before if isinstance(example, Pairs) else example


def _together(part: list[Tensor | Pairs]) -> Tensor | Pairs:
    """B of one shape."""
    pairs = [one for one in part if isinstance(one, Pairs)]
    if not pairs:
        return torch.stack([one for one in part if isinstance(one, Tensor)])
    facts = {name: torch.cat([one.facts[name] for one in pairs]) for name in pairs[0].facts}
    return Pairs(torch.cat([one.before for one in pairs]), torch.cat([one.after for one in pairs]), facts)


@torch.no_grad()
def _score(model: Model, part: list[Tensor | Pairs], seed: int, at: int) -> Scored:
    step = Step(0, 1, len(part), generator(seed, "evaluation", at))
    batch = model.batch(_together(part), step)
    results = _through(model, batch)
    target, weight = batch.target, batch.weight
    # A weight says which cells of a table there are; of pictures, only where the loss of training counts.
    errors = mean_square(results, target, weight if model.form == "table" else None)
    # A task's own metric (psnr) is one of pictures; tables have squared errors alone.
    scores = METRICS[model.task.metric].of(results, target) if model.form == "picture" else errors
    shown, beside = batch.x[:, : model.shape[0]], batch.x[:, model.shape[0] :]
    known = list(weight) if weight is not None and model.form == "table" else None
    extras = list(beside) if model.form == "picture" else None
    return Scored(list(shown), list(target), list(results), errors, scores, known, extras)


def mean_square(results: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
    """B: squared error, mean over the values that count."""
    each = (results - target).square()
    if weight is None:
        return each.flatten(1).mean(1)
    weight = weight.expand_as(each)
    return (each * weight).flatten(1).sum(1) / weight.flatten(1).sum(1).clamp_min(1e-8)


def _through(model: Model, batch: Batch) -> Tensor:
    if model.form == "table":
        return model.autoencoder.restore(batch.x)
    if "vector" in model.autoencoder.needs:
        result = model.autoencoder.restore(batch.x)
    else:
        facts = model.net_facts
        result = through(model.autoencoder.restore, batch.x, stride=facts.stride, reach=facts.reach)
    return model.task.finish(batch.x, result).clamp(0, 1)
