"""`narrows compare`: every kind that can work on some data, at one code size and one training time, with PCA beside.

Each kind is fitted by `fit` itself into a folder of its own, so that an interrupted comparison goes on: finished kinds
are kept with their numbers, the one that was stopped resumes from its run. A kind whose code is narrowed by how much
of it is active gets a wider code, so that as many values are active as the others have.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from narrows._errors import BadOption, BadRun, NarrowsError, TrainingFailed, UnknownName, WouldOverwrite
from narrows._files import make_folder, write_atomically
from narrows._fit import REPORT, fit, parse_settings
from narrows._registry import kinds as registry
from narrows.data.labels import read_labels, without_labels
from narrows.data.reading import Dataset, read
from narrows.data.splits import content_hash
from narrows.measuring.comparing import MOST_JUDGED, Bench, Row
from narrows.measuring.frechet import Quality
from narrows.measuring.intervals import Interval, numbered
from narrows.measuring.purposes import Purpose, purposes
from narrows.model.build import make
from narrows.model.folder import CARD, README, WEIGHTS, load
from narrows.model.standardise import Standardise
from narrows.pages.compared import ComparedPage, write_compared_page
from narrows.training.runs import Run

PAGE, _ROW, _NUMBERS = "comparison.html", "row.json", "row.npz"
_TRAINING_SHARE = 0.8
"""Of the minutes; the others are for measuring."""
_MOST_FOR_BASELINES, _MOST_VALUES = 60_000, 1 << 27
"""Examples that PCA and the mean are fitted on, and values of them in memory (half a gigabyte)."""
_WIDEST = 16
"""Times the code size, up to which a code of few active values is widened."""
_INTERVALS = {field.name for field in dataclasses.fields(Row) if "Interval" in str(field.type)}
_TENSORS = ("errors", "wrong", "shown")
Progress = Callable[[dict[str, Any]], None]


class Compared(NamedTuple):
    """What `compare` gives."""

    rows: list[Row]
    """Every kind, the smallest error first, then PCA and the mean."""
    purposes: list[Purpose]
    left_out: list[tuple[str, str]]
    """(kind, reason) of what cannot work on these data."""
    code_size: int
    seconds_each: float
    """Training time that each kind was given."""
    reference: Quality | None
    """How near real training examples come to the held-out ones in the same feature space."""
    page: Path


def compare(
    data: Any,
    *,
    out: str | Path,
    kinds: str | Sequence[str] = "all",
    minutes: float = 20.0,
    code_size: int | None = None,
    labels: str | None = None,
    force: bool = False,
    lang: str = "en",
    command: str = "",
    progress: Progress | None = None,
    **settings: Any,
) -> Compared:
    """Fit and judge kinds side by side; `out` gets a page, and a folder with model and report for each kind.

    `minutes` are shared evenly by the kinds. `labels` ("folders", a file, or a column of the CSV) only score, and a
    column of that name is left out of what is learned from. `settings` are those of `fit`. Called again after an
    interruption it goes on.

    Example: `narrows.compare("digits/", out="digits-compared", code_size=32, minutes=10, labels="folders")`.
    Raises BadData, BadOption, UnknownName, BadRun, WouldOverwrite, CannotWrite, RunStopped.
    """
    for name in ("kind", "epochs", "steps", "task", "begin_with", "held_out", "validation"):
        if settings.get(name) is not None:
            raise BadOption(f"{name} came; compare decides it, so leave it out")
    if not minutes > 0:
        raise BadOption(f"minutes={minutes}; it takes a number above 0")
    settings = {name: value for name, value in settings.items() if value is not None}
    chosen, config = parse_settings({**settings, "minutes": minutes})
    dataset, known = _read(data, labels, chosen)
    size = code_size or make(shape=dataset.shape, seed=config.seed).code_size or 1
    fits, left_out = _able(dataset, kinds, size, settings)
    if not fits:
        raise BadOption(f"none of the kinds can work on these data: {'; '.join(why for _, why in left_out[:3])}")
    each = _TRAINING_SHARE * minutes / len(fits)
    job = {
        "data": content_hash("".join(sorted(dataset.keys)).encode()), "code_size": size, "kinds": fits,
        "minutes": minutes, "labels": labels, "settings": {k: str(v) for k, v in sorted(settings.items())},
    }  # fmt: skip
    bench = _bench(dataset, known, config.seed)  # a refusal leaves the folder as it was
    folder = Path(out)
    with Run.open(folder / "run") as run:
        _hold_to_the_same_job(run, folder, job, force)
        rows = []
        for number, (name, width) in enumerate(fits.items(), 1):
            if progress:
                progress({"event": "kind", "kind": name, "number": number, "of": len(fits)})
            try:
                rows.append(_row(folder / name, name, width, dataset, bench, each, settings, progress))
            except TrainingFailed as error:  # the others are compared all the same
                left_out.append((name, str(error)))
        if not rows:
            raise TrainingFailed("; ".join(f"{name}: {why}" for name, why in left_out[:3]))
        pca, mean = _saved_pca(folder, bench, size)
        rows = sorted((bench.against(row, pca) for row in rows), key=lambda row: row.error.value)
        rows += [bench.against(pca, pca), bench.against(mean, pca)]
        found = purposes(rows, seed=config.seed, groups=bench.groups, labelled_groups=bench.labelled_groups)
        reference = bench.reference if bench.drawn >= 4 else None
        page = ComparedPage(
            rows, found, left_out, size, 60 * each, reference, len(bench.judged), dataset.form, command,
            bench.judged[: len(pca.shown[0]) if pca.shown is not None else 0],
        )  # fmt: skip
        path = write_compared_page(folder / PAGE, page, lang=lang)
        run.begin({"job": job, "done": True})
    return Compared(rows, found, left_out, size, 60 * each, reference, path)


def _read(data: Any, labels: str | None, chosen: Any) -> tuple[Dataset, list[str | None] | None]:
    """The examples without what labels them, and the labels. Grids learn from whole pictures here, as all others."""
    shape = None if chosen.size is None else (chosen.channels or 1, *chosen.size)
    dataset = read(data, shape=shape, channels=chosen.channels, group_by=chosen.group_by)
    known = None
    if labels is not None:
        known = read_labels(labels, data, dataset, to_learn=True)
        dataset = without_labels(dataset, labels)
    return dataclasses.replace(dataset, photos=()), known


def _able(
    dataset: Dataset, kinds: str | Sequence[str], size: int, settings: dict[str, Any]
) -> tuple[dict[str, int | None], list[tuple[str, str]]]:
    """Kinds with the code size that each gets (None: its own, for grids), and those that cannot, with the reason."""
    asked = list(registry) if kinds == "all" else kinds.split(",") if isinstance(kinds, str) else list(kinds)
    for name in asked:
        if name not in registry:
            raise UnknownName.of("kind", name, registry, see="narrows kinds")
    fits: dict[str, int | None] = {}
    left_out = []
    for name in asked:
        if "code" not in registry[name].gives:
            left_out.append((name, "it has no code"))
            continue
        try:
            fits[name] = _width(name, dataset.shape, size, settings)
        except NarrowsError as error:
            left_out.append((name, str(error)))
    return fits, left_out


def _width(name: str, shape: tuple[int, ...], size: int, settings: dict[str, Any]) -> int | None:
    """The code size at which a kind's codes hold `size` values that are not 0. Raises what `make` raises."""
    net = {key: settings[key] for key in ("architecture", "n_layers", "n_nodes", "options") if key in settings}
    loss = settings.get("loss", "auto")
    net |= {} if loss == "auto" else {"loss": loss}
    if "grid" in registry[name].needs:
        make(shape=shape, kind=name, **net)
        return None
    best, most = size, make(shape=shape, kind=name, code_size=size, **net).code_values or size
    for times in (2, 4, 8, _WIDEST):
        if most >= size or not registry[name].may_be_wider:
            break
        held = make(shape=shape, kind=name, code_size=times * size, **net).code_values or 0
        if held > most:
            best, most = times * size, held
    return best


