"""Frozen-code probes: counted on what was held out, untouched by its labels."""

import pytest
import torch

from narrows import BadData
from narrows.measuring.probe import logistic_error, probe


def clusters(count, classes=3, size=4, apart=6.0, seed=0):
    random = torch.Generator().manual_seed(seed)
    labels = torch.arange(count) % classes
    centres = apart * torch.randn(classes, size, generator=torch.Generator().manual_seed(9))
    return centres[labels] + torch.randn(count, size, generator=random), [f"class {n}" for n in labels.tolist()]


def test_clusters_that_lie_apart_are_told_apart():
    codes, labels = clusters(120)
    judged, wanted = clusters(60, seed=1)
    found = probe(codes, labels, judged, wanted)
    assert found.logistic.value < 0.05 and found.neighbours.value < 0.05
    assert (found.classes, found.learned, found.judged) == (3, 120, 60)
    assert float(found.wrong.mean()) == pytest.approx(found.logistic.value)


def test_codes_that_know_nothing_are_as_good_as_guessing():
    random = torch.Generator().manual_seed(0)
    labels = [str(n % 2) for n in range(200)]
    found = probe(torch.randn(200, 5, generator=random), labels, torch.randn(200, 5, generator=random), labels)
    assert found.logistic.low < 0.5 < found.logistic.high
    assert found.neighbours.low < 0.5 < found.neighbours.high


def test_the_units_of_a_code_do_not_matter_to_the_linear_probe():
    codes, labels = clusters(120, apart=1.5)
    judged, wanted = clusters(60, apart=1.5, seed=1)
    units = torch.tensor([1e-3, 1.0, 50.0, 1e4])
    assert torch.equal(
        probe(codes, labels, judged, wanted).wrong, probe(codes * units, labels, judged * units, wanted).wrong
    )


def test_where_a_code_lies_does_not_matter_to_the_linear_probe():
    # One value knows the labels, and sixty vary a little: one scale for all suits them best.
    random = torch.Generator().manual_seed(0)
    labels = torch.randint(0, 2, (480,), generator=random)
    codes = 0.05 * torch.randn(480, 60, generator=random)
    codes[:, 0] += 2.0 * labels - 1 + 0.3 * torch.randn(480, generator=random)
    away = codes.clone()
    away[:, 1] += 100
    near, far = (probe(x[:80], labels[:80].tolist(), x[80:], labels[80:].tolist()) for x in (codes, away))
    assert near.alike and far.alike
    assert far.logistic.value == pytest.approx(near.logistic.value, abs=0.01)


def test_held_out_labels_only_score():
    codes, labels = clusters(90)
    judged, wanted = clusters(30, seed=1)
    right = probe(codes, labels, judged, wanted)
    wrong = probe(codes, labels, judged, [f"class {(int(name[-1]) + 1) % 3}" for name in wanted])
    assert right.strength == wrong.strength
    assert torch.equal(right.wrong, 1 - wrong.wrong)


def test_a_class_that_was_never_learned_counts_as_wrong():
    codes, labels = clusters(60)
    found = probe(codes, labels, codes[:10], ["other"] * 10)
    assert found.logistic.value == found.neighbours.value == 1.0


def test_a_grid_is_taken_flat_and_a_dead_unit_does_no_harm():
    codes, labels = clusters(60)
    codes[:, 1] = 7.0
    grid = codes.view(60, 1, 2, 2)
    assert torch.equal(probe(grid, labels, grid, labels).wrong, probe(codes, labels, codes, labels).wrong)


def test_the_same_seed_gives_the_same_numbers():
    codes, labels = clusters(60, apart=1.0)
    one, other = (probe(codes, labels, codes, labels, seed=3) for _ in range(2))
    assert one[:6] == other[:6]
    assert logistic_error(codes, labels, codes, labels).value < 0.5


@pytest.mark.parametrize(
    ("codes", "labels", "words"),
    [
        (torch.zeros(3, 2), ["a", "b"], "3 training codes and 2 labels"),
        (torch.zeros(2, 2), ["a", "a"], "every training label is 'a'"),
        (torch.tensor([[0.0], [float("nan")]]), ["a", "b"], "not numbers"),
        (torch.zeros(0, 2), [], "no training codes"),
    ],
)
def test_what_cannot_be_probed_is_refused(codes, labels, words):
    with pytest.raises(BadData, match=words):
        probe(codes, labels, torch.zeros(1, codes.shape[1]), ["a"])
