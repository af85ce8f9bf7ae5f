"""Making a model: defaults with reasons, refusals in a sentence, and the same weights for the same seed."""

from __future__ import annotations

import json

import pytest
import torch

from narrows._errors import BadOption, BadPairing, UnknownName
from narrows._registry import architectures
from narrows.model.build import build, make
from narrows.using.sample import fit_prior


def test_the_card_names_every_default():
    card = make(shape=(1, 8, 8)).card
    assert card["kind"]["name"] == "undercomplete"
    assert 1 <= card["kind"]["options"]["code_size"] < 64
    assert card["architecture"]["name"] == "mlp"
    assert len(card["architecture"]["options"]["n_nodes"]) == card["architecture"]["options"]["n_layers"] - 1
    assert json.loads(json.dumps(card)) == card


def test_every_default_has_its_reason_and_nothing_else_has():
    chosen = {"kind", "architecture", "code_size", "n_layers", "n_nodes"}
    assert chosen <= make(shape=(1, 8, 8)).card["about"]["reasons"].keys()
    said = make(shape=(1, 8, 8), kind="undercomplete", architecture="mlp", code_size=4, n_nodes=(32, 16))
    assert not chosen & said.card["about"]["reasons"].keys()


def test_a_model_is_rebuilt_from_its_card_alone():
    model = make(shape=(3, 16, 12), kind="variational", architecture="conv", code_size=5, options={"beta": 2.0})
    again = build(json.loads(json.dumps(model.card)))
    assert {n: t.shape for n, t in again.state_dict().items()} == {n: t.shape for n, t in model.state_dict().items()}


@pytest.mark.parametrize(
    ("settings", "kind", "architecture"),
    [
        ({"shape": (1, 32, 32)}, "undercomplete", "mlp"),
        ({"shape": (3, 73, 73)}, "undercomplete", "mlp"),
        ({"shape": (3, 74, 74)}, "undercomplete", "conv"),
        ({"shape": (6,)}, "undercomplete", "mlp"),
        ({"shape": (1, 64, 64), "task": "denoise"}, "direct", "unet"),
        ({"shape": (1, 64, 64), "task": "denoise", "code_size": 8}, "undercomplete", "mlp"),
        ({"shape": (1, 200, 100), "task": "denoise", "code_size": 8}, "undercomplete", "conv"),
        ({"shape": (1, 64, 64), "task": "denoise", "architecture": "mlp"}, "undercomplete", "mlp"),
    ],
)
def test_kind_and_architecture_follow_from_data_and_task(settings, kind, architecture):
    model = make(**settings)
    assert (model.kind, model.card["architecture"]["name"]) == (kind, architecture)


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"shape": (1, 28, 28)}, "fully connected"),
        ({"shape": (1, 28, 28), "kind": "vqvae"}, "vqvae has a code at every place"),
        ({"shape": (3, 128, 128)}, "convolutions need fewer weights"),
    ],
)
def test_the_architecture_is_explained_as_it_was_chosen(settings, reason):
    assert reason in make(**settings).card["about"]["reasons"]["architecture"]


@pytest.mark.parametrize("shape", [(1,), (2,), (17,), (1, 1, 1), (1, 1, 5), (3, 2, 2)])
def test_the_smallest_shapes_make_models(shape):
    model = make(shape=shape)
    x = torch.rand((2, *shape))
    assert model.reconstruct(x).shape == x.shape
    assert 1 <= model.code_size <= x[0].numel()


