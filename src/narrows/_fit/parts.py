"""What is learned from, stopped by and judged on: pictures of one size, rows, patches of photographs, or pairs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from narrows._contract import AbstractTask, Pairs
from narrows._fit.settings import FitSettings
from narrows.data.fitting import convert_channels
from narrows.data.pairs import PairedDataset, PairPatches, PairSource, middle_pair
from narrows.data.reading import Dataset
from narrows.data.sources import PatchSource, Subset, opened
from narrows.measuring.intervals import numbered
from narrows.model.model import Model
from narrows.training.seeds import generator

_LARGEST_WHOLE = 64
"""Pictures with sides up to this are learned from whole, also by nets of any size."""
_JUDGED_SIDE = 320
"""Nets of any size are judged on the middle of held-out photographs, up to so many pixels a side."""
_MOST_JUDGED, _MOST_PHOTOS_JUDGED, _MOST_VALIDATED = 10_000, 100, 1_000
_RESIZED = "are resized to"
"""In the remark of `data.reading` on pictures of other sizes."""
_MOST_FOR_BASELINES, _MOST_PATCHES_FOR_BASELINES = 60_000, 2_000
_VALIDATED_PATCHES = 8
"""Patches of each validation photograph."""


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
    groups: Tensor | None = None
    """The number of the group that each of `judged` is of; None where each is its own."""

    @property
    def by_patches(self) -> bool:
        """Whether patches of photographs are learned from, and not whole pictures."""
        return isinstance(self.training, (PatchSource, PairPatches))


def split_parts(dataset: Dataset, chosen: FitSettings, model: Model, seed: int) -> Parts:
    """Split, and look at the training side where the model needs to."""
    sides = dataset.split((chosen.held_out, chosen.validation))
    parts, owners = _parts_of(dataset, sides, chosen, model, seed), dataset.owners
    return parts._replace(groups=numbered([owners[i] for i in sides[1][: len(parts.judged)].tolist()]))


def _parts_of(dataset: Dataset, sides: tuple[Tensor, ...], chosen: FitSettings, model: Model, seed: int) -> Parts:
    training, held_out, validation = sides
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
    return any(size[1:] != dataset.shape[1:] for size in dataset.sizes)


def as_photographs(dataset: Dataset) -> Dataset:
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
            return [middle(path, channels) for path in paths]
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


def middle(path: Path, channels: int) -> Tensor:
    """C H W: the centre of a photograph, at most _JUDGED_SIDE pixels a side."""
    return convert_channels(opened(path).middle(_JUDGED_SIDE), channels)
