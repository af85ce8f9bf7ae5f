"""Looking at models, data and what there is: info, evaluate, kinds, tasks, models, demo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from narrows.cli._fit import Language
from narrows.cli._output import Output
from narrows.cli._parts import UNKNOWN, Option, Part, parts_of
from narrows.cli._restore import pairs, say_left_out
from narrows.cli._using import Data, ModelPlace
from narrows.cli._verb import command_line, warm_up


def info(out: Output, model: ModelPlace) -> dict[str, Any]:
    """Show what a model is, layer by layer.

    From input to code and back: shapes, values, parameters, multiply-adds, and milliseconds per picture here.
    """
    warm_up()
    from narrows.measuring.layers import layers_of, milliseconds, parameters_of
    from narrows.model import zoo
    from narrows.model.folder import load

    place = zoo.place_of(model)
    found = load(place)
    layers, card, each = layers_of(found), found.card, milliseconds(found)
    for name, value in card_facts(card):
        out.say(f"{name:<13} {value}")
    out.table(
        ("part", "layer", "gives", "values", "parameters", "multiply-adds", ""),
        [
            (
                one.part, one.name, " x ".join(map(str, one.shape)), f"{one.values:,}", f"{one.parameters:,}",
                f"{one.multiply_adds:,}", "grows" if one.grows else "",
            )
            for one in layers
        ],
        right=(3, 4, 5),
    )  # fmt: skip
    what = "picture" if found.form == "picture" else "row"
    out.say(
        f"together: {parameters_of(found):,} parameters, {sum(one.multiply_adds for one in layers):,} multiply-adds, "
        f"{each:.3g} ms per {what}"
    )
    if any(one.grows for one in layers):
        out.say("grows: a layer before the code gives more values than the layer before it")
    return {
        "place": place, "card": card, "layers": [one._asdict() for one in layers],
        "parameters": parameters_of(found), "milliseconds": each,
    }  # fmt: skip


def card_facts(card: dict[str, Any]) -> list[tuple[str, str]]:
    """A card's facts in the order in which one asks for them."""

    def with_options(part: dict[str, Any]) -> str:
        options = ", ".join(f"{name}={value}" for name, value in part["options"].items())
        return f"{part['name']} ({options})" if options else part["name"]

    scores, examples = card["scores"], card["data"].get("examples", {})
    held_out = ", ".join(f"{name} {value:.4g}" for name, value in scores.get("held_out", {}).items())
    seconds = card["training"].get("seconds")
    facts = [
        ("task", with_options(card["task"])),
        ("kind", with_options(card["kind"])),
        ("architecture", with_options(card["architecture"])),
        ("loss", card["loss"]),
        ("input", f"{card['form']} {' x '.join(map(str, card['shape']))}"),
        ("columns", ", ".join(card["data"].get("columns", ()))),
        ("examples", ", ".join(f"{n} {name.replace('_', ' ')}" for name, n in examples.items())),
        ("training", f"{card['training'].get('total', '?')} steps in {seconds:g} s" if seconds is not None else ""),
        (f"held-out {scores['metric']}" if "metric" in scores else "", held_out),
        ("verdict", scores.get("verdict", "")),
        ("made", " by ".join(filter(None, (card["about"].get("date"), f"narrows {card['narrows']}")))),
        ("command", card["about"].get("command", "")),
    ]
    return [(name, value) for name, value in facts if name and value]


