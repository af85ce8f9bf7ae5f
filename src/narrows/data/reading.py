"""The front door: a folder, a file, an array or a list of pictures, to examples that can be learned from."""

from __future__ import annotations

import dataclasses
import os
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from narrows._errors import BadData, BadOption, BadPicture
from narrows.data.arrays import as_batch
from narrows.data.fitting import fit_photo, fit_to
from narrows.data.idx import read_idx
from narrows.data.images import READABLE
from narrows.data.sources import ArraySource, PhotoSource, Source, memory_for_data, opened
from narrows.data.splits import content_hash, joined, split
from narrows.data.stacks import Page, order, pages_of
from narrows.data.tables import Table, checked, is_frame, read_csv, read_frame, read_numpy
from narrows.data.triage import Triage, is_idx, look_through, printable

_LONGEST_SIDE = 64
"""Pixels that mixed or larger pictures are fitted to, unless a size is asked for."""
_MULTIPLE = 8
_READERS = 4


@dataclass(frozen=True, eq=False)
class Dataset:
    """Every example, with what is needed to split, name and report them."""

    form: str
    """"picture" or "table"."""
    source: Source
    shape: tuple[int, ...]
    keys: tuple[str, ...]
    """Content hash of each example."""
    names: tuple[str, ...]
    """Relative path, "row 17" or "picture 17"."""
    groups: tuple[str, ...] | None = None
    columns: tuple[str, ...] = ()
    triage: Triage = field(default_factory=Triage)
    photos: tuple[Path | Page, ...] = ()
    """The files, or pages of files, in the order of `keys`, where pictures came from files."""
    sizes: tuple[tuple[int, int, int], ...] = ()
    """(C, H, W) of each of the files, before they were fitted to one size."""
    scales: dict[str, int] = field(default_factory=dict)
    """What means 1 in arrays whose type does not say so, "integers" or "floats": found in the values, and to be meant
    by later ones too."""
    places: dict[str, float] = field(default_factory=dict)
    """Of the groups that are pages of a stack, their place in it: 0 at the end, towards 1 at the beginning."""

    def split(self, shares: Sequence[float]) -> tuple[Tensor, ...]:
        """Indices of the training side, then of one side for each share, as `splits.split` gives them. Neighbouring
        pages of a stack are alike, so its sides are blocks: the first share is its end, the next one what comes before,
        so that no page of the first has a neighbour that is learned from. Raises BadData."""
        return split(self.keys, shares, groups=self.groups, places=self.places)

    @property
    def owners(self) -> list[str]:
        """Whose each example is, as `split` keeps them together: its group's, or its content's."""
        return list(self.keys) if self.groups is None else joined(self.keys, self.groups)

    def telling_blocks(self, shares: Sequence[float]) -> Dataset:
        """The same with a note on the pages of each stack that lie on the sides of a split by two shares."""
        sides = [{self.photos[i] for i in side.tolist()} for side in self.split(shares)] if self.places else []
        notes = [_blocks_told(path, self.photos, sides[1:]) for path in _stacks_of(self.photos)] if sides else []
        return dataclasses.replace(self, triage=self.triage.adding(notes=notes))


