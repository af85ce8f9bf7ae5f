"""Undercomplete: nothing but the narrow code. What passes through it is what is kept.

Hinton & Salakhutdinov 2006, Science 313:504.
"""

from __future__ import annotations

from torch import Tensor

from narrows._contract import Batch, Step
from narrows.autoencoders._plain import PlainCode


class Undercomplete(PlainCode):
    """Loss: the reconstruction loss alone. The code is linear in the last hidden layer."""

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        raw = self.decode_raw(self.encode(batch.x))
        return {"loss": self.loss(raw, batch.target, batch.weight).mean()}
