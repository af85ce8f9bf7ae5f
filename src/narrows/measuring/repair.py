"""What `narrows auto` does with a picture: look, and run the verbs that help and whose models are here."""

from __future__ import annotations

from typing import NamedTuple

from narrows._errors import UnknownName
from narrows.data.images import Photo
from narrows.measuring.diagnose import Trouble, diagnose
from narrows.using.restore import model_for, restore_photo

_LOOKED_AT = 1024
"""Pixels a side of the middle that is looked at, in its own pixels."""


class Seen(NamedTuple):
    """What is wrong with a picture, and what can be done about it here."""

    troubles: tuple[Trouble, ...]
    repairable: tuple[str, ...]
    """Verbs that have a model, in the order in which they are to run."""
    without_model: tuple[str, ...]
    """Verbs that would help and have none."""


def look_at(photo: Photo) -> Seen:
    """What is wrong with the middle of a photo."""
    channels, *size = photo.shape
    rows, cols = (_middle(length) for length in size)
    troubles = diagnose(photo.tensor(rows, cols))
    verbs = tuple(dict.fromkeys(trouble.verb for trouble in troubles))
    here = tuple(verb for verb in verbs if _has_model(verb, channels))
    return Seen(troubles, here, tuple(verb for verb in verbs if verb not in here))


def repair(photo: Photo, seen: Seen, *, engine: str = "torch", careful: bool = False) -> Photo:
    """The photo through every verb that `look_at` found to help and to have a model, computed by that engine;
    `careful` as `restore` takes it."""
    for verb in seen.repairable:
        photo = restore_photo(model_for(verb, photo.colours), photo, engine=engine, careful=careful)
    return photo


def _has_model(verb: str, channels: int) -> bool:
    try:
        model_for(verb, channels)
    except UnknownName:
        return False
    return True


def _middle(length: int) -> slice:
    start = max(0, (length - _LOOKED_AT) // 2 // 8 * 8)  # on the grid of JPEG's blocks
    return slice(start, start + _LOOKED_AT)
