"""Pairs: two folders (or arrays) of pictures, each of the first beside what should become of it.

Files are pairs where their path below the folder is the same without its suffix; arrays and lists, in their order.
Both of a pair always lie on one side of the split, and so does every other pair that shares a picture with it. Pairs
have one size, or the two folders each have their own.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from narrows._contract import Pairs, Window
from narrows._errors import BadData
from narrows.data.fitting import convert_channels
from narrows.data.images import open_photo
from narrows.data.reading import Dataset, groups_of, read, read_photos
from narrows.data.related import refuse_unrelated
from narrows.data.sources import PatchSource, Source, Subset
from narrows.data.splits import content_hash, joined
from narrows.data.triage import Triage, look_through, name_below, printable

Look = Callable[[Window, tuple[int, int]], dict[str, Any]]
"""A task's `look`: what it finds in a whole picture, seen through a window, of (H, W) pixels."""
_MOST_NAMED = 3


@dataclass(frozen=True, eq=False, kw_only=True)
class PairedDataset(Dataset):
    """The pictures before, with their partners; `keys` name pairs, and `groups` hold together what shares a picture."""

    targets: Source
    """The pictures after, in the same order, fitted to one size."""
    target_shape: tuple[int, ...]
    """(C, H, W) of these; `shape` unless the pairs are of two sizes."""
    partners: tuple[Path, ...] = ()
    """The files of the pictures after, in the order of `photos`."""


def read_pairs(
    before: Any,
    after: Any,
    *,
    shape: tuple[int, ...] | None = None,
    channels: int | None = None,
    group_by: str | None = None,
    check: bool = True,
) -> PairedDataset:
    """Read two places, arrays or lists of pictures as pairs; what has no partner is left out, and said.

    `shape`, `channels` and `group_by` (of the paths in `before`) as `read` takes them; `shape` is of both where they
    have one size, else of `before`. `check` refuses what does not look related. Raises BadData, BadOption.
    """
    places = [isinstance(one, (str, Path)) for one in (before, after)]
    if all(places):
        _refuse_one_place(Path(before), Path(after))
        sides = _Sides(Path(before), Path(after), look_through(Path(before)), look_through(Path(after)))
        by_name = sides.first.pictures and sides.last.pictures
        found = _of_files(sides, shape, channels, group_by) if by_name else _in_order(before, after, shape, channels)
    elif any(places):
        raise BadData("a path and pictures in memory came; pairs are two folders, or two arrays or lists of pictures")
    else:
        found = _in_order(before, after, shape, channels)
    if check:
        refuse_unrelated(found.source, found.targets, found.names)
    return found


class _Sides(NamedTuple):
    """Both folders and what they hold."""

    before: Path
    after: Path
    first: Triage
    last: Triage

    def shown(self, path: Path) -> str:
        root = self.before if path.is_relative_to(self.before) else self.after
        return printable(Path(root.name) / path.relative_to(root))


def _refuse_one_place(before: Path, after: Path) -> None:
    if os.path.realpath(before) == os.path.realpath(after):
        raise BadData(f"{before} came twice; pairs are two folders: narrows fit --pairs before/ after/")


# Arrays, and lists of pictures


def _in_order(before: Any, after: Any, shape: tuple[int, ...] | None, channels: int | None) -> PairedDataset:
    first, last = (read(one, channels=channels, to_learn=False) for one in (before, after))
    if "table" in (first.form, last.form):
        raise BadData("a table came; pairs are pictures: two folders of them, or two arrays N H W, N H W C or N C H W")
    if len(first.source) != len(last.source):
        raise BadData(
            f"{len(first.source)} pictures before and {len(last.source)} after came; pairs without names are taken in "
            f"their order, so there are as many of both"
        )
    if shape is not None:
        if first.shape[1:] == last.shape[1:]:
            last = read(after, shape=shape, channels=channels, to_learn=False)
        first = read(before, shape=shape, channels=channels, to_learn=False)
    notes = [note for note in last.triage.notes if note not in first.triage.notes]
    return _paired(first, last, first.triage.adding(notes=notes), None)


# Files


