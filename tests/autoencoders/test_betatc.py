"""Beta-TC: three parts that add up to the KL, and a total correlation that knows dependent values."""

from __future__ import annotations

import pytest
import torch

from narrows._errors import BadOption
from narrows.autoencoders._gaussian import log_normal, sample
from narrows.autoencoders.betatc import parts_of_kl
from narrows.model.build import make


def posteriors(count=64, mixing=0.0, seed=0):
    random = torch.Generator().manual_seed(seed)
    mean = torch.randn(count, 2, generator=random, dtype=torch.float64)
    mean[:, 1] = mixing * mean[:, 0] + (1 - mixing**2) ** 0.5 * mean[:, 1]
    log_var = torch.full_like(mean, -4.0)
    return sample(mean, log_var, random), mean, log_var


@pytest.mark.parametrize("count", [1, 2, 64])
def test_the_parts_add_up_to_the_kl(count):
    code, mean, log_var = posteriors(count)
    found = sum(parts_of_kl(code, mean, log_var, 1000))
    torch.testing.assert_close(found, (log_normal(code, mean, log_var) - log_normal(code)).mean())


def test_dependent_values_have_a_total_correlation_and_independent_ones_less():
    independent, dependent = (parts_of_kl(*posteriors(512, mixing), 512)[1] for mixing in (0.0, 0.95))
    assert float(dependent) > float(independent) + 0.5
    # Of two Gaussians with correlation r (their posteriors' own width aside): -log(1 - r^2) / 2.
    assert 0.6 < float(dependent) < 1.3


def test_the_order_of_the_batch_changes_nothing():
    parts = posteriors(16)
    order = torch.randperm(16, generator=torch.Generator().manual_seed(1))
    for one, other in zip(parts_of_kl(*parts, 100), parts_of_kl(*(p[order] for p in parts), 100), strict=True):
        torch.testing.assert_close(one, other)


def test_where_the_batch_is_all_data_q_is_the_plain_mixture():
    code, mean, log_var = posteriors(8)
    information, *_ = parts_of_kl(code, mean, log_var, 8)
    all_pairs = torch.stack([log_normal(code, mean[i], log_var[i]) for i in range(8)])
    log_q = all_pairs.logsumexp(0) - torch.tensor(8.0).log()
    torch.testing.assert_close(information, (log_normal(code, mean, log_var) - log_q).mean())


@pytest.mark.parametrize("options", [{"beta": -1.0}, {"warmup": 2.0}])
def test_senseless_options_are_refused_with_what_to_type(options):
    with pytest.raises(BadOption, match="--set"):
        make(shape=(6,), kind="betatc", options=options)