def _bench(dataset: Dataset, known: list[str | None] | None, seed: int) -> Bench:
    learning, judging, _ = dataset.split((0.1, 0.05))
    standardise = None
    if dataset.form == "table":  # by all that is learned from, as every kind's model is
        standardise = Standardise(*dataset.shape)
        standardise.learn(dataset.source.take(learning))
    learning = learning[torch.randperm(len(learning), generator=torch.Generator().manual_seed(seed))]
    most = _MOST_VALUES // math.prod(dataset.shape)
    learning, judging = learning[: min(_MOST_FOR_BASELINES, most)], judging[: min(MOST_JUDGED, most)]

    def labels_of(side: Tensor) -> list[str | None]:
        return [] if known is None else [known[at] for at in side.tolist()]

    labels = None if known is None else (labels_of(learning), labels_of(judging))
    learned, judged = (dataset.source.take(side) for side in (learning, judging))
    owners = dataset.owners
    groups = numbered([owners[at] for at in judging.tolist()])
    return Bench(learned, judged, labels, standardise=standardise, groups=groups, seed=seed)


def _row(
    folder: Path, name: str, width: int | None, dataset: Dataset, bench: Bench, minutes: float,
    settings: dict[str, Any], progress: Progress | None,
) -> Row:  # fmt: skip
    """A kind's numbers: kept ones, or measured on its model, which is fitted where there is none."""
    kept = _kept(folder)
    if kept is not None:
        return kept
    if not (folder / WEIGHTS).exists():
        fit(dataset, kind=name, code_size=width, minutes=minutes, out=folder, progress=progress, twin=False, **settings)
    row = bench.of_model(name, load(folder), minutes=minutes)
    _keep(row, folder)
    return row


