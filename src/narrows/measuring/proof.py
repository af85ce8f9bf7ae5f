"""What restoring somebody's pictures gained, beside the best classical filter: against the truth where it is given, and
else estimated without it.

Restored files are judged as they lie there, rounded and compressed. Filters work on the middle of each picture, where
the network is judged as well; where a mask says what to fill, on the middle of that. With truth, a filter's setting
is chosen on the other pictures; where there is one picture alone, on that one, which favors the filter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from narrows._contract import AbstractTask
from narrows._errors import BadData, BadOption
from narrows._registry import tasks
from narrows.data.fitting import convert_channels
from narrows.data.images import Photo
from narrows.data.stacks import telling_page
from narrows.data.triage import look_through, name_below, printable
from narrows.measuring.bottleneck import Verdict, judge_gains
from narrows.measuring.classical import filters_for
from narrows.measuring.classical._filter import ClassicalFilter, label
from narrows.measuring.damage import noise_facts
from narrows.measuring.filters import DEFAULT
from narrows.measuring.intervals import Interval, bootstrap
from narrows.measuring.metrics import METRICS
from narrows.measuring.without_truth import estimate_gains
from narrows.training.seeds import generator
from narrows.using.files import Job
from narrows.using.restore import enlarged, looked, model_for, restore_tensor, task_of

MOST = 12
"""Pictures that are judged, at even distances through all: a filter can take many seconds for one."""
_SIDE = 256
"""Pixels a side, at most, of the middle that is judged."""
_BLOCK = 16
"""Pixels a side of the blocks that are drawn anew where one picture alone is judged by its truth."""
_NEIGHBORS = (
    "neighboring pixels share their noise (JPEG, scaling, a camera's own smoothing): no estimate without truth holds"
)


class OfPicture(NamedTuple):
    """One picture's part."""

    name: str
    gain: Interval
    """Decibels that the result is nearer to the truth than what came."""
    over: Interval
    """Decibels over the filter."""
    filter: str
    """With its setting."""


class Proof(NamedTuple):
    """What was gained."""

    verdict: Verdict
    estimated: bool
    """Whether there was no truth."""
    gain: Interval
    over: Interval
    ssim: Interval | None
    """What SSIM gained; None without truth."""
    filter: str
    """The best classical filter, with its setting."""
    classical: str
    """The same as `--classical` takes it; empty where that takes none, as of filters that a mask is told."""
    pictures: tuple[OfPicture, ...]
    notes: tuple[str, ...]
    """(picture: why it says nothing)."""


def truth_of(jobs: Sequence[Job], roots: Sequence[str | Path], truth: Path) -> dict[Job, Path]:
    """The true picture of each job: of the same path below `truth` as below its root, without suffix; `truth` may be
    one file for one picture. Raises BadData where none is there."""
    if truth.is_file():
        if len(jobs) != 1:
            raise BadData(f"--truth {printable(truth)} is one picture and {len(jobs)} came; give a folder of them")
        return {jobs[0]: truth}
    results = {job.target.resolve() for job in jobs}
    pictures = [path for path in look_through(truth).pictures if path.resolve() not in results]
    known = {name_below(path, truth): path for path in pictures}
    found: dict[Job, Path] = {}
    for job in jobs:
        inside = [root for root in map(Path, roots) if root.is_dir() and job.source.is_relative_to(root)]
        path = known.get(name_below(job.source, inside[0] if inside else job.source.parent))
        if path is not None:
            found[job] = path
    if not found:
        raise BadData(
            f"no picture in {printable(truth)} has the name of one that is restored, such as "
            f"{printable(jobs[0].source.name)}; --truth takes a folder of the true pictures under the same names"
        )
    return found


