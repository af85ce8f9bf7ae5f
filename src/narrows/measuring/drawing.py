"""New examples to files, with a look at whether they are new: the samples beside the nearest training examples."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from narrows._errors import BadOption, BadRun, NotSupported
from narrows.measuring.assess import comparable
from narrows.measuring.memorisation import Memorisation, check_memorisation
from narrows.model.folder import load, save
from narrows.training.runs import Run
from narrows.training.seeds import generator
from narrows.using.codes import Written, write_results
from narrows.using.reading import files_of, read_for
from narrows.using.results import picture_paths, write_sheet
from narrows.using.sample import fit_prior

NEAREST = "nearest-training-pictures.png"
_SHARES = {"held_out": 0.1, "validation": 0.05}
"""Of the data that `fit` does not learn from, unless told otherwise."""
_MOST_SHOWN = 64
_COLUMNS = 8


class Drawn(NamedTuple):
    """What `draw_to_files` did."""

    written: Written
    prior: str
    """The fitted prior's name, or "the kind's own"."""
    check: Memorisation | None
    """None without the data."""
    nearest: Path | None
    """A sheet: every sample with the nearest training picture under it."""


def draw_to_files(
    place: Path, n: int, seed: int, to: Path, *, prior: str | None = None, options: dict[str, Any] | None = None,
    data: Any = None, keep: bool = False, force: bool = False,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> Drawn:  # fmt: skip
    """`n` new examples below `to`. `data` is what the model was fitted on: a prior that the model does not hold is
    fitted on its codes (and kept in the model with `keep`), and the samples are compared with it. Where a prior is to
    be fitted and no data are given, they are those that the run beside the model remembers. `progress` is told the
    events of fitting.

    Raises NotSupported where there is no prior and no data, and whatever fitting a prior raises.
    """
    model = load(place)
    held = model.card.get("prior", {}).get("name")
    run, remembered = _run_of(place), None
    if data is None and prior not in (None, held) and "place" in run and Path(run["place"]).exists():
        data = remembered = run["place"]
    told = run.get("job", {}).get("fit", {})
    dataset = None if data is None else read_for(model, data, group_by=told.get("group_by"))
    sides, counts = None, {}
    if dataset is not None:
        shares = [told.get(name, share) for name, share in _SHARES.items()]
        learned, held_out, validation = dataset.split(shares)
        counts = {"training": len(learned), "validation": len(validation), "held_out": len(held_out)}
        sides = dataset.source.take(learned), dataset.source.take(held_out)
    if prior is not None and prior != held:
        if sides is None:
            raise NotSupported(
                f"this model holds {f'the prior {held}' if held else 'no fitted prior'}, not {prior}; give the data "
                f"that it was fitted on: narrows sample {place} --prior {prior} --data TRAINING-DATA"
            )
        fit_prior(model, model.encode(sides[0]), prior, seed=seed, options=options, progress=progress)
        if keep:
            save(model, place, readme=_readme(place), force=True)
    elif keep or options:
        raise BadOption(
            f"{'--keep' if keep else '--set'} is for a prior that is fitted now; name one that the model does not "
            f"hold, such as --prior mixture"
        )
    drawn = model.draw(n, generator(seed, "sample"))
    drawn = drawn.clamp(0, 1) if model.form == "picture" else drawn
    judged = sides is not None and len(sides[1]) > 0
    originals = [] if data is None else files_of(data)
    shows = judged and model.form == "picture"
    sheets = picture_paths([NEAREST], to, 1, force=force, originals=originals) if shows else []
    written = write_results(model, drawn.numpy(), n, to, force, originals)
    used = model.card.get("prior", {}).get("name") or "the kind's own"
    if dataset is not None:
        written.skipped, written.notes = list(dataset.triage.skipped), list(dataset.triage.notes)
        if remembered is not None:
            written.notes.append(f"{prior} is fitted on what the model was fitted on, {remembered}")
        if model.card["data"].get("examples") != counts:
            written.notes.append("these are not the data of the fit, or it held out another share: read with care")
        if not judged:
            written.notes.append("nothing was held out in the fit, so nothing is said of copies")
    if sides is None or not judged:
        return Drawn(written, used, None, None)
    found = check_memorisation(*(comparable(model, x) for x in (drawn, *sides)), seed=seed)
    shown = _pairs(drawn, sides[0][found.nearest]) if sheets else None
    columns = min(n, _COLUMNS)
    sheet = None if shown is None else write_sheet(shown, sheets[0], force=force, columns=columns)
    return Drawn(written, used, found, sheet)


def _run_of(place: Path) -> dict[str, Any]:
    """What the run beside a model remembers of its fit; empty where the model came alone."""
    try:
        return Run(place / "run").plan or {}
    except (OSError, BadRun):
        return {}


def _readme(place: Path) -> str:
    path = place / "README.md"
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def _pairs(samples: Tensor, nearest: Tensor) -> np.ndarray:
    """Rows of samples, each with the row of the nearest training pictures under it."""
    count = min(len(samples), _MOST_SHOWN)
    rows = []
    for start in range(0, count, _COLUMNS):
        for side in (samples, nearest):
            row = side[start : min(start + _COLUMNS, count)]
            gap = torch.ones(_COLUMNS - len(row), *row.shape[1:])
            rows.append(torch.cat([row, gap]) if count > _COLUMNS else row)
    return torch.cat(rows).numpy()
