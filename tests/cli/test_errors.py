"""Whatever goes wrong is one sentence on stderr and an exit code; a traceback only where one asks for it."""

from __future__ import annotations

import errno
import signal

import pytest

from narrows import _errors, cli
from narrows._errors import NarrowsError, RunStopped
from narrows.cli import _looking
from narrows.cli._output import Output
from narrows.cli._verb import explain

NARROWS_ERRORS = [
    thing for thing in vars(_errors).values()
    if isinstance(thing, type) and issubclass(thing, NarrowsError) and thing is not RunStopped
]  # fmt: skip


def failing(monkeypatch: pytest.MonkeyPatch, error: BaseException) -> None:
    """`narrows models` fails in that way."""

    def fail(*args, **more):
        raise error

    monkeypatch.setattr("narrows.model.zoo.shipped", fail)


CASES = [
    *((error("what came; what is accepted; what to type"), 1, "what came; what is accepted; what to type")
      for error in NARROWS_ERRORS),
    (NarrowsError("two\nlines"), 1, "two lines"),
    (OSError(errno.ENOSPC, "No space left on device", "a/b.png"), 1, "a/b.png: No space left on device; free some"),
    (PermissionError(errno.EACCES, "Permission denied", "a"), 1, "a: Permission denied"),
    (OSError("odd"), 1, "odd"),
    (MemoryError(), 1, "memory does not suffice"),
    (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 1, "memory does not suffice"),
    (KeyboardInterrupt(), 130, "stopped"),
    (ZeroDivisionError("oh"), 1, "unexpected ZeroDivisionError (oh); --debug shows where"),
    (RunStopped("stopped at step 3 of 9", signal.SIGINT), 130, "stopped at step 3 of 9. Go on with:"),
    (RunStopped("stopped at step 3 of 9", signal.SIGTERM), 143, "stopped at step 3 of 9. Go on with:"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "code", "told"), CASES, ids=lambda one: type(one).__name__)
def test_every_error_is_one_sentence_and_its_code(run, monkeypatch, error, code, told):
    failing(monkeypatch, error)
    ran = run("models")
    assert ran.code == code
    assert ran.out == ""
    assert ran.err.startswith("narrows: " + told)


@pytest.mark.parametrize(("error", "code", "told"), CASES, ids=lambda one: type(one).__name__)
def test_with_json_an_error_is_an_object_too(run, monkeypatch, error, code, told):
    failing(monkeypatch, error)
    ran = run("models", "--json")
    assert ran.code == code
    assert ran.json["error"]["type"] == type(error).__name__
    assert ran.json["error"]["message"].startswith(told)


def test_debug_shows_where(run, monkeypatch):
    failing(monkeypatch, NarrowsError("what came"))
    ran = run("models", "--debug")
    assert isinstance(ran.exception, NarrowsError)


def test_a_closed_pipe_is_no_error_of_ours(run, monkeypatch):
    failing(monkeypatch, BrokenPipeError(errno.EPIPE, "Broken pipe"))
    assert run("models").err == ""


def test_the_command_that_goes_on_is_quoted_for_a_shell():
    sentence, _ = explain(RunStopped("x", signal.SIGINT), Output(argv=("fit", "my faces", "--set", "a=$b")))
    assert sentence.endswith("narrows fit 'my faces' --set 'a=$b'")


def test_main_gives_the_exit_code(capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["tasks", "--json"]) == 0
    assert cli.main(["info", "gone"]) == 1
    assert cli.main(["nonsense"]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_with_debug_main_lets_the_traceback_through(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NarrowsError):
        cli.main(["info", "gone", "--debug"])


def test_json_knows_paths_sets_and_numbers_of_arrays(capsys, tmp_path):
    import json

    import numpy as np

    Output(as_json=True).result({"a": tmp_path, "b": frozenset("ba"), "c": np.float32(0.5), "d": object})
    found = json.loads(capsys.readouterr().out)
    assert (found["a"], found["b"], found["c"]) == (str(tmp_path), ["a", "b"], 0.5)


def test_a_name_in_a_table_is_never_markup(capsys):
    Output().table(("name",), [("[red]x[/red]",)])
    assert "[red]x[/red]" in capsys.readouterr().out


def test_the_lists_hold_every_part(run):
    from narrows._registry import architectures, kinds, tasks

    found = run("kinds", "--json").json
    assert [one["name"] for one in found["kinds"]] == list(kinds)
    assert [one["name"] for one in found["architectures"]] == list(architectures)
    assert [one["name"] for one in run("tasks", "--json").json["tasks"]] == list(tasks)
    assert _looking.words({"b", "a"}) == "a, b"
