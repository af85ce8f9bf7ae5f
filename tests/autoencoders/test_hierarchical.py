"""Hierarchical: levels whose slices are named, a bound that its own importance weights agree with, top-down draws."""

from __future__ import annotations

import pytest
import torch

from narrows._contract import Batch, Step
from narrows._errors import BadOption
from narrows.autoencoders._gaussian import log_normal
from narrows.autoencoders.hierarchical import _combined, _kl, _sizes
from narrows.model.build import make


def kind(code_size=6, arch="mlp", shape=(6,), seed=0, **options):
    options = {"nodes": 16, **options}
    return make(
        shape=shape, kind="hierarchical", architecture=arch, code_size=code_size, n_layers=2, n_nodes=12,
        options=options, seed=seed,
    ).autoencoder  # fmt: skip


def rows(count=8):
    return torch.randn(count, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    ("code_size", "levels", "sizes"),
    [(6, 2, [4, 2]), (150, 2, [100, 50]), (2, 2, [1, 1]), (7, 3, [4, 2, 1]), (3, 3, [1, 1, 1]), (1, 1, [1])],
)
def test_each_level_is_about_half_of_the_one_below(code_size, levels, sizes):
    assert _sizes(code_size, levels) == sizes


@pytest.mark.parametrize("code_size", range(1, 40))
@pytest.mark.parametrize("levels", [2, 3, 5])
def test_no_level_is_empty_and_none_is_lost(code_size, levels):
    sizes = _sizes(code_size, min(levels, code_size))
    assert sum(sizes) == code_size
    assert min(sizes) >= 1


def test_parts_name_the_slices_of_the_code():
    model = kind(levels=3)
    assert model.parts == {"level 1": slice(0, 3), "level 2": slice(3, 5), "level 3": slice(5, 6)}
    assert model.encode(rows()).shape == (8, 6)


@pytest.mark.parametrize("arch", ["mlp", "conv"])
def test_every_level_counts_and_every_architecture_serves(arch):
    shape = (1, 8, 8)
    model = kind(arch=arch, shape=shape, levels=3, code_size=7).train()
    x = torch.rand(4, *shape, generator=torch.Generator().manual_seed(0))
    named = model(Batch(x, x), "main", Step(50, 100, 4, torch.Generator()))
    assert {"kl_1", "kl_2", "kl_3"} <= named.keys()
    torch.testing.assert_close(named["kl"], named["kl_1"] + named["kl_2"] + named["kl_3"])
    code = model.encode(x)
    for part in model.parts.values():
        changed = code.clone()
        changed[:, part] += 1
        assert not torch.equal(model.decode(changed), model.decode(code))


def test_its_weights_average_to_its_bound():
    model, x = kind().double().eval(), rows().double()
    with torch.no_grad():
        weights = model.log_weights(x, x, 3000, torch.Generator().manual_seed(0)).mean()
        bounds = [
            -6 * model(Batch(x, x), "main", Step(0, 1, 8, torch.Generator().manual_seed(seed)))["loss"]
            for seed in range(500)
        ]
    assert abs(float(weights) - float(torch.stack(bounds).mean())) < 0.3


def test_the_kl_between_gaussians_is_what_draws_say():
    draw = torch.Generator().manual_seed(0)
    mean, log_var, mean_p, log_var_p = (torch.randn(1, 3, generator=draw, dtype=torch.float64) for _ in range(4))
    code = mean + (0.5 * log_var).exp() * torch.randn(200_000, 3, generator=draw, dtype=torch.float64)
    gap = log_normal(code, mean, log_var.expand_as(code)) - log_normal(code, mean_p, log_var_p.expand_as(code))
    assert abs(float(_kl(mean, log_var, mean_p, log_var_p).sum() - gap.mean())) < 0.05
    assert float(_kl(mean, log_var, mean, log_var).abs().max()) == 0


def test_two_views_are_weighted_by_their_precisions():
    mean, log_var = _combined(
        *(torch.tensor([v]).log() if i % 2 else torch.tensor([v]) for i, v in enumerate((2.0, 1.0, 6.0, 3.0)))
    )
    torch.testing.assert_close(mean, torch.tensor([3.0]))  # precisions 1 and 1/3
    torch.testing.assert_close(log_var.exp(), torch.tensor([0.75]))


def test_the_upper_level_steers_what_is_drawn_below():
    model = kind().eval()
    with torch.no_grad():
        code = model.draw(500, torch.Generator().manual_seed(0))
        expected = model.down[0](code[:, model.parts["level 2"]])[:, :4]
    residual = code[:, model.parts["level 1"]] - expected
    assert residual.square().mean() < code[:, model.parts["level 1"]].square().mean() + 1
    assert code.shape == (500, 6)
    top = code[:, model.parts["level 2"]]
    assert top.mean(0).abs().max() < 0.2 and (top.std(0) - 1).abs().max() < 0.15


def test_warm_up_lowers_the_price_of_the_code_at_first_only():
    model, x = kind(warmup=0.5).train(), rows()
    named = [model(Batch(x, x), "main", Step(i, 100, 8, torch.Generator().manual_seed(0))) for i in (0, 50, 99)]
    shown = [float((6 * n["loss"] - n["nll"]).detach()) / float(n["kl"].detach()) for n in named]
    assert shown[0] == pytest.approx(0.02, rel=1e-2) and shown[1] == shown[2] == pytest.approx(1, rel=1e-4)


@pytest.mark.parametrize(
    "options", [{"levels": 1}, {"levels": 17}, {"nodes": 0}, {"beta": -1.0}, {"warmup": 2.0}, {"free_bits": -1.0}]
)
def test_senseless_options_are_refused_with_what_is_taken(options):
    with pytest.raises(BadOption, match=r"take|have 1 to"):
        kind(**options)
