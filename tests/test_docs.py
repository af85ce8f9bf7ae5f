"""The docs are true: their code runs, their links lead somewhere, and every name, option and error is in them.

The blocks of one page run in order in one folder that holds small drawn data under the names the pages use. Two
things are made smaller, and nothing else: training (to a few steps of a few examples), and the shipped models (to
untrained stand-ins, since here it is the words that are tested, not the skill).
"""

from __future__ import annotations

import os
import re
import shlex
import sys
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import tifffile
from PIL import Image

import narrows
from narrows import _errors, _fit
from narrows._registry import architectures, kinds, tasks
from narrows.model import zoo
from narrows.model.build import make
from narrows.model.folder import save
from narrows.nn.losses import LOSSES
from narrows.training.config import TrainingConfig

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "README.vi.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
SHORT = ("--steps", "6", "--batch-size", "4", "--evaluations", "2")
SHORTER = {
    "fit": SHORT,
    "size": ("--minutes", "0.1", "--steps", "2", "--batch-size", "4", "--largest", "4", "--seeds", "1"),
    "compare": ("--minutes", "0.03", "--n-nodes", "8"),
    "tune": ("--minutes", "0.02", "--trials", "2", "--batch-size", "4", "--evaluations", "1"),
}


class Block(NamedTuple):
    """A fenced block: its language, what stands behind the language, its text and its line in the page."""

    language: str
    info: str
    text: str
    line: int


def blocks_of(page: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    found, opened, lines = [], None, []
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines(), 1):
        if line.startswith("```") and opened is None:
            language, _, info = line[3:].partition(" ")
            opened, lines = (language, info, number), []
        elif line.startswith("```") and opened is not None:
            found.append(Block(opened[0], opened[1], "\n".join(lines) + "\n", opened[2]))
            opened = None
        else:
            lines.append(line)
    assert opened is None, f"{page.name}:{opened[2]} is never closed"
    return found


def commands_of(text: str) -> list[str]:
    """The `$ narrows ...` lines of a console block, prompts and comments taken off."""
    lines = re.sub(r"\\\n\s*", " ", text).splitlines()
    found = [line[2:].split("   #")[0].strip() for line in lines if line.startswith("$ ")]
    return [line for line in found if re.match(r"(\w+=\S+ )*narrows( |$)", line)]


def runnable(page: Path) -> bool:
    if page.name == "README.vi.md":  # the same code as README.md, and a test says so
        return False
    return any(b.language == "python" or (b.language == "console" and commands_of(b.text)) for b in blocks_of(page))


@pytest.fixture
def workplace(tmp_path, drawn, monkeypatch) -> Path:
    """A folder with everything that the pages name."""
    monkeypatch.chdir(tmp_path)

    def folder(name: str, count: int, height: int, width: int, channels: int, suffix: str) -> None:
        Path(name).mkdir()
        for number in range(count):
            Image.fromarray(drawn(height, width, channels, seed=number).squeeze()).save(f"{name}/{number:03}{suffix}")

    folder("digits", 48, 8, 8, 1, ".png")
    folder("faces", 40, 16, 16, 1, ".png")
    folder("photos", 10, 68, 72, 3, ".jpg")
    Image.fromarray(drawn(48, 64, 3)).save("photo.jpg")
    Image.fromarray(np.uint8(255 * (drawn(48, 64)[..., 0] > 200))).save("scratches.png")
    Image.fromarray(drawn(48, 64, 3)).save("photo.png")
    tifffile.imwrite("photo.tif", drawn(48, 64)[..., 0].astype(np.uint16) * 257)
    rows = np.random.default_rng(0).normal(size=(60, 3))
    lines = [f"{a:.3f},{b:.3f},{'' if n % 9 == 0 else f'{c:.3f}'},name {n}" for n, (a, b, c) in enumerate(rows)]
    Path("table.csv").write_text("\n".join(["width,height,weight,label", *lines]) + "\n")
    weights = tmp_path / ".weights"
    save(make(shape=(1, 64, 64), task="denoise", n_nodes=(8, 8)), weights / "denoise-grey")
    for task in ("denoise", "sharpen", "unjpeg", "upscale", "inpaint"):
        save(make(shape=(3, 64, 64), task=task, n_nodes=(8, 8)), weights / f"{task}-colour")
    monkeypatch.setattr(zoo, "_WEIGHTS", weights)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    return tmp_path


def run_python(block: Block, page: Path, names: dict) -> None:
    """A Python block, with the names of the page's earlier blocks."""
    file = re.search(r"file=(\S+)", block.info)
    if file:  # the block shows a whole file
        path = Path(file[1])
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.text, encoding="utf-8")
        return
    text = re.sub(r"minutes=[\d.]+", "steps=6", block.text)
    text = re.sub(r"Autoencoder\((?!\))", "Autoencoder(max_iter=2, ", text)
    exec(compile("\n" * block.line + text, str(page), "exec"), names)


