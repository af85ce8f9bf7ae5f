"""Charts as inline SVG: lines, intervals, and the net drawn as the hourglass that it is.

Colours come from the page's style (classes `line-1` and so on), so that charts follow light and dark by themselves;
lines also differ in their dashes, for those who see no colours and for grey printers.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from typing import NamedTuple

from narrows.measuring.intervals import Interval
from narrows.pages._html import Markup, h
from narrows.pages._numbers import many, number

_WIDTH, _HEIGHT = 560, 300
_LEFT, _RIGHT, _TOP, _BOTTOM = 92, 20, 14, 46
_LOG_FROM = 4
"""Largest over smallest value from which an axis is logarithmic."""


class Line(NamedTuple):
    """A named curve; points that are not finite (or not positive, on a log axis) are left out."""

    name: str
    points: Sequence[tuple[float, float]]


class Mark(NamedTuple):
    """A vertical line with a word, such as the best step."""

    at: float
    name: str


def line_chart(
    lines: Sequence[Line], *, x_label: str, y_label: str, log_y: bool | None = None, marks: Sequence[Mark] = (),
    places: Sequence[Mark] = (), described: str = "",
) -> Markup | None:  # fmt: skip
    """Curves over one axis. `log_y` None takes a log axis where the values span more than a factor of 4. `places` are
    what is written below the axis and where, in the place of round numbers.

    None when there is no point to draw.
    """
    kept = [Line(n, [(x, y) for x, y in points if math.isfinite(x) and math.isfinite(y)]) for n, points in lines]
    values = [y for line in kept for _, y in line.points]
    if not values:
        return None
    if log_y is None:
        log_y = min(values) > 0 and max(values) > _LOG_FROM * min(values)
    if log_y:
        kept = [Line(n, [(x, y) for x, y in points if y > 0]) for n, points in kept]
        values = [y for line in kept for _, y in line.points]
        if not values:
            return None
    across = [x for line in kept for x, _ in line.points]
    left, right = min(0.0, *across), max(across)
    places = places or [Mark(tick, _whole(tick)) for tick in _ticks(left, right)]
    y_ticks = _log_ticks(min(values), max(values)) if log_y else _ticks(min(values), max(values))
    scale_y = math.log10 if log_y else float
    low, high = (scale_y(v) for v in _ends(y_ticks, values))

    def at(x: float, y: float) -> tuple[float, float]:
        share_x = (x - left) / ((right - left) or 1)
        share_y = (scale_y(y) - low) / ((high - low) or 1)
        return _LEFT + share_x * (_WIDTH - _LEFT - _RIGHT), _HEIGHT - _BOTTOM - share_y * (_HEIGHT - _TOP - _BOTTOM)

    parts: list[Markup] = []
    digits = _digits(y_ticks)
    for tick in y_ticks:
        _, y = at(left, tick)
        parts.append(h("line", x1=_LEFT, x2=_WIDTH - _RIGHT, y1=_px(y), y2=_px(y), class_="grid"))
        parts.append(_text(number(tick, digits), _LEFT - 8, y + 4, "end"))
    for place in places:
        if left <= place.at <= right:
            x, _ = at(place.at, y_ticks[0])
            parts.append(_text(place.name, x, _HEIGHT - _BOTTOM + 18, "middle"))
    for mark in marks:
        if left <= mark.at <= right:
            x, _ = at(mark.at, y_ticks[0])
            side = "end" if x > _WIDTH * 0.6 else "start"
            parts.append(h("line", x1=_px(x), x2=_px(x), y1=_TOP, y2=_HEIGHT - _BOTTOM, class_="mark"))
            parts.append(_text(mark.name, x + (-6 if side == "end" else 6), _TOP + 17, f"{side} soft"))
    for order, line in enumerate(kept, 1):
        if len(line.points) == 1:
            x, y = at(*line.points[0])
            parts.append(h("circle", cx=_px(x), cy=_px(y), r=3.5, class_=f"dot-{order}"))
        elif line.points:
            path = " ".join(",".join(map(_px, at(x, y))) for x, y in line.points)
            parts.append(h("polyline", points=path, class_=f"line-{order}"))
    middle = (_TOP + _HEIGHT - _BOTTOM) / 2
    parts.append(_text(x_label, (_LEFT + _WIDTH - _RIGHT) / 2, _HEIGHT - 6, "middle soft"))
    parts.append(h("text", y_label, transform=f"translate(13 {middle}) rotate(-90)", class_="middle soft"))
    svg = h(
        "svg", parts, viewBox=f"0 0 {_WIDTH} {_HEIGHT}", role="img", aria_label=described or y_label, class_="chart"
    )
    return h("div", svg, legend([line.name for line in kept if line.points]), class_="charted")


def legend(names: Sequence[str]) -> Markup:
    """What each line is called, in the order of their classes."""
    keys = []
    for order, name in enumerate(names, 1):
        key = h(
            "svg", h("line", x1=1, x2=25, y1=6, y2=6, class_=f"line-{order}"), viewBox="0 0 26 12", aria_hidden="true"
        )
        keys.append(h("li", key, name))
    return h("ul", keys, class_="legend")


def interval_chart(interval: Interval, low: float, high: float, *, strong: bool = False) -> Markup:
    """A dot with its whisker on an axis from `low` to `high`, for a table's cell; the numbers stand beside it."""
    width = 150

    def at(value: float) -> str:
        return _px(5 + (min(max(value, low), high) - low) / ((high - low) or 1) * (width - 10))

    parts = [h("line", x1=0, x2=width, y1=9, y2=9, class_="grid")]
    if math.isfinite(interval.low) and math.isfinite(interval.high):
        parts.append(h("line", x1=at(interval.low), x2=at(interval.high), y1=9, y2=9, class_="whisker"))
    parts.append(h("circle", cx=at(interval.value), cy=9, r=4.5, class_="dot-1" if strong else "dot-0"))
    return h("svg", parts, viewBox=f"0 0 {width} 18", class_="interval", aria_hidden="true")


