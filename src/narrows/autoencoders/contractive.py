"""Contractive: the code hardly moves when the input does, except along the data.

The penalty is how far the code moves when noise is added to the input, squared and over the noise's variance. For weak
noise that is the squared norm of the Jacobian, dcode/dx, which `reach=0` takes itself: Rifai et al. 2011 (ICML) have it
in closed form for one layer; here it is exact for any net (`probes=0`, one backward pass a code value) or estimated
without bias from random directions (Hutchinson 1990: E |v J|^2 = |J|^2 for random signs v).
Unusual: noise of a finite strength is the default. A deep net can be flat at every example and steep beside it, and
even with a small Jacobian all around it can feel how strong the noise is (docs/log.md, 2026-11-27).
Unusual: all is counted in units of the code's own variance. With an untied decoder the bare norm falls when the code
is merely shrunk, and nothing is contracted.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from narrows._contract import AbstractArchitecture, Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.autoencoders._plain import PlainCode
from narrows.nn.losses import AbstractLoss

_MEMORY = 0.95
"""Of the running variance of the code, by which single examples and held-out ones are judged."""
_LEAST = 1e-8


class Contractive(PlainCode):
    """Loss: reconstruction + weight * |dcode/dx|^2 / variance of the code.

    `reach`: standard deviation of the noise that moves the input, for a quotient of differences; with 0 it is the
    derivative, from `probes` random directions, or exact with `probes=0`.
    """

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
        reach: float = 0.1,
    ) -> None:
        super().__init__(net=net, loss=loss, code_size=code_size)
        if not 0 <= weight < math.inf:
            raise BadOption(f"weight={weight}; it takes 0 or more: --set weight=0.001")
        if not 0 <= probes <= 10_000:
            raise BadOption(f"probes={probes}; it takes 1 or more, or 0 for the exact Jacobian: --set probes=1")
        if not 0 <= reach < math.inf:
            raise BadOption(f"reach={reach}; it takes 0 (the derivative) or more: --set reach=0.1")
        self.weight, self.probes, self.reach = weight, probes, reach
        self.register_buffer("variance", torch.ones(()))

    def start(self, facts: DataFacts) -> None:
        """Also: the variance of the first codes."""
        super().start(facts)
        with torch.no_grad():
            self.variance.copy_(self.encode(facts.some).var(0, unbiased=False).sum().clamp_min(_LEAST))

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        if self.reach:
            with torch.autocast(batch.x.device.type, enabled=False):  # in bf16 the difference is one of roundings
                code = self.encode(batch.x)
                norm = self._quotient(batch.x, code, step.generator).mean()
        else:
            learning = torch.is_grad_enabled()
            with torch.enable_grad():  # the Jacobian is wanted in evaluation too
                x = batch.x.detach().requires_grad_()
                code = self.encode(x)
                norm = self.jacobian_norm(x, code, step.generator, create_graph=learning).mean()
        error = self.loss(self.decode_raw(code), batch.target, batch.weight).mean()
        moved = norm / self._variance(code)
        return {"loss": error + self.weight * moved, "error": error, "jacobian": norm, "moved": moved}

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

    def _quotient(self, x: Tensor, code: Tensor, generator: torch.Generator) -> Tensor:
        """B: |encode(x + noise) - code|^2 / variance of the noise."""
        noise = torch.randn(x.shape, generator=generator, dtype=x.dtype, device=x.device)
        apart = self.encode(x + self.reach * noise) - code
        return (apart / self.reach).square().sum(1)

    def _variance(self, code: Tensor) -> Tensor:
        """Summed over the code. In training the batch's own, with its gradient: or shrinking would pay."""
        if not self.training or len(code) < 2:
            return self.variance
        here = code.var(0, unbiased=False).sum().clamp_min(_LEAST)
        self.variance.lerp_(here.detach().to(self.variance), 1 - _MEMORY)
        return here
