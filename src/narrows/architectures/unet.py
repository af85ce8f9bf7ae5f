"""U-Net for restoration: plain 3x3 convolutions at half, quarter and eighth resolution, with skips added.

Unusual: the picture is first folded 2x2 into channels, so that nothing runs at full resolution. On a CPU that is
where the milliseconds are (as FFDNet found, Zhang et al. 2018, arXiv:1710.04026); and there is no normalisation, so
tiles can equal the whole. It offers only a whole net: a skip would let everything pass around a code.
Ronneberger et al. 2015, arXiv:1505.04597.
"""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from narrows._contract import AbstractArchitecture, Plan
from narrows._errors import BadOption
from narrows.architectures._plans import refuse_other_widths, refuse_too_many
from narrows.nn.blocks import PixelShuffleUp, ResidualBlock, down

_FOLD = 2
_WIDTHS = (48, 80, 112)
_BLOCKS = 2
"""Residual blocks on each way at every level but the deepest, which has one."""


class UNet(AbstractArchitecture):
    """Levels of residual blocks; `n_nodes` names the channels of each level, `n_layers` the levels."""

    offers = frozenset({"whole"})
    accepts = frozenset({"picture"})
    any_size = True

    @classmethod
    def plan(
        cls,
        shape: tuple[int, ...],
        n_layers: int | None = None,
        n_nodes: int | tuple[int, ...] | None = None,
        code_size: int | None = None,
    ) -> Plan:
        """48, 80, 112 channels: 0.96 M parameters and 77,000 multiply-adds a pixel."""
        reasons: dict[str, str] = {}
        refuse_other_widths(n_layers, n_nodes)
        if isinstance(n_nodes, tuple):
            widths = n_nodes
            refuse_too_many(len(widths))
            if n_layers not in (None, len(widths)):
                raise BadOption(
                    f"n_layers={n_layers} contradicts the {len(widths)} widths in n_nodes; give one of them"
                )
        else:
            levels = n_layers if n_layers is not None else len(_WIDTHS)
            if levels < 1:
                raise BadOption(f"n_layers={levels}: a U-Net has 1 level or more, such as --n-layers 3")
            refuse_too_many(levels)
            first = n_nodes if n_nodes is not None else _WIDTHS[0]
            # 5/3 and 7/3 of the first, as measured in _WIDTHS; multiples of 8 keep the vector units full.
            widths = tuple(max(8, round(first * (3 + 2 * level) / 3 / 8) * 8) for level in range(levels))
            if n_nodes is None:
                reasons["n_nodes"] = "half-resolution channels that keep a CPU near a megapixel a second"
            if n_layers is None:
                reasons["n_layers"] = "three levels see about 90 pixels around each pixel"
        if not widths or min(widths) < 1:
            raise BadOption(f"n_nodes={widths}: every level has 1 channel or more, such as --n-nodes 48,80,112")
        return Plan(len(widths), widths, reasons)

    @property
    def stride(self) -> int:
        return _FOLD * 2 ** (len(self.n_nodes) - 1)

    @property
    def reach(self) -> int:
        reach, scale = _FOLD, _FOLD  # the head's and tail's 3x3 and the fold itself are counted at half resolution
        reach += 2 * scale
        for level in range(len(self.n_nodes)):
            blocks = 1 if level == len(self.n_nodes) - 1 else 2 * _BLOCKS
            reach += blocks * ResidualBlock.reach * scale
            reach += scale  # the 2x2 way down and up again
            scale *= 2
        return reach

    def whole(self) -> nn.Module:
        return _Whole(self.shape[0], self.extra, self.n_nodes)


class _Whole(nn.Module):
    """B C+extra H W -> B C H W; H and W multiples of the stride."""

    def __init__(self, channels: int, extra: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.channels = channels
        folded = _FOLD * _FOLD
        self.head = nn.Conv2d((channels + extra) * folded, widths[0], 3, padding=1)
        self.going_down = nn.ModuleList(_blocks(n, _BLOCKS) for n in widths[:-1])
        self.downs = nn.ModuleList(down(a, b) for a, b in pairwise(widths))
        self.deepest = ResidualBlock(widths[-1])
        self.ups = nn.ModuleList(PixelShuffleUp(b, a) for a, b in pairwise(widths))
        self.going_up = nn.ModuleList(_blocks(n, _BLOCKS) for n in widths[:-1])
        self.tail = nn.Conv2d(widths[0], channels * folded, 3, padding=1)
        nn.init.zeros_(self.tail.weight)  # an untrained net returns its input
        nn.init.zeros_(self.tail.bias)  # type: ignore[arg-type]

    def forward(self, x: Tensor) -> Tensor:
        h = self.head(F.pixel_unshuffle(x, _FOLD))
        skips = []
        # Block by block and skip by skip, so that nothing outlives its use: an `nn.Sequential` would hold its input.
        for blocks, shrink in zip(self.going_down, self.downs, strict=True):
            for block in blocks.children():
                h = block(h)
            skips.append(h)
            h = shrink(h)
        h = self.deepest(h)
        for blocks, grow in zip(reversed(self.going_up), reversed(self.ups), strict=True):
            h = grow(h).add_(skips.pop())
            for block in blocks.children():
                h = block(h)
        return x[:, : self.channels] + F.pixel_shuffle(self.tail(h), _FOLD)


def _blocks(n: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(ResidualBlock(n) for _ in range(count)))
