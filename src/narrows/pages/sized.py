"""The page of `size`: the verdict, the curve that it rests on, every size in numbers, and a second opinion."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch

from narrows.measuring.intervals import Interval, bootstrap
from narrows.measuring.intrinsic import Dimensions
from narrows.measuring.metrics import NOTHING
from narrows.measuring.sizing import SizeVerdict, Tried
from narrows.pages._charts import Line, Mark, line_chart
from narrows.pages._html import (
    Child,
    Markup,
    command_block,
    facts,
    h,
    page,
    prose,
    section,
    table,
    unbroken,
    write_page,
)  # fmt: skip
from narrows.pages._numbers import count, duration, number, spread
from narrows.pages._words import Say
from narrows.training.seeds import generator


class SizedPage(NamedTuple):
    """What the page shows."""

    verdict: SizeVerdict
    tried: Sequence[Tried]
    mean: float
    """Error of no code at all, the mean example."""
    dimensions: Dimensions
    noise: float
    """What one code value gains by storing noise, in units of the error."""
    form: str
    examples: int
    """That were learned from."""
    seconds: float
    command: str


def write_sized_page(path: str | Path, found: SizedPage, *, lang: str = "en") -> Path:
    """The page under `path`. Raises CannotWrite, UnknownName for a language that is not there."""
    say = Say(lang)
    verdict = found.verdict
    what = say("pictures" if found.form == "picture" else "rows")
    byline = say(
        "size byline", count=len(found.tried), examples=count(found.examples), what=what,
        seconds=duration(found.seconds),
    )  # fmt: skip
    mood = "good" if verdict.decided else "open"
    body = h(
        "main",
        h("h1", say("size title")),
        h("div", prose(unbroken(verdict.sentence(lang))), class_=f"verdict {mood}"),
        prose(byline, class_="byline"),
        section(say("size curve"), _curve(found, say), id_="curve"),
        section(say("size table"), _table(found, say), prose(say("size memory note"), class_="caption"), id_="sizes"),
        section(say("size opinion"), _opinion(found, say), id_="dimension"),
        section(say("size use"), command_block(f"narrows fit DATA --code-size {verdict.code_size}"), id_="use"),
        command_block(found.command) if found.command else None,
    )
    return write_page(path, page(say("size title"), body, lang=lang))


def _curve(found: SizedPage, say: Say) -> Markup | None:
    """Doublings of the code to the right, so that small sizes have room. Errors that are rounding are left out: on an
    axis of fourteen powers of ten nothing else could be told apart."""
    least = NOTHING * found.mean

    def line(name: str, values: Sequence[float]) -> Line:
        points = [(math.log2(one.size), value) for one, value in zip(found.tried, values, strict=True)]
        return Line(name, [(size, value if value > least else math.nan) for size, value in points])

    lines = [
        line(say("size held out"), [one.error for one in found.tried]),
        line("PCA", [one.pca for one in found.tried]),
        line(say("size learned"), [one.training for one in found.tried]),
        line(say("size half"), [one.half for one in found.tried]),
    ]
    marks = [Mark(math.log2(found.verdict.code_size), say("size answer", size=found.verdict.code_size))]
    powers = range(math.floor(math.log2(max(one.size for one in found.tried))) + 1)
    return line_chart(
        lines, x_label=say("size axis"), y_label=say("size error"), marks=marks, described=say("size curve"),
        places=[Mark(power, count(2**power)) for power in powers],
    )  # fmt: skip


def _table(found: SizedPage, say: Say) -> Markup:
    rows: list[list[Child]] = []
    for one in found.tried:
        interval = _interval(one)
        rows.append([
            count(one.size), number(interval.value), spread(interval) or "", number(one.pca),
            number(one.error / one.training, 2) if one.training > 0 else "", f"{one.memorised:.0%}",
            len(one.errors), say(_state(one)),
        ])  # fmt: skip
    head = (
        say("size values"), say("size held out"), "95 %", "PCA", say("size gap"), say("size memorised"),
        say("size seeds"), say("size state"),
    )  # fmt: skip
    return table(head, rows, numbers=range(1, 7))


def _state(one: Tried) -> str:
    if math.isnan(one.half):
        return "size one round"
    return "size falls" if one.falling else "size stopped"


def _interval(one: Tried) -> Interval:
    """Over examples; of the seed that learned best."""
    best = one.trained.index(min(one.trained))
    return bootstrap(one.errors[best], generator=generator(0, "size page"), groups=one.groups)


def _opinion(found: SizedPage, say: Say) -> Child:
    seen = found.dimensions
    local = say("size no gap") if seen.local is None else _plain(seen.local, 0)
    rows = facts([
        (say("size local"), local),
        (say("size twonn"), _plain(seen.twonn, 1)),
        (say("size linear"), count(seen.linear)),
        (say("size elbow"), count(seen.elbow)),
        (say("size participation"), number(seen.participation)),
    ])  # fmt: skip
    return [rows, prose(say("size noise", noise=number(found.noise))) if found.noise else None]


def _plain(interval: Interval, places: int) -> str:
    if not torch.isfinite(torch.tensor(interval)).all():
        return number(interval.value)
    return f"{interval.value:.{places}f} [{interval.low:.{places}f},\u00a0{interval.high:.{places}f}]"
