"""Blur pictures, exactly; or let a net learn to, which shows what a net can do.

Without a model the verb convolves with the Gaussian itself. Fitting it is an exercise with a known answer: the target
is the truly blurred picture.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from narrows._contract import AbstractTask, Batch, Formula, Step
from narrows._errors import BadOption
from narrows.nn.degrade import gaussian, gaussian_reach

WIDEST = 100.0


class Blur(AbstractTask):
    """`sigma`: standard deviation of the Gaussian, in pixels."""

    metric = "psnr"
    classical = ("gaussian",)

    def __init__(self, *, sigma: float = 1.0) -> None:
        super().__init__()
        self.sigma = _checked(sigma, "--set sigma=1")

    def example(self, pictures: Tensor, step: Step) -> Batch:
        return Batch(pictures, gaussian(pictures, self.sigma))

    def prepare(self, photo: Tensor, *, sigma: float | None = None) -> Tensor:
        """sigma: standard deviation of the Gaussian in pixels; 1 unless said. A trained model has one of its own."""
        if sigma is not None and sigma != self.sigma:
            raise BadOption(f"--sigma {sigma}: this model has learned {self.sigma:g}; leave --model out for any other")
        return photo

    def exact(self, *, sigma: float | None = None, **options: Any) -> Formula:
        sigma = self.sigma if sigma is None else _checked(sigma, "--sigma 1")
        return Formula(lambda photo: gaussian(photo, sigma), gaussian_reach(sigma))


def _checked(sigma: float, hint: str) -> float:
    if not 0 <= sigma <= WIDEST:
        raise BadOption(f"sigma={sigma}; it takes 0 to {WIDEST:g} pixels: {hint}")
    return sigma
