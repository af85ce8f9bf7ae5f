"""Every task fits on 8x8 digits and on photographs, and is judged beside its own classical filters."""

from __future__ import annotations

import pytest

import narrows
from narrows._registry import tasks
from narrows.measuring.classical import all_filters

RESTORING = [name for name in tasks.files() if name != "reconstruct" and tasks[name].learns_from == "clean"]


@pytest.mark.parametrize("name", RESTORING)
def test_a_task_fits_on_small_pictures_through_a_code(name, picture_folder):
    fitted = narrows.fit(
        picture_folder(40), task=name, kind="undercomplete", architecture="mlp", code_size=8, steps=4, twin=False
    )
    titles = {all_filters()[one].title for one in tasks[name].classical if one in all_filters()}
    assert any(fitted.judgement.filter.startswith(title) for title in titles)
    assert fitted.model.card["task"]["name"] == name


@pytest.mark.slow
@pytest.mark.parametrize("name", RESTORING)
def test_a_task_fits_on_photographs(name, picture_folder):
    fitted = narrows.fit(
        picture_folder(20, 68, 72, 3), task=name, steps=3, patch=32, n_nodes=(8, 8), batch_size=4
    )  # fmt: skip
    scores = fitted.model.card["scores"]["held_out"]
    assert {"model", "untouched", fitted.judgement.filter} <= scores.keys()
    # a net of this size begins as the identity, and three small steps leave it near
    assert scores["model"] > scores["untouched"] - 3 or name == "inpaint"
