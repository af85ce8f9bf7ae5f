"""What `narrows --help` and the lists show is read from the files, and is what the code itself says."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest
import typer.main

from narrows import _registry, cli
from narrows._errors import BadOption
from narrows._fit import FitSettings
from narrows.cli import _fit, _parts, _restore
from narrows.training.config import TrainingConfig

TASKS = {part.name: part for part in _parts.parts_of(_registry.tasks)}
PARTS = [
    (registry, part)
    for registry in (_registry.kinds, _registry.architectures, _registry.tasks)
    for part in _parts.parts_of(registry)
]


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("words", [["--help"], ["fit", "--help"], ["denoise", "--help"], ["kinds"], ["tasks"],
                                   ["models", "--json"], ["--version"], ["nonsense"]])  # fmt: skip
def test_help_and_lists_cost_no_torch(words):
    code = (
        f"import sys; from narrows.cli import main; main({words}); assert not {{'torch', 'numpy'}} & set(sys.modules)"
    )
    ran = python(code)
    assert ran.returncode == 0, ran.stderr


def test_the_help_of_all_verbs_does_not_even_cost_rich():
    ran = python("import sys; from narrows.cli import main; main(['--help']); assert 'rich' not in sys.modules")
    assert ran.returncode == 0, ran.stderr


def test_importing_the_room_does_not_import_typer():
    assert python("import sys, narrows.cli; assert 'typer' not in sys.modules").returncode == 0


def test_every_task_is_a_verb_with_its_first_line_as_help(run):
    shown = " ".join(run("--help").out.split())
    for name in set(TASKS) - {"reconstruct"}:
        assert f" {name} " in shown
        assert " ".join(TASKS[name].help.split()) in " ".join(run(name, "--help").out.split())


def test_the_verb_reconstruct_is_not_the_task(run):
    assert "MODEL" in run("reconstruct", "--help").out


@pytest.mark.parametrize("name", TASKS)
def test_the_options_that_are_read_are_those_of_prepare(name):
    parameters = inspect.signature(_registry.tasks[name].prepare).parameters.values()
    own = [one for one in parameters if one.kind is inspect.Parameter.KEYWORD_ONLY]
    read = TASKS[name].prepare
    assert [one.name for one in read] == [one.name for one in own]
    for option, parameter in zip(read, own, strict=True):
        wanted = _parts.REQUIRED if parameter.default is inspect.Parameter.empty else parameter.default
        assert option.default == wanted
        assert option.type.replace(" ", "") == str(parameter.annotation).replace(" ", "")
        assert option.help, f"prepare's docstring has no line '{option.name}: ...'"


@pytest.mark.parametrize(("registry", "part"), PARTS, ids=lambda one: getattr(one, "name", getattr(one, "room", "")))
def test_what_is_read_of_a_part_is_what_its_class_says(registry, part):
    cls = registry[part.name]
    for name, value in part.facts.items():
        assert getattr(cls, name) == value, name
    own = {
        one.name: one.default
        for one in inspect.signature(cls).parameters.values()
        if one.kind is inspect.Parameter.KEYWORD_ONLY and one.name not in _parts.HANDED_IN
    }
    assert {one.name: one.default for one in part.constructor} == own
    assert part.help and "cannot be read" not in part.help


def test_no_task_takes_a_name_that_all_verbs_have():
    shared = set(inspect.signature(_restore._shared).parameters) | {"as_json", "debug", "json", "set", "help"}
    for part in TASKS.values():
        assert not shared & {one.name for one in part.prepare}, part.name


def test_every_setting_of_fit_is_an_option_with_a_help_text():
    fields = {**FitSettings.__dataclass_fields__, **TrainingConfig.__dataclass_fields__}
    read = {one.name: one for one in _fit.settings()}
    assert set(read) == set(fields) - {"options"}
    for name, option in read.items():
        assert option.default == fields[name].default, name
        assert option.help, name


def verbs() -> dict[str, object]:
    return typer.main.get_command(cli.app).commands  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", sorted(verbs()))
def test_every_verb_has_help_json_and_debug(name, run):
    ran = run(name, "--help")
    assert ran.code == 0
    assert "--json" in ran.out and "--debug" in ran.out
    options = {option for one in verbs()[name].params for option in one.opts}  # type: ignore[attr-defined]
    assert {"--json", "--debug"} <= options


def test_no_words_at_all_give_the_help(run):
    assert "Commands:" in run().out + run().err


@pytest.mark.parametrize("words", [["fit"], ["nonsense"], ["denoise", "--strenght", "1"],
                                   ["fit", "x", "--steps", "many"], ["interpolate", "m", "a"],
                                   ["sample", "m", "--n", "0"], ["fit", "x", "--lang", "fr"]])  # fmt: skip
def test_a_wrong_command_line_ends_with_2(run, words):
    ran = run(*words)
    assert ran.code == 2
    assert ran.out == "" and "--help" in ran.err


# Parts of others


def task_file(folder: Path, name: str, text: str) -> None:
    (folder / "tasks").mkdir(exist_ok=True)
    (folder / "tasks" / f"{name}.py").write_text(text)


TASK = '''"""Turn pictures around."""
from narrows._contract import AbstractTask, Batch
MOST = 4
class _Helper: ...
class Turn(AbstractTask):
    model = "turn"
    def example(self, pictures, step):
        return Batch(pictures, pictures)
    def prepare(self, photo, *, times: int = MOST, wildly: bool = False, mask: "Path", how: float | None = None):
        """times: how often,
        quarter by quarter.
        wildly: without care.

        how: not read further
        """
        return photo
'''


def test_a_task_from_narrows_path_is_a_verb_with_its_options(run, tmp_path, monkeypatch):
    task_file(tmp_path, "turn", TASK)
    monkeypatch.setenv("NARROWS_PATH", str(tmp_path))
    shown = " ".join(run("turn", "--help").out.split())
    assert "Turn pictures around." in shown
    assert "--times <int> How often, quarter by quarter. [default: 4]" in shown
    assert "--wildly / --no-wildly Without care." in shown
    assert "[required]" in shown
    assert "turn" in run("tasks").out


@pytest.mark.parametrize("text", ["def broken(:", "", "x = 1", '"""A class too many."""\nclass A: ...\nclass B: ...'])
def test_a_broken_file_of_somebody_does_not_break_the_help(run, tmp_path, monkeypatch, text):
    task_file(tmp_path, "broken", text)
    monkeypatch.setenv("NARROWS_PATH", str(tmp_path))
    ran = run("--help")
    assert ran.code == 0 and "denoise" in ran.out
    assert run("tasks").code == 0
    used = run("broken", "photo.png")
    assert used.code == 1 and used.err.startswith(("results go to", "narrows:"))


def test_the_source_of_an_entry_point_is_found_without_importing_it(tmp_path, monkeypatch):
    package = tmp_path / "turning"
    (package / "inner").mkdir(parents=True)
    (package / "__init__.py").write_text("raise RuntimeError('imported')")
    (package / "inner" / "__init__.py").write_text(TASK)
    (package / "turn.py").write_text(TASK)
    monkeypatch.syspath_prepend(str(tmp_path))
    assert _parts.source_of("turning.turn") == package / "turn.py"
    assert _parts.source_of("turning.inner") == package / "inner" / "__init__.py"
    assert _parts.source_of("turning.gone") is None
    assert _parts.source_of("not_there_at_all.x") is None


# Small translations


@pytest.mark.parametrize(("text", "found"), [
    ("beta=4", ("beta", 4)), ("beta=0.5", ("beta", 0.5)), ("free-bits=1", ("free_bits", 1)), ("a=none", ("a", None)),
    ("a=true", ("a", True)), ("a=False", ("a", False)), ("noise=salt", ("noise", "salt")), ("a=", ("a", "")),
    ("levels=[5,5]", ("levels", (5, 5))), ("levels=8,5", ("levels", (8, 5))), ("levels=(8, 5,)", ("levels", (8, 5))),
    ("a=b=c", ("a", "b=c")), ("a=b, c", ("a", "b, c")), ("beta=0,5", ("beta", (0, 5))),
])  # fmt: skip
def test_set_reads_numbers_words_and_lists(text, found):
    assert _fit.name_and_value(text) == found


@pytest.mark.parametrize("text", ["beta", "=4", ""])
def test_set_without_a_name_or_value_is_refused(text):
    with pytest.raises(BadOption, match="NAME=VALUE"):
        _fit.name_and_value(text)


@pytest.mark.parametrize(
    ("verb", "folder"),
    [("denoise", "denoised"), ("sharpen", "sharpened"), ("blur", "blurred"), ("inpaint", "inpainted")],
)
def test_results_have_a_folder_of_their_own(verb, folder):
    assert _restore.folder_of(verb) == folder


@pytest.mark.parametrize("name", ["denoise", "sharpen", "brighten", "blur", "upscale", "unjpeg"])
def test_help_names_the_filters_that_the_verb_takes(run, name):
    from narrows._registry import tasks
    from narrows.measuring.filters import read_filter

    said = " ".join(run(name, "--help").out.split())
    names = said.split("NAME or NAME=SETTING: ")[1].split(".")[0].split(", ")
    assert names == list(tasks[name].classical)
    for one in names:
        if one != "bm3d":  # a package of its own
            read_filter(one, tasks[name]())