def read(
    data: Any,
    *,
    shape: tuple[int, ...] | None = None,
    channels: int | None = None,
    group_by: str | None = None,
    to_learn: bool = True,
    scales: dict[str, int] | None = None,
) -> Dataset:
    """Read whatever holds examples. `shape` (C, H, W) fits pictures to a size; `channels` to grey (1) or colour (3).

    `group_by` is "folder", or a pattern whose first group in the relative path names the group. With `to_learn`
    False, for a model that has learned: one example is enough, equal ones are fine, columns all stay, and the order is
    that of the paths. `scales` are those of the dataset that it learned from. Raises BadData, BadOption.
    """
    scales = scales or {}
    if isinstance(data, (str, Path)):
        place = Path(data)
        found = look_through(place)
        if found.pictures:
            notes = [f"{path.name}: a table beside pictures is left out" for path in found.tables]
            root = place if place.is_dir() else place.parent
            return read_photos(found.adding(notes=notes), root, shape, channels, group_by, to_learn, by_page=True)
        return _read_table_file(found, place, shape, channels, to_learn, scales)
    if isinstance(data, (list, tuple)) and data and isinstance(data[0], (str, Path)):
        if len(data) == 1:
            return read(data[0], shape=shape, channels=channels, group_by=group_by, to_learn=to_learn, scales=scales)
        each = [look_through(Path(place)) for place in data]
        tables = [path for found in each for path in found.tables]
        if tables:
            raise BadData(f"several places came and one is a table ({tables[0]}); give tables one at a time")
        found = Triage(
            tuple(path for one in each for path in one.pictures), (), tuple(s for one in each for s in one.skipped)
        )
        root = Path(os.path.commonpath([_absolute(Path(place)) for place in data]))
        found = dataclasses.replace(found, pictures=tuple(map(_absolute, found.pictures)))
        return read_photos(found, root, shape, channels, group_by, to_learn, by_page=True)
    if is_frame(data):
        return _table(read_frame(data, to_learn=to_learn), Triage())
    if isinstance(data, Tensor):
        data = data.detach().cpu().numpy()
    if isinstance(data, np.ndarray):
        _refuse_no_numbers(data, "an array")
    if isinstance(data, np.ndarray) and data.ndim == 2:
        return _table(checked(*_named(data), (), "the array", to_learn=to_learn), Triage())
    if isinstance(data, np.ndarray):
        return _array(data, Triage(), shape, channels, to_learn, scales)
    if isinstance(data, (list, tuple)) and data:
        return _pictures([picture for one in data for picture in as_batch(one)[0]], Triage(), shape, channels, to_learn)
    raise BadData(
        f"{type(data).__name__} came; data are a path, a NumPy array, a tensor, a data frame or a list of pictures"
    )


def _absolute(path: Path) -> Path:
    """A link to a file stays where it lies, since its name is told from there."""
    return path.resolve() if path.is_dir() else path.parent.resolve() / path.name


