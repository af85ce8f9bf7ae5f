"""What a frozen code knows of labels that took no part in training: a linear classifier and the nearest codes.

The encoder is never touched; labels score it and do nothing else. Both classifiers learn from the codes of a training
part and are counted on those of a held-out part, as Makhzani & Frey 2014 (arXiv:1312.5663) and most of the field do.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from narrows._errors import BadData
from narrows.measuring.intervals import Interval, bootstrap
from narrows.training.seeds import generator

STRENGTHS = (0.01, 0.1, 1.0, 10.0)
"""Inverse weights of the L2 penalty on standardised codes (scikit-learn's C) of which one is chosen."""
NEIGHBOURS = 5
_CHOOSE_BY = 0.2
"""Share of the training part that chooses C."""
_MOST_TO_CHOOSE = 10_000
"""Rows of the training part that take part in the choice: C changes little beyond."""
_PASSES = 1000


class Probe(NamedTuple):
    """What `probe` found. Errors are shares of the held-out rows that were put into the wrong class."""

    logistic: Interval
    neighbours: Interval
    strength: float
    """The C that was chosen."""
    alike: bool
    """Whether one scale for all code values was chosen, rather than each value's own spread."""
    classes: int
    learned: int
    """Rows of the training part."""
    judged: int
    wrong: Tensor
    """N of 0 or 1: what the linear classifier got wrong, for paired comparisons."""


def probe(
    codes: Tensor,
    labels: Sequence[object],
    held_out_codes: Tensor,
    held_out_labels: Sequence[object],
    *,
    seed: int = 0,
    most_to_choose: int = _MOST_TO_CHOOSE,
    groups: Tensor | None = None,
) -> Probe:
    """Fit on `codes` N ... with `labels` N, count on the held-out ones. Codes of a grid are taken flat.

    C, and whether every code value is brought to its own spread or all to one (rare units would drown the others), are
    chosen on a fifth of the training part; then all of it is learned from. A held-out label that the training
    part lacks counts as wrong. `groups` of the held-out ones are as `bootstrap` takes them. Raises BadData for codes
    and labels that differ in number, for codes that are not numbers, and for labels of one class alone.
    """
    names, numbers, judged_numbers = _numbered(labels, held_out_labels)
    rows, judged = _rows(codes, numbers, "training"), _rows(held_out_codes, judged_numbers, "held-out")
    if len(set(numbers.tolist())) < 2:
        raise BadData(f"every training label is {names[int(numbers[0])]!r}; a probe tells two or more classes apart")
    mean = rows.mean(0)
    strength, alike = _chosen(rows - mean, numbers, seed, most_to_choose)
    spread = _spread(rows - mean, alike)  # one scale for all, too, is of what varies: where codes lie says nothing
    linear = _fitted((rows - mean) / spread, numbers, strength)
    wrong = torch.from_numpy((linear.predict((judged - mean) / spread) != judged_numbers).astype(np.float32))
    far = torch.from_numpy((_nearest(rows, numbers, judged) != judged_numbers).astype(np.float32))
    random = generator(seed, "probe intervals")
    return Probe(
        bootstrap(wrong, generator=random, groups=groups), bootstrap(far, generator=random, groups=groups), strength,
        alike, len(names), len(rows), len(judged), wrong,
    )  # fmt: skip


def logistic_error(
    codes: Tensor, labels: Sequence[object], held_out_codes: Tensor, held_out_labels: Sequence[object], *,
    strength: float = 1.0, seed: int = 0,
) -> Interval:  # fmt: skip
    """The linear classifier alone, at a given C."""
    _, numbers, judged_numbers = _numbered(labels, held_out_labels)
    rows, judged = _rows(codes, numbers, "training"), _rows(held_out_codes, judged_numbers, "held-out")
    mean, spread = rows.mean(0), _spread(rows, alike=False)
    linear = _fitted((rows - mean) / spread, numbers, strength)
    wrong = linear.predict((judged - mean) / spread) != judged_numbers
    return bootstrap(torch.from_numpy(wrong.astype(np.float32)), generator=generator(seed, "probe intervals"))


def _numbered(labels: Sequence[object], others: Sequence[object]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """The classes' names, sorted, and each label's number among them; labels are told apart as texts."""
    here, there = [str(label) for label in labels], [str(label) for label in others]
    names = sorted({*here, *there})
    number = {name: at for at, name in enumerate(names)}
    return names, np.array([number[one] for one in here]), np.array([number[one] for one in there])


def _rows(codes: Tensor, labels: np.ndarray, which: str) -> np.ndarray:
    rows = codes.detach().cpu().flatten(1).float().numpy()
    if len(rows) != len(labels):
        raise BadData(f"{len(rows)} {which} codes and {len(labels)} labels came; each code has one label")
    if not len(rows):
        raise BadData(f"no {which} codes came; a probe learns from some and is counted on others")
    if not np.isfinite(rows).all():
        raise BadData(f"there are {which} codes that are not numbers; the model is broken, so fit it anew")
    return rows


def _spread(rows: np.ndarray, alike: bool) -> np.ndarray:
    """D: what each code value is divided by."""
    spread = np.full(rows.shape[1], rows.std()) if alike else rows.std(0)
    spread[spread < 1e-8] = 1.0  # a dead unit says nothing, whatever it is divided by
    return spread


def _chosen(rows: np.ndarray, numbers: np.ndarray, seed: int, most: int) -> tuple[float, bool]:
    """C, and whether one scale is for all."""
    order = torch.randperm(len(rows), generator=generator(seed, "probe split")).numpy()[:most]
    held = max(1, round(_CHOOSE_BY * len(order)))
    judging, learning = order[:held], order[held:]
    if len(set(numbers[learning].tolist())) < 2:
        return 1.0, False  # too few rows to choose by
    errors = {}
    for alike in (False, True):
        scaled = rows / _spread(rows, alike)
        for strength in STRENGTHS:
            guessed = _fitted(scaled[learning], numbers[learning], strength).predict(scaled[judging])
            errors[strength, alike] = float((guessed != numbers[judging]).mean())
    return min(errors, key=errors.__getitem__)


def _fitted(rows: np.ndarray, numbers: np.ndarray, strength: float):  # type: ignore[no-untyped-def]  # scikit-learn's
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    with warnings.catch_warnings():
        # After so many passes what is left of the gradient changes no row's class.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=strength, max_iter=_PASSES, tol=1e-3).fit(rows, numbers)


def _nearest(rows: np.ndarray, numbers: np.ndarray, judged: np.ndarray) -> np.ndarray:
    """The class of most of the nearest codes, in the codes' own units."""
    from sklearn.neighbors import KNeighborsClassifier

    found = KNeighborsClassifier(min(NEIGHBOURS, len(rows)), algorithm="brute").fit(rows, numbers)
    return found.predict(judged)
