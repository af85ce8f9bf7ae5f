"""How sure a mean, and a ratio of means, is."""

from __future__ import annotations

import pytest
import torch

from narrows.measuring.bottleneck import judge_codes, judge_gains, judge_relation, judge_restoration
from narrows.measuring.intervals import Interval, bootstrap, bootstrap_ratio, numbered


def _random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_errors_that_are_all_0_are_equal_and_nobody_wins() -> None:
    nothing = torch.zeros(20)
    assert bootstrap_ratio(nothing, nothing, generator=_random()) == (1, 1, 1)
    assert judge_codes(nothing, {"PCA": nothing}, 2, generator=_random()).winner == "nobody"


def test_nobody_wins_by_rounding() -> None:
    # Data that so many values say exactly: a net that begins at PCA, and PCA, give all of them back.
    rounding = 1e-14 * torch.rand(50, generator=_random())
    others = {"PCA": rounding / 2, "mean": torch.ones(50)}
    verdict = judge_codes(rounding, others, 3, generator=_random())
    assert (verdict.winner, verdict.decided) == ("nobody", False)
    assert "rounding" in verdict.sentence() and "làm tròn" in verdict.sentence("vi")
    assert judge_codes(rounding + 1e-6, others, 3, generator=_random()).winner == "PCA"
    assert judge_codes(rounding, others | {"PCA": rounding + 1e-6}, 3, generator=_random()).winner == "network"


def test_what_belongs_together_is_drawn_together_and_counts_once() -> None:
    # Twelve persons of forty pictures each, and pictures of one person are alike.
    person = torch.arange(480) // 40
    values = torch.randn(12, generator=_random())[person]
    alone, together = (bootstrap(values, generator=_random(), groups=groups) for groups in (None, person))
    assert together.value == alone.value
    assert together.high - together.low > 4 * (alone.high - alone.low)
    of_persons = bootstrap(values[::40], generator=_random())
    assert (together.low, together.high) == pytest.approx((of_persons.low, of_persons.high))
    one = judge_codes(values.abs(), {"PCA": 2 * values.abs()}, 2, generator=_random(), groups=0 * person)
    assert one.winner == "nobody" and "one group" in one.sentence() and "một nhóm" in one.sentence("vi")


def test_an_interval_of_one_value_is_left_out_of_words_in_both_languages() -> None:
    one = torch.ones(1)
    assert str(bootstrap(one, generator=_random())) == "1"
    verdict = judge_codes(one, {"PCA": 2 * one}, 2, generator=_random(), form="table")
    assert verdict.sentence("en") == (
        "On 1 held-out row, the network's error is 0.5 of PCA's at the same code size (2 values): one alone says "
        "nothing of others, so no difference could be shown."
    )
    assert "khoảng tin cậy" not in verdict.sentence("vi") and "1 dòng" in verdict.sentence("vi")
    gains = judge_restoration(one, one, {"median": one}, generator=_random())
    assert "On 1 held-out picture, " in gains.sentence() and "inf" not in gains.sentence() + gains.sentence("vi")
    pairs = judge_relation(one, {"mean": one}, generator=_random())
    assert "On 1 held-out pair, " in pairs.sentence() and "1 cặp" in pairs.sentence("vi")


def test_a_network_that_may_do_harm_does_not_win_because_filters_do_more() -> None:
    # Pictures with next to no noise: every filter blurs them, and the network hardly touches them.
    over = Interval(3.0, 2.0, 4.0)
    own = Interval(-3.1, -4.1, -2.1)
    unsure = judge_gains(Interval(-0.1, -0.4, 0.2), over, own, "median 3", 20, "gain by truth")
    assert (unsure.winner, unsure.decided) == ("nobody", False)
    assert "holds 0" in unsure.sentence() and "chứa 0" in unsure.sentence("vi")
    assert judge_gains(Interval(0.3, 0.1, 0.5), over, own, "median 3", 20, "gain by truth").winner == "network"


def test_a_filter_that_may_do_harm_is_not_offered_because_the_network_does_more() -> None:
    gain, over = Interval(0.1, -0.4, 0.6), Interval(-0.3, -0.5, -0.1)
    unsure = judge_gains(gain, over, Interval(0.4, -0.2, 1.0), "median 3", 20, "gain by truth")
    assert (unsure.winner, unsure.decided) == ("nobody", False)
    assert "not be shown that it makes the pictures better" in unsure.sentence() and "bộ lọc" in unsure.sentence("vi")
    assert judge_gains(gain, over, Interval(0.4, 0.2, 0.6), "median 3", 20, "gain by truth").winner == "median 3"
    harm = Interval(-1.0, -1.2, -0.8)  # of the network: a filter that helps is offered all the same
    assert judge_gains(harm, Interval(-2, -2.2, -1.8), Interval(1.0, 0.8, 1.2), "a", 20, "gain").winner == "a"
    assert judge_gains(harm, Interval(-0.9, -1, -0.8), Interval(-0.1, -0.2, 0), "a", 20, "gain").winner == "untouched"
    random = torch.Generator().manual_seed(2)
    untouched = 30 + torch.randn(30, generator=random)
    filtered = untouched + 0.01 + torch.randn(30, generator=random)
    found = judge_restoration(filtered - 0.2, untouched, {"median": filtered}, generator=_random())
    assert found.winner == "nobody" and found.outcome == "undecided filter"


def test_resamples_in_which_both_made_no_error_say_that_they_are_equal() -> None:
    errors = torch.zeros(20)
    errors[0] = 2.0
    assert bootstrap_ratio(errors, errors, generator=_random()) == (1, 1, 1)
    assert bootstrap_ratio(0 * errors, errors, generator=_random()).value == 0


def test_what_belongs_to_one_owner_has_one_number() -> None:
    found = numbered(["a", "b", "a", "c"])
    assert found is not None and found.tolist() == [0, 1, 0, 2]
    assert numbered(["a", "b", "c"]) is None and numbered([]) is None
