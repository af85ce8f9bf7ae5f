"""Autoregressive: a grid of indices, place after place, each drawn in view of those before it.

A small causal transformer (Vaswani et al. 2017, arXiv:1706.03762) over the places in reading order, as VQ-VAE-2
(Razavi et al. 2019, arXiv:1906.00446) draws its codes; no dropout, since only the step's generator may draw.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from narrows._contract import AbstractPrior
from narrows._errors import BadOption, BadPairing

_MOST_CODES = 1 << 16
_MOST_PLACES = 4096
_NODES_PER_HEAD = 32


class Autoregressive(AbstractPrior):
    """`depth` blocks of `nodes` (a multiple of 32)."""

    accepts = "indices"

    def __init__(
        self, *, code_shape: tuple[int, ...], count: int | None = None, depth: int = 4, nodes: int = 128
    ) -> None:
        super().__init__(code_shape=code_shape, count=count)
        if not (1 <= depth <= 64 and nodes >= 1 and nodes % _NODES_PER_HEAD == 0):
            raise BadOption(f"depth={depth}, nodes={nodes}; they take 1 to 64, and a multiple of {_NODES_PER_HEAD}")
        self.places = 1
        for side in self.code_shape:
            self.places *= side
        if count is None or count > _MOST_CODES or self.places > _MOST_PLACES:
            raise BadPairing(
                f"autoregressive draws grids of up to {_MOST_PLACES} places with up to {_MOST_CODES} codes; this "
                f"model's has {self.places} with {count}: fit with fewer levels, or a smaller picture"
            )
        # One more than there are codes: what stands before the first place.
        self.embed = nn.Embedding(count + 1, nodes)
        self.where = nn.Parameter(0.02 * torch.randn(self.places, nodes))
        self.blocks = nn.ModuleList(_Block(nodes) for _ in range(depth))
        self.norm = nn.LayerNorm(nodes)
        self.head = nn.Linear(nodes, count)
        nn.init.normal_(self.embed.weight, std=0.02)
        nn.init.zeros_(self.head.weight)

    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n h w, int64."""
        found = torch.empty(n, 0, dtype=torch.long, device=self.where.device)
        for _ in range(self.places):
            chances = self._logits(found)[:, -1].float().softmax(-1)
            found = torch.cat([found, torch.multinomial(chances, 1, generator=generator)], 1)
        return found.view(n, *self.code_shape)

    def log_prob(self, codes: Tensor) -> Tensor:
        flat = codes.flatten(1)
        logits = self._logits(flat[:, :-1])
        return -F.cross_entropy(logits.transpose(1, 2), flat, reduction="none").sum(1)

    def _logits(self, before: Tensor) -> Tensor:
        """B P -> B P+1 K: of every place up to the next one."""
        nothing = before.new_full((len(before), 1), self.head.out_features)
        state = self.embed(torch.cat([nothing, before], 1)) + self.where[: before.shape[1] + 1]
        for block in self.blocks:
            state = block(state)
        return self.head(self.norm(state))


class _Block(nn.Module):
    """Attention to the places before, then a net of each place's own."""

    def __init__(self, nodes: int) -> None:
        super().__init__()
        self.heads = nodes // _NODES_PER_HEAD
        self.first, self.second = nn.LayerNorm(nodes), nn.LayerNorm(nodes)
        self.mix, self.out = nn.Linear(nodes, 3 * nodes), nn.Linear(nodes, nodes)
        self.net = nn.Sequential(nn.Linear(nodes, 4 * nodes), nn.SiLU(), nn.Linear(4 * nodes, nodes))

    def forward(self, x: Tensor) -> Tensor:
        query, key, value = self.mix(self.first(x)).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.out(seen.transpose(1, 2).flatten(2))
        return x + self.net(self.second(x))
