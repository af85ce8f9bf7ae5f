"""The network beside the simple alternative, on held-out examples: what the report's first sentence rests on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from narrows._contract import Pairs
from narrows.measuring.baselines import MeanBaseline, PCABaseline
from narrows.measuring.bottleneck import Verdict, judge_codes, judge_relation, judge_restoration
from narrows.measuring.evaluate import Scored, evaluate, mean_square
from narrows.measuring.filters import apply_filter, best_filter
from narrows.measuring.intervals import bootstrap
from narrows.measuring.metrics import METRICS
from narrows.measuring.regressions import regressions
from narrows.model.model import Model
from narrows.nn.padding import pad_to
from narrows.training.seeds import generator

_MOST_TO_CHOOSE_BY = 24
"""Training pictures by which a classical filter's setting is chosen."""


class Judgement(NamedTuple):
    """Held-out scores of the network and of each alternative, in the same order of pictures."""

    metric: str
    network: Scored
    alternatives: dict[str, Scored]
    """"PCA", "mean"; or "untouched", "direct" and the filter's name; or regressions by name."""
    learned: Scored
    """The network on training examples: beside the held-out error, the gap."""
    verdict: Verdict
    filter: str = ""
    """The best classical filter's name, as it stands in `alternatives`."""
    pairs: bool = False
    """Whether the truth is the other picture of a pair."""
    groups: Tensor | None = None
    """N: the number of the group that each example is of; None where each is its own."""


def judge(
    model: Model, training: Sequence[Tensor | Pairs], learned: Sequence[Tensor | Pairs],
    held_out: Sequence[Tensor | Pairs], *, seed: int = 0, twin: Model | None = None,
    groups: Tensor | None = None,
) -> Judgement:  # fmt: skip
    """`training` fits the alternatives, `learned` are training examples to measure the gap by, `held_out` judges;
    `groups` are the numbers of what each of these belongs to, where some belong together."""
    network = evaluate(model, held_out, seed=seed)
    seen = evaluate(model, learned, seed=seed + 1)
    random = generator(seed, "bootstrap")
    pairs = [one for one in held_out if isinstance(one, Pairs)]
    if pairs and model.task.learns_from == "pairs" and "vector" in model.autoencoder.needs:
        fitted = regressions([one for one in training if isinstance(one, Pairs)], pairs, seed=seed)
        alternatives = {name: _scored(model, network, results) for name, results in fitted.items()}
        verdict = judge_relation(
            network.errors, {name: one.errors for name, one in alternatives.items()}, generator=random, groups=groups
        )
        if twin is not None:
            alternatives["direct"] = evaluate(twin, held_out, seed=seed)
        return Judgement(model.task.metric, network, alternatives, seen, verdict, pairs=True, groups=groups)
    if model.task.metric == "mse" and model.code_size is not None:
        alternatives = _codes(model, [one for one in training if isinstance(one, Tensor)], network)
        errors = {name: scored.errors for name, scored in alternatives.items()}
        values = _values(model, network)
        verdict = judge_codes(network.errors, errors, values, generator=random, form=model.form, groups=groups)
        return Judgement(model.task.metric, network, alternatives, seen, verdict, groups=groups)
    damaged = evaluate(model, learned[:_MOST_TO_CHOOSE_BY], seed=seed + 2)
    chosen = best_filter(damaged.inputs, damaged.targets, model.task.classical, damaged.extras)
    label = chosen.label
    extras = network.extras or [x[:0] for x in network.inputs]
    filtered = [apply_filter(chosen, x, extra) for x, extra in zip(network.inputs, extras, strict=True)]
    alternatives = {
        "untouched": _scored(model, network, [x.clamp(0, 1) for x in network.inputs]),
        label: _scored(model, network, filtered),
    }
    if twin is not None:
        alternatives["direct"] = evaluate(twin, held_out, seed=seed)
    verdict = judge_restoration(
        network.scores, alternatives["untouched"].scores, {label: alternatives[label].scores}, generator=random,
        groups=groups,
    )  # fmt: skip
    return Judgement(model.task.metric, network, alternatives, seen, verdict, label, bool(pairs), groups)


def held_out_intervals(judgement: Judgement, *, seed: int = 0) -> dict[str, list[float]]:
    """Ends of each mean score's 95 % interval, "model" and the alternatives by name; empty where one example, or group
    of them, judged."""
    groups = judgement.groups
    if len(judgement.network.scores if groups is None else groups.unique()) < 2:
        return {}
    everyone = {"model": judgement.network, **judgement.alternatives}
    found = {
        name: bootstrap(each.scores, generator=generator(seed, "report"), groups=groups)
        for name, each in everyone.items()
    }
    return {name: [interval.low, interval.high] for name, interval in found.items()}


def _codes(model: Model, training: list[Tensor], network: Scored) -> dict[str, Scored]:
    """PCA with as many values as the code and the mean, fitted on training examples, in the units of the errors."""
    rows = torch.stack(training)
    if model.standardise is not None:
        rows = model.standardise(rows)[0]
    if "grid" in model.autoencoder.needs:  # the net's own targets are padded like this
        rows = pad_to(rows, model.net_facts.stride)
    rows, wanted = rows.flatten(1), torch.stack(network.targets).flatten(1)
    pca = PCABaseline().fit(rows, min(_values(model, network), rows.shape[1]))
    mean = MeanBaseline().fit(rows)
    like = network.targets[0].shape
    return {
        "PCA": _scored(model, network, list(pca.reconstruct(wanted).unflatten(1, like))),
        "mean": _scored(model, network, list(mean.reconstruct(wanted).unflatten(1, like))),
    }


def _values(model: Model, network: Scored) -> int:
    """In the whole code of each judged example; a grid's code is as large as the picture asks for."""
    values = model.code_values_of(tuple(network.targets[0].shape))
    assert values is not None  # only kinds with a code are judged beside PCA
    return values


def _scored(model: Model, network: Scored, results: list[Tensor]) -> Scored:
    """Somebody else's results for the same inputs."""
    if model.form == "picture":
        results = [r.clamp(0, 1) for r in results]
    known = network.known or [None] * len(results)
    errors = torch.cat(
        [
            mean_square(r[None], t[None], None if k is None else k[None])
            for r, t, k in zip(results, network.targets, known, strict=True)
        ]
    )
    if model.form == "table":
        return Scored(network.inputs, network.targets, results, errors, errors, network.known)
    metric = METRICS[model.task.metric].of
    scores = torch.cat([metric(r[None], t[None]) for r, t in zip(results, network.targets, strict=True)])
    return Scored(network.inputs, network.targets, results, errors, scores)
