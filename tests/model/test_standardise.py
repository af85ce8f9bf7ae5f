"""Columns to mean 0 and spread 1, and back; missing cells and constant columns break nothing."""

from __future__ import annotations

import pytest
import torch

from narrows._errors import BadData
from narrows.model.standardise import Standardise

NAN = float("nan")


def learned(rows: torch.Tensor) -> Standardise:
    module = Standardise(rows.shape[1])
    module.learn(rows)
    return module


def test_columns_get_mean_0_and_spread_1():
    rows = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 50, 1e-3]) + 7
    values, known = learned(rows)(rows)
    assert known.min() == 1
    torch.testing.assert_close(values.mean(0), torch.zeros(3), atol=1e-3, rtol=0)
    torch.testing.assert_close(values.std(0, correction=0), torch.ones(3), atol=1e-3, rtol=0)


def test_the_way_back_gives_the_units_of_the_columns():
    rows = torch.tensor([[1.0, -200.0], [3.0, 400.0], [8.0, 10.0]])
    module = learned(rows)
    torch.testing.assert_close(module.inverse(module(rows)[0]), rows)


def test_a_large_offset_does_not_drown_a_small_spread():
    rows = 1e7 + torch.arange(20_001).remainder(10).float()[:, None]
    module = learned(rows)
    assert module.mean.item() == pytest.approx(1e7 + 4.5, abs=1)  # single precision holds whole numbers here
    assert module.spread.item() == pytest.approx(2.8723, abs=1e-3)


def test_missing_cells_count_for_nothing_and_become_the_mean():
    rows = torch.tensor([[1.0, NAN], [3.0, 5.0], [NAN, 7.0]])
    module = learned(rows)
    assert module.mean.tolist() == [2.0, 6.0]
    values, known = module(rows)
    assert values[0, 1] == 0 and values[2, 0] == 0
    assert known.tolist() == [[1, 0], [1, 1], [0, 1]]


@pytest.mark.parametrize("value", [0.0, 5.0, -1e30, 1e-30])
def test_a_constant_column_is_divided_by_nothing(value):
    module = learned(torch.full((4, 1), value))
    values, _ = module(torch.full((4, 1), value))
    assert module.spread.item() == 1 and values.abs().max() == 0


def test_a_column_that_is_missing_altogether_is_left_alone():
    values, known = learned(torch.full((3, 1), NAN))(torch.full((3, 1), NAN))
    assert values.abs().max() == 0 and known.max() == 0


def test_one_row_is_enough():
    module = learned(torch.tensor([[2.0, NAN]]))
    assert torch.isfinite(module(torch.tensor([[9.0, 9.0]]))[0]).all()


@pytest.mark.parametrize("value", [float("inf"), -float("inf")])
def test_infinities_are_refused_in_a_sentence(value):
    with pytest.raises(BadData, match="infinit"):
        learned(torch.tensor([[1.0], [value]]))


def test_a_small_spread_far_from_0_is_learned_where_double_precision_tells_it():
    rows = 1e9 + torch.randn(500, 1, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    module = learned(rows)
    assert module.spread.item() == pytest.approx(1, abs=0.1)
    assert module(rows)[0].std().item() == pytest.approx(1, abs=0.1)


def test_rounding_in_double_precision_is_no_spread():
    rows = torch.tensor([[0.1 + 0.2], [0.3], [0.3]], dtype=torch.float64)
    assert rows.unique().numel() == 2 and learned(rows).spread.item() == 1


def test_rounding_in_a_constant_column_weighs_next_to_nothing():
    rows = torch.full((64, 1), 1e9) + 64 * torch.randint(-1, 2, (64, 1), generator=torch.Generator().manual_seed(0))
    module = Standardise(1)
    module.learn(rows)
    assert 0 < module(rows)[0].std() < 0.05


def test_times_are_told_apart_and_come_back_in_double_precision():
    rows = 1.7e9 + torch.arange(500, dtype=torch.float64)[:, None]
    module = learned(rows)
    values, _ = module(rows)
    assert len(values.unique()) == 500 and values.dtype == torch.float32
    assert module.spread.item() == pytest.approx(144.3, abs=0.1) and values.std() == pytest.approx(1, abs=0.01)
    torch.testing.assert_close(module.inverse(values.double()), rows, rtol=0, atol=1e-3)


def test_rounding_of_a_constant_column_in_double_precision_weighs_nothing_either():
    rows = torch.full((1000, 1), 0.1, dtype=torch.float64) * 1e9
    assert learned(rows).spread.item() == 1
