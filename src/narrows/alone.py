"""One noisy picture alone: a small net learns from that picture, from random weights, and then restores it.

The picture is learned from recorrupted (`tasks._without_truth`), since its noise can be measured on it. Unusual: the
result is the mean over the eight ways to lay the picture, which such a short training gains most by; and beside it
stand the shipped model and the filters that need no training, judged without truth, since they often do better.
Zero-shot Noise2Noise (Mansour & Heckel 2023, CVPR) is the same idea with pairs of half the size.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from narrows._contract import Batch, DataFacts, Step, Traces
from narrows._errors import BadData, BadOption, UnknownName
from narrows._registry import tasks
from narrows.data.images import Photo
from narrows.data.sources import PatchSource
from narrows.measuring.classical import filters_for
from narrows.measuring.damage import grain_of, noise_facts
from narrows.measuring.noise import NoiseCurve
from narrows.measuring.without_truth import estimated_gain
from narrows.model.build import make
from narrows.model.model import Model
from narrows.training.config import TrainingConfig
from narrows.training.loop import Supply, train
from narrows.training.seeds import generator
from narrows.using.restore import model_for, restore_photo

SECONDS = 60.0
"""Of training, unless said otherwise."""
_WIDTHS = (24, 40)
_PATCH, _PATCHES = 64, 8
"""Pixels a side, and how many a step."""
_RATE, _MEMORY = 2e-3, 0.995
"""Learning rate and memory of the averaged weights: a short training wants large steps."""
_FAINTEST = 0.75
"""Units of 1/255: less noise is hardly more than rounding, and a net would only take detail away."""
_LAID_BELOW = 4_000_000
"""Values of a picture up to which it passes in all eight ways: beyond, that would take longer than the training."""
_UNTIL_MEASURED = 1024
"""Pixels a side of the picture's middle, on which noise is measured."""
_COMPARED = 256
"""Pixels a side of the middle on which others are tried too: BM3D takes seconds there, and minutes for a photograph."""
_RIVALS = {"bm3d": 1.0, "non_local_means": 0.8}
"""Classical filters, with the share of the noise's level that they are told."""
_SMALLEST_COMPARED = 32
_WITHOUT_TRAINING = "the shipped model"
_BETTER = 0.1
"""Decibels: less is no difference that the estimate can see."""


@dataclass(frozen=True, eq=False)
class _Opened:
    """A photo where sources expect a file."""

    opened: Photo

    def photo(self) -> Photo:
        return self.opened


class Alone(NamedTuple):
    """What was made of one picture."""

    photo: Photo
    level: float
    """Its noise, in units of 1/255, as it was measured or told."""
    steps: int
    gain: float | None
    """Decibels nearer to the truth, estimated without it on the picture's middle; None where that is too small."""
    others: dict[str, float]
    """The same of what needs no training: title to decibels."""
    notes: tuple[str, ...]
    """What the user should know of this result."""

    @property
    def verdict(self) -> str:
        """Who does best on this picture, as far as can be told without its truth."""
        if self.gain is None:
            return "the picture is too small to tell whether another way does better"
        ahead = {title: gain - self.gain for title, gain in self.others.items() if gain > self.gain + _BETTER}
        if not ahead:
            return f"estimated without truth, it is as good here as {' and '.join(self.others) or 'can be told'}"
        order = sorted(ahead, key=lambda title: -ahead[title])
        said = ", ".join(f"{title} by about {ahead[title]:.1f} dB" for title in order)
        hint = f"; leave out --only-this to have {_WITHOUT_TRAINING}" if _WITHOUT_TRAINING in ahead else ""
        return f"estimated without truth, another way does better here: {said}{hint}"


