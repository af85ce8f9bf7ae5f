"""Tables only: every column to mean 0 and spread 1, and back; missing cells to 0, and out of the loss."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from narrows._errors import BadData
from narrows.data.tables import ROUNDING

_ROUNDING_OF_SINGLES = 1e-7


class Standardise(nn.Module):
    """Kinds never see it. A constant column keeps spread 1, so that nothing is ever divided by 0.

    Constant means up to rounding, which in single precision is 64 for values of 1e9; what there is of it is made small.
    The mean is kept in single precision and taken off in that of the rows: what it lacks is an offset, which encoders
    take off with the mean of their inputs.
    """

    mean: Tensor
    spread: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(columns))
        self.register_buffer("spread", torch.ones(columns))

    def learn(self, rows: Tensor) -> None:
        """N D, NaN where missing. In double precision: columns around 1e6 lose their digits in single."""
        wide = rows.double()
        if torch.isinf(wide).any():
            raise BadData("the table holds infinities; replace them or leave those cells empty")
        known = torch.isfinite(wide)
        count = known.sum(0).clamp_min(1)
        mean = wide.nan_to_num(0.0).sum(0) / count
        variance = ((wide - mean).nan_to_num(0.0).square() * known).sum(0) / count
        spread = variance.sqrt()
        # A spread at the level of rounding is a constant column.
        rounding = ROUNDING if rows.dtype == torch.float64 else _ROUNDING_OF_SINGLES
        constant = spread <= rounding * mean.abs().clamp_min(1e-30)
        self.mean.copy_(mean)
        self.spread.copy_(torch.where(constant, (100 * spread).clamp_min(1), spread))

    def forward(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        """B D -> standardised values with 0 for missing, and 1 where a cell is known, 0 where missing.

        Rows in double precision are standardised in it: what comes out is in the net's own.
        """
        known = torch.isfinite(rows)
        # No part of the net, so not moved to its device with it.
        mean, spread = self.mean.to(rows.device), self.spread.to(rows.device)
        values = ((rows - mean) / spread).nan_to_num(0.0, 0.0, 0.0)
        return values.to(self.mean.dtype), known.to(self.mean.dtype)

    def inverse(self, values: Tensor) -> Tensor:
        """B D back to the units of the columns, in the precision of the values."""
        return values * self.spread + self.mean
