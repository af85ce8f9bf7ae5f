"""Looking inside a code: how many of its values do something, and what makes each of them fire.

Three answers to "how large is this code really": values that vary at all (`active`), the participation ratio of the
covariance (values that vary together count once), and, in `intrinsic`, the dimension of what the codes lie on.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from narrows._contract import Step
from narrows._errors import BadData, NotSupported
from narrows.measuring.likelihood import ACTIVE, active_units
from narrows.model.model import Model
from narrows.training.seeds import generator

_AT_ONCE = 256
_RELATIVE = 0.01
"""Share of the largest variance from which a value of a code without a prior counts as active: its unit is its own."""
_MOST_UNITS = 64


class CodeUse(NamedTuple):
    """How much of a code is used."""

    size: int
    """Values of a code; vectors of a codebook, for indices."""
    active: int
    """Of these: values that vary over the data, or vectors that came up."""
    participation: float
    """(sum of variances along principal directions)^2 / sum of their squares: 1 to size; the perplexity of a
    codebook, for indices."""

    @property
    def share(self) -> float:
        """active / size"""
        return self.active / self.size


def code_use(model: Model, codes: Tensor) -> CodeUse:
    """Of codes N D, or N D h w, as `Model.encode` gives them for data. Raises BadData for fewer than 2."""
    if len(codes) < 2:
        raise BadData(f"{len(codes)} codes came; whether a code is used is seen from 2 or more")
    if "indices" in model.can and model.autoencoder.bits is not None:
        size = round(2**model.autoencoder.bits)
        indices = model.autoencoder.to_indices(codes)  # type: ignore[operator]
        counts = torch.unique(indices, return_counts=True)[1].double()
        return CodeUse(size, len(counts), float(torch.special.entr(counts / counts.sum()).sum().exp()))
    rows = codes.flatten(1)
    variances = rows.double().var(0)
    likelihood = "likelihood" in model.can
    active = active_units(rows, ACTIVE) if likelihood else int((variances > _RELATIVE * variances.max()).sum())
    return CodeUse(rows.shape[1], active, participation_ratio(rows))


def participation_ratio(codes: Tensor) -> float:
    """Of codes N D: (tr C)^2 / tr C^2, for their covariance C; 0 where nothing varies."""
    centred = codes.flatten(1).double()
    centred = centred - centred.mean(0)
    count, size = centred.shape
    # tr C^2 is the same for X^T X and X X^T: the smaller one.
    product = centred.T @ centred if size <= count else centred @ centred.T
    square = product.square().sum()
    return float(product.diagonal().sum().square() / square) if square > 0 else 0.0


@torch.no_grad()
def kl_per_value(model: Model, examples: Tensor) -> Tensor:
    """D, in nats: what each code value costs, mean over examples N *shape. Values near 0 say nothing of the input.

    Raises NotSupported for kinds whose code has no prior that falls into one factor for each value.
    """
    if not hasattr(model.autoencoder, "code_kl"):
        raise NotSupported(
            f"{model.kind} has no prior over each value of its code; fit with --kind variational, iwae or hierarchical"
        )
    total, count = torch.zeros(0), 0
    for part in examples.split(_AT_ONCE):
        each = model.autoencoder.code_kl(_seen(model, part)).double()  # type: ignore[operator]
        total = each.sum(0) if not count else total + each.sum(0)
        count += len(part)
    return total / count


def unit_maps(model: Model, examples: Tensor, units: list[int] | None = None) -> Tensor:
    """U *shape: the direction in the input that raises each unit of the code most, its gradient, mean over examples.

    `units` are numbers of code values from 0; None: the first 64. For a code of one linear layer these are its
    weights. Raises NotSupported without a vector code.
    """
    if model.code_shape is None or len(model.code_shape) != 1:
        raise NotSupported(f"{model.kind} has no code of single values, so there are no units to draw")
    chosen = list(range(min(model.code_shape[0], _MOST_UNITS))) if units is None else units
    x = _seen(model, examples[:_AT_ONCE]).detach().requires_grad_()
    maps = []
    with torch.enable_grad():
        code = model.autoencoder.encode(x)
        for at, unit in enumerate(chosen):
            (slope,) = torch.autograd.grad(code[:, unit].sum(), x, retain_graph=at < len(chosen) - 1)
            maps.append(slope[:, : model.shape[0]].mean(0))
    return torch.stack(maps)


def strongest(codes: Tensor, units: list[int], count: int = 8) -> Tensor:
    """U count, int64: the examples whose codes N D hold the largest values of each unit, the largest first."""
    return codes[:, units].topk(min(count, len(codes)), dim=0).indices.T


def _seen(model: Model, examples: Tensor) -> Tensor:
    """B C+extra H W, or B D: as the net sees them."""
    step = Step(0, 1, len(examples), generator(0, "inside"))
    return model.batch(examples.to(model.autoencoder.offset), step).x
