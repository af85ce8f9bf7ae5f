"""IWAE: its bound lies above the ELBO, one sample is the ELBO, and its gradients are the doubly reparametrised ones."""

from __future__ import annotations

import math

import pytest
import torch

from narrows._contract import Batch, Step
from narrows._errors import BadOption
from narrows.autoencoders._gaussian import log_normal, split
from narrows.model.build import make


def kind(samples=5, seed=0):
    return make(
        shape=(6,), kind="iwae", code_size=3, n_layers=2, n_nodes=12, options={"samples": samples}, seed=seed
    ).autoencoder.double()


def rows(count=8):
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(1)).double()


def bound(model, x, seed=0):
    model.eval()
    with torch.no_grad():
        return -6 * float(model(Batch(x, x), "main", Step(0, 1, 8, torch.Generator().manual_seed(seed)))["loss"])


def test_more_samples_give_a_higher_bound():
    x = rows()
    found = [sum(bound(kind(k), x, seed) for seed in range(30)) / 30 for k in (1, 5, 50)]
    assert found[0] < found[1] < found[2]


def test_the_loss_is_the_log_mean_of_its_own_weights():
    model, x = kind(7), rows()
    weights = model.log_weights(x, x, 2000, torch.Generator().manual_seed(3))
    groups = weights[:1995].unflatten(0, (285, 7)).logsumexp(1) - math.log(7)
    here = sum(bound(model, x, seed) for seed in range(200)) / 200
    assert abs(here - float(groups.mean())) < 0.2


def test_the_decoder_learns_as_by_the_plain_bound_and_the_encoder_the_same_in_the_mean():
    x = rows(4)

    def gradients(double):
        model, total = kind(4).train(), {}
        for seed in range(600):
            model.zero_grad()
            random = torch.Generator().manual_seed(seed)
            if double:
                model(Batch(x, x), "main", Step(0, 1, 8, random))["loss"].backward()
            else:
                mean, log_var = split(model.encoder(x))
                eps = torch.randn((16, 3), generator=random, dtype=torch.float64)
                mean, log_var = mean.repeat(4, 1), log_var.repeat(4, 1)
                code = mean + (0.5 * log_var).exp() * eps
                nll = model.loss.nll(model.decode_raw(code), x.repeat(4, 1), model.log_scale)
                weight = (log_normal(code) - log_normal(code, mean, log_var) - nll).unflatten(0, (4, -1))
                (-(weight.logsumexp(0) - math.log(4)).mean() / 6).backward()
            for name, parameter in model.named_parameters():
                total[name] = total.get(name, 0) + parameter.grad / 600
        return total

    plain, double = gradients(False), gradients(True)
    for name in plain:
        tight = name.startswith(("decoder", "log_scale"))
        torch.testing.assert_close(
            double[name], plain[name], rtol=0, atol=(1e-9 if tight else 0.15 * float(plain[name].abs().max()) + 1e-3)
        )


@pytest.mark.parametrize("samples", [0, -1, 10_001])
def test_senseless_options_are_refused_with_what_to_type(samples):
    with pytest.raises(BadOption, match="--set samples=5"):
        kind(samples)
