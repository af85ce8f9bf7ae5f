"""Nets between two shapes of pictures: every kind with a vector code, in every architecture that can."""

from __future__ import annotations

import pytest
import torch

from narrows._contract import DataFacts, Pairs, Step
from narrows._errors import BadModelFile, BadPairing
from narrows._registry import architectures, kinds
from narrows.model.build import make
from narrows.model.card import check
from narrows.model.folder import from_bytes, to_bytes
from narrows.nn.losses import LOSSES

SHAPE, TARGET = (3, 9, 12), (1, 14, 6)
VECTORS = [
    (kind, architecture)
    for kind in kinds
    for architecture in architectures
    if "vector" in kinds[kind].needs and kinds[kind].needs <= architectures[architecture].offers
]


def build(kind, architecture, target=TARGET, task="relate", **more):
    loss = next(name for name, one in LOSSES.items() if one.is_density or not kinds[kind].needs_loss)
    return make(
        shape=SHAPE, target_shape=target, kind=kind, architecture=architecture, task=task, loss=loss, n_nodes=16,
        n_layers=2, code_size=5, **more,
    )  # fmt: skip


def pairs(count=6):
    random = torch.Generator().manual_seed(0)
    return Pairs(torch.rand((count, *SHAPE), generator=random), torch.rand((count, *TARGET), generator=random))


@pytest.mark.parametrize(("kind", "architecture"), VECTORS, ids=lambda one: one)
def test_the_picture_before_is_encoded_and_the_one_after_decoded(kind, architecture):
    model = build(kind, architecture)
    step = Step(0, 10, 6, torch.Generator().manual_seed(0))
    batch = model.batch(pairs(), step)
    facts = model.facts(pairs(), 6, step)
    assert isinstance(facts, DataFacts) and facts.mean.shape == TARGET
    model.autoencoder.start(facts)
    losses = model.autoencoder.train()(batch, model.autoencoder.turns[0], step)
    assert torch.isfinite(losses["loss"])
    model.eval()
    code = model.encode(pairs().before)
    assert code.shape == (6, model.code_size)
    assert model.decode(code).shape == (6, *TARGET) == model.reconstruct(pairs().before).shape


@pytest.mark.parametrize("architecture", sorted({name for _, name in VECTORS}))
def test_a_picture_before_that_is_smaller_cuts_nothing_off_the_one_after(architecture):
    made = make(
        shape=(1, 14, 14), target_shape=(1, 16, 16), kind="undercomplete", architecture=architecture, task="relate",
        code_size=5, n_layers=2, n_nodes=8,
    )  # fmt: skip
    assert made.decode(torch.zeros(2, 5)).shape == (2, 1, 16, 16)


@pytest.mark.parametrize("architecture", sorted({name for _, name in VECTORS}))
def test_the_file_keeps_both_shapes(architecture):
    model = build("undercomplete", architecture)
    again = from_bytes(to_bytes(model))
    assert again.target_shape == TARGET and again.card == model.card
    assert torch.equal(again.reconstruct(pairs().before), model.reconstruct(pairs().before))


def test_pairs_of_one_shape_leave_the_card_as_it_is():
    model = build("undercomplete", "mlp", target=SHAPE)
    assert "target_shape" not in model.card and model.target_shape == SHAPE


def test_a_net_that_keeps_the_size_refuses_another():
    with pytest.raises(BadPairing, match=r"3x9x12 is to become 1x14x6.*undercomplete"):
        make(shape=SHAPE, target_shape=TARGET, kind="direct", task="relate")
    grid = next(name for name in kinds if "grid" in kinds[name].needs)
    with pytest.raises(BadPairing, match="keeps the size"):
        make(shape=SHAPE, target_shape=TARGET, kind=grid, task="relate")


def test_a_code_is_chosen_where_nothing_is_said_and_why_is_told():
    model = make(shape=SHAPE, target_shape=TARGET, task="relate")
    assert model.kind == "undercomplete" and "another" in model.card["about"]["reasons"]["kind"]
    assert make(shape=SHAPE, target_shape=SHAPE, task="relate").kind == "direct"


@pytest.mark.parametrize("shape", [[1, 2], "1x2", [0, 4, 4], [1, 4, 1 << 30], [1, True, 2]])
def test_a_target_shape_that_is_none_is_refused(shape):
    card = build("undercomplete", "mlp").card
    with pytest.raises(BadModelFile, match="target_shape"):
        check({**card, "target_shape": shape}, "here")
