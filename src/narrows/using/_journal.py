"""What an output folder knows of itself, so that the same command goes on where it was stopped.

    .narrows-done.jsonl     one line a result: which file, its size and time, and of what it was made

A line is written when the result is whole under its temporary name, just before the rename that puts it in its place
and keeps size and time. So a file that fits its line is ours and whole, wherever the program was killed; a file that
does not is somebody's, and is left alone. "Of what" is the picture (its path, size and time) and everything that
decides the result: task, options, strength, the model's bytes and the version of narrows.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from narrows._errors import BadRun, CannotWrite
from narrows._files import make_folder
from narrows._registry import tasks
from narrows.model import zoo
from narrows.model.folder import WEIGHTS, to_bytes
from narrows.model.model import Model

NAME = ".narrows-done.jsonl"
_HELD_BY_ANOTHER = {errno.EWOULDBLOCK, errno.EAGAIN, errno.EACCES}


def how_of(task: str, model: Any, strength: float, options: dict[str, Any], engine: str = "torch") -> str:
    """One word for everything but the picture that decides a result. Raises UnknownName for a task that is none."""
    from narrows import __version__

    facts = {"narrows": __version__, "task": task, "strength": strength, "model": _model(task, model)}
    facts |= {"engine": engine} if engine != "torch" else {}
    facts |= {"options": {name: [str(value), _stamp(value)] for name, value in options.items()}}
    return _word(facts)


def made_from(source: Path, how: str) -> str:
    """One word for a picture as it lies there now, treated in one way. Raises OSError where it is gone."""
    stat = source.stat()
    return _word([str(source.resolve()), stat.st_size, stat.st_mtime_ns, how])


class Journal:
    """The results that a folder is known to hold, by their paths below it."""

    def __init__(self, folder: Path, lines: dict[str, dict[str, Any]], file: Any = None) -> None:
        self.folder, self._lines, self._file = folder, lines, file

    @classmethod
    def read(cls, folder: Path) -> Journal:
        """What the folder says at this moment; nothing is held or changed."""
        try:
            return cls(folder, _parsed((folder / NAME).read_bytes()))
        except OSError:
            return cls(folder, {})

    @classmethod
    @contextlib.contextmanager
    def held(cls, folder: Path) -> Iterator[Journal]:
        """The folder, made if need be, held against other processes. One that nothing was written to is taken away.

        Raises BadRun while another process holds it, CannotWrite.
        """
        made = [place for place in (folder, *folder.parents) if not place.exists()]
        make_folder(folder)
        with _locked(folder) as file:
            text = file.read()
            if text and not text.endswith(b"\n"):  # a kill, or a full disk, cut the last line
                file.truncate(text.rfind(b"\n") + 1)
            journal = cls(folder, _parsed(text), file)
            try:
                yield journal
            finally:
                if not journal._lines:
                    with contextlib.suppress(OSError):  # what is not empty is somebody's
                        (folder / NAME).unlink()
                        for place in made:
                            place.rmdir()

    def has(self, target: Path, made_from: str) -> bool:
        """Whether `target` is a whole result of exactly this."""
        line = self._lines.get(self._name(target))
        return line is not None and line.get("from") == made_from and self.wrote(target)

    def wrote(self, target: Path) -> bool:
        """Whether `target` is a whole result of anything."""
        line = self._lines.get(self._name(target))
        if line is None:
            return False
        try:
            stat = target.lstat()
        except OSError:
            return False
        return [stat.st_size, stat.st_mtime_ns] == [line.get("size"), line.get("mtime_ns")]

    def about_to_write(self, target: Path, made_from: str) -> Callable[[os.stat_result], None]:
        """What `save_photo` calls with the finished file's facts. Raises CannotWrite."""

        def note(stat: os.stat_result) -> None:
            line = {
                "target": self._name(target), "size": stat.st_size, "mtime_ns": stat.st_mtime_ns, "from": made_from,
            }  # fmt: skip
            try:
                self._file.write(json.dumps(line).encode() + b"\n")
                self._file.flush()
                os.fsync(self._file.fileno())
            except OSError as error:
                raise CannotWrite(
                    f"{self.folder / NAME} could not be written ({error.strerror or error}); free some space or choose "
                    f"another folder with --out, then run the same command again"
                ) from error
            self._lines[line["target"]] = line

        return note

    def _name(self, target: Path) -> str:
        return target.relative_to(self.folder).as_posix()


def _parsed(text: bytes) -> dict[str, dict[str, Any]]:
    """Target to its last line; lines that are none are passed over, so their files count as somebody's."""
    found = {}
    for one in text.split(b"\n"):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            line = json.loads(one)
            found[str(line["target"])] = line
    return found


@contextlib.contextmanager
def _locked(folder: Path) -> Iterator[Any]:
    """The journal, opened for adding. Another process finds it locked; a crash frees it."""
    path = folder / NAME
    while True:
        try:
            file = open(path, "a+b")  # noqa: SIM115 - closed below
        except OSError as error:
            raise CannotWrite(
                f"{folder} may not be written to ({error.strerror or error}); choose another with --out"
            ) from error
        with file:
            _lock(file, folder)
            if os.name != "nt" and not _same_file(file, path):  # another took it away while this one waited to lock
                continue
            file.seek(0)
            yield file
            return


def _lock(file: Any, folder: Path) -> None:
    try:
        import fcntl
    except ImportError:  # Windows: no advisory locks in the standard library that a crash releases
        return
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _HELD_BY_ANOTHER:  # a network folder without locks
            return
        raise BadRun(
            f"{folder} is being written to by another narrows process; wait for it, or choose another folder with --out"
        ) from error


def _same_file(file: Any, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


def _model(task: str, model: Any) -> Any:
    """The bytes of the model that will be used, or of those that may be, as one word each."""
    inner = getattr(model, "model", model)
    if isinstance(inner, Model):
        return _hash(to_bytes(inner))
    if model is not None:
        path = Path(model)
        return _of_file(path / WEIGHTS if path.is_dir() else path)
    stem = tasks[task].model
    return {name: _of_file(path / WEIGHTS) for name, path in zoo.shipped().items() if name.startswith(f"{stem}-")}


def _of_file(path: Path) -> str | None:
    try:
        return _hash(path.read_bytes())
    except OSError:  # loading it will say so, in its own words
        return None


def _stamp(value: Any) -> list[int] | None:
    """Size and time of a file that an option names, such as a mask."""
    if not isinstance(value, (str, Path)):
        return None
    try:
        stat = os.stat(value)
    except (OSError, ValueError):
        return None
    return [stat.st_size, stat.st_mtime_ns]


def _word(facts: Any) -> str:
    return _hash(json.dumps(facts, sort_keys=True).encode())


def _hash(data: bytes) -> str:
    return hashlib.blake2b(data, digest_size=16).hexdigest()
