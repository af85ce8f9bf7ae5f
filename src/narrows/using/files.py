"""Many picture files restored: where each result goes is settled before the first is opened.

A folder is a pipeline: while one picture is computed, the next is read and the last is written, each in a thread of
its own. At most three pictures are in memory; next to a large one there is no other. Of a file of many pages all are
restored, one after the other.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from narrows._errors import BadData, BadOption, CannotHold, NarrowsError, NotSupported, WouldOverwrite
from narrows._files import make_folder, refuse_to_overwrite
from narrows.data.images import READABLE, Photo, save_photo
from narrows.data.stack_saving import save_stack
from narrows.data.stacks import Stack, open_picture
from narrows.data.triage import look_through, printable
from narrows.model.model import Model
from narrows.using._journal import Journal, made_from
from narrows.using._journal import how_of as how_of
from narrows.using.engines import check_engine, net_of
from narrows.using.restore import model_for, restore_photo

_LARGE = 48 << 20
"""Bytes of a picture's pixels, from which on nothing is read or written beside it: 16 megapixels in 8-bit colour."""


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
    already: tuple[Job, ...] = ()
    """Whole results of an earlier run of the same: nothing is to be done for them."""
    folder: Path | None = None
    """Where results and what is known of them lie; None where one file was named."""
    how: str = ""


class Done(NamedTuple):
    """What became of the jobs."""

    written: list[Path]
    failed: list[tuple[str, str]]
    """(file, reason)"""
    notes: list[str]
    already: list[Path]
    """Whole results of an earlier run."""


def plan_files(
    paths: Sequence[str | Path],
    out: Path | None,
    *,
    how: str = "",
    force: bool = False,
    recursive: bool = True,
    given: Mapping[str, Path] | None = None,
    maps: bool = False,
) -> Plan:
    """Every picture among `paths` (files and folders) with its target below `out`; folders keep their tree. Without
    `out` they are only looked at, and are their own targets.

    `how` says by what the pictures will be treated (`how_of`): results that an earlier run made of the same pictures
    in the same way are not made again, unless `force`. `out` may also name one picture file, for one input. `given` are
    files and folders that came besides, by what they are ("mask", "truth"): nothing of theirs is written over either,
    but results of an earlier run, where `out` lies in such a folder.
    `maps` says that a map (`maps_of`) will lie beside each result: it takes nobody's place, but a map's.

    Raises BadData (nothing there, two inputs for one target), WouldOverwrite (also where a target is an input),
    CannotWrite: all before anything is done.
    """
    found_jobs: dict[tuple[Path, Path], Job] = {}
    skipped: list[tuple[str, str]] = []
    in_the_way: list[Path] = []
    for path in map(Path, paths):
        found = look_through(path)
        skipped += [*found.skipped, *((printable(table), "a table, not a picture") for table in found.tables)]
        is_folder = path.is_dir()
        inside = out if out and is_folder and _is_below(out, path) else None
        if inside and inside.resolve() == path.resolve():
            raise WouldOverwrite(
                f"--out {printable(inside)} is the folder that is read, and originals are never written over; choose "
                f"another folder with --out"
            )
        for picture in found.pictures:
            below = picture.relative_to(path) if is_folder else Path(picture.name)
            if is_folder and not recursive and len(below.parts) > 1:
                continue
            if inside and _is_below(picture, inside):
                in_the_way.append(picture)
                continue
            job = Job(picture, out / below if out else picture, printable(picture))
            found_jobs.setdefault((picture.resolve(), job.target), job)  # a picture that is named twice is taken once
    jobs = list(found_jobs.values())
    if not jobs:
        reasons = "; ".join(f"{name}: {why}" for name, why in skipped[:3])
        raise BadData(
            f"no picture came{f' ({reasons})' if reasons else ''}; give pictures ({' '.join(READABLE)}) or a folder "
            f"of them"
        )
    if out is None:
        return Plan(tuple(jobs), tuple(skipped))
    folder: Path | None = out
    if out.suffix.lower() in READABLE and not out.is_dir():
        if len(jobs) > 1 or not Path(paths[0]).is_file():
            raise BadOption(
                f"--out {printable(out)} is the name of one picture, which takes the result of one; give a folder for "
                f"those of many: --out {printable(out.with_suffix(''))}"
            )
        jobs, folder = [jobs[0]._replace(target=out)], None
    journal = Journal.read(folder) if folder else None
    already: set[Job] = set() if force or journal is None else _done_already(journal, jobs, how)
    skipped += _left_there(in_the_way, jobs, journal)
    beside = maps_of(jobs) if maps else {}
    _check_originals(jobs, [*(job.target for job in jobs), *beside.values()], given or {}, journal)
    _check_targets(jobs, already, force, beside)
    todo = tuple(job for job in jobs if job not in already)
    return Plan(todo, tuple(skipped), tuple(job for job in jobs if job in already), folder, how)


