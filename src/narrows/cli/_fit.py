"""`narrows fit`: its options are the fields of the two settings classes, read from their files with `ast`."""

from __future__ import annotations

import inspect
import json
import shlex
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from narrows._errors import BadOption
from narrows.cli._output import Output
from narrows.cli._parts import UNKNOWN, Option, fields_of
from narrows.cli._sharing import is_first, share
from narrows.cli._verb import as_module, command_line, warm_up
from narrows.training.ranks import launched

_PACKAGE = Path(__file__).parents[1]
_SPOKEN = {"architecture": ("--arch", "--architecture"), "begin_with": ("--from",)}
"""Fields whose option has another name than the field's own."""
_NOT_OPTIONS = {"options"}
_FIRST = (
    "kind", "architecture", "code_size", "n_layers", "n_nodes", "loss", "task", "minutes", "epochs", "steps", "seed",
)  # fmt: skip
_TYPES = {"int": int, "float": float, "bool": bool, "str": str, "Path": Path}


class Language(StrEnum):
    """Of reports and pages."""

    en = "en"
    vi = "vi"


def settings() -> list[Option]:
    """Every field that is an option, the ones that one needs most first."""
    fields = [
        *fields_of(_PACKAGE / "_fit" / "settings.py", "FitSettings"),
        *fields_of(_PACKAGE / "training" / "config.py", "TrainingConfig"),
    ]
    kept = [field for field in fields if field.name not in _NOT_OPTIONS]
    return sorted(kept, key=lambda one: _FIRST.index(one.name) if one.name in _FIRST else len(_FIRST))


def option_names(field: Option) -> tuple[str, ...]:
    """--code-size, or --twin/--no-twin for a yes or no."""
    names = _SPOKEN.get(field.name, ("--" + field.name.replace("_", "-"),))
    return (f"{names[0]}/--no-{names[0][2:]}",) if field.type == "bool" else names


def plain_type(written: str) -> type:
    """The type that the command line reads, for an annotation as it is written; text for what is put together."""
    alone = [part.strip() for part in written.split("|") if part.strip() != "None"]
    return _TYPES.get(alone[0], str) if len(alone) == 1 else str


def parameter(field: Option) -> inspect.Parameter:
    """A field as a parameter of the command; None is what was not said."""
    helps = field.help.replace("`", "") or field.name.replace("_", " ")
    if field.default not in (None, UNKNOWN, False):
        shown = str(field.default).lower() if field.type == "bool" else field.default
        helps += f" [default: {shown}]"
    option = typer.Option(*option_names(field), help=helps, show_default=False)
    read = plain_type(field.type) | None  # type: ignore[operator]
    return inspect.Parameter(
        field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[read, option]
    )


def make_fit() -> Callable[..., dict[str, Any] | None]:
    """The verb, with one option for each setting."""

    def fit(
        out: Output,
        data: Annotated[
            list[str] | None,
            typer.Argument(
                metavar="DATA",
                help="Folders, pictures (of a TIFF every page), or one table (CSV, .npy, .npz, IDX).",
                callback=_data_or_pairs,
                show_default=False,
            ),
        ] = None,
        pairs: Annotated[
            tuple[str, str] | None,
            typer.Option(
                "--pairs",
                metavar="BEFORE AFTER",
                help="Instead of DATA: two folders whose pictures have the same names, the second what becomes of the "
                "first.",
                is_eager=True,
                show_default=False,
            ),
        ] = None,
        to: Annotated[
            Path | None, typer.Option("--out", help="Folder of the model. [default: DATA-model]", show_default=False)
        ] = None,
        options: Annotated[
            list[str] | None,
            typer.Option("--set", metavar="NAME=VALUE", help="An option of the kind, task or net; repeatable."),
        ] = None,
        lang: Annotated[Language, typer.Option(help="Language of the report.")] = Language.en,
        force: Annotated[
            bool, typer.Option("--force", help="Replace a finished model, or a run of other settings.")
        ] = False,
        **given: Any,
    ) -> dict[str, Any] | None:
        return _fit(out, data or [], pairs, to, options or [], lang.value, force, given)

    signature = inspect.signature(fit, eval_str=True)
    own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    made = [parameter(field) for field in settings()]
    head, tail = own[:3], own[3:]
    fit.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*head, *made, *tail)]
    )
    fit.__doc__ = (
        "Train an autoencoder on your pictures or table, and judge it.\n\n"
        "Whatever is not said is chosen from the data, and the report says what and why. The budget is --minutes, "
        "--epochs or --steps: 5 minutes unless said. After Ctrl-C, a crash or a power cut the same command goes on."
    )
    return fit


def _data_or_pairs(ctx: typer.Context, value: list[str] | None) -> list[str] | None:
    """One of the two; --pairs has been read by now."""
    if ctx.resilient_parsing or bool(value) != bool(ctx.params.get("pairs")):
        return value
    raise typer.BadParameter("give DATA, or --pairs BEFORE AFTER" + (", not both" if value else ""))


