"""`restore`, and one verb for each task: pictures in, the same files better."""

from __future__ import annotations

import contextlib
import inspect
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from narrows._errors import BadOption, NotSupported
from narrows.cli._fit import Language, name_and_value, plain_type
from narrows.cli._output import Output
from narrows.cli._parts import REQUIRED, UNKNOWN, Option, Part, parts_of
from narrows.cli._proof import Asked, Lang, Mapped, Page, Proved, Truth, beside, naming_filters
from narrows.cli._verb import warm_up

_MOST_SHOWN = 20
"""Pictures that failed, or of which there is something to be said, that are told one by one; --json has all."""

Pictures = Annotated[list[str], typer.Argument(metavar="PATH", help="Pictures, or folders of them.")]
Out = Annotated[
    Path | None,
    typer.Option("--out", help="Folder for the results, or one file for one picture.", show_default=False),
]
Strength = Annotated[
    float, typer.Option("--strength", help="0 is the original, 1 the whole correction, between is a blend.")
]
Careful = Annotated[
    bool,
    typer.Option(
        "--careful", help="Through the net eight times, flipped and turned, and the mean: about 0.1 dB better, eight "
        "times as long.",
    ),
]  # fmt: skip
Force = Annotated[bool, typer.Option("--force", help="Replace results that exist; never an original.")]
Recursive = Annotated[bool, typer.Option("--recursive/--no-recursive", help="Go into folders of folders.")]
ModelPlace = Annotated[str | None, typer.Option("--model", help="A model of yours, or a name from 'narrows models'.")]
Engine = Annotated[
    str, typer.Option("--engine", help="What computes the net: torch, or onnxruntime where that is installed.")
]
Options = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="An option of the model's task; repeatable.", show_default=False),
]

OnlyThis = Annotated[
    bool,
    typer.Option("--only-this", help="Learn from each picture alone, from random weights, and use no other model."),
]
Seconds = Annotated[
    float | None,
    typer.Option("--seconds", help="Training time a picture, with --only-this [default: 60].", show_default=False),
]


def restore(
    out: Output,
    paths: Pictures,
    model: Annotated[str, typer.Option("--model", help="The model's folder.", show_default=False)],
    to: Out = None,
    strength: Strength = 1.0,
    careful: Careful = False,
    options: Options = None,
    force: Force = False,
    recursive: Recursive = True,
    engine: Engine = "torch",
    proof: Proved = False,
    truth: Truth = None,
    map: Mapped = False,
    page: Page = None,
    lang: Lang = Language.en,
) -> dict[str, Any]:
    """Make pictures better with a model of yours.

    Without --out, results go into the folder restored/ here. Format, depth and all that files carry are kept, and
    nothing is replaced without --force.
    """
    chosen = dict(name_and_value(text) for text in options or [])
    asked = Asked(proof or truth is not None, truth, None, map, page, lang)
    return _restored(out, "restore", None, paths, to, strength, careful, force, recursive, model, engine, chosen, asked)


def task_verbs() -> dict[str, Callable[..., dict[str, Any]]]:
    """A verb for each task, made from its file."""
    from narrows._registry import tasks

    return {part.name: make_verb(part) for part in parts_of(tasks)}


def make_verb(part: Part) -> Callable[..., dict[str, Any]]:
    """The verb of one task: what all have, and the keyword-only arguments of its `prepare`."""
    shared = inspect.signature(_shared, eval_str=True).parameters
    mine = [parameter(option) for option in part.prepare if option.name not in shared]
    names = [one.name for one in mine]
    if part.facts.get("alone"):
        mine += inspect.signature(_alone, eval_str=True).parameters.values()
    own_filters = part.facts.get("classical", ())
    last = [
        naming_filters(one, own_filters) if one.name == "classical" and own_filters else one
        for one in inspect.signature(beside, eval_str=True).parameters.values()
    ]

    def work(out: Output, **given: Any) -> dict[str, Any]:
        own = {name: value for name in names if (value := given.pop(name)) is not None}
        asked = Asked.taken_from(given)
        only_this, seconds = given.pop("only_this", False), given.pop("seconds", None)
        if only_this:
            return _restored_alone(out, part.name, seconds, options=own, asked=asked, **given)
        if seconds is not None:
            raise BadOption(f"--seconds {seconds:g} is how long to learn from a picture alone: add --only-this")
        return _restored(out, part.name, part.name, options=own, asked=asked, **given)

    first, *rest = shared.values()
    parameters = [
        one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (first, rest[0], rest[1], *mine, *rest[2:], *last)
    ]
    work.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    work.__doc__ = (
        f"{part.help}\n\nWithout --out, results go into the folder {folder_of(part.name)}/ here. Format, depth and all "
        f"that files carry are kept, and nothing is replaced without --force."
    )
    work.__name__ = part.name
    return work