def run_command(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command line, in this process: its exit code must be 0."""
    from narrows.cli import main

    words = shlex.split(re.sub(r"--(minutes|epochs|steps|trials) [\d.]+", "", line))
    with monkeypatch.context() as patch:
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            patch.setenv(name, value)
        code = main([*words[1:], *SHORTER.get(words[1], ())])
    assert code == 0, f"{line!r} ended with {code}"


@pytest.mark.parametrize("page", [p for p in PAGES if runnable(p)], ids=lambda p: p.name)
def test_the_code_on_a_page_runs(page, workplace, monkeypatch):
    names: dict = {}
    for block in blocks_of(page):
        if block.language == "python":
            run_python(block, page, names)
        elif block.language == "console":
            for line in commands_of(block.text):
                if line.split()[1:2] != ["demo"]:  # it has a test of its own
                    run_command(line, monkeypatch)


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_block_says_its_language(page):
    for block in blocks_of(page):
        assert block.language in ("python", "console", "text", "toml", "json"), f"{page.name}:{block.line}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if re.match(r"\w+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (page.parent / path).resolve() if path else page
        assert place.exists(), f"{page.name} links to {target}"
        if anchor:
            heads = re.findall(r"^#+ (.+)$", place.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in [re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads], target


def test_both_readmes_show_the_same_code_and_links():
    english, vietnamese = ROOT / "README.md", ROOT / "README.vi.md"

    def code(page: Path) -> list[str]:
        without_comments = [re.sub(r"\s+#.*", "", block.text) for block in blocks_of(page)]
        return [text.replace(" --lang vi", "") for text in without_comments]

    assert code(english) == code(vietnamese)
    links = [set(re.findall(r"\]\(((?!README)[^)]+)\)", page.read_text(encoding="utf-8"))) for page in
             (english, vietnamese)]  # fmt: skip
    assert links[0] == links[1]


def test_both_commands_stand_on_the_first_screen():
    for name in ("README.md", "README.vi.md"):
        screen = "\n".join((ROOT / name).read_text(encoding="utf-8").splitlines()[:24])
        assert "make demo" in screen and "make test" in screen


REFERENCE = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
ERRORS = [name for name, thing in vars(_errors).items() if isinstance(thing, type) and name != "annotations"]


@pytest.mark.parametrize("name", sorted({
    *(f"narrows.{name}" for name in narrows.__all__ if not isinstance(getattr(narrows, name), type)
      or not issubclass(getattr(narrows, name), BaseException)),
    *(name for name in ERRORS if issubclass(getattr(_errors, name), _errors.NarrowsError)),
    *kinds.files(), *architectures.files(), *tasks.files(), *LOSSES,
    *_fit.FitSettings.__dataclass_fields__, *TrainingConfig.__dataclass_fields__,
}))  # fmt: skip
def test_every_public_name_setting_part_and_error_is_in_the_reference(name):
    assert f"`{name}`" in REFERENCE, "run: make reference"


def test_options_in_the_reference_are_those_of_a_constructor_and_have_defaults():
    assert "_empty" not in REFERENCE and "`kwargs`" not in REFERENCE, "run: make reference"


@pytest.mark.parametrize("room", [kinds, architectures, tasks], ids=lambda room: room.word)
def test_every_option_of_every_part_is_in_the_reference(room):
    import inspect

    for name in room.files():
        handed_in = {"net", "loss", "shape", "target_shape", "extra"}
        for option in inspect.signature(room[name]).parameters.values():
            if option.kind is inspect.Parameter.KEYWORD_ONLY and option.name not in handed_in:
                assert f"`{option.name}`" in REFERENCE, f"{option.name} of {name}; run: make reference"


def options_of(command: Any, path: str) -> list[str]:
    """Every verb and every option below a command of Typer's, as they are typed."""
    found = [path]
    for parameter in command.params:
        if parameter.param_type_name == "option" and not parameter.hidden:
            found += [f"{path} {max(parameter.opts, key=len)}"]
    for name, inner in getattr(command, "commands", {}).items():
        found += [] if inner.hidden else options_of(inner, f"{path} {name}")
    return found


def test_every_command_and_option_is_on_the_page_of_commands():
    from typer.main import get_command

    from narrows import cli

    page = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    everything = options_of(get_command(cli.app), "narrows")
    assert len(everything) > 50
    missing = [words for words in everything if words.split(" --")[0] not in page or words.split()[-1] not in page]
    assert missing == []


def test_the_picture_of_the_house_shows_every_room():
    picture = (ROOT / "docs" / "pictures" / "house.svg").read_text(encoding="utf-8")
    rooms = {path.stem for path in (ROOT / "src" / "narrows").iterdir() if not path.name.startswith(("__", "."))}
    rooms = {name for name in rooms if name not in ("py", "__pycache__")}
    shown = set(re.findall(r"[\w/]+", " ".join(re.findall(r'<text x="52"[^>]*>([^<]+)<', picture))))
    assert rooms - {"cli"} <= shown, "a room is missing in docs/pictures/house.svg"
    assert shown - {"cli", "narrows/__init__"} <= rooms, "a room is drawn that is not there"


def test_the_docs_hold_no_notes_to_ourselves():
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert not re.search(r"\b(TODO|FIXME|XXX|TBD|lorem)\b", text, re.IGNORECASE), page.name
        assert os.sep + "work" + os.sep not in text, page.name
