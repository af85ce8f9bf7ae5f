"""The table that the verdict rests on: the network beside the simple alternatives, each mean with its interval."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from narrows.measuring.evaluate import Scored
from narrows.measuring.intervals import REPEATS, Interval, bootstrap, drawn_with
from narrows.measuring.judge import Judgement
from narrows.measuring.metrics import ssim
from narrows.pages._charts import interval_chart
from narrows.pages._html import Child, Markup, h, prose, table
from narrows.pages._numbers import count, number, spread
from narrows.pages._words import Say
from narrows.training.seeds import generator

_MOST_FOR_SSIM = 2000
"""Pictures: SSIM costs far more than an error, and its interval is narrow by then."""
_AT_ONCE = 256
_REPEATS_AT_ONCE = 100


class Measured(NamedTuple):
    """One row of the table."""

    key: str
    """"network", "PCA", "mean", "untouched", "direct", or a filter's name."""
    error: Interval
    psnr: Interval | None
    """None for tables, as is SSIM."""
    ssim: Interval | None


def measure(judgement: Judgement, form: str, seed: int = 0) -> list[Measured]:
    """Every method with its intervals: the network first for codes; after the alternatives for restoration."""
    everyone = {"network": judgement.network, **judgement.alternatives}
    if "untouched" in judgement.alternatives:
        everyone = {**judgement.alternatives, "network": judgement.network}
    return [_measured(key, scored, form, seed, judgement.groups) for key, scored in everyone.items()]


def _measured(key: str, scored: Scored, form: str, seed: int, groups: Tensor | None) -> Measured:
    def interval(values: Tensor) -> Interval:
        own = None if groups is None else groups[: len(values)]
        return bootstrap(values, generator=generator(seed, "report"), groups=own)  # the same drawn for every method

    if form == "table":
        return Measured(key, interval(scored.errors), None, None)
    decibels = -10 * scored.errors.clamp_min(1e-10).log10()
    return Measured(key, interval(scored.errors), interval(decibels), interval(_ssim(scored)))


def _ssim(scored: Scored) -> Tensor:
    """N, or the first so many: structural similarity, in runs of pictures of one size."""
    found: list[Tensor] = []
    results, targets = scored.results[:_MOST_FOR_SSIM], scored.targets[:_MOST_FOR_SSIM]
    start = 0
    while start < len(results):
        end = start + 1
        while end < min(len(results), start + _AT_ONCE) and results[end].shape == results[start].shape:
            end += 1
        found.append(ssim(torch.stack(results[start:end]), torch.stack(targets[start:end])))
        start = end
    return torch.cat(found)


def label_of(key: str, judgement: Judgement, say: Say) -> str:
    """What a method is called in the table."""
    if key == judgement.filter:
        return say("best filter", name=key)
    return say(key) if key in ("network", "PCA", "mean", "untouched", "direct") else key


def score_table(judgement: Judgement, form: str, say: Say, seed: int = 0) -> Markup:
    """The table and what its columns mean."""
    rows = measure(judgement, form, seed)
    lead = "psnr" if "untouched" in judgement.alternatives and form == "picture" else "error"
    intervals = [getattr(row, lead) for row in rows]
    ends = [e for i in intervals for e in (i.value, i.low, i.high) if math.isfinite(e)]
    low, high = (0.0 if lead == "error" else min(ends), max(ends))
    head: list[Child] = [say("method"), say("squared error")]
    head += ["PSNR, dB", "SSIM"] if form == "picture" else []
    if lead == "psnr":
        head = [head[0], *head[2:], head[1]]
    lines = []
    for row, leading in zip(rows, intervals, strict=True):
        label: Child = label_of(row.key, judgement, say)
        cells: list[Child] = [_cell(row.error)]
        cells += [_cell(row.psnr), _cell(row.ssim)] if row.psnr and row.ssim else []
        if lead == "psnr":
            cells = [*cells[1:], cells[0]]
        chart = interval_chart(leading, low, high, strong=row.key == "network")
        name = h("b", label) if row.key == "network" else label
        lines.append([[name, chart], *cells])
    n = len(judgement.network.errors)
    what = say("pictures" if form == "picture" else "rows")
    notes = [say("standardised unit") if form == "table" else say("squared error unit")]
    notes += [say("psnr note")] if form == "picture" else []
    notes += [say("ssim capped", n=count(_MOST_FOR_SSIM))] if form == "picture" and n > _MOST_FOR_SSIM else []
    notes += [say("filter chosen")] if judgement.filter else []
    return h(
        "div",
        prose(say("scores intro", n=count(n), what=what) if n > 1 else say("one alone")),
        table(head, lines, numbers=range(1, len(head)), class_="wrap"),
        prose(" ".join(notes), class_="caption"),
    )


def _cell(interval: Interval) -> list[Child]:
    return [number(interval.value), h("span", spread(interval) or "", class_="range")]


class Column(NamedTuple):
    """A table's column: its error by method, in standardised units, and the network's in the column's own unit."""

    at: int
    errors: dict[str, Interval]
    own: float


def column_errors(judgement: Judgement, spreads: Tensor, seed: int = 0, most: int = 200) -> list[Column]:
    """The `most` worst columns: squared error over the known cells of held-out rows, the network's worst first.
    Columns without a known cell come last, not a number."""
    everyone = {"network": judgement.network, **judgement.alternatives}
    squares = {key: (torch.stack(s.results) - torch.stack(s.targets)).square() for key, s in everyone.items()}
    known = judgement.network.known
    there = torch.ones_like(squares["network"]) if known is None else (torch.stack(known) > 0).float()
    means = (squares["network"] * there).sum(0) / there.sum(0)  # 0 / 0 is not a number
    worst = means.nan_to_num(-1.0).argsort(descending=True)[:most]
    there = there[:, worst]
    intervals = {key: _column_intervals(each[:, worst], there, judgement.groups, seed) for key, each in squares.items()}
    found = []
    for order, at in enumerate(worst.tolist()):
        errors = {key: each[order] for key, each in intervals.items()}
        found.append(Column(at, errors, math.sqrt(errors["network"].value) * float(spreads[at])))
    return found


def _column_intervals(squares: Tensor, there: Tensor, groups: Tensor | None, seed: int) -> list[Interval]:
    """N D and where cells are known -> D means with bootstrap intervals: rows, or groups of them, are drawn once for
    all columns, as how often each was drawn, so that every column costs one product of matrices and not a draw of its
    own."""
    which = drawn_with(groups, len(squares))
    random, count = generator(seed, "columns"), int(which.max()) + 1
    squares, there = squares.double() * there, there.double()
    means = []
    for _ in range(0, REPEATS, _REPEATS_AT_ONCE):
        drawn = torch.randint(count, (_REPEATS_AT_ONCE, count), generator=random)
        often = torch.zeros(drawn.shape, dtype=torch.double).scatter_add_(1, drawn, torch.ones(drawn.shape).double())
        often = often[:, which]
        means.append((often @ squares) / (often @ there))
    low, high = torch.cat(means).nanquantile(torch.tensor([0.025, 0.975], dtype=torch.double), dim=0)
    if count < 2:
        low, high = torch.full_like(low, -math.inf), torch.full_like(high, math.inf)
    values = squares.sum(0) / there.sum(0)
    return [Interval(*ends) for ends in zip(values.tolist(), low.tolist(), high.tolist(), strict=True)]
