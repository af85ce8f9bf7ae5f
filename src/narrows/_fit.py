"""The main job: data in, a model folder with its report out.

The steps stand in the order in which they happen: read, split, make, train, judge, write. Each is somebody else's
room; this file only hands things on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from narrows import _device
from narrows._contract import AbstractTask, Batch, DataFacts, Pairs, Step
from narrows._errors import BadData, BadOption, BadPairing, BadRun, UnknownName, WouldOverwrite, refuse_other_types
from narrows._registry import tasks
from narrows.data.augment import mirror, mirror_pairs, move, move_pairs
from narrows.data.fitting import convert_channels
from narrows.data.images import open_photo
from narrows.data.pairs import PairedDataset, PairPatches, PairSource, middle_pair, read_pairs
from narrows.data.reading import Dataset, read
from narrows.data.sources import PatchSource, Subset
from narrows.data.splits import content_hash, split
from narrows.measuring.judge import Judgement, held_out_intervals, judge
from narrows.measuring.lessons import Lesson, lesson_for
from narrows.model.build import make
from narrows.model.folder import WEIGHTS, save
from narrows.model.folder import load as load_model
from narrows.model.model import Model
from narrows.model.zoo import place_of
from narrows.nn.losses import choose_loss
from narrows.pages.fitted import readme, write_fit_report
from narrows.training.config import TrainingConfig
from narrows.training.loop import History, Supply, train
from narrows.training.runs import Run
from narrows.training.seeds import generator
from narrows.using.loaded import LoadedModel

_DEFAULT_MINUTES = 5.0
_LARGEST_WHOLE = 64
"""Pictures with sides up to this are learned from whole, also by nets of any size."""
_JUDGED_SIDE = 320
"""Nets of any size are judged on the middle of held-out photographs, up to so many pixels a side."""
_MOST_JUDGED, _MOST_PHOTOS_JUDGED, _MOST_VALIDATED = 10_000, 100, 1_000
_RESIZED = "are resized to"
"""In the remark of `data.reading` on pictures of other sizes."""
_MOST_FOR_BASELINES, _MOST_PATCHES_FOR_BASELINES = 60_000, 2_000
_MOST_LOOKED_AT = 16
"""Pictures on which noise and other damage are measured."""
_TWIN = "direct"
"""Folder, in the run's, of the twin's run."""
_VALIDATED_PATCHES = 8
"""Patches of each validation photograph."""
_FOR_PAIRS = "relate"
"""The task where pairs come and no task is named."""


@dataclass(frozen=True, kw_only=True)
class FitSettings:
    """What is fitted, beside how it is trained: options of `narrows fit`, stored with the run."""

    task: str = "reconstruct"
    """What is learned: `narrows tasks` lists them."""
    kind: str | None = None
    """What the code is and what the loss adds: `narrows kinds` lists them; None takes what suits the task."""
    architecture: str | None = None
    """The family of nets: `narrows kinds` lists them; None takes what suits the size of the examples."""
    code_size: int | None = None
    """Values in the code: too few lose what matters, too many learn by heart. None: a 25th of the input's."""
    n_layers: int | None = None
    """Layers with weights on the way to the code, the last giving it; the decoder mirrors them."""
    n_nodes: int | tuple[int, ...] | None = None
    """Nodes (channels, for convolutions) of the first layer, or of each, as in 512,256,128."""
    loss: str = "auto"
    """Reconstruction loss: mse, l1, bce, logistic, charbonnier, or auto: bce where the data are (near) binary, else
    mse."""
    held_out: float = 0.1
    """Share of the examples that is never learned from and only judges."""
    validation: float = 0.05
    """Share that is never learned from and says when to stop."""
    size: tuple[int, int] | None = None
    """Height and width that pictures are fitted to; None takes theirs, 64 at most."""
    channels: int | None = None
    """1 for grey, 3 for colour; None takes theirs."""
    patch: int = 64
    """Pixels of a side of the patches of photographs that nets of any size learn from."""
    shift: int = 0
    """Training pictures are moved by up to so many pixels each way, at random."""
    mirror: bool = False
    """Half of the training pictures, at random, have left and right exchanged."""
    group_by: str | None = None
    """"folder", or a pattern in the path: examples of one group stay on one side of the split."""
    check_pairs: bool = True
    """Refuse pairs that look unrelated; switch it off where you know that they belong together."""
    twin: bool = True
    """Where a task is done through a code, also train the `direct` net for as long, to stand beside it."""
    learn_from: str | None = None
    """What the pictures are: clean; or noisy, and then how they are used: recorrupted (noise of one strength, which is
    measured), neighbours, blind_spots. None looks at them. For `--task denoise`."""
    like: str | None = None
    """A folder of damaged pictures: clean ones are damaged like these, as measured on them."""
    begin_with: str | None = None
    """A model folder, or the name of a shipped model, whose weights training begins with: the same kind, net and
    picture size."""
    options: dict[str, Any] = field(default_factory=dict)
    """By name, for the kind, the task or the architecture."""

    def __post_init__(self) -> None:
        refuse_other_types(self)
        for name in ("held_out", "validation"):
            if not 0 <= getattr(self, name) < 0.9:
                raise BadOption(f"{name}={getattr(self, name)}; it takes a share from 0 to below 0.9, such as 0.1")
        if not 0 <= self.shift <= 64:
            raise BadOption(f"shift={self.shift}; pictures are moved by 0 to 64 pixels, such as --shift 1")
        if not 8 <= self.patch <= 1024:
            raise BadOption(f"patch={self.patch}; sides are 8 to 1024 pixels, such as --patch 64")
        if self.channels not in (None, *range(1, 65)):
            raise BadOption(f"channels={self.channels}; it takes 1 (grey), 3 (colour), or up to 64")
        sides = self.size if isinstance(self.size, (tuple, list)) else (0,)
        if self.size is not None and not (len(sides) == 2 and all(side in range(1, 1025) for side in sides)):
            raise BadOption(f"size={self.size}; sides are 1 to 1024 pixels, such as --size 64x64")


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
    """Train an autoencoder on a folder, file, array or list of pictures, and judge it beside the simple alternative.

    `pairs`, instead of `data`, are two folders whose pictures have the same names, or two arrays or lists: the second
    holds what becomes of the first. Tasks that can learn from them instead of damage that they do themselves; without
    a task it is `relate`.
    `settings` are the fields of `FitSettings` (task, kind, architecture, code_size, n_layers, n_nodes, loss, ...) and
    of `TrainingConfig` (minutes, epochs, steps, seed, batch_size, ...). The budget is 5 minutes unless said.
    With `out`, the folder gets the model, its report and the run, with which the same call goes on after any
    interruption; without it nothing is written.

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
    if out is None:
        return _fit(data, chosen, config, None, None, force, lang, command, progress or _silent)
    folder = Path(out)
    if (folder / WEIGHTS).exists() and not force:
        raise WouldOverwrite(
            f"{folder} holds a finished model; choose another --out, or replace it with --force (its run then begins "
            f"anew)"
        )
    with Run.open(folder / "run") as run:
        return _fit(data, chosen, config, folder, run, force, lang, command, progress or _silent)


class _Two(NamedTuple):
    """Pairs as they came."""

    before: Any
    after: Any


def _two(pairs: Any) -> tuple[Any, Any]:
    if not isinstance(pairs, (tuple, list)) or len(pairs) != 2:
        raise BadData(f"pairs={pairs!r:.80}; pairs are two places, arrays or lists: pairs=(before, after)")
    return pairs[0], pairs[1]


def parse_settings(given: dict[str, Any]) -> tuple[FitSettings, TrainingConfig]:
    """Sort options by the dataclass that has them; None means the default. Raises UnknownName, BadOption."""
    fields = {cls: set(cls.__dataclass_fields__) for cls in (FitSettings, TrainingConfig)}
    known = set().union(*fields.values())
    for name in given:
        if name not in known:
            raise UnknownName.of("setting", name, known)
    given = {name: value for name, value in given.items() if value is not None}
    if not {"minutes", "epochs", "steps"} & given.keys():
        given["minutes"] = _DEFAULT_MINUTES
    return (
        FitSettings(**{name: value for name, value in given.items() if name in fields[FitSettings]}),
        TrainingConfig(**{name: value for name, value in given.items() if name in fields[TrainingConfig]}),
    )


class Parts(NamedTuple):
    """The three sides of the split, and examples for what each is for. Pairs are single ones."""

    training: Any
    """`Source`, or a source of pairs."""
    validation: Any
    """The same, or None."""
    fits: list[Any]
    """Training examples that the simple alternatives are fitted on: Tensor, or Pairs."""
    learned: list[Any]
    """Some training examples, to measure the gap by."""
    judged: list[Any]
    """Held-out examples."""
    names: list[str]
    """Of the held-out examples."""
    sizes: tuple[int, int, int]
    """Examples (photographs, for patches) to learn from, to stop by, to judge by."""


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
    dataset = _read(data, chosen)
    lesson = _lesson(dataset, chosen, config)
    asked, chosen = chosen, replace(chosen, options=chosen.options | lesson.options)
    model = _make(dataset, chosen, config)
    _teach(model, lesson)
    parts = _parts(dataset, chosen, model, config.seed)
    if isinstance(parts.training, (PatchSource, PairPatches)):
        dataset = _as_photographs(dataset)
    if run is not None:  # only now that nothing can be refused any more: a refusal leaves the folder as it was
        _hold_to_the_same_job(run, dataset, asked, config, force)
    history, plan = _train(model, parts, chosen, config, run, progress)
    twin = None
    alike = model.target_shape == model.shape
    if model.task.kind == "direct" and model.code_size is not None and alike and chosen.twin and parts.judged:
        twin = _train_twin(dataset, chosen, config, lesson, parts, history.seconds, run, progress)
    progress({"event": "judging"})
    judgement = None
    if parts.judged and model.task.has_truth:
        judgement = judge(model, parts.fits, parts.learned, parts.judged, seed=config.seed, twin=twin)
    _complete_card(model, dataset, parts, chosen, config, plan, history, judgement, command)
    report = None
    if folder is not None:
        save(model, folder, readme=readme(model), force=True)
        report = write_fit_report(
            folder / "report.html", model, dataset, parts, history, judgement, lang=lang, command=command
        )
    if run is not None:
        run.begin({**(run.plan or {}), "done": True})
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


def _hold_to_the_same_job(run: Run, dataset: Dataset, chosen: FitSettings, config: TrainingConfig, force: bool) -> None:
    """A run goes on only with the data and settings that it began with. `force` begins anew where it cannot go on or
    has ended; one that was stopped goes on, or the same command with --force would begin anew each time."""
    job = {
        "data": content_hash("".join(sorted(dataset.keys)).encode()),
        "fit": asdict(chosen),
        "training": config.as_dict(),
    }
    job = json.loads(json.dumps(job))
    stored = _plan_unless_done(run, job) if force else run.plan
    if stored is None:
        run.begin({"job": job})
        return
    before = stored.get("job", {})
    if before.get("data") != job["data"]:
        raise BadRun(
            f"{run.folder} is the run of other data (files were added, removed or changed since); begin anew with "
            f"--force, or take another --out"
        )
    for part in ("fit", "training"):
        for name, value in job[part].items():
            if before.get(part, {}).get(name) != value:
                raise BadRun(
                    f"{run.folder} began with {name}={before.get(part, {}).get(name)!r}; {value!r} came now: repeat "
                    f"the same command to go on, begin anew with --force, or take another --out"
                )


def _plan_unless_done(run: Run, job: dict[str, Any]) -> dict[str, Any] | None:
    """The plan of the same job, stopped on its way; else None, and the run is forgotten."""
    try:
        stored = run.plan
    except BadRun:  # damaged
        stored = None
    if stored is not None and stored.get("job") == job and not stored.get("done"):
        return stored
    run.clear()
    twin = run.folder / _TWIN
    if twin.is_dir():
        with Run.open(twin) as beside:
            beside.clear()
    return None


def _make(dataset: Dataset, chosen: FitSettings, config: TrainingConfig) -> Model:
    """The model, with the loss chosen from the data where `auto` was asked for."""
    loss, why = chosen.loss, None
    if loss == "auto":
        source = dataset.targets if isinstance(dataset, PairedDataset) else dataset.source
        sample = source.take(torch.arange(min(256, len(source))))
        loss, why = choose_loss(sample) if dataset.form == "picture" else ("mse", "the cells are standardised")
    model = make(
        shape=dataset.shape,
        target_shape=dataset.target_shape if isinstance(dataset, PairedDataset) else None,
        kind=chosen.kind,
        architecture=chosen.architecture,
        task=chosen.task,
        code_size=chosen.code_size,
        n_layers=chosen.n_layers,
        n_nodes=chosen.n_nodes,
        loss=loss,
        options=chosen.options,
        seed=config.seed,
    )
    if why:
        model.card["about"]["reasons"]["loss"] = why
    if chosen.begin_with is not None:
        _take_weights(model, chosen.begin_with)
    return model


def _lesson(dataset: Dataset, chosen: FitSettings, config: TrainingConfig) -> Lesson:
    """How the task is to learn from these pictures: as the user says, else by what they look like."""

    def look(of: Dataset, channels: int) -> Callable[[], list[Tensor]]:
        def some() -> list[Tensor]:
            order = torch.randperm(len(of.keys), generator=generator(config.seed, "damage"))[:_MOST_LOOKED_AT]
            if of.photos:
                return [_middle(of.photos[i], channels) for i in order.tolist()]
            return list(of.source.take(order))

        return some

    if isinstance(dataset, PairedDataset):
        if chosen.learn_from is not None or chosen.like is not None:
            raise BadOption("pairs show both sides themselves: leave out --learn-from and --like")
        return Lesson({})
    if dataset.form != "picture":
        return Lesson({})
    channels = dataset.shape[0]
    of_one_size = chosen.code_size is not None or chosen.kind not in (None, "direct")
    return lesson_for(
        chosen.task,
        tasks[chosen.task],
        asked=chosen.learn_from or chosen.options.get("learn_from"),
        like=None if chosen.like is None else look(read(chosen.like, to_learn=False), channels),
        look=look(dataset, channels),
        any_size=not of_one_size and chosen.architecture is None,
        seeks="level" not in chosen.options,
    )


def _teach(model: Model, lesson: Lesson) -> None:
    """What was measured, into the task; why it learns so, into the card. Raises BadPairing."""
    if lesson.options.get("learn_from") == "neighbours" and "vector" in model.autoencoder.needs:
        raise BadPairing(
            f"neighbours makes pictures of half the size, and {model.kind} with a code of one size takes no others: "
            f"--learn-from blind_spots"
        )
    if lesson.traces is not None:
        model.task.learn(lesson.traces)
    if lesson.reason is not None:
        model.card["about"]["reasons"]["learn_from"] = lesson.reason


def _take_weights(model: Model, place: str) -> None:
    """The autoencoder's weights from another model of the same kind and net. Raises BadPairing, BadModelFile."""
    other = load_model(place_of(place))
    for part in ("kind", "architecture", "shape", "target_shape"):
        if model.card.get(part) != other.card.get(part) and not (part == "shape" and model.net_facts.any_size):
            raise BadPairing(
                f"training cannot begin with {place}: its {part} is {other.card.get(part)}, and {model.card.get(part)} "
                f"was asked for; ask for the same, or leave out --from"
            )
    kept = tuple(f"{name}." for name in model.autoencoder.training_only)  # not in the file: these begin anew
    mine = {name: value for name, value in model.autoencoder.state_dict().items() if name.startswith(kept or ("\0",))}
    theirs = _fitted_to(other.autoencoder.state_dict(), model.autoencoder.state_dict())
    model.autoencoder.load_state_dict(mine | theirs)


