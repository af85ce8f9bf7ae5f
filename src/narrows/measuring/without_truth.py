"""How much a denoiser gained on a picture whose truth nobody knows, with a 95 % interval.

Stein's unbiased risk estimate (Stein 1981; by Monte Carlo, Ramani, Blu & Unser 2008, IEEE TIP 17:1540; for noise that
grows with the light, its variance at every pixel, as Luisier, Blu & Unser 2011) says

    error = change - noise + 2 * noise * gradient

where `change` is the mean square of what was taken out, `noise` the noise's variance and `gradient` the mean
derivative of a result's pixel by its own input. It is exact but for chance where the variance is known. An estimated
one is not good enough: at a gain of 9 dB an error of 2 % in the variance is 0.7 dB. So three things more are used:

- A net that was trained for the least squared error gives nearly the mean of what the clean pixel may be, for which
  error = noise * gradient (Tweedie's formula): the gain is about 1 / gradient, whatever the variance.
- Where the gradient is small, in smooth parts, `change` is the noise itself: that is where the variance is measured.
- In a stored picture black and white cut the noise off: what a Gaussian loses there says what the pixels near them
  were (a mean of noise above black is no black), how large their error was, and how large it is in a result.

The network's error comes from both, weighted by how sure each is, and every other filter's from the network's by the
difference of their two risk estimates, in which the noise's variance nearly cancels.

`estimated_gain` uses neither, since nothing is taken for granted of a restorer there: nets and filters stand side by
side, and an error in the noise's strength moves them all alike, and so hardly their order.

All this takes noise for independent from pixel to pixel. Noise that was blurred, scaled or stored as JPEG is not, and
then the estimate is none: where what was taken out of smooth parts is alike in neighboring pixels, none is given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from narrows._errors import BadData
from narrows.measuring.intervals import Interval
from narrows.measuring.noise import NoiseCurve, noise_curve

Restorer = Callable[[Tensor], Tensor]
"""C H W -> C H W."""

_BLOCK = 32
"""Pixels of a block's side, over which gradients and changes are averaged."""
_STEP = 0.1
"""Of the noise's standard deviation: how far the picture is moved to see what the result does."""
_LEAST_ERROR = 1e-3
"""Of the noise: an error that `estimated_gain` finds less, or below 0, is taken as this."""
_SMOOTH = 0.4
"""Share of the blocks, those of the smallest gradient, in which the noise is measured."""
_ROOM = 2.5
"""Standard deviations of the noise between a pixel and black or white: nearer, stored pictures have it cut off."""
_SAFE_BLOCK, _LEAST_SAFE = 0.5, 0.1
"""Share of a block, and of the picture, whose noise must be whole."""
_CUT_DOUBT = 0.2
"""The relative spread of the error that is left where black or white cut the noise off."""
_LEAST_LEVEL = 1.0
"""Units of 1/255: below, 8-bit pictures hold little but their rounding."""
_SHARED = 0.15
"""Correlation of what was taken out with the same one pixel on. Independent noise of 3 to 50 units gave -0.11 to 0, the
noise of cameras 0.2 to 0.7 (docs/log.md)."""


class _Trust(NamedTuple):
    """Error over noise * gradient of the shipped denoisers: 1, and more for every unit of the noise's level (or less: a
    net that learned by the squared error alone cares little for the small errors of smooth parts), and less where it
    is not even; and that ratio's relative spread over pictures, which grows with the level too."""

    more: float
    more_in_smooth: float
    uneven: float
    spread: float
    spread_more: float


_GREY, _COLOUR = _Trust(-0.0015, -0.005, 0.5, 0.05, 0.004), _Trust(-0.0012, -0.004, 0.0, 0.03, 0.0025)
"""Of nets for one channel and for three (docs/log.md, 2026-11-27)."""
_MOST_UNEVEN = 0.25
_FOUND = 1.2
"""Times as wide, where the level was not told: pictures whose texture passes for noise (docs/log.md)."""
_GRAIN, _GRAIN_SPREAD = 1.2, 2.0
"""Squares of 1/255: what a photograph's own grain adds to the noise that is found in it, and how that differs."""
_OWN = 1.5
"""Of the chance in what noise and the network's error have in common."""
_LEAST_SHARE = 0.05
"""Of the noise's variance: a smaller change says nothing of the noise."""
_DECIBELS = 10 / math.log(10)
"""Decibels that a relative change is worth, where it is small."""
_SURE_OF = 1.96
"""Standard deviations in a 95 % interval, each way."""
_FARTHEST, _STEPS = 6.0, 600
"""Of the table of what a Gaussian loses at an edge: standard deviations, and numbers up to there."""
_FINE, _PLACES, _WIDTH = 0.05, 60, 0.4
"""Standard deviations of the noise from black or white: one step of a table, its length, and how near is the same."""


