"""Classical filters, each with the settings that are worth trying: the simple alternatives to a restoring network.

A file of this folder is a group, and its `FILTERS` are found by listing the folder. A task names those that it is set
beside in its `classical`.
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Iterable

from narrows._errors import UnknownName
from narrows.measuring.classical._filter import ClassicalFilter as ClassicalFilter


def all_filters() -> dict[str, ClassicalFilter]:
    """Every filter of every group by its name; what needs a package that is not installed is left out."""
    found: dict[str, ClassicalFilter] = {}
    for module in pkgutil.iter_modules(__path__):
        if not module.name.startswith("_"):
            group = importlib.import_module(f"{__name__}.{module.name}")
            found |= {one.name: one for one in group.FILTERS if _is_here(one)}
    return found


def filters_for(names: Iterable[str], *, slow: bool = False) -> list[ClassicalFilter]:
    """Filters by name, as a task's `classical` gives them. Those that take many seconds a picture, and those whose
    package is not installed, are left out unless `slow`, or never come. Raises UnknownName."""
    known = all_filters()
    found = []
    for name in names:
        if name not in known and name not in _OPTIONAL:
            raise UnknownName.of("classical filter", name, known)
        if name in known and (slow or not known[name].slow):
            found.append(known[name])
    return found


_OPTIONAL = frozenset({"bm3d"})
"""Names that are not known where their package is not installed."""


def _is_here(one: ClassicalFilter) -> bool:
    return one.package is None or importlib.util.find_spec(one.package) is not None
