"""Examples made of noisy pictures alone teach what clean pictures would teach."""

from __future__ import annotations

import pytest
import torch

from narrows._contract import Step, Traces
from narrows._errors import BadOption, UnknownName
from narrows.nn.degrade import gaussian
from narrows.tasks._without_truth import STRONGEST, blind_spots, neighbours, recorrupted
from narrows.tasks.denoise import Denoise

LEVEL = 0.1
EVEN = torch.tensor([0.0, LEVEL**2])


def random(seed=0):
    return torch.Generator().manual_seed(seed)


def noisy(count=6, channels=1, height=64, width=64, slope=0.0, offset=LEVEL**2):
    clean = gaussian(torch.rand((count, channels, height, width), generator=random(1)), 2.0)
    spread = (slope * clean + offset) ** 0.5
    return clean, clean + spread * torch.randn(clean.shape, generator=random(2))


def denoise(way, **traces):
    task = Denoise(learn_from=way)
    noise = traces.get("noise", EVEN[None])
    task.learn(Traces(noise, torch.full((len(noise),), 100.0), torch.zeros(len(noise)), torch.zeros(len(noise))))
    return task


@pytest.mark.parametrize(("slope", "offset"), [(0.0, LEVEL**2), (0.02, 0.0)], ids=["Gaussian", "Poisson-like"])
def test_the_noise_of_recorrupted_inputs_and_targets_is_uncorrelated(slope, offset):
    clean, seen = noisy(200, slope=slope, offset=offset)
    x, target, _ = recorrupted(seen, torch.tensor([slope, offset]), 0.0, random(3))
    clean = torch.cat([clean[:100], clean[:100]])
    own = float((seen - seen.mean()).square().mean())
    shared = float(((x - clean) * (target - clean)).mean())
    assert abs(shared) < 0.02 * own, "a net could learn to give the noise back"
    assert float((target - clean).mean()) == pytest.approx(0, abs=2e-3)


