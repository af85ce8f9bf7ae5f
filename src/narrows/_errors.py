"""Every error that narrows raises on purpose: one tree, so that a caller can catch one thing or all.

A message is one sentence or two that say what came, what is accepted and what to type. Each error also inherits
the built-in error that a caller would expect (`UnknownName` is a `LookupError`), so that code that does not know
narrows still catches it.
"""

from __future__ import annotations

import dataclasses
import difflib
import numbers
from collections.abc import Iterable
from typing import Any


class NarrowsError(Exception):
    """The root of the tree: catching it catches whatever narrows refuses."""


class UnknownName(NarrowsError, LookupError):
    """A kind, architecture, task, loss, model or option that nobody has registered."""

    @classmethod
    def of(cls, word: str, name: object, known: Iterable[str], see: str | None = None) -> UnknownName:
        """Build the message: what came, the nearest known name, and where all are listed.

        Example: `UnknownName.of("task", "denoize", tasks, see="narrows tasks")`.
        """
        known = sorted(known)
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}."
        listed = f" '{see}' lists all {len(known)}" if see else ""
        return cls(f"no {word} called {str(name)!r}{hint}{listed}")

    def __str__(self) -> str:  # LookupError's own __str__ would quote a single argument in some subclasses
        return str(self.args[0]) if self.args else ""


class BadOption(NarrowsError, ValueError):
    """An option whose value cannot be used: out of range, contradictory, or of the wrong type."""


_TYPES: dict[str, tuple[type, str]] = {
    "float": (numbers.Real, "a number"), "int": (numbers.Integral, "a whole number"), "str": (str, "text"),
}  # fmt: skip
"""What fields say, from the widest on: what they take, and its name in words."""


def refuse_other_types(settings: Any) -> None:
    """Raise BadOption where a dataclass's `int`, `float` or `str` (None, where it may be) holds something else."""
    for field in dataclasses.fields(settings):
        kinds = {kind.strip() for kind in str(field.type).split("|")}
        value = getattr(settings, field.name)
        if not kinds <= {*_TYPES, "None"} or (value is None and "None" in kinds):
            continue
        wanted, words = next(_TYPES[name] for name in _TYPES if name in kinds)
        if isinstance(value, bool) or not isinstance(value, wanted):
            raise BadOption(f"{field.name}={value!r:.80}; it takes {words}")


class BadPairing(NarrowsError, ValueError):
    """A kind, an architecture, a task and a loss that cannot work together."""


class BadData(NarrowsError, ValueError):
    """Data that cannot be learned from or worked on: an empty folder, a table of text, a picture of another size."""


class BadPicture(BadData):
    """One file that cannot be read as a picture."""


class BadModelFile(NarrowsError, ValueError):
    """A model folder or file that is missing parts, damaged, hostile, or of a format newer than this program."""


class BadRun(NarrowsError, RuntimeError):
    """A run folder that cannot be gone on with."""


class WouldOverwrite(NarrowsError, FileExistsError):
    """Something of the user's stands where the result should go, and `--force` was not given."""


class CannotWrite(NarrowsError, OSError):
    """The disk is full, or the place cannot be written to."""


class CannotHold(CannotWrite):
    """A kind of file that cannot hold this picture: its transparency, its depth, its size or its pages."""


class NotSupported(NarrowsError, TypeError):
    """The model at hand cannot do this: sampling from a model without a prior, encoding with one without a code."""


class TrainingFailed(NarrowsError, RuntimeError):
    """Training could not be rescued: the loss stayed not-a-number, or memory did not suffice for one picture."""


class RunStopped(NarrowsError):
    """The user (Ctrl-C) or the system (SIGTERM) stopped a run; everything is saved, the same command goes on."""

    def __init__(self, message: str, signal_number: int) -> None:
        super().__init__(message)
        self.signal_number = signal_number
