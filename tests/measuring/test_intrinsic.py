"""Dimensions that are known: cubes, curved sheets under noise, white noise, and what has none."""

import math

import pytest
import torch

from narrows.measuring.intrinsic import above_noise, dimensions, local_dimension, twonn


def curved(dimension, columns=64, rows=1500, noise=0.07, seed=0):
    """Sines of random projections of a cube, with white noise."""
    random = torch.Generator().manual_seed(seed)
    inside = 2 * torch.rand(rows, dimension, generator=random) - 1
    turned = torch.randn(dimension, columns, generator=random) / dimension**0.5
    clean = torch.sin(1.5 * inside @ turned + 6.28 * torch.rand(columns, generator=random))
    return clean + noise * torch.randn(rows, columns, generator=random)


@pytest.mark.parametrize("dimension", [1, 2, 5])
def test_twonn_finds_the_dimension_of_a_flat_cube(dimension):
    rows = torch.rand(2000, dimension, generator=torch.Generator().manual_seed(0))
    found = twonn(rows @ torch.randn(dimension, 20, generator=torch.Generator().manual_seed(1)))
    assert found.value == pytest.approx(dimension, rel=0.12) and found.low < found.value < found.high


def test_duplicates_and_too_few_rows_give_no_dimension_instead_of_an_error():
    assert twonn(torch.ones(50, 3)).high == math.inf
    assert twonn(torch.rand(5, 3)).high == math.inf


def test_rows_that_come_again_and_again_have_the_dimension_of_different_ones():
    rows = torch.randn(60, 5, generator=torch.Generator().manual_seed(0))
    once, often = (dimensions(above_noise(each)) for each in (rows, rows.repeat_interleave(10, 0)))
    assert often.local == once.local and often.twonn.value == pytest.approx(once.twonn.value)


def test_the_noise_floor_is_found_and_what_lies_below_it_left_out():
    found = above_noise(curved(2))
    assert found.noise == pytest.approx(0.07**2, rel=0.05)
    assert 2 < found.rows.shape[1] < 25
    torch.testing.assert_close(found.of(curved(2)), found.rows)


def test_data_without_a_floor_are_kept_whole():
    random = torch.Generator().manual_seed(0)
    falling = torch.randn(1000, 40, generator=random) * 0.8 ** torch.arange(40)
    found = above_noise(falling)
    assert found.noise == 0 and found.rows.shape == (1000, 40)
    assert above_noise(torch.rand(30, 64, generator=random)).noise == 0  # fewer rows than columns


@pytest.mark.parametrize("dimension", [1, 2, 4])
def test_local_pca_sees_through_noise_where_twonn_does_not(dimension):
    rows = curved(dimension, seed=dimension)
    found = dimensions(above_noise(rows))
    assert found.local is not None
    assert found.local.value == dimension and found.local.low <= dimension <= found.local.high
    assert abs(twonn(rows).value - dimension) > 1.5
    assert found.linear > dimension  # curved: flat directions do not suffice


def test_a_spectrum_that_falls_evenly_has_no_gap():
    random = torch.Generator().manual_seed(0)
    for power in (0.5, 1.0, 2.0):
        rows = torch.randn(1500, 40, generator=random) / torch.arange(1, 41) ** (power / 2)
        assert local_dimension(rows) == (None, 1.0), power


def test_columns_that_hardly_vary_make_no_gap():
    random = torch.Generator().manual_seed(0)
    rows = torch.randn(1500, 30, generator=random) / torch.arange(1, 31)
    rows = torch.cat([rows, 1e-4 * torch.randn(1500, 10, generator=random), torch.zeros(1500, 5)], 1)
    assert local_dimension(rows) == (None, 1.0)


def test_the_same_seed_gives_the_same_dimensions():
    reduced = above_noise(curved(2))
    assert dimensions(reduced, seed=3) == dimensions(reduced, seed=3)
