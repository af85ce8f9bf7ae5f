"""Options of the wrong type are refused by name, whoever they go to: walks everything that has some."""

from __future__ import annotations

import pytest
import torch

from narrows import BadOption
from narrows._registry import architectures, kinds, priors, tasks
from narrows.model.build import _OWN, _parameters, make, make_prior

PICTURE = (1, 16, 16)
HANDED_IN = _OWN | {"code_shape", "count"}


def options_of(registry):
    return [(name, option) for name in registry for option in _parameters(registry[name]) if option not in HANDED_IN]


def makers():
    for name, option in options_of(kinds):
        yield pytest.param(lambda options, name=name: make(shape=PICTURE, kind=name, options=options), option,
                           id=f"{name}-{option}")  # fmt: skip
    for name, option in options_of(tasks):
        yield pytest.param(lambda options, name=name: make(shape=PICTURE, task=name, options=options), option,
                           id=f"{name}-{option}")  # fmt: skip
    for name, option in options_of(architectures):
        kind = next(kind for kind in kinds if kinds[kind].needs <= architectures[name].offers)
        yield pytest.param(
            lambda options, name=name, kind=kind: make(
                shape=PICTURE, task="denoise", architecture=name, kind=kind, options=options
            ),
            option,
            id=f"{name}-{option}",
        )
    for name, option in options_of(priors):
        kind = "vqvae" if priors[name].accepts == "indices" else "undercomplete"
        yield pytest.param(
            lambda options, name=name, kind=kind: make_prior(make(shape=PICTURE, kind=kind), name, options),
            option,
            id=f"{name}-{option}",
        )


@pytest.mark.parametrize("wrong", ["abc", {"a": 1}, [[1]], float("nan")], ids=str)
@pytest.mark.parametrize(("maker", "option"), list(makers()))
def test_a_value_of_the_wrong_type_is_refused_by_the_name_of_its_option(maker, option, wrong):
    if (option, wrong) == ("learn_from", "abc"):  # a word, only not a known one: a sentence of its own
        return
    with pytest.raises(BadOption, match=rf"^{option}={str(wrong)[:1] if isinstance(wrong, float) else '.'}") as caught:
        maker({option: wrong})
    assert "it takes" in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"kind": "variational", "options": {"beta": "abc"}}, "beta='abc'; it takes a number, such as --set beta=1.0"),
        ({"kind": "variational", "options": {"beta": None}}, "beta=None; it takes a number"),
        ({"kind": "variational", "options": {"beta": True}}, "beta=True; it takes a number"),
        ({"kind": "contractive", "options": {"probes": 1.5}}, "probes=1.5; it takes a whole number"),
        ({"kind": "sparse", "options": {"k": 1.5}}, "k=1.5; it takes a whole number or none, such as --set k=8"),
        ({"kind": "denoising", "options": {"noise": 3}}, "noise=3; it takes masking, gaussian or salt"),
        ({"kind": "fsq", "options": {"levels": "8;5"}}, r"whole number.* or whole numbers, .*--set levels=5"),
        ({"options": "beta=4"}, r"options='beta=4'; it takes names with their values: options={'beta': 4.0}"),
    ],
)
def test_what_is_accepted_is_said(settings, says):
    with pytest.raises(BadOption, match=says):
        make(shape=PICTURE, **settings)


@pytest.mark.parametrize("levels", [[8, 5, 5, 5], (8, 5, 5, 5), 5])
def test_values_of_every_accepted_type_are_taken(levels):
    assert make(shape=PICTURE, kind="fsq", options={"levels": levels}).kind == "fsq"
    assert make(shape=PICTURE, kind="sparse", options={"k": None, "alpha": 1}).kind == "sparse"


def test_numbers_of_numpy_are_numbers():
    numbers = {"beta": torch.tensor(2.0).numpy()[()], "warmup": 0}
    assert make(shape=PICTURE, kind="variational", options=numbers).card["kind"]["options"]["beta"] == 2.0
