"""What was done to somebody's pictures, measured on the pictures, and from that how a net can learn to undo it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from narrows._contract import Traces
from narrows._errors import BadData
from narrows.measuring.noise import NoiseCurve, noise_curve, noise_level
from narrows.measuring.traces import blur_width, jpeg_quality

_SMALLEST = 32
"""Pixels a side: smaller pictures do not tell noise from detail."""
_NOISY = 3.0
"""Units of 1/255. Clean photographs gave up to 1.2 (docs/log.md)."""
_HIDDEN = 8.0
"""The same, of every second pixel: more than most clean photographs' own texture."""
_ALIKE = 1.6
"""Times as much noise between every second pixel as between neighbours: then neighbours share a part of it."""
_SAME = 0.15
"""Noise of most pictures within this share of what one curve says is noise of one strength."""
_ROUNDING = 1e-6
"""Values in single precision that are nearer to each other than this are one."""
_UNTRACED = 100
"""Where no JPEG left its trace."""
_NO_TRACE = 95
_MIDDLE = 192
"""Pixels a side, of each picture, that are looked at together."""


class NoiseFacts(NamedTuple):
    """How noisy pictures are, in units of 1/255."""

    level: float
    """The middle one of the pictures' levels."""
    curve: NoiseCurve
    """Of all pictures together."""
    is_even: bool
    """Whether the one curve describes most pictures."""
    is_alike: bool
    """Whether neighbouring pixels share noise, as after demosaicking, JPEG or any smoothing."""


class Way(NamedTuple):
    """How to learn from these pictures, and why: a clause."""

    name: str
    reason: str


def traces(pictures: Sequence[Tensor], together: NoiseCurve | None = None) -> Traces:
    """Pictures, C H W in [0, 1] -> what each shows of noise, JPEG and blur. With `together`, that is everyone's noise.

    Raises BadData where no picture is large enough to tell.
    """
    pictures = _large_enough(pictures)
    if not pictures:
        raise BadData(
            f"no picture of at least {_SMALLEST}x{_SMALLEST} pixels came to measure damage on; give larger ones"
        )
    noise, quality, blur = [], [], []
    grain = torch.tensor([grain_of(picture) for picture in pictures])
    for picture in pictures:
        curve = together or noise_curve(picture)
        noise.append((curve.slope, curve.offset))
        quality.append(jpeg_quality(picture) or _UNTRACED)
        blur.append(blur_width(picture))
    found = Traces(torch.tensor(noise), torch.tensor(quality, dtype=torch.float32), torch.tensor(blur), grain)
    return found._replace(quality=torch.where(found.quality > _NO_TRACE, float(_UNTRACED), found.quality))


def grain_of(picture: Tensor) -> float:
    """C H W in [0, 1] -> the usual step from one value that occurs to the next; 0 where there is one value.

    8 bits leave 1/255, and counted photons what one is worth. Bright counts are rare and leave gaps: a narrow one of
    ten counts.
    """
    gaps = picture.flatten().unique().diff()
    gaps = gaps[gaps > _ROUNDING]
    return float(gaps.kthvalue(math.ceil(0.1 * len(gaps))).values) if len(gaps) else 0.0


def noise_facts(pictures: Sequence[Tensor]) -> NoiseFacts | None:
    """C H W in [0, 1], at least a few -> their noise; None where none is 32 pixels a side."""
    pictures = _large_enough(pictures)
    if not pictures:
        return None
    levels = torch.tensor([noise_level(picture) for picture in pictures])
    apart = [noise_level(picture[:, ::2, ::2]) for picture in pictures]
    side = min(_MIDDLE, *(min(picture.shape[1:]) for picture in pictures))
    # One tall picture: only patches across its few seams are not real, and weakly textured patches win anyhow.
    curve = noise_curve(torch.cat([_middle(picture, side) for picture in pictures], 1))
    expected = torch.tensor([255 * _mean_variance(curve, picture) ** 0.5 for picture in pictures])
    off = (levels / expected.clamp_min(1e-6) - 1).abs()
    level = float(levels.median())
    return NoiseFacts(
        level,
        curve,
        float(off.quantile(0.75)) <= _SAME,
        float(torch.tensor(apart).median()) > _ALIKE * max(level, 1e-6),
    )


def choose_way(pictures: Sequence[Tensor], *, any_size: bool) -> tuple[Way, NoiseFacts | None]:
    """Whether the pictures are clean, else the best way to learn from noisy ones. `any_size` says that the net takes
    pictures of half the size too."""
    facts = noise_facts(pictures)
    if facts is None:
        return Way("clean", f"under {_SMALLEST} pixels a side noise cannot be told from detail: taken as clean"), None
    shown = f"{facts.level:.1f}"
    if facts.level < _NOISY:
        apart = float(torch.tensor([noise_level(p[:, ::2, ::2]) for p in _large_enough(pictures)]).median())
        if apart >= _HIDDEN:
            return Way(
                "clean",
                f"taken as clean: noise of {shown} of 255 from pixel to pixel; if they are noisy, neighbouring pixels "
                f"share it, and then only clean pictures or pairs can teach",
            ), facts
        return Way("clean", f"the pictures are clean: their noise measures {shown} of 255"), facts
    if facts.is_even and not facts.is_alike:
        return Way("recorrupted", f"the pictures are noisy, all about alike: {shown} of 255, measured"), facts
    if facts.is_alike:
        said = f"the pictures are noisy ({shown} of 255) and neighbouring pixels share noise, of which a part will stay"
    else:
        said = f"the pictures are noisy, each in its own measure, about {shown} of 255"
    return Way("neighbours" if any_size else "blind_spots", said), facts


def _large_enough(pictures: Sequence[Tensor]) -> list[Tensor]:
    return [picture for picture in pictures if min(picture.shape[1:]) >= _SMALLEST]


def _middle(picture: Tensor, side: int) -> Tensor:
    top, left = ((length - side) // 2 for length in picture.shape[1:])
    return picture[:, top : top + side, left : left + side]


def _mean_variance(curve: NoiseCurve, picture: Tensor) -> float:
    return max(0.0, curve.slope * float(picture.mean()) + curve.offset)
