"""The main job without clean pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data

import narrows
from narrows._errors import BadOption, BadPairing, NotSupported
from narrows.measuring.scoring import score

SMALL = {"task": "denoise", "steps": 6, "batch_size": 4, "n_nodes": (8, 8), "patch": 32, "held_out": 0.2}


def folder_of(place, level):
    random = np.random.default_rng(0)
    place.mkdir()
    for name in ("camera", "coins", "moon", "brick", "grass", "page"):
        pixels = getattr(data, name)()[:160, :160] + random.normal(0, level, (160, 160))
        Image.fromarray(np.clip(np.rint(pixels), 0, 255).astype(np.uint8)).save(place / f"{name}.png")
    return place


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("noisy") / "noisy", 20)


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    return folder_of(tmp_path_factory.mktemp("clean") / "clean", 0)


def test_noisy_pictures_are_no_truth_to_score_by(noisy):
    found = narrows.fit(noisy, **SMALL)
    with pytest.raises(NotSupported, match="--truth CLEAN"):
        score(found.model.model, noisy)


def test_noisy_pictures_are_recognised_and_nothing_is_judged_without_truth(noisy, tmp_path):
    found = narrows.fit(noisy, out=tmp_path / "model", **SMALL)
    card = found.model.card
    assert card["task"]["options"]["learn_from"] == "recorrupted"
    assert "noisy" in card["about"]["reasons"]["learn_from"]
    assert found.judgement is None or "learn_from" in card["about"]["reasons"]
    again = narrows.load(tmp_path / "model")
    picture = np.asarray(Image.open(noisy / "camera.png"))
    assert np.array_equal(again.restore(picture), found.model.restore(picture))
    assert "not judged" in found.report.read_text(encoding="utf-8").lower() or found.judgement is not None


def test_clean_pictures_are_learned_from_as_before(clean):
    found = narrows.fit(clean, **SMALL)
    assert found.model.card["task"]["options"]["learn_from"] == "clean"
    assert found.judgement is not None


@pytest.mark.parametrize("way", ["neighbours", "blind_spots"])
def test_a_way_that_was_asked_for_is_taken(noisy, way):
    found = narrows.fit(noisy, learn_from=way, **SMALL)
    assert found.model.card["task"]["options"]["learn_from"] == way


def test_noise_is_put_on_clean_pictures_like_that_of_others(clean, noisy):
    found = narrows.fit(clean, like=Path(noisy), **SMALL)
    assert found.model.card["task"]["options"]["learn_from"] == "like"
    variance = found.model.model.task.curves @ torch.tensor([0.5, 1.0])
    assert float(variance.median().sqrt()) * 255 == pytest.approx(20, rel=0.25)
    assert found.judgement is not None, "the clean pictures judge"


def test_pictures_in_memory_are_no_place_to_take_noise_from(clean):
    with pytest.raises(BadOption, match="it takes text"):
        narrows.fit(clean, like=np.zeros((2, 32, 32)), **SMALL)


def test_neighbours_and_a_code_of_one_size_are_refused():
    pictures = np.random.default_rng(0).random((12, 16, 16), dtype=np.float32)
    with pytest.raises(BadPairing, match="blind_spots"):
        narrows.fit(pictures, task="denoise", learn_from="neighbours", code_size=4, steps=2)


def test_blind_spots_teach_nets_with_a_code():
    pictures = np.random.default_rng(0).random((12, 16, 16), dtype=np.float32)
    found = narrows.fit(pictures, task="denoise", learn_from="blind_spots", code_size=4, steps=2)
    assert found.model.code_size == 4
