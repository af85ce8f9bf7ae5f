"""VampPrior: a variational kind whose prior is learned: the mixture of the codes of some pictures that never were.

Tomczak & Welling 2018, arXiv:1705.07120. Unusual: the pseudo-inputs begin as training examples, not as noise around
the mean, so that the mixture starts where the data are.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.autoencoders._gaussian import log_normal, rising, sample, set_scale, split
from narrows.nn.losses import AbstractLoss


class VampPrior(AbstractAutoencoder):
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
        super().__init__(net=net, loss=loss)
        if not (0 <= beta < math.inf and 0 <= warmup <= 1):
            raise BadOption(f"beta={beta}, warmup={warmup}; beta takes 0 or more, warmup 0 to 1: --set beta=1")
        if not 1 <= pseudo_inputs <= 100_000:
            raise BadOption(f"pseudo_inputs={pseudo_inputs}; it takes 1 to 100000: --set pseudo_inputs=200")
        self.encoder = net.encoder(2 * code_size)
        self.decoder = net.decoder(code_size)
        self.beta, self.warmup = beta, warmup
        self.log_scale = nn.Parameter(torch.zeros(()), requires_grad=loss.name != "bce")
        seen = (net.shape[0] + net.extra, *net.shape[1:])
        self.pseudo_inputs = nn.Parameter(0.5 + 0.1 * torch.randn(pseudo_inputs, *seen))

    def start(self, facts: DataFacts) -> None:
        """Also: the likelihood's scale begins at the spread of the data, the pseudo-inputs as examples."""
        super().start(facts)
        set_scale(self.log_scale, facts)
        count, some = len(self.pseudo_inputs), facts.some
        order = torch.randperm(len(some), generator=facts.generator)
        chosen = some[order.repeat(-(-count // len(some)))[:count]]
        # A little noise tells examples apart that have to serve twice.
        noise = torch.randn(chosen.shape, generator=facts.generator).to(chosen)
        with torch.no_grad():
            self.pseudo_inputs.copy_(chosen + 0.01 * noise)

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        mean, log_var = split(self.encoder(batch.x).to(batch.x.dtype))
        code = sample(mean, log_var, step.generator)
        nll = self.loss.nll(self.decode_raw(code), batch.target, self.log_scale, batch.weight).mean()
        kl = (log_normal(code, mean, log_var) - log_mixture(code, *self._components())).mean()
        loss = nll + rising(step, self.warmup, self.training) * self.beta * kl
        return {"loss": loss / batch.target[0].numel(), "nll": nll, "kl": kl, "kl_per_value": kl / code.shape[1]}

    def encode(self, x: Tensor) -> Tensor:
        return split(self.encoder(x))[0]

    def decode_raw(self, code: Tensor) -> Tensor:
        return self.decoder(code) + self.offset

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n codes from the mixture: n D."""
        mean, log_var = self._components()
        chosen = torch.randint(len(mean), (n,), generator=generator, device=generator.device).to(mean.device)
        noise = torch.randn(n, mean.shape[1], generator=generator).to(mean)
        return mean[chosen] + (0.5 * log_var[chosen]).exp() * noise

    def log_weights(self, x: Tensor, target: Tensor, k: int, generator: torch.Generator) -> Tensor:
        """k B: log p(target, z) - log q(z | x), for k draws of z; their log-mean-exp estimates log p(target)."""
        mean, log_var = split(self.encoder(x))
        components = self._components()
        found = []
        for _ in range(k):
            code = sample(mean, log_var, generator)
            likelihood = -self.loss.nll(self.decode_raw(code), target, self.log_scale)
            found.append(likelihood + log_mixture(code, *components) - log_normal(code, mean, log_var))
        return torch.stack(found)

    def _components(self) -> tuple[Tensor, Tensor]:
        """K D each: where the encoder puts the pseudo-inputs."""
        return split(self.encoder(self.pseudo_inputs).to(self.pseudo_inputs.dtype))


def log_mixture(code: Tensor, mean: Tensor, log_var: Tensor) -> Tensor:
    """B: log density of codes B D under the even mixture of K Gaussians, K D each."""
    # |z - m|^2 / v, multiplied out: two products of matrices instead of a B K D tensor.
    precision = (-log_var).exp()
    square = code.square() @ precision.T - 2 * code @ (mean * precision).T + (mean.square() * precision).sum(1)
    each = -0.5 * (square + log_var.sum(1) + code.shape[1] * math.log(2 * math.pi))
    return each.logsumexp(1) - math.log(len(mean))
