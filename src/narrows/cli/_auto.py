"""`auto`: looks at pictures, names what is wrong with them and which verb repairs it, and does it on request."""

from __future__ import annotations

import functools
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from narrows.cli._output import Output
from narrows.cli._restore import Force, Out, Pictures, Recursive, pairs, say_left_out
from narrows.cli._verb import warm_up

_FOLDER = Path("repaired")


def auto(
    out: Output,
    paths: Pictures,
    do: Annotated[bool, typer.Option("--do/--look", help="Repair what is wrong, or only say it.")] = False,
    to: Out = None,
    force: Force = False,
    recursive: Recursive = True,
) -> dict[str, Any]:
    """Say what is wrong with pictures, and repair it with --do.

    Noise, blur, JPEG blocks and darkness are looked for, each verb that helps is named, and good pictures are left
    alone. With --do, what has a model here is repaired, into the folder repaired/ unless --out is given; pictures with
    nothing wrong are not written. Of a TIFF of many pages the middle one is looked at, and all are repaired.
    """
    warm_up()
    from narrows._errors import BadData, CannotWrite
    from narrows.cli._progress import counting
    from narrows.data.images import save_photo
    from narrows.data.stack_saving import save_stack
    from narrows.data.stacks import Stack, open_picture
    from narrows.measuring.repair import look_at, repair
    from narrows.using.files import plan_files

    folder = to or _FOLDER
    # What is only looked at has no results that could meet those of other pictures.
    plan = plan_files(paths, folder, force=force or not do, recursive=recursive)
    say_left_out(out, plan.skipped)
    found: list[dict[str, Any]] = []
    failed: list[tuple[str, str]] = []
    with counting(len(plan.jobs), "auto") as tell:
        for number, job in enumerate(plan.jobs):
            tell(number, job.shown)
            try:
                photo = open_picture(job.source)
                seen = look_at(photo.photo(len(photo) // 2) if isinstance(photo, Stack) else photo)
                one: dict[str, Any] = {
                    "file": job.shown,
                    "wrong": [trouble._asdict() | {"verb": trouble.verb} for trouble in seen.troubles],
                    "done": [], "written": None,
                }  # fmt: skip
                if do and seen.repairable:
                    one["done"], target = list(seen.repairable), _made(job.target)
                    if isinstance(photo, Stack):
                        each = functools.partial(_repaired, seen)
                        one["written"] = save_stack(photo, target, each, force=force)
                    else:
                        one["written"] = save_photo(repair(photo, seen), target, force=force)
            except BadData as error:
                failed.append((job.shown, str(error)))
                continue
            except CannotWrite as error:
                if "cannot hold" not in str(error):  # a full disk ends it
                    raise
                failed.append((job.shown, str(error)))
                continue
            found.append(one)
            out.say(_line(job.shown, str(job.source), one, seen.without_model, do))
    for _, why in failed:
        out.note(f"narrows: {why}")
    out.exit_code = 1 if failed else 0
    return {"pictures": found, "failed": pairs(failed), "skipped": pairs(plan.skipped)}


def _repaired(seen: Any, photo: Any, _: Any) -> Any:
    """A page, by what was seen on another."""
    from narrows.measuring.repair import repair

    return repair(photo, seen)


def _made(target: Path) -> Path:
    from narrows._files import make_folder

    make_folder(target.parent)
    return target


def _line(shown: str, source: str, one: dict[str, Any], lacking: tuple[str, ...], do: bool) -> str:
    """A picture in one line: what is wrong, and what was done or is to be typed."""
    if not one["wrong"]:
        return f"{shown}: nothing wrong"
    wrong = "; ".join(trouble["sentence"] for trouble in one["wrong"])
    if do and one["written"] is not None:
        then = f"{', then '.join(one['done'])}: {one['written']}"
    else:
        verbs = [trouble["verb"] for trouble in one["wrong"]]
        then = "; ".join(f"narrows {verb} {shlex.quote(source)}" for verb in verbs if verb not in lacking)
    missing = "".join(f"; no model for {verb} ships yet (narrows fit ... --task {verb} trains one)" for verb in lacking)
    return f"{shown}: {wrong}" + (f" -> {then}" if then else "") + missing
