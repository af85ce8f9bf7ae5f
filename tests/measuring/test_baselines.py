"""PCA judges networks, so it must be as good as PCA is."""

from __future__ import annotations

import pytest
import torch

from narrows.measuring.baselines import PCABaseline


@pytest.mark.parametrize("tail", [-1.5, 0.0])
def test_many_rows_of_many_values_leave_next_to_nothing_more_than_they_must(tail):
    rows = torch.randn((1200, 1100), generator=torch.Generator().manual_seed(0)) * torch.logspace(0, tail, 1100) + 3
    left = (rows - PCABaseline().fit(rows, 40).reconstruct(rows)).square().sum().double()
    strengths = torch.linalg.svdvals((rows - rows.mean(0)).double()).square()
    assert 1 - 1e-4 <= float(left / strengths[40:].sum()) < 1.003


def test_a_code_beyond_the_rank_keeps_everything():
    rows = torch.randn((5, 7), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(PCABaseline().fit(rows, 7).reconstruct(rows), rows)
