"""`narrows fit --devices 2` starts itself twice, passes signals on, and speaks with one voice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import narrows
from narrows.training.runs import Run, read_events

FIT = ("fit", "digits", "--code-size", "3", "--n-nodes", "8", "--devices", "2", "--device", "cpu", "--out", "m")
PROGRAM = (sys.executable, "-m", "narrows")
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


def at_work(folder: Path) -> bool:
    return any(event["event"] == "evaluated" for event in read_events(folder / "run"))


@pytest.mark.slow
def test_a_run_that_was_stopped_goes_on_and_is_told_once(digits, tmp_path):
    words = (*PROGRAM, *FIT, "--steps", "100000", "--evaluations", "10000", "--patience", "0", "--json")
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=ONE_THREAD) as running:
        deadline = time.monotonic() + 120
        while not at_work(tmp_path / "m") and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        running.send_signal(signal.SIGTERM)
        said = running.communicate(timeout=60)[1]
    assert running.returncode == 128 + signal.SIGTERM, said
    assert said.count("narrows: stopped at step") == 1 and "Traceback" not in said
    stopped = Run(tmp_path / "m" / "run").load()
    assert stopped is not None and 0 < stopped[1]["step"] < 100000
    # The same run, with less to do: the number of steps is in its plan.
    path = tmp_path / "m" / "run" / "run.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "total": stopped[1]["step"] + 5}))
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env=ONE_THREAD, timeout=120)
    assert ran.returncode == 0, ran.stderr
    assert f"going on from step {stopped[1]['step']}" in ran.stderr
    assert json.loads(ran.stdout)["steps"] == stopped[1]["step"] + 5  # one JSON object, from the first alone
    assert narrows.load(tmp_path / "m").code_size == 3


@pytest.mark.slow
def test_the_processes_end_when_what_started_them_is_killed(digits, tmp_path):
    words = (*PROGRAM, *FIT, "--steps", "100000", "--evaluations", "10000", "--patience", "0")
    with subprocess.Popen(words, cwd=tmp_path, stderr=subprocess.PIPE, text=True, env=ONE_THREAD) as running:
        deadline = time.monotonic() + 120
        while not at_work(tmp_path / "m") and running.poll() is None and time.monotonic() < deadline:
            time.sleep(0.1)
        running.kill()
        running.communicate(timeout=60)  # ends when the last of them has closed it
    stopped = Run(tmp_path / "m" / "run").load()
    assert stopped is not None and 0 < stopped[1]["step"] < 100000


def test_a_refusal_is_said_once_and_ends_all(tmp_path):
    words = (*PROGRAM, *FIT, "--steps", "3")
    ran = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, env=ONE_THREAD, timeout=120)
    assert ran.returncode == 1
    assert ran.stderr.count("narrows: ") == 1 and "Traceback" not in ran.stderr and "digits" in ran.stderr
