"""One kind among others: what can be said of a model on the same held-out examples, and of PCA beside it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from narrows._contract import DataFacts
from narrows._errors import BadData, NarrowsError
from narrows.measuring.assess import comparable, feature_space
from narrows.measuring.baselines import MeanBaseline, PCABaseline
from narrows.measuring.evaluate import evaluate, mean_square
from narrows.measuring.frechet import FeatureSpace, Quality, sample_quality
from narrows.measuring.inside import code_use, participation_ratio
from narrows.measuring.intervals import Interval, bootstrap, bootstrap_ratio
from narrows.measuring.layers import milliseconds, parameters_of
from narrows.measuring.probe import probe
from narrows.model.model import Model
from narrows.model.standardise import Standardise
from narrows.priors.normal import Normal
from narrows.training.config import TrainingConfig
from narrows.training.seeds import generator
from narrows.using.sample import fit_prior

MOST_LEARNED, MOST_JUDGED, MOST_DRAWN = 10_000, 10_000, 2_000
"""Examples whose codes a probe and a prior learn from, that judge, and that are drawn."""
SHOWN = 8
_PRIOR_SHARE = 0.1
"""Of a kind's training time, for a prior that learns by gradient."""


@dataclass
class Row:
    """What is known of one way to make codes. Fields are None where they have no meaning."""

    name: str
    """A kind, "PCA" or "mean"."""
    errors: Tensor
    """N: held-out squared error of each example, mean over its values."""
    error: Interval
    over_pca: Interval | None = None
    """Mean error over PCA's."""
    code_values: int | None = None
    """Values of the whole code that are not 0."""
    code_bits: float | None = None
    """Of a code of indices."""
    probe: Interval | None = None
    """Share of held-out labels that a linear classifier on the frozen code gets wrong."""
    wrong: Tensor | None = None
    neighbours: Interval | None = None
    """The same for the nearest codes."""
    frechet: float | None = None
    precision: Interval | None = None
    recall: Interval | None = None
    prior: str | None = None
    """What new codes were drawn from."""
    in_use: float | None = None
    """Share of the code values, or of the codebook, that is used."""
    participation: float | None = None
    milliseconds: float | None = None
    parameters: int | None = None
    seconds: float | None = None
    """Training time, measured."""
    steps: int | None = None
    architecture: str | None = None
    remarks: list[str] = field(default_factory=list)
    shown: Tensor | None = None
    """2 S *shape: what became of the first examples, and S new ones; for pictures."""


def _refuse_untellable(learned: Sequence[Any], judged: Sequence[Any]) -> None:
    """Before anything is trained: labels that no probe can learn from, or be counted on. Raises BadData."""
    classes = {str(label) for label in learned[:MOST_LEARNED] if label is not None}
    if len(classes) < 2:
        raise BadData(
            f"{f'only one class, {classes.pop()},' if classes else 'no class'} is among the labels of training "
            f"examples; a probe tells two or more apart: give others, or leave out --labels"
        )
    if all(label is None for label in judged[:MOST_JUDGED]):
        raise BadData("no held-out example has a label to be judged by; label more of them, or leave out --labels")


