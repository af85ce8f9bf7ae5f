"""Tables of numbers: CSV, .npy, .npz, data frames. Missing cells become NaN; text columns are named and left out."""

from __future__ import annotations

import contextlib
import csv
import io
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from narrows._errors import BadData

_MISSING = {"", "na", "n/a", "<na>", "nan", "nat", "null", "none", "?", "-"}
_NAMES = ("X", "x", "data", "x_train", "X_train", "images", "arr_0")
"""Arrays that an .npz with several is looked through for."""

_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(\.\d{3})+")
"""Whole numbers whose thousands are set apart by dots, where decimals have commas."""

_LARGEST = 1e30
"""Single precision ends at 3.4e38, and what is learned from is squared and summed."""


_MARKS = ",\t;|"
"""What may stand between cells, but for spaces."""
_HEAD, _FIRST_LINES = 1 << 16, 10
"""Characters and lines at the beginning of a file that say what stands between its cells."""

ROUNDING = 1e-12
"""Share of its mean up to which a column's spread is rounding, in double precision: some thousand steps of it."""


class Table(NamedTuple):
    """N D of floats, NaN where a cell is missing."""

    values: np.ndarray
    columns: tuple[str, ...]
    notes: tuple[str, ...]


def read_csv(path: Path, *, to_learn: bool = True) -> Table:
    """A CSV of numbers; comma, or semicolon, tab or bar (then decimal commas are read too), or spaces as numpy's
    `savetxt` writes them. Raises BadData."""
    names, body, mark = _cells(path, to_learn)
    columns = [_values([row[index] for row in body], mark) for index in range(len(names))]
    table = _of_numbers(names, columns, str(path), to_learn)
    if to_learn and _is_index(names, columns[0]):
        note = f"{names[0]} counts the rows, as an index does, and is learned from: take it out if it says nothing"
        table = table._replace(notes=(*table.notes, note))
    return table


def _is_index(names: list[str], first: np.ndarray | None) -> bool:
    """Whether the first column is what pandas writes before the others: it has no name, where they have, or one of
    pandas' own."""
    unnamed = names[0] == "Unnamed: 0" or (names[0] == "column 1" and names[1:2] not in ([], ["column 2"]))
    return unnamed and first is not None and bool((np.diff(first) == 1).all())


def is_frame(data: Any) -> bool:
    """Whether it is a table whose columns have names, as those of pandas are."""
    return all(hasattr(data, name) for name in ("columns", "iloc", "index"))


def names_of(frame: Any) -> list[str]:
    """Of a frame's columns, each another; their numbers where nobody named them."""
    names = [str(name) for name in frame.columns]
    unnamed = list(frame.columns) == list(range(len(names)))
    return [f"column {i}" for i in range(1, len(names) + 1)] if unnamed else _unique(names)


def read_frame(frame: Any, *, to_learn: bool = True) -> Table:
    """A pandas DataFrame, as `read_csv` reads the CSV of it. Raises BadData."""
    names, columns = names_of(frame), []
    for index in range(len(names)):
        cells = frame.iloc[:, index].to_numpy()
        columns.append(cells.astype(np.float64) if cells.dtype.kind in "fiub" else _values(map(str, cells), ","))
    return _of_numbers(names, columns, "the table", to_learn)


def _values(cells: Iterable[str], mark: str) -> np.ndarray | None:
    """A column of numbers, NaN where a cell is missing; None where there are texts."""
    cells = [cell.strip() for cell in cells]
    if mark != "," and any("," in cell for cell in cells):  # beside 1.234,5 a 1.234 is no 1,234
        cells = [cell.replace(".", "") if _THOUSANDS.fullmatch(cell) else cell for cell in cells]
    values = [np.nan if cell.lower() in _MISSING else _number(cell, mark) for cell in cells]
    return None if any(value is None for value in values) else np.array(values, dtype=np.float64)


def _of_numbers(names: list[str], columns: list[np.ndarray | None], where: str, to_learn: bool) -> Table:
    kept = {name: values for name, values in zip(names, columns, strict=True) if values is not None}
    if not kept:
        raise BadData(f"{where} has no column of numbers ({', '.join(names[:5])}); encode its texts as numbers first")
    dropped = [name for name in names if name not in kept]
    notes = (f"text columns left out: {', '.join(dropped)}",) if dropped else ()
    return checked(np.stack(list(kept.values()), 1), tuple(kept), notes, where, to_learn=to_learn)