class Gains(NamedTuple):
    """What is known of results without truth."""

    level: float
    """Standard deviation of the noise, its root mean square over the picture, in units of 1/255."""
    gains: dict[str, Interval]
    """Restorer to decibels over the untouched picture, with a 95 % interval."""
    overs: dict[str, Interval]
    """Of each of the others: decibels that the network gains over it. An error in the noise's variance moves both gains
    alike, so these are surer than the difference of two gains looks."""

    @property
    def best(self) -> str:
        """The restorer with the largest gain."""
        return max(self.gains, key=lambda name: self.gains[name].value)


def estimate_gains(
    picture: Tensor,
    network: Restorer,
    others: Mapping[str, Restorer] | None = None,
    *,
    generator: torch.Generator,
    level: float | None = None,
) -> Gains:
    """C H W in [0, 1] (not clipped, where it was not) -> the gain of `network`, under that name, and of `others`.

    `network` must be a denoiser trained for the least squared error; `others` may be anything that turns a picture
    into one. `level` is the noise's standard deviation in units of 1/255, where it is known; else it is estimated, and
    may grow with the light. Every restorer runs twice. Raises BadData for pictures under 32 pixels a side or in which
    there is no noise to be seen (under 1 unit), or noise that neighbors share.
    """
    if min(picture.shape[1:]) < _BLOCK:
        raise BadData(f"a picture of {picture.shape[1]}x{picture.shape[2]} pixels is too small to judge a gain by")
    curve = NoiseCurve(0.0, (level / 255) ** 2) if level is not None else noise_curve(picture)
    result = network(picture)
    variance = curve.slope * result.clamp(0, 1) + curve.offset
    rough = 255 * math.sqrt(max(0.0, float(variance.mean())))
    if rough < _LEAST_LEVEL:
        raise BadData(f"noise of {rough:.2g} units of 1/255 is too little to judge a gain by")
    if (alike := _shared(picture - result, result)) > _SHARED:
        raise BadData(
            f"what was taken out of it is alike in neighboring pixels ({alike:.2f}, where independent noise has 0), as "
            f"it is after a camera's own processing; no gain can be told from that"
        )
    safe = _unclipped(picture, result, variance)
    if float(safe.mean()) < _LEAST_SAFE or float(_blocks(safe).max()) < _SAFE_BLOCK:
        raise BadData("too much of it is black or white to judge a gain by")
    shape = variance / ((variance * safe).sum() / safe.sum())
    signs = _signs(picture, generator)
    if bool((safe < 1).any()):  # nothing is moved over black or white, where no stored picture has anything
        room = _STEP * rough / 255
        signs = signs * ((picture > room) & (picture < 1 - room))
    seen = _Seen(picture, shape, signs, safe, rough)
    looks = {"network": seen.look(network, result)}
    for name, restorer in (others or {}).items():
        looks[name] = seen.look(restorer, restorer(picture))
    mine = looks["network"]
    noise, doubt = _noise(seen, mine, None if level is None else (level / 255) ** 2)
    cut = _cut_off(seen, mine, noise)
    left = {name: _left(look, noise, cut) for name, look in looks.items()}
    own = _OWN * 2 * math.sqrt(left["network"].ratio / seen.count)
    apart = {name: _apart(mine, look, noise) for name, look in looks.items()}
    return Gains(
        255 * math.sqrt(noise),
        {name: _gain(one, math.hypot(own, apart[name]), doubt, cut) for name, one in left.items()},
        {name: _over(left["network"], one, apart[name], doubt) for name, one in left.items() if name != "network"},
    )


