"""Escaping is a security contract: whatever is not made by `h` is text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from narrows.pages._html import Markup, escape, facts, folded, h, page, section, table, together, unbroken, user_text

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "' onmouseover='alert(1)",
    "</style><script>alert(1)</script>",
    "<!--",
    "]]>",
    "&lt;b&gt; & < >",
    "javascript:alert(1)",
    "\u202egnp.exe",
    "tên có dấu 🖼.png",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_text_never_becomes_markup_wherever_it_stands(text, read_page):
    body = [
        h("p", text, title=text),
        table([text], [[text, [text, None]]], numbers=[1]),
        facts([(text, text)]),
        section(text, folded(text, user_text(text))),
    ]
    found = read_page(page(text, body, lang="en"))
    assert found.tags["p"] == 1 and found.tags["img"] == 0
    assert ("p", "title", text) in found.attributes
    assert found.text.count(" ".join(text.split())) >= 8


@given(st.text())
def test_escaped_text_holds_no_markup_character(text):
    assert not set(escape(text)) & set("<>\"'")
    assert h("b", text).startswith("<b>") and h("b", text).count("<") == 2


def test_markup_as_an_attribute_is_text_again(read_page):
    found = read_page(page("t", h("p", title=h("b", 'x"y')), lang="en"))
    assert found.of("p", "title") == ["<b>x&quot;y</b>"]


def test_bytes_that_are_no_text_and_control_characters_can_be_written():
    assert escape("a\udcff\x00\x1bb").encode() == "a?\ufffd\ufffdb".encode()


def test_none_is_nothing_and_lists_are_opened():
    assert together([None, "a", ["b", (h("i", 1), None)], 0]) == "ab<i>1</i>0"
    assert h("input", checked=True, name=None, disabled=False) == "<input checked>"


def test_adding_text_to_markup_gives_text_that_is_escaped_again():
    assert not isinstance(Markup("<b>") + "<script>", Markup)
    assert "<script>" not in h("p", Markup("<b>x</b>") + "<script>")


def test_an_interval_and_its_unit_stay_on_one_line():
    assert unbroken("gains 2.5 [1.4, 3.6] dB over") == "gains 2.5 [1.4,\u00a03.6]\u00a0dB over"


def test_a_page_follows_the_readers_light_and_fits_a_phone(read_page):
    text = page("t", "x", lang="vi")
    found = read_page(text)
    assert found.of("html", "lang") == ["vi"]
    assert "prefers-color-scheme: dark" in text and "@media print" in text
    assert "width=device-width, initial-scale=1" in found.of("meta", "content")