def read_column(path: Path, name: str, *, to_learn: bool = True) -> list[str | None]:
    """One column as texts, None where a cell is missing; in the rows that `read_csv` gives. Raises BadData."""
    names, body, _ = _cells(path, to_learn)
    if name not in names:
        raise BadData(f"{path} has no column called {name!r}; it has {', '.join(names[:20])}")
    at = names.index(name)
    return [None if row[at].strip().lower() in _MISSING else row[at].strip() for row in body]


def _cells(path: Path, to_learn: bool) -> tuple[list[str], list[list[str]], str]:
    """Names of all columns, the rows below them, and what stands between cells."""
    try:
        text = _text(path.read_bytes())
    except OSError as error:
        raise BadData(f"{path} cannot be read ({error.strerror}); change its permissions or get it anew") from error
    text, mark = _mark(*_without_comments(text))
    try:
        rows = [
            row
            for row in csv.reader(io.StringIO(text, newline=""), delimiter=mark)
            # Spreadsheets end with rows of nothing; to a model's user each is a row all the same.
            if any(cell.strip() for cell in row) or (len(row) > 1 and not to_learn)
        ]
    except csv.Error as error:
        raise BadData(f"{path} is no CSV table ({error})") from error
    if not rows:
        raise BadData(f"{path} is empty; a table has a row for each example and a column for each value")
    width = len(rows[0])
    bad = next((n for n, row in enumerate(rows, 1) if len(row) != width), None)
    if bad is not None:
        raise BadData(
            f"{path} has {len(rows[bad - 1])} cells in line {bad} and {width} in line 1; rows are equally long"
        )
    has_header = _is_header(rows[0], rows[1] if len(rows) > 1 else [], mark)
    header = [cell.strip() or f"column {i}" for i, cell in enumerate(rows[0], 1)] if has_header else None
    body = rows[1:] if has_header else rows
    names = header or [f"column {i}" for i in range(1, width + 1)]
    return _unique(names), body, mark


def _without_comments(text: str) -> tuple[str, str | None]:
    """The lines below what is said about a table before it, and what stands between cells where that is said: by
    `sep=;`, as spreadsheets are told it. Of lines with a # the last may hold the names of the numbers below, as numpy's
    `savetxt` writes them: then it is kept."""
    said, *rest = text.split("\n", 1)
    if found := re.fullmatch(r"\"?sep=(.)\"?", said.strip("\r"), re.IGNORECASE):
        return "".join(rest), found[1]
    lines = text.splitlines(keepends=True)
    above = next((at for at, line in enumerate(lines) if not line.startswith("#")), len(lines))
    if not above or above == len(lines):
        return text, None
    names, first = lines[above - 1].lstrip("# "), lines[above]
    alike = any(
        len(names.split(mark)) == len(first.split(mark)) > 1
        and any(_number(cell, mark or " ") is not None for cell in first.split(mark))
        for mark in (*_MARKS, None)
    )
    return "".join([names] * alike + lines[above:]), None


def _mark(text: str, said: str | None) -> tuple[str, str]:
    """What stands between cells, with the text, in which runs of spaces are one where these do: a tab, semicolon or bar
    that each of the first lines has outside quotes, since commas beside it are decimal ones or stand in texts."""
    bare = re.sub(r'"[^"]*"', "", text[:_HEAD])
    lines = [line for line in bare.splitlines() if line.strip()][:_FIRST_LINES]
    everywhere = [mark for mark in _MARKS[1:] if lines and all(mark in line for line in lines)]
    best = said or (everywhere[0] if everywhere else max(_MARKS, key="".join(lines[:1]).count))
    apart = [line.split() for line in lines]
    of_numbers = all(_number(cell, " ") is not None for line in apart[1:] or apart for cell in line)
    if best not in bare and len({len(line) for line in apart}) == 1 < len(apart[0]) and of_numbers:
        return re.sub(" *\t *| +", " ", re.sub("^ +| +$", "", text, flags=re.MULTILINE)), " "
    return text, best


def _is_header(first: list[str], second: list[str], mark: str) -> bool:
    """Whether the first row names the columns: cells that are missing say nothing, but names are seldom `?`."""
    known = [at for at, cell in enumerate(first) if cell.strip().lower() not in _MISSING]
    texts = [at for at in known if _number(first[at], mark) is None]
    if texts and len(texts) == len(known) and all(at in known or not cell.strip() for at, cell in enumerate(first)):
        return True
    below = sum(_number(second[at], mark) is not None for at in known) if second else 0
    return bool(texts) and below > len(known) - len(texts)


