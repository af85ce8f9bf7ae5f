"""What a folder holds: which files can be tried, and why the others cannot."""

from __future__ import annotations

import dataclasses
import os
import unicodedata
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from narrows._errors import BadData
from narrows.data.images import READABLE

_NUMBERS = (".csv", ".tsv", ".npy", ".npz")


@dataclass(frozen=True)
class Triage:
    """Files by what they seem to be; what turned out unreadable is added while reading."""

    pictures: tuple[Path, ...] = ()
    tables: tuple[Path, ...] = ()
    """CSV, .npy, .npz and IDX files."""
    skipped: tuple[tuple[str, str], ...] = ()
    """(path, reason)"""
    notes: tuple[str, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    """Suffix to number of files."""

    def adding(self, *, skipped: Iterable[tuple[str, str]] = (), notes: Iterable[str] = ()) -> Triage:
        """The same with more left out and more said."""
        return dataclasses.replace(self, skipped=(*self.skipped, *skipped), notes=(*self.notes, *notes))


def look_through(place: Path) -> Triage:
    """A file, or everything below a folder, sorted by path. Raises BadData when there is nothing at `place`."""
    if not os.path.exists(place):  # unlike Path.exists, never raises: not for names too long nor closed folders
        what = "is a link that leads nowhere" if os.path.islink(place) else "does not exist, or may not be looked at"
        raise BadData(f"{printable(place)} {what}; give a folder of pictures, a picture, a table or an IDX file")
    if not os.path.isdir(place):
        return _sorted_out([place], place.parent, [])
    skipped: list[tuple[str, str]] = []
    files: list[Path] = []

    def refuse(error: OSError) -> None:
        skipped.append((printable(error.filename), f"cannot be opened: {error.strerror}"))

    # os.walk does not follow links to folders, so a link that points at itself ends nowhere.
    for folder, inner, names in os.walk(place, onerror=refuse):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in inner:
            if (Path(folder) / name).is_symlink():
                skipped.append(
                    (printable((Path(folder) / name).relative_to(place)), "a link to a folder is not followed")
                )
        files += [Path(folder) / name for name in sorted(names) if not name.startswith(".")]
    return _sorted_out(files, place, skipped)


def printable(path: str | Path) -> str:
    """A path that can be written into a report: bytes of its name that are no UTF-8 become question marks."""
    return str(path).encode("utf-8", "replace").decode()


def name_below(path: Path, root: Path) -> str:
    """What pictures of one name have in common: the path below their folders without suffix. Letters with marks are
    written in two ways, by a Mac's programs in another than elsewhere, and mean the same."""
    return unicodedata.normalize("NFC", path.relative_to(root).with_suffix("").as_posix())


def is_idx(path: Path) -> bool:
    """Whether a file is named as MNIST's are: `...-idx3-ubyte`, gzipped or not."""
    name = path.name.removesuffix(".gz")
    return name.endswith((".idx", "-ubyte")) or "-idx" in name or ".idx" in name


def _sorted_out(files: list[Path], root: Path, skipped: list[tuple[str, str]]) -> Triage:
    pictures, tables = [], []
    for path in files:
        shown = printable(path.relative_to(root) if path.is_relative_to(root) else path)
        if path.is_symlink() and not os.path.exists(path):
            skipped.append((shown, "a link that leads nowhere"))
        elif not os.path.isfile(path):
            skipped.append((shown, "not a file"))
        elif is_idx(path) or path.suffix.lower() in _NUMBERS:
            tables.append(path)
        elif path.suffix.lower() in READABLE:
            pictures.append(path)
        else:
            skipped.append((shown, f"{path.suffix or 'no suffix'}: neither picture nor table"))
    counts = Counter(path.suffix.lower() for path in [*pictures, *tables])
    return Triage(tuple(pictures), tuple(tables), tuple(skipped), (), dict(counts))
