"""A model's codes, reconstructions and new examples, from files to files. Targets are settled before any work."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from narrows._errors import BadData, NotSupported
from narrows.data.reading import Dataset
from narrows.model.folder import load
from narrows.model.model import Model
from narrows.using.loaded import LoadedModel
from narrows.using.reading import files_of, in_parts, read_for
from narrows.using.results import (
    SHEET,
    check_numbers_file,
    picture_paths,
    read_codes,
    write_numbers,
    write_pictures,
    write_sheet,
)  # fmt: skip
from narrows.using.walks import traverse

_ROWS = "rows.csv"


@dataclass
class Encoded:
    """What `encode_to_file` wrote."""

    code_size: int
    names: list[str]
    skipped: list[tuple[str, str]]
    notes: list[str]


@dataclass
class Written:
    """What the others wrote."""

    place: Path
    """The folder, or the one file."""
    count: int
    what: str
    """"pictures" or "rows"."""
    written: list[Path]
    sheet: Path | None = None
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def encode_to_file(place: Path, data: Any, to: Path, *, force: bool = False) -> Encoded:
    """The code of every example, to .npy or .csv. Raises NotSupported without a code, BadData, WouldOverwrite."""
    check_numbers_file(to, force=force, originals=files_of(data))
    model = _with_code(place)
    dataset = read_for(model, data)
    codes = torch.cat([model.encode(dataset.source.take(part)) for part in in_parts(dataset)]).flatten(1).numpy()
    write_numbers(to, codes, dataset.names, [f"code{number}" for number in range(1, codes.shape[1] + 1)])
    return Encoded(codes.shape[1], list(dataset.names), *_said(dataset))


def decode_to_files(place: Path, codes: Path, to: Path, *, force: bool = False) -> Written:
    """What codes stand for: pictures below `to`, or rows of a table in one file."""
    model = _with_code(place)
    rows, names = read_codes(codes)
    results = LoadedModel(model).decode(_in_grid(model, rows))
    return _write(model, results, names or _numbered(len(rows)), to, force, originals=[codes])


def _in_grid(model: Model, rows: np.ndarray) -> np.ndarray:
    """Codes as files hold them, N D, as the net takes them: a grid is that of a picture of the model's own size."""
    shape = model.code_shape
    if shape is None or len(shape) == 1:
        return rows
    if rows.shape[1] != math.prod(shape):
        raise BadData(
            f"codes of {rows.shape[1]} values came; this model's have {math.prod(shape)}, "
            f"{' x '.join(map(str, shape))}: such as 'narrows encode' writes"
        )
    return rows.reshape(-1, *shape)


def reconstruct_to_files(place: Path, data: Any, to: Path, *, force: bool = False) -> Written:
    """Every example through the code and back."""
    model = _with_code(place, "reconstruct; to make pictures better: narrows restore PICTURES --model " + str(place))
    dataset, originals = read_for(model, data), files_of(data)
    if model.form == "picture":
        paths = picture_paths(dataset.names, to, model.target_shape[0], force=force, originals=originals)
        for part in in_parts(dataset):
            back = model.reconstruct(dataset.source.take(part)).numpy()
            write_pictures(back, [paths[number] for number in part.tolist()], force=force)
        return Written(to, len(paths), "pictures", paths, None, *_said(dataset))
    back = torch.cat([model.reconstruct(dataset.source.take(part)) for part in in_parts(dataset)]).numpy()
    found = _write(model, back, list(dataset.names), to, force, originals=originals)
    found.skipped, found.notes = _said(dataset)
    return found


def write_results(
    model: Model, results: np.ndarray, n: int, to: Path, force: bool, originals: Sequence[Path] = ()
) -> Written:
    """`n` results under their numbers, pictures with a contact sheet."""
    return _write(model, results, _numbered(n), to, force, sheet=True, originals=originals)


def traverse_to_files(place: Path, data: Any, to: Path, *, steps: int = 7, force: bool = False) -> Written:
    """From the code of the first example of `data`, one code value at a time, over the range that it has in `data`:
    the pictures, and a contact sheet with a row for each value, the one that varies most first. `stops.csv` says which
    value each row is and what it was set to. Raises NotSupported for tables, grids and models without a code."""
    model = _with_code(place)
    if model.form != "picture":
        raise NotSupported("this model is for tables, and a traversal is looked at: fit one on pictures first")
    dataset = read_for(model, data)
    codes = torch.cat([model.encode(dataset.source.take(part)) for part in in_parts(dataset)])
    found = traverse(model, codes, codes[0], steps=steps)
    names = [f"value-{value + 1:04}-step-{at + 1:02}" for value in found.values.tolist() for at in range(steps)]
    numbers, originals = to / "stops.csv", files_of(data)
    check_numbers_file(numbers, force=force, originals=originals)
    results = found.results.flatten(0, 1).clamp(0, 1).numpy()
    written = _write(model, results, names, to, force, sheet=True, columns=steps, originals=originals)
    values = [str(value + 1) for value in found.values.tolist()]
    write_numbers(numbers, found.stops.numpy(), values, [f"step {at + 1}" for at in range(steps)])
    written.skipped, written.notes = _said(dataset)
    return written


def interpolate_to_files(
    place: Path, first: str, last: str, steps: int, to: Path, *, spherical: bool = False, force: bool = False
) -> Written:
    """From one picture to another through the codes between, both ends included."""
    model = _with_code(place)
    if model.form != "picture":
        raise NotSupported("this model is for tables; pictures can be walked between: fit one on pictures first")
    ends = []
    for end in (first, last):
        dataset = read_for(model, end)
        if len(dataset.source) != 1:
            raise BadData(f"{end} holds {len(dataset.source)} pictures; each end of the walk is one picture file")
        ends.append(dataset.source.take(torch.tensor([0]))[0])
    walk = LoadedModel(model).interpolate(ends[0], ends[1], steps=steps, spherical=spherical)
    originals = files_of([first, last])
    return _write(model, walk, _numbered(steps), to, force, sheet=True, columns=steps, originals=originals)


def _with_code(place: Path, verb: str = "do that; fit with --kind undercomplete") -> Model:
    model = load(place)
    if "code" not in model.can:
        raise NotSupported(f"this model's kind, {model.kind}, has no code, so it cannot {verb}")
    return model


def _said(dataset: Dataset) -> tuple[list[tuple[str, str]], list[str]]:
    return list(dataset.triage.skipped), list(dataset.triage.notes)


def _numbered(count: int) -> list[str]:
    digits = max(4, len(str(count)))
    return [f"{number:0{digits}}" for number in range(1, count + 1)]


def _write(
    model: Model, results: np.ndarray, names: list[str], to: Path, force: bool, *, sheet: bool = False,
    columns: int | None = None, originals: Sequence[Path] = (),
) -> Written:  # fmt: skip
    """Pictures below the folder `to`; rows of a table in the file `to`, or in rows.csv of that folder."""
    if model.form == "table":
        path = to if to.suffix.lower() in (".csv", ".npy") else to / _ROWS
        check_numbers_file(path, force=force, originals=originals)
        head = model.card["data"].get("columns") or [f"column {i}" for i in range(1, results.shape[1] + 1)]
        write_numbers(path, results, None, head)
        return Written(path, len(results), "rows", [path])
    sheets = picture_paths([SHEET], to, 1, force=force, originals=originals) if sheet else []
    paths = picture_paths(names, to, model.target_shape[0], force=force, originals=originals)
    write_pictures(results, paths, force=force)
    made = write_sheet(results, sheets[0], force=force, columns=columns) if sheets else None
    return Written(to, len(paths), "pictures", paths, made)