def _shared(
    out: Output,
    paths: Pictures,
    to: Out = None,
    strength: Strength = 1.0,
    careful: Careful = False,
    force: Force = False,
    recursive: Recursive = True,
    model: ModelPlace = None,
    engine: Engine = "torch",
) -> None:
    """The arguments that every task's verb has."""


def _alone(*, only_this: OnlyThis = False, seconds: Seconds = None) -> None:
    """The arguments of the verbs whose task can learn from one picture alone."""


def parameter(option: Option) -> inspect.Parameter:
    """An argument of `prepare` as an option of the verb. None is left to the task's own default."""
    name = "--" + option.name.replace("_", "-")
    names = (f"{name}/--no-{name[2:]}",) if plain_type(option.type) is bool else (name,)
    helps = option.help or option.name.replace("_", " ")
    if option.default not in (None, REQUIRED, UNKNOWN):
        helps += f" [default: {option.default}]"
    said = typer.Option(*names, help=helps[0].upper() + helps[1:], show_default=False)
    kind = inspect.Parameter.KEYWORD_ONLY
    read: Any = plain_type(option.type)
    if option.default is REQUIRED:
        return inspect.Parameter(option.name, kind, annotation=Annotated[read, said])
    return inspect.Parameter(option.name, kind, default=None, annotation=Annotated[read | None, said])


def folder_of(verb: str) -> str:
    """ "denoise" -> "denoised", "blur" -> "blurred": where results go unless --out is given."""
    doubled = verb[-1] if re.fullmatch(r"[^aeiou]+[aeiou][^aeiouwxy]", verb) else ""
    return verb + ("d" if verb.endswith("e") else doubled + "ed")


def _restored(
    out: Output,
    verb: str,
    task: str | None,
    paths: list[str],
    to: Path | None,
    strength: float,
    careful: bool,
    force: bool,
    recursive: bool,
    model: str | None,
    engine: str,
    options: dict[str, Any],
    asked: Asked,
    through: Callable[[Any], Any] | None = None,
    unusual: dict[str, Any] | None = None,
) -> dict[str, Any]:
    folder = to or Path(folder_of(verb))
    if to is None:
        out.note(f"results go to {folder}/ (--out chooses another folder)")
    warm_up()
    from narrows.cli._progress import counting
    from narrows.model import zoo
    from narrows.using.engines import check_engine
    from narrows.using.files import how_of, plan_files, restore_files

    check_engine(engine)
    place = zoo.place_of(model) if model else None
    asked.check(task or "reconstruct", place, force, careful=careful, engine=engine)
    if task and model:
        _check_task(task, model, place)
    task = task or "reconstruct"
    if asked.classical:
        through, unusual = asked.filter(task, strength, options), {"classical": asked.classical}
    if careful:
        options = options | {"careful": True}
    how = how_of(task, place, strength, options | (unusual or {}), engine)
    given = {name: Path(value) for name, value in options.items() if isinstance(value, (str, Path))}
    given |= {"truth": asked.truth} if asked.truth else {}
    plan = plan_files(paths, folder, how=how, force=force, recursive=recursive, given=given, maps=asked.map)
    asked.check_files((*plan.already, *plan.jobs), paths)
    say_left_out(out, plan.skipped)
    may_be_stack = any(job.source.suffix.lower() in (".tif", ".tiff") for job in plan.jobs)  # of which pages are told
    with counting(0 if through else len(plan.jobs), verb, also_one=may_be_stack) as tell:
        done = restore_files(
            plan, task=task, model=place, strength=strength, force=force, engine=engine,
            tell=lambda number, job: tell(number, job.shown), through=through, **options,
        )  # fmt: skip
    for note in done.notes[:_MOST_SHOWN]:
        out.note(note)
    if len(done.notes) > _MOST_SHOWN:
        out.note(f"and {len(done.notes) - _MOST_SHOWN} more notes, which --json lists")
    say_what_failed(out, done.failed, len(plan.jobs))
    if done.already:
        out.note(f"{len(done.already)} done already, by an earlier run of the same (--force makes them anew)")
    if done.written:
        where = done.written[0] if len(done.written) == 1 else folder
        out.say(f"{len(done.written)} of {len(plan.jobs)} written: {where}" if len(plan.jobs) > 1 else f"{where}")
    more = asked.deliver(
        out, (*plan.already, *plan.jobs), paths, verb=verb, task=task, model=place, force=force, strength=strength,
        options=options,
    )  # fmt: skip
    return {
        "written": done.written, "already": done.already, "failed": pairs(done.failed),
        "skipped": pairs(plan.skipped), "notes": done.notes,
    } | more  # fmt: skip


