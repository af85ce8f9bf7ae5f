"""A net that begins at PCA. What it learns is what PCA cannot say.

An activation with act(x) - act(-x) = x (SiLU, ReLU) lets two nodes carry one linear value through any number of layers,
exactly. So a fully connected net of the usual shape can begin as any linear map that half of its narrowest layer has
room for, its other nodes drawn at random and not yet heard; convolutions have a linear map beside them (`nn.beside`)
and begin unheard as a whole. The pairs are those of Balduzzi et al. 2017, "The shattered gradients problem",
arXiv:1702.08591; beginning at PCA: Seuret et al. 2017, arXiv:1702.00177.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from narrows._contract import AbstractAutoencoder, DataFacts
from narrows.nn.beside import BesideLinear, reduce

_FLATTEST = 0.05
"""Least slope of a link that the decoder makes up for: the sigmoid has 0.25 in the middle, 0 at black and white."""
_EXACT = 1024
"""Rows or columns, whichever are fewer, whose products are decomposed whole in a second or so."""
_MORE = 16
"""Directions that take part in subspace iteration besides, at least."""
_NARROWEST = 1e-3
"""Spread of a code value, over the widest, below which it is not scaled up: nothing but noise would be."""


class Principal(NamedTuple):
    """The directions of greatest variance of some rows, the greatest first."""

    directions: Tensor
    """P D, columns of length 1, or 0 where the rows have no more."""
    variances: Tensor
    """D: of the rows along each."""
    rest: float
    """What the directions leave of a value's variance, on average."""


def principal(rows: Tensor, most: int, *, passes: int = 4) -> Principal:
    """PCA of N P rows, at most `most` and N directions. Pearson 1901.

    Through the smaller of P P and N N, whose directions are the same, X^T u / |X^T u|; where that would take long, by
    `passes` of subspace iteration from random directions, always the same: Halko et al. 2011, arXiv:0909.4061. 128
    directions of 2,700 faces of 64x64 in colour then leave 0.02 % more of the error, in 5 s for 25; 40 of noise that
    has no directions 0.7 %, with 8 passes 0.2 % (docs/log.md, 2026-11-28).
    """
    count, values = rows.shape
    if min(count, values) > _EXACT:
        return _leading(rows, min(most, count, values), passes)
    centred = rows.double()
    centred = centred - centred.mean(0)
    if values <= count:
        strengths, vectors = torch.linalg.eigh(centred.T @ centred)
        kept = vectors.flip(1)[:, :most]
    else:
        strengths, vectors = torch.linalg.eigh(centred @ centred.T)
        kept = centred.T @ vectors.flip(1)[:, : min(most, count)]
        kept = kept / kept.norm(dim=0).clamp_min(1e-12) * (strengths.flip(0)[: kept.shape[1]] > 1e-10)
    strengths = strengths.flip(0).clamp_min(0) / count
    rest = float(strengths[kept.shape[1] :].sum() / values)
    return Principal(kept.to(rows.dtype), strengths[: kept.shape[1]].to(rows.dtype), rest)


