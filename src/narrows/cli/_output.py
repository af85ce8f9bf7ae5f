"""Where words, tables, progress and JSON go: results to stdout, everything on the way to stderr."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Mapping, Sequence
from typing import Any

_WIDTH_OF_A_PIPE = 200
"""Columns of tables where no terminal says how wide it is."""


class Output:
    """One verb's voice. With `as_json`, words go to stderr and stdout holds one JSON object."""

    def __init__(self, as_json: bool = False, argv: Sequence[str] = ()) -> None:
        self.as_json = as_json
        self.argv = tuple(argv)
        """The command line without the program's name."""
        self.exit_code = 0
        """What the verb ends with, where it got as far as that."""
        self.silent = False
        """For a process whose work another one tells."""

    def say(self, line: str = "") -> None:
        """A line of the result, for people."""
        self._write(sys.stderr if self.as_json else sys.stdout, line)

    def note(self, line: str) -> None:
        """A line on the way: never part of the result."""
        self._write(sys.stderr, line)

    def table(self, head: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[int] = ()) -> None:
        """A table for people; the columns numbered in `right` hold numbers. Columns with nothing in them are left
        out."""
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        stream = sys.stderr if self.as_json else sys.stdout
        console = Console(file=stream, width=None if stream.isatty() else _WIDTH_OF_A_PIPE, highlight=False)
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        filled = [number for number in range(len(head)) if not rows or any(row[number] for row in rows)]
        for number in filled:
            table.add_column(head[number], justify="right" if number in right else "left")
        for row in rows:
            table.add_row(*(Text(row[number]) for number in filled))  # Text: nothing in a name is taken for markup
        console.print(table)

    def result(self, found: dict[str, Any] | None) -> None:
        """The machine's answer, where one is wanted."""
        if self.as_json:
            self._write(sys.stdout, json.dumps(_plain(found or {}), allow_nan=False))

    def _write(self, stream: Any, line: str) -> None:
        if self.silent:
            return
        stream.write(line + "\n")
        stream.flush()


def _plain(value: Any) -> Any:
    """The same in what JSON knows; it has no NaN and no infinity: null."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    return _plain(value.item()) if hasattr(value, "item") else str(value)
