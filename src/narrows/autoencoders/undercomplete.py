"""Undercomplete: nothing but the narrow code. What passes through it is what is kept.

Hinton & Salakhutdinov 2006, Science 313:504.
"""

from __future__ import annotations

from torch import Tensor

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, Batch, Step
from narrows.nn.losses import AbstractLoss


class Undercomplete(AbstractAutoencoder):
    """Loss: the reconstruction loss alone. The code is linear in the last hidden layer."""

    def __init__(self, *, net: AbstractArchitecture, loss: AbstractLoss, code_size: int) -> None:
        super().__init__(net=net, loss=loss)
        self.encoder = net.encoder(code_size)
        self.decoder = net.decoder(code_size)

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        raw = self.decode_raw(self.encode(batch.x))
        return {"loss": self.loss(raw, batch.target, batch.weight).mean()}

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def decode_raw(self, code: Tensor) -> Tensor:
        return self.decoder(code) + self.offset
