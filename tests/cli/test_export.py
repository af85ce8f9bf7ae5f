"""`export`, and `--engine` of the verbs that restore."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from narrows.using import engines, export


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    engines._sessions.clear()


def test_a_model_becomes_a_file_that_was_compared_and_serves_as_an_engine(run, pictures, pixels, denoiser):
    for name in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(name)
    ran = run("export", denoiser, "--to", "onnx", "--json")
    assert ran.code == 0
    assert Path(ran.json["path"]).name == "model.onnx" and ran.json["difference"] <= 1e-4
    again = run("export", denoiser)
    assert again.code == 1 and "model.onnx exists already" in again.err
    pictures(Path("photos"), 2, side=21)
    assert run("denoise", "photos", "--model", denoiser, "--out", "a").code == 0
    assert run("denoise", "photos", "--model", denoiser, "--out", "b", "--engine", "onnxruntime").code == 0
    assert run("restore", "photos", "--model", denoiser, "--out", "c", "--engine", "onnxruntime").code == 0
    for name in ("000.png", "001.png"):
        one, other = pixels(f"a/{name}").astype(int), pixels(f"b/{name}").astype(int)
        assert np.abs(one - other).max() <= 1
        assert np.array_equal(other, pixels(f"c/{name}"))


def test_an_engine_that_is_not_there_is_refused_before_anything_is_written(run, pictures, denoiser, monkeypatch):
    pictures(Path("photos"), 1)
    ran = run("denoise", "photos", "--model", denoiser, "--engine", "tensorrt", "--out", "x")
    assert ran.code == 1 and "no engine called 'tensorrt'; known: onnxruntime, torch" in ran.err
    monkeypatch.setattr(export, "_is_there", lambda name: False)
    ran = run("denoise", "photos", "--model", denoiser, "--engine", "onnxruntime", "--out", "x")
    assert ran.code == 1 and "pip install 'narrows[onnx]'" in ran.err
    ran = run("export", denoiser)
    assert ran.code == 1 and "onnx and onnxscript not installed here" in ran.err
    assert not Path("x").exists() and not list(Path().glob("*.onnx"))