def prove(
    jobs: Sequence[Job],
    *,
    task: str,
    model: Any = None,
    truth: dict[Job, Path] | None = None,
    strength: float = 1.0,
    options: dict[str, Any] | None = None,
    seed: int = 0,
    slow: bool = True,
    tell: Callable[[int, Job], None] | None = None,
) -> Proof:
    """Judge restored files, `job.target` beside `job.source`: by their `truth`, else by an estimate, which there is for
    noise alone. `strength` and `options` are what the restoring was told; `slow` lets BM3D take part, where it is
    installed.

    Raises BadOption where there is neither truth nor an estimate; BadData where no picture says anything.
    """
    chosen = _spread([job for job in jobs if truth is None or job in truth])
    if truth is None:
        check_estimate(task, model)
        return _estimated(chosen, task, model, (options or {}) | {"strength": strength}, seed, slow, tell)
    return _by_truth(chosen, task, model, truth, options or {}, seed, slow, tell)


def check_estimate(task: str, model: Any = None) -> None:
    """Raises BadOption for tasks whose gain nobody can estimate without truth."""
    name = tasks.name_of(task_of(model_for(task, 3, model))) if model is not None else task
    if name != "denoise":
        raise BadOption(
            f"--proof of {name} came without --truth; a gain without the true pictures can be estimated for denoise "
            f"alone: add --truth FOLDER"
        )


