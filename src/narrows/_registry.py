"""Finds kinds, architectures and tasks by their place: a file's name is the thing's name.

Three places are looked through: the package's own room; the folders named in the environment variable
`NARROWS_PATH` (each with sub-folders `autoencoders/`, `architectures/`, `tasks/`, `priors/`); and entry points of
installed packages (groups `narrows.kinds`, `narrows.architectures`, `narrows.tasks`, `narrows.priors`). Listing names
imports nothing.

`NARROWS_PATH` is code that you choose to run, like `PYTHONPATH`; a model folder never brings code of its own.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from narrows._errors import BadOption, UnknownName

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

_HERE = Path(__file__).parent


class Registry(Mapping[str, type]):
    """Names to classes, imported when asked for. `registry["conv"]`; iteration gives the names, sorted."""

    def __init__(self, room: str, word: str, group: str, base: str, see: str) -> None:
        self.room, self.word, self.group, self.base, self.see = room, word, group, base, see
        self._loaded: dict[str, type] = {}

    def files(self) -> dict[str, Path]:
        """Name to source file, for the things that are files: the package's own first, then `NARROWS_PATH`'s."""
        extra = [Path(p) / self.room for p in os.environ.get("NARROWS_PATH", "").split(os.pathsep) if p]
        found: dict[str, Path] = {}
        for folder in [_HERE / self.room, *extra]:
            for path in sorted(folder.glob("*.py")) if folder.is_dir() else []:
                if not path.stem.startswith("_"):
                    found.setdefault(path.stem, path)
        return found

    def entry_points(self) -> dict[str, EntryPoint]:
        """Name to entry point, for the things that other installed packages add."""
        from importlib.metadata import entry_points  # 20 ms; only names beyond our own need it

        return {point.name: point for point in entry_points(group=self.group)}

    def __getitem__(self, name: str) -> type:
        if not isinstance(name, str):
            raise UnknownName.of(self.word, name, self, see=self.see)
        path = self.files().get(name)
        if path is not None:
            module = self._module(name, path)
            cached = self._loaded.get(name)
            if cached is None or cached.__module__ != module.__name__:
                self._loaded[name] = _only_public_class(module, self.base)
            return self._loaded[name]
        point = self.entry_points().get(name)
        if point is None:
            raise UnknownName.of(self.word, name, self, see=self.see)
        return point.load()

    def _module(self, name: str, path: Path) -> Any:
        if path.parent == _HERE / self.room:
            return importlib.import_module(f"narrows.{self.room}.{name}")
        # A name that holds the whole path, so that two folders with a file of the same name stay two modules.
        module_name = f"narrows_path.{self.room}.{name}.{abs(hash(str(path.resolve()))):x}"
        if module_name in sys.modules:
            return sys.modules[module_name]
        spec = importlib.util.spec_from_file_location(module_name, path)
        assert spec is not None and spec.loader is not None  # spec_from_file_location of a .py file gives both
        module = importlib.util.module_from_spec(spec)
        sys.modules[module_name] = module
        try:
            spec.loader.exec_module(module)
        except BaseException:
            del sys.modules[module_name]
            raise
        return module

    def __iter__(self) -> Iterator[str]:
        return iter(sorted({*self.files(), *self.entry_points()}))

    def __len__(self) -> int:
        return len({*self.files(), *self.entry_points()})

    def __contains__(self, name: object) -> bool:
        return name in self.files() or name in self.entry_points()

    def name_of(self, thing: object) -> str:
        """The registered name of an instance or class that came from here."""
        cls = thing if isinstance(thing, type) else type(thing)
        for name in self:
            if self[name] is cls:
                return name
        raise UnknownName.of(self.word, cls.__name__, self, see=self.see)


def _only_public_class(module: Any, base: str) -> type:
    """The one public class that the module itself defines and that descends from the room's contract."""
    found = [
        value
        for name, value in vars(module).items()
        if inspect.isclass(value)
        and not name.startswith("_")
        and value.__module__ == module.__name__
        and any(parent.__name__ == base for parent in value.__mro__[1:])
    ]
    if len(found) != 1:
        names = ", ".join(cls.__name__ for cls in found) or "none"
        raise BadOption(
            f"{module.__file__} has {len(found)} public subclasses of {base} ({names}); a file gives exactly one: "
            f"begin the names of helpers with an underscore"
        )
    return found[0]


kinds = Registry("autoencoders", "kind", "narrows.kinds", "AbstractAutoencoder", "narrows kinds")
architectures = Registry(
    "architectures", "architecture", "narrows.architectures", "AbstractArchitecture", "narrows kinds"
)
tasks = Registry("tasks", "task", "narrows.tasks", "AbstractTask", "narrows tasks")
priors = Registry("priors", "prior", "narrows.priors", "AbstractPrior", "narrows sample --help")


def list_kinds() -> list[str]:
    """Every kind of autoencoder that can be fitted here, sorted."""
    return list(kinds)


def list_architectures() -> list[str]:
    """Every architecture, sorted."""
    return list(architectures)


def list_tasks() -> list[str]:
    """Every task, sorted."""
    return list(tasks)
