"""The verdict on a code's size, from curves alone."""

import math

import pytest
import torch

from narrows.measuring.intervals import Interval
from narrows.measuring.sizing import _WORDS, Tried, choose_size, falls_per_value, judge_size

SIZES = [1, 2, 4, 8, 16, 32]


def tried(errors, *, sizes=SIZES, seeds=2, half=None, spread=0.05, falling=False):
    """Sizes whose errors vary over 200 examples by `spread` of their mean."""
    random = torch.Generator().manual_seed(0)
    shape = 1 + spread * torch.randn(seeds, 200, generator=random)
    half = errors if half is None else half
    return [
        Tried(size, error * shape, before, (error * 0.9,) * seeds, falling)
        for size, error, before in zip(sizes, errors, half, strict=True)
    ]


def judged(ones, **more):
    return judge_size(ones, mean=1.0, form="table", generator=torch.Generator().manual_seed(1), **more)


def test_the_smallest_size_that_no_larger_one_beats_by_more_than_five_percent():
    assert choose_size(SIZES, [0.9, 0.5, 0.2, 0.104, 0.101, 0.1], mean=1) == (8, "within")
    assert choose_size(SIZES, [0.9, 0.5, 0.2, 0.106, 0.101, 0.1], mean=1) == (16, "within")


def test_a_larger_code_that_is_worse_does_not_count():
    assert choose_size(SIZES, [0.9, 0.5, 0.1, 0.2, 0.3, 0.4], mean=1) == (4, "within")


def test_a_larger_code_may_gain_what_storing_noise_gains():
    errors = [0.9, 0.5, 0.100, 0.096, 0.088, 0.072]
    assert choose_size(SIZES, errors, mean=1)[0] == 32
    assert choose_size(SIZES, errors, mean=1, noise=0.001)[0] == 4


def test_a_cliff_where_the_data_say_it_is_counts_although_wider_nets_train_better():
    sizes, errors = [1, 2, 3, 4, 5, 6], [0.7, 0.5, 0.3, 0.02, 0.016, 0.014]
    dimension = Interval(4.0, 4.0, 4.0)
    assert choose_size(sizes, errors, mean=1) == (6, "within")
    assert choose_size(sizes, errors, mean=1, dimension=dimension) == (4, "cliff")


@pytest.mark.parametrize(
    "dimension, sizes, errors, mean",
    [
        (1, [1, 2, 3, 4], [7.98, 5.57, 5.83, 4.63], 9e4),
        (2, [1, 2, 3, 4], [1090.0, 16.8, 14.9, 13.8], 6e3),
        (4, [2, 3, 4, 5, 6], [18153.0, 7543.0, 304.0, 233.0, 203.0], 8e4),
        (8, [4, 6, 7, 8, 9, 10, 12], [24646.0, 9478.0, 4220.0, 800.0, 719.0, 728.0, 695.0], 8e4),
        (16, [8, 12, 14, 15, 16, 17, 18, 20], [1803.0, 910.0, 484.0, 333.0, 198.0, 185.0, 189.0, 177.0], 6e3),
    ],
)
def test_curves_as_they_come_from_short_training_have_their_cliff_at_the_dimension(dimension, sizes, errors, mean):
    # Measured on curved cubes of so many dimensions under noise, after 1500 to 2000 steps, in units of the noise.
    assert choose_size(sizes, errors, mean=mean) != (dimension, "within") or dimension <= 2
    for seen in {max(1, dimension - 1), dimension, dimension + 1}:  # the data's own dimension may be one off
        found = choose_size(sizes, errors, mean=mean, dimension=Interval(float(seen), float(seen), float(seen)))
        assert found == (dimension, "cliff")


def test_no_cliff_is_believed_that_the_curve_does_not_show():
    sizes, errors = [1, 2, 3, 4, 5, 6], [0.7, 0.5, 0.35, 0.25, 0.17, 0.12]
    assert choose_size(sizes, errors, mean=1, dimension=Interval(3.0, 3.0, 3.0)) == (6, "within")


def test_a_code_that_keeps_its_whole_input_hides_no_cliff():
    # One dimension in six directions under noise: each further value stores as much noise, the last one all of it.
    errors = [1.13e-4, 8.4e-5, 6.3e-5, 4.2e-5, 2.2e-5, 3e-12]
    dimension = Interval(1.0, 1.0, 1.0)
    assert choose_size([1, 2, 3, 4, 5, 6], errors, mean=0.01, dimension=dimension) == (1, "cliff")
    assert falls_per_value([1, 2, 3], [1e-3, 0.0, 0.0], mean=1.0) == pytest.approx([math.log(1e3), math.log(1e5), 0])
    assert falls_per_value([1, 2], [0.0, 0.0], mean=0.0) == [0.0, 0.0]


def test_data_that_a_few_values_say_exactly_need_these_few():
    # Three directions in ten: nets begin at PCA, and from the third value on nothing is left but rounding.
    sizes, errors = [1, 2, 3, 4, 5, 6, 10], [0.35, 0.12, 1.2e-14, 1e-14, 8e-15, 1.2e-14, 4e-15]
    dimension = Interval(3.0, 3.0, 3.0)
    assert choose_size(sizes, errors, mean=1, dimension=dimension) == (3, "cliff")
    assert choose_size(sizes, errors, mean=1) == (3, "within")
    ones = [one._replace(pca=one.error / 2) for one in tried(errors, sizes=sizes)]
    assert judged(ones).decided and judged(ones, dimension=dimension).decided


