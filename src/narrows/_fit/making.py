"""The model of a fit: made, taught what its pictures look like, begun with another's weights, and trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from narrows._contract import Batch, DataFacts, Pairs, Step
from narrows._errors import BadOption, BadPairing
from narrows._fit.parts import Parts, middle
from narrows._fit.settings import TWIN, FitSettings, refuse_for_tables
from narrows._registry import kinds, tasks
from narrows.data.augment import mirror, mirror_pairs, move, move_pairs
from narrows.data.pairs import PairedDataset
from narrows.data.reading import Dataset, read
from narrows.measuring.lessons import Lesson, lesson_for
from narrows.model.build import kind_for, make
from narrows.model.folder import load as load_model
from narrows.model.model import Model
from narrows.model.zoo import place_of
from narrows.nn.losses import choose_loss, get_loss, is_sigmoid
from narrows.training.config import TrainingConfig
from narrows.training.loop import History, Supply, train
from narrows.training.runs import Run
from narrows.training.seeds import generator

_MOST_LOOKED_AT = 16
"""Pictures on which noise and other damage are measured."""
_PATCHES_A_STEP = 16
"""Unless said otherwise: with 128 patches a step and an eighth of the steps a stack was restored 1.5 dB worse."""
_RESTORING_RATE = 1e-3
"""Highest learning rate of nets that add to their input: at 2e-3 a colour denoiser went off (docs/log.md)."""


def make_model(dataset: Dataset, chosen: FitSettings, config: TrainingConfig) -> Model:
    """The model, with the loss chosen from the data where `auto` was asked for. Raises BadOption, BadPairing,
    BadModelFile, UnknownName."""
    if dataset.form == "table":
        refuse_for_tables(chosen)
    loss, why = chosen.loss, None
    target_shape = dataset.target_shape if isinstance(dataset, PairedDataset) else None
    if loss == "auto" and dataset.form == "table":
        loss, why = "mse", "the cells are standardised"
    elif loss == "auto":
        source = dataset.targets if isinstance(dataset, PairedDataset) else dataset.source
        kind = kind_for(chosen.task, chosen.kind, chosen.architecture, chosen.code_size, dataset.shape, target_shape)
        loss, why = choose_loss(source.take(torch.arange(min(256, len(source)))), kinds[kind].link)
    model = make(
        shape=dataset.shape,
        target_shape=target_shape,
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
    if "whole" in model.autoencoder.needs and model.task.metric == "mse":
        raise BadPairing(
            f"{model.kind} gives back all that it is shown, so {chosen.task} has nothing to learn: --kind "
            f"undercomplete, or a task that damages its pictures, such as --task denoise"
        )
    if why:
        model.card["about"]["reasons"]["loss"] = why
    if chosen.begin_with is not None:
        _take_weights(model, chosen.begin_with)
    return model


def find_lesson(dataset: Dataset, chosen: FitSettings, config: TrainingConfig) -> Lesson:
    """How the task is to learn from these pictures: as the user says, else by what they look like. Raises BadOption."""

    def look(of: Dataset, channels: int) -> Callable[[], list[Tensor]]:
        def some() -> list[Tensor]:
            order = torch.randperm(len(of.keys), generator=generator(config.seed, "damage"))[:_MOST_LOOKED_AT]
            if of.photos:
                return [middle(of.photos[i], channels) for i in order.tolist()]
            return list(of.source.take(order))

        return some

    if isinstance(dataset, PairedDataset):
        if chosen.learn_from is not None or chosen.like is not None:
            raise BadOption("pairs show both sides themselves: leave out --learn-from and --like")
        return Lesson({})
    if dataset.form != "picture":
        return Lesson({})
    channels = dataset.shape[0]
    of_one_size = chosen.code_size is not None or (chosen.kind is not None and "whole" not in kinds[chosen.kind].needs)
    return lesson_for(
        chosen.task,
        tasks[chosen.task],
        asked=chosen.learn_from or chosen.options.get("learn_from"),
        like=None if chosen.like is None else look(read(chosen.like, to_learn=False), channels),
        look=look(dataset, channels),
        any_size=not of_one_size and chosen.architecture is None,
        seeks="level" not in chosen.options,
    )


def teach(model: Model, lesson: Lesson) -> None:
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
    """The autoencoder's weights from another model of the same kind, net and sizes. Options that change what is learned
    and not the weights (beta, how many samples) may be others. Raises BadPairing, BadModelFile."""
    other = load_model(place_of(place))
    for part in ("kind", "architecture", "shape", "target_shape"):
        asked, its = model.card.get(part), other.card.get(part)
        options_only = part in ("kind", "architecture") and model.card[part]["name"] == other.card[part]["name"]
        if options_only and _shapes(model) == _shapes(other):
            continue
        of_any_size = part == "shape" and model.any_size and model.shape[0] == other.shape[0]
        if asked != its and not of_any_size:
            raise BadPairing(
                f"training cannot begin with {place}: its {part} is {its}, and {asked} was asked for; ask for the "
                f"same, or leave out --from"
            )
    kept = tuple(f"{name}." for name in model.autoencoder.training_only)  # not in the file: these begin anew
    mine = {name: value for name, value in model.autoencoder.state_dict().items() if name.startswith(kept or ("\0",))}
    theirs = _fitted_to(other.autoencoder.state_dict(), model.autoencoder.state_dict())
    model.autoencoder.load_state_dict(mine | theirs)
    # A decoder says nothing without its link; before `clamp` it was another.
    model.autoencoder.loss = get_loss(model.card["loss"], other.card["link"])
    model.card["link"] = model.autoencoder.loss.link.name


def _shapes(model: Model) -> dict[str, tuple[int, ...]]:
    return {name: tuple(value.shape) for name, value in model.autoencoder.state_dict().items()}


def _fitted_to(theirs: dict[str, Tensor], wanted: dict[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a net that had fewer or more channels beside the picture (a noise level, a mask): what both have is
    taken, channels that are new begin without influence, and channels that are gone are left behind."""
    fitted = {}
    for name, value in theirs.items():
        like = wanted.get(name, value)
        if value.shape != like.shape:
            # These channels come last, also among the values of a fully connected layer.
            both = tuple(slice(min(sides)) for sides in zip(value.shape, like.shape, strict=True))
            grown = torch.zeros_like(like)
            grown[both] = value[both]
            value = grown
        fitted[name] = value
    return fitted


