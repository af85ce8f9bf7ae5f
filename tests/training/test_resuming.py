"""Going on after any interruption gives the bits of the run that was not interrupted."""

from __future__ import annotations

import functools
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import small_net
import torch
from small_net import EVERY_WAY, LEARNED, Small, learn, noisy, same, weights

from narrows._contract import Batch
from narrows._errors import BadRun, CannotWrite, RunStopped
from narrows._files import temporary_of
from narrows.training.runs import Run, read_events

PROGRAM = [sys.executable, "-W", "ignore", small_net.__file__]
MOMENTS = [
    *({"batch": number} for number in (0, 20, 57, 119)),
    *({"instruction": number} for number in (2, 9, *range(17, 25), 28)),  # 1 to 8 write run.json, then come checkpoints
]


@functools.cache
def uninterrupted(norm: bool = False) -> dict[str, torch.Tensor]:
    return weights(learn(Small(norm=norm), **EVERY_WAY)[0])


def go_on(folder: Path, **changes: object) -> dict[str, torch.Tensor]:
    """From other first weights, so that all must come from the run."""
    with Run.open(folder) as run:
        return weights(learn(Small(seed=9), run=run, **{**EVERY_WAY, **changes})[0])


def stop_at(step: int, number: int = signal.SIGTERM):
    def progress(event: dict) -> None:
        if event["event"] == "evaluated" and event["step"] == step:
            signal.raise_signal(number)

    return progress


def stopped_at(step: int, folder: Path, **changes: object) -> None:
    with Run.open(folder) as run, pytest.raises(RunStopped):
        learn(run=run, progress=stop_at(step), **{**EVERY_WAY, **changes})


def test_the_same_run_gives_the_same_bits():
    assert same(weights(learn(**EVERY_WAY)[0]), uninterrupted())
    assert not same(weights(learn(**EVERY_WAY, seed=2)[0]), uninterrupted())


