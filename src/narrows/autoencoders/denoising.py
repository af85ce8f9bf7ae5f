"""Denoising: part of the input is hidden in training, so that the code must know what belongs together.

The kind hides only in `losses`, never in `encode`: it makes *codes* robust. To repair photographs, use the task
`denoise`. Vincent et al. 2010, JMLR 11:3371.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, Batch, Step
from narrows._errors import BadOption
from narrows.nn.losses import AbstractLoss


class Denoising(AbstractAutoencoder):
    """`noise`: masking (values set to 0), gaussian (added), salt (values set to 0 or 1); `amount`: the share of
    values hit, or the standard deviation of the Gaussian."""

    may_be_wider = True

    def __init__(
        self,
        *,
        net: AbstractArchitecture,
        loss: AbstractLoss,
        code_size: int,
        noise: Literal["masking", "gaussian", "salt"] = "masking",
        amount: float = 0.25,
    ) -> None:
        super().__init__(net=net, loss=loss)
        if noise not in ("masking", "gaussian", "salt"):
            raise BadOption(f"noise={noise!r}; it takes masking, gaussian or salt: --set noise=masking")
        if not 0 <= amount <= (10 if noise == "gaussian" else 1):
            raise BadOption(f"amount={amount}; it takes 0 to {10 if noise == 'gaussian' else 1}: --set amount=0.25")
        self.encoder = net.encoder(code_size)
        self.decoder = net.decoder(code_size)
        self.noise, self.amount = noise, amount

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        raw = self.decode_raw(self.encode(self._hidden(batch.x, step.generator)))
        return {"loss": self.loss(raw, batch.target, batch.weight).mean()}

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def decode_raw(self, code: Tensor) -> Tensor:
        return self.decoder(code) + self.offset

    def _hidden(self, x: Tensor, random: torch.Generator) -> Tensor:
        draw = {"generator": random, "dtype": x.dtype, "device": x.device}
        if self.noise == "gaussian":
            return x + self.amount * torch.randn(x.shape, **draw)
        chance = torch.rand(x.shape, **draw)
        if self.noise == "masking":
            return x * (chance >= self.amount)
        # One draw serves twice: below amount/2 pepper, below amount salt.
        return torch.where(chance < self.amount, (chance >= self.amount / 2).to(x), x)