def bar(share: float) -> Markup:
    """A bar of 0 to 1 for a table's cell; the number stands beside it."""
    share = min(max(share, 0.0), 1.0)
    width = _px(max(share * 100, 1.0 if share > 0 else 0.0))
    return h("svg", h("rect", x=0, y=1, width=width, height=8, class_="bar"), viewBox="0 0 100 10", class_="bar-cell",
             preserveAspectRatio="none", aria_hidden="true")  # fmt: skip


class Block(NamedTuple):
    """One layer of the hourglass."""

    values: int
    role: str
    """"input", "encoder", "code", "decoder" or "net"."""
    label: str
    grows: bool = False


def hourglass(blocks: Sequence[Block], *, described: str) -> Markup:
    """Layers side by side, as high as the square root of their values: in at the left, the code narrow, out right."""
    height, gap, top = 170, 6, 26
    width = max(14.0, min(56.0, (_WIDTH - 20) / max(len(blocks), 1) - gap))
    total = len(blocks) * (width + gap) - gap
    tallest = math.sqrt(max(block.values for block in blocks))
    labelled = width >= 34
    parts = []
    for order, block in enumerate(blocks):
        x = order * (width + gap)
        tall = max(3.0, height * math.sqrt(block.values) / tallest)
        y = top + (height - tall) / 2
        kind = "grows" if block.grows else block.role
        where = {"x": _px(x), "y": _px(y), "width": _px(width), "height": _px(tall)}
        parts.append(h("rect", h("title", block.label), **where, rx=2, class_=f"layer {kind}"))
        if labelled or block.role in ("input", "code") or order == len(blocks) - 1:
            above = y if labelled else top  # a number wider than its layer stands clear of the next one
            parts.append(_text(many(block.values), x + width / 2, above - 6, "middle small"))
        if block.grows:
            parts.append(_text("\u25b2", x + width / 2, top + height + 16, "middle small warn"))
    side = 18  # room for the first and last number
    wide = total + 2 * side
    return h(
        "svg",
        parts,
        viewBox=f"{-side} 0 {_px(wide)} {top + height + 20}",
        role="img",
        aria_label=described,
        class_="hourglass",
        style=f"max-width:{max(320, round(wide))}px",
    )


def _text(words: str, x: float, y: float, kind: str) -> Markup:
    return h("text", words, x=_px(x), y=_px(y), class_=kind)


def _whole(tick: float) -> str:
    return many(int(tick)) if tick == int(tick) else number(tick, 2)


def _px(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _ends(ticks: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    return min(*ticks, *values), max(*ticks, *values)


def _ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from at or below `low` to at or above `high`."""
    if not high > low:
        pad = abs(low) * 0.1 or 1.0
        low, high = low - pad, high + pad
    rough = (high - low) / wanted
    size = 10.0 ** math.floor(math.log10(rough))
    step = next(m * size for m in (1, 2, 2.5, 5, 10) if m * size >= rough * 0.999)
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


def _digits(ticks: Sequence[float]) -> int:
    """Significant digits that tell ticks apart, and say where they are: near 0.0135 two would not."""
    close = min(abs(b - a) for a, b in itertools.pairwise(ticks)) / 20
    enough = (n for n in range(2, 9) if all(abs(float(f"{tick:.{n - 1}e}") - tick) <= close for tick in ticks))
    return next(enough, 9)


def _log_ticks(low: float, high: float) -> list[float]:
    """1, 2 and 5 times powers of ten around the values; powers alone where they are many."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    found = [m * 10.0**power for power in range(first, last + 1) for m in steps]
    below = max((t for t in found if t <= low), default=found[0])
    above = min((t for t in found if t >= high), default=found[-1])
    return [t for t in found if below <= t <= above]
