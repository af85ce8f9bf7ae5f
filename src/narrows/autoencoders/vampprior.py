"""VampPrior: a variational kind whose prior is learned: the mixture of the codes of some pictures that never were.

Tomczak & Welling 2018, arXiv:1705.07120. Unusual: the pseudo-inputs begin as training examples, not as noise around
the mean, so that the mixture starts where the data are.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from narrows._contract import AbstractArchitecture, Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.autoencoders._gaussian import GaussianCode, log_normal, rising, sample
from narrows.nn.losses import AbstractLoss


class VampPrior(GaussianCode):
    """Loss: (nll + beta * KL from the mixture) / values, in nats. `encode` gives the mean.

    `pseudo_inputs` is the number of the mixture's components, `warmup` the share of the run over which beta rises
    from 0.
    """

    needs_loss = frozenset({"density"})
    gives = frozenset({"code", "draw", "likelihood"})

    def __init__(
        self,
        *,
        net: AbstractArchitecture,
        loss: AbstractLoss,
        code_size: int,
        beta: float = 1.0,
        warmup: float = 0.1,
        pseudo_inputs: int = 200,
    ) -> None:
        super().__init__(net=net, loss=loss, code_size=code_size)
        if not (0 <= beta < math.inf and 0 <= warmup <= 1):
            raise BadOption(f"beta={beta}, warmup={warmup}; beta takes 0 or more, warmup 0 to 1: --set beta=1")
        if not 1 <= pseudo_inputs <= 100_000:
            raise BadOption(f"pseudo_inputs={pseudo_inputs}; it takes 1 to 100000: --set pseudo_inputs=200")
        self.beta, self.warmup = beta, warmup
        seen = (net.shape[0] + net.extra, *net.shape[1:])
        self.pseudo_inputs = nn.Parameter(0.5 + 0.1 * torch.randn(pseudo_inputs, *seen))

    def start(self, facts: DataFacts) -> None:
        """Also: the pseudo-inputs begin as examples."""
        super().start(facts)
        count, some = len(self.pseudo_inputs), facts.some
        order = torch.randperm(len(some), generator=facts.generator)
        chosen = some[order.repeat(-(-count // len(some)))[:count]]
        # A little noise tells examples apart that have to serve twice.
        noise = torch.randn(chosen.shape, generator=facts.generator).to(chosen)
        with torch.no_grad():
            self.pseudo_inputs.copy_(chosen + 0.01 * noise)

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        mean, log_var = self.posterior(batch.x)
        code = sample(mean, log_var, step.generator)
        nll = self.loss.nll(self.decode_raw(code), batch.target, self.log_scale, batch.weight).mean()
        kl = (log_normal(code, mean, log_var) - self.log_prior()(code)).mean()
        loss = nll + rising(step, self.warmup, self.training) * self.beta * kl
        return {"loss": loss / batch.target[0].numel(), "nll": nll, "kl": kl, "kl_per_value": kl / code.shape[1]}

    def log_prior(self) -> Callable[[Tensor], Tensor]:
        """Of the mixture."""
        components = self._components()
        return lambda code: log_mixture(code, *components)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n codes from the mixture: n D."""
        mean, log_var = self._components()
        chosen = torch.randint(len(mean), (n,), generator=generator, device=generator.device).to(mean.device)
        noise = torch.randn(n, mean.shape[1], generator=generator).to(mean)
        return mean[chosen] + (0.5 * log_var[chosen]).exp() * noise

    def _components(self) -> tuple[Tensor, Tensor]:
        """K D each: where the encoder puts the pseudo-inputs."""
        return self.posterior(self.pseudo_inputs)


def log_mixture(code: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """B: log density of codes B D under the even mixture of K Gaussians, K D each."""
    # |z - m|^2 / v, multiplied out: two products of matrices instead of a B K D tensor.
    precision = (-log_var).exp()
    with torch.autocast(code.device.type, enabled=False):  # in bf16 the three cancel to nothing but their rounding
        square = code.square() @ precision.T - 2 * code @ (mean * precision).T + (mean.square() * precision).sum(1)
    each = -0.5 * (square + log_var.sum(1) + code.shape[1] * math.log(2 * math.pi))
    return each.logsumexp(1) - math.log(len(mean))
