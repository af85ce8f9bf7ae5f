"""Denoising: part of the input is hidden in training, so that the code must know what belongs together.

The kind hides only in `losses`, never in `encode`: it makes *codes* robust. To repair photographs, use the task
`denoise`. Vincent et al. 2010, JMLR 11:3371.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from narrows._contract import AbstractArchitecture, Batch, Step
from narrows._errors import BadOption
from narrows.autoencoders._plain import PlainCode
from narrows.nn.losses import AbstractLoss


class Denoising(PlainCode):
    """`noise`: masking (values set to 0), gaussian (added), salt (values set to 0 or 1); `amount`: the largest share of
    values hit, or standard deviation of the Gaussian. Every example has its own, from 0 to that: the code is asked for
    of whole pictures in the end, and a net that never saw one gives their brightness wrong.
    """

    may_be_wider = True

    def __init__(
        self,
        *,
        net: AbstractArchitecture,
        loss: AbstractLoss,
        code_size: int,
        noise: Literal["masking", "gaussian", "salt"] = "masking",
        amount: float = 0.5,
    ) -> None:
        super().__init__(net=net, loss=loss, code_size=code_size)
        if noise not in ("masking", "gaussian", "salt"):
            raise BadOption(f"noise={noise!r}; it takes masking, gaussian or salt: --set noise=masking")
        if not 0 <= amount <= (10 if noise == "gaussian" else 1):
            raise BadOption(f"amount={amount}; it takes 0 to {10 if noise == 'gaussian' else 1}: --set amount=0.5")
        self.noise, self.amount = noise, amount

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        raw = self.decode_raw(self.encode(self._hidden(batch.x, step.generator)))
        return {"loss": self.loss(raw, batch.target, batch.weight).mean()}

    def _hidden(self, x: Tensor, random: torch.Generator) -> Tensor:
        draw = {"generator": random, "dtype": x.dtype, "device": x.device}
        amount = self.amount * torch.rand(len(x), *(1 for _ in x.shape[1:]), **draw)
        if self.noise == "gaussian":
            return x + amount * torch.randn(x.shape, **draw)
        chance = torch.rand(x.shape, **draw)
        if self.noise == "masking":
            return x * (chance >= amount)
        # One draw serves twice: below amount/2 pepper, below amount salt.
        return torch.where(chance < amount, (chance >= amount / 2).to(x), x)
