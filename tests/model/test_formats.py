"""Every format of model folder that was ever written is still read, and gives what it gave."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import safetensors.torch
import torch

from narrows.model.card import FORMAT
from narrows.model.folder import load
from narrows.training.seeds import generator

HERE = Path(__file__).parent / "formats"
FOLDERS = sorted(path.parent.name for path in HERE.glob("*/model.json"))

_spec = importlib.util.spec_from_file_location("make_formats", HERE / "make.py")
assert _spec is not None and _spec.loader is not None
maker = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(maker)


def test_the_present_format_is_kept_here_in_every_sort():
    assert {f"{FORMAT}-{name}" for name in maker.SORTS} <= set(FOLDERS), "run tests/model/formats/make.py"


@pytest.mark.parametrize("name", FOLDERS)
def test_a_kept_folder_gives_the_same_output(name):
    model, golden = load(HERE / name), safetensors.torch.load_file(HERE / name / maker.GOLDEN)
    found = maker.outputs(model, golden["x"])
    assert found.keys() == golden.keys()
    for what, expected in golden.items():
        torch.testing.assert_close(found[what], expected, atol=1e-6, rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", [name for name in FOLDERS if load(HERE / name).card["link"] == "clamp"])
def test_what_is_kept_is_not_hidden_by_the_clamp(name):
    result = safetensors.torch.load_file(HERE / name / maker.GOLDEN)["result"]
    assert ((result > 0) & (result < 1)).all()


@pytest.mark.parametrize("name", FOLDERS)
def test_the_weights_file_alone_is_enough(name, tmp_path):
    alone = tmp_path / "model.safetensors"
    alone.write_bytes((HERE / name / "model.safetensors").read_bytes())
    model, golden = load(alone), safetensors.torch.load_file(HERE / name / maker.GOLDEN)
    torch.testing.assert_close(model.reconstruct(golden["x"]), golden["result"], atol=1e-6, rtol=1e-6, equal_nan=True)


@pytest.mark.parametrize("name", FOLDERS)
def test_a_kept_folder_is_small(name):
    assert sum(path.stat().st_size for path in (HERE / name).iterdir()) < 100_000


@pytest.mark.parametrize("name", [name for name in FOLDERS if "variational" in name])
def test_a_kept_generative_model_still_draws(name):
    model = load(HERE / name)
    drawn = model.draw(4, generator(0, "test"))
    assert drawn.shape == (4, *model.shape) and torch.isfinite(drawn).all()
