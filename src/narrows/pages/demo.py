"""The page of `narrows demo`: an autoencoder of digits and a denoised photograph, in one file that opens offline."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from torch import Tensor

from narrows.measuring.judge import Judgement
from narrows.measuring.metrics import psnr
from narrows.model.model import Model
from narrows.pages._html import Child, Markup, command_block, h, page, prose, section, unbroken, write_page
from narrows.pages._numbers import count, duration, number
from narrows.pages._pictures import Shown, cards, look, strip, telling_detail
from narrows.pages._words import Say
from narrows.pages.fitted import spread_out, verdict_block

_MOST_SHOWN = 10
_DETAIL = 96
"""Pixels of a side of the enlarged detail."""
_DETAIL_SHOWN = 288


class DemoDigits(NamedTuple):
    """The first half: an autoencoder, fitted on digits while one waits."""

    model: Model
    """With its card, as `fit(...).model.model` is."""
    judgement: Judgement
    """As `fit(...).judgement`: the verdict, originals, reconstructions and PCA's."""
    walks: Tensor
    """R N C H W in [0, 1]: R walks from one digit to another through the codes between, N pictures each, ends
    included."""
    new: Tensor | None
    """N C H W in [0, 1]: digits drawn from a prior; None for kinds without one."""
    seconds: float
    """Training clock."""
    report: Path | None
    """The full report; linked to relative to the page, wherever it lies. None leaves the link out."""
    command: str = ""
    """What to type to do the same with one's own pictures, such as "narrows fit my-pictures/ --out my-model"."""


class DemoPhoto(NamedTuple):
    """The second half: a photograph with noise put on it, restored by the shipped model."""

    name: str
    """What is seen, or a file's name."""
    clean: Tensor
    """C H W in [0, 1], C 1 or 3. All four pictures have one shape."""
    noisy: Tensor
    restored: Tensor
    filtered: Tensor
    """By the best classical filter."""
    filter: str
    """The filter's name with its setting, such as "non-local means 0.8"."""
    level: float
    """Standard deviation of the noise, in 255ths."""
    seconds: float
    """To restore it."""
    model: str
    """The shipped model's name."""
    command: str = ""
    """What to type to do the same with one's own, such as "narrows denoise photo.jpg"."""


def write_demo_page(path: str | Path, *, digits: DemoDigits, photo: DemoPhoto | None, lang: str = "en") -> Path:
    """Write the page; `lang` is "en" or "vi". Without a shipped model `photo` is None and the page says so.

    Returns the path. Raises CannotWrite, UnknownName for another language.
    """
    say, path = Say(lang), Path(path)
    body = [
        h("h1", say("demo title")),
        prose(say("demo intro"), class_="soft"),
        _digits(digits, path, say),
        _no_photo(say) if photo is None else _photo(photo, say),
        h(
            "footer",
            say("made by", version=digits.model.card["narrows"], date=digits.model.card["about"].get("date", "")),
        ),
    ]
    return write_page(path, page(say("demo title"), h("main", body), lang=lang))


def _digits(digits: DemoDigits, page_path: Path, say: Say) -> Markup:
    judgement, network = digits.judgement, digits.judgement.network
    sizes = digits.model.card["data"].get("examples", {})
    told = say(
        "demo digits facts",
        training=count(sizes.get("training", 0)),
        values=count(math.prod(digits.model.shape)),
        seconds=duration(digits.seconds),
        code=count(digits.model.code_size or 0),
    )
    chosen = spread_out(len(network.errors), _MOST_SHOWN)
    names = [f"{say('picture')} {i + 1}" for i in chosen]
    rows = [
        Shown(say("original"), [network.targets[i] for i in chosen]),
        Shown(say("result"), [network.results[i] for i in chosen]),
    ]
    if "PCA" in judgement.alternatives:
        rows.append(Shown("PCA", [judgement.alternatives["PCA"].results[i] for i in chosen]))
    walks = [Shown(say("walk", n=n), list(walk)) for n, walk in enumerate(digits.walks, 1)]
    return section(
        say("demo digits"),
        verdict_block(judgement, say),
        prose(told, class_="byline"),
        strip(rows, notes=[number(float(network.errors[i]), 2) for i in chosen], alts=names),
        [h("h3", say("walks")), prose(say("walks intro")), strip(walks)] if walks else None,
        [h("h3", say("new digits")), strip([Shown(say("new"), list(digits.new))])] if digits.new is not None else None,
        prose(h("a", say("full report"), href=_link(digits.report, page_path))) if digits.report else None,
        _yours(digits.command, say),
        id_="digits",
    )


def _photo(photo: DemoPhoto, say: Say) -> Markup:
    level = f"{photo.level:g}"
    told = say(
        "demo photo facts", level=level, name=photo.name, model=photo.model, seconds=duration(photo.seconds)
    )  # fmt: skip
    before, by_filter, by_net = (
        float(psnr(result.clamp(0, 1)[None], photo.clean[None]))
        for result in (photo.noisy, photo.filtered, photo.restored)
    )
    versions = [
        Shown(say("noisy"), [photo.noisy], [f"{before:.1f} dB"]),
        Shown(photo.filter, [photo.filtered], [f"{by_filter:.1f} dB"]),
        Shown(say("restored"), [photo.restored], [f"{by_net:.1f} dB"]),
        Shown(say("clean"), [photo.clean], [""]),
    ]
    cut = telling_detail(photo.clean, _DETAIL)
    details = [Shown(version.label, [version.pictures[0][:, cut[0], cut[1]]]) for version in versions]
    return section(
        say("demo photo"),
        _photo_verdict(before, by_filter, by_net, photo.filter, say),
        prose(told, class_="byline"),
        prose(say("look"), class_="caption"),
        look(
            [(version.label, version.pictures[0], (version.captions or [""])[0]) for version in versions], name="look"
        ),
        h("h3", say("detail")),
        cards(details, at_least=_DETAIL_SHOWN),
        _yours(photo.command, say),
        id_="photo",
    )


def _photo_verdict(before: float, by_filter: float, by_net: float, name: str, say: Say) -> Markup:
    gain, over = by_net - before, by_net - by_filter
    if gain <= 0:
        mood, told = "bad", say("photo bad", loss=f"{-gain:.1f}")
    elif over < 0:
        mood, told = "bad", say("photo filter", gain=f"{gain:.1f}", under=f"{-over:.1f}", filter=name)
    else:
        mood, told = "good", say("photo good", gain=f"{gain:.1f}", over=f"{over:.1f}", filter=name)
    return h("div", prose(unbroken(told)), class_=f"verdict {mood}")


def _no_photo(say: Say) -> Markup:
    return section(say("demo photo"), prose(say("no photo")), id_="photo")


def _yours(command: str, say: Say) -> list[Child] | None:
    return [h("h3", say("yours")), command_block(command)] if command else None


def _link(report: Path, page_path: Path) -> str:
    """The way from the page to the report, as a relative address."""
    way = os.path.relpath(report.absolute(), page_path.absolute().parent)
    return quote("/".join(Path(way).parts))
