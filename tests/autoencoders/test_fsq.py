"""FSQ: every code is a point of the grid, every point has a number, and back."""

from __future__ import annotations

import math

import pytest
import torch

from narrows._contract import Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.autoencoders.fsq import _SLOPE
from narrows.model.build import make


def model(levels=5, code_size=4):
    return make(
        shape=(1, 8, 8), kind="fsq", architecture="conv", code_size=code_size, n_layers=2, n_nodes=4,
        options={"levels": levels},
    )  # fmt: skip


@pytest.mark.parametrize("levels", [(8, 5, 5, 5), (2, 3, 4, 7), 5, 2])
def test_indices_go_there_and_back_for_every_code(levels):
    kind = model(levels).autoencoder
    every = torch.arange(kind.count).view(1, -1, 1)
    code = kind.from_indices(every)
    assert torch.equal(kind.to_indices(code), every)
    assert len(code[0, :, :, 0].T.unique(dim=0)) == kind.count
    assert code.min() >= -1 and code.max() <= 1


@pytest.mark.parametrize("levels", [2, 3, 8, 1024])
def test_all_levels_and_no_others_are_reached(levels):
    kind = model(levels, code_size=1).autoencoder
    outputs = torch.linspace(-40, 40, 50_001).view(1, 1, -1, 1)
    values = kind._quantised(outputs).unique()
    assert torch.equal(values, kind.from_indices(torch.arange(levels).view(1, -1, 1)).flatten())
    assert float(kind._quantised(torch.zeros(1, 1, 1, 1))) == 0


@pytest.mark.parametrize("levels", [3, 8])
def test_every_level_has_as_wide_a_cell_before_the_bound_bends_it(levels):
    kind = model(levels, code_size=1).autoencoder
    even = torch.linspace(-1, 1, 8001)[1:-1].atanh() / _SLOPE  # what the bound makes evenly spaced
    shift = math.atanh(0.5 / (levels / 2)) / _SLOPE if levels % 2 == 0 else 0
    found = kind._quantised((even - shift).view(1, 1, -1, 1)).flatten()
    shares = found.unique(return_counts=True)[1] / len(found)
    torch.testing.assert_close(shares, torch.full((levels,), 1 / levels), atol=2e-3, rtol=0)


def test_outputs_that_are_small_to_begin_with_do_not_all_fall_into_one_cell():
    whole = model()
    kind, x = whole.autoencoder, 0.01 * torch.rand(64, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    step = Step(0, 1, 64, torch.Generator())
    assert len(kind.to_indices(kind.encode(x)).unique()) == 1
    kind.start(whole.facts(x, 64, step))
    assert len(kind.to_indices(kind.encode(x)).unique()) > 1


def test_one_picture_with_one_place_begins_with_codes_that_are_numbers():
    one = torch.rand(1, 1, 2, 2, generator=torch.Generator().manual_seed(0))
    kind = make(shape=(1, 2, 2), kind="fsq", architecture="conv", n_layers=2).autoencoder
    kind.start(DataFacts(1, one[0], one, torch.Generator()))
    assert bool(kind.slope.isfinite().all()) and bool(kind.encode(one).isfinite().all())


def test_the_gradient_passes_the_rounding():
    kind = model().autoencoder
    outputs = torch.zeros(1, 4, 2, 2, requires_grad=True)
    kind._quantised(outputs).sum().backward()
    assert (outputs.grad > 0).all()


def test_a_code_says_its_bits():
    whole = model((8, 5, 5, 5))
    assert whole.code_bits == pytest.approx(16 * math.log2(1000))
    assert whole.code_shape == (4, 4, 4)


def test_the_default_is_a_grid_of_four_values():
    whole = make(shape=(1, 16, 16), kind="fsq")
    assert whole.code_size == 4
    assert "fsq" in whole.card["about"]["reasons"]["code_size"]


def test_how_many_codes_a_batch_uses_is_said():
    kind, x = model().autoencoder, torch.rand(8, 1, 8, 8, generator=torch.Generator().manual_seed(0))
    named = kind(Batch(x, x), "main", Step(0, 1, 8, torch.Generator()))
    used = len(kind.to_indices(kind.encode(x)).unique())
    assert 1 <= float(named["perplexity"]) <= used


@pytest.mark.parametrize("levels", [1, (5, 5), (5, 5, 5, 1), 2000, [5, 5, 5, 5.5]])
def test_senseless_levels_are_refused_with_what_to_type(levels):
    with pytest.raises(BadOption, match="--set levels=5"):
        model(levels)