@pytest.mark.parametrize("count", [1, 2, 5])
def test_recorrupted_pictures_come_in_opposite_pairs(count):
    _, seen = noisy(count)
    x, target, weight = recorrupted(seen, EVEN, 0.0, random(3))
    assert x.shape == target.shape == seen.shape and weight is None
    for one in range(count // 2):
        other = one + (count + 1) // 2
        torch.testing.assert_close((x[one] + x[other]) / 2, seen[one])
        torch.testing.assert_close((target[one] + target[other]) / 2, seen[one])


@pytest.mark.parametrize(("grain", "low", "high"), [(0.0, 0.12, 0.4), (LEVEL / 4, 0.35, 0.7), (0.0118, 0.236, 0.55)])
def test_less_noise_is_added_where_values_are_closer_together(grain, low, high):
    _, seen = noisy(400, height=16, width=16)
    x, target, _ = recorrupted(seen, EVEN, grain, random(3))
    # x = y + a z and target = y - z / a
    added = ((x - seen).flatten(1).norm(dim=1) / (target - seen).flatten(1).norm(dim=1)).sqrt()[:200]
    assert low <= float(added.min()) < low + 0.02 and high - 0.02 < float(added.max()) <= high + 1e-3


def test_the_moved_target_of_neighbours_has_the_gradient_of_the_papers_loss():
    _, seen = noisy(2, channels=3)
    weight = torch.rand((3, 3, 3, 3), generator=random(4), dtype=torch.float32).requires_grad_()

    def net(pictures):
        return torch.conv2d(pictures, weight, padding=1)

    with torch.no_grad():
        whole = net(seen)
    a, target, _ = neighbours(seen, lambda pictures: whole, 0.7, random(5))
    plain_a, b, _ = neighbours(seen, None, 0.7, random(5))
    whole_a, whole_b, _ = neighbours(whole, None, 0.7, random(5))
    assert torch.equal(a, plain_a)
    gamma = 0.7 * STRONGEST
    out = net(a)
    paper = (out - b).square().sum() + gamma * (out - b - (whole_a - whole_b)).square().sum()
    ours = (1 + gamma) * (net(a) - target).square().sum()
    theirs, mine = (torch.autograd.grad(loss, weight)[0] for loss in (paper, ours))
    torch.testing.assert_close(mine, theirs, rtol=1e-4, atol=1e-2)


def test_neighbours_are_different_pixels_side_by_side():
    places = torch.arange(8 * 12.0).view(1, 1, 8, 12)
    a, b, _ = neighbours(places, None, 0, random())
    assert a.shape == b.shape == (1, 1, 4, 6)
    apart = (a - b).abs()
    assert set(apart.unique().tolist()) <= {1.0, 12.0}
    assert torch.equal(a // 24, torch.arange(4.0)[:, None].expand(1, 1, 4, 6))


def test_hidden_pixels_are_not_seen_and_alone_count():
    places = torch.arange(2 * 3 * 40 * 50.0).view(2, 3, 40, 50)
    x, target, weight = blind_spots(places, random())
    assert weight is not None and weight.shape == (2, 1, 40, 50)
    assert torch.equal(target, places)
    changed = x != places
    assert torch.equal(changed, weight.bool().expand_as(changed)), "a hidden pixel is seen, or a seen one counts"
    assert 0.04 < float(weight.mean()) < 0.09


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (5, 1), (2, 2), (7, 9)])
@pytest.mark.parametrize("way", ["recorrupted", "neighbours", "blind_spots"])
def test_pictures_of_any_size_pass(way, size):
    pictures = torch.rand((3, 2, *size), generator=random())
    step = Step(5, 10, 3, random(), lambda x: x[:, :2])
    x, target, weight = denoise(way).example(pictures, step)
    assert x.shape[:2] == (3, 3) and target.shape[:2] == (3, 2) and x.shape[2:] == target.shape[2:]
    assert torch.isfinite(x).all() and torch.isfinite(target).all()
    assert weight is None or torch.isfinite(weight).all()
    assert not x[:, 2:].any(), "the level of these pictures is not told"


def test_scores_of_neighbours_mean_the_same_all_along_the_run():
    pictures, half = noisy(2)[1], 0.5
    with torch.no_grad():
        early, late = (
            denoise("neighbours").example(pictures, Step(at, 10, 2, random(), lambda x: half * x[:, :1])).target
            for at in (1, 9)
        )
    assert torch.equal(early, late)


def test_noise_like_that_of_others_grows_with_the_light_as_measured():
    clean = torch.full((64, 1, 32, 32), 0.2)
    clean[..., 16:] = 0.8
    x, target, _ = denoise("like", noise=torch.tensor([[0.01, 0.0]])).example(clean, Step(0, 1, 64, random()))
    assert torch.equal(target, clean)
    dark, light = ((x[:, :1] - clean)[..., half].var() for half in (slice(16), slice(16, None)))
    assert float(dark) == pytest.approx(0.002, rel=0.1) and float(light) == pytest.approx(0.008, rel=0.1)


def test_what_was_measured_travels_with_the_task():
    curves = torch.tensor([[0.0, 0.04], [0.0, 0.01], [0.0, 0.02]])
    task = denoise("like", noise=curves)
    assert task.state_dict()["curves"][0, 1] == pytest.approx(0.01)
    assert task.state_dict()["curves"][-1, 1] == pytest.approx(0.04)
    assert not Denoise().state_dict(), "files of models that learned from clean pictures stay as they are"


def test_a_level_is_refused_where_it_means_nothing():
    with pytest.raises(BadOption, match="leave it out"):
        Denoise(level=25, learn_from="neighbours")
    with pytest.raises(BadOption, match="leave --level out"):
        denoise("blind_spots").prepare(torch.zeros((1, 1, 8, 8)), level=25)
    with pytest.raises(UnknownName, match="did you mean neighbours"):
        Denoise(learn_from="neighbors")
