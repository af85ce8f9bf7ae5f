"""Whether an option's value is of the type that the constructor says: in a sentence, before anything is built."""

from __future__ import annotations

import math
import numbers
import types
import typing
from typing import Any, Literal

import numpy as np

from narrows._errors import BadOption

_WORDS = {int: "a whole number", float: "a number", str: "a word", bool: "true or false", type(None): "none"}
_EXAMPLES = {int: 8, float: 0.5}


def types_of(cls: type) -> dict[str, Any]:
    """The constructor's arguments with the types that they are of; nothing where a file of somebody's names types that
    cannot be found."""
    try:
        return typing.get_type_hints(cls.__init__)
    except (NameError, AttributeError, TypeError):
        return {}


def checked(name: str, value: Any, wanted: Any, default: Any) -> Any:
    """The value, a number as Python's own. Raises BadOption where it is of none of the `wanted` types."""
    if not _is(value, wanted):
        example = default
        if default is None or not _is(default, wanted):
            example = next((_EXAMPLES[one] for one in _each(wanted) if one in _EXAMPLES), "...")
        raise BadOption(f"{name}={value!r:.80}; it takes {_said(wanted)}, such as --set {name}={_typed(example)}")
    return value.item() if isinstance(value, np.generic) else value


def _each(wanted: Any) -> tuple[Any, ...]:
    """The types of which one is enough."""
    return typing.get_args(wanted) if typing.get_origin(wanted) in (typing.Union, types.UnionType) else (wanted,)


def _is(value: Any, wanted: Any) -> bool:
    return any(_is_one(value, one) for one in _each(wanted))


def _is_one(value: Any, wanted: Any) -> bool:
    origin = typing.get_origin(wanted)
    if origin is Literal:
        return value in typing.get_args(wanted)
    if origin in (list, tuple):
        inner = typing.get_args(wanted)[0]
        return isinstance(value, (origin, list)) and all(_is(one, inner) for one in value)
    if wanted is float:
        return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)
    if wanted is int:
        return isinstance(value, numbers.Integral) and not isinstance(value, bool)
    return not isinstance(wanted, type) or isinstance(value, wanted)  # other types are the constructor's own business


def _said(wanted: Any) -> str:
    found: list[str] = []
    for one in _each(wanted):
        origin = typing.get_origin(one)
        if origin is Literal:
            *first, last = map(str, typing.get_args(one))
            words = f"{', '.join(first)} or {last}" if first else last
        elif origin in (list, tuple):
            words = _said(typing.get_args(one)[0]).removeprefix("a ") + "s, as in 8,5,5"
        else:
            words = _WORDS.get(one, str(getattr(one, "__name__", one)))
        if words not in found:
            found.append(words)
    return " or ".join(found)


def _typed(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
