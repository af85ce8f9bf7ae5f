"""What `evaluate` adds to errors on request: a probe of the code, a likelihood, the quality of samples, code use."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from narrows._errors import BadData, BadOption, NotSupported
from narrows.data.labels import read_labels
from narrows.data.reading import Dataset
from narrows.data.splits import split
from narrows.measuring.frechet import FeatureSpace, Quality, principal_components, random_convolutions, sample_quality
from narrows.measuring.inside import CodeUse, code_use
from narrows.measuring.intervals import numbered
from narrows.measuring.likelihood import Likelihood, log_likelihood
from narrows.measuring.probe import Probe, probe
from narrows.model.model import Model
from narrows.training.seeds import generator
from narrows.using.reading import read_for

MOST, _MOST_VALUES = 20_000, 1 << 27
"""Examples that are looked at, and values of them: more change no digit that counts, and memory is bounded."""
_JUDGED = 0.3
"""Share of the labelled examples that the probe is counted on."""


class Assessment(NamedTuple):
    """What was asked for; None for the rest."""

    probe: Probe | None
    likelihood: Likelihood | None
    quality: Quality | None
    use: CodeUse | None
    """Of every model with a code."""
    count: int
    """Examples that were looked at."""


def assess(
    model: Model, data: str | Path | list[Any], *, labels: str | None = None, likelihood: int = 0, samples: int = 0,
    group_by: str | None = None, seed: int = 0,
) -> Assessment:  # fmt: skip
    """`labels` as `read_labels` takes them; `likelihood` importance samples; `samples` new examples to be compared.

    The probe learns from 70 % of the labelled examples and is counted on the others, chosen by their content; what
    `group_by` holds together is drawn together for its intervals. Raises BadData, BadOption, NotSupported where the
    model cannot do what was asked.
    """
    if min(likelihood, samples) < 0:
        raise BadOption(f"{min(likelihood, samples)} came; it takes 0 or more")
    dataset = read_for(model, data, group_by=group_by)
    most = min(len(dataset.source), MOST, max(2, _MOST_VALUES // math.prod(dataset.shape)))
    # Of more than these, some of everywhere: the first may all be of one folder, or of one class.
    looked_at = torch.randperm(len(dataset.source), generator=generator(seed, "looked at"))[:most].sort().values
    x = dataset.source.take(looked_at)
    codes = model.encode(x) if "code" in model.can else None
    every = dataset.owners
    owners = [every[at] for at in looked_at.tolist()]
    probed = None if labels is None else _probed(model, data, dataset, labels, codes, looked_at.tolist(), owners, seed)
    likely = log_likelihood(model, x, samples=likelihood, seed=seed) if likelihood else None
    quality = _quality(model, x, owners, samples, seed) if samples else None
    used = code_use(model, codes) if codes is not None and len(codes) > 1 else None
    return Assessment(probed, likely, quality, used, len(x))


def comparable(model: Model, examples: Tensor) -> Tensor:
    """N *shape in which distances mean something: pictures as they are, tables standardised, the mean for what is
    missing."""
    return examples if model.standardise is None else model.standardise(examples)[0]


def feature_space(examples: Tensor, *, seed: int = 0) -> FeatureSpace:
    """Where samples like these are compared: random convolutions for pictures, principal components for rows."""
    return random_convolutions(tuple(examples.shape[1:]), seed=seed) if examples.dim() == 4 else (
        principal_components(examples)
    )  # fmt: skip


def _probed(
    model: Model, data: Any, dataset: Dataset, labels: str, codes: Tensor | None, looked_at: list[int],
    owners: list[str], seed: int,
) -> Probe:  # fmt: skip
    if codes is None:
        raise NotSupported(f"this model's kind, {model.kind}, has no code that labels could be told from")
    every = read_labels(labels, data, dataset)
    found = [every[at] for at in looked_at]
    known = [at for at, label in enumerate(found) if label is not None]
    if len(known) < 4:
        raise BadData(f"{len(known)} examples have a label in {labels}; a probe takes 4 or more")
    learning, judging = split([dataset.keys[looked_at[at]] for at in known], (_JUDGED,))
    here, there = ([known[at] for at in side.tolist()] for side in (learning, judging))
    return probe(
        codes[here], [found[at] for at in here], codes[there], [found[at] for at in there], seed=seed,
        groups=numbered([owners[at] for at in there]),
    )  # fmt: skip


def _quality(model: Model, x: Tensor, owners: list[str], samples: int, seed: int) -> Quality:
    drawn = comparable(model, model.draw(samples, generator(seed, "sample quality")))
    order = torch.randperm(len(x), generator=generator(seed, "real examples"))[:samples]
    real = comparable(model, x[order])
    drawn = drawn.clamp(0, 1) if model.form == "picture" else drawn
    groups = numbered([owners[at] for at in order.tolist()])
    return sample_quality(drawn, real, feature_space(real, seed=0), seed=seed, groups=groups)
