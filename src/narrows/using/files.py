"""Many picture files restored: where each result goes is settled before the first is opened."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from narrows._errors import BadData, BadOption, CannotWrite, NarrowsError, NotSupported, WouldOverwrite
from narrows._files import make_folder, refuse_to_overwrite
from narrows.data.images import READABLE, open_photo, save_photo
from narrows.data.triage import look_through, printable
from narrows.using.restore import model_for, restore_photo


class Job(NamedTuple):
    """One file to restore."""

    source: Path
    target: Path
    shown: str
    """The source as it is told to people."""


class Plan(NamedTuple):
    """What will be done, and what was left out with its reason."""

    jobs: tuple[Job, ...]
    skipped: tuple[tuple[str, str], ...]


class Done(NamedTuple):
    """What became of the jobs."""

    written: list[Path]
    failed: list[tuple[str, str]]
    """(file, reason)"""
    notes: list[str]


def plan_files(paths: Sequence[str | Path], out: Path, *, force: bool = False, recursive: bool = True) -> Plan:
    """Every picture among `paths` (files and folders) with its target below `out`; folders keep their tree.

    `out` may also name one picture file, for one input. Raises BadData (nothing there, two inputs for one target, a
    target that is an input), WouldOverwrite, CannotWrite: all before anything is done.
    """
    jobs: list[Job] = []
    skipped: list[tuple[str, str]] = []
    for path in map(Path, paths):
        found = look_through(path)
        skipped += [*found.skipped, *((printable(table), "a table, not a picture") for table in found.tables)]
        folder = path.is_dir()
        for picture in found.pictures:
            below = picture.relative_to(path) if folder else Path(picture.name)
            if folder and (_is_below(picture, out) or (not recursive and len(below.parts) > 1)):
                continue
            jobs.append(Job(picture, out / below, printable(picture)))
    if not jobs:
        reasons = "; ".join(f"{name}: {why}" for name, why in skipped[:3])
        raise BadData(
            f"no picture came{f' ({reasons})' if reasons else ''}; give pictures ({' '.join(READABLE)}) or a folder "
            f"of them"
        )
    if len(jobs) == 1 and out.suffix.lower() in READABLE and not out.is_dir() and Path(paths[0]).is_file():
        jobs = [jobs[0]._replace(target=out)]
    _check_targets(jobs, force)
    return Plan(tuple(jobs), tuple(skipped))


def _is_below(path: Path, folder: Path) -> bool:
    """Results of an earlier run that lie inside the folder that is read."""
    return path.resolve().is_relative_to(folder.resolve()) and folder.exists()


def _check_targets(jobs: list[Job], force: bool) -> None:
    taken: dict[Path, Job] = {}
    for job in jobs:
        if job.target in taken:
            raise BadData(
                f"{taken[job.target].shown} and {job.shown} would both become {printable(job.target)}; restore them "
                f"into two folders with two --out"
            )
        taken[job.target] = job
    sources = {job.source.resolve() for job in jobs}
    for job in jobs:
        if job.target.resolve() in sources:
            raise WouldOverwrite(
                f"{printable(job.target)} is itself to be restored, and originals are never written over; choose "
                f"another folder with --out"
            )
        refuse_to_overwrite(job.target, force)


def restore_files(
    plan: Plan,
    *,
    task: str = "denoise",
    model: Any = None,
    strength: float = 1.0,
    force: bool = False,
    tell: Callable[[int, Job], None] | None = None,
    **options: Any,
) -> Done:
    """Restore every file of the plan; one that cannot be is noted with its reason, and the rest go on.

    `tell(number, job)` is called before each. Raises BadOption, UnknownName, BadModelFile, CannotWrite (disk full).
    """
    if not 0 <= strength <= 1:
        raise BadOption(f"strength={strength}; it takes 0 (the original) to 1 (the whole correction): --strength 0.7")
    chosen = None if model is None else model_for(task, 3, model)
    done = Done([], [], [])
    for number, job in enumerate(plan.jobs):
        if tell:
            tell(number, job)
        try:
            photo = open_photo(job.source)
            better = restore_photo(chosen or model_for(task, photo.shape[0]), photo, strength=strength, **options)
            make_folder(job.target.parent)
            done.written.append(save_photo(better, job.target, force=force))
            done.notes.extend(f"{job.shown}: {note}" for note in photo.notes)
        except (BadData, NotSupported) as error:
            done.failed.append((job.shown, str(error)))
        except CannotWrite as error:
            if "cannot hold" not in str(error):  # a full or closed disk ends it: the others would fail as well
                raise
            done.failed.append((job.shown, str(error)))
        except MemoryError:
            done.failed.append((job.shown, f"memory does not suffice for {job.shown}; cut it into parts first"))
    return done


def reasons_of(done: Done) -> NarrowsError | None:
    """The error that a caller may raise where nothing could be restored."""
    if done.written or not done.failed:
        return None
    first = done.failed[0][1]
    more = f" (and {len(done.failed) - 1} more pictures failed)" if len(done.failed) > 1 else ""
    return BadData(first + more)
