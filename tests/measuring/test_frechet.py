"""Frechet distance, precision and recall: against closed forms and hand-made cases."""

import pytest
import torch

from narrows import BadData
from narrows.measuring import frechet
from narrows.measuring.frechet import (
    frechet_distance,
    precision_and_recall,
    principal_components,
    random_convolutions,
    sample_quality,
)


def drawn(count, size=3, seed=0, mean=0.0, scale=1.0):
    random = torch.Generator().manual_seed(seed)
    return mean + scale * torch.randn(count, size, generator=random, dtype=torch.float64)


def test_equal_sets_are_at_distance_0():
    x = drawn(50)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-9)


def test_the_distance_of_two_gaussians_is_the_closed_form():
    one, other = drawn(200_000, mean=1.0), drawn(200_000, seed=1, scale=3.0)
    assert frechet_distance(one, other) == pytest.approx(3 * 1 + 3 * (3 - 1) ** 2, rel=0.02)


def test_it_is_symmetric_and_moves_with_neither_shift_nor_rotation():
    one, other = drawn(100) @ drawn(3, seed=5), drawn(80, seed=1, mean=0.4)
    turn = torch.linalg.qr(drawn(3, seed=7)).Q
    wanted = frechet_distance(one, other)
    assert frechet_distance(other, one) == pytest.approx(wanted)
    assert frechet_distance(one @ turn + 5, other @ turn + 5) == pytest.approx(wanted)


def test_fewer_samples_than_features_still_give_a_number():
    assert 0 < frechet_distance(drawn(5, size=40), drawn(6, size=40, seed=1)) < float("inf")


def test_precision_and_recall_of_hand_made_sets():
    real = torch.tensor([[0.0], [1.0], [2.0], [3.0], [100.0], [101.0], [102.0], [103.0]])
    samples = torch.tensor([[0.5], [1.5], [2.5], [3.5], [50.0]])
    precision, recall = precision_and_recall(samples, real, neighbours=1)
    assert precision.value == pytest.approx(4 / 5)
    assert recall.value == pytest.approx(4 / 8)


def test_copies_are_precise_and_a_single_mode_recalls_little():
    real = torch.cat([drawn(100), drawn(100, seed=1, mean=50)])
    precision, recall = precision_and_recall(real[:100] + 1e-6, real)
    assert precision.value == 1.0 and recall.value == pytest.approx(0.5)


def test_chunks_change_nothing(monkeypatch):
    one, other = drawn(60), drawn(50, seed=1, mean=0.5)
    whole = precision_and_recall(one, other)
    monkeypatch.setattr(frechet, "_DISTANCES_AT_ONCE", 77)
    assert precision_and_recall(one, other) == whole


def test_too_few_and_broken_examples_are_refused():
    with pytest.raises(BadData, match="1 and 5 examples came; 2 or more"):
        frechet_distance(drawn(1), drawn(5))
    with pytest.raises(BadData, match="4 or more"):
        precision_and_recall(drawn(3), drawn(9))
    with pytest.raises(BadData, match="not numbers"):
        frechet_distance(drawn(5) / 0, drawn(5))


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 7), (2, 64, 48), (1, 1, 1)])
def test_random_convolutions_take_pictures_of_any_size(shape):
    space = random_convolutions(shape)
    found = space(torch.rand(7, *shape))
    assert len(found) == 7 and torch.isfinite(found).all()
    assert "seed 0" in space.name
    assert torch.equal(found, random_convolutions(shape)(torch.rand(7, *shape))) is False


def test_the_space_is_fixed_by_its_seed_and_a_row_does_not_depend_on_its_batch():
    x = torch.rand(6, 1, 12, 12)
    one, other = random_convolutions((1, 12, 12)), random_convolutions((1, 12, 12), seed=1)
    assert torch.equal(one(x), random_convolutions((1, 12, 12))(x))
    assert not torch.allclose(one(x), other(x))
    assert torch.allclose(one(x)[2:3], one(x[2:3]), atol=1e-6)


def test_blur_and_noise_are_far_from_pictures():
    rows = torch.arange(12.0)
    pictures = torch.stack([((rows[:, None] > n % 7) & (rows[None] > n % 5)).float() for n in range(60)])[:, None]
    space = random_convolutions((1, 12, 12))
    same = sample_quality(pictures[::2], pictures[1::2], space)
    blurred = torch.nn.functional.avg_pool2d(pictures[::2], 5, 1, 2)
    assert sample_quality(blurred, pictures[1::2], space).frechet > 5 * same.frechet
    assert sample_quality(torch.rand(30, 1, 12, 12), pictures[1::2], space).precision.value == 0
    assert same.space == "random convolutions, seed 0" and (same.samples, same.real) == (30, 30)


def test_principal_components_serve_rows_and_never_more_than_there_are():
    assert principal_components(torch.rand(50, 4)).name == "4 principal components"
    assert principal_components(torch.rand(3, 1, 8, 8))(torch.rand(5, 1, 8, 8)).shape == (5, 2)
