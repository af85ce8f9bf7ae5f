"""Shipped models are found by listing a folder, and each gives what it gave when it was shipped."""

from __future__ import annotations

import shutil

import pytest

from narrows._errors import UnknownName
from narrows.model import zoo
from narrows.model.build import make
from narrows.model.folder import load, save
from narrows.model.golden import TOLERANCE, largest_difference, outputs_of, read_golden

MOST_BYTES = 20 << 20
"""Of all shipped models together."""


@pytest.fixture
def two_models(tmp_path, monkeypatch):
    for name in ("denoise-grey", "denoise-colour"):
        save(make(shape=(1, 8, 8), code_size=2, n_nodes=(4,)), tmp_path / name)
    (tmp_path / "no-model").mkdir()
    monkeypatch.setattr(zoo, "_WEIGHTS", tmp_path)
    return tmp_path


def test_only_folders_with_a_card_are_models(two_models):
    assert set(zoo.shipped()) == {"denoise-grey", "denoise-colour"}


@pytest.mark.parametrize(("channels", "name"), [(1, "denoise-grey"), (3, "denoise-colour"), (2, "denoise-grey"),
                                                (12, "denoise-grey")])  # fmt: skip
def test_colour_has_its_model_and_every_other_number_of_channels_goes_through_grey(two_models, channels, name):
    assert zoo.for_task("denoise", "denoise", channels) == two_models / name


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_where_only_a_colour_model_ships_all_go_through_it(two_models, channels):
    shutil.rmtree(two_models / "denoise-grey")
    assert zoo.for_task("denoise", "denoise", channels) == two_models / "denoise-colour"


@pytest.mark.parametrize("stem", [None, "sharpen"])
def test_a_task_without_a_shipped_model_says_what_to_do(two_models, stem):
    with pytest.raises(UnknownName, match="narrows fit"):
        zoo.for_task(stem, "sharpen", 3)


def test_a_package_without_weights_has_no_models(tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "_WEIGHTS", tmp_path / "weights")
    assert zoo.shipped() == {}


@pytest.mark.needs_shipped_models
@pytest.mark.parametrize("name", sorted(zoo.shipped()))
def test_a_shipped_model_has_a_card_and_a_page(name):
    folder = zoo.shipped()[name]
    model = load(folder)
    assert model.card["task"]["name"] == name.split("-")[0]
    assert (folder / "README.md").stat().st_size > 0


@pytest.mark.needs_shipped_models
@pytest.mark.parametrize("name", sorted(zoo.shipped()))
def test_a_shipped_model_gives_what_it_gave_when_it_was_shipped(name):
    folder = zoo.shipped()[name]
    golden = read_golden(folder)
    found = outputs_of(load(folder), golden.pop("x"))
    assert found.keys() == golden.keys()
    for part, tensor in golden.items():
        assert largest_difference(found[part], tensor) < TOLERANCE, part


def test_the_shipped_models_are_small_together():
    size = sum(path.stat().st_size for folder in zoo.shipped().values() for path in folder.iterdir())
    assert size <= MOST_BYTES
