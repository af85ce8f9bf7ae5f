"""Copies are found, blurs are not called copies, and new samples pass."""

import pytest
import torch

from narrows import BadData
from narrows.measuring import memorisation
from narrows.measuring.memorisation import check_memorisation, nearest_of


def drawn(count, seed, size=(1, 4, 4)):
    return torch.rand(count, *size, generator=torch.Generator().manual_seed(seed))


def test_copies_of_training_pictures_are_found_with_the_picture_they_copy():
    training, held_out = drawn(200, 0), drawn(100, 1)
    chosen = torch.arange(0, 200, 4)
    found = check_memorisation(training[chosen], training, held_out)
    assert found.outcome == "copies" and found.nearer.value == 1.0
    assert torch.equal(found.nearest, chosen)
    assert found.distances.abs().max() == 0
    assert "by heart" in found.sentence() and "thuộc lòng" in found.sentence("vi")


def test_samples_like_the_held_out_ones_are_new():
    found = check_memorisation(drawn(300, 2), drawn(200, 0), drawn(300, 1))
    assert found.outcome == "new"
    assert found.nearer.value < 0.05
    assert found.chance == pytest.approx(0.4)
    assert found.to_training.low < 0.4 < found.to_training.high


def test_few_held_out_examples_make_nobody_suspect():
    # The nearest of ten lies further off than one in ten of all others do.
    outcomes = [check_memorisation(drawn(64, s), drawn(90, 100 + s), drawn(10, 200 + s)).outcome for s in range(20)]
    assert outcomes.count("new") >= 18


def test_copies_too_few_to_be_told_from_chance_are_not_called_smooth():
    training, held_out = drawn(300, 0), drawn(10, 1)
    few, many = (check_memorisation(training[:count], training, held_out) for count in (40, 300))
    assert few.outcome == "few" and "--n" in few.sentence() and "--n" in few.sentence("vi")
    assert many.outcome == "copies"


def test_a_blur_is_near_to_everything_and_copies_nothing():
    size = (1, 16, 16)
    samples = 0.4 + 0.2 * drawn(200, 2, size)
    found = check_memorisation(samples, drawn(200, 0, size), drawn(200, 1, size))
    assert found.nearer.value > 0.9
    assert found.outcome == "near" and "smooth" in found.sentence()


def test_a_threshold_of_ones_own_takes_the_place_of_the_held_out_quantile():
    found = check_memorisation(drawn(50, 2), drawn(40, 0), drawn(30, 1), threshold=0.0)
    assert found.threshold == 0 and found.nearer.value == 0


def test_distances_are_root_mean_square_and_chunks_change_nothing(monkeypatch):
    points, members = drawn(30, 0), drawn(20, 1)
    distances, numbers = nearest_of(points, members)
    exact = (points[:, None] - members[None]).flatten(2).square().mean(2).sqrt()
    assert torch.equal(numbers, exact.argmin(1))
    assert torch.allclose(distances, exact.min(1).values)
    monkeypatch.setattr(memorisation, "_DISTANCES_AT_ONCE", 45)
    assert torch.equal(nearest_of(points, members)[1], numbers)


@pytest.mark.parametrize("empty", [0, 1, 2])
def test_nothing_to_compare_with_is_refused(empty):
    sets = [drawn(4, seed) for seed in range(3)]
    sets[empty] = sets[empty][:0]
    with pytest.raises(BadData, match=r"no (samples|training examples|held-out examples) came"):
        check_memorisation(*sets)
