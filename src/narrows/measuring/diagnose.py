"""What is wrong with a picture, from the picture alone: too dark, noisy, stored too small as JPEG, blurred, or nothing.

Each trace has a threshold, chosen on BSDS500's training photographs and judged on others (benchmarks/auto.py). They are
set so that a person would agree: an old JPEG of fair quality, the grain of film or a night scene with bright lights is
not wrong. What hides something else is looked at first: in the dark and under noise a blur cannot be told, and is not.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from narrows.measuring.noise import noise_level
from narrows.measuring.traces import edge_steepness, highlights, jpeg_quality

DARK, NOISE, JPEG, BLUR = "dark", "noise", "jpeg", "blur"
VERBS = {DARK: "brighten", NOISE: "denoise", JPEG: "unjpeg", BLUR: "sharpen"}
"""What is wrong to the verb, and task, that repairs it; in the order in which they are named and done."""

_DARK_BELOW = 0.4
"""Brightness that 99 of 100 pixels are under, in a picture that is too dark."""
_NOISE_FROM = 4.0
"""Units of 1/255; in the dark, where brightening multiplies it, brightening takes it out as well."""
_JPEG_TO = 65
"""The best quality that is worth repairing: at 75, most programs' own, hardly anybody sees a block."""
_STEEP = 0.39
"""Share of an edge's height that the steepest edges climb within a pixel, below which a picture is blurred."""
_STEPS_OF_A_GAUSSIAN = 0.4
"""The same times a Gaussian blur's width: its steepest slope is 1 / (width * sqrt(2 pi))."""


class Trouble(NamedTuple):
    """One thing that is wrong."""

    name: str
    """Of `VERBS`."""
    amount: float
    """Noise in units of 1/255, JPEG quality, blur in pixels, or brightness of the highlights, 0 to 1."""
    sentence: str
    """What was seen, for people."""

    @property
    def verb(self) -> str:
        """What repairs it."""
        return VERBS[self.name]


def diagnose(picture: Tensor) -> tuple[Trouble, ...]:
    """C H W in [0, 1] -> what is wrong, what matters most first; () where nothing is.

    Pictures under 32 pixels a side are judged by their darkness and noise alone; of large ones, give the middle.
    """
    picture = picture.detach().cpu().float().nan_to_num(0.0, 1.0, 0.0)
    found = []
    light = highlights(picture)
    if light < _DARK_BELOW and bool(picture.max() > 0):
        found.append(Trouble(DARK, light, f"too dark: 99 of 100 pixels are under {100 * light:.0f} % of white"))
    level = noise_level(picture)
    if level >= _NOISE_FROM:
        found.append(Trouble(NOISE, level, f"noise of {level:.0f} units of 255"))
    quality = jpeg_quality(picture)
    if quality is not None and quality <= _JPEG_TO:
        found.append(Trouble(JPEG, quality, f"JPEG blocks, as of quality {quality}"))
    steepness = edge_steepness(picture)
    if not {DARK, NOISE} & {one.name for one in found} and steepness is not None and steepness < _STEEP:
        width = _STEPS_OF_A_GAUSSIAN / max(steepness, 0.05)
        found.append(Trouble(BLUR, width, f"blurred, as by {width:.1f} pixels"))
    return tuple(found)
