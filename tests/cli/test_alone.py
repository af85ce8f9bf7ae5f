"""`narrows denoise --only-this`: the same files back, each by what it teaches itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def noisy(tmp_path):
    folder = tmp_path / "noisy"
    folder.mkdir()
    random = np.random.default_rng(0)
    for name, mode, kind in (("a.png", "L", "PNG"), ("b.tif", "RGB", "TIFF")):
        shape = (40, 44) if mode == "L" else (40, 44, 3)
        pixels = np.clip(128 + random.normal(0, 20, shape), 0, 255).astype(np.uint8)
        Image.fromarray(pixels, mode).save(folder / name, kind, dpi=(300, 300))
    return folder


def test_each_picture_learns_alone_and_keeps_what_its_file_carries(run, noisy, pixels):
    ran = run("denoise", noisy, "--only-this", "--seconds", "0.3", "--out", "clean", "--json")
    assert ran.code == 0, ran.err
    assert {one["file"] for one in ran.json["alone"]} == {"a.png", "b.tif"}
    for name in ("a.png", "b.tif"):
        with Image.open(noisy / name) as before, Image.open(f"clean/{name}") as after:
            assert (after.mode, after.size, after.format) == (before.mode, before.size, before.format)
            assert round(float(after.info["dpi"][0])) == 300
        assert pixels(f"clean/{name}").std() < pixels(noisy / name).std()
    assert "a.png: " in ran.err and "estimated without truth" in ran.err


def test_what_is_done_is_not_done_again(run, noisy):
    words = ("denoise", noisy / "a.png", "--only-this", "--seconds", "0.3", "--level", "20", "--out", "clean")
    assert run(*words).code == 0
    assert "done already" in run(*words).err
    assert run(*words[:-3], "21", *words[-2:]).code == 1, "another level is another result"


def test_strength_0_gives_the_original_without_training(run, noisy):
    ran = run("denoise", noisy / "a.png", "--only-this", "--strength", "0", "--out", "same.png")
    assert ran.code == 0 and (noisy / "a.png").read_bytes() == Path("same.png").read_bytes()


def test_options_that_contradict_are_refused(run, noisy, denoiser):
    assert "add --only-this" in run("denoise", noisy, "--seconds", "5").err
    assert "leave out --model" in run("denoise", noisy, "--only-this", "--model", denoiser).err
    assert "--seconds 60" in run("denoise", noisy, "--only-this", "--seconds", "0").err
    assert run("sharpen", noisy, "--only-this").code == 2, "a task that cannot has no such option"
