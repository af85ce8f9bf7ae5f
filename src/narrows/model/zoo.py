"""The models that ship with the package: found by listing `weights/`, named task-channels or task-channels-variant."""

from __future__ import annotations

from pathlib import Path

from narrows._errors import UnknownName

_WEIGHTS = Path(__file__).parent / "weights"
_CHANNELS = {1: "grey", 3: "colour"}


def shipped() -> dict[str, Path]:
    """Name to folder, of every shipped model."""
    return {path.parent.name: path.parent for path in sorted(_WEIGHTS.glob("*/model.json"))}


def for_task(stem: str | None, task: str, channels: int) -> Path:
    """The folder of the shipped model for a task, for pictures of so many channels: 3 is colour, others go one by one
    through the grey model, or where none ships through the colour one. Raises UnknownName where neither does."""
    found = shipped()
    name = f"{stem}-{_CHANNELS.get(channels, 'grey')}"
    if name not in found:
        name = f"{stem}-colour"
    if stem is None or name not in found:
        raise UnknownName(
            f"no model for {task!r} ships with narrows; train one with 'narrows fit YOUR-PICTURES --task {task}' and "
            f"use it with 'narrows restore --model DIR'"
        )
    return found[name]


def place_of(model: str | Path) -> Path:
    """The folder of a shipped model where `model` is its name and nothing lies at that path; else the path itself."""
    path = Path(model)
    return path if path.exists() else shipped().get(str(model), path)
