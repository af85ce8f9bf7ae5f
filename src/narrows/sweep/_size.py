"""`narrows size`: how big a code should be."""

from __future__ import annotations

import math
from dataclasses import asdict
from pathlib import Path
from typing import Any, NamedTuple

from narrows._errors import BadOption
from narrows._files import make_folder
from narrows._fit.settings import FitSettings, parse_settings
from narrows.data.reading import read
from narrows.data.splits import content_hash
from narrows.measuring.intrinsic import Dimensions
from narrows.measuring.sizing import SizeVerdict, Tried
from narrows.pages.sized import SizedPage, write_sized_page
from narrows.sweep._sizes import Progress, Sweep
from narrows.sweep._trials import Trials, need_optuna, plain
from narrows.training.runs import Run

SEEDS = 3


class Sized(NamedTuple):
    """What `size` gives."""

    verdict: SizeVerdict
    tried: list[Tried]
    dimensions: Dimensions
    noise: float
    """What one code value gains by storing noise; 0 where the data have no floor of white noise."""
    page: Path
    seconds: float
    """Training time, of every part of a resumed sweep."""


def size(
    data: Any, *, out: str | Path, minutes: float = 20.0, largest: int | None = None, seeds: int = SEEDS,
    force: bool = False, lang: str = "en", command: str = "", progress: Progress | None = None, **settings: Any,
) -> Sized:  # fmt: skip
    """How many values a code for these data should have, with evidence; a page and the trials are kept in `out`.

    Sizes on a log grid up to `largest`, refined around the knee, are trained until their held-out error stops falling
    or `minutes` of training are over; the size in question and its neighbours with `seeds` seeds. `settings` are those
    of `fit`, code_size left out; `steps` are those of the first round of each size (else as many as a fifth of the
    time gives). Called again after an interruption it goes on.

    Raises NotSupported without Optuna, BadData, BadOption, BadRun, WouldOverwrite, RunStopped.
    """
    for name in ("code_size", "epochs"):
        if settings.get(name) is not None:
            raise BadOption(f"{name} came; a sweep tries sizes within its --minutes: leave {name} out")
    if not (math.isfinite(minutes) and minutes > 0) or seeds < 1:
        raise BadOption(f"minutes={minutes}, seeds={seeds}; they take numbers above 0, such as --minutes 20 --seeds 3")
    if largest is not None and largest < 2:
        raise BadOption(f"largest={largest}; sizes are compared, so it takes 2 or more, such as --largest 64")
    refuse_unheeded(settings)
    steps = settings.pop("steps", None)
    chosen, config = parse_settings({**settings, "minutes": minutes})
    tell = progress or silent
    need_optuna()
    tell({"event": "reading"})
    dataset = read(data, shape=shape_of(chosen), channels=chosen.channels, group_by=chosen.group_by)
    training = {name: value for name, value in config.as_dict().items() if name != "minutes"}  # more of them go on
    job = {"data": content_hash("".join(sorted(dataset.keys)).encode()), "fit": plain(asdict(chosen)),
           "training": plain(training), "largest": largest, "steps": steps}  # fmt: skip
    folder = make_folder(Path(out))
    with Run.open(folder / "run"):
        trials = Trials(folder, job, force, minutes)
        sweep = Sweep(dataset, chosen, config, trials, minutes, largest, seeds, steps, tell)
        sweep.go()
        tell({"event": "judging"})
        verdict = sweep.verdict()
        page = write_sized_page(
            folder / "size.html",
            SizedPage(verdict, sweep.tried(), sweep.mean, sweep.dimensions, sweep.noise_per_value, dataset.form,
                      len(sweep.parts.training), trials.seconds, command),
            lang=lang,
        )  # fmt: skip
        trials.end()
    return Sized(verdict, sweep.tried(), sweep.dimensions, sweep.noise_per_value, page, trials.seconds)


def refuse_unheeded(settings: dict[str, Any]) -> None:
    """Raise BadOption for settings of `fit` that a sweep would not heed."""
    for name in ("learn_from", "like", "check_pairs"):
        if settings.get(name) is not None:
            raise BadOption(
                f"{name} came; a sweep takes pictures or a table as they are, without pairs or a look at their damage: "
                f"leave {name} out, or give it to fit"
            )
    if settings.get("devices", 1) != 1:
        raise BadOption(f"devices={settings['devices']!r} came; a sweep trains in one process: give devices to fit")


def shape_of(chosen: FitSettings) -> tuple[int, ...] | None:
    """What pictures are fitted to, where that was said."""
    return None if chosen.size is None else (chosen.channels or 1, *chosen.size)


def silent(event: dict[str, Any]) -> None:
    """No progress wanted."""
