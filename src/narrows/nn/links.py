"""Links: how a decoder's unbounded output becomes values of the data, `output`; and the way back.

Decoders of pictures end in one that keeps to [0, 1] under every loss, for a linear output spends its weights on staying
inside: the same 784-1000-500-250-30 net reached a squared error of 4.7 with a sigmoid and 7.7 without after four passes
over MNIST (docs/log.md, 2026-11-24). `clamp` is straight inside, with a sigmoid's steepest slope, so that a net may
begin as PCA; outside, its gradient goes on, as that of a convex loss which is flat where a value beyond black should be
black (docs/log.md, 2026-11-28).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor

from narrows._errors import UnknownName


class AbstractLink(ABC):
    """What stands between a decoder and the data."""

    name: ClassVar[str]

    @abstractmethod
    def output(self, raw: Tensor) -> Tensor:
        """What the decoder says, in the data's units."""

    @abstractmethod
    def slope(self, raw: Tensor) -> Tensor:
        """How fast `output` follows `raw`, as the gradient has it."""

    @abstractmethod
    def raw(self, value: Tensor) -> Tensor:
        """What the decoder must say for `output` to be `value`."""


class Identity(AbstractLink):
    """Nothing: for tables, and for pictures that are added to others."""

    name = "identity"

    def output(self, raw: Tensor) -> Tensor:
        return raw

    def slope(self, raw: Tensor) -> Tensor:
        return torch.ones_like(raw)

    def raw(self, value: Tensor) -> Tensor:
        return value


class Sigmoid(AbstractLink):
    """1 / (1 + exp(-raw)), for losses that want the blackest black blacker for ever."""

    name = "sigmoid"

    def output(self, raw: Tensor) -> Tensor:
        return raw.sigmoid()

    def slope(self, raw: Tensor) -> Tensor:
        return raw.sigmoid() * (-raw).sigmoid()

    def raw(self, value: Tensor) -> Tensor:
        # 1e-3: a pixel that is always 0 starts at -6.9, where the gradient is still alive.
        return value.clamp(1e-3, 1 - 1e-3).logit()


class Clamp(AbstractLink):
    """1/2 + raw / 4, kept to [0, 1]; its gradient goes on outside."""

    name = "clamp"

    def output(self, raw: Tensor) -> Tensor:
        straight = 0.5 + raw / 4
        inside = straight.clamp(0, 1)
        return inside.detach() + (straight - straight.detach()) if raw.requires_grad else inside

    def slope(self, raw: Tensor) -> Tensor:
        return torch.full_like(raw, 0.25)

    def raw(self, value: Tensor) -> Tensor:
        return 4 * value - 2


LINKS: dict[str, AbstractLink] = {cls.name: cls() for cls in (Identity, Sigmoid, Clamp)}


def get_link(name: str) -> AbstractLink:
    """A link by its name. Raises UnknownName."""
    if name not in LINKS:
        raise UnknownName.of("link", name, [*LINKS])
    return LINKS[name]
