"""The page of `narrows demo`: an autoencoder of digits and a denoised photograph, in one file that opens offline."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from narrows.measuring.judge import Judgement
from narrows.model.model import Model


class DemoDigits(NamedTuple):
    """The first half: an autoencoder, fitted on digits while one waits."""

    model: Model
    """With its card, as `fit(...).model.model` is."""
    judgement: Judgement
    """As `fit(...).judgement`: the verdict, originals, reconstructions and PCA's."""
    walks: Tensor
    """R N C H W in [0, 1]: R walks from one digit to another through the codes between, N pictures each, ends
    included."""
    new: Tensor | None
    """N C H W in [0, 1]: digits drawn from a prior; None for kinds without one."""
    seconds: float
    """Training clock."""
    report: Path | None
    """The full report; linked to relative to the page, wherever it lies. None leaves the link out."""
    command: str = ""
    """What to type to do the same with one's own pictures, such as "narrows fit my-pictures/ --out my-model"."""


class DemoPhoto(NamedTuple):
    """The second half: a photograph with noise put on it, restored by the shipped model."""

    name: str
    """What is seen, or a file's name."""
    clean: Tensor
    """C H W in [0, 1], C 1 or 3. All four pictures have one shape."""
    noisy: Tensor
    restored: Tensor
    filtered: Tensor
    """By the best classical filter."""
    filter: str
    """The filter's name with its setting, such as "non-local means 0.8"."""
    level: float
    """Standard deviation of the noise, in 255ths."""
    seconds: float
    """To restore it."""
    model: str
    """The shipped model's name."""
    command: str = ""
    """What to type to do the same with one's own, such as "narrows denoise photo.jpg"."""


def write_demo_page(path: str | Path, *, digits: DemoDigits, photo: DemoPhoto | None, lang: str = "en") -> Path:
    """Write the page; `lang` is "en" or "vi". Without a shipped model `photo` is None and the page says so.

    Returns the path. Raises CannotWrite, UnknownName for another language.
    """
    raise NotImplementedError
