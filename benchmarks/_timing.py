"""Two things against each other on a machine that is never quite steady: in turns, a few seconds each.

What both suffer alike (heat, neighbours) then cancels in the ratio of each pair; the median over pairs is given, with
the smallest and the largest.
"""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any, NamedTuple

_IDLE = 0.3
"""Load average up to which a machine counts as idle."""


class Ratio(NamedTuple):
    """One side's rate over the other's."""

    median: float
    lowest: float
    highest: float
    one: float
    """Median rate of the first side, per second."""
    other: float

    def row(self, unit: str) -> dict[str, Any]:
        """Columns for a table."""
        return {
            "ratio": round(self.median, 3), "range": f"{self.lowest:.2f} to {self.highest:.2f}",
            f"narrows {unit}": round(self.one), f"other {unit}": round(self.other),
        }  # fmt: skip


def load_before() -> float:
    """The load average of the last minute, printed; with a warning when other work is going on."""
    load = os.getloadavg()[0]
    print(f"load average before the start: {load:.2f}")
    if load > _IDLE:
        print(f"WARNING: above {_IDLE}: other work runs here, these numbers are not to be quoted", file=sys.stderr)
    return round(load, 2)


class _Over(Exception):
    """All pairs are done."""


def compare(
    one: Callable[[Callable[[int], None]], object],
    other: Callable[[], int],
    *,
    seconds: float = 5.0,
    pairs: int = 11,
) -> Ratio:
    """Rates of two sides in alternating blocks of `seconds`; the first pair only warms up.

    `one` runs a whole loop and calls what it is given with the number of examples after each step; the other side's
    blocks run inside of that call, so that the loop is timed as it is, with all that it does between steps. `other`
    does one step and gives its number of examples.
    """
    rates: tuple[list[float], list[float]] = ([], [])
    done, began = 0, time.perf_counter()

    def other_block() -> float:
        start, count = time.perf_counter(), 0
        while (spent := time.perf_counter() - start) < seconds:
            count += other()
        return count / spent

    def tick(examples: int) -> None:
        nonlocal done, began
        done += examples
        spent = time.perf_counter() - began
        if spent < seconds:
            return
        rates[0].append(done / spent)
        rates[1].append(other_block())
        if len(rates[0]) > pairs:
            raise _Over
        done, began = 0, time.perf_counter()

    try:
        one(tick)
    except _Over:
        pass
    else:
        sys.exit("the first side ended before all pairs were done")
    kept = [side[1:] for side in rates]
    ratios = [a / b for a, b in zip(*kept, strict=True)]
    return Ratio(statistics.median(ratios), min(ratios), max(ratios), *(statistics.median(side) for side in kept))
