"""Writing HTML so that nobody's file name can become markup: whatever is not `Markup` is escaped, everywhere.

`h("td", name, class_="number")` is the only way to an element, and it escapes children and attributes alike. A page
also carries a policy that forbids the network and all scripts, but for one that a page was made with, known by its
hash: a second lock on the same door.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path

from narrows._files import write_atomically

_VOID = frozenset({"br", "hr", "img", "input", "meta"})
_POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'{script}"
_CONTROLS = dict.fromkeys((*range(9), 11, 12, *range(14, 32), *range(127, 160)), "�")


class Markup(str):
    """Text that is HTML already, made by `h`. Everything else is escaped."""

    __slots__ = ()


Child = object
"""Markup, text, a number, None (nothing), or a list of these."""


def escape(value: object) -> Markup:
    """Any value as text that cannot become markup. Control characters and lone surrogates become U+FFFD or "?"."""
    return value if isinstance(value, Markup) else Markup(_escaped(value))


def _escaped(value: object) -> str:
    text = str(value).translate(_CONTROLS).encode("utf-8", "replace").decode()
    return html.escape(text, quote=True)


def h(name: str, /, *children: Child, **attributes: object) -> Markup:
    """An element. Attribute names lose a last underscore (`class_`), inner ones become hyphens; None and False leave an
    attribute out, True gives it without a value."""
    parts = []
    for key, value in attributes.items():
        if value is None or value is False:
            continue
        key = key.rstrip("_").replace("_", "-")
        parts.append(f" {key}" if value is True else f' {key}="{_escaped(value)}"')
    head = f"<{name}{''.join(parts)}>"
    return Markup(head if name in _VOID else f"{head}{together(children)}</{name}>")


def together(children: Iterable[Child]) -> Markup:
    """Children one after another; None is nothing, lists are opened."""
    found = []
    for child in children:
        if child is None:
            continue
        found.append(together(child) if isinstance(child, (list, tuple)) else escape(child))
    return Markup("".join(found))


def user_text(text: object) -> Markup:
    """A name from outside: set apart, so that letters written from right to left do not turn the words around it."""
    return h("bdi", text, class_="name")


def table(
    head: Sequence[Child] | None, rows: Iterable[Sequence[Child]], *, numbers: Iterable[int] = (), **attributes: object
) -> Markup:
    """A table that scrolls by itself on narrow screens. `numbers` are the columns that hold numbers; the first column
    names the row."""
    right = frozenset(numbers)

    def cell(kind: str, at: int, value: Child, **more: object) -> Markup:
        return h(kind, value, class_="number" if at in right else None, **more)

    top = None if head is None else h("thead", h("tr", [cell("th", i, v, scope="col") for i, v in enumerate(head)]))
    body = [
        h("tr", [cell("td", i, v) if i else cell("th", i, v, scope="row") for i, v in enumerate(row)]) for row in rows
    ]
    return h("div", h("table", top, h("tbody", body), **attributes), class_="scroll")


def unbroken(sentence: str) -> str:
    """The same sentence, with no line ending inside an [interval] or before a unit."""
    joined = re.sub(r"\[[^\]]*\]", lambda found: found[0].replace(" ", "\u00a0"), sentence)
    return re.sub(r"(?<=[\d\]]) (?=dB\b|%)", "\u00a0", joined)


def facts(rows: Iterable[tuple[Child, Child]]) -> Markup:
    """Names and values in two columns."""
    return table(None, rows, class_="facts")


def section(title: Child, *content: Child, id_: str | None = None) -> Markup:
    """A part of a page under its heading."""
    return h("section", h("h2", title), *content, id_=id_)


def prose(*text: Child, class_: str | None = None) -> Markup:
    """A paragraph."""
    return h("p", *text, class_=class_)


def folded(summary: Child, *content: Child, open_: bool = False) -> Markup:
    """Details that open without a script; printed open by browsers that can."""
    return h("details", h("summary", summary), *content, open_=open_)


def command_block(text: str) -> Markup:
    """A command to copy."""
    return h("pre", h("code", text))


def page(title: str, body: Child, *, lang: str, script: str = "") -> str:
    """A whole document: styled, readable on a phone, light or dark as the reader's system is, nothing from outside.
    `script` is our own text, never a user's, and runs when the page is there; a page is whole without it."""
    style = resources.files("narrows.pages").joinpath("style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = _POLICY.format(script=f"; script-src 'sha256-{digest}'" if script else "")
    head = h(
        "head",
        h("meta", charset="utf-8"),
        h("meta", http_equiv="Content-Security-Policy", content=policy),
        h("meta", name="viewport", content="width=device-width, initial-scale=1"),
        h("meta", name="color-scheme", content="light dark"),
        h("meta", name="generator", content="narrows"),
        h("title", title),
        h("style", Markup(style)),
    )
    last = h("script", Markup(script)) if script else None
    return "<!doctype html>\n" + h("html", head, h("body", body, last), lang=lang) + "\n"


def write_page(path: str | Path, document: str) -> Path:
    """The document under `path`, whole or not at all. Raises CannotWrite."""
    path = Path(path)
    write_atomically(path, document.encode("utf-8"))
    return path
