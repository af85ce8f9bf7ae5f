"""`auto`: looks at pictures, names what is wrong with them and which verb repairs it, and does it on request."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from narrows._errors import BadOption
from narrows.cli._output import Output
from narrows.cli._restore import Careful, Engine, Force, Out, Pictures, Recursive, pairs, say_left_out, say_what_failed
from narrows.cli._verb import warm_up

_FOLDER = Path("repaired")


def auto(
    out: Output,
    paths: Pictures,
    do: Annotated[bool, typer.Option("--do/--look", help="Repair what is wrong, or only say it.")] = False,
    to: Out = None,
    careful: Careful = False,
    force: Force = False,
    recursive: Recursive = True,
    engine: Engine = "torch",
) -> dict[str, Any]:
    """Say what is wrong with pictures, and repair it with --do.

    Noise, blur, JPEG blocks and darkness are looked for, each verb that helps is named, and good pictures are left
    alone. With --do, what has a model here is repaired, into the folder repaired/ unless --out is given; pictures with
    nothing wrong are not written. Of a TIFF of many pages the middle one is looked at, and all are repaired.
    """
    warm_up()
    from narrows.cli._progress import counting
    from narrows.data.stacks import Stack
    from narrows.measuring.diagnose import VERBS
    from narrows.measuring.repair import look_at, repair
    from narrows.using.engines import check_engine
    from narrows.using.files import Job, how_of, plan_files, restore_files

    check_engine(engine)
    if not do and (to is not None or careful):
        raise BadOption(f"{'--careful' if to is None else f'--out {to}'} came without --do, which repairs; add --do")
    options = {"careful": True} if careful else {}
    how = "".join(how_of(verb, None, 1.0, options, engine) for verb in VERBS.values())
    plan = plan_files(paths, (to or _FOLDER) if do else None, how=how, force=force, recursive=recursive)
    say_left_out(out, plan.skipped)
    found: dict[Job, dict[str, Any]] = {}

    def choose(job: Job, photo: Any) -> Callable[..., Any] | None:
        seen = look_at(photo.photo(len(photo) // 2) if isinstance(photo, Stack) else photo)
        wrong = [trouble._asdict() | {"verb": trouble.verb} for trouble in seen.troubles]
        found[job] = {"file": job.shown, "wrong": wrong, "done": list(seen.repairable) if do else []}
        out.say(_line(job, found[job], seen.without_model))
        if not found[job]["done"]:
            return None
        return lambda page, into=None: repair(page, seen, engine=engine, careful=careful)

    with counting(len(plan.jobs), "auto") as tell:
        done = restore_files(
            plan, force=force, engine=engine, tell=lambda number, job: tell(number, job.shown), choose=choose
        )
    say_what_failed(out, done.failed, len(plan.jobs))
    if done.already:
        out.note(f"{len(done.already)} done already, by an earlier run of the same (--force makes them anew)")
    written = set(done.written)
    pictures = [one | {"written": job.target if job.target in written else None} for job, one in found.items()]
    return {
        "pictures": pictures, "already": done.already, "failed": pairs(done.failed), "skipped": pairs(plan.skipped),
    }  # fmt: skip


def _line(job: Any, one: dict[str, Any], lacking: tuple[str, ...]) -> str:
    """A picture in one line: what is wrong, and what was done or is to be typed."""
    if not one["wrong"]:
        return f"{job.shown}: nothing wrong"
    wrong = "; ".join(trouble["sentence"] for trouble in one["wrong"])
    if one["done"]:
        then = f"{', then '.join(one['done'])}: {job.target}"
    else:
        verbs = [trouble["verb"] for trouble in one["wrong"]]
        then = "; ".join(f"narrows {verb} {shlex.quote(str(job.source))}" for verb in verbs if verb not in lacking)
    missing = "".join(f"; no model for {verb} ships yet (narrows fit ... --task {verb} trains one)" for verb in lacking)
    return f"{job.shown}: {wrong}" + (f" -> {then}" if then else "") + missing
