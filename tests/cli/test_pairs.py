"""Pictures learned from pairs, from the command line: fitted, judged, and used on new pictures."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def halves(tmp_path):
    """Folders `upper` and `lower`: rows 0 to 5 of drawn pictures, and rows 4 to 11; `whole` is the first beside."""
    rows, cols = np.mgrid[0:12, 0:8] / 8
    for name in ("upper", "lower", "darker"):
        (tmp_path / name).mkdir()
    for number in range(30):
        random = np.random.default_rng(number)
        slope, phase = random.uniform(2, 9), random.uniform(0, 6)
        picture = np.uint8(128 + 120 * np.sin(slope * cols + phase) * np.cos(slope * rows + phase))
        for name, pixels in {"upper": picture[:6], "lower": picture[4:], "darker": picture[:6] // 3}.items():
            Image.fromarray(pixels).save(tmp_path / name / f"{number:02}.png")
    return tmp_path


def size(path):
    with Image.open(path) as image:
        return image.size


def test_pairs_of_two_sizes_go_through_a_code_and_give_the_second_size(run, halves):
    ran = run("fit", "--pairs", "upper", "lower", "--steps", "20", "--code-size", "4", "--out", "model", "--json")
    assert ran.code == 0, ran.err
    assert any(name in ran.out for name in ("ridge", "k-NN", "extra trees"))  # a simple alternative beside it
    ran = run("restore", "upper", "--model", "model", "--out", "made")
    assert ran.code == 0, ran.err
    made = sorted((halves / "made").glob("*.png"))
    assert len(made) == 30 and {size(path) for path in made} == {(8, 8)}


def test_pairs_of_one_size_keep_it_and_their_task_can_be_another(run, halves):
    ran = run(
        "fit", "--pairs", "darker", "upper", "--task", "brighten", "--steps", "4", "--n-nodes", "8,16", "--out", "model"
    )
    assert ran.code == 0, ran.err
    ran = run("brighten", "darker/00.png", "--model", "model", "--out", "bright")
    assert ran.code == 0, ran.err
    assert size(halves / "bright" / "00.png") == (8, 6)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--pairs", "upper", "lower", "--task", "inpaint"), "inpaint does not learn from pairs"),
        (("upper", "--task", "relate"), "--pairs BEFORE AFTER"),
        (("upper", "--pairs", "upper", "lower"), "not both"),
        ((), "--pairs BEFORE AFTER"),
        (("--pairs", "upper", "absent"), "absent"),
    ],
)
def test_what_pairs_are_not_for_is_refused_with_what_to_type(run, halves, words, said):
    ran = run("fit", *words, "--steps", "2", "--out", "model")
    assert ran.code != 0 and said in " ".join(ran.err.replace("│", " ").split())
    assert not (halves / "model").exists()
