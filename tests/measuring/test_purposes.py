"""Which kind for which purpose: ties are said, and PCA is called enough where it is."""

import torch

from narrows.measuring.comparing import Row
from narrows.measuring.intervals import Interval
from narrows.measuring.purposes import purposes


def row(name, error, wrong=None, frechet=None, count=400):
    random = torch.Generator().manual_seed(0)
    errors = error * (1 + 0.1 * torch.rand(count, generator=random))
    rate = None if wrong is None else Interval(wrong, wrong - 0.01, wrong + 0.01)
    each = None if wrong is None else (torch.arange(count) < wrong * count).float()
    return Row(name, errors, Interval(float(errors.mean()), 0, 1), probe=rate, wrong=each, frechet=frechet)


def test_a_clear_winner_is_named_for_each_purpose():
    found = purposes([row("a", 1, 0.3, 9), row("b", 2, 0.1, 5), row("c", 3, 0.2, 1), row("PCA", 4, 0.4, 20)])
    assert [(one.purpose, one.best, one.tied, one.pca_enough) for one in found] == [
        ("error", "a", [], False), ("labels", "b", [], False), ("samples", "c", [], False),
    ]  # fmt: skip
    assert found[0].sentence().startswith("For the smallest error: a, with 0.25")
    assert "10 % wrong where PCA's codes have 40 %" in found[1].sentence()


def test_labels_that_are_all_wrong_are_a_hundred_per_cent():
    found = purposes([row("a", 1, 1.0), row("PCA", 2, 1.0)])[1]
    assert "100 % wrong" in found.sentence() and "100 %" in found.sentence("vi")


def test_ties_are_said():
    (error, samples) = purposes([row("a", 1, frechet=1.0), row("b", 1, frechet=1.05), row("PCA", 2, frechet=3)])
    assert {error.best, *error.tied} == {samples.best, *samples.tied} == {"a", "b"}
    assert "no difference to b could be shown" in error.sentence()


def test_where_pca_is_as_good_it_is_enough():
    found = purposes([row("a", 2, 0.2, 2.0), row("PCA", 1.9, 0.2, 2.1), row("mean", 9)])
    assert all(one.pca_enough for one in found)
    assert all("PCA is enough" in one.sentence() and "PCA là đủ" in one.sentence("vi") for one in found)


def test_nothing_is_said_of_what_was_not_measured():
    assert [one.purpose for one in purposes([row("a", 1), row("PCA", 2)])] == ["error"]


def test_examples_that_belong_together_count_as_one():
    # One person's pictures are told better, and there are 370 of them: of other persons that says next to nothing.
    person = torch.cat([torch.zeros(370), torch.arange(1, 31)])
    better = (person == 0).float()
    pca = row("PCA", 1, 0.4)
    one = row("a", 1, 0.3)
    one.errors, one.wrong = pca.errors * (1 - 0.5 * better), 1 - better
    pca.wrong = torch.ones(400)
    assert [each.pca_enough for each in purposes([one, pca])] == [False, False]
    assert [each.pca_enough for each in purposes([one, pca], groups=person, labelled_groups=person)] == [True, True]