def _saved_pca(folder: Path, bench: Bench, size: int) -> tuple[Row, Row]:
    kept = _kept(folder / "PCA"), _kept(folder / "mean")
    if kept[0] is not None and kept[1] is not None:
        return kept[0], kept[1]
    found = bench.of_pca(size)
    for row in found:
        _keep(row, folder / row.name)
    return found


def _keep(row: Row, folder: Path) -> None:
    make_folder(folder)
    tensors = {name: getattr(row, name).numpy() for name in _TENSORS if getattr(row, name) is not None}
    with open(folder / _NUMBERS, "wb") as file:
        np.savez(file, **tensors)
    write_atomically(folder / _ROW, json.dumps(as_dict(row), ensure_ascii=False).encode())


def _kept(folder: Path) -> Row | None:
    try:
        values = json.loads((folder / _ROW).read_text(encoding="utf-8"))
        with np.load(folder / _NUMBERS, allow_pickle=False) as found:
            tensors = {name: torch.from_numpy(found[name]) for name in found.files}
        values |= {k: Interval(**v) for k, v in values.items() if k in _INTERVALS and v is not None}
        return Row(**values, **{name: tensors.get(name) for name in _TENSORS})  # type: ignore[arg-type]
    except (OSError, ValueError, TypeError, KeyError):
        return None  # not there, or cut short: measured again


def as_dict(row: Row) -> dict[str, Any]:
    """A row's numbers in plain values, for JSON; single examples left out."""
    found = {field.name: getattr(row, field.name) for field in dataclasses.fields(row) if field.name not in _TENSORS}
    return {name: value._asdict() if isinstance(value, Interval) else value for name, value in found.items()}


def _hold_to_the_same_job(run: Run, folder: Path, job: dict[str, Any], force: bool) -> None:
    """Go on with the same comparison only; `force` begins anew where it is another, or has ended."""
    job = json.loads(json.dumps(job))
    try:
        stored = run.plan
    except BadRun:  # damaged, or of another version
        if not force:
            raise
        stored = {}
    if stored is not None and stored.get("job") == job and not stored.get("done"):
        return
    if stored is not None and not force:
        if stored.get("job") != job:
            before = stored.get("job", {})
            other = next(name for name in job if before.get(name) != job[name])
            raise BadRun(
                f"{folder} is another comparison (its {other} is not the same); repeat the same command to go on, "
                f"begin anew with --force, or take another --out"
            )
        raise WouldOverwrite(f"{folder} holds a finished comparison; choose another --out, or replace it with --force")
    if stored is not None:
        for name in (*job["kinds"], *stored.get("job", {}).get("kinds", {}), "PCA", "mean"):
            for part in (_ROW, _NUMBERS, WEIGHTS, CARD, README, REPORT):
                (folder / name / part).unlink(missing_ok=True)
            if (folder / name / "run").is_dir():
                with Run.open(folder / name / "run") as one:
                    one.clear()
    run.begin({"job": job})
