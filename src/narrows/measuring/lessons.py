"""How a task is to learn from the pictures at hand: from clean ones, from noisy ones alone, or from clean ones damaged
like others. Chosen from what is there, unless the user says it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from torch import Tensor

from narrows._contract import AbstractTask, Traces
from narrows._errors import BadOption, UnknownName
from narrows.measuring.damage import choose_way, noise_facts, traces

Look = Callable[[], list[Tensor]]
"""Some of the pictures, C H W in [0, 1], at the size that the files have."""
_CLEAN, _LIKE, _MEASURED = "clean", "like", "recorrupted"
_FAINTEST = 0.5
"""Units of 1/255: less is the rounding to 8 bits."""


class Lesson(NamedTuple):
    """What a task is told before training."""

    options: dict[str, Any]
    """For its constructor."""
    reason: str | None = None
    traces: Traces | None = None
    """For its `learn`."""


def lesson_for(
    name: str,
    task: type[AbstractTask],
    *,
    asked: str | None,
    like: Look | None,
    look: Look,
    any_size: bool,
    seeks: bool = True,
) -> Lesson:
    """The way in which `task`, registered under `name`, learns. `asked` is the way that the user wants, `look` shows
    training pictures and `like` those that clean ones are to be damaged like; `any_size` as in `choose_way`. Without
    `seeks`, nothing is looked for: the pictures are taken as clean.

    Raises BadOption for what the task cannot do, UnknownName, BadData.
    """
    if asked is None and like is None and (len(task.ways) == 1 or not seeks):
        return Lesson({})
    if len(task.ways) == 1:
        raise BadOption(f"{name} learns from clean pictures only; leave out --like and --learn-from")
    if asked is not None and asked not in task.ways:
        raise UnknownName.of("way to learn", asked, task.ways)
    if like is not None:
        if asked not in (None, _LIKE):
            raise BadOption(f"--like and --learn-from {asked} came; with --like, clean pictures are learned from")
        return Lesson({"learn_from": _LIKE}, "damage was measured on the pictures given by --like", traces(like()))
    if asked == _LIKE:
        raise BadOption("--learn-from like needs the damaged pictures: --like DAMAGED-PICTURES/")
    if asked is None and _MEASURED not in task.ways:
        return Lesson({})
    if asked is not None and asked != _MEASURED:
        return Lesson({"learn_from": asked})
    pictures = look()
    if asked is None:
        way, facts = choose_way(pictures, any_size=any_size)
    else:
        way, facts = None, noise_facts(pictures)
        if facts is None or facts.level < _FAINTEST:
            found = "no picture is large enough to measure" if facts is None else f"only {facts.level:.2f} of 255 was"
            raise BadOption(
                f"--learn-from {asked} needs noise that can be measured, and {found}; take neighbours or blind_spots"
            )
    options = {"learn_from": asked if way is None else way.name}
    found = traces(pictures, facts.curve) if facts is not None and options["learn_from"] == _MEASURED else None
    return Lesson(options, None if way is None else way.reason, found)
