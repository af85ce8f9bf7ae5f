"""What happened and with what: hyperparameters with their reasons, data, settings, machine, command."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from narrows.data.reading import Dataset
from narrows.measuring.intervals import Interval, bootstrap
from narrows.measuring.judge import Judgement
from narrows.model.model import Model
from narrows.pages._charts import Line, Mark, line_chart
from narrows.pages._choices import hyperparameters, reasons_of
from narrows.pages._html import Child, Markup, command_block, facts, folded, h, prose, section, table, user_text
from narrows.pages._numbers import count, number, spread
from narrows.pages._phrases import phrase
from narrows.pages._words import Say
from narrows.training.loop import History
from narrows.training.seeds import generator

_MOST_SKIPPED, _MOST_COLUMNS = 200, 60
_USUAL_GAP = 1.25
"""Held-out error over training error, up to which the gap is called usual."""
_STILL_FALLING = 0.02
"""Share of the held-out loss that the last tenth of a run took away, from which the curve is called still falling."""


def curves_section(history: History, plan: Mapping[str, Any], judgement: Judgement | None, say: Say) -> Markup:
    """Curves over the run, the gap in words, remarks."""
    lines = [Line(say("training curve"), history.training), Line(say("held-out curve"), history.held_out)]
    best = plan.get("best_step")
    marks = [Mark(best, say("best step", step=count(best)))] if isinstance(best, int) and history.held_out else []
    steps = max((step for step, _ in history.training), default=0)
    chart = line_chart(
        [line for line in lines if line.points], x_label=say("step"), y_label=say("loss"), marks=marks,
        described=say("curves described", steps=count(steps)),
    )  # fmt: skip
    return section(
        say("curves"),
        chart if chart is not None else prose(say("no curve")),
        prose(say("curves note"), class_="caption") if chart is not None and history.held_out else None,
        prose(say("still falling")) if still_falling(history) else None,
        None
        if judgement is None
        else [h("h3", say("gap")), prose(gap_in_words(judgement, say, int(plan.get("seed", 0))))],
        _remarks(history, say),
        id_="curves",
    )


def still_falling(history: History) -> bool:
    """Whether the last tenth of the evaluations still took off a visible share of the held-out loss."""
    losses = [loss for _, loss in history.held_out if math.isfinite(loss)]
    if len(losses) < 5:
        return False
    before = losses[-1 - max(1, len(losses) // 10)]
    return losses[-1] == min(losses) and before > 0 and (before - losses[-1]) / before > _STILL_FALLING


def gap_in_words(judgement: Judgement, say: Say, seed: int = 0) -> str:
    """Training beside held-out error, and what to make of it."""
    seen = bootstrap(judgement.learned.errors, generator=generator(seed, "gap"))
    random = generator(seed, "report")  # as the table of scores has it
    unseen = bootstrap(judgement.network.errors, generator=random, groups=judgement.groups)
    ratio = unseen.value / max(seen.value, 1e-30)
    told = say("gap facts", seen=_with_interval(seen), unseen=_with_interval(unseen), ratio=number(ratio))
    overlap = unseen.low <= seen.high or ratio <= 1
    return f"{told} {say('gap none' if overlap else 'gap some' if ratio <= _USUAL_GAP else 'gap wide')}"


def _with_interval(interval: Interval) -> str:
    around = spread(interval)
    return number(interval.value) + (f" {around}" if around else "")


def _remarks(history: History, say: Say) -> list[Child] | None:
    if not history.remarks:
        return None
    said = [h("li", phrase(remark, say.lang)) for remark in history.remarks]
    return [h("h3", say("remarks")), h("ul", said, class_="plain")]


def choices_section(model: Model, say: Say) -> Markup:
    """The four hyperparameters, kind and architecture: what was chosen, and why."""
    card = model.card
    told = hyperparameters(card)
    values: dict[str, Child] = {
        "kind": card["kind"]["name"],
        "architecture": card["architecture"]["name"],
        "code_size": say("no code") if model.code_size is None else count(model.code_size),
        **told,
        "n_nodes": told["n_nodes"] or "\u2013",
    }
    if "shift" in told:
        values["shift"] = say("pixels each way", n=count(told["shift"]))
    if "mirror" in told:
        values["mirror"] = say("yes" if told["mirror"] else "no")
    rows = []
    for name, value in values.items():
        reason = reasons_of(card).get(name)
        if name == "code_size" and model.code_size is None:
            why = say("no code why")
        elif reason is not None:
            why = phrase(reason, say.lang)
        else:
            why = say("asked")
        rows.append([h("code", name), value, why])
    return section(say("choices"), table([say("option"), say("value"), say("why")], rows, class_="wrap"), id_="choices")


def data_section(model: Model, dataset: Dataset, sizes: tuple[int, int, int], patches: bool, say: Say) -> Markup:
    """What was read, how it was split, what was left out and why."""
    triage, lang = dataset.triage, say.lang
    n = len(dataset.keys)
    if dataset.form == "table":
        read = say("count rows", n=count(n), columns=count(len(dataset.columns)))
    else:
        read = say("count pairs" if model.card["data"].get("pairs") else "count pictures", n=count(n))
    rows: list[tuple[Child, Child]] = [(say("read as"), read)]
    if triage.counts:
        kinds = ", ".join(f"{suffix} {count(number)}" for suffix, number in sorted(triage.counts.items()))
        rows.append((say("files"), user_text(kinds)))
    if patches:
        rows.append((say("size"), say("photos")))
    elif dataset.form == "picture":
        size = _pixels(model.shape, say)
        if model.target_shape != model.shape:
            size = say("becomes", one=size, other=_pixels(model.target_shape, say))
        rows.append((say("size"), size))
    if dataset.columns:
        names: list[Child] = []
        for name in dataset.columns[:_MOST_COLUMNS]:
            names += [", " if names else None, user_text(name)]
        if len(dataset.columns) > _MOST_COLUMNS:
            names.append(f" {say('and more', n=count(len(dataset.columns) - _MOST_COLUMNS))}")
        rows.append((say("column"), names))
    training, validation, held_out = map(count, sizes)
    rows.append((say("split"), say("split facts", training=training, validation=validation, held_out=held_out)))
    notes = [h("li", phrase(note, lang)) for note in triage.notes]
    return section(
        say("data"),
        facts(rows),
        [h("h3", say("notes")), h("ul", notes, class_="plain")] if notes else None,
        _skipped(triage.skipped, say),
        id_="data",
    )


def _pixels(shape: tuple[int, ...], say: Say) -> str:
    channels, height, width = shape
    colours = {1: say("grey"), 3: say("colour")}.get(channels) or say("channels", n=channels)
    return say("pixels", height=height, width=width, colours=colours)


def _skipped(skipped: tuple[tuple[str, str], ...], say: Say) -> Markup:
    if not skipped:
        return prose(say("nothing skipped"), class_="soft")
    rows = [
        [user_text(path), phrase(_without_path(path, reason), say.lang)] for path, reason in skipped[:_MOST_SKIPPED]
    ]
    more = len(skipped) - _MOST_SKIPPED
    return folded(
        say("skipped", n=count(len(skipped))),
        table(None, rows, class_="wrap"),
        prose(say("and more", n=count(more))) if more > 0 else None,
        open_=len(skipped) <= 20,
    )


def _without_path(path: str, reason: str) -> str:
    """Errors name the file's whole path: it stands beside the reason, and whose folders those are is private."""
    folders = r"(?:/|[A-Za-z]:\\)[^'\"]*?"
    return re.sub(folders + re.escape(path), lambda _: path, reason).removeprefix(f"{path} ")


def settings_section(card: Mapping[str, Any], command: str, say: Say) -> Markup:
    """The command first; everything else folded away but there."""
    about, training = card["about"], card["training"]
    options = {**card["task"]["options"], **card["kind"]["options"], **card["architecture"]["options"]}
    own = [(h("code", name), _plain(value)) for name, value in sorted(options.items()) if name not in _SHOWN_ABOVE]
    trained = [(h("code", name), _plain(value)) for name, value in sorted(training.items()) if name != "remarks"]
    machine = [(name, user_text(value)) for name, value in about.get("machine", {}).items()]
    return section(
        say("repeat"),
        command_block(command) if command else prose(say("from python")),
        folded(say("training settings"), facts([*own, *trained])),
        folded(say("machine"), facts(machine)) if machine else None,
        id_="repeat",
    )


_SHOWN_ABOVE = frozenset({"code_size", "n_layers", "n_nodes"})


def _plain(value: Any) -> str:
    if value is None:
        return "\u2013"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "\u2013"
    if isinstance(value, int) and not isinstance(value, bool):
        return count(value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)
