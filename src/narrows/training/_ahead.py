"""What the next steps need, got ready by other threads meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

_STEPS = 2
"""Got ready beforehand, each by a thread of its own."""


class Ahead:
    """`get(number, end)` gives what `work(number)()` gives, and has that of the next numbers below `end` begun.

    `work(number)` is called here and now, and what it returns is called by another thread, for numbers that may never
    be asked for: it must depend on nothing but the number.
    """

    def __init__(self, work: Callable[[int], Callable[[], Any]]) -> None:
        self._work, self._threads = work, ThreadPoolExecutor(_STEPS)
        self._coming: dict[int, Future[Any]] = {}

    def get(self, number: int, end: int) -> Any:
        """Whatever `work(number)` raises is raised here."""
        self._coming = {later: coming for later, coming in self._coming.items() if later >= number}
        for later in range(number, min(number + 1 + _STEPS, max(end, number + 1))):
            if later not in self._coming:
                self._coming[later] = self._threads.submit(self._work(later))
        return self._coming.pop(number).result()

    def forget(self) -> None:
        """What a number means has changed."""
        self._coming = {}
