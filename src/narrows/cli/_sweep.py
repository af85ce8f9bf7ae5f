"""`narrows size` and `narrows tune`: sweeps over many fits of one data set."""

from __future__ import annotations

import inspect
import math
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from narrows.cli._fit import Language, name_and_value, option_names, parameter, settings, whole_numbers
from narrows.cli._output import Output
from narrows.cli._verb import command_line, warm_up

_NOT_OPTIONS = {
    "code_size", "minutes", "epochs", "begin_with", "twin", "devices", "task", "patience", "learn_from", "like",
    "check_pairs",
}  # fmt: skip
"""Settings of `fit` that a sweep sets itself, or that have no meaning in one."""

Data = Annotated[list[str], typer.Argument(metavar="DATA", help="Folders, pictures, or one table (CSV, .npy, IDX).")]
Minutes = Annotated[float, typer.Option(help="Training time of all trials together.")]
Force = Annotated[bool, typer.Option("--force", help="Replace a finished sweep, or one of other settings.")]
Options = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="An option of the kind or net; repeatable."),
]


def make_size() -> Callable[..., dict[str, Any] | None]:
    """The verb, with the settings of `fit` that a sweep leaves free."""

    def size(
        out: Output,
        data: Data,
        to: Annotated[
            Path | None, typer.Option("--out", help="Folder of the sweep. [default: DATA-size]", show_default=False)
        ] = None,
        minutes: Minutes = 20.0,
        largest: Annotated[
            int | None,
            typer.Option(help="The largest size tried. [default: half of the values, 256 at most; all of up to 32]"),
        ] = None,
        seeds: Annotated[int, typer.Option(min=1, help="Seeds for the size in question and its neighbours.")] = 3,
        options: Options = None,
        lang: Annotated[Language, typer.Option(help="Language of the page.")] = Language.en,
        force: Force = False,
        **given: Any,
    ) -> dict[str, Any] | None:
        return _size(out, data, to, minutes, largest, seeds, options or [], lang.value, force, given)

    size.__doc__ = (
        "Tell how big a code your data need, with evidence.\n\n"
        "Nets of many code sizes are trained until their held-out error stops falling, with PCA at each size, and "
        "the data are asked for their own dimension. Gives a sentence and a page. After Ctrl-C, a crash or a power cut "
        "the same command goes on. Needs Optuna: pip install 'narrows[sweep]'."
    )
    return _with_settings(size, _NOT_OPTIONS)


def make_tune() -> Callable[..., dict[str, Any] | None]:
    """The verb, with the settings of `fit`; those that are said are not tuned."""

    def tune(
        out: Output,
        data: Data,
        to: Annotated[
            Path | None, typer.Option("--out", help="Folder of the sweep. [default: DATA-tune]", show_default=False)
        ] = None,
        minutes: Minutes = 20.0,
        trials: Annotated[int, typer.Option(min=2, help="How many nets are tried, each for the same time.")] = 24,
        options: Options = None,
        force: Force = False,
        **given: Any,
    ) -> dict[str, Any] | None:
        return _tune(out, data, to, minutes, trials, options or [], force, given)

    tune.__doc__ = (
        "Find layers, nodes, loss and learning rate for your data.\n\n"
        "What you say is not tuned. Validation examples choose; held-out ones, which chose nothing, say what was "
        "gained over the defaults. After an interruption the same command goes on. Needs Optuna: "
        "pip install 'narrows[sweep]'."
    )
    return _with_settings(tune, _NOT_OPTIONS - {"code_size"} | {"steps"})


def _with_settings(work: Callable[..., Any], but: set[str]) -> Callable[..., Any]:
    signature = inspect.signature(work, eval_str=True)
    own = [one for one in signature.parameters.values() if one.kind is not inspect.Parameter.VAR_KEYWORD]
    made = [parameter(field) for field in settings() if field.name not in but]
    parameters = [one.replace(kind=inspect.Parameter.KEYWORD_ONLY) for one in (*own, *made)]
    work.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return work


def _chosen(given: dict[str, Any], options: list[str]) -> dict[str, Any]:
    chosen = {name: value for name, value in given.items() if value is not None}
    if "n_nodes" in chosen:
        chosen["n_nodes"] = whole_numbers(chosen["n_nodes"], "--n-nodes", ",", "512 or 512,256")
    if "size" in chosen:
        sides = whole_numbers(chosen["size"], "--size", "x", "64x64")
        chosen["size"] = (sides, sides) if isinstance(sides, int) else sides
    if options:
        chosen["options"] = dict(name_and_value(text) for text in options)
    return chosen


