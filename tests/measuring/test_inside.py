"""What is said of a code: how much of it is used, what each value costs, which input raises it."""

import pytest
import torch

from narrows import BadData, NotSupported
from narrows.measuring.inside import code_use, kl_per_value, participation_ratio, strongest, unit_maps
from narrows.model.build import make


def test_the_participation_ratio_counts_directions_of_equal_spread():
    random = torch.Generator().manual_seed(0)
    codes = torch.randn(20_000, 5, generator=random) * torch.tensor([1.0, 1.0, 1.0, 0.0, 0.0])
    turned = codes @ torch.linalg.qr(torch.randn(5, 5, generator=random)).Q
    assert participation_ratio(codes) == pytest.approx(3, rel=0.01)
    assert participation_ratio(turned) == pytest.approx(participation_ratio(codes), rel=1e-4)
    assert participation_ratio(1000 * codes + 7) == pytest.approx(participation_ratio(codes), rel=1e-4)


def test_it_is_the_same_for_more_values_than_codes_and_0_where_nothing_varies():
    codes = torch.randn(6, 40, generator=torch.Generator().manual_seed(0))
    wide = torch.linalg.eigvalsh(torch.cov(codes.T))
    assert participation_ratio(codes) == pytest.approx(float(wide.sum() ** 2 / wide.square().sum()), rel=1e-4)
    assert participation_ratio(torch.ones(5, 3)) == 0


def test_use_of_a_plain_code_is_told_in_its_own_units():
    model = make(shape=(4,), code_size=3)
    codes = 1e-4 * torch.randn(400, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.5, 1e-3])
    found = code_use(model, codes)
    assert (found.size, found.active) == (3, 2) and found.share == pytest.approx(2 / 3)


def test_use_of_a_variational_code_is_told_beside_its_prior():
    model = make(shape=(4,), code_size=3, kind="variational")
    codes = torch.randn(400, 3, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 0.5, 1e-3])
    assert code_use(model, codes).active == 2
    assert code_use(model, 1e-4 * codes).active == 0


def test_use_of_indices_is_the_share_of_vectors_that_came_up():
    model = make(shape=(1, 8, 8), kind="fsq", architecture="conv", code_size=2, n_nodes=4, options={"levels": 3})
    indices = torch.tensor([[[0, 1], [2, 3]]] * 2)
    found = code_use(model, model.autoencoder.from_indices(indices))
    assert (found.size, found.active) == (9, 4) and found.participation == pytest.approx(4)
    with pytest.raises(BadData, match="1 codes"):
        code_use(model, model.autoencoder.from_indices(indices[:1]))


@pytest.mark.parametrize("kind", ["variational", "iwae", "betatc", "hierarchical"])
def test_the_kl_of_every_value_is_told(kind):
    model = make(shape=(1, 4, 4), kind=kind, code_size=4, n_nodes=8)
    x = torch.rand(300, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    found = kl_per_value(model, x)
    assert found.shape == (4,) and (found >= 0).all() and torch.isfinite(found).all()
    assert torch.allclose(found, (kl_per_value(model, x[:150]) + kl_per_value(model, x[150:])) / 2)


def test_a_kind_without_a_prior_has_no_kl():
    with pytest.raises(NotSupported, match="undercomplete has no prior"):
        kl_per_value(make(shape=(4,), code_size=2), torch.zeros(3, 4))


def test_the_map_of_a_linear_unit_is_its_weights():
    model = make(shape=(1, 3, 3), code_size=2, n_layers=1, architecture="mlp")
    weight = next(p for p in model.autoencoder.encoder.parameters() if p.dim() == 2)
    maps = unit_maps(model, torch.rand(20, 1, 3, 3))
    assert torch.allclose(maps.flatten(1), weight, atol=1e-6)
    assert torch.allclose(unit_maps(model, torch.rand(5, 1, 3, 3), [1]), maps[1:], atol=1e-6)


def test_grids_have_no_single_units():
    model = make(shape=(1, 8, 8), kind="vqvae", architecture="conv", n_nodes=4)
    with pytest.raises(NotSupported, match="no code of single values"):
        unit_maps(model, torch.rand(2, 1, 8, 8))


def test_the_strongest_examples_of_a_unit_come_first():
    codes = torch.tensor([[0.0, 5.0], [3.0, 1.0], [2.0, 9.0]])
    assert strongest(codes, [0, 1], 2).tolist() == [[1, 2], [2, 0]]