def _check_task(task: str, model: str, place: Any) -> None:
    """Raises BadOption where the model was made for another verb."""
    from narrows._registry import tasks
    from narrows.using.restore import model_for, task_of

    made_for = tasks.name_of(task_of(model_for(task, 3, place)))
    if made_for != task:
        verb = "restore" if made_for == "reconstruct" else made_for
        raise BadOption(f"--model {model} was made for {made_for}, not {task}: type narrows {verb} --model {model}")


def _restored_alone(
    out: Output, task: str, seconds: float | None, *, paths: list[str], to: Path | None, strength: float,
    careful: bool, force: bool, recursive: bool, model: str | None, engine: str, options: dict[str, Any], asked: Asked,
) -> dict[str, Any]:  # fmt: skip
    """Each picture by what it teaches itself."""
    for name, value in (("proof", asked.proof and not asked.truth), ("classical", asked.classical), ("map", asked.map)):
        if value:
            raise BadOption(
                f"--only-this says by itself how it compares, and keeps no model to judge: leave out --{name}"
            )
    if model is not None:
        raise BadOption(f"--only-this learns anew from each picture; leave out --model {model}")
    if careful:
        raise BadOption("--only-this is careful by itself, with pictures of up to four million values; leave it out")
    if engine != "torch":
        raise BadOption(f"--only-this learns, which is torch's work; leave out --engine {engine}")
    warm_up()
    from narrows.alone import SECONDS, Alone, restore_alone
    from narrows.cli._progress import following

    found: list[tuple[str, Alone]] = []
    trained = SECONDS if seconds is None else seconds
    with contextlib.ExitStack() as stack:
        follow = stack.enter_context(following())

        def through(photo: Any) -> Any:
            if strength == 0:
                return photo
            if photo.page:
                name = photo.path.name
                raise NotSupported(
                    f"--only-this learns from one picture, and {name} has {photo.page[1]} pages: learn from all of "
                    f"them with narrows fit {name} --task {task}"
                )
            made = restore_alone(photo, task=task, seconds=trained, strength=strength, progress=follow, **options)
            found.append((photo.path.name, made))
            for said in (*made.notes, made.verdict):
                out.note(f"{photo.path.name}: {said}")
            return made.photo

        unusual = {"only_this": True, "seconds": trained}
        done = _restored(
            out, task, task, paths, to, strength, False, force, recursive, None, "torch", options, asked, through,
            unusual,
        )  # fmt: skip
    alone = [
        {"file": name, "level": one.level, "steps": one.steps, "verdict": one.verdict, "gain": one.gain,
         "others": one.others} for name, one in found
    ]  # fmt: skip
    return done | {"alone": alone}


def say_what_failed(out: Output, failed: list[tuple[str, str]], count: int) -> None:
    """Each failure in a line, and the exit code that says there were some."""
    for _, why in failed[:_MOST_SHOWN]:
        out.note(f"narrows: {why}")
    if len(failed) > _MOST_SHOWN:
        out.note(f"narrows: and {len(failed) - _MOST_SHOWN} more, which --json lists")
    if failed:
        out.exit_code = 1
        if count > 1:
            out.note(f"narrows: {len(failed)} of {count} pictures failed")


def say_left_out(out: Output, skipped: Sequence[tuple[str, str]]) -> None:
    """What was not read, with its reason."""
    for name, why in skipped[:_MOST_SHOWN]:
        out.note(f"left out: {why}" if name in why else f"left out: {name}: {why}")
    if len(skipped) > _MOST_SHOWN:
        out.note(f"left out: {len(skipped) - _MOST_SHOWN} more, which --json lists")


def pairs(found: Any) -> list[dict[str, str]]:
    """(file, reason) for JSON."""
    return [{"file": name, "reason": why} for name, why in found]