def test_the_same_seed_gives_the_same_weights_and_leaves_torch_alone():
    before = torch.random.get_rng_state()
    one, same, other = (make(shape=(1, 8, 8), seed=seed).state_dict() for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not all(torch.equal(one[name], other[name]) for name in one)


def test_the_generators_of_gpus_are_left_alone_too(monkeypatch):
    seeded = []
    monkeypatch.setattr(torch.cuda, "manual_seed_all", seeded.append)
    model = make(shape=(6,), kind="undercomplete", code_size=2)
    fit_prior(model, torch.randn(8, 2, generator=torch.Generator().manual_seed(0)), "normal")
    assert seeded == []


def test_options_go_to_whoever_has_them():
    model = make(shape=(1, 16, 16), task="denoise", kind="variational", options={"beta": 3.0, "level": 25.0})
    assert model.card["kind"]["options"]["beta"] == 3.0
    assert model.card["task"]["options"]["level"] == 25.0


@pytest.mark.parametrize(
    ("settings", "error", "says"),
    [
        ({"kind": "variatonal"}, UnknownName, "did you mean variational"),
        ({"architecture": "cnv"}, UnknownName, "did you mean conv"),
        ({"task": "denoize"}, UnknownName, "did you mean denoise"),
        ({"loss": "mze"}, UnknownName, "did you mean mse"),
        ({"kind": "variational", "options": {"betta": 1.0}}, UnknownName, "did you mean beta"),
        ({"options": {"net": 1}}, UnknownName, "no option called 'net'"),
        ({"kind": "direct"}, BadPairing, None),
        ({"kind": "direct", "architecture": "conv"}, BadPairing, "--arch unet"),
        ({"kind": "undercomplete", "architecture": "unet"}, BadPairing, "offers whole"),
        ({"kind": "variational", "loss": "charbonnier"}, BadPairing, "--loss mse"),
        ({"kind": "direct", "architecture": "unet", "code_size": 4}, BadOption, "no code"),
        ({"kind": "direct", "architecture": "unet", "loss": "bce"}, BadPairing, "--loss mse"),
        ({"code_size": 0}, BadOption, "1 to 64"),
        ({"code_size": -1}, BadOption, "1 to 64"),
        ({"code_size": 65}, BadOption, "1 to 64"),
        ({"code_size": 2.5}, BadOption, "whole number"),
        ({"code_size": True}, BadOption, "whole number"),
        ({"n_layers": 0}, BadOption, "n_layers=0"),
        ({"n_layers": 3, "n_nodes": (8,)}, BadOption, "contradicts"),
        ({"n_nodes": 0}, BadOption, "n_nodes=0"),
        ({"n_nodes": (2,), "code_size": 4}, BadOption, "narrower"),
        ({"kind": "variational", "options": {"beta": -1.0}}, BadOption, "beta=-1"),
    ],
)
def test_what_cannot_be_made_is_refused_in_a_sentence(settings, error, says):
    if says is None:  # direct takes the task's own architecture where none was said
        settings, says = {**settings, "architecture": "mlp"}, "--arch unet"
    with pytest.raises(error, match=says) as caught:
        make(shape=(1, 8, 8), **settings)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("settings", [{"architecture": "conv"}, {"task": "denoise"}])
def test_a_table_is_refused_where_only_pictures_go(settings):
    with pytest.raises(BadPairing, match="table"):
        make(shape=(6,), **settings)


@pytest.mark.parametrize("settings", [{"n_layers": 101}, {"n_nodes": (1,) * 8_000}])
@pytest.mark.parametrize("architecture", architectures)
def test_a_net_that_is_too_deep_is_refused_before_it_is_made(architecture, settings, monkeypatch):
    monkeypatch.setattr("narrows.model.build.build", lambda card: pytest.fail("it was made"))
    kind = "direct" if "whole" in architectures[architecture].offers else "undercomplete"
    with pytest.raises(BadOption, match="more than 100 layers"):
        make(shape=(1, 8, 8), kind=kind, architecture=architecture, task="denoise", **settings)
    with pytest.raises(BadOption, match="more than 100 layers"):  # as files name it
        architectures[architecture](shape=(1, 8, 8), **settings)


@pytest.mark.parametrize("architecture", architectures)
def test_a_list_of_widths_is_what_the_tuple_is(architecture):
    kind = "direct" if "whole" in architectures[architecture].offers else "undercomplete"
    net = {"shape": (1, 16, 16), "kind": kind, "architecture": architecture, "task": "denoise"}
    assert make(**net, n_nodes=[16, 24]).card == make(**net, n_nodes=(16, 24)).card


def test_a_list_with_a_layer_narrower_than_the_code_is_refused():
    with pytest.raises(BadOption, match="narrower than the code of 64"):
        make(shape=(1, 16, 16), architecture="mlp", code_size=64, n_nodes=[128, 8])
