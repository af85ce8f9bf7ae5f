"""The lesson is true: its commands run, its figures are small and from its own commands, and both languages agree.

The quick tests train for two steps and so see only that everything runs; the slow one trains as the reader does, and
looks for each claim in what is printed.
"""

from __future__ import annotations

import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "examples" / "lesson"
FIGURES = ROOT / "docs" / "pictures" / "lesson"
PAGES = [ROOT / "docs" / "lesson.md", ROOT / "docs" / "lesson.vi.md"]
LARGEST = 40_000
"""Bytes of a figure."""


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def commands(page: Path) -> list[list[str]]:
    """Words after `python examples/lesson/` of every command of a page."""
    return [shlex.split(line) for line in re.findall(r"^\$ python examples/lesson/(.+)$", text_of(page), re.MULTILINE)]


COMMANDS = commands(PAGES[0])
FIRST = {words[0]: words for words in reversed(COMMANDS)}
"""The command that draws each script's figure."""


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """`run(words, *more)`: what the lesson's command prints, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(SCRIPTS))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def command(words: list[str], *more: str) -> str:
        monkeypatch.setattr(sys, "argv", [*words, *more])
        runpy.run_path(str(SCRIPTS / words[0]), run_name="__main__")
        return capsys.readouterr().out

    yield command
    sys.modules.pop("_lesson", None)


def test_every_script_is_in_the_lesson():
    assert {path.name for path in SCRIPTS.glob("[!_]*.py")} == set(FIRST)


@pytest.mark.parametrize("words", COMMANDS, ids=" ".join)
def test_a_command_of_the_lesson_runs_and_draws(words, run):
    if words[0] == "save_digits.py":
        run(words)
        assert len(list(Path("digits").glob("*.png"))) == 1797
        with pytest.raises(SystemExit, match="there already"):
            run(words)
        return
    told = run(words, "--steps", "2")
    (figure,) = Path("out/lesson").iterdir()
    assert f"figure: {figure}" in told and figure.stat().st_size < LARGEST


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_figure_is_shown_small_and_of_the_size_that_its_command_draws(page):
    shown = re.findall(r"!\[([^]]+)\]\(pictures/lesson/([\w.]+)\)", text_of(page))
    assert {name for _, name in shown} == {path.name for path in FIGURES.iterdir()}
    assert {Path(name).stem for _, name in shown} == {Path(name).stem for name in FIRST} - {"save_digits"}
    assert all(len(words) > 10 for words, _ in shown), "what is seen is said to those who do not see it"
    for _, name in shown:
        assert (FIGURES / name).stat().st_size < LARGEST
        if name.endswith(".png"):
            Image.open(FIGURES / name).verify()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_section_has_an_exercise_with_its_answer(page):
    sections = re.split(r"^#{2,3} ", text_of(page), flags=re.MULTILINE)[1:]
    told = [section for section in sections if "$ python examples" in section]
    assert len(told) >= 11
    for section in told:
        assert re.search(r"^\*\*(Exercise|Bài tập)\.\*\* ", section, re.MULTILINE), section.split("\n")[0]
        assert section.count("<details>") == section.count("</details>") == 1, section.split("\n")[0]


def test_both_languages_have_the_same_commands_code_figures_and_sections():
    english, vietnamese = map(text_of, PAGES)

    def bones(text: str) -> tuple[object, ...]:
        blocks = re.findall(r"```(\w+)\n(.*?)```", text, re.DOTALL)
        code = [re.sub(r"\s+#.*", "", block).replace(" --lang vi", "") for _, block in blocks]
        return code, re.findall(r"^#+ ", text, re.MULTILINE), re.findall(r"\((pictures/[^)]+)\)", text)

    assert bones(english) == bones(vietnamese)


def rows(told: str) -> list[list[float]]:
    """The numbers of every line that has some."""
    found = [[float(n) for n in re.findall(r"(?<![\w.])\d+(?:\.\d+)?(?![\w.]*\w)", line)] for line in told.splitlines()]
    return [numbers for numbers in found if numbers]


@pytest.mark.slow
def test_the_claims_of_the_lesson_hold(run):
    def measured(name: str, *more: str) -> list[list[float]]:
        return rows(run(FIRST[name], *more))

    _, (error,), (mean,) = measured("autoencoder.py")
    assert error < mean / 3
    (by_net, *_), (by_pca, _) = measured("no_labels.py")
    assert by_net > by_pca + 10
    assert all(after > before for before, after in measured("repair.py"))
    (new,), (written,) = measured("new_pictures.py")
    assert new > 0.8 * written, "copies would lie much nearer"
    sizes = measured("code_size.py")
    assert sizes[-1][2] < sizes[-2][2] < sizes[3][2], "both errors fall to the largest code"
    assert sizes[-1][2] - sizes[-1][1] < sizes[3][2] - sizes[3][1], "and the gap is not widest there"
    assert sizes[5][3] < sizes[5][2], "PCA is better at 32"
    assert all(held_out > 1.5 * learned for _, learned, held_out, *_ in measured("code_size.py", "--pictures", "100"))
    nets = {(int(layers), int(nodes)): rest for layers, nodes, *rest in measured("layers_and_nodes.py")}
    deepest, middle = nets[5, 256], nets[3, 256]
    assert deepest[2] < middle[2] and deepest[3] > middle[3], "the largest net learns by heart"
    bce, mse, l1 = measured("losses.py")
    assert all(best < other for best, other in zip(bce, mse, strict=True)) and l1[0] > 3 * bce[0]
    (noise,), *sizes = measured("why_narrow.py")
    by_net, by_pca = [row[2] for row in sizes], [row[4] for row in sizes]
    assert min(by_pca) < 0.6 * min(by_pca[0], by_pca[-1]), "neither too much nor too little, for PCA"
    assert by_net[0] > 1.3 * by_net[-1] and by_net[-1] < 0.6 * noise, "a net that saw digits only does not copy"