def _of_files(
    sides: _Sides, shape: tuple[int, ...] | None, channels: int | None, group_by: str | None
) -> PairedDataset:
    skipped: list[tuple[str, str]] = [*sides.first.skipped, *sides.last.skipped]
    names, partners = (
        _by_name(found.pictures, root, sides, skipped)
        for found, root in ((sides.first, sides.before), (sides.last, sides.after))
    )
    for mine, other, place in ((names, partners, sides.after), (partners, names, sides.before)):
        skipped += [
            (sides.shown(path), f"has no partner: no picture of that name is in {printable(place.name)}")
            for name, path in mine.items()
            if name not in other
        ]
    both = [name for name in names if name in partners]
    if not both:
        raise BadData(
            f"no picture in {sides.before} ({_some(names)}) has the name of one in {sides.after} ({_some(partners)}); "
            f"pairs have the same path below their folders, but for the suffix"
        )
    first = read_photos(Triage(tuple(names[name] for name in both)), sides.before, shape, channels, None, False)
    last = read_photos(Triage(tuple(partners[name] for name in both)), sides.after, None, channels, None, False)
    for found, root in ((first, sides.before), (last, sides.after)):
        skipped += [(sides.shown(root / name), why) for name, why in found.triage.skipped]
    first, last = _both_read(first, last, names, partners, both)
    first, last, left = _of_like_sizes(first, last, sides)
    skipped += left
    if first.sizes and first.shape[1:] != last.shape[1:] and _have_one_size(first, last):
        last = read_photos(Triage(_files(last)), sides.after, (0, *first.shape[1:]), channels, None, False)
    whole = dataclasses.replace(
        sides.first,
        skipped=tuple(skipped),
        notes=(*first.triage.notes, *(note for note in last.triage.notes if note not in first.triage.notes)),
    )
    lonely = len(names) + len(partners) - 2 * len(first.photos)
    notes = [f"{lonely} pictures without a usable partner are left out"] if lonely else []
    return _paired(first, last, whole.adding(notes=notes), group_by)


def _by_name(pictures: tuple[Path, ...], root: Path, sides: _Sides, skipped: list[tuple[str, str]]) -> dict[str, Path]:
    """Path below the folder without its suffix, to the file; two files of one name are neither's partner."""
    root = root if root.is_dir() else root.parent
    found: dict[str, list[Path]] = {}
    for path in pictures:
        found.setdefault(name_below(path, root), []).append(path)
    for several in found.values():
        if len(several) > 1:
            skipped += [
                (sides.shown(path), "has its name, but for the suffix, from another picture too") for path in several
            ]
    return {name: paths[0] for name, paths in found.items() if len(paths) == 1}


def _some(names: dict[str, Path]) -> str:
    return ", ".join(printable(path.name) for path in list(names.values())[:_MOST_NAMED]) or "none of its own name"


def _both_read(
    first: Dataset, last: Dataset, names: dict[str, Path], partners: dict[str, Path], both: list[str]
) -> tuple[Dataset, Dataset]:
    """The pairs of which both could be read."""
    here = {path: at for at, path in enumerate(first.photos)}
    there = {path: at for at, path in enumerate(last.photos)}
    kept = [(here[names[n]], there[partners[n]]) for n in both if names[n] in here and partners[n] in there]
    return _some_of(first, [a for a, _ in kept]), _some_of(last, [b for _, b in kept])


def _have_one_size(first: Dataset, last: Dataset) -> bool:
    """Whether most pairs have both the same height and width: then those that do not are mistakes."""
    same = sum(a[1:] == b[1:] for a, b in zip(first.sizes, last.sizes, strict=True))
    return 2 * same > len(first.sizes)


def _of_like_sizes(first: Dataset, last: Dataset, sides: _Sides) -> tuple[Dataset, Dataset, list[tuple[str, str]]]:
    if not _have_one_size(first, last):
        return first, last, []
    kept, left = [], []
    for at, (a, b) in enumerate(zip(first.sizes, last.sizes, strict=True)):
        if a[1:] == b[1:]:
            kept.append(at)
            continue
        left.append((
            sides.shown(_files(first)[at]), f"is {a[1]}x{a[2]} and its partner {b[1]}x{b[2]}; the others agree in size"
        ))  # fmt: skip
    return _some_of(first, kept), _some_of(last, kept), left


