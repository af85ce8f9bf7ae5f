"""Importance-weighted: several draws of the code for every picture give a tighter bound on its likelihood.

Burda et al. 2016, arXiv:1509.00519. Unusual: the encoder learns by the doubly reparametrised gradient (Tucker et al.
2019, arXiv:1810.04152), whose signal does not drown as the draws grow in number.
"""

from __future__ import annotations

import math

from torch import Tensor

from narrows._contract import AbstractArchitecture, Batch, Step
from narrows._errors import BadOption
from narrows.autoencoders._gaussian import StandardGaussianCode, kl, log_normal, sample
from narrows.nn.losses import AbstractLoss


class IWAE(StandardGaussianCode):
    """Loss: minus the log of the mean importance weight of `samples` draws, over values, in nats. `encode` gives the
    mean."""

    needs_loss = frozenset({"density"})
    gives = frozenset({"code", "draw", "likelihood"})

    def __init__(self, *, net: AbstractArchitecture, loss: AbstractLoss, code_size: int, samples: int = 5) -> None:
        super().__init__(net=net, loss=loss, code_size=code_size)
        if not 1 <= samples <= 10_000:
            raise BadOption(f"samples={samples}; it takes 1 (a plain variational bound) to 10000: --set samples=5")
        self.samples = samples

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        mean, log_var = self.posterior(batch.x)
        k = self.samples
        code = sample(_repeat(mean, k), _repeat(log_var, k), step.generator)
        weight = None if batch.weight is None else _repeat(batch.weight, k)
        nll = self.loss.nll(self.decode_raw(code), _repeat(batch.target, k), self.log_scale, weight)
        # The density of q is held fixed: its parameters learn through the draws alone, which is what halves the noise.
        log_q = log_normal(code, _repeat(mean.detach(), k), _repeat(log_var.detach(), k))
        log_weights = (log_normal(code) - log_q - nll).unflatten(0, (k, -1))
        share = log_weights.detach().softmax(0)
        if code.requires_grad:
            # Decoder: share * gradient. Encoder: share^2 * gradient, so once more on the way back through the draw.
            code.register_hook(lambda gradient: gradient * share.reshape(-1, 1))
        bound = (log_weights.logsumexp(0) - math.log(k)).mean()
        values = batch.target[0].numel()
        return {
            "loss": -bound / values,
            "nll": nll.mean(),
            "kl": kl(mean, log_var).sum(1).mean(),
            "kl_per_value": kl(mean, log_var).mean(),
            "bound": bound.detach(),
            "draws_used": (1 / share.square().sum(0)).mean(),
        }


def _repeat(rows: Tensor, k: int) -> Tensor:
    """B ... -> kB ..., all rows k times over."""
    return rows.expand(k, *rows.shape).flatten(0, 1)