def _fitted_to(theirs: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a net that had fewer or more channels beside the picture (a noise level, a mask): what both have is
    taken, channels that are new begin without influence, and channels that are gone are left behind."""
    fitted = {}
    for name, value in theirs.items():
        like = wanted.get(name, value)
        if value.dim() == like.dim() == 4 and value.shape[:1] + value.shape[2:] == like.shape[:1] + like.shape[2:]:
            both = min(value.shape[1], like.shape[1])
            grown = torch.zeros_like(like)
            grown[:, :both] = value[:, :both]
            value = grown
        fitted[name] = value
    return fitted


def _parts(dataset: Dataset, chosen: FitSettings, model: Model, seed: int) -> Parts:
    """Split, and look at the training side where the model needs to."""
    training, held_out, validation = split(dataset.keys, (chosen.held_out, chosen.validation), groups=dataset.groups)
    side = max(dataset.shape[1:], default=0)
    by_patches = "vector" not in model.autoencoder.needs and dataset.photos and (
        side >= _LARGEST_WHOLE or (chosen.size is None and _differ_in_size(dataset))
    )  # fmt: skip
    names = [dataset.names[i] for i in held_out.tolist()]
    if by_patches and isinstance(dataset, PairedDataset):
        look = _look_of(model.task)
        return _paired_patches(dataset, (training, validation, held_out), names, model.shape[0], chosen.patch, look)
    if by_patches:
        codes = model.task.metric == "mse"
        return _patches(dataset, training, validation, held_out, names, model.shape[0], chosen.patch, codes, seed)
    source: Any = dataset.source
    if isinstance(dataset, PairedDataset):
        source = PairSource(dataset.source, dataset.targets, _look_of(model.task))
    if model.standardise is not None:
        model.standardise.learn(dataset.source.take(training))
    order = torch.randperm(len(training), generator=generator(seed, "some"))
    some = training[order[: min(len(order), max(256, len(held_out)))]][:_MOST_JUDGED]
    held_out = held_out[:_MOST_JUDGED]
    return Parts(
        Subset(source, training),
        Subset(source, validation[:_MOST_VALIDATED]) if len(validation) else None,
        _each(source, training[order[:_MOST_FOR_BASELINES]]) if len(held_out) else [],
        _each(source, some),
        _each(source, held_out) if len(held_out) else [],
        names[:_MOST_JUDGED],
        (len(training), len(validation), len(held_out)),
    )


def _each(source: Any, indices: Tensor) -> list[Any]:
    """One by one: tensors, or pairs of one."""
    found = source.take(indices)
    return [found[at : at + 1] for at in range(len(found))] if isinstance(found, Pairs) else list(found)


def _look_of(task: AbstractTask) -> Any:
    """The task's `look`, if it has one."""
    return None if type(task).look is AbstractTask.look else task.look


def _differ_in_size(dataset: Dataset) -> bool:
    return any(_RESIZED in note for note in dataset.triage.notes)


def _as_photographs(dataset: Dataset) -> Dataset:
    """The same without the remark that pictures are resized, for nets that take any size."""
    notes = tuple(note for note in dataset.triage.notes if _RESIZED not in note)
    return replace(dataset, triage=replace(dataset.triage, notes=notes))


def _patches(
    dataset: Dataset,
    training: Tensor,
    validation: Tensor,
    held_out: Tensor,
    names: list[str],
    channels: int,
    patch: int,
    codes: bool,
    seed: int,
) -> Parts:
    """Photographs for a net of any size: learned from in patches, judged on their middles. Where `codes` are judged,
    the middles are one patch, since PCA beside the net has one size."""

    def photos(indices: Tensor) -> list[Path]:
        return [dataset.photos[i] for i in indices.tolist()]

    def middles(indices: Tensor) -> list[Tensor]:
        paths = photos(indices[:_MOST_PHOTOS_JUDGED])
        if not codes or not paths:
            return [_middle(path, channels) for path in paths]
        return list(PatchSource(paths, patch, channels, per_photo=1).take(torch.arange(len(paths))))

    learned = PatchSource(photos(training), patch, channels)
    fits: list[Tensor] = []
    if codes and len(held_out):
        random = generator(seed, "patches for baselines")
        fits = list(learned.take(torch.randperm(len(learned), generator=random)[:_MOST_PATCHES_FOR_BASELINES], random))
    return Parts(
        learned,
        PatchSource(photos(validation), patch, channels, per_photo=_VALIDATED_PATCHES) if len(validation) else None,
        fits,
        middles(training[:24]),
        middles(held_out),
        names[:_MOST_PHOTOS_JUDGED],
        (len(training), len(validation), len(held_out)),
    )


def _paired_patches(
    dataset: PairedDataset, sides: tuple[Tensor, Tensor, Tensor], names: list[str], channels: int, patch: int, look: Any
) -> Parts:
    """The same for pairs: both of a pair are cut alike, and what `look` finds is of the whole photograph."""
    training, validation, held_out = (
        [(dataset.photos[i], dataset.partners[i]) for i in side.tolist()] for side in sides
    )  # fmt: skip

    def middles(photos: list[tuple[Path, Path]], most: int) -> list[Any]:
        return [middle_pair(both, channels, _JUDGED_SIDE, look) for both in photos[:most]]

    return Parts(
        PairPatches(training, patch, channels, look),
        PairPatches(validation, patch, channels, look, per_photo=_VALIDATED_PATCHES) if validation else None,
        [],
        middles(training, 24),
        middles(held_out, _MOST_PHOTOS_JUDGED),
        names[:_MOST_PHOTOS_JUDGED],
        (len(training), len(validation), len(held_out)),
    )


def _middle(path: Path, channels: int) -> Tensor:
    """C H W: the centre of a photograph, at most _JUDGED_SIDE pixels a side."""
    return convert_channels(open_photo(path).middle(_JUDGED_SIDE), channels)


def _train(
    model: Model,
    parts: Parts,
    chosen: FitSettings,
    config: TrainingConfig,
    run: Run | None,
    progress: Callable[[dict[str, Any]], None],
) -> tuple[History, dict[str, Any]]:
    """The one loop, over this model and these sources."""
    rows = len(parts.training)
    config = replace(config, batch_size=min(config.batch_size, rows))

    def supply(source: Any) -> Supply:
        def batch(indices: Tensor, step: Step) -> Batch:
            examples = source.take(indices, step.generator)
            if isinstance(examples, Pairs):
                examples = move_pairs(examples, chosen.shift, step.generator)
                examples = mirror_pairs(examples, step.generator) if chosen.mirror else examples
            elif model.form == "picture":
                examples = move(examples, chosen.shift, step.generator)
                examples = mirror(examples, step.generator) if chosen.mirror else examples
            return model.batch(examples, step)

        return Supply(len(source), batch)

    def validation(source: Any) -> Supply:
        # Patches of validation photographs are drawn once and for all: (photo, patch) names the same pixels always.
        fixed = source.take(torch.arange(len(source)), generator(config.seed, "validation patches"))
        return Supply(len(fixed), lambda indices, step: model.batch(fixed[indices], step))

    def facts() -> DataFacts:
        random = generator(config.seed, "facts")
        some = parts.training.take(torch.randperm(rows, generator=random)[:1024], random)
        found = model.facts(some, rows, Step(0, 1, rows, random))
        return found

    outcome = train(
        model.autoencoder,
        supply(parts.training),
        validation(parts.validation) if parts.validation is not None else None,
        config,
        facts=facts if chosen.begin_with is None else None,
        run=run,
        progress=progress,
    )
    return outcome.history, {**outcome.plan._asdict(), "best_step": outcome.best_step}


def _train_twin(
    dataset: Dataset,
    chosen: FitSettings,
    config: TrainingConfig,
    lesson: Lesson,
    parts: Parts,
    seconds: float,
    run: Run | None,
    progress: Callable[[dict[str, Any]], None],
) -> Model:
    """The task's `direct` net on the same data for the same time: what the code costs."""
    progress({"event": "twin"})
    plain = replace(chosen, kind=None, architecture=None, code_size=None, n_layers=None, n_nodes=None, begin_with=None)
    twin = _make(dataset, plain, config)
    _teach(twin, lesson)
    budget = replace(config, minutes=max(seconds, 1.0) / 60, epochs=None, steps=None)
    if run is None:
        _train(twin, parts, plain, budget, None, progress)
        return twin
    with Run.open(run.folder / _TWIN) as beside:
        _train(twin, parts, plain, budget, beside, progress)
    return twin


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
) -> None:
    """What was learned from, how, and how well: all of it travels with the model."""
    model.card["data"] = {
        "examples": dict(zip(("training", "validation", "held_out"), parts.sizes, strict=True)),
        "columns": list(dataset.columns),
        "notes": list(dataset.triage.notes),
        "pairs": isinstance(dataset, PairedDataset),
    }
    model.card["training"] = {
        **config.as_dict(), **plan, "seconds": round(history.seconds, 1), "remarks": history.remarks,
    }  # fmt: skip
    model.card["about"] |= {
        "date": date.today().isoformat(),
        "command": command,
        "machine": _device.describe(),
        "given": sorted(name for name, value in asdict(chosen).items() if value not in (None, "auto", {}, True)),
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