def evaluate(
    out: Output,
    model: ModelPlace,
    data: Data,
    labels: Annotated[
        str | None,
        typer.Option(help="A CSV column, an .npy or IDX file, or 'folders': what the frozen code knows of them."),
    ] = None,
    likelihood: Annotated[
        int, typer.Option(min=0, metavar="K", help="Log-likelihood from K importance samples, such as 1000.")
    ] = 0,
    samples: Annotated[
        int, typer.Option(min=0, metavar="N", help="Draw N examples, and compare them with DATA, such as 1000.")
    ] = 0,
    group_by: Annotated[
        str | None,
        typer.Option(
            help='"folder", or a pattern in the path: examples of one group are drawn together for the intervals.'
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="Of everything drawn, and of the intervals.")] = 0,
) -> dict[str, Any]:
    """Score a model on pictures or a table.

    Means with 95 % bootstrap intervals: MSE, MAE, PSNR, SSIM. Tables are scored in standardised columns. With --labels,
    a linear classifier and the nearest codes learn from 70 % of the codes and are counted on the others.
    """
    warm_up()
    from narrows.measuring.assess import assess
    from narrows.measuring.metrics import METRICS
    from narrows.measuring.scoring import score
    from narrows.model import zoo
    from narrows.model.folder import load

    loaded, place = load(zoo.place_of(model)), data if len(data) > 1 else data[0]
    more = None
    if labels is not None or likelihood or samples:
        more = assess(
            loaded, place, labels=labels, likelihood=likelihood, samples=samples, group_by=group_by, seed=seed
        )
    found = score(loaded, place, group_by=group_by, seed=seed)
    say_left_out(out, found.skipped)
    for note in found.notes:
        out.note(note)
    rows, sure = [], found.of["mse"].is_known
    for name, interval in found.of.items():
        ends = [f"{interval.low:.5g} to {interval.high:.5g}"] if sure else []
        cells = [name, f"{interval.value:.5g}", *ends, METRICS[name].unit]
        if found.untouched:
            cells.append(f"{found.untouched[name].value:.5g}")
        rows.append(cells)
    head = ["score", "mean", *(["95 % interval"] if sure else []), "unit"]
    out.table([*head, "input as it was"] if found.untouched else head, rows, right=(1,))
    out.say(f"{found.count} example{'s' if found.count > 1 else ''}")
    return {
        **({} if more is None else assessed(out, more)),
        "count": found.count,
        "scores": {name: one._asdict() for name, one in found.of.items()},
        "untouched": {name: one._asdict() for name, one in found.untouched.items()},
        "skipped": pairs(found.skipped),
        "notes": found.notes,
    }


def assessed(out: Output, found: Any) -> dict[str, Any]:
    """What was asked for beside errors, in words and for machines."""
    told: dict[str, Any] = {"looked_at": found.count}
    if found.probe is not None:
        one = found.probe
        for name, error in (("linear classifier", one.logistic), ("nearest codes", one.neighbours)):
            ends = f" ({100 * error.low:.3g} to {100 * error.high:.3g})" if error.is_known else ""
            out.say(
                f"{name}: {100 * error.value:.3g} % wrong{ends} of {one.judged} in {one.classes} classes, learned "
                f"from {one.learned} frozen codes"
            )
        told["probe"] = {
            "logistic": one.logistic._asdict(), "neighbours": one.neighbours._asdict(), "C": one.strength,
            "classes": one.classes, "learned": one.learned, "judged": one.judged,
        }  # fmt: skip
    if found.likelihood is not None:
        one = found.likelihood
        out.say(
            f"negative log-likelihood: {one.nll:.2f} nats, standard error {one.standard_error:.2g} over {one.count} "
            f"examples; {one.samples} importance samples, whose own error is {one.sampling_error:.2g}"
        )
        told["likelihood"] = {name: value for name, value in one._asdict().items() if name != "each"}
    if found.quality is not None:
        one = found.quality
        out.say(
            f"{one.samples} samples beside {one.real} examples, by {one.space}: Frechet distance {one.frechet:.3g}, "
            f"precision {one.precision.value:.2f}, recall {one.recall.value:.2f}"
        )
        told["samples"] = one._asdict() | {"precision": one.precision._asdict(), "recall": one.recall._asdict()}
    if found.use is not None:
        one = found.use
        out.say(f"code: {one.active} of {one.size} in use, participation ratio {one.participation:.1f}")
        told["code_use"] = one._asdict()
    return told


def kinds(out: Output) -> dict[str, Any]:
    """List kinds and architectures, with their options."""
    from narrows import _registry

    found, nets = parts_of(_registry.kinds), parts_of(_registry.architectures)
    out.table(
        ("kind", "what it is", "needs", "can do", "options (--set)"),
        [(one.name, one.help, *sets(one, "needs", "gives"), options(one.constructor)) for one in found],
    )
    out.table(
        ("architecture", "what it is", "offers", "accepts", "options (--set)"),
        [
            (
                one.name,
                one.help,
                *sets(one, "offers", "accepts"),
                options(one.constructor),
            )
            for one in nets
        ],
    )
    return {
        "kinds": [
            {"name": one.name, "help": one.help, "needs": one.facts.get("needs"), "gives": one.facts.get("gives"),
             "options": plain(one.constructor)}
            for one in found
        ],
        "architectures": [
            {"name": one.name, "help": one.help, "offers": one.facts.get("offers"),
             "accepts": one.facts.get("accepts"), "options": plain(one.constructor)}
            for one in nets
        ],
    }  # fmt: skip