def _done_already(journal: Journal, jobs: Sequence[Job], how: str) -> set[Job]:
    found = set()
    for job in jobs:
        with contextlib.suppress(OSError):  # the picture is gone: reading it will say so
            if how and journal.has(job.target, made_from(job.source, how)):
                found.add(job)
    return found


def _left_there(pictures: list[Path], jobs: Sequence[Job], journal: Journal | None) -> list[tuple[str, str]]:
    """Pictures that lie where results go and are none: nobody else would say that they are not restored."""
    ours = {path.resolve() for path in (*(job.target for job in jobs), *maps_of(jobs).values())}

    def is_ours(path: Path) -> bool:
        within = journal and journal.folder / path.resolve().relative_to(journal.folder.resolve())
        return path.resolve() in ours or bool(journal and within and journal.wrote(within))

    why = "lies where results go, so it is not read; choose a folder beside it with --out"
    return [(printable(path), why) for path in pictures if not is_ours(path)]


def _is_below(path: Path, folder: Path) -> bool:
    """Such as results of an earlier run that lie inside the folder that is read."""
    return path.resolve().is_relative_to(folder.resolve()) and folder.exists()


def maps_of(jobs: Sequence[Job]) -> dict[Job, Path]:
    """Where the map of each of these lies: NAME.doubt.png, with the result's suffix in it where that alone tells two
    results apart."""
    alike = Counter(job.target.with_suffix("") for job in jobs)
    return {
        job: job.target.with_name(
            f"{job.target.stem if alike[job.target.with_suffix('')] == 1 else job.target.name}.doubt.png"
        )
        for job in jobs
    }


def _check_targets(jobs: list[Job], already: set[Job], force: bool, maps: Mapping[Job, Path]) -> None:
    taken: dict[Path, Job] = {}
    for job in jobs:
        if job.target in taken:
            raise BadData(
                f"{taken[job.target].shown} and {job.shown} would both become {printable(job.target)}; restore them "
                f"into two folders with two --out"
            )
        taken[job.target] = job
    for job, path in maps.items():
        if path in taken:
            raise BadData(
                f"the map of {job.shown} would become {printable(path)}, as would {taken[path].shown}; restore them "
                f"into two folders with two --out"
            )
        taken[path] = job
    for job in jobs:
        if job not in already:
            refuse_to_overwrite(job.target, force)


def _check_originals(
    jobs: list[Job], paths: Iterable[Path], given: Mapping[str, Path], journal: Journal | None
) -> None:
    """Raise WouldOverwrite where one of the paths is a picture to be restored or was given besides."""
    sources = {job.source.resolve() for job in jobs}
    besides = {file.resolve(): name for name, place in given.items() for file in _files_of(place)}
    for path in paths:
        what = None
        if path.resolve() in sources:
            what = "itself to be restored"
        elif path.resolve() in besides and not (journal and journal.wrote(path)):
            what = f"given as {besides[path.resolve()]}"
        if what:
            raise WouldOverwrite(
                f"{printable(path)} is {what}, and originals are never written over; choose another folder with --out"
            )


def _files_of(place: Path) -> Iterator[Path]:
    """Also what is no picture."""
    return (path for path in (place, *place.rglob("*")) if os.path.isfile(path))  # unlike is_file, never raises


