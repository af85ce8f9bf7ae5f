"""The run folder: what a run needs to go on after any interruption.

    run.json                settings and the number of steps, written before step 1
    checkpoint-a, -b        safetensors, written in turn: at every moment one of them is whole
    checkpoint-stop         where Ctrl-C or SIGTERM stopped
    events.jsonl            one line an event, for progress bars and reports

A checkpoint is written under a temporary name, flushed to the disk, renamed, and the folder flushed. Each tensor's
checksum stands in the header, so that a damaged file is known for one and the other is taken.
"""

from __future__ import annotations

import contextlib
import json
import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from narrows._errors import BadRun, CannotWrite
from narrows._files import temporary_of, write_atomically

_FORMAT = 1
_SLOTS = ("checkpoint-a.safetensors", "checkpoint-b.safetensors")
_STOP = "checkpoint-stop.safetensors"
_EVENTS = "events.jsonl"


def _checksum(tensor: Tensor) -> int:
    about = zlib.crc32(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
    return zlib.crc32(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data, about)


class Run:
    """One run's folder. Make it with `Run.open`; while it is held no other process can go on with the same run. To
    look at its plan alone, it need not be held. One that does not write is another process's: it is read, no more."""

    def __init__(self, folder: Path, writes: bool = True) -> None:
        self.folder, self.writes = folder, writes
        self._newest: str | None = None

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path, *, writes: bool = True) -> Iterator[Run]:
        """Hold the folder, made if need be; one that was made and then not begun in is taken away again. Without
        `writes` only look into it, for another process of the same training holds it.

        Raises BadRun while another process holds it, CannotWrite.
        """
        if not writes:
            yield cls(folder, writes=False)
            return
        made = [place for place in (folder, folder.parent) if not place.exists()]
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWrite(f"{folder} cannot be made ({error.strerror}); choose another with --out") from error
        run = cls(folder)
        with run._held():
            run._mend()
            try:
                yield run
            finally:
                if folder in made and not (folder / "run.json").exists():
                    run._take_away(made)

    @contextlib.contextmanager
    def _held(self) -> Iterator[None]:
        try:
            lock = open(self.folder / ".lock", "w")  # noqa: SIM115 - held until the run ends, below
        except OSError as error:
            raise CannotWrite(
                f"{self.folder} may not be written to ({error.strerror}); choose another with --out"
            ) from error
        with lock:
            try:
                import fcntl
            except ImportError:  # Windows: no advisory locks in the standard library that a crash releases
                yield
                return
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise BadRun(
                    f"{self.folder} is in use by another narrows process; wait for it, or give this run its own --out"
                ) from error
            yield

    def _mend(self) -> None:
        """Clear away what a kill left half done: temporary files, and a last event that was cut short."""
        for name in (*_SLOTS, _STOP):
            with contextlib.suppress(OSError):
                temporary_of(self.folder / name).unlink()
        with contextlib.suppress(OSError), open(self.folder / _EVENTS, "r+b") as file:
            text = file.read()
            if not text.endswith(b"\n"):
                file.truncate(text.rfind(b"\n") + 1)

    def _take_away(self, made: list[Path]) -> None:
        with contextlib.suppress(OSError):  # not empty, or gone: whatever stands there is somebody's
            (self.folder / ".lock").unlink()
            for place in made:
                place.rmdir()

    @property
    def plan(self) -> dict[str, Any] | None:
        """What `begin` wrote, or None when the run has not begun. Raises BadRun."""
        path = self.folder / "run.json"
        try:
            plan = json.loads(path.read_bytes())
            if not isinstance(plan, dict):
                raise ValueError("it holds no settings")
        except FileNotFoundError:
            return None
        except (ValueError, RecursionError) as error:
            raise BadRun(f"{path} is damaged ({error}); start over with --force") from error
        _check_format(plan, path, "start over with --force")
        return plan

    @property
    def has_kept(self) -> bool:
        """Whether there is a checkpoint to go on from."""
        return any(self._progress(name) for name in (*_SLOTS, _STOP))

    def begin(self, plan: dict[str, Any]) -> None:
        """Write the settings and the number of steps, before step 1."""
        if not self.writes:
            return
        data = json.dumps({"format": _FORMAT, **plan}, indent=1, ensure_ascii=False)
        write_atomically(self.folder / "run.json", data.encode())

    def clear(self) -> None:
        """Forget the run: its checkpoints, events and plan."""
        if not self.writes:
            return
        self.let_go()
        for name in (_EVENTS, "run.json"):
            (self.folder / name).unlink(missing_ok=True)

    def let_go(self) -> None:
        """Take away the checkpoints of a run whose result is kept elsewhere: with their optimizer they are ten times
        as large. Plan and events stay."""
        if not self.writes:
            return
        for name in (*_SLOTS, _STOP):
            (self.folder / name).unlink(missing_ok=True)
        self._newest = None

    def log(self, event: dict[str, Any]) -> None:
        """Add one line to events.jsonl."""
        if not self.writes:
            return
        line = json.dumps({name: _plain(value) for name, value in event.items()}, ensure_ascii=False) + "\n"
        try:
            with open(self.folder / _EVENTS, "a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            raise CannotWrite(
                f"{self.folder} can no longer be written to ({error.strerror}); free some space, or choose another "
                f"folder with --out, then run the same command again"
            ) from error

    def save(self, tensors: dict[str, Tensor], facts: dict[str, Any], *, stop: bool = False) -> None:
        """Keep a checkpoint. `facts` must be JSON and hold `step` and `rollbacks`. Raises CannotWrite."""
        if not self.writes:
            return
        sums = {name: _checksum(tensor) for name, tensor in tensors.items()}
        text = json.dumps({"format": _FORMAT, "facts": facts, "checksums": sums})
        header = {"narrows": text, "crc32": str(zlib.crc32(text.encode()))}
        data = safetensors.torch.save({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, header)
        # Never over the newest that is known to be whole.
        name = _STOP if stop else _SLOTS[1 if self._newest == _SLOTS[0] else 0]
        write_atomically(self.folder / name, data)
        if not stop:
            self._newest = name

    def load(self, *, planned: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The furthest whole checkpoint, or None. `planned` passes over the one that Ctrl-C left. Raises BadRun for a
        format that is not known."""
        names = {name: self._progress(name) for name in (_SLOTS if planned else (*_SLOTS, _STOP))}
        for name in sorted((n for n, progress in names.items() if progress), key=names.__getitem__, reverse=True):
            found = self._read(name)
            if found is not None:
                if name != _STOP:
                    self._newest = name
                return found
        return None

    def _progress(self, name: str) -> tuple[int, ...]:
        """How far a checkpoint is, from its header alone; () for one that is missing or damaged.

        Rollbacks come first: a run that went back to an earlier step is further than it was.
        """
        try:
            facts = _header(self.folder / name)["facts"]
            return int(facts["rollbacks"]), int(facts["step"]), int(facts.get("finished", False))
        except (OSError, KeyError, ValueError, TypeError, safetensors.SafetensorError):
            return ()

    def _read(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        path = self.folder / name
        try:
            tensors = safetensors.torch.load(path.read_bytes())
            header = _header(path)
            if header["checksums"] != {key: _checksum(tensor) for key, tensor in tensors.items()}:
                return None
            return tensors, header["facts"]
        except (OSError, KeyError, ValueError, TypeError, safetensors.SafetensorError):
            return None


def _header(path: Path) -> dict[str, Any]:
    """What `save` wrote beside the tensors. Raises ValueError when it is damaged, BadRun for an unknown format."""
    with safetensors.safe_open(path, "pt") as file:
        metadata = file.metadata()
    if int(metadata["crc32"]) != zlib.crc32(metadata["narrows"].encode()):
        raise ValueError("the header is damaged")
    header = json.loads(metadata["narrows"])
    _check_format(header, path, "take another --out")
    return header


def _check_format(found: dict[str, Any], path: Path, otherwise: str) -> None:
    if found.get("format") != _FORMAT:
        raise BadRun(
            f"{path} has run format {found.get('format')!r}; this program reads {_FORMAT}: pip install --upgrade "
            f"narrows, or {otherwise}"
        )


def read_events(folder: Path) -> list[dict[str, Any]]:
    """The events of a run folder, which may be running now: a last line that is still being written is left out."""
    try:
        lines = (folder / _EVENTS).read_bytes().split(b"\n")
    except FileNotFoundError:
        return []
    found = []
    for line in lines:
        with contextlib.suppress(ValueError):
            event = json.loads(line)
            if isinstance(event, dict):
                found.append(event)
    return found


def _plain(value: Any) -> Any:
    """JSON has no NaN and no infinity, and browsers refuse them: null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value