def _folder(out: Output, data: list[str], to: Path | None, what: str) -> Path:
    path = Path(data[0]).absolute()
    folder = to or Path(f"{path.name if path.is_dir() else path.name.split('.')[0] or 'my'}-{what}")
    if to is None:
        out.note(f"the sweep goes to {folder} (--out chooses another folder)")
    return folder


def _size(
    out: Output, data: list[str], to: Path | None, minutes: float, largest: int | None, seeds: int,
    options: list[str], lang: str, force: bool, given: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    chosen, folder = _chosen(given, options), _folder(out, data, to, "size")
    warm_up()
    from narrows import sweep
    from narrows.cli._progress import sweeping

    with sweeping() as progress:
        found = sweep.size(
            data if len(data) > 1 else data[0], out=folder, minutes=minutes, largest=largest, seeds=seeds,
            force=force, lang=lang, command=command_line(out.argv), progress=progress, **chosen,
        )  # fmt: skip
    verdict, seen = found.verdict, found.dimensions
    sentence = verdict.sentence(lang)
    out.say(sentence)
    out.table(
        ("code size", "held-out error", "PCA", "training error", "seeds", ""),
        [
            (
                str(one.size), f"{one.error:.4g}", f"{one.pca:.4g}", f"{one.training:.4g}", str(len(one.errors)),
                "one round" if math.isnan(one.half) else "still falling" if one.falling else "",
            )
            for one in found.tried
        ],
        right=(0, 1, 2, 3, 4),
    )  # fmt: skip
    out.say(f"page:   {found.page}")
    use = _use(data, given | {"steps": None}, options, f"--code-size {verdict.code_size}")
    out.say(f"use it: {use}")
    return {
        "verdict": {
            "code_size": verdict.code_size, "interval": [int(verdict.interval.low), int(verdict.interval.high)],
            "decided": verdict.decided, "reason": verdict.reason, "doubt": verdict.doubt, "sentence": sentence,
        },
        "sizes": [
            {
                "code_size": one.size, "error": one.error, "pca": one.pca, "training": one.training,
                "half": None if one.half != one.half else one.half, "memorised": one.memorised,
                "falling": one.falling, "seeds": len(one.errors), "seconds": one.seconds,
            }
            for one in found.tried
        ],
        "dimension": {
            "local": None if seen.local is None else seen.local._asdict(), "gap": seen.gap,
            "twonn": seen.twonn._asdict(), "linear": seen.linear, "elbow": seen.elbow,
            "participation": seen.participation,
        },
        "noise": found.noise, "page": found.page, "seconds": found.seconds, "use": use,
    }  # fmt: skip


def _tune(
    out: Output, data: list[str], to: Path | None, minutes: float, trials: int, options: list[str], force: bool,
    given: dict[str, Any],
) -> dict[str, Any]:  # fmt: skip
    chosen, folder = _chosen(given, options), _folder(out, data, to, "tune")
    warm_up()
    from narrows import sweep
    from narrows.cli._progress import sweeping

    with sweeping() as progress:
        found = sweep.tune(
            data if len(data) > 1 else data[0], out=folder, minutes=minutes, trials=trials, force=force,
            progress=progress, **chosen,
        )  # fmt: skip
    best = dict(found.best)
    said = " ".join(f"--{name.replace('_', '-')} {_short(value)}" for name, value in best.items())
    outcome = "better than the defaults" if found.decided else "no better than the defaults can be shown"
    beside = "and the defaults could not be trained"
    if found.ratio is not None:
        beside = f"{found.ratio} of the defaults': {outcome}"
    sentence = (
        f"The best of {len(found.trials)} nets has {said or 'the defaults'}: held-out error {found.error}, {beside}."
    )
    out.say(sentence)
    use = _use(data, given, options, said)
    out.say(f"use it: {use}")
    return {
        "best": best, "error": found.error._asdict(), "decided": found.decided,
        "ratio": None if found.ratio is None else found.ratio._asdict(),
        "sentence": sentence, "trials": found.trials, "use": use,
    }  # fmt: skip


def _use(data: list[str], given: dict[str, Any], options: list[str], found: str) -> str:
    """The fit that a sweep leads to: what was said to it, and what it found."""
    words = ["narrows", "fit", *data]
    for field in settings():
        value = given.get(field.name)
        names = option_names(field)[0].split("/")
        if isinstance(value, bool):
            words += [names[0] if value else names[-1]]
        elif value is not None:
            words += [names[0], str(value)]
    for text in options:
        words += ["--set", text]
    return f"{shlex.join(words)} {found}".rstrip()


def _short(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)
