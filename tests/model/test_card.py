"""The card is read back whole or refused; never guessed at."""

from __future__ import annotations

import json

import pytest

from narrows._errors import BadModelFile
from narrows.model import card as cards
from narrows.model.build import make


@pytest.fixture
def card():
    return make(shape=(1, 8, 8)).card


def test_a_card_comes_back_as_it_was_and_always_as_the_same_bytes(card):
    text = cards.dump(card)
    assert cards.parse(text, "here") == card
    assert cards.dump(cards.parse(text.encode(), "here")) == text


@pytest.mark.parametrize("name", sorted(cards._FIELDS))
def test_a_missing_field_is_named(card, name):
    del card[name]
    with pytest.raises(BadModelFile, match=name):
        cards.check(card, "here")


@pytest.mark.parametrize("name", sorted(cards._FIELDS))
@pytest.mark.parametrize("value", [None, True, 1.5])
def test_a_field_of_the_wrong_type_is_named(card, name, value):
    with pytest.raises(BadModelFile, match=name):
        cards.check({**card, name: value}, "here")


@pytest.mark.parametrize(
    "shape", [[], [1], [1, 8], [1, 8, 8, 8], [0, 8, 8], [-1, 8, 8], [1, 8, 1 << 40], [1, 8, 8.0], [True, 8, 8]]
)
def test_a_shape_that_no_picture_has_is_refused(card, shape):
    with pytest.raises(BadModelFile, match="shape"):
        cards.check({**card, "shape": shape}, "here")


@pytest.mark.parametrize("part", ["kind", "architecture", "task"])
@pytest.mark.parametrize("value", [{}, {"name": 1, "options": {}}, {"name": "mlp", "options": []}])
def test_a_part_without_name_and_options_is_refused(card, part, value):
    with pytest.raises(BadModelFile, match=part):
        cards.check({**card, part: value}, "here")


def test_a_newer_format_says_how_to_read_it(card):
    newer = {**card, "format": cards.FORMAT + 1, "narrows": "9.9"}
    with pytest.raises(BadModelFile, match=r"9\.9.*pip install --upgrade narrows"):
        cards.check(newer, "here")


def test_a_newer_format_is_told_even_when_nothing_else_is_known():
    with pytest.raises(BadModelFile, match="pip install --upgrade"):
        cards.parse(json.dumps({"format": cards.FORMAT + 1}), "here")


@pytest.mark.parametrize("text", ["", "{", "null", "[1]", '"card"', "[" * 100_000, "\x00", b"\xff\xfe"])
def test_what_is_no_card_is_refused_in_a_sentence(text):
    with pytest.raises(BadModelFile, match="here"):
        cards.parse(text, "here")


def test_a_card_of_many_megabytes_is_not_even_parsed():
    with pytest.raises(BadModelFile, match="bytes"):
        cards.parse(" " * ((4 << 20) + 1), "here")