def estimated_gain(picture: Tensor, curve: NoiseCurve, restore: Restorer, generator: torch.Generator) -> float:
    """C H W in [0, 1], not clipped, and its noise -> decibels that `restore`, of any kind, takes the picture nearer to
    the truth. It runs twice."""
    result = restore(picture)
    variance = (curve.slope * result.clamp(0, 1) + curve.offset).clamp_min(0)
    noise = float(variance.mean())
    if noise == 0:
        return 0.0
    slopes = _slopes(restore, picture, result, _signs(picture, generator), math.sqrt(noise))
    error = float((result - picture).square().mean()) - noise + 2 * float((variance * slopes).mean())
    return -10 * math.log10(max(_LEAST_ERROR, error / noise))


def _signs(picture: Tensor, generator: torch.Generator) -> Tensor:
    """C H W: 1 or -1 for every pixel, by chance."""
    return torch.randint(0, 2, picture.shape, generator=generator).to(picture) * 2 - 1


def _slopes(restorer: Restorer, picture: Tensor, result: Tensor, signs: Tensor, deviation: float) -> Tensor:
    """C H W: derivatives of the result's pixels by their own inputs, right in the mean; the noise has this standard
    deviation."""
    step = _STEP * deviation
    return signs * (restorer(picture + step * signs) - result) / step


class _Look(NamedTuple):
    """What two passes through a restorer show."""

    result: Tensor
    change: float
    """Mean square of what it took out."""
    gradient: float
    """Mean derivative of a result's pixel by its own input, weighted as the noise is; never quite 0."""
    chance: float
    """Standard deviation of the gradient, from the signs that were drawn."""
    beyond: float
    """The gradient where black or white cut the noise off."""
    let_through: float
    """The square of all derivatives of a pixel there, together: how much of the noise's variance comes through."""
    changes: Tensor
    gradients: Tensor
    """The same of every block."""


class _Seen(NamedTuple):
    """A picture that restorers are tried on."""

    picture: Tensor
    shape: Tensor
    """Variance of the noise over its mean, at every pixel."""
    signs: Tensor
    """1 or -1, by chance: which way each pixel is moved; 0 where it is not."""
    safe: Tensor
    """1 where the noise is whole, 0 where black or white cut it off. Everything is a mean over the former."""
    level: float
    """Of the noise, roughly, in units of 1/255."""

    @property
    def count(self) -> int:
        return int(self.safe.sum())

    def look(self, restorer: Restorer, result: Tensor) -> _Look:
        slopes = self.shape * _slopes(restorer, self.picture, result, self.signs, self.level / 255)
        change = (result - self.picture).square()
        gradients = self.blocks(slopes)
        spread = max(0.0, self.mean(slopes.square()) - float(gradients.square().nanmean()))
        gradient = min(1.0, max(1 / self.count, self.mean(slopes)))
        cut = (1 - self.safe) * self.signs.abs()
        moved = cut.sum().clamp_min(1)
        beyond = max(0.0, float((slopes * cut).sum() / moved))
        let_through = float((slopes.square() * cut).sum() / moved)
        return _Look(
            result, self.mean(change), gradient, math.sqrt(spread / self.count), beyond, let_through,
            self.blocks(change), gradients,
        )  # fmt: skip

    def mean(self, values: Tensor) -> float:
        """Of C H W."""
        return float((values * self.safe).sum() / self.count)

    def blocks(self, values: Tensor) -> Tensor:
        """C H W -> N: means over blocks and channels; not a number where black or white cut most of the noise off."""
        share = _blocks(self.safe)
        return torch.where(share >= _SAFE_BLOCK, _blocks(values * self.safe) / share.clamp_min(1e-3), torch.nan)


def _shared(removed: Tensor, result: Tensor) -> float:
    """Correlation of what was removed with the same one pixel on, the mean of across and down, where the result is
    smoothest."""
    rough = torch.diff(result, dim=2, append=result[..., -1:]).square().mean(0, keepdim=True)
    at = F.avg_pool2d(rough, _BLOCK).flatten().argsort()
    at = at[: max(1, math.ceil(_SMOOTH * len(at)))]
    blocks = F.unfold(removed[:, None], _BLOCK, stride=_BLOCK).unflatten(1, (_BLOCK, _BLOCK))
    smooth = blocks[..., at] - blocks[..., at].mean((1, 2), keepdim=True)
    power = float(smooth.square().mean())
    if power == 0:
        return 0.0
    across, down = smooth[:, :, 1:] * smooth[:, :, :-1], smooth[:, 1:] * smooth[:, :-1]
    return float(across.mean() + down.mean()) / 2 / power


