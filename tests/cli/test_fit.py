"""`narrows fit`: options reach the model, runs go on after any interruption, parts of others are found."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch

from narrows.training import loop

TINY = ("--code-size", "3", "--n-nodes", "8", "--steps", "3")


def card(folder: Path) -> dict:
    return json.loads((folder / "model.json").read_text())


def test_it_ends_with_the_verdict_the_report_the_model_and_what_to_type_next(run, digits, tmp_path):
    ran = run("fit", "digits", *TINY, "--out", "my model")
    assert ran.code == 0
    verdict, report, model, use = ran.out.splitlines()
    assert "PCA" in verdict
    assert report == "report: my model/report.html" and (tmp_path / "my model/report.html").exists()
    assert model == "model:  my model"
    assert use == "use it: narrows encode 'my model' NEW-PICTURES --out codes.csv"
    assert "step 3 of 3, held-out loss" in ran.err


def test_what_is_printed_next_works_as_it_stands(run, digits):
    use = run("fit", "digits", *TINY, "--out", "my model").out.splitlines()[-1].removeprefix("use it: narrows ")
    assert run(*shlex.split(use.replace("NEW-PICTURES", "digits"))).code == 0


def test_the_four_hyperparameters_reach_the_model(run, digits, tmp_path):
    ran = run("fit", "digits", "--code-size", 5, "--n-layers", 3, "--n-nodes", "16,8", "--loss", "l1", "--arch", "mlp",
              "--kind", "undercomplete", "--steps", 2, "--seed", 3, "--out", "m")  # fmt: skip
    assert ran.code == 0
    found = card(tmp_path / "m")
    assert found["kind"]["options"]["code_size"] == 5
    options = {"n_layers": 3, "n_nodes": [16, 8], "start": "linear"}
    assert found["architecture"] == {"name": "mlp", "options": options}
    assert found["loss"] == "l1"
    assert found["training"]["seed"] == 3


def test_the_command_that_repeats_it_is_in_the_card_and_the_report(run, digits, tmp_path):
    run("fit", "digits", *TINY, "--out", "a b", "--lang", "vi")
    command = f"narrows fit digits {' '.join(TINY)} --out 'a b' --lang vi"
    assert card(tmp_path / "a b")["about"]["command"] == command
    report = (tmp_path / "a b/report.html").read_text()
    assert 'lang="vi"' in report and "--code-size 3" in report


def test_the_verdict_is_in_the_language_of_the_report(run, digits):
    assert "để riêng" in run("fit", "digits", *TINY, "--lang", "vi").out


def test_without_out_the_model_lies_beside_under_the_name_of_the_data(run, digits, tmp_path):
    ran = run("fit", "digits/", *TINY)
    assert (tmp_path / "digits-model/model.json").exists()
    assert "digits-model (--out chooses another folder)" in ran.err


def test_size_and_channels_are_what_pictures_are_fitted_to(run, tmp_path, pictures):
    pictures(tmp_path / "colour", side=20, channels=3)
    run("fit", "colour", *TINY, "--size", "8x12", "--channels", "1", "--out", "m")
    assert card(tmp_path / "m")["shape"] == [1, 8, 12]


def test_set_reaches_the_kind_and_the_task(run, digits, tmp_path):
    run("fit", "digits", *TINY, "--kind", "variational", "--set", "beta=2", "--set", "free-bits=0.5", "--out", "m")
    options = card(tmp_path / "m")["kind"]["options"]
    assert (options["beta"], options["free_bits"]) == (2, 0.5)
    run("fit", "digits", *TINY, "--task", "denoise", "--no-twin", "--set", "level=20", "--out", "n")
    assert card(tmp_path / "n")["task"]["options"]["level"] == 20


def test_a_task_through_a_code_is_set_beside_the_direct_net(run, digits, tmp_path):
    ran = run("fit", "digits", "--task", "denoise", "--kind", "undercomplete", "--arch", "mlp", *TINY, "--out", "m")
    assert ran.code == 0
    assert "direct" in card(tmp_path / "m")["scores"]["held_out"]
    assert "narrows restore NEW-PICTURES --model m" in ran.out


def test_the_kind_denoising_says_what_it_is_not(run, digits):
    ran = run("fit", "digits", *TINY, "--kind", "denoising")
    assert "codes become robust" in ran.err and "--task denoise" in ran.err


def test_several_places_are_learned_from_together(run, tmp_path, pictures):
    pictures(tmp_path / "a", 12)
    pictures(tmp_path / "b", 12, first=12)
    ran = run("fit", "a", "b", *TINY, "--out", "m", "--json")
    assert sum(ran.json["data"]["examples"].values()) == 24


def test_json_is_one_object_with_verdict_scores_and_places(run, digits):
    ran = run("fit", "digits", *TINY, "--out", "m", "--json")
    found = ran.json
    assert found["model"] == "m" and found["report"] == "m/report.html"
    assert found["verdict"]["winner"] in ("network", "PCA", "nobody")
    assert found["verdict"]["ratio"]["low"] <= found["verdict"]["ratio"]["value"]
    assert found["kind"]["options"]["code_size"] == 3
    assert found["steps"] == 3
    assert "PCA" in ran.err  # words are not lost, they go to stderr


def test_a_fit_that_one_row_judges_tells_machines_json(run, tmp_path):
    (tmp_path / "three.csv").write_text("a,b\n1,2\n3,5\n2,1\n")
    told = run("fit", "three.csv", "--steps", 1, "--held-out", 0.3, "--json")
    assert told.json["verdict"]["ratio"]["high"] is None
    assert "On 1 held-out row," in told.json["verdict"]["sentence"]


def test_a_finished_model_is_not_replaced_without_force(run, digits, tmp_path):
    run("fit", "digits", *TINY, "--out", "m")
    before = (tmp_path / "m/model.safetensors").read_bytes()
    ran = run("fit", "digits", *TINY, "--seed", 1, "--out", "m")
    assert ran.code == 1 and "--force" in ran.err
    assert (tmp_path / "m/model.safetensors").read_bytes() == before
    assert run("fit", "digits", *TINY, "--seed", 1, "--out", "m", "--force").code == 0
    assert (tmp_path / "m/model.safetensors").read_bytes() != before


@pytest.mark.parametrize(("words", "told"), [
    (("gone",), "does not exist"),
    (("digits", "--kind", "variatonal"), "did you mean variational?"),
    (("digits", "--arch", "mpl"), "did you mean mlp?"),
    (("digits", "--task", "denoize"), "did you mean denoise?"),
    (("digits", "--code-size", "0"), "1 to 64"),
    (("digits", "--code-size", "-3"), "1 to 64"),
    (("digits", "--code-size", "65"), "1 to 64"),
    (("digits", "--n-nodes", "many"), "--n-nodes many; it takes 512 or 512,256"),
    (("digits", "--size", "8by8"), "--size 8by8; it takes 64x64"),
    (("digits", "--set", "beta"), "NAME=VALUE"),
    (("digits", "--set", "beat=4", "--kind", "variational"), "did you mean beta?"),
    (("digits", "--steps", "3", "--minutes", "1"), "exactly one budget"),
    (("digits", "--steps", "0"), "above 0"),
    (("digits", "--kind", "variational", "--loss", "charbonnier"), "a density"),
    (("digits", "--kind", "direct", "--arch", "mlp"), "--arch unet"),
    (("digits", "--device", "abacus"), "it takes auto, cpu"),
    (("digits", "--group-by", "("), "no pattern"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_one_sentence(run, digits, tmp_path, words, told):
    ran = run("fit", *words)
    assert ran.code == 1
    last = ran.err.splitlines()[-1]
    assert last.startswith("narrows: ") and told in last
    assert not (tmp_path / "digits-model").exists()


def test_a_table_says_how_to_use_it_on_rows(run, tmp_path):
    np.savetxt(tmp_path / "t.csv", np.random.default_rng(0).normal(size=(30, 3)), delimiter=",")
    assert "NEW-ROWS.csv" in run("fit", "t.csv", "--steps", 2, "--n-nodes", 8).out


# Progress


def test_steps_are_told_now_and_then_and_never_into_the_events(run, digits, tmp_path, monkeypatch):
    monkeypatch.setattr(loop, "_TICK_SECONDS", 0.0)
    told = []
    import narrows

    narrows.fit(digits, code_size=2, n_nodes=8, steps=7, out=tmp_path / "m", progress=told.append)
    assert [one["step"] for one in told if one["event"] == "step"] == list(range(1, 8))
    assert '"step"' in (tmp_path / "m/run/events.jsonl").read_text()
    events = [json.loads(line) for line in (tmp_path / "m/run/events.jsonl").read_text().splitlines()]
    assert "step" not in {one["event"] for one in events}
    monkeypatch.setattr(loop, "_TICK_SECONDS", 3600.0)
    told.clear()
    narrows.fit(digits, code_size=2, n_nodes=8, steps=7, progress=told.append)
    assert sum(one["event"] == "step" for one in told) <= 1


@pytest.mark.parametrize(("step", "total", "seconds", "left"), [
    (0, 10, 0.0, ""), (5, 10, 5.0, "0:05 left"), (1, 100, 1.0, "1:39 left"), (1, 7300, 1.0, "2:01:39 left"),
    (10, 10, 3.0, "0:00 left"),
])  # fmt: skip
def test_the_time_left_follows_from_the_steps_done(step, total, seconds, left):
    from narrows.cli._progress import time_left

    assert time_left({"step": step, "total": total, "seconds": seconds}) == left


def test_the_bar_shows_every_event_and_takes_nothing_for_markup():
    import io

    from rich.console import Console
    from rich.progress import Progress

    from narrows.cli._progress import _Bar

    screen = io.StringIO()
    bar = Progress(console=Console(file=screen, force_terminal=True, width=100))
    with bar:
        shown = _Bar(bar)
        where = {"step": 5, "total": 10, "seconds": 1.0}
        for event in ({"event": "reading"}, {"event": "begin", **where}, {"event": "step", **where},
                      {"event": "evaluated", "held_out": 0.25, **where}, {"event": "rolled back", "remark": "[/b] x",
                      **where}, {"event": "twin"}, {"event": "judging"}, {"event": "done"}):  # fmt: skip
            shown.take(event)
        task = bar.tasks[0]
    assert "[/b] x" in screen.getvalue()
    assert task.description == "judging on what was held out"


# Interruptions, in processes of their own

LONG = ("fit", "digits", "--code-size", "3", "--n-nodes", "16,8", "--steps", "200", "--out", "m")
SLOWLY = "import time; from narrows.training import loop; tick = loop._Training._tick; loop._Training._tick = lambda self, now: (time.sleep(0.02), tick(self, now))"  # noqa: E501


def start(words: tuple[str, ...], folder: Path) -> subprocess.Popen[str]:
    """The command line in a process, slowed down so that it can be stopped on its way."""
    code = f"import sys; {SLOWLY}; from narrows.cli import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words], cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip


def wait_for_steps(process: subprocess.Popen[str], folder: Path) -> None:
    events, until = folder / "m/run/events.jsonl", time.monotonic() + 120
    while not (events.exists() and '"evaluated"' in events.read_text()):
        assert process.poll() is None and time.monotonic() < until, "it ended before it could be stopped"
        time.sleep(0.02)


def weights(folder: Path) -> dict:
    return safetensors.torch.load((folder / "model.safetensors").read_bytes())


@pytest.mark.parametrize(("number", "code", "more"), [(signal.SIGINT, 130, ()), (signal.SIGTERM, 143, ("--force",))])
def test_a_stopped_run_prints_the_command_that_goes_on_to_the_same_bits(run, digits, tmp_path, number, code, more):
    words = (*LONG, *more)
    process = start(words, tmp_path)
    wait_for_steps(process, tmp_path)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert out == "" and "Traceback" not in err
    printed = err.strip().splitlines()[-1].strip()
    assert printed == shlex.join(["narrows", *words])
    ran = run(*shlex.split(printed)[1:])
    assert ran.code == 0 and "going on from step" in ran.err
    assert run(*LONG[:-1], "whole").code == 0
    assert all((value == weights(tmp_path / "m")[name]).all() for name, value in weights(tmp_path / "whole").items())


def test_python_m_narrows_is_narrows(digits, tmp_path):
    ran = subprocess.run(
        [sys.executable, "-m", "narrows", "fit", "digits", *TINY, "--out", "m"], cwd=tmp_path, capture_output=True,
        text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert card(tmp_path / "m")["about"]["command"].startswith("python -m narrows fit digits")


# Parts of others

KIND = '''"""Small: codes are pulled towards 0."""
from narrows._contract import AbstractAutoencoder

class {name}(AbstractAutoencoder):
    def __init__(self, *, net, loss, code_size: int, pull: float = 0.001):
        super().__init__(net=net, loss=loss)
        self.encoder, self.decoder, self.pull = net.encoder(code_size), net.decoder(code_size), pull
    def losses(self, batch, turn, step):
        code = self.encode(batch.x)
        error = self.loss(self.decode_raw(code), batch.target, batch.weight).mean()
        return {{"loss": error + self.pull * code.square().mean()}}
    def encode(self, x):
        return self.encoder(x)
    def decode_raw(self, code):
        return self.decoder(code) + self.offset
'''


def use_it(run, tmp_path: Path, kind: str) -> None:
    """Listed, fitted with an option of its own, and encoding, all from the command line."""
    listed = {one["name"]: one for one in run("kinds", "--json").json["kinds"]}
    assert listed[kind]["help"] == "Small: codes are pulled towards 0."
    assert listed[kind]["options"] == [{"name": "pull", "type": "float", "help": "", "default": 0.001}]
    assert run("fit", "digits", *TINY, "--kind", kind, "--set", "pull=0.5", "--out", "m").code == 0
    assert card(tmp_path / "m")["kind"] == {"name": kind, "options": {"code_size": 3, "pull": 0.5}}
    assert run("encode", "m", "digits").code == 0
    assert np.load("codes.npy").shape == (24, 3)


def test_a_kind_in_a_single_file_of_a_folder_is_fitted_by_the_command_line(run, digits, tmp_path, monkeypatch):
    folder = tmp_path / "parts/autoencoders"
    folder.mkdir(parents=True)
    (folder / "small.py").write_text(KIND.format(name="Small"))
    monkeypatch.setenv("NARROWS_PATH", str(tmp_path / "parts"))
    use_it(run, tmp_path, "small")


def test_a_kind_and_a_task_of_another_installed_package_are_found_by_entry_points(run, digits, tmp_path, monkeypatch):
    site = tmp_path / "site"
    (site / "tiny_package").mkdir(parents=True)
    (site / "tiny_package/__init__.py").write_text("")
    (site / "tiny_package/kinds.py").write_text(KIND.format(name="Tiny"))
    (site / "tiny_package/tasks.py").write_text(
        '"""Leave pictures as they are."""\nfrom narrows._contract import AbstractTask, Batch\n'
        "class Leave(AbstractTask):\n    def example(self, pictures, step):\n        return Batch(pictures, pictures)\n"
        '    def prepare(self, photo, *, calmly: bool = True):\n        """calmly: without haste."""\n'
        "        return photo\n"
    )
    installed = site / "tiny_package-1.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: tiny-package\nVersion: 1\n")
    (installed / "entry_points.txt").write_text(
        "[narrows.kinds]\ntiny = tiny_package.kinds:Tiny\n[narrows.tasks]\nleave = tiny_package.tasks:Leave\n"
    )
    monkeypatch.syspath_prepend(str(site))
    use_it(run, tmp_path, "tiny")
    shown = " ".join(run("leave", "--help").out.split())
    assert "Leave pictures as they are." in shown and "--calmly / --no-calmly Without haste." in shown
