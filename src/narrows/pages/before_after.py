"""Before and after: restored pictures under a line that is drawn over them, and what was gained where that is known.

One file that opens offline. The line needs a script, the one below; without it each picture is shown half and half.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor

from narrows import __version__
from narrows.data.images import Photo
from narrows.data.stacks import telling_page
from narrows.measuring.intervals import Interval
from narrows.measuring.proof import MOST, Proof
from narrows.pages._html import Markup, command_block, h, page, prose, section, table, unbroken, user_text, write_page
from narrows.pages._pictures import jpeg_address, png_address, telling_detail
from narrows.pages._words import Say
from narrows.pages.fitted import spread_out

_WHOLE, _DETAIL = 960, 256
"""Pixels of the longer side of a whole picture as it is shown, and of the detail, which is shown at twice its size."""
_LOOKED_AT = 1024
"""Pixels a side of the middle in which the detail is looked for."""
_SCRIPT = (
    "for (const line of document.querySelectorAll('.slider input'))"
    " line.addEventListener('input', () => line.parentNode.style.setProperty('--at', line.value + '%'));"
)


class Restored(NamedTuple):
    """One picture's two files."""

    name: str
    before: Path
    after: Path


def write_before_after(
    path: str | Path,
    pictures: Sequence[Restored],
    *,
    verb: str,
    proof: Proof | None = None,
    lang: str = "en",
    command: str = "",
) -> Path:
    """Write the page in "en" or "vi" and return its path; of more than 12 pictures, 12 are shown.

    Raises CannotWrite, BadPicture (a file is gone), UnknownName for another language.
    """
    say = Say(lang)
    title = say("before after", verb=verb)
    chosen = spread_out(len(pictures), MOST)
    part = say("slider part", n=len(chosen), all=len(pictures)) if len(chosen) < len(pictures) else None
    body = [
        h("h1", title),
        None if proof is None else _verdict(proof, say),
        prose(say("slider hint"), class_="soft"),
        None if part is None else prose(part, class_="caption"),
        [_picture(pictures[i], say) for i in chosen],
        None if proof is None else _gains(proof, say),
        command_block(command) if command else None,
        h("footer", "narrows ", __version__),
    ]
    return write_page(path, page(title, h("main", body), lang=lang, script=_SCRIPT))


def _verdict(proof: Proof, say: Say) -> Markup:
    verdict = proof.verdict
    mood = "open" if not verdict.decided else "good" if verdict.winner == "network" else "bad"
    return h("div", prose(unbroken(verdict.sentence(say.lang))), class_=f"verdict {mood}")


def _gains(proof: Proof, say: Say) -> Markup:
    rows = [[user_text(one.name), _shown(one.gain), _shown(one.over), one.filter] for one in proof.pictures]
    head = [say("picture"), say("over what came"), say("over filter"), say("the filter")]
    return section(
        say("what was gained"),
        prose(say("gained intro"), class_="caption"),
        table(head, rows, numbers=(1, 2)),
        prose(say("filter command", name=proof.classical)) if proof.classical else None,
        [prose(note, class_="caption") for note in proof.notes],
        id_="gained",
    )


def _shown(interval: Interval) -> list[object]:
    return [f"{interval.value:.2f} dB", h("span", f"[{interval.low:.2f}, {interval.high:.2f}]", class_="range")]


def _picture(one: Restored, say: Say) -> Markup:
    before = telling_page(one.before)
    after = telling_page(one.after, before)
    rows, cols = _detail(after)
    scale = after.shape[1] / before.shape[1]
    small = [slice(round(side.start / scale), round(side.stop / scale)) for side in (rows, cols)]
    alike = before.shape[1:] == after.shape[1:]
    came = before.tensor(*small) if scale >= 1 else before.middle(_DETAIL)
    whole = [jpeg_address(_reduced(photo), at_most=_WHOLE) for photo in (before, after)]
    detail = [png_address(part, at_least=2 * _DETAIL, at_most=2 * _DETAIL) for part in (came, after.tensor(rows, cols))]
    shown = _slider(detail, one.name, say, detail=True) if alike or scale >= 1 else None
    return section(
        user_text(one.name),
        h("div", _slider(whole, one.name, say), shown, class_="sliders"),
    )


def _slider(addresses: list[str], name: str, say: Say, *, detail: bool = False) -> Markup:
    before, after = addresses
    return h(
        "div",
        h("img", src=after, alt=f"{name}, {say('after')}"),
        h("img", src=before, alt=f"{name}, {say('before')}", class_="before"),
        h("span", say("before"), class_="left"),
        h("span", say("after"), class_="right"),
        h("input", type="range", min=0, max=100, value=50, aria_label=say("slider label", name=name)),
        class_="slider detail" if detail else "slider",
    )


def _detail(photo: Photo) -> tuple[slice, slice]:
    """Rows and columns of the square with most texture in the middle of a photo; even, as twice the pixels ask."""
    middle = photo.middle(_LOOKED_AT)
    top, left = (max(0, (n - _LOOKED_AT) // 2) for n in photo.shape[1:])
    rows, cols = telling_detail(middle, _DETAIL)
    found = []
    for start, side in ((top, rows), (left, cols)):
        begin = (start + side.start) // 2 * 2
        found.append(slice(begin, begin + side.stop - side.start))
    return found[0], found[1]


def _reduced(photo: Photo) -> Tensor:
    """C H W, of a large photo every so manieth pixel's mean: it is shown small."""
    every = max(1, max(photo.shape[1:]) // (2 * _WHOLE))
    pixels = photo.tensor()
    sides = [min(every, side) for side in photo.shape[1:]]  # a strip of one row has no second one to take a mean with
    return pixels if every == 1 else F.avg_pool2d(pixels[None], sides)[0]