def _unclipped(picture: Tensor, result: Tensor, variance: Tensor) -> Tensor:
    """C H W: 1 where noise of this variance stays inside of [0, 1], as the result tells; all where none is cut off."""
    if float(picture.min()) < 0 or float(picture.max()) > 1:
        return torch.ones_like(picture)
    room = _ROOM * variance.clamp_min(0).sqrt()
    return ((result > room) & (result < 1 - room)).to(picture)


def _noise(seen: _Seen, looked: _Look, known: float | None) -> tuple[float, float]:
    """Variance of the noise, and its relative standard deviation: what both ways of knowing the error agree on."""
    shapes = seen.blocks(seen.shape)
    order = (looked.gradients / shapes).nan_to_num(torch.inf).argsort()
    whole = int(looked.gradients.isfinite().sum())
    smooth = order[: max(1, math.ceil(_SMOOTH * whole))]
    passed = min(0.9, max(0.0, float(looked.gradients[smooth].mean() / shapes[smooth].mean())))
    uneven = min(_MOST_UNEVEN, seen.mean((seen.shape - 1).square()))
    trust = _COLOUR if len(seen.picture) == 3 else _GREY
    expected, in_smooth = (
        1 + more * seen.level - trust.uneven * uneven for more in (trust.more, trust.more_in_smooth)
    )  # fmt: skip
    trusted = trust.spread + trust.spread_more * seen.level
    rough = known or (seen.level / 255) ** 2
    if looked.change == 0:
        return rough, trusted
    noise = float(looked.changes[smooth].mean() / shapes[smooth].mean()) / (1 - (2 - in_smooth) * passed)
    off = math.hypot(math.sqrt(2 / (len(smooth) * _BLOCK**2 * len(seen.picture))), trusted * passed)
    if known is not None:
        noise, off = known, math.sqrt(2 / seen.count)
    by_net = expected * looked.gradient
    by_risk = looked.change / noise - 1 + 2 * looked.gradient
    spread_net, spread_risk = trusted * by_net, off * looked.change / noise
    weight = spread_risk**2 / (spread_net**2 + spread_risk**2)
    ratio = weight * by_net + (1 - weight) * by_risk
    spread = spread_net * spread_risk / math.hypot(spread_net, spread_risk)
    # Where the two disagree by more than they should, neither is as sure as it claims (Birge's ratio).
    spread *= max(1.0, abs(by_net - by_risk) / math.hypot(spread_net, spread_risk))
    share = 1 + max(ratio, 0.1 * by_net) - 2 * looked.gradient  # of the noise's variance, in the change
    if share < _LEAST_SHARE:  # nearly nothing was taken out, which does not tell how much there is
        return rough, max(off, trusted)
    found, doubt = looked.change / share, spread / share
    if known:
        return found, doubt
    grain = min(_GRAIN / 255**2, found / 2)
    return found - grain, math.hypot(_FOUND * doubt, _GRAIN_SPREAD / 255**2 / (found - grain))


class _Cut(NamedTuple):
    """Pixels near black and white, where the noise is cut off. Squares are over the noise of all others together."""

    where: Tensor
    """C H W: 1 there."""
    clean: Tensor
    """C H W: what stands there without noise, as the network tells."""
    before: float
    """Square of the noise that is left of it."""
    unsure: float
    """Square of the error of `clean`: what the network does not take out."""
    others: float
    """Square of the noise of all others together."""

    def error(self, result: Tensor) -> float:
        """Square of a result's error there: it may lean away from black and white, as the mean of cut noise does."""
        return self.unsure + float(((result - self.clean).square() * self.where).sum()) / self.others


