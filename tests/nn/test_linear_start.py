"""Nets that begin at PCA, exactly."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.decomposition import PCA

from narrows._contract import DataFacts, Pairs, Step
from narrows._errors import BadOption
from narrows.model.build import make
from narrows.nn.beside import BesideLinear
from narrows.nn.linear_start import principal


def some(count, values, rank=None, seed=0):
    """Rows of `rank` causes of falling strength, and a little noise."""
    random = torch.Generator().manual_seed(seed)
    rank = rank or values
    causes = torch.randn((count, rank), generator=random, dtype=torch.float64) * torch.logspace(0, -1, rank)
    rows = causes @ torch.randn((rank, values), generator=random, dtype=torch.float64)
    return rows + 0.01 * torch.randn((count, values), generator=random, dtype=torch.float64) + 3


def started(rows, kind="undercomplete", inputs=None, **settings):
    net = make(shape=tuple(rows.shape[1:]), kind=kind, architecture="mlp", **settings).autoencoder.to(rows.dtype)
    inputs = rows if inputs is None else inputs
    net.start(DataFacts(len(rows), rows.mean(0), inputs, torch.Generator().manual_seed(0), rows))
    return net


def error(net, rows):
    with torch.no_grad():
        return float((net.restore(rows) - rows).square().mean())


@pytest.mark.parametrize(("count", "values"), [(200, 12), (20, 60), (30, 30)])
@pytest.mark.parametrize("most", [1, 5, 19])
def test_principal_directions_are_scikit_learns(count, values, most):
    rows = some(count, values)
    found, peer = principal(rows, most), PCA(min(most, values)).fit(rows.numpy())
    size = min(most, values)
    agreement = np.abs((found.directions.numpy() * peer.components_.T).sum(0))
    np.testing.assert_allclose(agreement, np.ones(size), atol=1e-6)
    np.testing.assert_allclose(found.variances.numpy() * count / (count - 1), peer.explained_variance_, rtol=1e-6)
    left = (rows - torch.from_numpy(peer.inverse_transform(peer.transform(rows.numpy())))).square().mean()
    assert found.rest == pytest.approx(float(left), rel=1e-6, abs=1e-12)


def test_few_directions_of_many_are_found_without_the_rest():
    strengths = torch.logspace(0, -1.5, 1100)
    rows = torch.randn((1200, 1100), generator=torch.Generator().manual_seed(0)) * strengths
    state = torch.get_rng_state()
    found = principal(rows, 40)
    assert torch.equal(torch.get_rng_state(), state) and torch.equal(principal(rows, 40).directions, found.directions)
    torch.testing.assert_close(found.directions.T @ found.directions, torch.eye(40), atol=1e-5, rtol=0)
    # Noise, whose strengths differ little, is the hardest.
    strengths, _ = torch.linalg.eigh(torch.cov(rows.T.double(), correction=0))
    assert 0.98 < float(found.variances.sum() / strengths.flip(0)[:40].sum()) <= 1
    assert 1 <= found.rest / float(strengths.flip(0)[40:].sum() / 1100) < 1.02


def test_directions_that_rows_do_not_have_are_0():
    rows = torch.outer(torch.arange(1100.0), torch.ones(1100))
    rows[:, 7] = rows[:, 7].roll(3)
    assert int((principal(rows, 20).directions.norm(dim=0) > 0.5).sum()) == 2
    assert not principal(torch.ones(1100, 1100), 2).directions.any()


@pytest.mark.parametrize(
    "kind", ["undercomplete", "contractive", "denoising", "rae", "wae", "aae", "variational", "iwae"]
)
@pytest.mark.parametrize("n_layers", [1, 2, 4])
def test_a_net_begins_exactly_at_pca(kind, n_layers):
    rows = some(300, 10)
    net = started(rows, kind, code_size=3, n_layers=n_layers)
    assert error(net, rows) == pytest.approx(principal(rows, 3).rest, rel=1e-6)


@pytest.mark.parametrize(("loss", "off"), [("mse", 1e-9), ("l1", 1e-9), ("logistic", 0.02), ("bce", 0.02)])
def test_so_does_one_of_pictures_and_nearly_where_it_ends_in_a_sigmoid(loss, off):
    rows = (0.5 + 0.04 * (some(300, 64) - 3)).clamp(0.3, 0.7).view(300, 1, 8, 8)
    net = started(rows, code_size=6, loss=loss)
    assert error(net, rows) == pytest.approx(principal(rows.flatten(1), 6).rest, rel=off)


def test_what_pca_would_draw_beyond_black_and_white_is_black_and_white():
    rows = (0.5 + 0.5 * (some(300, 64) - 3)).clamp(0, 1).view(300, 1, 8, 8)
    net, pca = started(rows, code_size=6), PCA(6).fit(rows.flatten(1).numpy())
    drawn = pca.inverse_transform(pca.transform(rows.flatten(1).numpy()))
    assert drawn.min() < 0 and drawn.max() > 1
    with torch.no_grad():
        np.testing.assert_allclose(net.restore(rows).flatten(1).numpy(), drawn.clip(0, 1), atol=1e-9)


def test_pictures_whose_values_hardly_differ_somewhere_begin_finite():
    rows = torch.zeros(40, 1, 6, 6)
    rows[:, :, 2:4, 2:4] = torch.rand((40, 1, 2, 2), generator=torch.Generator().manual_seed(0))
    net = started(rows, "variational", code_size=8)
    assert error(net, rows) < float((rows - rows.mean(0)).square().mean())


@pytest.mark.parametrize("rows", [torch.ones(5, 6), torch.ones(1, 6), torch.tensor([[1e-30, 0, 0], [0, 0, 0]])])
def test_rows_that_are_all_the_same_begin_at_their_mean(rows):
    net = started(rows, code_size=2)
    assert error(net, rows) < 1e-10
    assert all(bool(value.isfinite().all()) for value in net.state_dict().values())


def test_code_values_vary_alike_where_the_kind_wants_them_to():
    rows = some(400, 10)
    with torch.no_grad():
        even = started(rows, "undercomplete", code_size=4).encode(rows).var(0, unbiased=False)
        each = started(rows, "wae", code_size=4).encode(rows).var(0, unbiased=False)
    assert float(even.mean()) == pytest.approx(1, rel=1e-6)
    assert float(even.max()) > 2 * float(even.min())
    torch.testing.assert_close(each, torch.ones(4).to(each))


def test_a_gaussian_code_begins_as_sure_as_the_data_make_it():
    rows = some(500, 12, rank=4)
    net = started(rows, "variational", code_size=6, loss="mse")
    with torch.no_grad():
        _, log_var = net.posterior(rows)
    spread = log_var.mean(0)
    assert torch.equal(spread, spread.sort().values)  # the first direction is known best
    assert float(spread[0]) < -3
    assert float(net.log_scale) == pytest.approx(np.log(1e-2), abs=0.05)  # hundredths, as the noise


def test_too_narrow_layers_carry_as_many_directions_as_they_have_room_for():
    rows = some(300, 10)
    net = started(rows, code_size=6, n_nodes=(8,))
    assert error(net, rows) == pytest.approx(principal(rows, 4).rest, rel=1e-6)


@pytest.mark.parametrize("kind", ["undercomplete", "variational"])
def test_a_layer_of_one_node_has_no_room_and_begins_as_it_is_drawn(kind):
    rows = some(300, 10)
    net = started(rows, kind, code_size=1, loss="mse", n_nodes=(4, 1))
    drawn = make(shape=(10,), kind=kind, architecture="mlp", code_size=1, loss="mse", n_nodes=(4, 1)).autoencoder
    assert torch.equal(net.encoder[1].weight, drawn.encoder[1].weight.to(rows))
    torch.testing.assert_close(net.offset, rows.mean(0))


def test_the_nodes_that_carry_nothing_are_drawn_and_begin_to_count_with_the_first_step():
    rows = some(300, 10).float()
    net = started(rows, code_size=2, n_nodes=(16,))
    (net.restore(rows) - rows).square().mean().backward()
    last = [layer for layer in net.encoder if isinstance(layer, torch.nn.Linear)][-1]
    assert bool((last.weight[:, 4:] == 0).all())
    assert bool((last.weight.grad[:, 4:] != 0).all())


def test_random_begins_at_the_mean_as_before():
    rows = some(300, 10)
    mean = float((rows - rows.mean(0)).square().mean())
    assert error(started(rows, code_size=3, options={"start": "random"}), rows) > 0.5 * mean
    assert error(started(rows, code_size=3), rows) < 0.5 * mean


def test_another_start_is_refused():
    with pytest.raises(BadOption, match="start='pca'; it takes linear or random, such as --set start=linear"):
        make(shape=(4,), kind="undercomplete", architecture="mlp", options={"start": "pca"})


def pictures(count=60, channels=1, side=8):
    return torch.rand((count, channels, side, side), generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def told(rows, **more):
    return DataFacts(len(rows), rows.mean(0), rows, torch.Generator().manual_seed(0), rows, **more)


@pytest.mark.parametrize("kind", ["undercomplete", "contractive", "wae", "variational", "iwae"])
@pytest.mark.parametrize("architecture", ["conv", "resnet"])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 9, 5)])
def test_convolutions_begin_exactly_at_pca_by_the_map_beside_them(architecture, kind, shape):
    random = torch.Generator().manual_seed(0)
    rows = 0.5 + 0.02 * torch.randn((90, *shape), generator=random, dtype=torch.float64)
    net = make(shape=shape, kind=kind, architecture=architecture, code_size=4, n_nodes=4).autoencoder.double()
    net.start(told(rows))
    assert error(net, rows) == pytest.approx(principal(rows.flatten(1), 4).rest, rel=1e-3)


@pytest.mark.parametrize("kind", ["undercomplete", "variational"])
def test_a_step_moves_what_a_map_draws_as_far_whatever_the_size_of_the_code(kind):
    rows, moved = pictures().float(), []
    for code_size in (32, 60):
        net = make(shape=(1, 8, 8), kind=kind, architecture="conv", code_size=code_size, n_nodes=4).autoencoder
        net.start(told(rows))
        assert error(net, rows) <= principal(rows.flatten(1), code_size).rest * 1.01 + 1e-6
        before = net.decode_raw(torch.ones(1, code_size))
        with torch.no_grad():
            net.decoder.linear.weight += 0.004
        moved.append(float((net.decode_raw(torch.ones(1, code_size)) - before).mean()))
    assert moved == pytest.approx([32 * 0.004] * 2, rel=1e-3)


@pytest.mark.parametrize("kind", ["undercomplete", "variational"])
@pytest.mark.parametrize("shape", [(3, 130, 70), (1, 65, 64)])
def test_of_large_pictures_the_map_sees_and_draws_smaller_ones(kind, shape):
    random = torch.Generator().manual_seed(0)
    causes = torch.randn((60, shape[0], 9, 5), generator=random, dtype=torch.float64)
    rows = 0.5 + 0.02 * F.interpolate(causes, shape[1:], mode="bicubic")
    net = make(shape=shape, kind=kind, architecture="conv", code_size=6, n_nodes=4).autoencoder.double()
    net.start(told(rows))
    assert net.decoder.linear.out_features < rows[0].numel() / 3
    best = principal(rows.flatten(1), 6)
    assert error(net, rows) == pytest.approx(best.rest, rel=0.02)
    if kind == "variational":
        assert float((2 * net.log_scale).exp()) == pytest.approx(best.rest, rel=0.02)
        _, log_var = net.posterior(rows)
        expected = -torch.log1p(best.variances / best.rest)
        torch.testing.assert_close(log_var[0], expected, atol=0.1, rtol=0)


@pytest.mark.parametrize("architecture", ["conv", "resnet"])
def test_every_layer_of_silent_convolutions_learns_from_the_second_step_on(architecture):
    rows = pictures().float()
    net = make(shape=(1, 8, 8), kind="undercomplete", architecture=architecture, code_size=4, n_nodes=4).autoencoder
    net.start(told(rows))
    steps = torch.optim.SGD(net.parameters(), 0.1)
    for _ in range(2):
        steps.zero_grad()
        (net.restore(rows) - rows).square().mean().backward()
        steps.step()
    assert [name for name, one in net.named_parameters() if not one.grad.any()] == []


@pytest.mark.parametrize("architecture", ["conv", "resnet"])
@pytest.mark.parametrize(
    ("kind", "options", "maps"),
    [
        ("undercomplete", {"start": "random"}, False),
        ("sparse", {}, False),
        ("hierarchical", {}, False),
        ("sparse", {"start": "linear"}, True),
    ],
)
def test_convolutions_begin_as_drawn_where_that_is_asked_for_or_the_kind_does_not_begin_at_pca(
    architecture, kind, options, maps
):
    rows = pictures().float()
    made = make(shape=(1, 8, 8), kind=kind, architecture=architecture, code_size=4, options=options)
    net = made.autoencoder
    before = {name: value.clone() for name, value in net.state_dict().items()}
    beside = {name for name in before if "linear" in name}
    assert bool(beside) == maps and not any(before[name].any() for name in beside)
    assert made.card["architecture"]["options"]["start"] == ("linear" if maps else "random")
    net.start(told(rows))
    changed = {name for name, value in net.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"offset", "encoder.mean", *({"log_scale"} if kind == "hierarchical" else ())}


def test_a_map_that_would_be_too_large_is_left_out_and_so_is_one_beside_nothing():
    def beside(**net):
        made = make(kind="undercomplete", architecture="conv", **net).autoencoder
        return [isinstance(one, BesideLinear) for one in (made.encoder[0], made.decoder)]

    assert beside(shape=(3, 128, 128), code_size=128) == [True, True]
    assert beside(shape=(3, 512, 300), code_size=128) == [True, True]
    assert beside(shape=(3, 128, 128), code_size=1000) == [False, False]
    assert beside(shape=(1, 8, 8), code_size=4, n_layers=1) == [False, False]


def test_codes_at_every_place_of_a_picture_have_no_map_beside_them():
    made = make(shape=(1, 8, 8), kind="vqvae", architecture="conv").autoencoder
    assert not any(isinstance(part, BesideLinear) for part in made.modules())


def test_channels_beside_the_picture_are_not_in_the_code_at_first():
    rows = torch.rand((50, 1, 6, 6), generator=torch.Generator().manual_seed(0))
    seen = torch.cat([rows, torch.full_like(rows, 0.3)], 1)
    made = make(shape=(1, 6, 6), kind="undercomplete", architecture="mlp", task="inpaint", code_size=5)
    net = made.autoencoder
    net.start(DataFacts(50, rows.mean(0), seen, torch.Generator(), rows))
    other = torch.cat([rows, torch.rand(50, 1, 6, 6)], 1)
    with torch.no_grad():
        torch.testing.assert_close(net.encode(seen), net.encode(other), atol=1e-5, rtol=0)


def test_what_comes_out_is_what_was_wanted_where_damage_goes_in():
    rows = some(300, 10)
    net = started(rows, inputs=torch.zeros_like(rows), code_size=3)
    net.encoder.mean.copy_(rows.mean(0))  # of the damaged ones it was 0
    assert error(net, rows) == pytest.approx(principal(rows, 3).rest, rel=1e-6)


def test_pairs_begin_as_they_are_drawn():
    made = make(shape=(1, 4, 4), kind="undercomplete", architecture="mlp", code_size=3)
    pictures = torch.rand((20, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    facts = made.facts(Pairs(pictures, pictures.flip(3)), 20, Step(0, 1, 20, torch.Generator()))
    assert torch.equal(facts.targets, pictures.flip(3)) and not facts.same
    assert torch.equal(made.facts(pictures, 20, Step(0, 1, 20, torch.Generator())).targets, pictures)
    before = made.autoencoder.encoder[1].weight.clone()
    made.autoencoder.start(facts)
    assert torch.equal(made.autoencoder.encoder[1].weight, before)


def test_where_it_begins_at_pca_more_examples_are_looked_at():
    rows = torch.rand((3000, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    step = Step(0, 1, 3000, torch.Generator())
    for start, told in (("linear", 3000), ("random", 1024)):
        made = make(shape=(1, 4, 4), kind="undercomplete", architecture="conv", code_size=3, options={"start": start})
        assert len(made.facts(rows, 3000, step).targets) == told
    large = make(shape=(3, 300, 300), kind="undercomplete", architecture="mlp", code_size=3)
    assert large.told_of == 1024
