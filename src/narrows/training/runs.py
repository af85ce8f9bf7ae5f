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
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor

from narrows._errors import BadRun, CannotWrite
from narrows._files import write_atomically

_FORMAT = 1
_SLOTS = ("checkpoint-a.safetensors", "checkpoint-b.safetensors")
_STOP = "checkpoint-stop.safetensors"


def _checksum(tensor: Tensor) -> int:
    return zlib.crc32(tensor.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)


class Run:
    """One run's folder. Make it with `Run.open`; while it is held no other process can go on with the same run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: Any = None

    @classmethod
    @contextlib.contextmanager
    def open(cls, folder: Path) -> Iterator[Run]:
        """Hold the folder, made if need be. Raises BadRun while another process holds it."""
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotWrite(f"{folder} cannot be made ({error.strerror}); choose another with --out") from error
        run = cls(folder)
        with run._held():
            yield run

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

    @property
    def plan(self) -> dict[str, Any] | None:
        """What `begin` wrote, or None when the run has not begun."""
        try:
            text = (self.folder / "run.json").read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        try:
            return json.loads(text)
        except ValueError as error:
            raise BadRun(f"{self.folder / 'run.json'} is damaged ({error}); start over with --force") from error

    def begin(self, plan: dict[str, Any]) -> None:
        """Write the settings and the number of steps, before step 1."""
        data = json.dumps({"format": _FORMAT, **plan}, indent=1, ensure_ascii=False)
        write_atomically(self.folder / "run.json", data.encode())

    def clear(self) -> None:
        """Forget the run: its checkpoints, events and plan."""
        for name in (*_SLOTS, _STOP, "events.jsonl", "run.json"):
            (self.folder / name).unlink(missing_ok=True)

    def log(self, event: dict[str, Any]) -> None:
        """Add one line to events.jsonl."""
        try:
            with open(self.folder / "events.jsonl", "a", encoding="utf-8") as file:
                file.write(json.dumps(event, ensure_ascii=False) + "\n")
        except OSError as error:
            raise CannotWrite(
                f"{self.folder} can no longer be written to ({error.strerror}); free some space, or choose another "
                f"folder with --out, then run the same command again"
            ) from error

    def save(self, tensors: dict[str, Tensor], facts: dict[str, Any], *, stop: bool = False) -> None:
        """Keep a checkpoint. `facts` must be JSON and hold `step`."""
        sums = {name: _checksum(tensor) for name, tensor in tensors.items()}
        header = {"narrows": json.dumps({"format": _FORMAT, "facts": facts, "checksums": sums})}
        data = safetensors.torch.save({n: t.detach().cpu().contiguous() for n, t in tensors.items()}, header)
        name = _STOP if stop else self._older_slot(facts["step"])
        write_atomically(self.folder / name, data)

    def load(self, *, planned: bool = False) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """The furthest whole checkpoint, or None. `planned` passes over the one that Ctrl-C left."""
        found = [self._read(name) for name in (_SLOTS if planned else (*_SLOTS, _STOP))]
        whole = [one for one in found if one is not None]
        return max(whole, key=lambda one: one[1]["step"]) if whole else None

    def _older_slot(self, step: int) -> str:
        steps = []
        for name in _SLOTS:
            try:
                with safetensors.safe_open(self.folder / name, "pt") as file:
                    steps.append(json.loads(file.metadata()["narrows"])["facts"]["step"])
            except Exception:  # missing or damaged in whatever way: this is the slot to write over
                return name
        return _SLOTS[steps.index(min(steps))]

    def _read(self, name: str) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        path = self.folder / name
        if not path.exists():
            return None
        try:
            data = path.read_bytes()
            tensors = safetensors.torch.load(data)
            with safetensors.safe_open(path, "pt") as file:
                header = json.loads(file.metadata()["narrows"])
            if header["checksums"] != {key: _checksum(tensor) for key, tensor in tensors.items()}:
                return None
            return tensors, header["facts"]
        except (OSError, KeyError, ValueError, TypeError, safetensors.SafetensorError):
            return None