def _named(values: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    return values.astype(np.float64), tuple(f"column {i}" for i in range(1, values.shape[1] + 1))


# Tables and arrays


def _refuse_no_numbers(values: np.ndarray, what: str) -> None:
    """Texts, dates and complex numbers, of which half would be lost."""
    if values.dtype.kind not in "fiub":
        raise BadData(
            f"{what} of {values.dtype} came; pictures and tables hold numbers: convert it with .astype(float)"
        )


def _read_table_file(
    found: Triage, place: Path, shape: Any, channels: int | None, to_learn: bool, scales: dict[str, int]
) -> Dataset:
    if not found.tables:
        reasons = "; ".join(f"{name}: {why}" for name, why in found.skipped[:3])
        raise BadData(
            f"{place} holds no picture and no table{f' ({reasons})' if reasons else ''}; read are "
            f"{' '.join(READABLE)}, .csv, .npy, .npz and IDX files"
        )
    files = [path for path in found.tables if not _is_label_or_test(path)] if len(found.tables) > 1 else found.tables
    left = [path.name for path in found.tables if path not in files]
    if len(files) != 1:
        names = ", ".join(path.name for path in found.tables[:5])
        raise BadData(
            f"{place} holds {len(found.tables)} tables ({names}); give one of them: narrows fit "
            f"{files[0] if files else place}"
        )
    path = files[0]
    notes = [f"left out, not to be learned from: {', '.join(left)}"] if left else []
    if path.suffix.lower() in (".csv", ".tsv"):
        return _table(read_csv(path, to_learn=to_learn), found.adding(notes=notes))
    if is_idx(path):
        values, more = read_idx(path), ()
    else:
        values, more = read_numpy(path)
        _refuse_no_numbers(values, f"{path}: an array")
    found = found.adding(notes=[*notes, *more])
    if values.ndim == 2:
        return _table(checked(*_named(values), (), str(path), to_learn=to_learn), found)
    if values.ndim < 2:
        raise BadData(f"{path} has shape {values.shape}; pictures are N H W (C), a table has rows and columns")
    return _array(values, found, shape, channels, to_learn, scales)


def _is_label_or_test(path: Path) -> bool:
    """MNIST's other three files."""
    return "label" in path.name or path.name.startswith(("t10k", "test"))


def _table(table: Table, found: Triage) -> Dataset:
    values = np.ascontiguousarray(table.values)
    keys = tuple(content_hash(row.tobytes()) for row in values)
    # Times, for one, would be lost in single precision before their mean is taken off.
    single = values.astype(np.float32)
    kept = single if np.array_equal(single, values, equal_nan=True) else values
    return Dataset(
        form="table",
        source=ArraySource(torch.from_numpy(kept)),
        shape=(values.shape[1],),
        keys=keys,
        names=tuple(f"row {i}" for i in range(1, len(values) + 1)),
        columns=table.columns,
        triage=found.adding(notes=table.notes),
    )


def _array(
    values: np.ndarray, found: Triage, shape: Any, channels: int | None, to_learn: bool, scales: dict[str, int]
) -> Dataset:
    """N H W, N H W C or N C H W of numbers."""
    scales = dict(scales)
    if values.ndim not in (3, 4) or 0 in values.shape:
        raise BadData(f"an array of shape {values.shape} came; pictures are N H W, N H W C or N C H W")
    if values.dtype.kind == "b":
        values = values.astype(np.float32)
    if values.dtype.kind in "iu" and values.dtype not in (np.uint8, np.uint16):
        if values.min() < 0 or values.max() > 65535:
            raise BadData(f"whole numbers from {values.min()} to {values.max()} came; pictures are 0 to 255 or 65535")
        most = scales.setdefault("integers", 255 if values.max() <= 255 else 65535)
        if values.max() > most:
            raise BadData(
                f"whole numbers from {values.min()} to {values.max()} came; this model learned from 0 to {most}: scale "
                f"them the same way"
            )
        values = values.astype(np.uint8 if most == 255 else np.uint16)
    notes = []
    if values.dtype.kind == "f":
        values = values.astype(np.float32)
        if not np.isfinite(values).all():
            raise BadData("pictures with values that are not numbers came; replace NaN and infinities first")
        low, high = float(values.min()), float(values.max())
        if low < -0.5 or high > 255:
            raise BadData(f"pictures with values from {low:g} to {high:g} came; 0 to 1 or 0 to 255 is expected")
        if high > 1.5 or "floats" in scales:
            scales["floats"] = 255
            values = values / np.float32(255)
            notes.append(f"values up to {high:g} were divided by 255")
    if values.ndim == 3:
        values = values[:, None]
    elif values.shape[-1] <= 4 < values.shape[1] or values.shape[1] > 64:
        values = values.transpose(0, 3, 1, 2)
    values = np.ascontiguousarray(values)
    own = tuple(values.shape[1:])
    if own[0] > 64:
        raise BadData(f"pictures of {own[0]} channels came; 1 to 64 are taken")
    keys = tuple(content_hash(row.tobytes()) for row in values)
    if to_learn:
        _refuse_all_equal(keys)
    wanted = (channels or own[0], *(shape or own)[1:])
    source: Source = ArraySource(torch.from_numpy(values))
    if wanted != own:
        fitted = [fit_to(source.take(torch.tensor([i]))[0], wanted) for i in range(len(values))]
        source = ArraySource(torch.stack(fitted))
        notes.append(f"{len(values)} pictures were fitted from {own} to {wanted}")
    names = tuple(f"picture {i}" for i in range(1, len(values) + 1))
    return Dataset("picture", source, wanted, keys, names, triage=found.adding(notes=notes), scales=scales)


def _pictures(pictures: list[Tensor], found: Triage, shape: Any, channels: int | None, to_learn: bool) -> Dataset:
    """C H W tensors of any sizes."""
    wanted, notes = _shape_for([tuple(p.shape) for p in pictures], shape, channels)
    keys = tuple(content_hash(p.numpy()) for p in pictures)
    if to_learn:
        _refuse_all_equal(keys)
    source = ArraySource(torch.stack([fit_to(p, wanted) for p in pictures]))
    names = tuple(f"picture {i}" for i in range(1, len(pictures) + 1))
    return Dataset("picture", source, wanted, keys, names, triage=found.adding(notes=notes))


# Photographs


class _Decoded(NamedTuple):
    path: Path | Page
    key: str
    shape: tuple[int, int, int]
    notes: tuple[str, ...]


def read_photos(
    found: Triage, root: Path, shape: Any, channels: int | None, group_by: str | None, to_learn: bool,
    *, by_page: bool = False,
) -> Dataset:  # fmt: skip
    """Decode every file once for its hash and size, then keep what fits in memory at the size that was chosen: what
    `read` does with `found.pictures`, which lie below `root`. Of a file of pages each is a picture with `by_page`, else
    the first."""
    decoded: list[_Decoded] = []
    skipped: list[tuple[str, str]] = []

    def shown(place: Path | Page) -> str:
        path, page = order(place)
        name = printable(path.relative_to(root) if path.is_relative_to(root) else path)
        return name if page < 0 else f"{name} page {page + 1}"

    all_places = [one for path in found.pictures for one in (pages_of(path) if by_page else [path])]
    for path, result in _each(all_places, _decode):
        if isinstance(result, _Decoded):
            decoded.append(result)
        else:
            skipped.append((shown(path), str(result)))
    if not decoded:
        reasons = "; ".join(why for _, why in skipped[:2])
        raise BadData(f"none of the {len(found.pictures)} pictures could be read: {reasons}")
    if to_learn:  # by content: what is learned cannot depend on folders' names
        decoded.sort(key=lambda one: (one.key, *order(one.path)))
    wanted, notes = _shape_for([one.shape for one in decoded], shape, channels)
    keys = tuple(one.key for one in decoded)
    if to_learn:
        _refuse_all_equal(keys)
    for note in sorted({note for one in decoded for note in one.notes}):
        notes.append(f"{sum(note in one.notes for one in decoded)} files: {note}")
    paths = tuple(one.path for one in decoded)
    names = tuple(shown(path) for path in paths)
    groups, places = groups_of(names, group_by), {}
    if groups is None and any(isinstance(path, Page) for path in paths):
        groups, places = _groups_of_pages(paths, keys)
    source: Source
    if len(paths) * int(np.prod(wanted)) <= memory_for_data():
        source = ArraySource(_fitted(paths, wanted))
    else:
        source = PhotoSource(paths, wanted)
    return Dataset(
        form="picture",
        source=source,
        shape=wanted,
        keys=keys,
        names=names,
        groups=groups,
        places=places,
        triage=found.adding(skipped=skipped, notes=notes),
        photos=paths,
        sizes=tuple(one.shape for one in decoded),
    )


def _decode(path: Path | Page) -> _Decoded:
    """The hash is of the pixels, so that the same picture in two files is the same picture."""
    photo = opened(path)
    return _Decoded(path, content_hash(photo.array), photo.shape, photo.notes)


def _each(paths: Sequence[Path | Page], work: Any) -> Iterator[tuple[Path | Page, Any]]:
    """(path, result or the BadPicture that it raised), in order, a few at a time."""

    def tried(path: Path | Page) -> Any:
        try:
            return work(path)
        except BadPicture as error:
            return error

    with ThreadPoolExecutor(_READERS) as pool:
        yield from zip(paths, pool.map(tried, paths), strict=True)


def _fitted(paths: Sequence[Path | Page], wanted: tuple[int, ...]) -> Tensor:
    """N C H W uint8: fitted pictures, rounded to bytes."""
    out = torch.empty((len(paths), *wanted), dtype=torch.uint8)

    def one(path: Path | Page) -> Tensor:
        return fit_photo(opened(path), wanted)

    for number, (path, result) in enumerate(_each(paths, one)):
        if isinstance(result, BadPicture):
            raise BadData(f"{path} vanished or changed while the folder was read; run the same command again")
        out[number] = result
    return out


def _groups_of_pages(photos: Sequence[Path | Page], keys: Sequence[str]) -> tuple[tuple[str, ...], dict[str, float]]:
    """The group of each picture and the places of those that are pages: channels of one place and time are one group;
    a file of its own is a group by its content."""
    groups, places = [], {}
    for photo, key in zip(photos, keys, strict=True):
        if isinstance(photo, Path):
            groups.append(key)
            continue
        stack, together = photo.stack, photo.stack.together
        at, count = photo.number // together, len(stack) // together
        groups.append(f"{stack.path} {at:09}")
        places[groups[-1]] = 1 - (at + 0.5) / count
    return tuple(groups), places


def _stacks_of(photos: Sequence[Path | Page]) -> list[Path]:
    return sorted({photo.stack.path for photo in photos if isinstance(photo, Page)})


def _blocks_told(path: Path, photos: Sequence[Path | Page], sides: list[set[Any]]) -> str:
    """ "a.tif: ... of its 200 pages blocks are kept apart: 181-200 held out, 171-180 for when to stop"."""
    told = []
    for side, what in zip(sides, ("held out", "for when to stop"), strict=True):
        numbers = sorted(one.number + 1 for one in side if isinstance(one, Page) and one.stack.path == path)
        block = numbers and numbers[-1] - numbers[0] + 1 == len(numbers)
        span = f"{numbers[0]}-{numbers[-1]}" if len(numbers) > 1 else f"page {numbers[0]}" if numbers else ""
        told.append(f"{span if block else len(numbers)} {what}")
    count = sum(isinstance(one, Page) and one.stack.path == path for one in photos)
    return (
        f"{printable(path.name)}: neighbouring pages are alike, so of its {count} pages blocks are kept apart: "
        f"{', '.join(told)}"
    )


def _shape_for(shapes: list[tuple[int, ...]], shape: Any, channels: int | None) -> tuple[tuple[int, ...], list[str]]:
    """The size that all pictures are fitted to, and what is to be said about it."""
    kinds = {s[0] for s in shapes}
    own = channels or (next(iter(kinds)) if len(kinds) == 1 else 3)
    if channels is None and len(kinds) > 1 and not kinds <= {1, 3}:
        raise BadData(f"pictures of {sorted(kinds)} channels came together; ask for --channels 1 or 3")
    sizes = {s[1:] for s in shapes}
    notes = ["grey pictures among colour ones were made colour"] if len(kinds) > 1 and own == 3 else []
    if shape is not None:
        wanted = (channels or own, *shape[1:])
    elif len(sizes) == 1 and max(next(iter(sizes))) <= _LONGEST_SIDE:
        return (own, *next(iter(sizes))), notes
    else:
        height, width = (float(np.median([s[i] for s in shapes])) for i in (1, 2))
        scale = min(1.0, _LONGEST_SIDE / max(height, width))
        rounded = [max(_MULTIPLE, round(side * scale / _MULTIPLE) * _MULTIPLE) for side in (height, width)]
        wanted = (own, *rounded)
    changed = sum(s[1:] != wanted[1:] for s in shapes)
    if changed:
        notes.append(
            f"{changed} of {len(shapes)} pictures are resized to {wanted[1]}x{wanted[2]} for codes (--size HxW)"
        )
    return wanted, notes


def _refuse_all_equal(keys: tuple[str, ...]) -> None:
    if len(keys) == 1:
        raise BadData("one picture came; an autoencoder learns from at least 3 different ones (better hundreds)")
    if len(set(keys)) == 1:
        raise BadData(f"all {len(keys)} pictures are equal; there is nothing to learn")


def groups_of(names: tuple[str, ...], group_by: str | None) -> tuple[str, ...] | None:
    """The group of each path, as `read` explains `group_by`. Raises BadOption."""
    if group_by is None:
        return None
    if group_by == "folder":
        return tuple(str(Path(name).parent) for name in names)
    try:
        pattern = re.compile(group_by)
    except re.error as error:
        raise BadOption(
            f"--group-by {group_by!r} is no pattern ({error}); it takes folder, or one like '(.*)_'"
        ) from error
    found = [pattern.search(name) for name in names]
    if not any(found):
        raise BadOption(f"--group-by {group_by!r} fits no path, such as {names[0]}; it takes folder, or a pattern")
    return tuple(
        (match.group(1) if match.re.groups else match.group(0)) if match else name
        for match, name in zip(found, names, strict=True)
    )
