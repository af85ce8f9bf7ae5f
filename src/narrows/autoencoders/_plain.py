"""A code that is what the encoder gives: what kinds without a density of the code share. A kind adds its loss."""

from __future__ import annotations

from typing import ClassVar

from torch import Tensor

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, DataFacts
from narrows.nn.linear_start import begin_at_pca
from narrows.nn.losses import AbstractLoss


class PlainCode(AbstractAutoencoder):
    """Encoder and decoder with `code_size` values between them, which begin at PCA where the net can
    (nn/linear_start.py)."""

    even: ClassVar[bool] = True
    """False for kinds that want every value of the code to vary as much as the others."""

    def __init__(self, *, net: AbstractArchitecture, loss: AbstractLoss, code_size: int) -> None:
        super().__init__(net=net, loss=loss)
        self.encoder = net.encoder(code_size)
        self.decoder = net.decoder(code_size)

    def start(self, facts: DataFacts) -> None:
        """Also: the code begins at PCA."""
        super().start(facts)
        begin_at_pca(self, facts, even=self.even)

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def decode_raw(self, code: Tensor) -> Tensor:
        return self.decoder(code) + self.offset
