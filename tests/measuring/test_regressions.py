"""The regressions that nets between two sizes are set beside: they find what is there to find."""

from __future__ import annotations

import pytest
import torch

from narrows._contract import Pairs
from narrows.measuring.bottleneck import judge_relation
from narrows.measuring.regressions import regressions


def linear(count=120, noise=0.0, seed=0):
    """Pairs of 1: the picture after is a fixed mixture of the pixels before."""
    random = torch.Generator().manual_seed(seed)
    before = torch.rand((count, 1, 3, 4), generator=random)
    mixture = torch.rand((12, 10), generator=torch.Generator().manual_seed(7)) / 12
    after = (before.flatten(1) @ mixture).reshape(count, 1, 2, 5) + noise * torch.randn(
        (count, 1, 2, 5), generator=random
    )
    return [Pairs(before[at : at + 1], after[at : at + 1]) for at in range(count)]


def errors(results, pairs):
    return torch.stack([(one - pair.after[0]).square().mean() for one, pair in zip(results, pairs, strict=True)])


def test_ridge_finds_a_linear_relation_exactly_and_every_result_has_the_shape_of_the_target():
    training, held_out = linear(), linear(20, seed=1)
    found = regressions(training, held_out)
    assert [name.split()[0] for name in found] == ["ridge", "k-NN", "extra"]
    for results in found.values():
        assert len(results) == 20 and results[0].shape == (1, 2, 5) and results[0].dtype == torch.float32
        assert float(torch.stack(results).min()) >= 0 and float(torch.stack(results).max()) <= 1
    ridge = next(results for name, results in found.items() if name.startswith("ridge"))
    assert float(errors(ridge, held_out).mean()) < 1e-6


def test_the_nearest_partner_is_exact_where_the_pictures_come_again():
    training = linear(40)
    found = regressions(training * 3, training)  # every picture thrice: with one neighbour the folds are exact
    nearest = next(results for name, results in found.items() if name.startswith("k-NN"))
    assert float(errors(nearest, training).mean()) < 1e-10


def test_few_pairs_and_a_single_pixel_work_too():
    pairs = [Pairs(torch.full((1, 1, 2, 2), n / 4), torch.full((1, 1, 1, 1), n / 8)) for n in range(3)]
    for results in regressions(pairs, pairs[:1]).values():
        assert results[0].shape == (1, 1, 1)


def test_the_same_seed_gives_the_same_results():
    one, other = (regressions(linear(), linear(5, seed=1), seed=3) for _ in range(2))
    assert one.keys() == other.keys()
    assert all(torch.equal(a, b) for name in one for a, b in zip(one[name], other[name], strict=True))


@pytest.mark.parametrize(
    ("factor", "winner", "words"),
    [(0.5, "network", "the network wins"), (2.0, "k-NN 3", "simple alternative wins"), (1.0, "nobody", "holds 1")],
)
def test_the_verdict_is_over_the_best_of_all(factor, winner, words):
    base = 0.1 + 0.01 * torch.rand(50, generator=torch.Generator().manual_seed(0))
    verdict = judge_relation(
        base.roll(1) * factor, {"ridge 1": 1.2 * base, "k-NN 3": base}, generator=torch.Generator().manual_seed(0)
    )
    assert verdict.winner == winner and words in verdict.sentence() and "k-NN 3" in verdict.sentence("vi")