def _cut_off(seen: _Seen, network: _Look, noise: float) -> _Cut | None:
    """What a Gaussian N(m, s^2) loses at 0: its mean becomes m F(m/s) + s f(m/s); its mean square around m becomes
    s^2 (F(m/s) - m/s f(m/s)) + m^2 F(-m/s). What stands where a network says v, is said by the mean of all that was
    stored there: a network may lean away from black, as that mean does, or not, as it was trained."""
    where = 1 - seen.safe
    if not bool(where.any()):
        return None
    spread = (noise * seen.shape).clamp_min(1e-12).sqrt()
    dark = network.result < 0.5
    away, stored = (torch.where(dark, one, 1 - one) / spread for one in (network.result, seen.picture))
    away = away.clamp_min(0)
    place = (away / _FINE).long().clamp_max(_PLACES - 1)
    counted, said, kept = (
        torch.bincount(place.flatten(), (one * where).flatten().double(), minlength=_PLACES)
        for one in (torch.ones_like(away), away, stored)
    )
    # Over a width, for within it a result goes up and down with the noise of what was stored.
    apart = torch.arange(_PLACES, dtype=torch.float64) * _FINE
    near = torch.exp(-0.5 * ((apart[:, None] - apart) / _WIDTH).square())
    counted, said, kept = (near @ one for one in (counted, said, kept))
    off = (_before_the_cut(kept / counted) - said / counted).to(away)
    mean = (away + off[place]).clamp_min(0)
    below = torch.special.ndtr(-mean)
    before = spread.square() * (1 - below - mean * _density(mean) + mean.square() * below)
    others = seen.count * noise
    squares, whole = (float((one * where).sum()) / others for one in (before, spread.square()))
    # Between the noise that it lets through, all of the error where nothing stands, and as much less than elsewhere as
    # it holds on to what it is shown.
    unsure = (network.let_through + _whole(network, noise) * network.beyond / network.gradient) / 2 * whole
    clean = torch.where(dark, mean * spread, 1 - mean * spread)
    return _Cut(where, clean, squares, min(squares, unsure), others)


def _before_the_cut(means: Tensor) -> Tensor:
    """N: of which means Gaussians of deviation 1 had these, once what lay below 0 was cut off."""
    at = torch.linspace(0, _FARTHEST, _STEPS + 1, dtype=means.dtype, device=means.device)
    after = at * torch.special.ndtr(at) + _density(at)
    above = torch.searchsorted(after, means.contiguous()).clamp(1, _STEPS)
    between = ((means - after[above - 1]) / (after[above] - after[above - 1])).clamp_min(0)
    return torch.where(means < after[-1], at[above - 1] + between * (_FARTHEST / _STEPS), means)


def _density(at: Tensor) -> Tensor:
    """Of N(0, 1)."""
    return torch.exp(-at.square() / 2) / math.sqrt(2 * math.pi)


class _Left(NamedTuple):
    """The error in a result, over the noise of the pixels where it is whole."""

    ratio: float
    moved: float
    """By how much, for a relative change of the noise's variance."""
    chance: float
    """Standard deviation, from the signs that were drawn."""
    cut: float
    """The part of it where black or white cut the noise off."""


def _left(look: _Look, noise: float, cut: _Cut | None) -> _Left:
    beyond = cut.error(look.result) if cut else 0.0
    return _Left(_whole(look, noise) + beyond, look.change / noise + beyond, 2 * look.chance, beyond)


def _whole(look: _Look, noise: float) -> float:
    """The error over the noise, where that is whole."""
    return max(look.change / noise - 1 + 2 * look.gradient, 1e-4)


def _gain(left: _Left, apart: float, doubt: float, cut: _Cut | None) -> Interval:
    """Decibels. The noise's variance is doubtful, what two restorers did apart from one another is chance too, and
    where noise is cut off less is known."""
    deviation = math.hypot(left.moved * doubt, apart, left.chance, _CUT_DOUBT * left.cut)
    value = -10 * math.log10(left.ratio / (1 + (cut.before if cut else 0)))
    half = _SURE_OF * _DECIBELS * deviation / left.ratio
    return Interval(value, value - half, value + half)


def _over(mine: _Left, other: _Left, apart: float, doubt: float) -> Interval:
    """Decibels that the network gains over the other. What the variance is wrong by, moves both errors: only the
    difference of what it moves them by is doubt."""
    moved = other.moved / other.ratio - mine.moved / mine.ratio
    chances = (one / left.ratio for left in (mine, other) for one in (left.chance, _CUT_DOUBT * left.cut))
    value = 10 * math.log10(other.ratio / mine.ratio)
    half = _SURE_OF * _DECIBELS * math.hypot(moved * doubt, apart / other.ratio, *chances)
    return Interval(value, value - half, value + half)


def _apart(network: _Look, look: _Look, noise: float) -> float:
    """The chance in what two restorers did apart from one another, in units of the noise's variance."""
    return 2 * math.sqrt(float((look.result - network.result).square().mean()) / noise / look.result.numel())


def _blocks(values: Tensor) -> Tensor:
    """C H W -> N: means over blocks and channels."""
    return F.avg_pool2d(values.mean(0, keepdim=True), _BLOCK).flatten()
