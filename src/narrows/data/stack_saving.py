"""Stacks written: the same file back, only with other pixels.

Unusual: where values lie in the file as they are, the result is a copy of the whole file with only these values
written over, so that whatever else it holds stays, also what nobody here knows of. Other files (compressed, or pages
that change their size) are written anew, page by page.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import numpy as np

from narrows._errors import CannotHold
from narrows._files import make_folder, refuse_to_overwrite, written_atomically
from narrows.data import _tiff
from narrows.data._look import Look
from narrows.data.images import Photo, same_pixels, save_photo
from narrows.data.stacks import Stack

_COPIED = 16 << 20
"""Bytes that are copied at once."""
_CLASSIC = (4 << 30) - (64 << 20)
"""Bytes of pixels beyond which a result is written as BigTIFF: offsets of a classic one end at 4 GiB."""
_SUFFIXES = (".tif", ".tiff")

Better = Callable[[Photo, np.ndarray | None], Photo]
"""A page and, for one that is worked on where it lies, the array H W C that is to be filled -> the page, restored."""


def save_stack(
    stack: Stack,
    path: str | Path,
    better: Better,
    *,
    force: bool = False,
    about_to: Callable[[os.stat_result], None] | None = None,
    tell: Callable[[int], None] | None = None,
) -> Path:
    """The same file with every page as `better` gives it, whole or not at all: number type, order, descriptions and
    pages' smaller copies are kept. `tell` hears the number of each page before its turn, from 0.

    A stack of which no page changed gives back the file's bytes. Raises WouldOverwrite unless `force`, CannotWrite,
    CannotHold, BadPicture, and what `better` raises.
    """
    path = Path(path)
    refuse_to_overwrite(path, force)
    if path.suffix.lower() not in _SUFFIXES:
        if len(stack.places) == 1:
            return save_photo(better(stack.photo(0), None), path, force=force, about_to=about_to)
        raise CannotHold(f"{path} cannot hold the {len(stack)} pages of {stack.path.name}; write .tif")
    make_folder(path.parent)

    def told(at: int) -> Photo:
        if tell and stack.places[at].level is None:
            tell(stack.places[at].page + stack.places[at].frame)
        return stack.photo_at(at)

    with written_atomically(path, about_to=about_to) as file:
        if stack.lies_open:
            _copy(stack.path, file)
            if _written_over(stack, file, told, better):
                return path
            file.seek(0)
            file.truncate()
        if not _written_anew(stack, file, told, better):
            _copy(stack.path, file)
    return path


def _copy(path: Path, file: Any) -> None:
    file.seek(0)
    file.truncate()
    with open(path, "rb") as original:
        shutil.copyfileobj(original, file, _COPIED)
    file.flush()


def _written_over(stack: Stack, file: Any, read: Callable[[int], Photo], better: Better) -> bool:
    """Into a copy of the file, where the values lie; False where a page became one of another shape."""
    for at, place in enumerate(stack.places):
        photo = read(at)
        room = None
        if isinstance(photo.array, np.memmap):
            mapped = np.memmap(file, place.dtype, "r+", cast(int, place.offset), place.shape)
            room = mapped.reshape(*mapped.shape[:2], -1)[..., : photo.shape[0]]
        made = better(photo, room)
        if made.array.shape != photo.array.shape or made.array.dtype != photo.array.dtype:
            return False
        if made is photo or (room is not None and made.array is room):
            continue
        values = _tiff.stored_values(made.array, made.alpha, made.look).astype(place.dtype)
        file.seek(cast(int, place.offset))
        file.write(np.ascontiguousarray(values).data)
    return True


def _written_anew(stack: Stack, file: Any, read: Callable[[int], Photo], better: Better) -> bool:
    """Page by page; whether any page changed."""
    import tifffile

    changed, writer = False, None
    with contextlib.ExitStack() as closing:
        for at, place in enumerate(stack.places):
            photo = read(at)
            made = better(photo, None)
            changed |= made is not photo and not same_pixels(photo, made)
            if writer is None:
                layout = _tiff.layout_of(made.look)
                grown = made.array.size / max(1, photo.array.size)
                layout["bigtiff"] |= grown * sum(one.nbytes for one in stack.places) > _CLASSIC
                writer = closing.enter_context(tifffile.TiffWriter(file, **layout))
            levels = sum(one.page == place.page and one.level is not None for one in stack.places[at + 1 : at + 64])
            more = {"subifds": levels} if levels and place.level is None else {}
            try:
                _tiff.write_page(writer, made.array, made.alpha, _resized(made.look, photo, made), **more)
            except _tiff.UNWRITABLE as error:
                raise CannotHold(f"a TIFF like {stack.path.name} cannot hold its pages ({error})") from error
    return changed


def _resized(look: Look, before: Photo, after: Photo) -> Look:
    """What a page says of its own size, after a change of it: pixels an inch, and descriptions that name the size."""
    (_, height, width), (_, tall, wide) = before.shape, after.shape
    # tifffile's own says so where all pages lie behind one description; now each has its own.
    description = (look.more.get("description") or "").replace(', "truncated": true', "")
    if (height, width) != (tall, wide):
        if look.resolution:
            across, down = look.resolution
            look = dataclasses.replace(look, resolution=(across * wide / width, down * tall / height))
        for name, old, new in (("X", width, wide), ("Y", height, tall)):
            description = re.sub(rf'(?<!Physical)Size{name}="{old}"', f'Size{name}="{new}"', description)
            description = re.sub(
                rf'(PhysicalSize{name}=")([\d.eE+-]+)"',
                lambda found, share=old / new: f'{found[1]}{float(found[2]) * share:g}"',
                description,
            )
        # tifffile's: {"shape": [pages, height, width]}
        description = re.sub(rf"\b{height}, {width}([\],])", rf"{tall}, {wide}\1", description)
    return dataclasses.replace(look, more=look.more | {"description": description})
