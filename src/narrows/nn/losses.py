"""Reconstruction losses: parameter-free objects that a kind is handed.

Each is called as `loss(raw, target, weight) -> B`, a mean over the values that count, so that regularisers need no
retuning when the picture grows. `raw` is the decoder's unbounded output; `output(raw)` turns it into the data's
units. The densities `bce`, `mse`, `l1`, `logistic` also give `nll(raw, target, log_scale) -> B`, summed, in nats.

Unusual: a loss carries the link between the two (`nn.links`), for bce and logistic have one of their own: a sigmoid.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from narrows._errors import BadOption, UnknownName
from narrows.nn.links import get_link

NEAR_BINARY = 0.02
"""A value this near to 0 or 1 counts as binary."""
NEAR_BINARY_SHARE = 0.98
"""Share of such values from which `auto` takes bce."""


class AbstractLoss(ABC):
    """What a reconstruction is judged by."""

    name: ClassVar[str]
    is_density: ClassVar[bool] = False

    def __init__(self, link: str = "identity") -> None:
        self.link = get_link(link)

    @abstractmethod
    def each(self, raw: Tensor, target: Tensor) -> Tensor:
        """The loss of every value, in the shape of `target`."""

    def __call__(self, raw: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """B: mean over the values that count. An example whose weights are all 0 has loss 0."""
        each = self.each(raw, target)
        if weight is None:
            return each.flatten(1).mean(1)
        weight = weight.expand_as(each).flatten(1)
        return (each.flatten(1) * weight).sum(1) / weight.sum(1).clamp_min(1e-8)

    def output(self, raw: Tensor) -> Tensor:
        """Decoder output to the data's units."""
        return self.link.output(raw)

    def nll(self, raw: Tensor, target: Tensor, log_scale: Tensor, weight: Tensor | None = None) -> Tensor:
        """B: -log p(target | raw) in nats, summed over the values that count. `log_scale` is one for all values, and
        ignored by bce. Raises BadOption where the loss is no density."""
        raise BadOption(
            f"loss {self.name!r} is no density; a likelihood kind takes bce, mse, l1 or logistic: --loss mse"
        )


class MSE(AbstractLoss):
    """Squared error; as a density, a Gaussian."""

    name = "mse"
    is_density = True

    def each(self, raw: Tensor, target: Tensor) -> Tensor:
        return (self.output(raw) - target).square()

    def nll(self, raw: Tensor, target: Tensor, log_scale: Tensor, weight: Tensor | None = None) -> Tensor:
        # Summed before it is scaled: half the passes over all values.
        squares, count = _summed(self.each(raw, target), weight)
        return 0.5 * squares * (-2 * log_scale).exp() + count * (log_scale + 0.5 * math.log(2 * math.pi))


class L1(AbstractLoss):
    """Absolute error; as a density, a Laplacian."""

    name = "l1"
    is_density = True

    def each(self, raw: Tensor, target: Tensor) -> Tensor:
        return (self.output(raw) - target).abs()

    def nll(self, raw: Tensor, target: Tensor, log_scale: Tensor, weight: Tensor | None = None) -> Tensor:
        distance, count = _summed(self.each(raw, target), weight)
        return distance * (-log_scale).exp() + count * (log_scale + math.log(2.0))


class BCE(AbstractLoss):
    """Binary cross-entropy on logits: for values in [0, 1]; as a density, a Bernoulli. Its link is the sigmoid."""

    name = "bce"
    is_density = True

    def __init__(self, link: str = "sigmoid") -> None:
        super().__init__("sigmoid")

    def each(self, raw: Tensor, target: Tensor) -> Tensor:
        return F.binary_cross_entropy_with_logits(raw, target, reduction="none")

    def nll(self, raw: Tensor, target: Tensor, log_scale: Tensor, weight: Tensor | None = None) -> Tensor:
        return _summed(self.each(raw, target), weight)[0]