def restore_alone(
    photo: Photo,
    *,
    task: str = "denoise",
    seconds: float = SECONDS,
    steps: int | None = None,
    strength: float = 1.0,
    level: float | None = None,
    seed: int = 0,
    compare: bool = True,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> Alone:
    """Restore a photo by what it teaches itself, in about so many seconds of training (or a number of `steps`).

    `level` is the standard deviation of its noise in units of 1/255; measured unless given. With `compare`, others are
    tried on the picture's middle, which takes some seconds more. Raises BadOption, BadData where there is no noise to
    speak of, or the picture is too small to measure it.
    """
    if not tasks[task].alone:
        able = ", ".join(name for name in tasks.files() if tasks[name].alone)
        raise BadOption(f"{task} cannot be learned from one picture alone; this can: {able}")
    if not 0 < seconds <= 86_400:
        raise BadOption(f"seconds={seconds}; training takes more than 0 and at most a day: --seconds 60")
    curve, measured, notes = _noise(photo, level)
    model = _small_net(photo.shape[0], task, seed)
    grain = torch.tensor([grain_of(photo.middle(_UNTIL_MEASURED))])
    model.task.learn(Traces(torch.tensor([curve]), torch.full((1,), 100.0), torch.zeros(1), grain))
    budget = {"steps": steps} if steps is not None else {"minutes": seconds / 60}
    config = TrainingConfig(**budget, batch_size=_PATCHES, learning_rate=_RATE, ema=_MEMORY, evaluations=1, seed=seed)  # type: ignore[arg-type]
    taken = _learn(model, photo, config, progress)
    better = restore_photo(model, photo, strength=strength, careful=photo.array.size <= _LAID_BELOW)
    gain, others = _compared(model, photo, curve, task, seed, progress) if compare else (None, {})
    return Alone(better, measured, taken, gain, others, tuple(notes))


def _noise(photo: Photo, level: float | None) -> tuple[NoiseCurve, float, list[str]]:
    if level is not None:
        if not (isinstance(level, (int, float)) and 0 < level <= 2550):
            raise BadOption(f"--level {level}: a standard deviation above 0 in units of 1/255, such as 25")
        return NoiseCurve(0.0, (level / 255) ** 2), float(level), []
    facts = noise_facts([photo.middle(_UNTIL_MEASURED)])
    if facts is None:
        raise BadData(
            f"a picture of {photo.shape[1]}x{photo.shape[2]} pixels is too small to measure its noise: say it with "
            f"--level, or leave out --only-this"
        )
    if facts.level < _FAINTEST:
        raise BadData(
            f"its noise measures {facts.level:.1f} of 255, so there is nothing to learn; say it with --level if you "
            f"know better"
        )
    notes = []
    if facts.is_alike:
        notes.append(
            "neighbouring pixels share noise (after JPEG, scaling or a camera's own smoothing): a part of it stays"
        )
    return facts.curve, facts.level, notes


def _small_net(channels: int, task: str, seed: int) -> Model:
    return make(
        shape=(channels, _PATCH, _PATCH), task=task, loss="mse", n_nodes=_WIDTHS, seed=seed,
        options={"learn_from": "recorrupted"},
    )  # fmt: skip


def _learn(
    model: Model, photo: Photo, config: TrainingConfig, progress: Callable[[dict[str, Any]], None] | None
) -> int:
    """The one loop, over patches of the one picture; the number of steps that were taken."""
    channels = photo.shape[0]
    source = PatchSource([_Opened(photo)], _PATCH, channels)

    def batch(indices: Tensor, step: Step) -> Batch:
        return model.batch(source.take(indices, step.generator), step)

    def facts() -> DataFacts:
        random = generator(config.seed, "facts")
        some = source.take(torch.arange(len(source)), random)
        return model.facts(some, len(source), Step(0, 1, len(source), random))

    outcome = train(model.autoencoder, Supply(len(source), batch), None, config, facts=facts, progress=progress)
    return outcome.plan.total


def _through(model: Any, pixels: Tensor, careful: bool = False) -> Tensor:
    """C H W through a net in tiles, not clamped."""
    channels = len(pixels)
    array = np.ascontiguousarray(pixels.numpy().transpose(1, 2, 0))
    better = restore_photo(model, Photo(array, np.zeros(channels), np.ones(channels)), careful=careful)
    return torch.from_numpy(better.array.transpose(2, 0, 1).copy())


def _compared(
    model: Model,
    photo: Photo,
    curve: NoiseCurve,
    task: str,
    seed: int,
    progress: Callable[[dict[str, Any]], None] | None,
) -> tuple[float | None, dict[str, float]]:
    """Decibels that the net gains on the picture's middle, and others on the same."""
    if progress:
        progress({"event": "judging"})
    middle = photo.middle(_COMPARED)
    if min(middle.shape[1:]) < _SMALLEST_COMPARED:
        return None, {}

    def gain(restore: Callable[[Tensor], Tensor]) -> float:
        return estimated_gain(middle, curve, lambda seen: restore(seen).clamp(0, 1), generator(seed, "gain"))

    others: dict[str, float] = {}
    for one in filters_for(_RIVALS, slow=True):
        others[one.title] = gain(lambda seen, one=one: one.apply(seen, _RIVALS[one.name]))
    with contextlib.suppress(UnknownName):  # where no model ships
        ready = model_for(task, len(middle))
        others[_WITHOUT_TRAINING] = gain(lambda seen: _through(ready, seen))
    return gain(lambda seen: _through(model, seen, careful=True)), others