def restore_files(
    plan: Plan,
    *,
    task: str = "denoise",
    model: Any = None,
    strength: float = 1.0,
    force: bool = False,
    engine: str = "torch",
    tell: Callable[[int, Job], None] | None = None,
    through: Callable[[Photo], Photo] | None = None,
    choose: Callable[[Job, Photo | Stack], Callable[..., Photo] | None] | None = None,
    **options: Any,
) -> Done:
    """Restore every file of the plan; one that cannot be is noted with its reason, and the rest go on.

    `tell(number, job)` is called before each; `through` takes the model's place. `choose` gives for each opened picture
    what takes the model's place for it, of one page as `through` or with `into=array` for its result besides; None
    leaves the picture out.

    Raises BadOption, UnknownName, BadModelFile, CannotWrite (disk full), BadRun (another process writes to the folder),
    NotSupported (the engine is not installed, or cannot take the net).
    """
    check_engine(engine)
    if not 0 <= strength <= 1:
        raise BadOption(f"strength={strength}; it takes 0 (the original) to 1 (the whole correction): --strength 0.7")
    chosen = None if model is None else model_for(task, 3, model)
    found = _Outcomes(plan)

    def better(photo: Photo, into: np.ndarray | None = None) -> Photo:
        if through:
            return through(photo)
        use = chosen or model_for(task, photo.colours)
        return restore_photo(use, photo, strength=strength, engine=engine, into=into, **options)

    with contextlib.ExitStack() as stack:
        journal = stack.enter_context(Journal.held(plan.folder)) if plan.folder else None
        reader, writer = (stack.enter_context(ThreadPoolExecutor(1)) for _ in range(2))
        if journal and not force:  # another process may have done some between the plan and the lock
            found.already |= _done_already(journal, plan.jobs, plan.how)
        todo = [job for job in plan.jobs if job not in found.already]
        if todo and isinstance(chosen, Model):
            net_of(chosen, engine)  # an engine's file is made before threads begin, and a net it cannot take said once
        for number, (job, reading) in enumerate(_read_ahead(todo, plan.how, reader)):
            if tell:
                tell(number, job)
            with found.noting(job):
                photo, origin = reading().result()
                way = choose(job, photo) if choose else better
                if way is None:
                    continue
                note = journal.about_to_write(job.target, origin) if journal else None
                if isinstance(photo, Stack):  # page by page, with no other picture beside it
                    found.settle()
                    path = save_stack(
                        photo, job.target, way, force=force, about_to=note, tell=_pages(tell, number, job, photo)
                    )
                    found.written[job] = path, photo.notes
                    continue
                result, notes, large = way(photo), photo.notes, _is_large(photo)
                del photo  # a large one must not lie beside its result while that is written
                found.settle()
                found.writing = job, notes, writer.submit(_write, result, job.target, force, note)
                del result
                if large:
                    found.settle()
        found.settle()
    return found.done()


def _pages(tell: Callable[[int, Job], None] | None, number: int, job: Job, stack: Stack) -> Callable[[int], None]:
    """Tells of each page of a job."""

    def told(page: int) -> None:
        if tell:
            tell(number, job._replace(shown=f"{job.shown}, page {page + 1} of {len(stack)}"))

    return told


def _is_large(found: Photo | Stack) -> bool:
    return isinstance(found, Stack) or found.array.nbytes > _LARGE


def _read_ahead(
    jobs: Sequence[Job], how: str, reader: ThreadPoolExecutor
) -> Iterator[tuple[Job, Callable[[], Future[tuple[Photo | Stack, str]]]]]:
    """Each job with what hands its picture over, once: nothing here holds it then. The next one is on its way, unless
    this one is large."""
    ahead = None
    for job, following in itertools.zip_longest(jobs, jobs[1:]):
        reading = ahead or reader.submit(_read, job.source, how)
        wait([reading])
        large = reading.exception() is None and _is_large(reading.result()[0])
        ahead = reader.submit(_read, following.source, how) if following and not large else None
        held = [reading]
        del reading
        yield job, held.pop


def _read(source: Path, how: str) -> tuple[Photo | Stack, str]:
    """The picture, and of what its result will be made: as it lay there before it was read."""
    try:
        origin = made_from(source, how)
    except OSError:  # opening it will say so
        origin = ""
    return open_picture(source), origin


def _write(photo: Photo, target: Path, force: bool, note: Any) -> Path:
    make_folder(target.parent)
    return save_photo(photo, target, force=force, about_to=note)


class _Outcomes:
    """What became of each job, and the one that is being written."""

    def __init__(self, plan: Plan) -> None:
        self.jobs = plan.already + plan.jobs
        self.already = set(plan.already)
        self.written: dict[Job, tuple[Path, Sequence[str]]] = {}
        self.failed: dict[Job, str] = {}
        self.writing: tuple[Job, Sequence[str], Future[Path]] | None = None

    def settle(self) -> None:
        """Wait until what is being written is written."""
        if self.writing:
            (job, notes, future), self.writing = self.writing, None
            with self.noting(job):
                self.written[job] = future.result(), notes

    @contextlib.contextmanager
    def noting(self, job: Job) -> Iterator[None]:
        """Failures that concern one picture end here; the others go on."""
        try:
            yield
        except (BadData, NotSupported, CannotHold) as error:  # a full or closed disk ends it: the others fail as well
            self.failed[job] = str(error)
        except MemoryError:
            self.failed[job] = f"memory does not suffice for {job.shown}; cut it into parts first"

    def done(self) -> Done:
        """In the order of the plan."""
        written = [(job, *self.written[job]) for job in self.jobs if job in self.written]
        return Done(
            [path for _, path, _ in written],
            [(job.shown, self.failed[job]) for job in self.jobs if job in self.failed],
            [f"{job.shown}: {note}" for job, _, notes in written for note in notes],
            [job.target for job in self.jobs if job in self.already],
        )


def reasons_of(done: Done) -> NarrowsError | None:
    """The error that a caller may raise where nothing could be restored."""
    if done.written or not done.failed:
        return None
    first = done.failed[0][1]
    more = f" (and {len(done.failed) - 1} more pictures failed)" if len(done.failed) > 1 else ""
    return BadData(first + more)
