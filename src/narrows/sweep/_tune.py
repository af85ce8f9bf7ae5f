"""`narrows tune`: layers, nodes, loss and learning rate, by a tree-structured Parzen estimator.

Bergstra, Bardenet, Bengio & Kegl 2011, NIPS 24:2546; Optuna's.
"""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, NamedTuple

import torch

from narrows._errors import BadData, BadOption, BadPairing, TrainingFailed
from narrows._files import make_folder, write_atomically
from narrows._fit.making import make_model, train_model
from narrows._fit.moving import choose_moves
from narrows._fit.parts import split_parts
from narrows._fit.settings import FitSettings, parse_settings
from narrows._registry import kinds
from narrows.data.reading import read
from narrows.data.splits import content_hash
from narrows.measuring.evaluate import evaluate
from narrows.measuring.intervals import Interval, bootstrap, bootstrap_ratio
from narrows.nn.losses import LOSSES
from narrows.sweep._size import refuse_unheeded, shape_of, silent
from narrows.sweep._sizes import Progress
from narrows.sweep._trials import end_study, need_optuna, open_study, plain, sampler_at
from narrows.training.runs import Run
from narrows.training.seeds import generator

_DEFAULTS = 0
"""The trial that has them."""
_LAYERS = (1, 6)
_NODES = (32, 64, 128, 256, 512, 1024)
_RATES = (2e-4, 5e-3)


class Tuned(NamedTuple):
    """What `tune` gives."""

    best: dict[str, Any]
    """Settings by name, for `fit`."""
    error: Interval
    """Held-out squared error of the best."""
    ratio: Interval | None
    """Of errors, the best over the defaults; None where the defaults could not be trained."""
    decided: bool
    """Whether the best is better than the defaults at 95 %."""
    trials: list[dict[str, Any]]
    """Every trial's settings, validation error and seconds, the best first."""


def tune(
    data: Any, *, out: str | Path, minutes: float = 20.0, trials: int = 24, force: bool = False,
    progress: Progress | None = None, **settings: Any,
) -> Tuned:  # fmt: skip
    """Layers, nodes, loss and learning rate for one kind and code size; the trials are kept in `out`.

    Every trial has the same time. The first has the defaults. Validation examples choose; held-out ones, which chose
    nothing, say what was gained. Whatever loss is learned by, squared error compares. What `settings` say is not
    tuned. Called again after an interruption it goes on.

    Raises NotSupported without Optuna, BadData, BadOption, BadRun, WouldOverwrite, RunStopped.
    """
    if not (math.isfinite(minutes) and minutes > 0) or trials < 2:
        raise BadOption(f"minutes={minutes}, trials={trials}; they take a number above 0 and 2 or more")
    refuse_unheeded(settings)
    chosen, config = parse_settings({**settings, "minutes": minutes / trials})
    tell = progress or silent
    need_optuna()
    import optuna

    tell({"event": "reading"})
    dataset = read(data, shape=shape_of(chosen), channels=chosen.channels, group_by=chosen.group_by)
    model = make_model(dataset, chosen, config)
    parts = split_parts(dataset, chosen, model, config.seed)
    if parts.validation is None or not parts.judged:
        raise BadData("tuning needs validation and held-out examples; leave --validation and --held-out above 0")
    checked = list(parts.validation.take(torch.arange(len(parts.validation)), generator(config.seed, "validation")))
    losses = _losses(model.kind) if dataset.form == "picture" else []
    job = {"data": content_hash("".join(sorted(dataset.keys)).encode()), "fit": plain(asdict(chosen)),
           "training": plain(config.as_dict()), "set": sorted(settings), "losses": losses}  # fmt: skip
    chosen, _ = choose_moves(dataset, model, parts.training, chosen, config.seed)
    folder = make_folder(Path(out))
    with Run.open(folder / "run"):
        study = open_study(folder, job, force, name="tune", budget=trials)
        while (number := len(_ended(study))) < trials:
            study.sampler = sampler_at(config.seed, number)
            trial = _waiting(study) or _next(study, number, chosen, losses, settings)
            wanted = dict(trial.params)
            tell({"event": "trial", "number": number + 1, "trials": trials, **wanted})
            place = folder / "trials" / f"trial-{trial.number}"
            with Run.open(place) as run:
                net, rate = _apply(wanted, chosen)
                one = replace(config, learning_rate=rate or config.learning_rate)
                try:
                    model = make_model(dataset, net, one)
                    split_parts(dataset, net, model, config.seed)  # tables: means and spreads
                    history, _ = train_model(model, parts, net, one, run, tell)
                except (BadOption, BadPairing, TrainingFailed):  # that nothing can be learned so is an answer too
                    study.tell(trial.number, state=optuna.trial.TrialState.FAIL)
                    continue
                error = float(evaluate(model, checked).errors.mean())
                facts = {"errors": evaluate(model, parts.judged).errors.tolist(), "seconds": history.seconds}
                write_atomically(place / "held-out.json", json.dumps(facts).encode())
                run.clear()
            study.tell(trial.number, error)
        found = sorted((one for one in _ended(study) if one.value is not None), key=lambda one: one.value)
        if not found:
            raise TrainingFailed("no trial could be trained; look for extreme values in the data")
        end_study(folder, job, trials)
    kept = {one.number: _kept(folder, one.number) for one in found}
    errors = {number: torch.tensor(one["errors"]) for number, one in kept.items()}
    best, default = errors[found[0].number], errors.get(_DEFAULTS)
    random = generator(config.seed, "tune")
    ratio = None if default is None else bootstrap_ratio(best, default, generator=random, groups=parts.groups)
    decided = ratio is not None and ratio.high < 1
    listed = [{**one.params, "error": one.value, "seconds": kept[one.number]["seconds"]} for one in found]
    return Tuned(dict(found[0].params), bootstrap(best, generator=random, groups=parts.groups), ratio, decided, listed)


