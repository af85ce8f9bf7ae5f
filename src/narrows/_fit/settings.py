"""What a fit may be told, and that a run goes on only with the data and settings that it began with."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from typing import Any

from narrows import _device
from narrows._errors import BadOption, BadRun, UnknownName, refuse_other_types
from narrows.data.reading import Dataset
from narrows.data.splits import content_hash
from narrows.training.config import TrainingConfig
from narrows.training.runs import Run

_DEFAULT_MINUTES = 5.0
_MOST_HELD_BACK = 0.9
"""Share of the data from which too little is left to learn from."""
TWIN = "direct"
"""Folder, in the run's, of the twin's run."""


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
    shift: int | None = None
    """Training pictures are moved by up to so many pixels each way, at random. None: where they are learned through a
    code, a 32nd of the shorter side."""
    mirror: bool | None = None
    """Half of the training pictures, at random, have left and right exchanged. None: where they are learned through a
    code and mirrored ones look like the others."""
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
        for name in ("like", "begin_with"):
            if isinstance(getattr(self, name), os.PathLike):
                object.__setattr__(self, name, os.fspath(getattr(self, name)))
        refuse_other_types(self)
        for name in ("held_out", "validation"):
            if not 0 <= getattr(self, name) < _MOST_HELD_BACK:
                raise BadOption(
                    f"{name}={getattr(self, name)}; it takes a share from 0 to below {_MOST_HELD_BACK}, such as 0.1"
                )
        if self.held_out + self.validation >= _MOST_HELD_BACK:
            raise BadOption(
                f"held_out={self.held_out} and validation={self.validation} leave next to nothing to learn from; "
                f"together they are below {_MOST_HELD_BACK}, such as 0.1 and 0.05"
            )
        if self.shift is not None and not 0 <= self.shift <= 64:
            raise BadOption(f"shift={self.shift}; pictures are moved by 0 to 64 pixels, such as --shift 1")
        if not 8 <= self.patch <= 1024:
            raise BadOption(f"patch={self.patch}; sides are 8 to 1024 pixels, such as --patch 64")
        if self.channels not in (None, *range(1, 65)):
            raise BadOption(f"channels={self.channels}; it takes 1 (grey), 3 (colour), or up to 64")
        sides = self.size if isinstance(self.size, (tuple, list)) else (0,)
        if self.size is not None and not (len(sides) == 2 and all(side in range(1, 1025) for side in sides)):
            raise BadOption(f"size={self.size}; sides are 1 to 1024 pixels, such as --size 64x64")


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


def refuse_for_tables(chosen: FitSettings) -> None:
    """Raise BadOption for what is only done with pictures."""
    usual = FitSettings()
    for name in ("size", "channels", "patch", "shift", "mirror", "group_by"):
        value = getattr(chosen, name)
        if value and value != getattr(usual, name):  # not to shift and not to mirror is what happens
            raise BadOption(f"{name}={value!r} is for pictures; this is a table: leave out --{name.replace('_', '-')}")


def hold_to_the_same_job(run: Run, dataset: Dataset, chosen: FitSettings, config: TrainingConfig, force: bool) -> None:
    """A run goes on only with the data and settings that it began with, once it has kept a step. `force` begins anew
    where it cannot go on or has ended; one that was stopped goes on, or the same command with --force would begin anew
    each time. Raises BadRun."""
    job = {
        "data": content_hash("".join(sorted(dataset.keys)).encode()),
        "fit": asdict(chosen),
        "training": config.as_dict(),
    }
    job = json.loads(json.dumps(job))
    stored = _plan_unless_done(run, job) if force else run.plan
    if stored is not None and stored.get("job") != job and not run.has_kept:
        run.clear()
        stored = None
    if stored is None:
        run.begin({"job": job, "machine": _device.describe()})
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
    twin = run.folder / TWIN
    if twin.is_dir():
        with Run.open(twin) as beside:
            beside.clear()
    return None
