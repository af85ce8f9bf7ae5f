"""Every kind has a page, and what stands on it can be done."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path

import pytest
from PIL import Image

from narrows._registry import kinds
from narrows.cli._fit import name_and_value
from narrows.model.build import make

FOLDER = Path(__file__).parents[1] / "docs" / "kinds"
NAMES = sorted(kinds.files())


def page(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def test_every_kind_has_a_page_and_every_page_a_kind():
    assert sorted(path.stem for path in FOLDER.glob("*.md")) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_page_says_the_idea_in_three_sentences_the_loss_when_and_when_not_and_the_paper(name):
    text = page(name)
    assert text.startswith(f"# {name}\n")
    idea = " ".join(text.split("\n\n")[1].split())
    assert len(re.findall(r"[.!?](?: |$)", idea)) == 3, idea
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["The loss", "When to use it", "When not", "Try it"]
    (equation,) = re.findall(r"```text\n(.*?)```", text, re.DOTALL)
    assert "loss = " in equation
    assert re.search(r"^Paper: .+\d{4}", text, re.MULTILINE)
    assert all(len(line) <= 120 for line in text.splitlines())


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_a_picture_made_by_the_kind_and_says_what_is_seen(name):
    alternative, place, said = re.findall(r"^!\[(.+)\]\((.+)\)\n\n((?:.+\n)+)", page(name), re.MULTILINE)[0]
    assert place == f"pictures/{name}.png" and len(alternative) > 10 and said.endswith(".\n")
    with Image.open(FOLDER / place) as picture:
        assert len(picture.convert("L").getcolors(1 << 16) or []) > 8, "an empty picture"
    assert name in _drawn_by(), f"docs/make_kind_pictures.py does not draw {name}"


def _drawn_by() -> set[str]:
    """The functions of the script."""
    script = (FOLDER.parent / "make_kind_pictures.py").read_text(encoding="utf-8")
    return {node.name for node in ast.parse(script).body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("name", NAMES)
def test_a_page_names_only_kinds_and_options_that_there_are(name):
    text = page(name)
    (command,) = re.findall(r"^\$ (narrows fit .+)$", text, re.MULTILINE)
    words = shlex.split(command)
    options = dict(name_and_value(words[at + 1]) for at, word in enumerate(words) if word == "--set")
    more = {key: words[words.index(f"--{key}") + 1] for key in ("kind", "task") if f"--{key}" in words}
    if "--code-size" in words:
        more["code_size"] = int(words[words.index("--code-size") + 1])
    assert make(shape=(1, 16, 16), options=options, n_nodes=(32, 32) if "task" in more else None, **more).kind == name


@pytest.mark.parametrize("name", NAMES)
def test_a_page_links_to_the_kind_in_the_reference(name):
    assert f"../reference.md#{name}" in page(name)
    reference = (FOLDER.parent / "reference.md").read_text(encoding="utf-8")
    assert f"### `{name}`" in reference
