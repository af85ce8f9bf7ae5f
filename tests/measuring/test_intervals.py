"""How sure a mean, and a ratio of means, is."""

from __future__ import annotations

import torch

from narrows.measuring.bottleneck import judge_codes
from narrows.measuring.intervals import bootstrap_ratio


def _random() -> torch.Generator:
    return torch.Generator().manual_seed(0)


def test_errors_that_are_all_0_are_equal_and_nobody_wins() -> None:
    nothing = torch.zeros(20)
    assert bootstrap_ratio(nothing, nothing, generator=_random()) == (1, 1, 1)
    assert judge_codes(nothing, {"PCA": nothing}, 2, generator=_random()).winner == "nobody"


def test_resamples_in_which_both_made_no_error_say_that_they_are_equal() -> None:
    errors = torch.zeros(20)
    errors[0] = 2.0
    assert bootstrap_ratio(errors, errors, generator=_random()) == (1, 1, 1)
    assert bootstrap_ratio(0 * errors, errors, generator=_random()).value == 0
