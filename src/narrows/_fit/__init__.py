"""The main job: data in, a model folder with its report out.

The steps stand in the order in which they happen: read, split, make, train, judge, write. Each is somebody else's
room; this file only hands things on. Beside it: what a fit may be told (`settings`), what is learned from and judged
on (`parts`), and the model, made and trained (`making`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

from narrows import _device
from narrows._errors import BadData, BadPairing, WouldOverwrite
from narrows._fit.making import find_lesson, make_model, teach, train_model, train_twin
from narrows._fit.moving import choose_moves
from narrows._fit.parts import Parts, as_photographs, split_parts
from narrows._fit.settings import TWIN, FitSettings, hold_to_the_same_job, parse_settings
from narrows._registry import kinds, tasks
from narrows.data.pairs import PairedDataset, read_pairs
from narrows.data.reading import Dataset, read
from narrows.measuring.judge import Judgement, held_out_intervals, judge
from narrows.model.folder import CARD, README, WEIGHTS, save
from narrows.model.model import Model
from narrows.pages.fitted import readme, write_fit_report
from narrows.training import ranks
from narrows.training.config import TrainingConfig
from narrows.training.loop import History
from narrows.training.runs import Run
from narrows.using.loaded import LoadedModel

_FOR_PAIRS = "relate"
"""The task where pairs come and no task is named."""
_RUN, REPORT = "run", "report.html"


class Fitted(NamedTuple):
    """What `fit` gives."""

    model: LoadedModel
    """As `load` gives it."""
    judgement: Judgement | None
    """Held-out scores of the network and of each alternative, and the verdict; None when nothing was held out."""
    history: History
    """Training and held-out curves, and what happened on the way."""
    folder: Path | None
    """The model folder; None without `out`."""
    report: Path | None
    """The HTML page; None without `out`."""


def fit(
    data: Any = None,
    *,
    pairs: tuple[Any, Any] | None = None,
    out: str | Path | None = None,
    force: bool = False,
    lang: str = "en",
    command: str = "",
    progress: Callable[[dict[str, Any]], None] | None = None,
    **settings: Any,
) -> Fitted:
    """Train an autoencoder on a folder, file, array, data frame or pictures, and judge it beside simple alternatives.

    `pairs`, instead of `data`, are two folders whose pictures have the same names, or two arrays or lists: the second
    holds what becomes of the first. Tasks that can learn from them instead of damage that they do themselves; without
    a task it is `relate`.
    `settings` are the fields of `FitSettings` (task, kind, architecture, code_size, n_layers, n_nodes, loss, ...) and
    of `TrainingConfig` (minutes, epochs, steps, seed, batch_size, ...). The budget is 5 minutes unless said.
    With `out`, the folder gets the model, its report and the run, with which the same call goes on after any
    interruption; without it nothing is written. With `devices` above 1 the call is made in each process that `torchrun`
    started; the first alone judges, writes and tells its progress, and the others get the model and the history.

    Example: `narrows.fit("faces/", code_size=32, minutes=5, out="faces-model")`.
    Raises BadData, BadOption, BadPairing, UnknownName, WouldOverwrite, CannotWrite, BadRun, RunStopped.
    """
    if (data is None) == (pairs is None):
        raise BadData(
            f"{'neither data nor pairs came' if data is None else 'data and pairs came'}; fit takes data, or pairs: "
            f"narrows fit DATA, or narrows fit --pairs BEFORE AFTER"
        )
    if pairs is not None:
        data, settings = _Two(*_two(pairs)), {"task": _FOR_PAIRS} | settings
    chosen, config = parse_settings(settings)
    ranks.join(config)
    if progress is None or not ranks.leads(config):
        progress = _silent
    if out is None:
        fitted = _fit(data, chosen, config, None, None, force, lang, command, progress)
    else:
        folder = Path(out)
        if not force:
            _refuse_to_overwrite(folder)
        with Run.open(folder / _RUN, writes=ranks.leads(config)) as run:
            fitted = _fit(data, chosen, config, folder, run, force, lang, command, progress)
    ranks.end_well(config)
    return fitted


def _refuse_to_overwrite(folder: Path) -> None:
    """A finished model, or files of somebody's: what stands beside a run that has begun is its own."""
    if (folder / WEIGHTS).exists():
        raise WouldOverwrite(
            f"{folder} holds a finished model; choose another --out, or replace it with --force (its run then begins "
            f"anew)"
        )
    if (folder / _RUN / "run.json").exists():
        return
    for name in (CARD, README, REPORT):
        if (folder / name).exists():
            raise WouldOverwrite(
                f"{folder / name} exists already, and no run of narrows lies beside it; choose another --out, or "
                f"replace it with --force"
            )


class _Two(NamedTuple):
    """Pairs as they came."""

    before: Any
    after: Any


def _two(pairs: Any) -> tuple[Any, Any]:
    if not isinstance(pairs, (tuple, list)) or len(pairs) != 2:
        raise BadData(f"pairs={pairs!r:.80}; pairs are two places, arrays or lists: pairs=(before, after)")
    return pairs[0], pairs[1]


