"""Training on a CUDA device, where there is one: every kind, every task, and going on from a stop."""

from __future__ import annotations

import os
import signal

import numpy as np
import pytest
import torch
from PIL import Image

import narrows
from narrows._errors import RunStopped
from narrows._registry import kinds, tasks

pytestmark = [
    pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no CUDA device"),
    pytest.mark.filterwarnings("default"),  # libraries warn otherwise than on the processors that these tests know
]
STEPS = {"steps": 6, "batch_size": 8, "evaluations": 3, "device": "cuda"}
CODED = sorted(name for name in kinds if "code" in kinds[name].gives)


def pictures(count=48, side=16, channels=3):
    random = np.random.default_rng(0)
    rows, cols = np.mgrid[0:side, 0:side]
    waves = random.uniform(0.1, 0.6, (count, 2, 1, 1))
    plane = 127 + 100 * np.sin(waves[:, 0] * rows) * np.cos(waves[:, 1] * cols)
    return np.repeat(plane[..., None], channels, 3).astype(np.uint8)


def finite(fitted):
    assert all(np.isfinite(loss) for _, loss in fitted.history.training)
    return fitted


@pytest.mark.parametrize("kind", CODED)
def test_every_kind_learns_there(kind):
    finite(narrows.fit(pictures(channels=1), kind=kind, shift=1, mirror=True, twin=False, **STEPS))


@pytest.mark.parametrize("task", sorted(name for name in tasks if tasks[name].learns_from == "clean"))
def test_every_task_damages_its_pictures_there(task):
    kind = "undercomplete" if tasks[task].metric == "mse" else None
    finite(narrows.fit(pictures(), task=task, kind=kind, twin=False, **STEPS))


@pytest.mark.parametrize("way", tasks["denoise"].ways)
def test_denoise_learns_there_in_each_of_its_ways(way, tmp_path):
    clean = pictures(side=32)
    noisy = np.clip(clean + np.random.default_rng(1).normal(0, 25, clean.shape), 0, 255).astype(np.uint8)
    for number, one in enumerate(noisy[:8]):
        Image.fromarray(one).save(tmp_path / f"{number}.png")
    like = {"like": tmp_path} if way == "like" else {}
    finite(narrows.fit(noisy, task="denoise", learn_from=way, **like, **STEPS))


def test_pairs_are_learned_from_there():
    before = pictures()
    finite(narrows.fit(pairs=(before, 255 - before), shift=1, mirror=True, check_pairs=False, **STEPS))


def test_a_table_is_learned_from_there():
    rows = np.random.default_rng(0).normal(size=(64, 6))
    finite(narrows.fit(rows, code_size=2, **STEPS))


def test_a_stopped_run_goes_on_to_the_same_bits(tmp_path):
    def stop(event):
        if event["event"] == "evaluated":
            os.kill(os.getpid(), signal.SIGINT)

    settings = STEPS | {"steps": 40, "task": "denoise"}
    whole = narrows.fit(pictures(), **settings)
    with pytest.raises(RunStopped, match="at step 14 of 40"):
        narrows.fit(pictures(), **settings, out=tmp_path, progress=stop)
    again = narrows.fit(pictures(), **settings, out=tmp_path)
    for name, value in whole.model.model.autoencoder.state_dict().items():
        assert torch.equal(value, again.model.model.autoencoder.state_dict()[name]), name
