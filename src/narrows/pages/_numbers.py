"""Numbers as readers want them: three digits that count, groups of thousands, a magnitude where there are many."""

from __future__ import annotations

import math

from narrows.measuring.intervals import Interval

_NARROW_SPACE = "\u202f"


def number(value: float, digits: int = 3) -> str:
    """`digits` significant digits, without an exponent where that stays readable."""
    if not math.isfinite(value):
        return "\u2013"
    if value == 0:
        return "0"
    size = abs(value)
    if 1e-4 <= size < 1e6:
        places = max(0, digits - 1 - math.floor(math.log10(size)))
        return f"{value:,.{places}f}".replace(",", _NARROW_SPACE)
    mantissa, exponent = f"{value:.{digits - 1}e}".split("e")
    raised = str(int(exponent)).translate(
        str.maketrans("-0123456789", "\u207b\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079")
    )
    return f"{mantissa}\u202f\u00d7\u202f10{raised}"


def count(value: int) -> str:
    """A whole number with its thousands apart."""
    return f"{value:,}".replace(",", _NARROW_SPACE)


def many(value: int) -> str:
    """A whole number, as 1.2 M from a million on and 12.3 k from ten thousand."""
    for size, mark in ((1e9, "G"), (1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if mark == 'k' else size):.3g}{_NARROW_SPACE}{mark}"
    return count(value)


def spread(interval: Interval, digits: int = 3) -> str | None:
    """The interval alone, "low to high" as [low, high]; None where one picture gave none."""
    if not (math.isfinite(interval.low) and math.isfinite(interval.high)):
        return None
    return f"[{number(interval.low, digits)},\u00a0{number(interval.high, digits)}]"


def duration(seconds: float) -> str:
    """12.3 s, 4 min 05 s, 2 h 03 min."""
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    return f"{minutes // 60} h {minutes % 60:02} min"