def _text(data: bytes) -> str:
    """UTF-8, UTF-16 where its mark says so (a spreadsheet's "Unicode text"), else Latin-1, which is never wrong."""
    for encoding in ("utf-16", "latin-1") if data[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "latin-1"):
        with contextlib.suppress(UnicodeDecodeError):
            return data.decode(encoding)
    raise BadData("no text")  # Latin-1 decodes everything


def read_numpy(path: Path) -> tuple[np.ndarray, tuple[str, ...]]:
    """The array in an .npy or .npz file, and notes. Pickled objects are refused. Raises BadData."""
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded, ()
        with loaded:
            names = list(loaded.files)
            numeric = [name for name in names if loaded[name].dtype.kind in "fiub"]
            name = next((n for n in _NAMES if n in numeric), numeric[0] if len(numeric) == 1 else None)
            if name is None:
                raise BadData(f"{path} holds {', '.join(names) or 'nothing'}; name the array to learn from X")
            left = [other for other in names if other != name]
            return loaded[name], (f"{path.name}: {name} is used, {', '.join(left)} left out",) if left else ()
    except BadData:
        raise
    except Exception as error:  # numpy raises whatever it likes on broken files
        raise BadData(f"{path} cannot be read as a NumPy file ({str(error)[:120]}); pickles are never read") from error


def checked(
    values: np.ndarray, columns: tuple[str, ...], notes: tuple[str, ...], where: str, *, to_learn: bool = True
) -> Table:
    """A table that can be learned from, or used (`to_learn` False: one row is enough, and every column stays).

    Raises BadData for infinities; to learn also for one row, nothing known, nothing that differs.
    """
    if values.ndim != 2:
        raise BadData(f"{where} has shape {values.shape}; a table has rows and columns")
    if len(values) < (2 if to_learn else 1):
        rows = "1 row" if len(values) == 1 else "no rows"
        raise BadData(f"{where} has {rows}; an autoencoder learns from at least 3 different ones (better hundreds)")
    if not values.shape[1]:
        raise BadData(f"{where} has no columns; a table has one for each value")
    infinite = [columns[i] for i in np.flatnonzero(np.isinf(values).any(0))]
    if infinite:
        raise BadData(f"{where} has infinities in {', '.join(infinite[:5])}; replace them or leave those cells empty")
    with np.errstate(invalid="ignore"):
        huge = [columns[i] for i in np.flatnonzero((np.abs(values) > _LARGEST).any(0))]
    if huge:
        raise BadData(
            f"{where} has values beyond {_LARGEST:g} in {', '.join(huge[:5])}; take another unit, or the logarithm"
        )
    if not to_learn:
        return Table(values, columns, notes)
    known = np.isfinite(values)
    empty = [columns[i] for i in np.flatnonzero(~known.any(0))]
    if len(empty) == len(columns):
        raise BadData(f"{where} has no known cell at all")
    if empty:
        keep = np.asarray(known.any(0))
        values, columns = values[:, keep], tuple(c for c, k in zip(columns, keep.tolist(), strict=True) if k)
        notes = (*notes, f"empty columns left out: {', '.join(empty)}")
    spread, size = np.nanstd(values, 0), np.abs(np.nanmean(values, 0))
    constant = [columns[i] for i in np.flatnonzero(spread <= ROUNDING * size)]
    if len(constant) == len(columns):
        raise BadData(f"{where} has the same values in every row; there is nothing to learn")
    if constant:
        notes = (*notes, f"constant columns (they say nothing): {', '.join(constant[:10])}")
    missing = int((~np.isfinite(values)).sum())
    if missing:
        notes = (*notes, f"{missing} missing cells ({missing / values.size:.1%}): masked in the loss")
    return Table(values, columns, notes)


def _number(cell: str, mark: str) -> float | None:
    cell = cell.strip()
    if mark != "," and "," in cell:
        cell = cell.replace(".", "").replace(",", ".")
    try:
        return None if "_" in cell else float(cell)  # Python takes 2021_03 for 202103
    except ValueError:
        return None


def _unique(names: list[str]) -> list[str]:
    seen: dict[str, int] = {}
    found = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        found.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return found
