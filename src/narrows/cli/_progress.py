"""What is seen of a run while it runs: a bar with the time left on a terminal, plain lines anywhere else."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

_PHASES = {
    "reading": "reading the data",
    "twin": "training the net without a code, to stand beside it",
    "judging": "judging on what was held out",
}

Event = dict[str, Any]


@contextlib.contextmanager
def following(lang: str = "en") -> Iterator[Callable[[Event], None]]:
    """A function that takes the events of `narrows.fit`."""
    if not sys.stderr.isatty():
        yield _Lines().take
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    bar = Progress(
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:>3.0f}%"), TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"), TextColumn("{task.fields[score]}"),
        console=Console(file=sys.stderr), transient=True,
    )  # fmt: skip
    with bar:
        yield _Bar(bar).take


class _Bar:
    def __init__(self, bar: Any) -> None:
        self.bar = bar
        self.row = bar.add_task("starting", total=None, left="", score="")

    def take(self, event: Event) -> None:
        name = event["event"]
        if name in _PHASES:
            self.bar.update(self.row, description=_PHASES[name], completed=0, total=None, left="", score="")
        if "total" in event:
            self.bar.update(
                self.row, description="training", total=event["total"], completed=event["step"], left=time_left(event)
            )
        if event.get("held_out") is not None:
            self.bar.update(self.row, score=f"held-out loss {event['held_out']:.5g}")
        if event.get("remark"):
            self.bar.console.print(event["remark"], markup=False, highlight=False)


class _Lines:
    """No more than a line an evaluation."""

    def take(self, event: Event) -> None:
        name = event["event"]
        if name in _PHASES:
            self._write(_PHASES[name])
        elif name == "resumed":
            self._write(f"going on from step {event['step']}")
        elif name == "begin":
            self._write(f"training: {event['total']} steps")
        elif name == "evaluated":
            score = event.get("held_out")
            held_out = "" if score is None else f", held-out loss {score:.5g}"
            left = time_left(event)
            self._write(f"step {event['step']} of {event['total']}{held_out}{', ' + left if left else ''}")
        elif event.get("remark"):
            self._write(event["remark"])

    @staticmethod
    def _write(line: str) -> None:
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


@contextlib.contextmanager
def sweeping() -> Iterator[Callable[[Event], None]]:
    """A function that takes the events of sweeps: one line a trial, and none of what happens inside it."""
    yield _trial


def _trial(event: Event) -> None:
    name = event["event"]
    if name in _PHASES:
        _Lines._write(_PHASES[name])
    elif name == "size":
        _Lines._write(f"code of {event['code_size']}, seed {event['seed']}, round {event['round'] + 1}")
    elif name == "trial":
        drawn = {key: value for key, value in event.items() if key not in ("event", "number", "trials")}
        said = ", ".join(f"{key}={value:.3g}" if isinstance(value, float) else f"{key}={value}"
                         for key, value in drawn.items())  # fmt: skip
        _Lines._write(f"net {event['number']} of {event['trials']}: {said or 'the defaults'}")


def time_left(event: Event) -> str:
    """ "1:05 left", from the steps done and the training clock."""
    step, seconds = event["step"], event["seconds"]
    if not step or not seconds:
        return ""
    left = round(seconds / step * (event["total"] - step))
    hours, rest = divmod(left, 3600)
    minutes, rest = divmod(rest, 60)
    return f"{hours}:{minutes:02}:{rest:02} left" if hours else f"{minutes}:{rest:02} left"


@contextlib.contextmanager
def counting(total: int, what: str, *, also_one: bool = False) -> Iterator[Callable[[int, str], None]]:
    """A function that takes (number, name) before each of `total` things; silent for one, unless `also_one`."""
    if total < 2 - also_one or not sys.stderr.isatty():
        yield lambda number, name: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.description}"),
        console=Console(file=sys.stderr), transient=True,
    )  # fmt: skip
    with bar:
        row = bar.add_task("", total=total)
        yield lambda number, name: bar.update(row, completed=number, description=name.replace("[", "\\["))
