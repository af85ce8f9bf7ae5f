"""The page of a comparison: which kind for which purpose, one table, and the same pictures through every kind."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from narrows.measuring.comparing import Row
from narrows.measuring.frechet import Quality
from narrows.measuring.intervals import Interval
from narrows.measuring.purposes import Purpose
from narrows.pages._html import Child, Markup, command_block, h, page, prose, section, table, unbroken, write_page
from narrows.pages._numbers import count, duration, number, spread
from narrows.pages._phrases import phrase
from narrows.pages._pictures import SMALL, Shown, strip
from narrows.pages._words import Say


class ComparedPage(NamedTuple):
    """What the page shows."""

    rows: list[Row]
    purposes: list[Purpose]
    left_out: list[tuple[str, str]]
    code_size: int
    seconds_each: float
    reference: Quality | None
    judged: int
    form: str
    command: str
    originals: Tensor
    """S *shape: the held-out examples that every row's `shown` begins with."""


def write_compared_page(path: str | Path, found: ComparedPage, *, lang: str = "en") -> Path:
    """Write the page in "en" or "vi" and return its path. Raises CannotWrite, UnknownName for another language."""
    say = Say(lang)
    what = say("pictures" if found.form == "picture" else "rows")
    body = [
        h("h1", say("compared")),
        h("div", [prose(unbroken(one.sentence(lang))) for one in found.purposes], class_="verdict open"),
        prose(
            say(
                "compared byline", n=len(found.rows) - 2, code=count(found.code_size),
                seconds=duration(found.seconds_each), judged=count(found.judged), what=what,
            ),
            class_="byline",
        ),
        section(say("all kinds"), _table(found, say), *_notes(found, say), id_="table"),
        _pictures(found, say),
        _remarks(found, say),
        section(say("repeat"), command_block(found.command)) if found.command else None,
    ]  # fmt: skip
    return write_page(path, page(say("compared"), h("main", body), lang=lang))


def _table(found: ComparedPage, say: Say) -> Markup:
    """One row a kind; columns that nobody has are left out."""
    columns: list[tuple[str, str, object]] = [
        ("kind", "kind", lambda row: say(row.name) if row.name in ("PCA", "mean") else row.name),
        ("error", "squared error", lambda row: _with_interval(row.error)),
        ("over_pca", "over PCA", lambda row: _with_interval(row.over_pca)),
        ("probe", "labels wrong", lambda row: _percent(row.probe)),
        ("neighbours", "labels wrong nearest", lambda row: _percent(row.neighbours)),
        ("frechet", "frechet", lambda row: None if row.frechet is None else number(row.frechet)),
        ("precision", "precision", lambda row: _with_interval(row.precision, 2)),
        ("recall", "recall", lambda row: _with_interval(row.recall, 2)),
        ("prior", "drawn from", lambda row: say("own prior") if row.prior == "its own" else row.prior),
        ("code_values", "code", lambda row: _code(row, say)),
        ("in_use", "in use", lambda row: None if row.in_use is None else f"{100 * row.in_use:.0f}\u00a0%"),
        ("milliseconds", "ms each", lambda row: None if row.milliseconds is None else number(row.milliseconds)),
        ("parameters", "parameters", lambda row: None if row.parameters is None else count(row.parameters)),
        ("seconds", "trained for", lambda row: None if row.seconds is None else duration(row.seconds)),
    ]
    kept = [one for one in columns if any(getattr(row, "name" if one[0] == "kind" else one[0]) is not None
                                          for row in found.rows)]  # fmt: skip
    rows: list[list[Child]] = [
        ["\u2013" if (cell := make(row)) is None else cell for _, _, make in kept]  # type: ignore[operator]
        for row in found.rows
    ]
    numbers = [at for at, (name, _, _) in enumerate(kept) if name not in ("kind", "prior", "code_values")]
    return table([say(word) for _, word, _ in kept], rows, numbers=numbers, class_="wrap")


def _with_interval(interval: Interval | None, digits: int = 3) -> Child:
    if interval is None or not math.isfinite(interval.value):
        return None
    return [number(interval.value, digits), h("span", spread(interval, digits) or "", class_="range")]


def _percent(interval: Interval | None) -> Child:
    if interval is None:
        return None
    return _with_interval(Interval(*(100 * value for value in interval)))


def _code(row: Row, say: Say) -> str | None:
    if row.code_bits is not None:
        return say("code bits", bits=count(round(row.code_bits)))
    return say("code values", n=count(row.code_values)) if row.code_values else None


def _notes(found: ComparedPage, say: Say) -> list[Markup]:
    notes = [prose(say("compared intro"), class_="caption")]
    if found.reference is not None:
        notes.append(
            prose(
                say("compared space", space=found.reference.space, n=count(found.reference.samples),
                    real=number(found.reference.frechet)),
                class_="caption",
            )
        )  # fmt: skip
    if any(row.probe is not None for row in found.rows):
        notes.append(prose(say("compared probe"), class_="caption"))
    return notes


def _pictures(found: ComparedPage, say: Say) -> Markup | None:
    shown = [row for row in found.rows if row.shown is not None]
    if found.form != "picture" or not shown or not len(found.originals):
        return None
    side = max(found.originals.shape[2:])
    if side > SMALL:
        return None
    back = [Shown(say("original"), list(found.originals))]
    back += [Shown(row.name, list(row.shown[0])) for row in shown if row.shown is not None]
    new = [Shown(row.name, list(row.shown[1])) for row in shown if row.shown is not None]
    return section(
        say("compared pictures"), prose(say("compared back")), strip(back), prose(say("compared new")), strip(new),
        id_="pictures",
    )  # fmt: skip


def _remarks(found: ComparedPage, say: Say) -> Markup | None:
    lines = [[row.name, phrase(remark, say.lang)] for row in found.rows for remark in row.remarks]
    lines += [[name, phrase(reason, say.lang)] for name, reason in found.left_out]
    return section(say("remarks"), table([say("kind"), say("why")], lines), id_="remarks") if lines else None
