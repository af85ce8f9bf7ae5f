"""The report of `fit`, and the card of its folder: the verdict first, then what it rests on.

One file without scripts that opens offline; everything that came from outside (names of files and columns, the
command) is escaped where it is written.
"""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from narrows.data.reading import Dataset
from narrows.measuring.evaluate import Scored
from narrows.measuring.judge import Judgement
from narrows.measuring.layers import parameters_of
from narrows.measuring.metrics import METRICS
from narrows.model.model import Model
from narrows.pages._html import Child, Markup, h, page, prose, section, table, unbroken, user_text, write_page
from narrows.pages._net import net_section
from narrows.pages._numbers import count, duration, number, spread
from narrows.pages._phrases import translated
from narrows.pages._pictures import SMALL, Shown, gallery
from narrows.pages._readme import readme as readme
from narrows.pages._run import choices_section, curves_section, data_section, settings_section
from narrows.pages._scores import column_errors, score_table
from narrows.pages._words import Say
from narrows.training.loop import History

_MOST_SMALL, _MOST_LARGE, _MOST_WORST_SMALL, _MOST_WORST_LARGE = 10, 4, 10, 3
_MOST_COLUMNS, _MOST_WORST_ROWS = 200, 8


class Split(Protocol):
    """What the report asks of the three sides of the split."""

    @property
    def names(self) -> list[str]:
        """Of the held-out examples."""
        ...

    @property
    def sizes(self) -> tuple[int, int, int]:
        """Examples to learn from, to stop by, to judge by."""
        ...

    @property
    def by_patches(self) -> bool:
        """Whether patches of photographs are learned from, and not whole pictures."""
        ...


def write_fit_report(
    path: str | Path,
    model: Model,
    dataset: Dataset,
    parts: Split,
    history: History,
    judgement: Judgement | None,
    *,
    lang: str = "en",
    command: str = "",
) -> Path:
    """Write the report in "en" or "vi" and return its path. `judgement` is None when nothing was held out, or
    held-out pictures are no truth.

    Raises CannotWrite, UnknownName for another language.
    """
    say, card, path = Say(lang), model.card, Path(path)
    seed = int(card["training"].get("seed", 0))
    names = [translated(name, lang) or name for name in parts.names]
    body = [
        h("h1", say("report"), ": ", user_text(path.absolute().parent.name)),
        verdict_block(judgement, say, "no verdict" if model.task.has_truth else "no truth"),
        prose(_byline(model, parts, history, say), class_="byline"),
    ]
    if judgement is not None:
        body.append(section(say("scores"), score_table(judgement, model.form, say, seed), id_="scores"))
        if model.form == "table":
            body += _table_sections(model, dataset, names, judgement, say, seed)
        else:
            body += _picture_sections(names, judgement, say)
    body += [
        curves_section(history, card["training"], judgement, say),
        net_section(model, say),
        choices_section(model, say),
        data_section(model, dataset, parts.sizes, parts.by_patches, say),
        settings_section(card, command, say),
        h("footer", say("made by", version=card["narrows"], date=card["about"].get("date", ""))),
    ]
    title = f"{say('report')}: {path.absolute().parent.name}"
    return write_page(path, page(title, h("main", body), lang=lang))


def verdict_block(judgement: Judgement | None, say: Say, without: str = "no verdict") -> Markup:
    """The first sentence, with its colour: who won, and whether that is decided; `without` says why nobody knows."""
    if judgement is None:
        return h("div", prose(say(without)), class_="verdict open")
    verdict = judgement.verdict
    mood = "open" if not verdict.decided else "good" if verdict.winner == "network" else "bad"
    return h("div", prose(unbroken(verdict.sentence(say.lang))), class_=f"verdict {mood}")


def _byline(model: Model, parts: Split, history: History, say: Say) -> str:
    card = model.card
    return say(
        "byline",
        kind=card["kind"]["name"],
        architecture=card["architecture"]["name"],
        task=card["task"]["name"],
        parameters=count(parameters_of(model)),
        seconds=duration(history.seconds),
        examples=count(parts.sizes[0]),
        what=say("pictures" if model.form == "picture" else "rows"),
    )


# Pictures


def _picture_sections(names: list[str], judgement: Judgement, say: Say) -> list[Markup]:
    errors = judgement.network.errors
    small = max(max(picture.shape[1:]) for picture in judgement.network.targets) <= SMALL
    most, most_worst = (_MOST_SMALL, _MOST_WORST_SMALL) if small else (_MOST_LARGE, _MOST_WORST_LARGE)
    some = spread_out(len(errors), most)
    worst = errors.argsort(descending=True)[:most_worst].tolist()
    channels = len(judgement.network.targets[0])
    strange = prose(say("channels shown", n=channels), class_="caption") if channels not in (1, 3, 4) else None
    intro = say("worst intro", what=say("pictures"))
    return [
        section(say("seen"), prose(say("seen intro")), side_by_side(names, judgement, some, say), strange, id_="seen"),
        section(say("worst"), prose(intro), side_by_side(names, judgement, worst, say), id_="worst"),
    ]


