"""The simple alternatives to a network with a code: PCA at the same code size, and the mean."""

from __future__ import annotations

import torch
from torch import Tensor

from narrows._errors import BadOption
from narrows.nn.linear_start import principal


class PCABaseline:
    """The best linear code: the directions of greatest variance. Pearson 1901."""

    def fit(self, rows: Tensor, code_size: int) -> PCABaseline:
        """N P, finite -> itself. A code larger than the rank keeps everything there is."""
        if code_size < 1:
            raise BadOption(f"code_size={code_size}; PCA keeps 1 direction or more")
        self.mean = rows.mean(0, dtype=torch.float64).to(rows.dtype)
        self.directions = principal(rows, code_size, passes=8).directions
        return self

    def encode(self, rows: Tensor) -> Tensor:
        """N P -> N D."""
        return (rows - self.mean) @ self.directions

    def reconstruct(self, rows: Tensor) -> Tensor:
        """N P -> N P, through the code."""
        return self.encode(rows) @ self.directions.T + self.mean


class MeanBaseline:
    """No code at all: every row becomes the mean row."""

    def fit(self, rows: Tensor) -> MeanBaseline:
        """N P -> itself."""
        self.mean = rows.mean(0)
        return self

    def reconstruct(self, rows: Tensor) -> Tensor:
        """N P -> N P."""
        return self.mean.expand_as(rows)
