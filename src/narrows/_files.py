"""Writing files so that nothing is ever half written or silently written over."""

from __future__ import annotations

import contextlib
import hashlib
import io
import os
import secrets
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
    try:
        with _begun(path) as (file, temporary):
            try:
                yield file
                file.flush()
                os.fsync(file.fileno())
                if about_to:
                    about_to(temporary.stat())
                if os.name == "nt":  # Windows renames no file that is open; elsewhere it is held until it has its place
                    file.close()
                os.replace(temporary, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    temporary.unlink()
                raise
            _flush_folder(path.parent)
    except CannotWrite:
        raise
    except OSError as error:
        raise CannotWrite(
            f"{path} could not be written ({error.strerror or error}); what stood there before is unchanged: "
            f"free some space or choose another folder with --out"
        ) from error


def temporary_of(path: Path) -> Path:
    """Where a file lies until it becomes `path`: short, since a name may be as long as the file system allows."""
    word = hashlib.blake2b(os.fsencode(path.name), digest_size=8).hexdigest()
    return path.with_name(f".narrows-{word}.part")


@contextlib.contextmanager
def _begun(path: Path) -> Iterator[tuple[io.BufferedRandom, Path]]:
    """An empty file that nobody else writes to, and its place. What a kill left there is used again, else such files
    would pile up; where another is at the same path, or none can be held, the file has a name of its own."""
    temporary = temporary_of(path)
    file = _held(temporary)
    if file is None:
        temporary = path.with_name(f".narrows-{secrets.token_hex(8)}.part")
        file = open(temporary, "x+b")  # noqa: SIM115 - closed below
    with file:
        yield file, temporary


def _held(temporary: Path) -> io.BufferedRandom | None:
    """The file, made if need be and emptied, which is held until it is closed; a crash frees it."""
    try:
        import fcntl
    except ImportError:  # Windows: no advisory locks in the standard library that a crash releases
        return None
    try:
        file = open(temporary, "r+b", opener=lambda name, how: os.open(name, how | os.O_CREAT, 0o666))  # noqa: SIM115
    except OSError:  # somebody else's; where it is the folder that is closed, the other name will say so
        return None
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(file.fileno()), temporary.stat()):
            if os.fstat(file.fileno()).st_size:
                file.truncate()
            return file
    except (BlockingIOError, PermissionError, FileNotFoundError):
        pass  # another holds it, or has just given it its place
    except OSError:  # a network folder without locks
        temporary.unlink(missing_ok=True)
    file.close()
    return None


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder to flush it, and its renames are journalled
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
