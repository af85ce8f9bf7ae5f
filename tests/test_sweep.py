"""Sweeps end to end on small tables: verdicts, resuming, refusals. Training is short; what is tested is the order."""

from __future__ import annotations

import contextlib
import json
import math
import os
import signal
import sys

import numpy as np
import pytest
from PIL import Image

from narrows import BadData, BadOption, BadRun, NotSupported, RunStopped, WouldOverwrite, fit
from narrows.nn.losses import LOSSES
from narrows.sweep import _sizes, _trials, _tune, size, tune

optuna = pytest.importorskip("optuna")


@pytest.fixture(scope="module", autouse=True)
def few_rounds():
    """Two rounds of each size: what is tested is their order."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_sizes, "_MOST_ROUNDS", 2)
        yield


@pytest.fixture(scope="module")
def sheet() -> np.ndarray:
    """600 16: two numbers, bent, without noise."""
    random = np.random.default_rng(0)
    inside = random.uniform(-1, 1, (600, 2))
    return np.sin(inside @ random.standard_normal((2, 16)) + random.uniform(0, 6, 16)).astype(np.float32)


def quick(data, out, **more):
    return size(data, out=out, **({"minutes": 99, "steps": 6, "seeds": 2, "largest": 4, "batch_size": 64} | more))


@pytest.fixture(scope="module")
def swept(sheet, tmp_path_factory):
    out = tmp_path_factory.mktemp("sweep") / "out"
    return out, quick(sheet, out)


def test_a_sweep_tries_sizes_in_rising_order_and_says_which_one(swept):
    _, found = swept
    sizes = [one.size for one in found.tried]
    assert sizes == sorted(set(sizes)) and {1, 2, 4} <= set(sizes)
    assert found.verdict.code_size in sizes
    assert found.verdict.interval.low <= found.verdict.code_size <= found.verdict.interval.high
    assert all(one.errors.shape[1] == found.tried[0].errors.shape[1] for one in found.tried)
    assert [one.pca for one in found.tried] == sorted((one.pca for one in found.tried), reverse=True)
    assert any(len(one.errors) == 2 for one in found.tried)
    assert all(0 <= one.memorised <= 1 for one in found.tried)


def test_after_one_round_nothing_is_said_to_fall_still(sheet, tmp_path, monkeypatch):
    monkeypatch.setattr(_sizes, "_MOST_ROUNDS", 1)
    found = quick(sheet, tmp_path / "out", seeds=1)
    assert all(math.isnan(one.half) and not one.falling for one in found.tried)


def test_the_page_stands_beside_the_trials_and_needs_nothing_from_outside(swept):
    out, found = swept
    assert found.page == out / "size.html"
    page = found.page.read_text(encoding="utf-8")
    assert "<script" not in page and "http://" not in page and "https://" not in page
    assert f"--code-size {found.verdict.code_size}" in page


def test_a_finished_sweep_is_not_replaced_without_force(swept, sheet):
    out, _ = swept
    with pytest.raises(WouldOverwrite, match="--force"):
        quick(sheet, out)


def test_another_job_in_the_same_folder_is_refused(swept, sheet):
    out, _ = swept
    with pytest.raises(BadRun, match="its data are others"):
        quick(sheet[:300], out)
    with pytest.raises(BadRun, match="its n_layers is None, and 2 came"):
        quick(sheet, out, n_layers=2)


def test_more_minutes_go_on_from_a_finished_sweep(sheet, tmp_path, monkeypatch):
    # A trial counts a second: so many fit.
    monkeypatch.setattr(_trials.Trials, "seconds", property(lambda self: float(len(self.found))))
    monkeypatch.setattr(_sizes.Sweep, "_expected", lambda self, number: 1.0)
    again: list[tuple[int, int, int]] = []

    def note(event):
        if event["event"] == "size":
            again.append((event["code_size"], event["seed"], event["round"]))

    first = quick(sheet, tmp_path / "out", minutes=0.05, seeds=1)
    with pytest.raises(WouldOverwrite, match=r"more than 0\.05 minutes"):
        quick(sheet, tmp_path / "out", minutes=0.02, seeds=1)
    more = quick(sheet, tmp_path / "out", minutes=1.0, seeds=1, progress=note)
    assert (
        again and more.seconds > first.seconds and {one.size for one in first.tried} <= {one.size for one in more.tried}
    )
    assert len(again) == len(set(again)) and (1, 0, 0) not in again


def test_more_trials_go_on_from_a_finished_tuning(sheet, tmp_path):
    settings = {"code_size": 2, "n_layers": 2, "n_nodes": 8}
    first = tune(sheet, out=tmp_path / "out", minutes=0.02, trials=2, **settings)
    more = tune(sheet, out=tmp_path / "out", minutes=0.04, trials=4, **settings)
    assert {one["error"] for one in first.trials} < {one["error"] for one in more.trials} and len(more.trials) == 4


def test_one_column_leaves_nothing_to_compare(sheet, tmp_path):
    with pytest.raises(BadData, match="no other size"):
        quick(sheet[:, :1], tmp_path / "out")


def test_one_direction_above_the_noise_is_said_to_be_enough(tmp_path):
    random = np.random.default_rng(0)
    factor = random.standard_normal((900, 1)) * np.ones(20)
    with pytest.raises(BadData, match=r"of 20 columns .* --code-size 1"):
        quick(factor + 0.5 * random.standard_normal((900, 20)), tmp_path / "out")


@pytest.mark.parametrize("largest", [1, 0, -5])
def test_a_largest_size_that_leaves_one_is_refused(sheet, tmp_path, largest):
    with pytest.raises(BadOption, match=f"largest={largest}"):
        quick(sheet, tmp_path / "out", largest=largest)


class Enough(Exception):
    """Stops a sweep in its middle."""


def test_what_was_finished_before_a_stop_is_not_done_again_and_the_answer_is_the_same(swept, sheet, tmp_path):
    began: list[tuple[int, int, int]] = []

    def note(event):
        if event["event"] == "size":
            began.append((event["code_size"], event["seed"], event["round"]))
            if len(began) == 4:
                raise Enough

    with pytest.raises(Enough):
        quick(sheet, tmp_path / "out", progress=note)
    first, began = began[:3], []

    def note_all(event):
        if event["event"] == "size":
            began.append((event["code_size"], event["seed"], event["round"]))

    found = quick(sheet, tmp_path / "out", progress=note_all)
    assert not set(first) & set(began)
    _, whole = swept
    assert [one.error for one in found.tried] == [one.error for one in whole.tried]
    assert found.verdict == whole.verdict


def test_a_trial_that_sigterm_stopped_goes_on_from_its_step(sheet, tmp_path):
    def stop(event):
        if event["event"] == "evaluated" and event["step"] == 3:
            os.kill(os.getpid(), signal.SIGTERM)

    with pytest.raises(RunStopped):
        quick(sheet, tmp_path / "out", progress=stop, minutes=1e-6)
    seen = []
    with pytest.raises(BadData, match="one size only"):  # the time is over after the first
        quick(sheet, tmp_path / "out", progress=seen.append, minutes=1e-6)
    resumed = [event for event in seen if event["event"] == "resumed"]
    assert len(resumed) == 1 and resumed[0]["step"] >= 3


def test_pictures_are_swept_too(drawn, tmp_path):
    pictures = np.stack([drawn(8, 8, 1, seed)[..., 0] for seed in range(40)])
    found = quick(pictures, tmp_path / "out", steps=2, largest=2, seeds=1)
    assert [one.size for one in found.tried] == [1, 2]


@pytest.mark.parametrize("wrong", [{"code_size": 3}, {"epochs": 2}, {"minutes": 0}, {"seeds": 0}])
def test_what_a_sweep_decides_itself_is_refused_by_name(sheet, tmp_path, wrong):
    with pytest.raises(BadOption, match=next(iter(wrong))):
        quick(sheet, tmp_path / "out", **wrong)
    assert not (tmp_path / "out").exists()


def test_nothing_held_out_is_refused(sheet, tmp_path):
    with pytest.raises(BadData, match="held-out"):
        quick(sheet, tmp_path / "out", held_out=0.0)


def test_without_optuna_a_sentence_says_what_to_install(sheet, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(NotSupported, match=r"narrows\[sweep\]"):
        quick(sheet, tmp_path / "out")


def test_tuning_tries_the_defaults_first_and_judges_on_what_chose_nothing(sheet, tmp_path):
    events = []
    found = tune(sheet, out=tmp_path / "out", minutes=0.1, trials=3, code_size=2, progress=events.append)
    tried = [event for event in events if event["event"] == "trial"]
    assert len(found.trials) == 3 and set(tried[0]) == {"event", "number", "trials"}
    assert {"n_layers", "n_nodes", "learning_rate"} <= set(tried[1])
    assert [one["error"] for one in found.trials] == sorted(one["error"] for one in found.trials)
    assert found.error.low <= found.error.value <= found.error.high
    assert json.loads((tmp_path / "out" / "sweep.json").read_text())["done"]


def test_what_the_user_says_is_not_tuned(sheet, tmp_path):
    found = tune(sheet, out=tmp_path / "out", minutes=0.06, trials=2, code_size=2, n_layers=2, learning_rate=1e-3)
    assert all(set(one) <= {"n_nodes", "error", "seconds"} for one in found.trials)


def small_pictures(drawn, count=40):
    return np.stack([drawn(8, 8, 1, seed)[..., 0] for seed in range(count)])


def test_a_kind_of_likelihoods_is_tuned_by_densities_alone(drawn, tmp_path):
    events = []
    found = tune(
        small_pictures(drawn), out=tmp_path / "out", minutes=0.02, trials=6, kind="variational", code_size=2,
        n_layers=2, n_nodes=8, learning_rate=1e-3, progress=events.append,
    )  # fmt: skip
    tried = {event["loss"] for event in events if event["event"] == "trial" and "loss" in event}
    assert len(found.trials) == 6 and tried <= {"mse", "l1", "bce", "logistic"}
    assert set(_tune._losses("undercomplete")) == set(LOSSES)


def test_settings_that_make_no_net_are_a_failed_trial_and_not_tried_for_ever(sheet, tmp_path, monkeypatch):
    monkeypatch.setattr(_tune, "_LAYERS", (0, 0))
    found = tune(sheet, out=tmp_path / "out", minutes=0.02, trials=3, code_size=2)
    assert len(found.trials) == 1  # the defaults


def test_an_interrupted_tuning_goes_on_with_the_trials_that_it_would_have_tried(sheet, tmp_path):
    def tried(out, stop_at=None):
        seen = []

        def note(event):
            if event["event"] == "trial":
                seen.append({name: event[name] for name in event if name not in ("event", "trials")})
                if event["number"] == stop_at:
                    raise Enough

        with contextlib.suppress(Enough):
            tune(sheet, out=out, minutes=0.02, trials=5, code_size=2, progress=note)
        return seen

    whole = tried(tmp_path / "whole")
    first = tried(tmp_path / "out", stop_at=3)
    assert [*first[:2], *tried(tmp_path / "out")] == whole
    assert len({one["learning_rate"] for one in whole[1:]}) == 4


def test_where_the_defaults_could_not_be_trained_no_other_trial_stands_for_them(sheet, tmp_path, first_training_fails):
    found = tune(sheet, out=tmp_path / "out", minutes=0.02, trials=3, code_size=2)
    assert len(found.trials) == 2 and found.ratio is None and not found.decided


def test_pca_and_the_mean_are_scored_on_the_known_cells_as_the_nets_are(sheet, tmp_path, monkeypatch):
    real, sweeps = _sizes.Sweep.go, []
    monkeypatch.setattr(_sizes.Sweep, "go", lambda self: (sweeps.append(self), real(self)))
    holed = sheet.copy()
    holed[np.random.default_rng(1).random(holed.shape) < 0.3] = np.nan
    found = quick(holed, tmp_path / "out", steps=2, largest=2, seeds=1)
    settings = {"steps": 2, "batch_size": 64, "n_nodes": (128, 128), "device": "cpu"}
    beside = {size: fit(holed, code_size=size, **settings).judgement.alternatives for size in (1, 2)}
    for one in found.tried:
        assert one.pca == pytest.approx(float(beside[one.size]["PCA"].errors.mean()), rel=1e-4)
    assert sweeps[0].mean == pytest.approx(float(beside[1]["mean"].errors.mean()), rel=1e-4)


@pytest.mark.parametrize("unheeded", [{"learn_from": "noisy"}, {"like": "photos"}, {"check_pairs": False}])
@pytest.mark.parametrize("sweep", [size, tune])
def test_what_a_sweep_would_not_heed_is_refused_by_name(sheet, tmp_path, sweep, unheeded):
    with pytest.raises(BadOption, match=f"{next(iter(unheeded))} came.*give it to fit"):
        sweep(sheet, out=tmp_path / "out", minutes=0.02, task="denoise", **unheeded)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("sweep", [size, tune])
def test_what_is_held_out_of_one_group_alone_says_nothing_of_others(tmp_path, sweep):
    random = np.random.default_rng(0)
    for number in range(30):
        (tmp_path / "faces" / f"person{number % 3}").mkdir(parents=True, exist_ok=True)
        picture = random.integers(0, 255, (8, 8), dtype=np.uint8)
        Image.fromarray(picture).save(tmp_path / "faces" / f"person{number % 3}" / f"{number}.png")
    more = {"batch_size": 8, "group_by": "folder", "validation": 0.3}
    more |= {"minutes": 0.02, "trials": 2} if sweep is tune else {"minutes": 9, "steps": 2, "seeds": 1, "largest": 2}
    found = sweep(tmp_path / "faces", out=tmp_path / "out", **more)
    if sweep is tune:
        assert not found.error.is_known and not found.decided
    else:
        assert all(len(one.groups.unique()) == 1 for one in found.tried)
