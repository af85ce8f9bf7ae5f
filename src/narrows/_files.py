"""Writing files so that nothing is ever half written or silently written over."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

from narrows._errors import CannotWrite, WouldOverwrite


def refuse_to_overwrite(path: Path, force: bool) -> None:
    """Raise WouldOverwrite when something stands at `path` and `force` was not given."""
    if not force and (path.exists() or path.is_symlink()):
        raise WouldOverwrite(f"{path} exists already; choose another name with --out, or replace it with --force")


def make_folder(folder: Path) -> Path:
    """The folder and its parents, made if need be. Raises CannotWrite."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CannotWrite(f"{folder} cannot be made ({error.strerror or error}); choose another with --out") from error
    return folder


def write_atomically(path: Path, data: bytes, *, about_to: Callable[[os.stat_result], None] | None = None) -> None:
    """All of `data` under `path`, or nothing changed. Raises CannotWrite (disk full, no permission)."""
    with written_atomically(path, about_to=about_to) as file:
        file.write(data)


@contextlib.contextmanager
def written_atomically(
    path: Path, *, about_to: Callable[[os.stat_result], None] | None = None
) -> Iterator[io.BufferedRandom]:
    """A file that becomes `path` when the block ends well, and leaves nothing where it does not.

    `about_to` is told what the finished file's size and time are just before it takes its place; both stay what they
    are. Raises CannotWrite (disk full, no permission).
    """
    temporary = path.with_name(f".{path.name}.part")
    try:
        try:
            with open(temporary, "w+b") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            if about_to:
                about_to(temporary.stat())
            os.replace(temporary, path)
            _flush_folder(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except CannotWrite:
        raise
    except OSError as error:
        raise CannotWrite(
            f"{path} could not be written ({error.strerror or error}); what stood there before is unchanged: "
            f"free some space or choose another folder with --out"
        ) from error


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder to flush it, and its renames are journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
