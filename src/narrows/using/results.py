"""What a model gives, as files: pictures with a contact sheet, codes and rows as .npy or CSV."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath

import numpy as np

from narrows._errors import BadData, BadOption, WouldOverwrite
from narrows._files import make_folder, refuse_to_overwrite, write_atomically
from narrows.data.images import READABLE, Photo, save_photo

SHEET = "contact-sheet.png"
_GAP = 2
"""Pixels between the pictures of a contact sheet."""
_MOST_ON_SHEET = 1024
_GREY = 128
_PAGE = re.compile(rf"({'|'.join(map(re.escape, READABLE))}) page (\d+)$", re.IGNORECASE)
"""How the name of a page of a file ends."""


def refuse_originals(paths: Sequence[Path], originals: Sequence[Path]) -> None:
    """Raise WouldOverwrite where a result would take the place of a file that it is made from."""
    if not any(path.exists() for path in paths):
        return
    read = {_identity(path) for path in originals}
    for path in paths:
        if path.exists() and _identity(path) in read:
            raise WouldOverwrite(
                f"{path} is itself read, and originals are never written over; choose another place with --out"
            )


def _identity(path: Path) -> tuple[int, int]:
    """Of a file by whatever name: links, and capitals where the disk does not tell them apart."""
    found = path.stat()
    return found.st_dev, found.st_ino


def picture_paths(
    names: Sequence[str], folder: Path, channels: int, *, force: bool, originals: Sequence[Path] = ()
) -> list[Path]:
    """A target below `folder` for each name, its tree kept; page 2 of a.tif becomes a-page-2. `originals` are not
    written over even with `force`. Raises BadData where two names meet, WouldOverwrite."""
    if folder.suffix.lower() in (".npy", ".csv", *READABLE) and not folder.is_dir():
        raise BadOption(f"--out {folder}: pictures go to a folder, each with a name of its own: --out {folder.stem}")
    suffix = ".png" if channels in (1, 3) else ".tif"
    taken: dict[Path, str] = {}
    for name in names:
        path = folder / _safe(name).with_suffix(suffix)
        if path in taken:
            raise BadData(f"{taken[path]} and {name} would both become {path}; use them from two folders")
        taken[path] = name
    refuse_originals(list(taken), originals)
    for path in taken:
        refuse_to_overwrite(path, force)
    return list(taken)


def _safe(name: str) -> Path:
    """A name out of a file leads to nowhere but below the folder it is joined to."""
    windows = PureWindowsPath(name)
    name = _PAGE.sub(r"-page-\2\1", name)  # what follows the last dot is then a suffix
    parts = PurePosixPath(name).parts
    if not name or name.startswith("/") or windows.drive or ".." in parts or not parts:
        raise BadData(f"{name!r} is no name for a picture; names are relative paths, such as faces/01.png")
    return Path(*(part.replace(" ", "-") if len(parts) == 1 and "." not in part else part for part in parts))


def write_pictures(pictures: np.ndarray, paths: Sequence[Path], *, force: bool) -> None:
    """N C H W in [0, 1] to 8-bit files: PNG for grey and colour, else TIFF. Raises CannotWrite, WouldOverwrite."""
    for picture, path in zip(pictures, paths, strict=True):
        save_photo(_photo(picture), path, force=force)


def _photo(picture: np.ndarray) -> Photo:
    channels = len(picture)
    array = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8).transpose(1, 2, 0)
    return Photo(np.ascontiguousarray(array), np.zeros(channels), np.full(channels, 255.0))


def write_sheet(pictures: np.ndarray, path: Path, *, force: bool, columns: int | None = None) -> Path | None:
    """Up to 1024 grey or colour pictures in one; None, and nothing written, for other numbers of channels."""
    count, channels, height, width = pictures.shape
    if channels not in (1, 3):
        return None
    count = min(count, _MOST_ON_SHEET)
    wide = columns or math.ceil(math.sqrt(count))
    tall = math.ceil(count / wide)
    sheet = np.full((channels, tall * (height + _GAP) + _GAP, wide * (width + _GAP) + _GAP), _GREY / 255, np.float32)
    for number in range(count):
        top = _GAP + number // wide * (height + _GAP)
        left = _GAP + number % wide * (width + _GAP)
        sheet[:, top : top + height, left : left + width] = pictures[number]
    return save_photo(_photo(sheet), path, force=force)


# Numbers


def check_numbers_file(
    path: Path, *, force: bool, suffixes: tuple[str, ...] = (".npy", ".csv"), originals: Sequence[Path] = ()
) -> None:
    """Raise BadOption for another suffix, WouldOverwrite where something stands there; `originals` not even with
    `force`."""
    if path.suffix.lower() not in suffixes:
        raise BadOption(f"--out {path}: it takes a name that ends in {' or '.join(suffixes)}")
    if path.is_dir():
        raise WouldOverwrite(f"{path} is a folder; give the name of a file with --out, such as {path / 'codes.npy'}")
    refuse_originals([path], originals)
    refuse_to_overwrite(path, force)


def write_numbers(path: Path, rows: np.ndarray, names: Sequence[str] | None, columns: Sequence[str]) -> Path:
    """N D as .npy, or as CSV with the names, if any, in the first column. Raises CannotWrite."""
    make_folder(path.parent)
    if path.suffix.lower() == ".npy":
        out = io.BytesIO()
        np.save(out, rows, allow_pickle=False)
        write_atomically(path, out.getvalue())
        return path
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow([*(["name"] if names is not None else []), *columns])
    digits = 15 if rows.dtype == np.float64 else 9  # of single precision, what is read back is the same
    for number, row in enumerate(rows):
        table.writerow(
            [*([names[number]] if names is not None else []), *(f"{value:.{digits}g}" for value in row.tolist())]
        )
    write_atomically(path, text.getvalue().encode("utf-8", "replace"))
    return path


def read_codes(path: Path) -> tuple[np.ndarray, list[str] | None]:
    """Codes (N, D) and their names from what `write_numbers` wrote, or any .npy or CSV of numbers. Raises BadData."""
    suffix = path.suffix.lower()
    if suffix not in (".npy", ".csv"):
        raise BadData(f"{path}: codes are read from .npy and .csv files, such as 'narrows encode' writes")
    try:
        if suffix == ".npy":
            codes = np.load(path, allow_pickle=False)
            if codes.ndim != 2 or codes.dtype.kind not in "fiu":
                raise BadData(f"{path} holds {codes.dtype} of shape {codes.shape}; codes are numbers, (n, code_size)")
            return codes.astype(np.float32), None
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
        named = bool(rows) and rows[0][0] == "name"
        names = [row[0] for row in rows[1:]] if named else None
        rows = [row[1:] for row in rows[1:]] if named else rows
        if rows and not named and not _is_number(rows[0][0]):
            rows = rows[1:]  # a header
        return np.array([[float(cell) for cell in row] for row in rows], np.float32).reshape(len(rows), -1), names
    except BadData:
        raise
    except OSError as error:
        raise BadData(f"{path} cannot be read ({error.strerror or error})") from error
    except Exception as error:  # numpy and csv raise whatever they like on broken files
        raise BadData(f"{path} holds no codes ({str(error)[:120]}); 'narrows encode' writes such files") from error


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True
