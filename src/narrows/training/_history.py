"""What happened in a run, in numbers and in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class History:
    """What happened, in numbers and in words; travels in checkpoints and ends in the report."""

    training: list[tuple[int, float]] = field(default_factory=list)
    """(step, mean training loss since the last evaluation)"""
    held_out: list[tuple[int, float]] = field(default_factory=list)
    """(step, validation loss of the averaged weights)"""
    parts: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    """(step, every named loss)"""
    remarks: list[str] = field(default_factory=list)
    """Rollbacks, smaller micro-batches, an early stop, and what `watch` saw."""
    seconds: float = 0.0
    """Training clock, evaluations included, summed over resumed parts."""

    def as_dict(self) -> dict[str, Any]:
        """A copy in plain values, for JSON."""
        return {name: list(value) if isinstance(value, list) else value for name, value in vars(self).items()}

    @classmethod
    def of(cls, values: dict[str, Any]) -> History:
        """Back from `as_dict`, also after JSON, which knows no tuples."""
        curves = {name: [(step, value) for step, value in values[name]] for name in ("training", "held_out", "parts")}
        return cls(**curves, remarks=list(values["remarks"]), seconds=values["seconds"])
