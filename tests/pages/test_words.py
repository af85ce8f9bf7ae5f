"""Both languages say everything, with the same facts in it."""

import ast
import re
import string
from pathlib import Path

import pytest

import narrows.pages
from narrows import UnknownName
from narrows.measuring.bottleneck import _WORDS as VERDICTS
from narrows.model.build import make
from narrows.pages._phrases import phrase, translated
from narrows.pages._words import LANGUAGES, WORDS, Say

_SAME = {"SSIM", "PCA"}


def _fields(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", WORDS)
def test_a_word_is_said_in_both_languages_with_the_same_facts(key):
    english, vietnamese = WORDS[key]
    assert english.strip() and vietnamese.strip() and len(WORDS[key]) == len(LANGUAGES)
    assert _fields(english) == _fields(vietnamese)
    assert english != vietnamese or english in _SAME


def test_vietnamese_has_its_diacritics():
    marked = re.compile("[ăâđêôơưàáảãạằắẳẵặầấẩẫậèéẻẽẹềếểễệìíỉĩịòóỏõọồốổỗộờớởỡợùúủũụừứửữựỳýỷỹỵ]", re.I)
    plain = [vietnamese for _, vietnamese in WORDS.values() if not marked.search(vietnamese)]
    assert plain == ["sinh ra"], plain


def test_no_word_is_missing_and_none_is_left_over():
    folder = Path(narrows.pages.__file__).parent
    source = "\n".join(path.read_text(encoding="utf-8") for path in folder.glob("*.py") if path.name != "_words.py")
    written = {node.value for node in ast.walk(ast.parse(source.replace("from __future__ import annotations", "")))
               if isinstance(node, ast.Constant) and isinstance(node.value, str)}  # fmt: skip
    parts = {f"part {part}" for part in ("input", "encoder", "code", "decoder", "net")}
    assert WORDS.keys() - parts <= written, WORDS.keys() - parts - written
    said = re.findall(r'\bsay\(\s*"([^"]+)"', source)
    assert set(said) <= WORDS.keys(), set(said) - WORDS.keys()


def test_an_unknown_language_is_refused_by_name():
    with pytest.raises(UnknownName, match=r"no language called 'fr'.*known: en, vi"):
        Say("fr")


def test_verdicts_are_said_in_the_same_languages():
    assert set(VERDICTS) == set(LANGUAGES)
    assert VERDICTS["en"].keys() == VERDICTS["vi"].keys()


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 40, 48), (5,), (40,)])
@pytest.mark.parametrize("task", ["reconstruct", "denoise"])
def test_the_reasons_for_defaults_are_known_in_vietnamese(shape, task):
    # Of these alone: whoever adds an architecture need not speak Vietnamese, their reasons then stand in English.
    for architecture in (None, "mlp", "conv", "resnet", "unet"):
        try:
            model = make(shape=shape, task=task, architecture=architecture)
        except narrows.NarrowsError:
            continue  # a pairing that cannot work
        reasons = model.card["about"]["reasons"].values()
        assert [reason for reason in reasons if translated(reason, "vi") is None] == []


@pytest.mark.parametrize(
    "sentence",
    [
        "text columns left out: a, <b>",
        "column 1 counts the rows, as an index does, and is learned from: take it out if it says nothing",
        "3 missing cells (1.2%): masked in the loss",
        "7 of 9 pictures are resized to 64x48 for codes (--size HxW)",
        "bf16-mixed was asked for and this device has no bf16 instructions: steps take many times as long; "
        "--precision auto is faster",
        "step 20 of 400: stopped early, the held-out loss was best at step 12",
        "step 7: memory ran out at 128 examples at once; went on with 64, the effective batch stays 128",
        "step 9: the loss was not a number; went back to step 4 and on with learning rate 0.0005",
        "step 9: the loss jumped from 0.24 to 3100; went back to step 4 and on with learning rate 0.0005",
        "2 files: animated: the first of 12 frames is used",
        "2 files: the first of the 3 pictures in the file is used, and written alone",
        "2 files: 12 bits a value, packed: written with 16",
        "2 files: palette: worked on as full colour, and written with a new one",
        "2 files: YCbCr: worked on, and written, as RGB",
        "has CIELAB colours; grey, RGB and CMYK are read: save it as RGB first",
        "has YCbCr colours of another kind than 8 bits of full range with the weights of BT.601: save it as RGB first",
    ],
)
def test_notes_and_remarks_keep_their_facts_in_vietnamese(sentence):
    said = translated(sentence, "vi")
    assert said is not None and said != sentence
    assert sorted(re.findall(r"\d+", said)) == sorted(re.findall(r"\d+", sentence))
    assert "<b>" not in phrase(sentence, "vi")


def test_a_sentence_nobody_translated_is_kept_and_marked_as_english():
    assert phrase("a <new> thing", "vi") == '<span lang="en">a &lt;new&gt; thing</span>'
    assert phrase("a <new> thing", "en") == "a &lt;new&gt; thing"
