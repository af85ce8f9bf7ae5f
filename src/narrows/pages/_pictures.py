"""Tensors as pictures inside a page: in data: addresses, tiny ones enlarged so that pixels stay squares."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from typing import NamedTuple

import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from narrows.pages._html import Child, Markup, h, user_text

SMALL = 96
"""Pixels: pictures up to this side stand in strips; larger ones have cards of their own."""
_SHOWN_SMALL = 88
"""Pixels that a tiny picture's longer side is enlarged to at least."""
_LARGEST_SHOWN, _LARGEST_LOOKED_AT = 480, 768


def visible(picture: Tensor) -> Tensor:
    """C H W -> 1 H W or 3 H W uint8: clamped, not-a-number black; two channels, or more than four, as their mean."""
    picture = picture.detach().float().nan_to_num(0.0, 1.0, 0.0).clamp(0, 1)
    if len(picture) == 4:
        picture = picture[:3]  # RGB and opacity
    elif len(picture) not in (1, 3):
        picture = picture.mean(0, keepdim=True)
    return (picture * 255).round().to(torch.uint8)


def png_address(picture: Tensor, *, at_least: int = _SHOWN_SMALL, at_most: int = _LARGEST_SHOWN) -> str:
    """C H W in [0, 1] -> "data:image/png;base64,...": enlarged by whole numbers, reduced smoothly when too large."""
    pixels = visible(picture)
    image = Image.fromarray(pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).contiguous().numpy())
    longer = max(image.size)
    if longer < at_least:
        times = -(-at_least // longer)
        image = image.resize((image.width * times, image.height * times), Image.Resampling.NEAREST)
    elif longer > at_most:
        share = at_most / longer
        size = (max(1, round(image.width * share)), max(1, round(image.height * share)))
        image = image.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


def img(picture: Tensor, alt: str, **more: int) -> Markup:
    """An image element; `alt` says what is seen."""
    return h("img", src=png_address(picture, **more), alt=alt)


def jpeg_address(picture: Tensor, *, at_most: int) -> str:
    """The same as a JPEG of quality 90 in full colour, for photographs that are looked at as a whole."""
    pixels = visible(picture)
    image = Image.fromarray(pixels[0].numpy() if len(pixels) == 1 else pixels.permute(1, 2, 0).contiguous().numpy())
    image.thumbnail((at_most, at_most), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=90, subsampling=0)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")


class Shown(NamedTuple):
    """A row of a strip, or one picture of every card."""

    label: str
    pictures: Sequence[Tensor]
    """C H W each."""
    captions: Sequence[str] | None = None
    """Under each picture of a card, such as its PSNR."""


def strip(
    rows: Sequence[Shown],
    *,
    names: Sequence[str] | None = None,
    notes: Sequence[str] | None = None,
    alts: Sequence[str] | None = None,
) -> Markup:
    """Small pictures: a row for each `Shown`, a column for each example, `names` and `notes` under the columns. `alts`
    name the columns for those who do not see them (`names`, else their numbers)."""
    said = alts or names
    lines = [
        h(
            "tr",
            h("th", row.label, scope="row"),
            [
                h("td", img(picture, f"{row.label}, {said[i] if said else i + 1}"))
                for i, picture in enumerate(row.pictures)
            ],
        )
        for row in rows
    ]
    under: list[Child] = []
    for texts, wrap in ((notes, str), (names, user_text)):
        if texts is not None:
            under.append(h("tr", h("th"), [h("td", wrap(text)) for text in texts], class_="under"))
    return h("div", h("table", h("tbody", lines, under), class_="strip"), class_="scroll")


def cards(columns: Sequence[Shown], *, names: Sequence[str] | None = None, at_least: int = _SHOWN_SMALL) -> Markup:
    """Larger pictures: a card for each example, with every version of it side by side; smaller ones are enlarged to
    `at_least` pixels."""
    found = []
    for i in range(len(columns[0].pictures)):
        versions = []
        for column in columns:
            caption = column.label if column.captions is None else [column.label, h("span", column.captions[i])]
            versions.append(
                h("figure", img(column.pictures[i], column.label, at_least=at_least), h("figcaption", caption))
            )
        title = None if names is None else h("figcaption", user_text(names[i]), class_="title")
        found.append(h("figure", h("div", versions, class_="versions"), title, class_="card"))
    return h("div", found, class_="cards")


def look(versions: Sequence[tuple[str, Tensor, str]], *, name: str) -> Markup:
    """Up to four versions of one picture in one place, chosen by buttons, without a script: (label, C H W, caption).
    `name` tells several on one page apart. Flicker between two versions shows what side by side hides."""
    chosen = min(2, len(versions) - 1)
    buttons = []
    for at, (label, _, caption) in enumerate(versions):
        buttons.append(h("input", type="radio", name=name, id_=f"{name}-{at}", checked=at == chosen))
        buttons.append(h("label", label, " ", h("span", caption, class_="soft"), for_=f"{name}-{at}"))
    stage = h(
        "div", [img(picture, label, at_most=_LARGEST_LOOKED_AT) for label, picture, _ in versions], class_="stage"
    )
    return h("div", buttons, stage, class_="look")


def gallery(rows: Sequence[Shown], *, names: Sequence[str], notes: Sequence[str] | None = None) -> Markup:
    """A strip or cards, as the pictures are small or large."""
    side = max(max(picture.shape[1:]) for row in rows for picture in row.pictures)
    return strip(rows, names=names, notes=notes) if side <= SMALL else cards(rows, names=names)


def telling_detail(picture: Tensor, side: int) -> tuple[slice, slice]:
    """Rows and columns of the square of `side` pixels (or less) with most texture: there noise and blur tell apart.

    Texture is what a 5x5 mean takes away, at most 0.08 a pixel, so that one hard edge does not outweigh many fine ones.
    """
    height, width = picture.shape[1:]
    side = min(side, height, width)
    step = max(1, side // 4)
    grey = picture.float().mean(0)[None, None]
    texture = (grey - F.avg_pool2d(grey, 5, 1, padding=2, count_include_pad=False)).abs().clamp_max(0.08)
    varies = F.avg_pool2d(texture, side, step)
    at = int(varies.flatten().argmax())
    top, left = (at // varies.shape[3]) * step, (at % varies.shape[3]) * step
    return slice(top, top + side), slice(left, left + side)
