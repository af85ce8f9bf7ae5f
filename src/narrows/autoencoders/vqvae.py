"""Vector-quantised: at every place of a grid the code is one of K learned vectors, so a picture becomes numbers.

van den Oord et al. 2017, arXiv:1711.00937; the codebook follows the running mean of what was assigned to each vector
(its appendix A.1), and vectors that nobody uses move to where encoder outputs are (Dhariwal et al. 2020,
arXiv:2005.00341). Unusual: counts and sums are buffers, so that a resumed run goes on to the same bits.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.autoencoders._ranks import summed
from narrows.nn.losses import AbstractLoss

_LEAST_COUNT = 1e-5
"""Uses a step, in the running mean, from which on a vector is the mean of what it was given."""


class VQVAE(AbstractAutoencoder):
    """Loss: reconstruction + commitment * mean squared distance of encoder outputs to their vectors, in units of the
    codebook's variance.

    `codebook` is K, `decay` the memory of its running means; vectors used less than `revive_below` times a step, in
    the running mean, are moved.
    """

    needs = frozenset({"grid"})
    gives = frozenset({"code", "indices"})

    vectors: Tensor
    counts: Tensor
    sums: Tensor

    def __init__(
        self,
        *,
        net: AbstractArchitecture,
        loss: AbstractLoss,
        code_size: int = 16,
        codebook: int = 512,
        commitment: float = 0.01,
        decay: float = 0.99,
        revive_below: float = 0.1,
    ) -> None:
        super().__init__(net=net, loss=loss)
        if not 2 <= codebook <= 1 << 20:
            raise BadOption(f"codebook={codebook}; it takes 2 to {1 << 20} vectors: --set codebook=512")
        if not 0 <= commitment < math.inf:
            raise BadOption(f"commitment={commitment}; it takes 0 or more: --set commitment=0.01")
        if not (0 <= decay < 1 and revive_below >= 0):
            raise BadOption(f"decay={decay}, revive_below={revive_below}; they take 0 to below 1, and 0 or more")
        self.encoder = net.encoder(code_size, grid=True)
        self.decoder = net.decoder(code_size, grid=True)
        self.commitment, self.decay, self.revive_below = commitment, decay, revive_below
        self.bits = math.log2(codebook)
        first = torch.randn(codebook, code_size)
        self.register_buffer("vectors", first)
        self.register_buffer("counts", torch.ones(codebook))
        self.register_buffer("sums", first.clone())

    def start(self, facts: DataFacts) -> None:
        """Also: the codebook begins as encoder outputs of the data."""
        super().start(facts)
        with torch.no_grad():
            self._replace(torch.ones_like(self.counts, dtype=torch.bool), self._flat(facts.some), facts.generator)

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        outputs = self.encoder(batch.x).to(batch.x.dtype)
        indices = self.to_indices(outputs)
        code = self.from_indices(indices)
        if self.training:
            self._learn(outputs.detach().movedim(1, -1).flatten(0, -2), indices.flatten(), step.generator)
        spread = self.vectors.var(0, unbiased=False).mean().clamp_min(1e-8)
        distance = (outputs - code).square().mean() / spread
        passed = outputs + (code - outputs).detach()  # straight through: the decoder's gradient is the encoder's
        error = self.loss(self.decode_raw(passed), batch.target, batch.weight).mean()
        shares = torch.bincount(indices.flatten(), minlength=len(self.counts)).to(error.dtype)
        shares = shares / shares.sum()
        return {
            "loss": error + self.commitment * distance,
            "error": error,
            "distance": distance,
            "perplexity": torch.special.entr(shares).sum().exp(),
            # Of as many as could come up at so many places. The running counts would not tell: who is moved has 1.
            "codebook_use": (shares > 0).sum().to(error.dtype) / min(len(shares), indices.numel()),
        }

    def encode(self, x: Tensor) -> Tensor:
        return self.from_indices(self.to_indices(self.encoder(x)))

    def decode_raw(self, code: Tensor) -> Tensor:
        return self.decoder(code) + self.offset

    def to_indices(self, code: Tensor) -> Tensor:
        """B D h w -> B h w, int64: the nearest vector's number at every place."""
        with torch.autocast(code.device.type, enabled=False):  # in bf16 near vectors tie
            flat = code.detach().to(self.vectors.dtype).movedim(1, -1)
            return (flat @ self.vectors.T - 0.5 * self.vectors.square().sum(1)).argmax(-1)

    def from_indices(self, indices: Tensor) -> Tensor:
        """B h w -> B D h w."""
        return self.vectors[indices].movedim(-1, 1)

    def _flat(self, x: Tensor) -> Tensor:
        """Encoder outputs at all places: BP D."""
        return self.encoder(x).to(self.vectors.dtype).movedim(1, -1).flatten(0, -2)

    @torch.no_grad()
    def _learn(self, outputs: Tensor, indices: Tensor, generator: torch.Generator) -> None:
        """One step of the running means, from outputs BP D and the vectors that they were given."""
        count = summed(torch.bincount(indices, minlength=len(self.counts)).to(self.counts))
        total = summed(torch.zeros_like(self.sums).index_add_(0, indices, outputs.to(self.sums)))
        self.counts.lerp_(count, 1 - self.decay)
        self.sums.lerp_(total, 1 - self.decay)
        # Of a vector that nobody has used for long, nothing is left to take a mean of: it stays.
        counted = (self.counts > _LEAST_COUNT)[:, None]
        self.vectors.copy_(torch.where(counted, self.sums / self.counts[:, None], self.vectors))
        unused = self.counts < self.revive_below
        if unused.any():
            self._replace(unused, outputs, generator)

    def _replace(self, which: Tensor, outputs: Tensor, generator: torch.Generator) -> None:
        """Put the vectors marked in `which` (K) onto encoder outputs drawn at random."""
        wanted = int(which.sum())
        order = torch.randperm(len(outputs), generator=generator, device=generator.device).to(outputs.device)
        chosen = outputs[order.repeat(-(-wanted // len(outputs)))[:wanted]].to(self.vectors)
        self.vectors[which] = chosen
        self.sums[which] = chosen
        self.counts[which] = 1.0
