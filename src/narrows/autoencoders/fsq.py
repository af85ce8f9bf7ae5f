"""Finite scalar quantisation: every value of the code is rounded to a few levels; the codebook is the grid of them.

Mentzer et al. 2024, arXiv:2309.15505. Nothing is learned about the codebook, so nothing of it can die.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.nn.losses import AbstractLoss

_EDGE = 1e-3
"""How far within the outermost cell's far edge the bound lies: every level has as wide a cell as any other. In the
paper the outermost have half of one."""
_SPREAD = 0.2
"""Least standard deviation of what is rounded, in cells, to begin with: where every output falls into one cell, all
codes are alike, and a decoder of nothing but zeros passes no gradient on."""
_SLOPE = 0.35
"""Of the bound at 0; the paper has 1. On MNIST, with 1,000 codes and 5,000 steps, 97 % of the codes came to be used and
the error was 2.06, where the paper's bound had 79 % and 2.11 (docs/log.md)."""


class FSQ(AbstractAutoencoder):
    """Loss: the reconstruction loss alone. `levels`: of every value, or one number for each: (8, 5, 5, 5) makes 1000
    codes."""

    needs = frozenset({"grid"})
    gives = frozenset({"code", "indices"})

    def __init__(
        self,
        *,
        net: AbstractArchitecture,
        loss: AbstractLoss,
        code_size: int = 4,
        levels: int | tuple[int, ...] | list[int] = 5,
    ) -> None:
        super().__init__(net=net, loss=loss)
        each = [levels] * code_size if isinstance(levels, int) else list(levels)
        if len(each) != code_size or not all(isinstance(n, int) and 2 <= n <= 1024 for n in each):
            raise BadOption(
                f"levels={levels}; it takes one number for all values of the code, or {code_size} numbers, each 2 to "
                f"1024: --set levels=5"
            )
        self.bits = math.log2(math.prod(each))
        if self.bits > 62:
            raise BadOption(f"levels={levels} make 2^{self.bits:.0f} codes; their numbers go up to 2^62")
        self.register_buffer("slope", torch.full((code_size, 1, 1), _SLOPE))
        self.register_buffer("centre", torch.zeros(code_size, 1, 1))
        self.encoder = net.encoder(code_size, grid=True)
        self.decoder = net.decoder(code_size, grid=True)
        self.levels = tuple(each)
        self.places = tuple(math.prod(each[:number]) for number in range(code_size))
        self.count = math.prod(each)

    slope: Tensor
    """Of the bound, for each value."""
    centre: Tensor
    """What of each value is taken off before."""

    def start(self, facts: DataFacts) -> None:
        """Outputs that are too small to tell codes apart are centred and widened."""
        super().start(facts)
        with torch.no_grad():
            outputs = self.encoder(facts.some)
        places = outputs[:, 0].numel()  # one alone has no spread
        spread = outputs.std((0, 2, 3), correction=min(1, places - 1), keepdim=True)[0].clamp_min(1e-6)
        wanted = _SPREAD / (spread * _column(self.levels, outputs)[0] / 2)
        self.centre.copy_(torch.where(wanted > _SLOPE, outputs.mean((0, 2, 3), keepdim=True)[0], 0.0))
        self.slope.copy_(wanted.clamp_min(_SLOPE))

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        code = self._quantised(self.encoder(batch.x).to(batch.x.dtype))
        error = self.loss(self.decode_raw(code), batch.target, batch.weight).mean()
        found = {"loss": error}
        if self.count <= 1 << 20:
            indices = self.to_indices(code).flatten()
            shares = torch.bincount(indices, minlength=self.count).to(error.dtype)
            # Of as many as could come up at so many places.
            found["codebook_use"] = (shares > 0).sum().to(error.dtype) / min(self.count, len(indices))
            found["perplexity"] = torch.special.entr(shares / shares.sum()).sum().exp()
        return found

    def encode(self, x: Tensor) -> Tensor:
        return self._quantised(self.encoder(x))

    def decode_raw(self, code: Tensor) -> Tensor:
        return self.decoder(code) + self.offset

    def to_indices(self, code: Tensor) -> Tensor:
        """B D h w, values in [-1, 1] -> B h w, int64: each place's number, 0 to the number of codes - 1."""
        levels = _column(self.levels, code)
        digits = ((code.detach() + 1) * (levels // 2)).round().clamp_min(0).minimum(levels - 1).long()
        return (digits * _column(self.places, digits)).sum(1)

    def from_indices(self, indices: Tensor) -> Tensor:
        """B h w -> B D h w."""
        levels = _column(self.levels, indices)
        digits = indices.unsqueeze(1) // _column(self.places, indices) % levels
        half = levels // 2
        return (digits - half).to(self.offset) / half

    def _quantised(self, outputs: Tensor) -> Tensor:
        """Encoder outputs to the nearest level, in [-1, 1]; the gradient passes as if nothing had been rounded."""
        levels = _column(self.levels, outputs)
        reach = levels / 2 - _EDGE
        odd = (levels % 2 == 0) * 0.5  # an even number of levels lies around a half, so that one of them is 0
        bounded = (self.slope * (outputs - self.centre) + torch.atanh(odd / reach)).tanh() * reach - odd
        rounded = bounded + (bounded.round() - bounded).detach()
        return rounded / (levels // 2)


def _column(values: tuple[int, ...], like: Tensor) -> Tensor:
    """1 D 1 1, of the type and on the device of `like`."""
    return torch.tensor(values, dtype=like.dtype, device=like.device).view(1, -1, 1, 1)