def train_model(
    model: Model,
    parts: Parts,
    chosen: FitSettings,
    config: TrainingConfig,
    run: Run | None,
    progress: Callable[[dict[str, Any]], None],
) -> tuple[History, dict[str, Any]]:
    """The one loop, over this model and these sources, whose pictures are moved as `chosen` says (None: not)."""
    rows = len(parts.training)
    if "whole" in model.autoencoder.needs:
        size = config.batch_size or (_PATCHES_A_STEP if parts.by_patches else None)
        config = replace(config, batch_size=size, learning_rate=config.learning_rate or _RESTORING_RATE)

    shift, mirrored = chosen.shift or 0, bool(chosen.mirror)

    def supply(source: Any) -> Supply:
        def batch(examples: Any, step: Step) -> Batch:
            if isinstance(examples, Pairs):
                examples = move_pairs(examples, shift, step.generator)
                examples = mirror_pairs(examples, step.generator) if mirrored else examples
            elif model.form == "picture":
                examples = move(examples, shift, step.generator)
                examples = mirror(examples, step.generator) if mirrored else examples
            return model.batch(examples, step)

        def take(indices: Tensor, step: Step) -> Any:
            return source.take(indices, step.generator)

        return Supply(len(source), batch, take)

    def validation(source: Any) -> Supply:
        # Patches of validation photographs are drawn once and for all: (photo, patch) names the same pixels always.
        fixed = source.take(torch.arange(len(source)), generator(config.seed, "validation patches"))
        return Supply(len(fixed), model.batch, lambda indices, step: fixed[indices])

    def facts() -> DataFacts:
        random = generator(config.seed, "facts")
        some = parts.training.take(torch.randperm(rows, generator=random)[: model.told_of], random)
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
    return outcome.history, outcome.plan._asdict() | {
        "best_step": outcome.best_step, "learning_rate": config.rate, "shift": shift, "mirror": mirrored,
    }  # fmt: skip


def train_twin(
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
    loss = "mse" if chosen.loss != "auto" and is_sigmoid(chosen.loss) else chosen.loss
    plain = replace(
        chosen, kind=None, architecture=None, code_size=None, n_layers=None, n_nodes=None, begin_with=None, loss=loss
    )
    twin = make_model(dataset, plain, config)
    teach(twin, lesson)
    budget = replace(config, minutes=max(seconds, 1.0) / 60, epochs=None, steps=None)
    if run is None:
        train_model(twin, parts, plain, budget, None, progress)
        return twin
    with Run.open(run.folder / TWIN, writes=run.writes) as beside:
        train_model(twin, parts, plain, budget, beside, progress)
    return twin
