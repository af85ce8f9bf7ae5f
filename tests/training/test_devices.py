"""Several processes train one model, and the first alone writes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import two_processes

import narrows
from narrows._errors import BadOption
from narrows.sweep import size
from narrows.training._budget import usual_batch
from narrows.training.config import TrainingConfig
from narrows.training.runs import Run

PICTURES = np.zeros((40, 8, 8), np.uint8)


@pytest.mark.slow
def test_two_processes_end_with_the_same_weights_and_one_model_folder_for_every_way_of_learning(tmp_path):
    program = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    ran = subprocess.run(
        [*program, two_processes.__file__, str(tmp_path)], capture_output=True, text=True, timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {kind: [] for kind in two_processes.KINDS}
    for kind in two_processes.KINDS:
        assert narrows.load(tmp_path / kind).card["kind"]["name"] == kind
        assert json.loads((tmp_path / kind / "model.json").read_text())["training"]["batch_size"] == 8


def test_one_process_alone_is_told_what_to_type(tmp_path):
    with pytest.raises(BadOption, match=r"narrows fit DATA --devices 2; .* torchrun --standalone --nproc-per-node 2"):
        narrows.fit(PICTURES, devices=2, steps=2, out=tmp_path / "m")
    assert not (tmp_path / "m").exists()


def test_a_launcher_of_another_number_of_processes_is_refused(monkeypatch):
    for name, value in {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "2"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(BadOption, match=r"devices=3 came, and the launcher started 2 \(WORLD_SIZE\)"):
        narrows.fit(PICTURES, devices=3, steps=2, device="cpu")


def test_sweeps_refuse_devices(tmp_path):
    with pytest.raises(BadOption, match="devices=2 came; a sweep trains in one process"):
        size(PICTURES, out=tmp_path / "s", minutes=1, devices=2)


def test_a_batch_is_a_multiple_of_the_processes():
    config = TrainingConfig(steps=1, batch_size=7, devices=3)
    assert usual_batch(config, 100) == 9 and usual_batch(config, 2) == 3


def test_a_run_that_does_not_write_leaves_the_folder_as_it_is(tmp_path):
    with Run.open(tmp_path / "a") as first, Run.open(tmp_path / "a", writes=False) as other:
        first.begin({"total": 3})
        other.clear()
        other.begin({"total": 4})
        other.log({"event": "begin"})
        other.save({}, {})
        assert other.plan == first.plan and first.plan["total"] == 3
    assert not (tmp_path / "a" / "events.jsonl").exists() and not first.has_kept