def test_one_value_can_be_enough():
    assert choose_size([1, 2, 3], [0.01, 0.009, 0.008], mean=1, dimension=Interval(1.0, 1.0, 1.0)) == (1, "cliff")


def test_a_clear_curve_is_decided_with_an_interval_around_the_size():
    found = judged(tried([0.9, 0.5, 0.2, 0.1, 0.1, 0.1]))
    assert (found.code_size, found.decided, found.reason) == (8, True, "within")
    assert found.interval.low <= 8 <= found.interval.high
    assert "8 values" in found.sentence() and "decided" in found.sentence()


def test_an_order_that_changes_between_half_and_full_budget_is_not_decided():
    found = judged(tried([0.9, 0.5, 0.2, 0.1, 0.1, 0.1], half=[0.9, 0.5, 0.4, 0.3, 0.2, 0.1]))
    assert not found.decided and found.doubt == "changed" and found.facts["half"] == "32"


def test_without_a_second_round_nothing_is_decided():
    found = judged(tried([0.9, 0.5, 0.2, 0.1, 0.1, 0.1], half=[math.nan] * 6))
    assert not found.decided and found.doubt == "short"


def test_nets_that_lose_to_pca_decide_nothing():
    ones = tried([0.9, 0.5, 0.2, 0.1, 0.1, 0.1])
    assert judged([*ones[:3], ones[3]._replace(pca=0.05), *ones[4:]]).doubt == "pca"
    assert judged([*ones[:3], ones[3]._replace(pca=0.2), *ones[4:]]).decided


def test_the_largest_size_tried_is_never_decided():
    assert judged(tried([0.9, 0.8, 0.6, 0.4, 0.3, 0.1])).doubt == "largest"


def test_a_code_as_large_as_the_input_has_none_above_it_to_be_tried():
    assert judged(tried([0.9, 0.8, 0.6, 0.4, 0.3, 0.1]), values=32).doubt == "whole"


def test_a_code_may_need_every_direction_that_rises_above_the_noise():
    # Six factors under noise in forty columns: nets learn in the six directions, and more would hold noise alone.
    ones = tried([0.7, 0.5, 0.35, 0.2, 0.08, 2e-14], sizes=[1, 2, 3, 4, 5, 6])
    assert judged(ones, values=6, noise=3e-4).decided
    falls = [*ones[:4], ones[4]._replace(falling=True), ones[5]]
    assert judged(falls, values=6, noise=3e-4).doubt == "above"
    assert judged(ones, values=6).doubt == "whole"


def test_seeds_that_disagree_widen_the_interval():
    ones = tried([0.9, 0.5, 0.2, 0.1, 0.1, 0.1])
    shaky = ones[3]._replace(errors=torch.stack([torch.full((200,), 0.06), torch.full((200,), 0.14)]))
    found = judged([*ones[:3], shaky, *ones[4:]])
    assert found.interval.high >= 16


def test_the_seed_that_learned_best_speaks_for_its_size():
    errors = torch.stack([torch.full((200,), 0.5), torch.full((200,), 0.1)])
    assert Tried(3, errors, 0.1, (0.4, 0.1), False).error == pytest.approx(0.1)
    assert Tried(3, errors, 0.1, (0.1, 0.4), False).error == pytest.approx(0.5)


def test_the_last_steep_fall_is_the_cliff_not_the_first():
    # The net of 2 values has not quite unfolded: its fall is the largest, but 3 gains eight times as much as 4 does.
    sizes, errors = [1, 2, 3, 4, 5], [0.234, 0.0126, 0.00218, 0.0018, 0.0017]
    assert choose_size(sizes, errors, mean=1, dimension=Interval(2.0, 2.0, 2.0)) == (3, "cliff")


def test_the_interval_follows_its_generator():
    ones = tried([0.9, 0.5, 0.2, 0.105, 0.1, 0.1], spread=0.5)
    assert judged(ones).interval == judged(ones).interval


@pytest.mark.parametrize("doubt", ["decided", "pca", "short", "changed", "largest", "whole", "above", "wide"])
@pytest.mark.parametrize("reason", ["within", "cliff"])
def test_every_outcome_is_a_sentence_in_both_languages(reason, doubt):
    found = judged(tried([0.9, 0.5, 0.2, 0.1, 0.1, 0.1]), dimension=Interval(8.0, 7.0, 9.0))
    for lang in _WORDS:
        assert "{" not in found._replace(reason=reason, doubt=doubt).sentence(lang)
    assert _WORDS["en"].keys() == _WORDS["vi"].keys()


def test_examples_that_belong_together_are_drawn_together_for_the_interval():
    # 200 copies of 8 examples say no more than 8: which of two sizes will do hangs on which of these are drawn.
    random = torch.Generator().manual_seed(3)
    person = torch.arange(200) % 8
    errors = {1: 1 + torch.randn(8, generator=random), 2: 0.97 + 0.02 * torch.randn(8, generator=random)}
    ones = [Tried(size, each.abs()[person][None], 0.1, (0.1,), False) for size, each in errors.items()]
    apart = judged(ones).interval
    together = judged([one._replace(groups=person) for one in ones]).interval
    assert (apart.low, apart.high) == (2, 2)
    assert (together.low, together.high) == (1, 2)
