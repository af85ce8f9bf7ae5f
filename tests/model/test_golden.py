"""Golden tensors tell a changed model from one that is only rounded differently."""

from __future__ import annotations

import pytest
import torch

from narrows._errors import BadModelFile
from narrows.model.build import make
from narrows.model.folder import load, save
from narrows.model.golden import GOLDEN, TOLERANCE, largest_difference, outputs_of, read_golden, write_golden

MODELS = {
    "restores": {"shape": (3, 16, 16), "task": "denoise", "n_nodes": (8, 8)},
    "has a code": {"shape": (1, 8, 8), "code_size": 3, "n_nodes": (8,)},
    "has a code, and convolutions": {"shape": (1, 32, 48), "architecture": "conv", "code_size": 3, "n_nodes": (8, 8)},
    "takes tables": {"shape": (4,), "code_size": 2},
}


def differences(model, folder) -> dict[str, float]:
    golden = read_golden(folder)
    found = outputs_of(model, golden.pop("x"))
    assert found.keys() == golden.keys()
    return {name: largest_difference(found[name], golden[name]) for name in golden}


@pytest.mark.parametrize("name", MODELS)
def test_a_loaded_model_gives_its_golden_tensors(name, tmp_path):
    folder = save(make(**MODELS[name]), tmp_path / "model")
    file = write_golden(load(folder), folder)
    assert file.name == GOLDEN and file.stat().st_size < 20_000
    found = differences(load(folder), folder)
    assert max(found.values()) == 0 and ("code" in found) == (name != "restores")


@pytest.mark.parametrize("name", MODELS)
def test_a_net_that_changed_a_little_is_seen(name, tmp_path):
    folder = save(make(**MODELS[name]), tmp_path / "model")
    write_golden(load(folder), folder)
    changed = load(folder)
    with torch.no_grad():
        for weight in changed.parameters():
            weight += 1e-3
    assert max(differences(changed, folder).values()) > TOLERANCE


def test_a_picture_gives_the_same_as_double_precision_to_the_tolerance(tmp_path):
    """Another order of sums, as on another processor, stays below the tolerance."""
    folder = save(make(**MODELS["restores"]), tmp_path / "model")
    write_golden(load(folder), folder)
    golden = read_golden(folder)
    exact = load(folder).double().reconstruct(golden["x"])
    assert 0 <= largest_difference(exact, golden["recon"]) < TOLERANCE


@pytest.mark.parametrize("content", [None, b"", b"no tensors"])
def test_missing_or_damaged_golden_tensors_are_one_sentence(content, tmp_path):
    if content is not None:
        (tmp_path / GOLDEN).write_bytes(content)
    with pytest.raises(BadModelFile, match="write_golden"):
        read_golden(tmp_path)
