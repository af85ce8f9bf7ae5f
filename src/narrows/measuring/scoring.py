"""A model's scores on data it is shown afterwards: means with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from narrows._errors import BadData, BadPicture, NotSupported
from narrows.data.fitting import convert_channels
from narrows.data.reading import groups_of
from narrows.data.sources import opened
from narrows.data.splits import content_hash
from narrows.data.stacks import pages_of
from narrows.data.triage import look_through, printable
from narrows.measuring.evaluate import evaluate
from narrows.measuring.intervals import Interval, bootstrap, numbered
from narrows.measuring.metrics import METRICS
from narrows.model.model import Model
from narrows.training.seeds import generator
from narrows.using.reading import in_parts, read_for

PICTURE_SCORES, TABLE_SCORES = ("mse", "mae", "psnr", "ssim"), ("mse", "mae")
_SIDE = 320
"""Nets of any size are scored on the middle of photographs, up to so many pixels a side, as `fit` judges them."""


class Scores(NamedTuple):
    """What `score` found."""

    count: int
    of: dict[str, Interval]
    """Metric to its mean with a 95 % interval."""
    untouched: dict[str, Interval]
    """The same for the input as it was, where the task damages it."""
    skipped: list[tuple[str, str]]
    """(file, reason), of what could not be read."""
    notes: list[str]


def score(model: Model, data: str | Path | list[Any], *, group_by: str | None = None, seed: int = 0) -> Scores:
    """Every example through the net. Tables are scored in standardised columns, known cells alone; a task's damage is
    drawn from `seed`. For the intervals copies of one example are drawn together, and so is what `group_by` holds
    together, as in `fit`. Raises BadData, BadOption, and NotSupported for a model that learned from noisy pictures
    alone, whose data hold no truth."""
    if not model.task.has_truth:
        raise NotSupported(
            "this model learned from noisy pictures alone, and noisy pictures are no truth to score by; where you have "
            "the clean ones: narrows restore NOISY --model MODEL --truth CLEAN"
        )
    names = PICTURE_SCORES if model.form == "picture" else TABLE_SCORES
    found: dict[str, list[Tensor]] = {name: [] for name in names}
    before: dict[str, list[Tensor]] = {name: [] for name in names}
    parts, owners, skipped, notes = _parts(model, data, group_by)
    damaged = False
    for number, part in enumerate(parts):
        scored = evaluate(model, part, seed=seed + number)
        known = scored.known or [None] * len(scored.results)
        for x, target, result, weight in zip(scored.inputs, scored.targets, scored.results, known, strict=True):
            damaged = damaged or not torch.equal(x, target)
            for name in names:
                found[name].append(_one(name, result, target, weight))
                before[name].append(_one(name, x.clamp(0, 1) if model.form == "picture" else x, target, weight))
    if not found["mse"]:
        raise BadData(f"none of the pictures could be read: {'; '.join(why for _, why in skipped[:2])}")
    random, groups = generator(seed, "bootstrap"), numbered(owners)

    def intervals(scores: dict[str, list[Tensor]]) -> dict[str, Interval]:
        return {name: bootstrap(torch.cat(each), generator=random, groups=groups) for name, each in scores.items()}

    return Scores(
        len(found["mse"]),
        intervals(found),
        intervals(before) if damaged else {},
        skipped,
        notes,
    )


def _one(name: str, result: Tensor, target: Tensor, known: Tensor | None) -> Tensor:
    """1: the score of one example."""
    if known is not None:  # missing cells count for nothing
        share = known.mean().clamp_min(1e-8)
        return METRICS[name].of(result[None] * known, target[None] * known) / share
    return METRICS[name].of(result[None], target[None])


class _Parts(NamedTuple):
    """Examples, as many at once as memory is sure to hold, and what is known once all of them were taken."""

    each: Iterator[list[Tensor]]
    owners: list[str]
    """Whose each example is."""
    skipped: list[tuple[str, str]]
    notes: list[str]


def _parts(model: Model, data: Any, group_by: str | None) -> _Parts:
    if "vector" not in model.autoencoder.needs:
        return _photographs(model, data, group_by)
    dataset = read_for(model, data, group_by=group_by)
    found = dataset.triage
    each = (list(dataset.source.take(part)) for part in in_parts(dataset, 250))
    return _Parts(each, dataset.owners, list(found.skipped), list(found.notes))


def _photographs(model: Model, data: Any, group_by: str | None) -> _Parts:
    """The middles of pictures of any size."""
    places = [data] if isinstance(data, (str, Path)) else data
    found = [look_through(Path(place)) for place in places]
    pictures = [path for one in found for path in one.pictures]
    skipped = [one for each in found for one in each.skipped]
    if not pictures:
        raise BadData(f"{printable(places[0])} holds no picture; this model takes a folder of pictures, or a picture")

    belong = groups_of(tuple(map(str, pictures)), group_by)
    owners: list[str] = []

    def each() -> Iterator[list[Tensor]]:
        for at, place in ((at, one) for at, path in enumerate(pictures) for one in pages_of(path)):
            try:
                middle = opened(place).middle(_SIDE)
            except BadPicture as error:
                skipped.append((printable(str(place)), str(error)))
                continue
            owners.append(content_hash(middle.numpy()) if belong is None else belong[at])
            yield [convert_channels(middle, model.shape[0])]

    return _Parts(each(), owners, skipped, [])
