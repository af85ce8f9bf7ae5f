"""The estimator keeps scikit-learn's whole contract, for every kind with a code that works on tables."""

from __future__ import annotations

import pytest
from sklearn.utils.estimator_checks import parametrize_with_checks

from narrows import Autoencoder
from narrows._registry import architectures, kinds

FAST = ("undercomplete", "variational")


def on_tables():
    """Kinds with a code that some architecture can build for rows of a table."""
    return [
        name
        for name in kinds
        if "code" in kinds[name].gives
        and any(
            kinds[name].needs <= architectures[other].offers and "table" in architectures[other].accepts
            for other in architectures
        )
    ]


def checked(names):
    return [Autoencoder(kind=name, max_iter=2, device="cpu") for name in names]


@parametrize_with_checks(checked(FAST))
def test_scikit_learns_checks(estimator, check):
    check(estimator)


@pytest.mark.slow
@parametrize_with_checks(checked([name for name in on_tables() if name not in FAST]))
def test_scikit_learns_checks_for_every_kind(estimator, check):
    check(estimator)
