"""Clean pictures are taken as clean, noisy ones as what they are."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from skimage import data

from narrows._errors import BadData, BadOption, UnknownName
from narrows._registry import tasks
from narrows.measuring.damage import choose_way, grain_of, traces
from narrows.measuring.lessons import lesson_for

NAMES = ("camera", "coins", "moon", "brick", "page")
CLEAN = [torch.from_numpy(getattr(data, name)()[20:180, 30:190].copy())[None].float() / 255 for name in NAMES]


def noisy(levels, smooth=False):
    random = torch.Generator().manual_seed(0)
    found = []
    for picture, level in zip(CLEAN, levels, strict=True):
        noise = torch.randn((1, 162, 162), generator=random)
        noise = 3 * F.avg_pool2d(noise, 3, 1) if smooth else noise[:, 1:-1, 1:-1]
        found.append(picture + level / 255 * noise)
    return found


def way(pictures, any_size=True):
    return choose_way(pictures, any_size=any_size)[0]


def test_clean_pictures_are_learned_from_as_clean():
    assert way(CLEAN).name == "clean"


@pytest.mark.parametrize("level", [8, 25])
def test_pictures_of_one_noise_are_recorrupted(level):
    found = way(noisy([level] * 5))
    assert found.name == "recorrupted" and "255, measured" in found.reason


def test_the_strength_that_is_measured_is_the_one_that_was_put_on():
    _, facts = choose_way(noisy([20] * 5), any_size=True)
    assert facts.level == pytest.approx(20, rel=0.06)
    assert facts.curve.level(0.4) == pytest.approx(20, rel=0.1)


def test_pictures_of_several_noises_are_learned_from_by_neighbours_or_blind_spots():
    pictures = noisy([5, 12, 20, 35, 50])
    assert way(pictures).name == "neighbours"
    assert way(pictures, any_size=False).name == "blind_spots"


def test_noise_that_neighbours_share_is_not_taken_for_even_noise():
    assert way(noisy([25] * 5, smooth=True)).name != "recorrupted"


def test_small_pictures_are_taken_as_clean():
    found = way([torch.rand((1, 8, 8), generator=torch.Generator().manual_seed(0))] * 5)
    assert found.name == "clean" and "cannot be told" in found.reason


def test_traces_are_finite_and_need_a_picture():
    found = traces(noisy([25] * 5))
    assert found.noise.shape == (5, 2) and all(torch.isfinite(part).all() for part in found)
    with pytest.raises(BadData, match="32x32"):
        traces([torch.zeros((1, 8, 8))])


def lesson(task="denoise", asked=None, like=None, pictures=CLEAN, **more):
    look = None if like is None else lambda: like
    given = {"any_size": True} | more
    return lesson_for(task, tasks[task], asked=asked, like=look, look=lambda: pictures, **given)


def test_what_the_user_says_is_done_without_looking():
    assert lesson(asked="clean", pictures=noisy([25] * 5)).options == {"learn_from": "clean"}
    assert lesson(asked="blind_spots").options == {"learn_from": "blind_spots"}
    assert lesson(seeks=False, pictures=noisy([25] * 5)).options == {}


def test_damage_like_that_of_others_is_measured_on_them():
    found = lesson(like=noisy([25] * 5))
    assert found.options == {"learn_from": "like"}
    assert found.traces.noise[:, 1].mean().sqrt() * 255 > 15


def test_what_cannot_be_done_is_said():
    with pytest.raises(UnknownName, match="did you mean"):
        lesson(asked="neighbor")
    with pytest.raises(BadOption, match="--like DAMAGED"):
        lesson(asked="like")
    with pytest.raises(BadOption, match="clean pictures only"):
        lesson("inpaint", asked="neighbours")
    with pytest.raises(BadOption, match="with --like"):
        lesson(asked="neighbours", like=noisy([25] * 5))
    with pytest.raises(BadOption, match="noise that can be measured"):
        lesson(asked="recorrupted", pictures=[torch.zeros((1, 64, 64))] * 3)


@pytest.mark.parametrize(
    ("values", "grain"),
    [
        (lambda: torch.randint(0, 256, (1, 40, 40)) / 255, 1 / 255),
        (lambda: torch.poisson(torch.full((1, 64, 64), 30.0)) / 60, 1 / 60),
        (lambda: torch.full((3, 8, 8), 0.5), 0.0),
    ],
    ids=["8 bits", "photons", "one value"],
)
def test_the_step_between_values_is_found(values, grain):
    torch.manual_seed(0)
    assert grain_of(values()) == pytest.approx(grain, abs=1e-4)


def test_values_that_may_be_any_have_next_to_no_step():
    assert grain_of(torch.rand((1, 64, 64), generator=torch.Generator().manual_seed(0))) < 1 / 10_000
    assert grain_of(torch.arange(17_000_000.0)[None, None]) == 1, "more values than torch takes quantiles of"