def _some_of(dataset: Dataset, rows: list[int]) -> Dataset:
    if rows == list(range(len(dataset.keys))):
        return dataset
    return dataclasses.replace(
        dataset,
        source=Subset(dataset.source, torch.tensor(rows, dtype=torch.long)),
        keys=tuple(dataset.keys[row] for row in rows),
        names=tuple(dataset.names[row] for row in rows),
        photos=tuple(dataset.photos[row] for row in rows),
        sizes=tuple(dataset.sizes[row] for row in rows),
    )


def _files(dataset: Dataset) -> tuple[Path, ...]:
    return tuple(path for path in dataset.photos if isinstance(path, Path))  # all are: pairs are not read by page


# Both kinds


def _paired(first: Dataset, last: Dataset, triage: Triage, group_by: str | None) -> PairedDataset:
    if not first.keys:
        raise BadData("of no pair could both pictures be used; the files are left out for these reasons: "
                      + "; ".join(f"{name}: {why}" for name, why in triage.skipped[:_MOST_NAMED]))  # fmt: skip
    if first.keys == last.keys:
        raise BadData("before and after hold the same pictures; pairs are a picture and what should become of it")
    keys = [content_hash(f"{a} {b}".encode()) for a, b in zip(first.keys, last.keys, strict=True)]
    own = groups_of(first.names, group_by) or tuple(keys)
    held = joined([*first.keys, *last.keys], [*own, *own])[: len(keys)]
    order = sorted(range(len(keys)), key=lambda at: (keys[at], first.names[at]))  # by content, as `read` sorts
    return PairedDataset(
        form="picture",
        source=Subset(first.source, torch.tensor(order)),
        shape=first.shape,
        keys=tuple(keys[at] for at in order),
        names=tuple(first.names[at] for at in order),
        groups=tuple(held[at] for at in order),
        triage=triage,
        photos=tuple(first.photos[at] for at in order) if first.photos else (),
        sizes=tuple(first.sizes[at] for at in order) if first.sizes else (),
        scales=first.scales,
        targets=Subset(last.source, torch.tensor(order)),
        target_shape=last.shape,
        partners=tuple(_files(last)[at] for at in order) if last.photos else (),
    )


# Sources


class PairSource:
    """Pairs of whole pictures by number; `look` is asked of each as it is taken."""

    def __init__(self, before: Source, after: Source, look: Look | None = None) -> None:
        self.before, self.after, self.look = before, after, look
        self.shape = before.shape

    def __len__(self) -> int:
        return len(self.before)

    def take(self, indices: Tensor, generator: torch.Generator | None = None) -> Pairs:
        """float32 B *shape, and B of the other's shape."""
        before, after = self.before.take(indices), self.after.take(indices)
        if self.look is None:
            return Pairs(before, after)
        height, width = before.shape[2:]
        return Pairs(before, after, self.look(lambda rows, cols: before[..., rows, cols], (height, width)))


class PairPatches:
    """Patches of pairs of photographs of one size, both cut, turned and flipped alike; `look` is asked of each whole
    photograph."""

    def __init__(
        self, photos: Sequence[tuple[Path, Path]], size: int, channels: int, look: Look | None = None, *,
        per_photo: int = 64,
    ) -> None:  # fmt: skip
        self.patches = PatchSource(photos, size, 2 * channels, per_photo=per_photo)
        self.shape, self.per_photo = (channels, size, size), per_photo
        each = [] if look is None else [_facts(path, look) for path, _ in photos]
        self.facts = {name: torch.cat([one[name] for one in each]) for name in (each[0] if each else ())}

    def __len__(self) -> int:
        return len(self.patches)

    def take(self, indices: Tensor, generator: torch.Generator | None = None) -> Pairs:
        """float32 B C size size, both."""
        before, after = self.patches.take(indices, generator).chunk(2, 1)
        numbers = indices // self.per_photo
        return Pairs(before, after, {name: values[numbers] for name, values in self.facts.items()})


def middle_pair(photos: tuple[Path, Path], channels: int, most: int, look: Look | None = None) -> Pairs:
    """The centres of both of a pair, at most `most` pixels a side, as one pair of 1 C H W."""
    before, after = (convert_channels(open_photo(path).middle(most), channels)[None] for path in photos)
    return Pairs(before, after, {} if look is None else _facts(photos[0], look))


def _facts(path: Path, look: Look) -> dict[str, Tensor]:
    photo = open_photo(path)
    return look(lambda rows, cols: photo.tensor(rows, cols)[None], photo.shape[1:])