class Logistic(AbstractLoss):
    """Log-cosh: squared near 0, absolute beyond. As a density of pictures, the discretised logistic: the probability
    of each of the 256 levels of an 8-bit value, the outermost open. Salimans et al. 2017, arXiv:1701.05517.

    Of tables, whose values have no levels, it is the continuous density.
    """

    name = "logistic"
    is_density = True
    scale = 0.02
    """Where squared turns to absolute, when no scale is learned: five levels of 255."""

    def __init__(self, link: str = "identity") -> None:
        super().__init__("sigmoid" if link == "clamp" else link)

    def each(self, raw: Tensor, target: Tensor) -> Tensor:
        gap = (self.output(raw) - target).abs() / self.scale
        # 2 log cosh(gap / 2), without overflow.
        return self.scale * (gap + 2 * F.softplus(-gap) - 2 * math.log(2.0))

    def nll(self, raw: Tensor, target: Tensor, log_scale: Tensor, weight: Tensor | None = None) -> Tensor:
        return _summed(self._nll_each(raw, target, log_scale), weight)[0]

    def _nll_each(self, raw: Tensor, target: Tensor, log_scale: Tensor) -> Tensor:
        sharpness = (-log_scale).exp()
        gap = (target - self.output(raw)) * sharpness
        if self.link.name == "identity":
            return gap.abs() + 2 * F.softplus(-gap.abs()) + log_scale
        half = sharpness / 510  # half a level
        lower, upper = gap - half, gap + half
        # log(sigmoid(upper) - sigmoid(lower)), where both may lie far out on either side.
        inside = F.logsigmoid(upper) + F.logsigmoid(-lower) + torch.log(-torch.expm1(-2 * half))
        outer = torch.where(target > 0.5, F.logsigmoid(-lower), F.logsigmoid(upper))
        edge = (target <= 0.25 / 255) | (target >= 1 - 0.25 / 255)
        return -torch.where(edge, outer, inside)


class Charbonnier(AbstractLoss):
    """sqrt(d^2 + eps^2): L1 with a round bottom. Charbonnier et al. 1994; as used by Lai et al. 2017 (LapSRN)."""

    name = "charbonnier"
    eps = 1e-3

    def each(self, raw: Tensor, target: Tensor) -> Tensor:
        return ((self.output(raw) - target).square() + self.eps**2).sqrt()


def _summed(each: Tensor, weight: Tensor | None) -> tuple[Tensor, Tensor | int]:
    """B ... -> B: the sum over the values that count, and how many these are."""
    if weight is None:
        return each.flatten(1).sum(1), each[0].numel()
    weight = weight.expand_as(each)
    return (each * weight).flatten(1).sum(1), weight.flatten(1).sum(1)


LOSSES: dict[str, type[AbstractLoss]] = {cls.name: cls for cls in (MSE, L1, BCE, Logistic, Charbonnier)}


def get_loss(name: str, link: str = "identity") -> AbstractLoss:
    """A loss by its name, ending in `link`. Raises UnknownName."""
    if name not in LOSSES:
        raise UnknownName.of("loss", name, [*LOSSES, "auto"])
    return LOSSES[name](link)


def is_sigmoid(name: str) -> bool:
    """Whether this loss ends in a sigmoid whatever link it is given. Raises UnknownName."""
    return get_loss(name, "identity").link.name == "sigmoid"


def choose_loss(values: Tensor, link: str = "sigmoid") -> tuple[str, str]:
    """What `auto` means for these values and a kind with this link: the loss's name and the reason, a clause for the
    report."""
    if link == "identity":
        return "mse", "what comes out is a sum, which a sigmoid would bend"
    values = values[torch.isfinite(values)]
    inside = bool(((values >= 0) & (values <= 1)).all())
    near = ((values < NEAR_BINARY) | (values > 1 - NEAR_BINARY)).float().mean().item() if len(values) else 0.0
    if inside and near >= NEAR_BINARY_SHARE:
        return "bce", f"{near:.1%} of the values are within {NEAR_BINARY} of 0 or 1"
    if inside:
        return "mse", f"only {near:.0%} of the values are near 0 or 1"
    return "mse", "the values are not confined to 0..1"
