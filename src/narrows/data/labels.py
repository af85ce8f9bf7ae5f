"""Labels that only score: a column of the table, a file beside the data, or the folders that pictures lie in.

Nothing learns from them: a column that holds labels is taken out of what is learned from.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch

from narrows._errors import BadData
from narrows.data.idx import read_idx
from narrows.data.reading import Dataset
from narrows.data.sources import ArraySource
from narrows.data.splits import content_hash
from narrows.data.stacks import order
from narrows.data.tables import read_column, read_numpy
from narrows.data.triage import is_idx

FOLDERS = "folders"
_FILES = (".npy", ".npz")


def read_labels(labels: str | Path, data: Any, dataset: Dataset, *, to_learn: bool = False) -> list[str | None]:
    """A label for each example of `dataset`, which was read from `data`; None where one is missing.

    `labels` is "folders", a file (.npy, .npz, IDX) with one label for each example, NaN where one is missing, or the
    name of a column of the CSV in `data`. Labels in a file are in the order of the rows, or of the pictures' sorted
    paths. Raises BadData.
    """
    if str(labels) == FOLDERS:
        return _folders(dataset)
    path = Path(labels)
    if path.is_file():
        return _from_file(path, dataset)
    place = data[0] if isinstance(data, (list, tuple)) and len(data) == 1 else data
    if dataset.form == "table" and isinstance(place, (str, Path)) and Path(place).suffix.lower() in (".csv", ".tsv"):
        return read_column(Path(place), str(labels), to_learn=to_learn)
    raise BadData(
        f"--labels {labels}: no such file; it takes the name of a column of a CSV, an .npy or IDX file, or 'folders'"
    )


def without_labels(dataset: Dataset, labels: str | Path) -> Dataset:
    """The same table without the column of that name, if it has one: what is to be predicted may not be seen."""
    if dataset.form != "table" or str(labels) not in dataset.columns:
        return dataset
    kept = [at for at, name in enumerate(dataset.columns) if name != str(labels)]
    if not kept:
        raise BadData(f"the table has no column but {labels}; there is nothing to learn from")
    values = dataset.source.take(torch.arange(len(dataset.source)))[:, kept].contiguous()
    return dataclasses.replace(
        dataset,
        source=ArraySource(values),
        shape=(len(kept),),
        keys=tuple(content_hash(row.numpy().tobytes()) for row in values),
        columns=tuple(dataset.columns[at] for at in kept),
        triage=dataset.triage.adding(notes=[f"left out, since it holds the labels: {labels}"]),
    )


def _folders(dataset: Dataset) -> list[str | None]:
    if not dataset.photos:
        raise BadData("--labels folders: these data are one file, and have no folders; name a column or a file")
    found: list[str | None] = [Path(name).parent.as_posix() for name in dataset.names]
    if len(set(found)) < 2:
        raise BadData("--labels folders: all pictures lie in one folder; there is nothing to tell apart")
    return found


def _from_file(path: Path, dataset: Dataset) -> list[str | None]:
    if path.suffix.lower() not in _FILES and not is_idx(path):
        raise BadData(f"--labels {path}: labels are read from .npy, .npz and IDX files")
    values = read_idx(path) if is_idx(path) else read_numpy(path)[0]
    values = values.reshape(-1) if values.ndim == 2 and 1 in values.shape else values
    if values.ndim != 1 or len(values) != len(dataset.source):
        raise BadData(
            f"--labels {path} holds labels of shape {values.shape} for {len(dataset.source)} examples; each has one"
        )
    found: list[str | None] = [None if value != value else str(value) for value in values.tolist()]
    if not dataset.photos:
        return found
    rank = {at: number for number, at in enumerate(sorted(range(len(found)), key=lambda at: order(dataset.photos[at])))}
    return [found[rank[at]] for at in range(len(found))]
