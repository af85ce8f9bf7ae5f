"""The numbers of the report's tables, against direct computation."""

import math

import pytest
import torch

from narrows.measuring.bottleneck import judge_codes
from narrows.measuring.evaluate import Scored
from narrows.measuring.intervals import bootstrap
from narrows.measuring.judge import Judgement, held_out_intervals
from narrows.pages._run import gap_in_words, still_falling
from narrows.pages._scores import column_errors, measure, score_table
from narrows.pages._words import Say
from narrows.training.loop import History


def _scored(results, targets, known=None) -> Scored:
    each = (results - targets).square()
    errors = each.flatten(1).mean(1) if known is None else (each * known).sum(1) / known.sum(1)
    there = None if known is None else list(known)
    return Scored(list(targets), list(targets), list(results), errors, errors, there)


def _judgement(network, pca, seen=None, form="picture") -> Judgement:
    random = torch.Generator().manual_seed(0)
    verdict = judge_codes(network.errors, {"PCA": pca.errors}, 4, generator=random, form=form)
    return Judgement("mse", network, {"PCA": pca}, seen or network, verdict)


@pytest.fixture
def tables():
    random = torch.Generator().manual_seed(0)
    targets = torch.randn(300, 6, generator=random)
    known = (torch.rand(300, 6, generator=random) > 0.2).float()
    known[:, 5] = 0
    noise = torch.randn(300, 6, generator=random) * torch.tensor([0.1, 0.4, 0.2, 0.3, 0.05, 1.0])
    network = _scored(targets + noise, targets, known)
    return _judgement(network, _scored(targets + 2 * noise, targets, known), form="table"), known, noise


def test_columns_are_measured_over_their_known_cells_worst_first(tables):
    judgement, known, noise = tables
    columns = column_errors(judgement, torch.tensor([1.0, 10.0, 1.0, 1.0, 1.0, 1.0]))
    assert [column.at for column in columns] == [1, 3, 2, 0, 4, 5]
    wanted = (noise[:, 1].square() * known[:, 1]).sum() / known[:, 1].sum()
    assert columns[0].errors["network"].value == pytest.approx(float(wanted), rel=1e-5)
    assert columns[0].own == pytest.approx(10 * math.sqrt(wanted), rel=1e-5)
    assert columns[0].errors["PCA"].value == pytest.approx(4 * float(wanted), rel=1e-4)
    assert math.isnan(columns[-1].own)  # no cell of this column is known


def test_a_columns_interval_is_the_bootstraps(tables):
    judgement, known, noise = tables
    found = column_errors(judgement, torch.ones(6))[0].errors["network"]
    wanted = bootstrap(noise[known[:, 1] > 0, 1].square(), generator=torch.Generator().manual_seed(3))
    assert found.low == pytest.approx(wanted.low, rel=0.03) and found.high == pytest.approx(wanted.high, rel=0.03)


def test_only_the_worst_columns_are_measured_where_they_are_many(tables):
    assert [column.at for column in column_errors(tables[0], torch.ones(6), most=2)] == [1, 3]


def test_pictures_are_measured_by_error_psnr_and_ssim_in_any_mixture_of_sizes():
    random = torch.Generator().manual_seed(0)
    targets = [torch.rand(1, side, 9, generator=random) for side in (9, 9, 12, 9)]
    results = [(target + 0.1).clamp(0, 1) for target in targets]
    errors = torch.stack([(r - t).square().mean() for r, t in zip(results, targets, strict=True)])
    network = Scored(targets, targets, results, errors, errors)
    rows = measure(_judgement(network, network._replace(results=targets, errors=errors * 0)), "picture")
    assert [row.key for row in rows] == ["network", "PCA"]
    assert rows[0].psnr.value == pytest.approx(float((-10 * errors.log10()).mean()), rel=1e-5)
    assert rows[1].ssim.value == pytest.approx(1.0) and rows[0].ssim.value < 1


def test_one_held_out_picture_gives_no_interval_and_the_page_says_so():
    network = _scored(torch.rand(1, 1, 8, 8), torch.rand(1, 1, 8, 8))
    judgement = _judgement(network, network)
    table = score_table(judgement, "picture", Say("en"))
    assert "one example alone" in table and "inf" not in table and "whisker" not in table
    assert held_out_intervals(judgement) == {}


@pytest.mark.parametrize(
    ("seen", "said"), [(1.0, "No difference could be shown"), (0.85, "somewhat better"), (0.4, "by heart")]
)
def test_the_gap_is_put_in_words(seen, said):
    targets = torch.zeros(400, 4)
    results = torch.randn(400, 4, generator=torch.Generator().manual_seed(0)) * 0.02 + 1
    network = _scored(results, targets)
    judgement = _judgement(network, network, seen=_scored(results * seen**0.5, targets))
    assert said in gap_in_words(judgement, Say("en"))


def test_a_curve_that_still_falls_is_told_from_one_that_is_flat():
    assert still_falling(History(held_out=[(i, 1 / (i + 1)) for i in range(20)]))
    assert not still_falling(History(held_out=[(i, 1 + 1e-4 / (i + 1)) for i in range(20)]))
    assert not still_falling(History(held_out=[(i, abs(10 - i)) for i in range(20)]))
    assert not still_falling(History(held_out=[(0, 2.0), (1, float("nan"))])) and not still_falling(History())
