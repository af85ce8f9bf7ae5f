"""Which size is trained next, and what is known so far.

Each size is trained in rounds that go on from one another's weights, every round as long as all before it and with a
schedule of its own (warm restarts: Loshchilov & Hutter 2017, arXiv:1608.03983). So half of the training is always
there to be looked back at, and a size whose error has stopped falling costs nothing more. Tables with a floor of white
noise are learned in the directions that rise above it: what lies below is the same for every size.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from narrows._errors import BadData
from narrows._files import write_atomically
from narrows._fit.making import make_model, train_model
from narrows._fit.moving import choose_moves
from narrows._fit.parts import split_parts
from narrows._fit.settings import FitSettings
from narrows.data.reading import Dataset
from narrows.data.sources import ArraySource
from narrows.measuring.baselines import MeanBaseline, PCABaseline
from narrows.measuring.evaluate import evaluate, mean_square
from narrows.measuring.intrinsic import above_noise, dimensions
from narrows.measuring.memorisation import nearest_of
from narrows.measuring.sizing import SizeVerdict, Tried, choose_size, judge_size
from narrows.model.model import Model
from narrows.sweep._trials import Trials
from narrows.training.config import TrainingConfig
from narrows.training.runs import Run
from narrows.training.seeds import generator

_FIRST_SHARE = 0.2
"""Of the budget, for one round of every size of the grid."""
_SEEDS_SHARE = 0.25
"""Of the budget, kept for other seeds."""
_STOPPED = 0.02
"""A round that lowers the error by less than this share says that it has stopped falling."""
_MOST_ROUNDS = 6
_EVALUATIONS = 8
"""A round, at most: its best averaged weights are kept."""
_LARGEST = 256
_MOST_ROWS = 6000
"""Examples that the data's own dimension is told from."""
_NARROWEST = 128
"""Nodes of the hidden layers for tables at least: a code can be learned only as well as its net can bend."""
_LIKE = 100
"""Columns whose spreads differ by this factor at most may have one unit; noise of one strength in all is asked too."""

Progress = Callable[[dict[str, Any]], None]