def spread_out(total: int, wanted: int) -> list[int]:
    """Up to `wanted` indices at even distances through `total`."""
    wanted = min(total, wanted)
    return [i * total // wanted for i in range(wanted)]


def side_by_side(names: list[str], judgement: Judgement, chosen: list[int], say: Say) -> Markup:
    """Originals, results and PCA's; or, for restoration, input, filter, network and clean picture."""
    network, others = judgement.network, judgement.alternatives
    if "untouched" in others:
        shown = [("input", "untouched"), (judgement.filter, judgement.filter), ("direct", "direct")]
        rows = [_shown(_label(key, say), others[name], chosen) for key, name in shown if name in others]
        rows.append(_shown(say("result"), network, chosen))
        rows.append(_wanted("target" if judgement.pairs else "clean", network, chosen, say))
        notes = _decibels(network, chosen)
    elif judgement.pairs:
        best = min(others, key=lambda name: float(others[name].errors.mean()))
        rows = [Shown(say("input"), [network.inputs[i] for i in chosen], [""] * len(chosen))]
        rows += [_shown(best, others[best], chosen), _shown(say("result"), network, chosen)]
        rows.append(_wanted("target", network, chosen, say))
        notes = _decibels(network, chosen)
    else:
        rows = [Shown(say("original"), [network.targets[i] for i in chosen], [""] * len(chosen))]
        rows.append(_shown(say("result"), network, chosen))
        rows += [_shown(name, others[name], chosen) for name in ("PCA",) if name in others]
        notes = [number(float(network.errors[i])) for i in chosen]
    return gallery(rows, names=[names[i] for i in chosen], notes=notes)


def _wanted(key: str, network: Scored, chosen: list[int], say: Say) -> Shown:
    """What should come out, under the name that it has there."""
    return Shown(say(key), [network.targets[i] for i in chosen], [""] * len(chosen))


def _decibels(network: Scored, chosen: list[int]) -> list[str]:
    scores = [METRICS["psnr"].of(network.results[i][None], network.targets[i][None]).item() for i in chosen]
    return [f"{score:.1f} dB" for score in scores]


def _label(key: str, say: Say) -> str:
    return say({"direct": "direct short"}.get(key, key)) if key in ("input", "direct") else key


def _shown(label: str, scored: Scored, chosen: list[int]) -> Shown:
    decibels = -10 * scored.errors[chosen].clamp_min(1e-10).log10()
    return Shown(label, [scored.results[i] for i in chosen], [f"{value:.1f} dB" for value in decibels.tolist()])


# Tables


def _table_sections(
    model: Model, dataset: Dataset, names: list[str], judgement: Judgement, say: Say, seed: int
) -> list[Markup]:
    assert model.standardise is not None  # every table's model has one
    columns = column_errors(judgement, model.standardise.spread, seed, _MOST_COLUMNS)
    total = len(model.standardise.spread)
    titles = dataset.columns or tuple(f"{say('column')} {i}" for i in range(1, total + 1))
    methods = list(columns[0].errors)
    rows: list[list[Child]] = []
    for column in columns:
        cells = [
            [number(found.value), h("span", spread(found) or "", class_="range")] for found in column.errors.values()
        ]
        rows.append([user_text(titles[column.at]), *cells, number(column.own)])
    head = [say("column"), *(say(method) for method in methods), say("own unit")]
    cut = say("columns cut", n=count(_MOST_COLUMNS), all=count(total)) if total > _MOST_COLUMNS else None
    return [
        section(
            say("columns"),
            prose(say("columns intro")),
            table(head, rows, numbers=range(1, len(head)), class_="wrap"),
            prose(cut, class_="caption") if cut else None,
            id_="columns",
        ),
        section(
            say("worst"),
            prose(say("worst intro", what=say("rows"))),
            table(
                [say("row"), say("squared error"), say("mostly from")],
                [
                    [user_text(names[i]), number(float(judgement.network.errors[i])), user_text(titles[at])]
                    for i, at in worst_rows(judgement.network, _MOST_WORST_ROWS)
                ],
                numbers=(1,),
            ),
            id_="worst",
        ),
    ]


def worst_rows(scored: Scored, most: int) -> list[tuple[int, int]]:
    """(row, column that its error mostly comes from), the worst first."""
    found = []
    for i in scored.errors.argsort(descending=True)[:most].tolist():
        each: Tensor = (scored.results[i] - scored.targets[i]).square()
        if scored.known is not None:
            each = each * scored.known[i]
        found.append((i, int(torch.argmax(each))))
    return found