def _fit(
    out: Output, data: list[str], pairs: tuple[str, str] | None, to: Path | None, options: list[str], lang: str,
    force: bool, given: dict[str, Any],
) -> dict[str, Any] | None:  # fmt: skip
    if (given.get("devices") or 1) > 1:
        if not launched():
            raise SystemExit(share(out.argv, given["devices"], as_module()))
        out.silent = not is_first()
    chosen = {name: value for name, value in given.items() if value is not None}
    chosen |= {"options": dict(name_and_value(text) for text in options)}
    if "n_nodes" in chosen:
        chosen["n_nodes"] = whole_numbers(chosen["n_nodes"], "--n-nodes", ",", "512 or 512,256")
    if "size" in chosen:
        sides = whole_numbers(chosen["size"], "--size", "x", "64x64")
        chosen["size"] = (sides, sides) if isinstance(sides, int) else sides
    folder = to or Path(f"{stem(pairs[0] if pairs else data[0])}-model")
    if to is None:
        out.note(f"the model goes to {folder} (--out chooses another folder)")
    if chosen.get("kind") == "denoising":
        out.note(
            "the kind denoising hides parts of its input so that codes become robust; to repair photographs, "
            "--task denoise"
        )
    warm_up()
    import narrows
    from narrows.cli._progress import following

    command = command_line(out.argv)
    with following(lang) as progress:
        found = narrows.fit(
            None if pairs else data if len(data) > 1 else data[0], pairs=pairs, out=folder, force=force, lang=lang,
            command=command, progress=progress, **chosen,
        )  # fmt: skip
    return _told(out, found, folder, lang)


def _told(out: Output, found: Any, folder: Path, lang: str) -> dict[str, Any]:
    """The end of a run, in words and for machines."""
    judged = found.judgement
    verdict = judged.verdict.sentence(lang) if judged else "nothing was held out, so nothing can be judged"
    if not found.model.model.task.has_truth:
        verdict = "not judged: no clean pictures to judge by; look at the results on pictures that it has not seen"
    with_code = found.model.code_size is not None
    new = "NEW-PICTURES" if found.model.card["form"] == "picture" else "NEW-ROWS.csv"
    place = shlex.quote(str(folder))
    use = (
        f"narrows encode {place} {new} --out codes.csv"
        if with_code and found.model.card["task"]["name"] == "reconstruct"
        else f"narrows restore NEW-PICTURES --model {place} --out restored"
    )
    for remark in (*found.model.card["data"]["notes"], *found.history.remarks):
        out.note(remark)
    out.say(verdict)
    out.say(f"report: {found.report}")
    out.say(f"model:  {found.folder}")
    out.say(f"use it: {use}")
    card = found.model.card
    return {
        "model": found.folder,
        "report": found.report,
        "verdict": None if judged is None else {
            "sentence": verdict, "winner": judged.verdict.winner, "decided": judged.verdict.decided,
            "ratio": _ends(judged.verdict.ratio), "gain": _ends(judged.verdict.gain),
        },
        "scores": card["scores"],
        **{name: card[name] for name in ("kind", "architecture", "task", "loss", "shape")},
        "reasons": card["about"]["reasons"],
        "data": card["data"],
        "steps": card["training"].get("total"),
        "seconds": found.history.seconds,
        "remarks": found.history.remarks,
        "use": use,
    }  # fmt: skip


def _ends(interval: Any) -> dict[str, float] | None:
    return None if interval is None else interval._asdict()


def stem(data: str) -> str:
    """A name for the model of these data."""
    path = Path(data).absolute()
    return path.name if path.is_dir() else path.name.split(".")[0] or "my"


def name_and_value(text: str) -> tuple[str, Any]:
    """ "beta=4" -> ("beta", 4): numbers, true, false, none and lists are read as such, everything else is text."""
    name, mark, value = text.partition("=")
    if not mark or not name.strip():
        raise BadOption(f"--set {text!r}; it takes NAME=VALUE, such as --set beta=4")
    name = name.strip().replace("-", "_")
    if "," in value and value[:1] not in '[{"':  # 8,5,5 and (8, 5, 5) are lists as [8,5,5] is
        written = f"[{value.strip().removeprefix('(').removesuffix(')').rstrip(', ')}]"
    else:
        written = {"none": "null", "None": "null", "True": "true", "False": "false"}.get(value, value)
    try:
        read = json.loads(written)
    except ValueError:
        return name, value
    return name, tuple(read) if isinstance(read, list) else read


def whole_numbers(text: str, option: str, mark: str, example: str) -> int | tuple[int, ...]:
    """ "128" -> 128, "128,64" -> (128, 64). Raises BadOption."""
    try:
        found = tuple(int(part) for part in text.lower().split(mark))
    except ValueError as error:
        raise BadOption(f"{option} {text}; it takes {example}") from error
    return found[0] if len(found) == 1 else found