class Sweep:
    """One sweep: which size is trained next, and what is known so far."""

    def __init__(
        self, dataset: Dataset, chosen: FitSettings, config: TrainingConfig, trials: Trials, minutes: float,
        largest: int | None, seeds: int, steps: int | None, tell: Progress,
    ) -> None:  # fmt: skip
        self.trials, self.seconds, self.seeds, self.steps = trials, 60 * minutes, seeds, steps
        self.tell, self.config = tell, config
        self.dataset, noise = _in_noise_free_directions(dataset, chosen)
        self.rotated, self.chosen = noise > 0, chosen
        if dataset.form == "table" and chosen.n_nodes is None and chosen.architecture in (None, "mlp"):
            width = max(_NARROWEST, 2 ** math.ceil(math.log2(self.dataset.shape[0])))
            self.chosen = replace(chosen, n_nodes=(width,) * ((chosen.n_layers or 3) - 1))
        model = self._model(1, config.seed)
        self.parts = split_parts(self.dataset, self.chosen, model, config.seed)
        if not self.parts.judged:
            raise BadData("nothing is held out, so sizes cannot be compared; leave --held-out at 0.1")
        self.chosen, _ = choose_moves(self.dataset, model, self.parts.training, self.chosen, config.seed)
        self._equal_units(model)
        self.standard = None if model.standardise is None else model.standardise.state_dict()
        values = math.prod(self.dataset.shape)
        spread = 1.0 if model.standardise is None else float(model.standardise.spread[0]) ** 2
        self.noise_per_value = noise / spread / values if self.rotated else 0.0
        self.most = min(largest or min(_LARGEST, max(values // 2, min(values, 32))), values)
        if self.most < 2 and self.rotated:
            raise BadData(
                f"of {dataset.shape[0]} columns came at most one direction that rises above their noise: a code of 1 "
                f"holds it, and no other size can be compared; take that: narrows fit DATA --code-size 1"
            )
        if self.most < 2:
            raise BadData("one value came for each example: a code of 1 keeps it, and no other size can be compared")
        fits, _ = _rows(model, self.parts.fits)
        self.held_out, self.known = _rows(model, self.parts.judged)
        self.fits = fits
        self.mean = self._error(MeanBaseline().fit(fits).reconstruct(self.held_out))
        self.pca = PCABaseline().fit(fits, min(values, self.most))
        some = fits[torch.randperm(len(fits), generator=generator(config.seed, "dimension"))[:_MOST_ROWS]]
        reduced = above_noise(some)
        if self.rotated:  # these directions have risen above the floor already: their noise is known
            reduced = reduced._replace(rows=some - some.mean(0), noise=self.noise_per_value * values)
        self.dimensions = dimensions(reduced, seed=config.seed)
        self.sizes: set[int] = {one for one, _, _ in trials.found}

    # What is trained

    def go(self) -> None:
        """Grid, refinement around the knee, longer rounds, more seeds: until all have stopped or time is over."""
        grid = {1 << power for power in range(17) if 1 << power < self.most} | {self.most}
        for code_size in sorted(grid):
            self._round(code_size, self.config.seed, 0)
        self._refine()
        for number in range(1, _MOST_ROUNDS):
            if not self._longer(number):
                break
            self._refine()
        self._seeds()

    def _refine(self) -> None:
        """Sizes between the knee and its neighbours, and around the data's own dimension."""
        wanted: set[int] = set()
        places = [self._knee()]
        if self.dimensions.local is not None:
            places.append(round(self.dimensions.local.value))
        for place in places:
            if place <= 12:
                wanted |= set(range(place - 2, place + 4))
            else:
                wanted |= {round(place * share) for share in (0.72, 0.81, 0.9, 1.0, 1.11, 1.25, 1.4)}
            if self.dimensions.local is not None and 12 < place <= 40:
                wanted |= {place - 1, place + 1, place + 2}
        for code_size in sorted(wanted - self._done(self.config.seed)):
            if 1 <= code_size <= self.most:
                self._round(code_size, self.config.seed, 0)

    def _longer(self, number: int) -> bool:
        """Another round for the sizes in question whose error still falls: for all of them, or for none."""
        knee, seed = self._knee(), self.config.seed
        wanted = []
        for code_size in sorted(self._done(seed)):
            rounds = self._rounds(code_size, seed)
            if knee / 3 <= code_size <= 8 * knee and self._falls(rounds):
                wanted += [(code_size, each) for each in range(len(rounds), number + 1)]
        needed = sum(self._expected(each) for _, each in wanted)
        if not wanted or self.trials.seconds + needed > (1 - _SEEDS_SHARE) * self.seconds:
            return False
        for code_size, each in wanted:
            self._round(code_size, seed, each)
        return True

    def _seeds(self) -> None:
        """The size in question, its neighbours and the best, with other seeds, each as long as the first was."""
        sizes, errors = self._curve()
        at = sizes.index(self._knee())
        best = errors.index(min(errors))
        for other in range(1, self.seeds):
            seed = self.config.seed + other
            for index in dict.fromkeys((at, at - 1, at + 1, best)):
                if 0 <= index < len(sizes):
                    for number in range(len(self._rounds(sizes[index], self.config.seed))):
                        self._round(sizes[index], seed, number)

    def _round(self, code_size: int, seed: int, number: int) -> None:
        """One round of one size, unless it is done or the time is over. The first of all sets the steps of the rest."""
        key = (code_size, seed, number)
        if key in self.trials.found or (number and (code_size, seed, number - 1) not in self.trials.found):
            return
        if self.trials.found and self.trials.seconds + self._expected(number) > self.seconds:
            return
        first = next(iter(self.trials.found.values()), None)
        config = replace(self.config, seed=seed, minutes=None, steps=self.steps or 1, evaluations=_EVALUATIONS)
        if first is None and self.steps is None:
            count = math.ceil(math.log2(self.most)) + 7
            config = replace(config, steps=None, minutes=max(_FIRST_SHARE * self.seconds / count, 0.5) / 60)
        else:
            steps = self.steps or (first["steps"] if first else 1)
            config = replace(config, steps=steps * max(1, 2 ** (number - 1)))
        self.tell({"event": "size", "code_size": code_size, "seed": seed, "round": number})
        model = self._model(code_size, seed)
        if model.standardise is not None and self.standard is not None:
            model.standardise.load_state_dict(self.standard)
        chosen = self.chosen
        if number:
            weights = self.trials.place(code_size, seed, number - 1) / "weights.safetensors"
            model.autoencoder.load_state_dict(safetensors.torch.load(weights.read_bytes()))
            chosen = replace(chosen, begin_with=str(weights))  # so that `start` does not set the offset anew
        place = self.trials.place(*key)
        with Run.open(place) as run:
            history, plan = train_model(model, self.parts, chosen, config, run, self.tell)
            errors = evaluate(model, self.parts.judged).errors
            training = float(evaluate(model, self.parts.learned).errors.mean())
            state = {name: value.contiguous() for name, value in model.autoencoder.state_dict().items()}
            write_atomically(place / "weights.safetensors", safetensors.torch.save(state))
            write_atomically(place / "errors.safetensors", safetensors.torch.save({"errors": errors}))
            run.clear()
        facts = {
            "steps": plan["total"], "seconds": history.seconds,
            "training": training, "memorised": self._memorised(model), "best_step": plan["best_step"],
        }  # fmt: skip
        self.sizes.add(code_size)
        self.trials.keep(key, float(errors.mean()), facts | {"error": float(errors.mean())})

    def _model(self, code_size: int, seed: int) -> Model:
        return make_model(self.dataset, replace(self.chosen, code_size=code_size), replace(self.config, seed=seed))

    def _equal_units(self, model: Model) -> None:
        """Principal components keep their own spreads, or the last would count as much as the first."""
        if self.rotated and model.standardise is not None:
            model.standardise.spread.fill_(float(model.standardise.spread.square().mean().sqrt()))

    def _memorised(self, model: Model) -> float:
        """Share of held-out examples that come back nearer to a training example than to themselves."""
        examples = self.parts.judged[:500]
        results = _flat(evaluate(model, examples).results)
        own = (results - self.held_out[: len(results)]).square().mean(1).sqrt()
        other, _ = nearest_of(results, self.fits[:20_000])
        return float((other < own).double().mean())

    # What is known

    def _expected(self, number: int) -> float:
        """Seconds that a round is likely to take."""
        same = [one["seconds"] for (_, _, n), one in self.trials.found.items() if n == number]
        if same:
            return sorted(same)[len(same) // 2]
        first = sorted(one["seconds"] for (_, _, n), one in self.trials.found.items() if n == 0)
        return first[len(first) // 2] * max(1, 2 ** (number - 1))

    def _done(self, seed: int) -> set[int]:
        return {one for one, other, _ in self.trials.found if other == seed}

    def _rounds(self, code_size: int, seed: int) -> list[dict[str, Any]]:
        found = self.trials.found
        return [found[code_size, seed, n] for n in range(_MOST_ROUNDS) if (code_size, seed, n) in found]

    @staticmethod
    def _falls(rounds: Sequence[dict[str, Any]]) -> bool:
        return len(rounds) < 2 or rounds[-1]["error"] < (1 - _STOPPED) * rounds[-2]["error"]

    def _curve(self) -> tuple[list[int], list[float]]:
        sizes = sorted(self._done(self.config.seed))
        return sizes, [self._rounds(one, self.config.seed)[-1]["error"] for one in sizes]

    def _knee(self) -> int:
        sizes, errors = self._curve()
        return choose_size(sizes, errors, mean=self.mean, noise=self.noise_per_value, dimension=self.dimensions.local)[
            0
        ]

    def tried(self) -> list[Tried]:
        """Every size, in rising order."""
        found = []
        for code_size in sorted(self._done(self.config.seed)):
            seeds = [s for s in range(self.config.seed, self.config.seed + self.seeds) if self._rounds(code_size, s)]
            rounds = self._rounds(code_size, self.config.seed)
            errors = [self._errors(code_size, s, len(self._rounds(code_size, s)) - 1) for s in seeds]
            all_of_it = [one for s in seeds for one in self._rounds(code_size, s)]
            last = [self._rounds(code_size, s)[-1] for s in seeds]
            found.append(
                Tried(
                    size=code_size,
                    errors=torch.stack(errors),
                    half=rounds[-2]["error"] if len(rounds) > 1 else math.nan,
                    trained=tuple(one["training"] for one in last),
                    falling=len(rounds) > 1 and self._falls(rounds),  # one round says nothing of a second
                    pca=self._pca_error(code_size),
                    memorised=sum(one["memorised"] for one in last) / len(last),
                    seconds=sum(one["seconds"] for one in all_of_it),
                    groups=self.parts.groups,
                )
            )
        return found

    def _errors(self, code_size: int, seed: int, number: int) -> Tensor:
        path = self.trials.place(code_size, seed, number) / "errors.safetensors"
        return safetensors.torch.load(path.read_bytes())["errors"]

    def _pca_error(self, code_size: int) -> float:
        directions = self.pca.directions[:, :code_size]
        centred = self.held_out - self.pca.mean
        return self._error(centred @ directions @ directions.T + self.pca.mean)

    def _error(self, results: Tensor) -> float:
        """Of the held-out examples, as `evaluate` counts it."""
        return float(mean_square(results, self.held_out, self.known).mean())

    def verdict(self) -> SizeVerdict:
        """Raises BadData where the time sufficed for one size only."""
        tried = self.tried()
        if len(tried) < 2:
            raise BadData("the time sufficed for one size only; give more --minutes")
        return judge_size(
            tried, mean=self.mean, form=self.dataset.form, noise=self.noise_per_value,
            dimension=self.dimensions.local, values=math.prod(self.dataset.shape),
            generator=generator(self.config.seed, "size verdict"),
        )  # fmt: skip


def _in_noise_free_directions(dataset: Dataset, chosen: FitSettings) -> tuple[Dataset, float]:
    """A table in the principal components that rise above its noise, and that noise; anything else as it is.

    Columns of like spread that have noise of one strength are taken to have one unit.
    """
    if dataset.form != "table":
        return dataset, 0.0
    rows = dataset.source.take(torch.arange(len(dataset.source)))
    if not torch.isfinite(rows).all():
        return dataset, 0.0
    spread = rows.double().std(0)
    if float(spread.max()) > _LIKE * float(spread[spread > 0].min()):
        return dataset, 0.0
    training = dataset.split((chosen.held_out, chosen.validation))[0]
    reduced = above_noise(rows[training])  # directions, too, are learned from what is learned from
    if not reduced.noise:
        return dataset, 0.0
    values = reduced.of(rows).contiguous()
    columns = tuple(f"component {i}" for i in range(1, values.shape[1] + 1))
    return replace(dataset, source=ArraySource(values), shape=(values.shape[1],), columns=columns), reduced.noise


def _rows(model: Model, examples: list[Tensor]) -> tuple[Tensor, Tensor | None]:
    """N P, in the units in which errors are counted, and which cells of a table are known."""
    rows = torch.stack(examples)
    return (rows.flatten(1), None) if model.standardise is None else model.standardise(rows)


def _flat(results: list[Tensor]) -> Tensor:
    return torch.stack(results).flatten(1)