def _fit(
    data: Any,
    chosen: FitSettings,
    config: TrainingConfig,
    folder: Path | None,
    run: Run | None,
    force: bool,
    lang: str,
    command: str,
    progress: Callable[[dict[str, Any]], None],
) -> Fitted:
    progress({"event": "reading"})
    dataset = _read(data, chosen).telling_blocks((chosen.held_out, chosen.validation))
    lesson = find_lesson(dataset, chosen, config)
    asked, chosen = chosen, replace(chosen, options=chosen.options | lesson.options)
    model = make_model(dataset, chosen, config)
    teach(model, lesson)
    parts = split_parts(dataset, chosen, model, config.seed)
    if parts.by_patches:
        dataset = as_photographs(dataset)
    _device.choose(config.device)
    if run is not None:  # only now that nothing can be refused any more: a refusal leaves the folder as it was
        if run.writes:
            hold_to_the_same_job(run, dataset, asked, config, force)
        ranks.wait(config)
    moved, why = choose_moves(dataset, model, parts.training, chosen, config.seed)
    model.card["about"]["reasons"] |= why
    history, plan = train_model(model, parts, moved, config, run, progress)
    twin = None
    could_be_whole = "whole" in kinds[model.task.kind].needs and model.target_shape == model.shape
    if could_be_whole and model.code_size is not None and chosen.twin and parts.judged:
        twin = train_twin(dataset, chosen, config, lesson, parts, history.seconds, run, progress)
    if not ranks.leads(config):
        _complete_card(model, dataset, parts, chosen, config, plan, history, None, command, _device.describe())
        return Fitted(LoadedModel(model), None, history, None, None)
    progress({"event": "judging"})
    judgement = None
    if parts.judged and model.task.has_truth:
        judgement = judge(
            model, parts.fits, parts.learned, parts.judged, seed=config.seed, twin=twin, groups=parts.groups
        )
    machine = ((run.plan if run else None) or {}).get("machine") or _device.describe()
    _complete_card(model, dataset, parts, chosen, config, plan, history, judgement, command, machine)
    report = None
    if folder is not None:
        save(model, folder, readme=readme(model), force=True)
        report = write_fit_report(
            folder / REPORT, model, dataset, parts, history, judgement, lang=lang, command=command
        )
    if run is not None:
        place = {"place": str(Path(data).absolute())} if isinstance(data, (str, Path)) else {}
        run.begin({**(run.plan or {}), **place, "done": True})
        run.let_go()
        Run(run.folder / TWIN, writes=run.writes).let_go()
    progress({"event": "done"})
    return Fitted(LoadedModel(model), judgement, history, folder, report)


def _read(data: Any, chosen: FitSettings) -> Dataset:
    shape = None if chosen.size is None else (chosen.channels or 1, *chosen.size)
    how: dict[str, Any] = {"shape": shape, "channels": chosen.channels, "group_by": chosen.group_by}
    task = tasks[chosen.task]
    if isinstance(data, _Two):
        if not task.takes_pairs:
            able = ", ".join(name for name in tasks.files() if tasks[name].takes_pairs)
            raise BadPairing(f"{chosen.task} does not learn from pairs; with --pairs the task is one of {able}")
        return read_pairs(data.before, data.after, check=chosen.check_pairs, **how)
    if task.learns_from == "pairs":
        raise BadPairing(f"{chosen.task} learns from pairs of pictures: narrows fit --pairs BEFORE AFTER")
    return data if isinstance(data, Dataset) else read(data, **how)  # sweeps and comparisons read once


def _complete_card(
    model: Model,
    dataset: Dataset,
    parts: Parts,
    chosen: FitSettings,
    config: TrainingConfig,
    plan: dict[str, Any],
    history: History,
    judgement: Judgement | None,
    command: str,
    machine: dict[str, Any],
) -> None:
    """What was learned from, how, and how well: all of it travels with the model. `machine` is where it began: a run
    may go on elsewhere."""
    model.card["data"] = {
        "examples": dict(zip(("training", "validation", "held_out"), parts.sizes, strict=True)),
        "columns": list(dataset.columns),
        "notes": list(dataset.triage.notes),
        "pairs": isinstance(dataset, PairedDataset),
        **({"scales": dataset.scales} if dataset.scales else {}),
    }
    model.card["training"] = {
        **config.as_dict(), **plan, "seconds": round(history.seconds, 1), "remarks": history.remarks,
    }  # fmt: skip
    usual = asdict(FitSettings())
    model.card["about"] |= {
        "date": date.today().isoformat(),
        "command": command,
        "machine": machine,
        "given": sorted(name for name, value in asdict(chosen).items() if value != usual[name]),
    }
    if judgement is not None:
        model.card["scores"] = {
            "metric": judgement.metric,
            "verdict": judgement.verdict.sentence("en"),
            "held_out": {
                "model": float(judgement.network.scores.mean()),
                **{name: float(scored.scores.mean()) for name, scored in judgement.alternatives.items()},
            },
            "intervals": held_out_intervals(judgement, seed=config.seed),
        }


def _silent(event: dict[str, Any]) -> None:
    """No progress wanted."""