def test_a_run_that_is_kept_gives_the_bits_of_one_that_is_not(tmp_path):
    assert same(go_on(tmp_path), weights(learn(Small(seed=9), **EVERY_WAY)[0]))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_a_process_and_the_same_command_goes_on(number, tmp_path):
    changes = {"evaluations": 120, "checkpoint_minutes": 1.0}
    with subprocess.Popen([*PROGRAM, "train", str(tmp_path)], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("evaluated 33"):
                process.send_signal(number)
    assert process.returncode == 128 + number
    assert read_events(tmp_path)[-1]["event"] == "stopped"
    assert same(go_on(tmp_path, **changes), weights(learn(**{**EVERY_WAY, **changes})[0]))


@pytest.fixture(scope="module")
def killed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for each moment at which a process training in it was killed."""
    folder = tmp_path_factory.mktemp("killed")
    subprocess.run([*PROGRAM, "die", str(folder), json.dumps(MOMENTS)], check=True)
    return folder


@pytest.mark.parametrize("moment", MOMENTS, ids=lambda moment: " ".join(f"{k} {v}" for k, v in moment.items()))
def test_kill_9_changes_no_bit(moment, killed):
    folder = killed / "-".join(f"{name}-{number}" for name, number in moment.items())
    assert not any(event["event"] == "finished" for event in read_events(folder))  # it was killed
    with Run.open(folder) as run:
        assert same(weights(learn(Small(), run=run, **EVERY_WAY)[0]), uninterrupted())
    assert read_events(folder)[-1]["event"] == "finished"
    assert not list(folder.glob(".*.part"))


def test_a_run_that_is_stopped_again_and_again_ends_the_same(tmp_path):
    for step in (20, 40, 60, 80, 100):
        with Run.open(tmp_path) as run, pytest.raises(RunStopped):
            learn(run=run, progress=stop_at(step), **EVERY_WAY)
    assert same(go_on(tmp_path), uninterrupted())


def test_buffers_that_training_changes_come_back_too(tmp_path):
    with Run.open(tmp_path) as run, pytest.raises(RunStopped):
        learn(Small(norm=True), run=run, progress=stop_at(40), **EVERY_WAY)
    with Run.open(tmp_path) as run:
        resumed = weights(learn(Small(seed=9, norm=True), run=run, **EVERY_WAY)[0])
    assert resumed["net.1.num_batches_tracked"] > 0
    assert same(resumed, uninterrupted(norm=True))


def test_curves_and_the_best_step_are_those_of_the_whole_run(tmp_path):
    whole = learn(**EVERY_WAY)[1]
    stopped_at(60, tmp_path)
    with Run.open(tmp_path) as run:
        resumed = learn(Small(seed=9), run=run, **EVERY_WAY)[1]
    assert (resumed.plan, resumed.best_step) == (whole.plan, whole.best_step)
    for curve in ("training", "held_out", "parts"):
        assert getattr(resumed.history, curve) == getattr(whole.history, curve)


@pytest.mark.parametrize("damage", ["flip", "cut", "empty", "text", "header", "gone"])
@pytest.mark.parametrize("which", ["newest", "oldest"])
def test_when_one_checkpoint_is_damaged_the_other_is_taken(damage, which, tmp_path):
    stopped_at(60, tmp_path)
    (tmp_path / "checkpoint-stop.safetensors").unlink()
    files = sorted(tmp_path.glob("checkpoint-?.safetensors"), key=lambda path: path.stat().st_mtime_ns)
    assert len(files) == 2
    path = files[-1 if which == "newest" else 0]
    content = bytearray(path.read_bytes())
    if damage == "flip":
        start = 8 + int.from_bytes(content[:8], "little")
        end = json.loads(content[8:start])["module.back.weight"]["data_offsets"][1]
        content[start + end - 1] ^= 1  # of the exponent of a weight
    elif damage == "header":
        place = content.index(b'rate_scale\\": 1.0') + len(b'rate_scale\\": ')
        content[place : place + 1] = b"2"
    elif damage == "cut":
        del content[len(content) // 2 :]
    path.write_bytes({"empty": b"", "text": b"not a checkpoint at all"}.get(damage, bytes(content)))
    if damage == "gone":
        path.unlink()
    assert same(go_on(tmp_path), uninterrupted())


def test_when_every_checkpoint_is_damaged_the_run_begins_anew_with_the_same_plan(tmp_path):
    stopped_at(60, tmp_path)
    for path in tmp_path.glob("checkpoint-*.safetensors"):
        path.write_bytes(path.read_bytes()[:-1])
    with Run.open(tmp_path) as run:
        assert run.load() is None
        assert same(weights(learn(run=run, **EVERY_WAY)[0]), uninterrupted())


def test_a_left_over_temporary_file_is_cleared_away(tmp_path):
    stopped_at(40, tmp_path)
    for name in ("a", "b", "stop"):
        temporary_of(tmp_path / f"checkpoint-{name}.safetensors").write_bytes(b"half")
    assert same(go_on(tmp_path), uninterrupted())
    assert not list(tmp_path.glob(".*.part"))


def test_only_one_process_holds_a_run(tmp_path):
    with Run.open(tmp_path), pytest.raises(BadRun, match="in use by another narrows process"), Run.open(tmp_path):
        pass
    with Run.open(tmp_path):  # and when the first has gone, the next may
        pass


def test_the_run_of_another_net_is_refused(tmp_path):
    stopped_at(40, tmp_path)
    with Run.open(tmp_path) as run, pytest.raises(BadRun, match="run of another model; begin anew with --force"):
        learn(Small(norm=True), run=run, **EVERY_WAY)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full disk is simulated by /dev/full")
def test_a_full_disk_leaves_the_last_checkpoint_whole(tmp_path):
    def fill(event: dict) -> None:
        if event["event"] == "evaluated" and event["step"] == 60:
            for name in ("a", "b"):
                temporary_of(tmp_path / f"checkpoint-{name}.safetensors").symlink_to("/dev/full")

    with Run.open(tmp_path) as run, pytest.raises(CannotWrite, match="unchanged: free some space"):
        learn(run=run, progress=fill, **EVERY_WAY)
    with Run.open(tmp_path) as run:
        found = run.load()
    assert found is not None and found[1]["step"] == 40
    assert same(go_on(tmp_path), uninterrupted())


def test_a_finished_run_is_not_trained_again(tmp_path):
    made = []
    with Run.open(tmp_path) as run:
        learn(run=run, **EVERY_WAY)

    def make(indices: torch.Tensor, step: object) -> Batch:
        made.append(step)
        return noisy(small_net.data()[:LEARNED])(indices, step)  # type: ignore[arg-type]

    with Run.open(tmp_path) as run:
        again = weights(learn(Small(seed=9), run=run, make=make, **EVERY_WAY)[0])
    assert same(again, uninterrupted()) and not made


def test_a_run_goes_on_with_the_batch_that_was_chosen_for_it(tmp_path):
    sizes = set()

    def make(indices: torch.Tensor, step: object) -> Batch:
        sizes.add(len(indices))
        return noisy(small_net.data()[:LEARNED])(indices, step)  # type: ignore[arg-type]

    changes = {"batch_size": None, "epochs": 20, "make": make, **EVERY_WAY}
    whole, outcome = learn(**changes)
    assert outcome.plan.batch_size == 8
    with Run.open(tmp_path) as run, pytest.raises(RunStopped):
        learn(run=run, progress=stop_at(30, signal.SIGINT), **changes)
    with Run.open(tmp_path) as run:
        again, resumed = learn(Small(seed=9), run=run, **changes)
    assert resumed.plan == outcome.plan and same(weights(again), weights(whole)) and sizes == {8}


def test_a_run_of_a_version_that_kept_no_batch_is_refused_with_what_to_do(tmp_path):
    with Run.open(tmp_path) as run, pytest.raises(RunStopped):
        learn(run=run, progress=stop_at(40, signal.SIGINT))
    plan = json.loads((tmp_path / "run.json").read_text())
    del plan["batch_size"]
    (tmp_path / "run.json").write_text(json.dumps(plan))
    with Run.open(tmp_path) as run, pytest.raises(BadRun, match="older narrows; begin anew with --force"):
        learn(Small(seed=9), run=run)


def test_an_early_stop_is_an_end(tmp_path):
    changes = {"patience": 1, "learning_rate": 0.3, "steps": 400, "evaluations": 40}
    with Run.open(tmp_path) as run:
        module, outcome = learn(run=run, **changes)
    assert outcome.history.training[-1][0] < 400
    with Run.open(tmp_path) as run:
        again, repeated = learn(Small(seed=9), run=run, **changes)
    assert same(weights(again), weights(module)) and repeated.history.remarks == outcome.history.remarks


def test_no_checkpoint_is_written_before_its_time(tmp_path):
    saved = []

    class Counting(Run):
        def save(self, tensors, facts, *, stop=False):
            saved.append(facts["step"])
            super().save(tensors, facts, stop=stop)

    with Counting.open(tmp_path) as run:
        learn(run=run, checkpoint_minutes=10)
    assert saved == [0, 120]  # the beginning and the end
    with Counting.open(tmp_path / "often") as run:
        learn(run=run, checkpoint_minutes=1e-9)
    assert saved[2:] == [0, 20, 40, 60, 80, 100, 120]


def test_stopping_without_a_run_is_what_python_does():
    with pytest.raises(KeyboardInterrupt):
        learn(progress=stop_at(20, signal.SIGINT))
    with pytest.raises(SystemExit) as stopped:
        learn(progress=stop_at(20, signal.SIGTERM))
    assert stopped.value.code == 143
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