def _leading(rows: Tensor, most: int, passes: int) -> Principal:
    """The same by subspace iteration, half as many directions more taking part."""
    count, values = rows.shape
    centred = rows - rows.mean(0, dtype=torch.float64).to(rows.dtype)
    together = min(most + max(_MORE, most // 2), count, values)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        _, strengths, directions = torch.svd_lowrank(centred, q=together, niter=passes)
    variances = strengths[:most].square() / count
    rest = float(centred.square().sum(1).double().sum() / count - variances.double().sum()) / values
    # Where the rows have fewer directions than that, what is left is rounding.
    kept = directions[:, :most] * (strengths[:most] > 1e-5 * strengths[0])
    return Principal(kept, variances, max(rest, 0.0))


def begin_at_pca(of: AbstractAutoencoder, facts: DataFacts, *, even: bool = True) -> Principal | None:
    """Let `of.decoder(of.encoder(x)) + of.offset` begin as PCA of what should come out, as far as the layers are wide
    enough, and return what they carry; None, and nothing is done, where either has no linear start (`mark_linear`,
    `nn.beside`), or what goes in is no state of what comes out, or a layer of one node has no room for two.

    The code's values have a variance of 1 on average (`even`) or each. Outputs of the encoder beyond the code begin at
    0.
    """
    encoder, decoder = linears(of.encoder), linears(of.decoder)  # type: ignore[arg-type]
    if not encoder or not decoder or facts.targets is None or not facts.same:
        return None
    beside = [part for part in of.modules() if isinstance(part, BesideLinear)]
    small = reduce if beside else _whole
    targets, code_size = small(facts.targets).flatten(1), decoder[0].in_features
    room = min([code_size, *(layer.in_features // 2 for layer in (*encoder[1:], *decoder[1:]))])
    if room == 0:
        return None
    found = principal(targets, room)
    scale = found.variances.sqrt()
    scale = scale.clamp_min(_NARROWEST * float(scale.max().clamp_min(_NARROWEST)))
    if even:
        scale = (scale.square().sum() / code_size).sqrt().expand_as(scale)
    slope = of.loss.link.slope(small(of.offset.expand(facts.mean.shape)[None]).flatten())
    down = targets.new_zeros(encoder[0].in_features, len(scale))  # channels beside the picture come last
    down[: targets.shape[1]] = found.directions / scale
    up = found.directions * scale / slope.clamp_min(_FLATTEST)[:, None] / (beside[-1].share if beside else 1)
    _carry(encoder, down.T, torch.eye(encoder[-1].out_features, len(scale)).to(up))
    _carry(decoder, torch.eye(len(scale), code_size).to(up), up)
    for part in beside:
        part.silence()
    if len(targets[0]) == facts.mean.numel():
        return found
    # Of large pictures: what is left of all their pixels, each of which follows the code as its mean does.
    carried = (targets - targets.mean(0)) @ found.directions @ found.directions.T
    mean, left = facts.targets.mean(0), 0.0
    for some, drawn in zip(facts.targets.split(256), carried.split(256), strict=True):
        left += float((some - mean - beside[-1].enlarge(drawn)).square().sum())
    return found._replace(
        variances=found.variances * (facts.mean.numel() / len(targets[0])), rest=left / facts.targets.numel()
    )


def _whole(pictures: Tensor) -> Tensor:
    return pictures


def mark_linear(stack: nn.Sequential) -> None:
    """Say of a stack of fully connected layers, SiLU or ReLU between them and nothing else with weights, that it may
    begin as a linear map."""
    stack.begins_linear = True  # type: ignore[assignment]


def linears(module: nn.Module) -> list[nn.Linear]:
    """The layers of a net that may begin as a linear map, in order; none of any other."""
    for part in module.modules():
        if getattr(part, "begins_linear", False):
            return [layer for layer in part.children() if isinstance(layer, nn.Linear)]
    return []


@torch.no_grad()
def _carry(layers: list[nn.Linear], into: Tensor, out: Tensor) -> None:
    """Let a stack begin as out @ into. Nodes 2i and 2i + 1 of each hidden layer carry value i and its opposite."""
    first, last, n = layers[0], layers[-1], 2 * len(into)
    if first is last:
        first.weight.copy_(out @ into)
        first.bias.zero_()
        return
    signs = torch.tensor([1.0, -1.0]).to(into)
    first.weight[:n] = torch.kron(into.contiguous(), signs[:, None])
    first.bias[:n] = 0
    for layer in layers[1:-1]:
        layer.weight[:n] = 0
        layer.weight[:n, :n] = torch.kron(torch.eye(n // 2).to(into), torch.outer(signs, signs))
        layer.bias[:n] = 0
    last.weight.zero_()
    last.weight[:, :n] = torch.kron(out.contiguous(), signs[None])
    last.bias.zero_()
