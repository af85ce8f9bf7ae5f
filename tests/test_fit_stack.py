"""The main job on the pages of one TIFF."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile
from skimage import data

import narrows
from narrows.using.restore import restore_file

SMALL = {"task": "denoise", "steps": 8, "batch_size": 4, "n_nodes": (8, 8), "patch": 32}


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    """30 noisy pages panned over a photograph: Poisson counts up to 40, times 50, above an offset of 100."""
    random, camera = np.random.default_rng(0), data.camera() / 255
    pages = [camera[100 + n : 196 + n, 80 + 2 * n : 176 + 2 * n] for n in range(30)]
    noisy = (100 + 50 * random.poisson(40 * np.array(pages))).astype(np.uint16)
    path = tmp_path_factory.mktemp("stack") / "stack.tif"
    tifffile.imwrite(path, noisy, imagej=True, metadata={"axes": "TYX"})
    return path


def test_noisy_pages_are_recognised_and_restored_in_their_own_numbers(stack, tmp_path):
    found = narrows.fit(stack, out=tmp_path / "model", **SMALL)
    card = found.model.card
    assert card["task"]["options"]["learn_from"] in ("recorrupted", "neighbours")
    assert "noisy" in card["about"]["reasons"]["learn_from"]
    assert card["data"]["examples"] == {"training": 26, "validation": 1, "held_out": 3}
    assert any("28-30 held out, page 27 for when to stop" in note for note in card["data"]["notes"])
    assert not any("resized" in note for note in card["data"]["notes"])
    assert "28-30" in found.report.read_text(encoding="utf-8")
    target = restore_file(stack, tmp_path / "out.tif", task="denoise", model=tmp_path / "model")
    was, now = tifffile.imread(stack), tifffile.imread(target)
    assert now.shape == was.shape and now.dtype == np.uint16
    assert abs(now.mean() / was.mean() - 1) < 0.05 and np.corrcoef(now.ravel(), was.ravel())[0, 1] > 0.8


def test_a_way_that_was_asked_for_is_taken(stack):
    found = narrows.fit(stack, learn_from="blind_spots", **SMALL)
    assert found.model.card["task"]["options"]["learn_from"] == "blind_spots"


def test_pages_have_codes_too(stack):
    found = narrows.fit(stack, code_size=3, steps=3, n_nodes=8)
    assert found.model.code_size == 3 and found.judgement is not None
    assert found.model.card["data"]["examples"]["held_out"] == 3


def test_nets_that_restore_photographs_take_16_patches_a_step_unless_told(stack):
    few = {"task": "denoise", "steps": 1, "n_nodes": (8, 8), "patch": 16, "learn_from": "neighbours"}
    assert narrows.fit(stack, **few).model.card["training"]["batch_size"] == 16
    assert narrows.fit(stack, batch_size=5, **few).model.card["training"]["batch_size"] == 5
    rows = np.random.default_rng(0).normal(size=(3000, 4))
    assert narrows.fit(rows, steps=1, code_size=2).model.card["training"]["batch_size"] == 128
