"""Regularised: no noise at all, only small codes and a smooth decoder; new codes come from a prior fitted afterwards.

Ghosh et al. 2020, arXiv:1903.12436, in the L2 variant: weight decay is what smooths the decoder. Draw with a prior
that is fitted on the codes (`mixture`, as in the paper, or `flow`).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from narrows._contract import AbstractArchitecture, Batch, Step
from narrows._errors import BadOption
from narrows.autoencoders._plain import PlainCode
from narrows.nn.losses import AbstractLoss


class RAE(PlainCode):
    """Loss: reconstruction + beta * mean(code^2) / 2 + decay * the decoder's mean squared weight."""

    def __init__(
        self, *, net: AbstractArchitecture, loss: AbstractLoss, code_size: int, beta: float = 1e-4, decay: float = 0.1
    ) -> None:
        super().__init__(net=net, loss=loss, code_size=code_size)
        if not (0 <= beta < math.inf and 0 <= decay < math.inf):
            raise BadOption(f"beta={beta}, decay={decay}; both take 0 or more: --set beta=1e-4")
        self.beta, self.decay = beta, decay

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        code = self.encode(batch.x)
        error = self.loss(self.decode_raw(code), batch.target, batch.weight).mean()
        size = 0.5 * code.square().mean()
        weights = [p for p in self.decoder.parameters() if p.dim() >= 2]
        smooth = torch.stack([w.square().sum() for w in weights]).sum() / sum(w.numel() for w in weights)
        return {
            "loss": error + self.beta * size + self.decay * smooth,
            "error": error,
            "size": size,
            "weights": smooth,
        }