def _spread(jobs: list[Job]) -> list[Job]:
    wanted = min(len(jobs), MOST)
    return [jobs[i * len(jobs) // wanted] for i in range(wanted)]


def _filters(task: AbstractTask, slow: bool) -> list[ClassicalFilter]:
    return filters_for(task.classical, slow=slow) or filters_for(DEFAULT)


# With truth


class _Case(NamedTuple):
    """The middle of one picture: as it came, as it was restored, as it should be."""

    before: Tensor
    after: Tensor
    truth: Tensor
    extra: Tensor
    """Channels beside it, for filters that see them."""

    def by(self, one: ClassicalFilter, setting: Any) -> Tensor:
        """What a filter makes of it."""
        seen = torch.cat([self.before, self.extra]) if one.sees_extra else self.before
        return one.apply(seen, setting).clamp(0, 1)


def _by_truth(
    jobs: list[Job], task: str, model: Any, truth: dict[Job, Path], options: dict[str, Any], seed: int, slow: bool,
    tell: Callable[[int, Job], None] | None,
) -> Proof:  # fmt: skip
    kept, cases, tables, notes = [], [], [], []
    for number, job in enumerate(jobs):
        if tell:
            tell(number, job)
        try:
            case, filters = _case(job, truth[job], task, model, options, slow)
        except BadData as error:
            notes.append(str(error))
            continue
        kept.append(job)
        cases.append(case)
        tables.append(
            {(one, setting): _psnr(case.by(one, setting), case.truth) for one in filters for setting in one.settings}
        )
    if not cases:
        raise BadData(f"no picture can be judged by its truth: {'; '.join(notes[:2])}")
    random = generator(seed, "proof")
    best = _favorite(tables)
    pictures, overs, gains, owns, ssims = [], [], [], [], []
    for at, (job, case) in enumerate(zip(kept, cases, strict=True)):
        key = _favorite(tables[:at] + tables[at + 1 :] or tables)
        blocks = _blocks(case, case.by(*key))
        gain, over = (_of_blocks(blocks, which, random) for which in ("before", "filtered"))
        gains.append(gain)
        overs.append(over)
        owns.append(_of_blocks(blocks, "before", random, of="filtered"))
        ssims.append(_ssim(case.after, case.truth) - _ssim(case.before, case.truth))
        pictures.append(OfPicture(job.shown, gain, over, label(key[0].title, key[1])))
    gain, over, own = (
        found[0] if len(found) == 1 else bootstrap(torch.tensor([one.value for one in found]), generator=random)
        for found in (gains, overs, owns)
    )
    title = label(best[0].title, best[1])
    verdict = judge_gains(gain, over, own, title, len(cases), "gain by truth")
    return Proof(
        verdict, False, gain, over, bootstrap(torch.tensor(ssims), generator=random), title, _option(*best),
        tuple(pictures), tuple(notes),
    )  # fmt: skip


def _case(
    job: Job, truth: Path, task: str, model: Any, options: dict[str, Any], slow: bool
) -> tuple[_Case, list[ClassicalFilter]]:
    """With the filters it is set beside. Raises BadData where the three are not of one size."""
    before = telling_page(job.source)
    after, true = (telling_page(path, before) for path in (job.target, truth))
    own = task_of(model_for(task, before.colours, model))
    if true.shape[1:] != after.shape[1:]:
        raise BadData(
            f"{printable(truth)} has {_spelt(true)} and the restored {job.shown} {_spelt(after)}: no truth of it"
        )
    window, size = enlarged(own, lambda rows, cols: before.tensor(rows, cols)[None], before.shape[1:])
    if size != after.shape[1:]:
        raise BadData(f"{job.shown} changes its size, so that what came cannot be judged beside it")
    filters, channels = _filters(own, slow), before.shape[0]
    extra, centre = torch.empty(0, *size), (size[0] // 2, size[1] // 2)
    if any(one.sees_extra for one in filters):
        whole = before.tensor()[None]
        told = looked(own, lambda rows, cols: whole[..., rows, cols], size, options)
        extra = own.prepare(whole, **told)[0, channels:]
        marked = extra.any(0).nonzero()
        centre = marked[len(marked) // 2].tolist()
    starts = (max(0, min(at - _SIDE // 2, n - _SIDE)) for at, n in zip(centre, size, strict=True))
    rows, cols = (slice(start, min(n, start + _SIDE)) for start, n in zip(starts, size, strict=True))
    case = _Case(
        window(rows, cols)[0],
        convert_channels(after.tensor(rows, cols), channels),
        convert_channels(true.tensor(rows, cols), channels),
        extra[:, rows, cols],
    )
    return case, filters


def _spelt(photo: Photo) -> str:
    return f"{photo.shape[1]}x{photo.shape[2]} pixels"


def _favorite(tables: list[dict[tuple[ClassicalFilter, Any], float]]) -> tuple[ClassicalFilter, Any]:
    """The filter and setting that did best on these pictures."""
    return max(tables[0], key=lambda key: sum(table[key] for table in tables))


def _option(one: ClassicalFilter, setting: Any) -> str:
    if one.sees_extra:
        return ""
    if setting is None:
        return one.name
    numbers = setting if isinstance(setting, tuple) else (setting,)
    return f"{one.name}={','.join(f'{number:g}' for number in numbers)}"


def _psnr(result: Tensor, truth: Tensor) -> float:
    return float(METRICS["psnr"].of(result[None], truth[None]))


def _ssim(result: Tensor, truth: Tensor) -> float:
    return float(METRICS["ssim"].of(result.clamp(0, 1)[None], truth[None]))


def _blocks(case: _Case, filtered: Tensor) -> dict[str, Tensor]:
    """Squared errors, sums over blocks, those at the edge smaller: N each."""

    def of(result: Tensor) -> Tensor:
        error = (result.clamp(0, 1) - case.truth).square().mean(0, keepdim=True)[None]
        height, width = error.shape[2:]
        return F.avg_pool2d(F.pad(error, (0, -width % _BLOCK, 0, -height % _BLOCK)), _BLOCK).flatten().double()

    return {"before": of(case.before), "after": of(case.after), "filtered": of(filtered)}


def _of_blocks(
    blocks: dict[str, Tensor], over: str, random: torch.Generator, *, of: str = "after", repeats: int = 1000
) -> Interval:
    """Decibels of one over another: the whole, and where it lies in 95 of 100 draws of as many blocks."""
    one, other = blocks[of], blocks[over]
    drawn = torch.randint(len(one), (repeats, len(one)), generator=random)
    tiny = 1e-12
    values = 10 * ((other[drawn].mean(1) + tiny) / (one[drawn].mean(1) + tiny)).log10()
    low, high = torch.quantile(values, torch.tensor([0.025, 0.975], dtype=values.dtype)).tolist()
    value = float(10 * ((other.mean() + tiny) / (one.mean() + tiny)).log10())
    return Interval(value, min(low, value), max(high, value))


# Without truth


def _estimated(
    jobs: list[Job], task: str, model: Any, options: dict[str, Any], seed: int, slow: bool,
    tell: Callable[[int, Job], None] | None,
) -> Proof:  # fmt: skip
    notes: list[str] = []
    found: list[tuple[Job, dict[str, tuple[Any, Interval, Interval]], Interval]] = []
    filters: list[ClassicalFilter] = []
    for number, job in enumerate(jobs):
        if tell:
            tell(number, job)
        photo = telling_page(job.source)
        use, picture = model_for(task, photo.colours, model), photo.middle(_SIDE)
        picture = picture[:1] if photo.is_grey else picture
        filters = filters or _filters(task_of(use), slow)
        facts = noise_facts([picture])
        if facts is not None and facts.is_alike and options.get("level") is None:
            notes.append(f"{job.shown}: {_NEIGHBORS}")
            continue
        if photo.page:
            notes.append(f"{job.shown}: of its {photo.page[1]} pages, page {photo.page[0]} is looked at")
        try:
            found.append((job, *_estimates(picture, use, filters, options, generator(seed, "proof", number))))
        except BadData as error:
            notes.append(f"{job.shown}: {error}")
    if not found:
        raise BadData(f"no gain can be estimated without truth (--truth FOLDER gives it): {'; '.join(notes[:2])}")
    best = max(filters, key=lambda one: sum(each[one.name][1].value for _, each, _ in found))
    pictures = [
        OfPicture(job.shown, gain, each[best.name][2], label(best.title, each[best.name][0]))
        for job, each, gain in found
    ]
    gain, over = (_mean([getattr(one, name) for one in pictures]) for name in ("gain", "over"))
    own = _mean([each[best.name][1] for _, each, _ in found])
    title = pictures[0].filter if len(pictures) == 1 else best.title
    verdict = judge_gains(gain, over, own, title, len(pictures), "gain estimated")
    setting = next(iter(found))[1][best.name][0] if len(found) == 1 else None
    return Proof(
        verdict, True, gain, over, None, title, _option(best, setting), tuple(pictures), tuple(notes)
    )  # fmt: skip


def _estimates(
    picture: Tensor, model: Any, filters: list[ClassicalFilter], options: dict[str, Any], random: torch.Generator
) -> tuple[dict[str, tuple[Any, Interval, Interval]], Interval]:
    """Filter to (its best setting, gain, the network's gain over it), and the network's gain."""

    def network(seen: Tensor) -> Tensor:
        return restore_tensor(model, seen[None], **options)[0]

    def by(one: ClassicalFilter, setting: Any) -> Callable[[Tensor], Tensor]:
        return lambda seen: one.apply(seen, setting).clamp(0, 1)

    others = {(one.name, setting): by(one, setting) for one in filters for setting in one.settings}
    named = {f"{name} {setting}": (name, setting) for name, setting in others}
    gains = estimate_gains(
        picture, network, {text: others[key] for text, key in named.items()}, generator=random,
        level=options.get("level"),
    )  # fmt: skip
    best: dict[str, tuple[Any, Interval, Interval]] = {}
    for text, (name, setting) in named.items():
        if name not in best or gains.gains[text].value > best[name][1].value:
            best[name] = setting, gains.gains[text], gains.overs[text]
    return best, gains.gains["network"]


def _mean(intervals: list[Interval]) -> Interval:
    """Of estimates that may all be off alike: their half widths do not shrink with their number."""
    value = sum(one.value for one in intervals) / len(intervals)
    below = sum(one.value - one.low for one in intervals) / len(intervals)
    above = sum(one.high - one.value for one in intervals) / len(intervals)
    return Interval(value, value - below, value + above)
