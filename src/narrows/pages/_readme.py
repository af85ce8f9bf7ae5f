"""The README of a model folder: what it is, made from its card alone."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from typing import Any

from narrows.measuring.layers import parameters_of
from narrows.model.model import Model
from narrows.pages._choices import hyperparameters, reasons_of
from narrows.pages._numbers import count, duration, number

_MARKS = re.compile(r"([\\`*_\[\]|~])")
_MOST_COLUMNS, _MOST_NOTES = 40, 20


def plain(text: object) -> str:
    """Text from outside, on one line, that Markdown shows as it is: no markup, no HTML, no link."""
    one_line = " ".join(str(text).split()).encode("utf-8", "replace").decode()
    return _MARKS.sub(r"\\\1", html.escape(one_line, quote=False))


def fenced(text: str, language: str = "") -> str:
    """A code block whose fence is longer than any inside."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def readme(model: Model) -> str:
    """Markdown: what the model is, its hyperparameters, data, scores, how to use it, and its limits."""
    card = model.card
    parts = [_head(model), _choices(card), _data(card), _scores(card), _use(model), _limits(model), _again(card)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _head(model: Model) -> str:
    card = model.card
    what = "rows of a table" if model.form == "table" else "pictures"
    size = f"{model.shape[0]} columns" if model.form == "table" else " x ".join(map(str, model.shape))
    if model.form == "picture" and "vector" not in model.autoencoder.needs:
        size = f"any size, {model.shape[0]} channel{'s' if model.shape[0] > 1 else ''}"
    if model.target_shape != model.shape:
        size += f"; gives {' x '.join(map(str, model.target_shape))}"
    code = f" through a code of {model.code_size} values" if model.code_size is not None else ", without a code"
    lines = [
        f"# {card['kind']['name']} autoencoder, {card['architecture']['name']}",
        f"Task: {card['task']['name']}. Takes {what} ({size}){code}. {count(parameters_of(model))} parameters; written "
        f"by narrows {plain(card['narrows'])}{_on(card['about'].get('date'))}.",
    ]
    if card["scores"].get("verdict"):
        lines.append(f"**{plain(card['scores']['verdict'])}**")
    return "\n\n".join(lines)


def _on(date: str | None) -> str:
    return f" on {plain(date)}" if date else ""


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [f"| {' | '.join(head)} |", f"|{' --- |' * len(head)}"]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in rows)])


def _choices(card: Mapping[str, Any]) -> str:
    size = {name: value for name, value in card["kind"]["options"].items() if name == "code_size"}
    rows = [
        (f"`{name}`", plain(value), plain(reasons_of(card).get(name, "asked for")))
        for name, value in (size | hyperparameters(card)).items()
    ]
    return "## Hyperparameters\n\n" + _table(("name", "value", "why"), rows)


def _data(card: Mapping[str, Any]) -> str:
    data, training = card["data"], card["training"]
    if not data:
        return ""
    sizes = data.get("examples", {})
    lines = [
        f"Learned from {count(sizes.get('training', 0))} examples, stopped by {count(sizes.get('validation', 0))}, "
        f"judged by {count(sizes.get('held_out', 0))}; trained for {duration(training.get('seconds', 0.0))}."
    ]
    columns = data.get("columns", [])
    if columns:
        more = f" and {len(columns) - _MOST_COLUMNS} more" if len(columns) > _MOST_COLUMNS else ""
        lines.append(f"Columns: {', '.join(plain(name) for name in columns[:_MOST_COLUMNS])}{more}.")
    notes = [*data.get("notes", []), *training.get("remarks", [])]
    lines += ["\n".join(f"- {plain(note)}" for note in notes[:_MOST_NOTES])] if notes else []
    return "## Data\n\n" + "\n\n".join(lines)


def _scores(card: Mapping[str, Any]) -> str:
    scores = card["scores"]
    if not scores:
        return "## Scores\n\nNothing was held out, so nothing can be said about data that it has not seen."
    intervals = scores.get("intervals", {})
    rows = []
    for name, value in scores.get("held_out", {}).items():
        ends = intervals.get(name)
        rows.append((plain(name), number(value, 4), f"{number(ends[0], 4)} to {number(ends[1], 4)}" if ends else ""))
    held_out = _table(("method", plain(scores.get("metric", "error")), "95 % interval"), rows)
    return f"## Scores on held-out data\n\n{held_out}"


def _use(model: Model) -> str:
    restores = model.card["task"]["name"] != "reconstruct"
    python = ["import narrows", "", 'model = narrows.load("path/to/this/folder")']
    shell = []
    if restores:
        python.append("better = model.restore(picture)  # a NumPy array, a PIL picture or a tensor")
        shell.append("narrows restore --model path/to/this/folder photo.png --out better/")
    if "code" in model.can:
        what = "rows" if model.form == "table" else "pictures"
        python += [f"codes = model.encode({what})  # (n, {model.code_size})", f"{what} = model.decode(codes)"]
        shell.append("narrows encode path/to/this/folder data/ --out codes.npy")
        if not restores:
            shell.append("narrows reconstruct path/to/this/folder data/ --out back/")
    if "draw" in model.can:
        python.append("new = model.sample(16, seed=1)")
        shell.append("narrows sample path/to/this/folder --n 16 --seed 1")
    shell.append("narrows info path/to/this/folder")
    return f"## Use\n\n{fenced(chr(10).join(python), 'python')}\n\n{fenced(chr(10).join(shell), 'sh')}"


def _limits(model: Model) -> str:
    said = ["It knows only what its training data showed; on other data expect less than the scores above."]
    if model.form == "table":
        said.append(f"It takes exactly these {model.shape[0]} columns, in this order, in the same units.")
    elif "vector" in model.autoencoder.needs:
        channels, height, width = model.shape
        said.append(
            f"Its code belongs to pictures of {height} x {width} pixels with {channels} channel"
            f"{'s' if channels > 1 else ''}; others are resized to encode them, and refused for restoring."
        )
    else:
        said.append(f"It takes pictures of any size with {model.shape[0]} channel{'s' if model.shape[0] > 1 else ''}.")
    said.append("What it restores is an estimate: detail that looks real may not have been there.")
    return "## Limits\n\n" + "\n".join(f"- {line}" for line in said)


def _again(card: Mapping[str, Any]) -> str:
    command = card["about"].get("command")
    return f"## To make it again\n\n{fenced(command, 'sh')}" if command else ""
