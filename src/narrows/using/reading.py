"""Data for a model that has learned: read as `fit` reads them, brought to the model's size, columns by name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from narrows._errors import BadData
from narrows.data.reading import Dataset, read
from narrows.data.sources import ArraySource
from narrows.data.splits import content_hash
from narrows.data.triage import look_through
from narrows.model.model import Model


def read_for(model: Model, data: str | Path | list[Any], *, group_by: str | None = None) -> Dataset:
    """Examples in the order of their paths or rows; pictures are resized and cropped to the model's size, which the
    triage's notes say. `group_by` as `read` takes it. Raises BadData where they do not fit the model."""
    pictures = model.form == "picture"
    shape, channels = (model.shape, model.shape[0]) if pictures else (None, None)
    dataset = read(data, shape=shape, channels=channels, group_by=group_by, to_learn=False, scales=_scales_of(model))
    if dataset.form != model.form:
        raise BadData(f"a {dataset.form} came; this model takes {'pictures' if pictures else 'tables'}")
    return dataset if pictures else _columns_of(model, dataset)


def _scales_of(model: Model) -> dict[str, int]:
    """What meant 1 in the arrays that the model learned from; whatever else a card says there is passed over."""
    said = model.card["data"].get("scales")
    known = {"integers": (255, 65535), "floats": (255,)}
    return {name: said[name] for name in known if said.get(name) in known[name]} if isinstance(said, dict) else {}


def files_of(data: Any) -> list[Path]:
    """The files that `read_for` reads. Raises BadData where there are none."""
    places = data if isinstance(data, (list, tuple)) else [data]
    each = [look_through(Path(place)) for place in places if isinstance(place, (str, Path))]
    return [path for found in each for path in found.pictures or found.tables]


def _columns_of(model: Model, dataset: Dataset) -> Dataset:
    """The columns that the model learned: by their names where they have some, else by their order."""
    wanted, have = list(model.card["data"].get("columns", ())), list(dataset.columns)
    if wanted and have != wanted and set(wanted) <= set(have):
        places = [have.index(name) for name in wanted]
        values = dataset.source.take(torch.arange(len(dataset.source)))[:, places]
        left = [name for name in have if name not in wanted]
        notes = [f"columns that the model does not know are left out: {', '.join(left)}"] if left else []
        return dataclasses.replace(
            dataset,
            source=ArraySource(values),
            shape=(len(wanted),),
            keys=tuple(content_hash(row.numpy().tobytes()) for row in values.double()),  # as `fit` told rows apart
            columns=tuple(wanted),
            triage=dataset.triage.adding(notes=notes),
        )
    if len(have) != model.shape[0]:
        missing = [name for name in wanted if name not in have]
        lacks = f"; {', '.join(missing[:5])} is not among them" if missing and len(missing) < len(wanted) else ""
        raise BadData(
            f"a table of {len(have)} columns of numbers came; this model takes {model.shape[0]}"
            f"{': ' + ', '.join(wanted[:8]) if wanted else ''}{lacks}"
        )
    if _has_header(wanted) and _has_header(have) and have != wanted:
        missing = [name for name in wanted if name not in have]
        raise BadData(f"a table without {', '.join(missing[:5])} came; this model takes {', '.join(wanted[:8])}")
    return dataset


def _has_header(columns: list[str]) -> bool:
    return any(name != f"column {number}" for number, name in enumerate(columns, 1))


def in_parts(dataset: Dataset, at_once: int = 256) -> list[Tensor]:
    """The examples' numbers, as many at once as go through a net together."""
    return list(torch.arange(len(dataset.source)).split(at_once))
