"""Lines, arcs and single values: ends are kept, lengths change evenly."""

import pytest
import torch

from narrows import BadData, BadOption, NotSupported
from narrows.model.build import make
from narrows.using.walks import linear, spherical, traverse


def test_both_walks_keep_their_ends():
    first, last = torch.randn(2, 5, generator=torch.Generator().manual_seed(0))
    for walk in (linear, spherical):
        found = walk(first, last, 6)
        assert torch.allclose(found[0], first, atol=1e-6) and torch.allclose(found[-1], last, atol=1e-6)
        assert found.shape == (6, 5) and found.dtype == first.dtype


def test_an_arc_stays_on_the_sphere_where_a_line_cuts_through():
    first, last = torch.tensor([3.0, 0.0]), torch.tensor([0.0, 3.0])
    assert torch.allclose(spherical(first, last, 9).norm(dim=1), torch.tensor(3.0))
    assert float(linear(first, last, 9).norm(dim=1).min()) < 2.2


def test_an_arc_turns_evenly_and_its_length_goes_from_one_to_the_other():
    found = spherical(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 2.0]), 5)
    assert torch.allclose(torch.atan2(found[:, 1], found[:, 0]), torch.linspace(0, torch.pi / 2, 5), atol=1e-6)
    assert torch.allclose(found.norm(dim=1), torch.linspace(1, 2, 5))


@pytest.mark.parametrize("last", [[2.0, 0.0], [-1.0, 0.0], [0.0, 0.0]])
def test_where_there_is_no_arc_the_walk_is_straight(last):
    first, last = torch.tensor([1.0, 0.0]), torch.tensor(last)
    assert torch.allclose(spherical(first, last, 4), linear(first, last, 4))


def test_grids_are_walked_between_too():
    first, last = torch.randn(2, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    assert spherical(first, last, 4).shape == linear(first, last, 4).shape == (4, 3, 2, 2)


def test_one_step_is_no_walk():
    with pytest.raises(BadOption, match="steps=1"):
        spherical(torch.zeros(2), torch.ones(2), 1)


def test_a_traversal_changes_one_value_at_a_time_over_its_range_in_the_data():
    model = make(shape=(1, 4, 4), code_size=3, n_nodes=8)
    codes = torch.randn(500, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 5.0, 0.1])
    base = torch.zeros(3)
    found = traverse(model, codes, base, steps=5)
    assert found.values.tolist() == [1, 0, 2]
    assert found.results.shape == (3, 5, 1, 4, 4)
    assert torch.allclose(found.stops[:, 0], codes[:, found.values].quantile(0.01, dim=0))
    code = base.clone()
    code[1] = found.stops[0, 3]
    assert torch.allclose(found.results[0, 3], model.decode(code[None])[0], atol=1e-6)


def test_the_values_to_walk_along_can_be_named():
    model = make(shape=(6,), code_size=3)
    found = traverse(model, torch.randn(9, 3), torch.zeros(3), values=[2])
    assert found.values.tolist() == [2] and found.results.shape == (1, 7, 6)
    with pytest.raises(BadOption, match="value 3 came; this code's are 0 to 2"):
        traverse(model, torch.randn(9, 3), torch.zeros(3), values=[3])


def test_what_cannot_be_walked_along_is_refused():
    with pytest.raises(NotSupported, match="a grid of codes"):
        grid = make(shape=(1, 8, 8), kind="vqvae", architecture="conv", n_nodes=4)
        traverse(grid, torch.zeros(2, 16, 2, 2), torch.zeros(16))
    with pytest.raises(NotSupported, match="direct has no code"):
        traverse(make(shape=(1, 8, 8), task="denoise", n_nodes=(4, 4)), torch.zeros(2, 1), torch.zeros(1))
    model = make(shape=(6,), code_size=3)
    with pytest.raises(BadData, match=r"\(n, 3\)"):
        traverse(model, torch.zeros(2, 4), torch.zeros(3))
    with pytest.raises(BadOption, match="steps=1"):
        traverse(model, torch.zeros(2, 3), torch.zeros(3), steps=1)