class Bench:
    """The same examples for everyone. `learned`, `judged`: N *shape; labels, if any, beside each. `standardise` is that
    of the kinds' models, for tables: errors are counted in its units. `groups` are the numbers of what each of `judged`
    belongs to, where some belong together."""

    def __init__(
        self, learned: Tensor, judged: Tensor, labels: tuple[Sequence[Any], Sequence[Any]] | None = None, *,
        standardise: Standardise | None = None, groups: Tensor | None = None, seed: int = 0,
    ) -> None:  # fmt: skip
        self.learned, self.judged, self.labels, self.seed = learned, judged[:MOST_JUDGED], labels, seed
        self.standardise = standardise
        self.groups = None if groups is None else groups[: len(self.judged)]
        if labels is not None:
            _refuse_untellable(*labels)
        self.drawn = min(MOST_DRAWN, len(self.judged))
        self.space: FeatureSpace = feature_space(self._plain(learned[:MOST_LEARNED]))

    @property
    def reference(self) -> Quality:
        """How near training examples themselves come to the held-out ones: nothing that is drawn can do better."""
        return self._quality(self._plain(self.learned[: self.drawn]))

    def of_model(self, name: str, model: Model, *, minutes: float) -> Row:
        """Measure a trained model. `minutes` it was trained for; a prior that learns takes a tenth of it."""
        scored = evaluate(model, list(self.judged), seed=self.seed)
        here, there = model.encode(self.learned[:MOST_LEARNED]), model.encode(self.judged)
        use = code_use(model, there)
        row = Row(
            name, scored.errors, self._interval(scored.errors), code_values=model.code_values,
            code_bits=model.code_bits, in_use=use.share, participation=use.participation,
            milliseconds=milliseconds(model), parameters=parameters_of(model),
            architecture=model.card["architecture"]["name"], seconds=model.card["training"].get("seconds"),
            steps=model.card["training"].get("total"), remarks=list(model.card["training"].get("remarks", ())),
        )  # fmt: skip
        self._probe(row, here, there)
        results = torch.stack(scored.results[:SHOWN])
        try:
            row.prior = self._prior(model, here, minutes)
            drawn = model.draw(max(self.drawn, SHOWN), generator(self.seed, "compare samples"))
        except NarrowsError as error:  # a grid too large to draw, too few codes for a mixture
            row.remarks.append(f"nothing was drawn: {error}")
            return row
        self._sampled(row, comparable(model, drawn), results)
        return row

    def of_pca(self, code_size: int) -> tuple[Row, Row]:
        """PCA with as many values, drawn from by one Gaussian; and the mean alone."""
        rows, judged, known = self._rows(self.learned), self._rows(self.judged), self._known(self.judged)
        pca, mean = PCABaseline().fit(rows, min(code_size, rows.shape[1])), MeanBaseline().fit(rows)
        results = self._bounded(pca.reconstruct(judged))
        errors, flat = (
            mean_square(found, judged, known) for found in (results, self._bounded(mean.reconstruct(judged)))
        )
        here, there = pca.encode(rows[:MOST_LEARNED]), pca.encode(judged)
        row = Row(
            "PCA", errors, self._interval(errors), code_values=here.shape[1], in_use=1.0,
            participation=participation_ratio(there), parameters=pca.directions.numel() + pca.mean.numel(),
            prior="normal",
        )  # fmt: skip
        self._probe(row, here, there)
        prior = Normal(code_shape=(here.shape[1],))
        prior.start(DataFacts(len(here), here.mean(0), here, generator(self.seed, "pca prior")))
        codes = prior.draw(max(self.drawn, SHOWN), generator(self.seed, "compare samples")).to(rows)
        drawn = self._bounded(codes @ pca.directions.T + pca.mean)
        like = self.judged.shape[1:]
        self._sampled(row, drawn.unflatten(1, like), results[:SHOWN].unflatten(1, like))
        return row, Row("mean", flat, self._interval(flat), code_values=0, parameters=mean.mean.numel())

    def against(self, row: Row, pca: Row) -> Row:
        """The same row, its error over PCA's filled in."""
        random = generator(self.seed, "compare")
        row.over_pca = bootstrap_ratio(row.errors, pca.errors, generator=random, groups=self.groups)
        return row

    @property
    def labelled_groups(self) -> Tensor | None:
        """`groups` of the judged examples that have a label."""
        if self.labels is None or self.groups is None:
            return None
        return self.groups[_labelled(self.labels[1], self.judged)]

    def _probe(self, row: Row, here: Tensor, there: Tensor) -> None:
        if self.labels is None:
            return
        pairs = []
        for codes, labels in ((here, self.labels[0]), (there, self.labels[1])):
            known = _labelled(labels, codes)
            pairs += [codes[known], [labels[at] for at in known]]
        found = probe(*pairs, seed=self.seed, groups=self.labelled_groups)
        row.probe, row.neighbours, row.wrong = found.logistic, found.neighbours, found.wrong

    def _prior(self, model: Model, codes: Tensor, minutes: float) -> str:
        """What the model draws from: its own, or one that is fitted on codes now."""
        if "draw" in model.can:
            return "its own"
        name = model.usual_prior
        assert name is not None  # every code that is compared has one
        name = "normal" if name == "mixture" and len(codes) < 200 else name
        config = TrainingConfig(
            minutes=max(0.02, _PRIOR_SHARE * minutes), batch_size=min(64, len(codes)), seed=self.seed, evaluations=3,
            precision="32-true",
        )  # fmt: skip
        fit_prior(model, codes, name, seed=self.seed, config=config)
        return name

    def _sampled(self, row: Row, drawn: Tensor, results: Tensor) -> None:
        drawn = drawn.clamp(0, 1) if drawn.dim() == 4 else drawn
        if self.drawn >= 4:
            found = self._quality(drawn[: self.drawn])
            row.frechet, row.precision, row.recall = found.frechet, found.precision, found.recall
        if drawn.dim() == 4 and results.shape[1:] == drawn.shape[1:]:
            few = min(SHOWN, len(results))
            row.shown = torch.stack([results[:few], drawn[:few]])

    def _quality(self, drawn: Tensor) -> Quality:
        real = self._plain(self.judged[: self.drawn])
        groups = None if self.groups is None else self.groups[: self.drawn]
        return sample_quality(drawn, real, self.space, seed=self.seed, groups=groups)

    def _plain(self, examples: Tensor) -> Tensor:
        return examples if self.standardise is None else self.standardise(examples)[0]

    def _rows(self, examples: Tensor) -> Tensor:
        return self._plain(examples).flatten(1)

    def _known(self, examples: Tensor) -> Tensor | None:
        return None if self.standardise is None else self.standardise(examples)[1]

    def _bounded(self, rows: Tensor) -> Tensor:
        return rows.clamp(0, 1) if self.standardise is None else rows

    def _interval(self, values: Tensor) -> Interval:
        return bootstrap(values, generator=generator(self.seed, "compare"), groups=self.groups)


def _labelled(labels: Sequence[Any], examples: Tensor) -> list[int]:
    """Which of the first labels, one for each example, are known."""
    return [at for at, label in enumerate(labels[: len(examples)]) if label is not None]
