"""Reading a page as a browser would: which elements, which attributes, which text."""

from __future__ import annotations

from collections import Counter
from html.parser import HTMLParser

import pytest

_VOID = {"br", "hr", "img", "input", "meta"}


class Read(HTMLParser):
    """A page, taken apart. Raises AssertionError where an element is not closed."""

    def __init__(self, document: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.pieces: list[str] = []
        self.feed(document)
        self.close()
        assert not self.open, f"never closed: {self.open}"

    def handle_starttag(self, tag, attrs):
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.pieces).split())

    def of(self, tag: str, name: str) -> list[str]:
        return [value for t, n, value in self.attributes if t == tag and n == name]


def check_safe(page: Read, scripts: int = 0) -> None:
    """No script but so many of our own, nothing that runs, nothing from the network."""
    assert page.tags["script"] == scripts
    harmful = {"iframe", "object", "embed", "link", "base", "form", "foreignobject"}
    assert not harmful & set(page.tags)
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name, value)
        if name in ("src", "href"):
            ours = value.startswith(("data:image/png;base64,", "data:image/jpeg;base64,"))
            assert ours or ("://" not in value and ":" not in value), value
    assert page.tags["html"] == page.tags["body"] == page.tags["style"] == 1
    policy = [v for _, n, v in page.attributes if n == "content" and "default-src" in v]
    assert policy and policy[0].startswith("default-src 'none'")


@pytest.fixture
def read_page():
    """`read_page(text, scripts=0)`: the page taken apart, and known to be safe."""

    def read(document: str, scripts: int = 0) -> Read:
        page = Read(document)
        check_safe(page, scripts)
        return page

    return read
