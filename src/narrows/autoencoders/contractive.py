"""Contractive: the code hardly moves when the input does, except along the data.

The penalty is the squared norm of the Jacobian, dcode/dx. Rifai et al. 2011 (ICML) have it in closed form for one
layer; here it is exact for any net (`probes=0`, one backward pass a code value) or estimated without bias from random
directions (Hutchinson 1990: E |v J|^2 = |J|^2 for random signs v).
Unusual: it is counted in units of the code's own variance. With an untied decoder the bare norm falls when the code
is merely shrunk, and nothing is contracted. And it is taken near the data instead of on them, since a deep net can be
flat at every example and steep beside it; Rifai et al. 2011 (ECML, "Higher order contractive auto-encoder") penalise
that difference with a term of its own.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.nn.losses import AbstractLoss

_MEMORY = 0.95
"""Of the running variance of the code, by which single examples and held-out ones are judged."""
_LEAST = 1e-8


class Contractive(AbstractAutoencoder):
    """Loss: reconstruction + weight * |dcode/dx|^2 / variance of the code. `probes`: random directions a step.
    `around`: largest standard deviation of the noise on x where the derivative is taken, 0 for x itself."""

    may_be_wider = True

    variance: Tensor

    def __init__(
        self,
        *,
        net: AbstractArchitecture,
        loss: AbstractLoss,
        code_size: int,
        weight: float = 1e-3,
        probes: int = 1,
        around: float = 0.1,
    ) -> None:
        super().__init__(net=net, loss=loss)
        if not 0 <= weight < math.inf:
            raise BadOption(f"weight={weight}; it takes 0 or more: --set weight=0.001")
        if not 0 <= probes <= 10_000:
            raise BadOption(f"probes={probes}; it takes 1 or more, or 0 for the exact Jacobian: --set probes=1")
        if not 0 <= around < math.inf:
            raise BadOption(f"around={around}; it takes 0 or more: --set around=0.1")
        self.encoder = net.encoder(code_size)
        self.decoder = net.decoder(code_size)
        self.weight, self.probes, self.around = weight, probes, around
        self.register_buffer("variance", torch.ones(()))

    def start(self, facts: DataFacts) -> None:
        """Also: the variance of the first codes."""
        super().start(facts)
        with torch.no_grad():
            self.variance.copy_(self.encode(facts.some).var(0, unbiased=False).sum().clamp_min(_LEAST))

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        learning, near = torch.is_grad_enabled(), batch.x.detach()
        if self.around:
            draw = {"generator": step.generator, "dtype": near.dtype, "device": near.device}
            # Of every strength up to it: noise of one strength lies on a sphere, and inside of it a net could be steep.
            strength = torch.rand((len(near), *[1] * (near.dim() - 1)), **draw)
            near = near + self.around * strength * torch.randn(near.shape, **draw)
        with torch.enable_grad():  # the Jacobian is wanted in evaluation too
            near = near.requires_grad_()
            there = self.encode(near)
            norm = self.jacobian_norm(near, there, step.generator, create_graph=learning).mean()
            code = self.encode(batch.x) if self.around else there
        error = self.loss(self.decode_raw(code), batch.target, batch.weight).mean()
        moved = norm / self._variance(code)
        return {"loss": error + self.weight * moved, "error": error, "jacobian": norm, "moved": moved}

    def encode(self, x: Tensor) -> Tensor:
        return self.encoder(x)

    def decode_raw(self, code: Tensor) -> Tensor:
        return self.decoder(code) + self.offset

    def jacobian_norm(self, x: Tensor, code: Tensor, generator: torch.Generator, *, create_graph: bool) -> Tensor:
        """B: |dcode/dx|^2, where `code` was computed from `x` with gradients on; exact for `probes=0`."""
        count = self.probes or code.shape[1]
        found = torch.zeros(len(x), dtype=x.dtype, device=x.device)
        for number in range(count):
            if self.probes:
                signs = torch.randint(0, 2, code.shape, generator=generator, device=code.device)
                along = (2 * signs - 1).to(code)
            else:
                along = torch.zeros_like(code)
                along[:, number] = 1
            last = number == count - 1 and not create_graph
            (slope,) = torch.autograd.grad(code, x, along, create_graph=create_graph, retain_graph=not last)
            found = found + slope.flatten(1).square().sum(1)
        return found / count if self.probes else found

    def _variance(self, code: Tensor) -> Tensor:
        """Summed over the code. In training the batch's own, with its gradient: or shrinking would pay."""
        if not self.training or len(code) < 2:
            return self.variance
        here = code.var(0, unbiased=False).sum().clamp_min(_LEAST)
        self.variance.lerp_(here.detach().to(self.variance), 1 - _MEMORY)
        return here
