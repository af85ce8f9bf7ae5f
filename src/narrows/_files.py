"""Writing files so that nothing is ever half written or silently written over."""

from __future__ import annotations

import contextlib
import os
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


def write_atomically(path: Path, data: bytes) -> None:
    """All of `data` under `path`, or nothing changed. Raises CannotWrite (disk full, no permission)."""
    temporary = path.with_name(f".{path.name}.part")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
        _flush_folder(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
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