def _next(study: Any, number: int, chosen: FitSettings, losses: list[str], settings: dict[str, Any]) -> Any:
    """A new trial with its settings drawn; the first has the defaults, as nothing drawn."""
    trial = study.ask()
    if not number and not study.get_trials(deepcopy=False)[:-1]:
        return trial
    given = {name for name, value in settings.items() if value is not None}
    if "n_layers" not in given and not isinstance(chosen.n_nodes, (tuple, list)):
        trial.suggest_int("n_layers", *_LAYERS)
    if "n_nodes" not in given:
        wide = [width for width in _NODES if width >= (chosen.code_size or 1)]
        trial.suggest_categorical("n_nodes", wide or [chosen.code_size])
    if "loss" not in given and losses:
        trial.suggest_categorical("loss", losses)
    if "learning_rate" not in given:
        trial.suggest_float("learning_rate", *_RATES, log=True)
    return trial


def _losses(kind: str) -> list[str]:
    """What the kind can learn by."""
    density = "density" in kinds[kind].needs_loss
    return [name for name, loss in LOSSES.items() if loss.is_density or not density]


def _apply(wanted: dict[str, Any], chosen: FitSettings) -> tuple[FitSettings, float | None]:
    net = {name: value for name, value in wanted.items() if name != "learning_rate"}
    return replace(chosen, **net), wanted.get("learning_rate")


def _ended(study: Any) -> list[Any]:
    return [one for one in study.get_trials(deepcopy=False) if one.state.is_finished()]


def _waiting(study: Any) -> Any:
    """The trial that an interruption left."""
    return next((one for one in study.get_trials(deepcopy=False) if one.state.name == "RUNNING"), None)


def _kept(folder: Path, number: int) -> dict[str, Any]:
    return json.loads((folder / "trials" / f"trial-{number}" / "held-out.json").read_text(encoding="utf-8"))