def tasks(out: Output) -> dict[str, Any]:
    """List tasks, with their options."""
    from narrows import _registry
    from narrows.model.zoo import shipped

    found, models = parts_of(_registry.tasks), list(shipped())

    def models_of(stem: Any) -> list[str]:
        return [name for name in models if stem is not None and name.startswith(f"{stem}-")]

    out.table(
        ("task", "what it does", "works on", "kind", "architecture", "in training (--set)", "in use", "shipped models"),
        [
            (
                one.name, one.help, words(one.facts.get("accepts")), str(one.facts.get("kind", "")),
                str(one.facts.get("architecture", "")), options(one.constructor), options(one.prepare, "--"),
                ", ".join(models_of(one.facts.get("model"))),
            )
            for one in found
        ],
    )  # fmt: skip
    return {
        "tasks": [
            {"name": one.name, "help": one.help, **one.facts, "options": plain(one.constructor),
             "use": plain(one.prepare), "models": models_of(one.facts.get("model"))}
            for one in found
        ]
    }  # fmt: skip


_CHANNELS = {1: "grey pictures", 3: "colour pictures"}


def models(out: Output) -> dict[str, Any]:
    """List the models that ship with narrows."""
    from narrows.model import card as cards
    from narrows.model.zoo import shipped

    found = []
    for name, folder in shipped().items():
        card = cards.parse((folder / "model.json").read_bytes(), str(folder / "model.json"))
        found.append((name, folder, card))
    if not found:
        out.say("no model ships with this narrows; train one with 'narrows fit YOUR-PICTURES --task denoise'")
    else:
        out.table(
            ("model", "task", "takes", "held out", "made"),
            [
                (
                    name, card["task"]["name"], _CHANNELS.get(card["shape"][0], f"{card['shape'][0]} channels"),
                    held_out(card),
                    card["about"].get("date", ""),
                )
                for name, _, card in found
            ],
        )  # fmt: skip
    return {
        "models": [
            {"name": name, "folder": folder, "task": card["task"]["name"], "shape": card["shape"],
             "scores": card["scores"]}
            for name, folder, card in found
        ]
    }  # fmt: skip


def held_out(card: dict[str, Any]) -> str:
    """A card's scores on one line."""
    scores = card["scores"]
    found = ", ".join(f"{name} {value:.4g}" for name, value in scores.get("held_out", {}).items())
    return f"{scores['metric']}: {found}" if found else ""


def demo(
    out: Output,
    to: Annotated[Path, typer.Option("--out", help="Folder for the page and the model.")] = Path("demo"),
    lang: Annotated[Language, typer.Option(help="Language of the page.")] = Language.en,
    seconds: Annotated[float, typer.Option(min=1, help="Training time of the digits.")] = 20,
    force: Annotated[bool, typer.Option("--force", help="Replace an earlier demo.")] = False,
) -> dict[str, Any]:
    """Show what narrows does, on one page; needs no data.

    Fits an autoencoder on handwritten digits and denoises a photograph.
    """
    warm_up()
    from narrows._demo import run_demo
    from narrows.cli._progress import following

    with following(lang.value) as progress:
        found = run_demo(
            to, lang=lang.value, seconds=seconds, force=force, command=command_line(out.argv), progress=progress,
            say=out.note,
        )  # fmt: skip
    out.say(found.verdict)
    out.say(found.photo)
    out.say(str(found.page.absolute()))
    return {"page": found.page.absolute(), "verdict": found.verdict, "photo": found.photo, "model": found.model}


def sets(part: Part, *names: str) -> list[str]:
    """Some of a part's sets of names, each on one line."""
    return [words(part.facts.get(name)) for name in names]


def words(names: Any) -> str:
    """A set of names on one line."""
    return ", ".join(sorted(names)) if names else ""


def options(found: Sequence[Option], mark: str = "") -> str:
    """Options with their defaults, on one line."""
    return ", ".join(
        f"{mark}{one.name}" + (f"={one.default}" if isinstance(one.default, (int, float, str)) else "") for one in found
    )


def plain(found: Sequence[Option]) -> list[dict[str, Any]]:
    """Options for JSON; a default that is not written as a plain value is left out."""
    return [
        {"name": one.name, "type": one.type, "help": one.help}
        | ({} if one.default is UNKNOWN or type(one.default) is object else {"default": one.default})
        for one in found
    ]
