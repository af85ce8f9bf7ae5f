"""What computes a net: torch, or onnxruntime where it is installed. The same output, to 1e-4.

onnxruntime takes the exported net. Exporting takes seconds, so the file is kept in the user's cache (`XDG_CACHE_HOME`,
else `~/.cache`) under a name that the model's own bytes give it, and in memory; a folder that cannot be written to, or
a damaged file there, costs time only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from narrows._errors import CannotWrite, UnknownName
from narrows._files import make_folder, write_atomically
from narrows.model.folder import to_bytes
from narrows.model.model import Model
from narrows.using.export import require, session, to_onnx

ENGINES = ("torch", "onnxruntime")

_sessions: WeakKeyDictionary[Model, Any] = WeakKeyDictionary()


def net_of(model: Model, engine: str = "torch") -> Callable[[Tensor], Tensor]:
    """B C+extra H W as `prepare` gives it -> B C H W, by the engine of that name.

    Raises UnknownName for another engine, NotSupported where it is not installed or cannot take the net.
    """
    check_engine(engine)
    if engine == "torch":
        return model.autoencoder.restore
    if model not in _sessions:
        _sessions[model] = _opened(model)
    run, channels = _sessions[model], model.shape[0]

    def through(ready: Tensor) -> Tensor:
        given = {"picture": ready[:, :channels]}
        if model.task.extra:
            given["extra"] = ready[:, channels:]
        return torch.from_numpy(
            run.run(["restored"], {name: one.contiguous().numpy() for name, one in given.items()})[0]
        )

    return through


def check_engine(engine: str) -> None:
    """Raises UnknownName, NotSupported: before anything is begun."""
    if engine not in ENGINES:
        raise UnknownName.of("engine", engine, ENGINES)
    if engine != "torch":
        require(engine)


def _opened(model: Model) -> Any:
    """The session, of the kept file where there is a good one."""
    place = _place(model)
    with contextlib.suppress(Exception):  # none there, or damaged: onnxruntime's own errors share no other parent
        return session(place.read_bytes())
    data = to_onnx(model)
    with contextlib.suppress(CannotWrite):
        make_folder(place.parent)
        write_atomically(place, data)
    return session(data)


def _place(model: Model) -> Path:
    from narrows import __version__

    word = hashlib.blake2b(to_bytes(model), digest_size=16)
    word.update(f"{__version__} {torch.__version__}".encode())
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "narrows" / f"{word.hexdigest()}.onnx"
