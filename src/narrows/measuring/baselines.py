"""The simple alternatives to a network with a code: PCA at the same code size, and the mean."""

from __future__ import annotations

import torch
from torch import Tensor

from narrows._errors import BadOption

_WIDEST = 4096
"""Columns up to which the covariance matrix is decomposed whole; its eigenvectors then cost seconds."""


class PCABaseline:
    """The best linear code: the directions of greatest variance. Pearson 1901."""

    def fit(self, rows: Tensor, code_size: int) -> PCABaseline:
        """N P, finite -> itself. A code larger than the rank keeps everything there is."""
        if code_size < 1:
            raise BadOption(f"code_size={code_size}; PCA keeps 1 direction or more")
        wide = rows.double()
        self.mean = wide.mean(0)
        centred = wide - self.mean
        count, values = rows.shape
        if values <= _WIDEST:
            _, vectors = torch.linalg.eigh(centred.T @ centred)
            kept = vectors.flip(1)[:, :code_size]
        elif count <= _WIDEST:
            # The rows' own products have the same directions: X^T u / |X^T u|.
            strengths, vectors = torch.linalg.eigh(centred @ centred.T)
            kept = centred.T @ vectors.flip(1)[:, : min(code_size, count)]
            kept = kept / kept.norm(dim=0).clamp_min(1e-12) * (strengths.flip(0)[: kept.shape[1]] > 1e-10)
        else:
            from sklearn.decomposition import PCA

            found = PCA(code_size, svd_solver="randomized", random_state=0).fit(rows.numpy())
            kept = torch.from_numpy(found.components_).double().T
        self.mean, self.directions = self.mean.to(rows.dtype), kept.to(rows.dtype)
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
