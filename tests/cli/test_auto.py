"""`auto` says what is wrong with each picture, and with --do repairs what it can; good pictures are left alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

from narrows.measuring.metrics import psnr
from narrows.model import zoo
from narrows.using import engines


@pytest.fixture(scope="module")
def clean() -> np.ndarray:
    """A sharp grey photograph, 256x256."""
    return np.asarray(Image.fromarray(data.astronaut()).convert("L"))[:256, 130:386]


@pytest.fixture
def photos(tmp_path: Path, clean: np.ndarray) -> Path:
    """One good, one noisy, one dark picture."""
    folder = tmp_path / "photos"
    folder.mkdir()
    noisy = clean + np.random.default_rng(0).normal(0, 20, clean.shape)
    for name, pixels in (("good", clean), ("noisy", noisy), ("dark", clean * 0.12)):
        Image.fromarray(np.rint(pixels).clip(0, 255).astype(np.uint8)).save(folder / f"{name}.png")
    return folder


def test_what_is_wrong_is_named_with_the_verb_that_helps_and_nothing_is_written(run, photos, tmp_path):
    ran = run("auto", "photos", "--json")
    assert ran.code == 0
    found = {Path(one["file"]).stem: [trouble["verb"] for trouble in one["wrong"]] for one in ran.json["pictures"]}
    assert found == {"good": [], "noisy": ["denoise"], "dark": ["brighten"]}
    assert all(one["written"] is None and one["done"] == [] for one in ran.json["pictures"])
    assert [path.name for path in tmp_path.iterdir()] == ["photos"]
    assert "good.png: nothing wrong\n" in run("auto", "photos").out


@pytest.mark.needs_shipped_models
def test_the_line_can_be_typed(run, photos):
    (line,) = run("auto", "photos/noisy.png").out.splitlines()
    assert line.startswith("photos/noisy.png: noise of ")
    assert line.endswith("-> narrows denoise photos/noisy.png")


@pytest.mark.needs_shipped_models
def test_do_repairs_what_has_a_model_and_writes_nothing_else(run, photos, clean, pixels):
    ran = run("auto", "photos", "--do", "--out", "better")
    assert ran.code == 0
    written = sorted(path.name for path in Path("better").iterdir())
    assert "noisy.png" in written and "good.png" not in written

    def score(place: str) -> float:
        import torch

        both = (torch.from_numpy(np.array(one)).float()[None, None] / 255 for one in (pixels(place), clean))
        return float(psnr(*both))

    assert score("better/noisy.png") > score("photos/noisy.png") + 5


@pytest.mark.needs_shipped_models
def test_carefully_is_the_careful_verb_and_not_the_plain_one(run, photos, pixels):
    for argv in (
        ("auto", "photos/noisy.png", "--do", "--careful", "--out", "all ways"),
        ("denoise", "photos/noisy.png", "--careful", "--out", "verb"),
        ("auto", "photos/noisy.png", "--do", "--out", "plain"),
    ):
        assert run(*argv).code == 0
    all_ways = pixels("all ways/noisy.png")
    assert (all_ways == pixels("verb/noisy.png")).all() and (all_ways != pixels("plain/noisy.png")).any()


@pytest.mark.parametrize(("argv", "said"), [(("--careful",), "--careful"), (("--out", "better"), "--out better")])
def test_what_is_for_repairing_is_refused_where_nothing_is_to_be_repaired(run, photos, argv, said):
    ran = run("auto", "photos", *argv)
    assert ran.code == 1 and f"{said} came without --do" in ran.err and not Path("better").exists()


def test_without_a_model_it_says_so(run, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "_WEIGHTS", tmp_path / "none")
    ran = run("auto", "photos/noisy.png", "--do")
    assert ran.code == 0 and "no model for denoise ships yet" in ran.out
    assert not Path("repaired").exists()


def test_results_are_not_replaced_without_force(run, photos):
    Path("repaired").mkdir()
    Path("repaired/noisy.png").write_text("mine")
    ran = run("auto", "photos", "--do")
    assert ran.code == 1 and "exists already" in ran.err
    assert Path("repaired/noisy.png").read_text() == "mine"


def test_what_cannot_be_read_is_listed_and_the_rest_looked_at(run, photos):
    (photos / "bad.png").write_text("no picture")
    ran = run("auto", "photos", "--json")
    assert ran.code == 1
    assert len(ran.json["pictures"]) == 3
    assert ran.json["failed"][0]["file"].endswith("bad.png")


@pytest.mark.needs_shipped_models
def test_the_same_again_repairs_only_what_is_new(run, photos):
    first = run("auto", "photos", "--do", "--json").json
    made = sorted(str(one["written"]) for one in first["pictures"] if one["written"])
    before = {path: Path(path).stat().st_mtime_ns for path in made}
    Path("repaired/noisy.png").unlink()
    again = run("auto", "photos", "--do", "--json")
    assert again.code == 0
    assert sorted(again.json["already"]) == [path for path in made if "noisy" not in path]
    assert [one["written"] for one in again.json["pictures"] if one["written"]] == ["repaired/noisy.png"]
    assert all(Path(path).stat().st_mtime_ns == time for path, time in before.items() if "noisy" not in path)
    assert "done already" in run("auto", "photos", "--do").err


class _Black:
    """Stands in for onnxruntime, whose export takes half a minute and is tested with the other verbs."""

    def run(self, names, given):
        return [0 * given["picture"]]


@pytest.mark.needs_shipped_models
def test_the_engine_that_is_named_computes(run, photos, pixels, monkeypatch):
    monkeypatch.setattr(engines, "require", lambda name: None)
    monkeypatch.setattr(engines, "_opened", lambda model: _Black())
    engines._sessions.clear()
    assert run("auto", "photos/noisy.png", "--do", "--engine", "onnxruntime").code == 0
    engines._sessions.clear()
    assert pixels("repaired/noisy.png").max() == 0


def test_an_engine_that_is_none_is_refused_before_anything_is_looked_at(run, photos):
    ran = run("auto", "photos", "--engine", "tensorrt")
    assert ran.code == 1 and ran.out == "" and "no engine called 'tensorrt'; known: onnxruntime, torch" in ran.err


def test_pictures_of_one_name_can_be_looked_at_together_and_repaired_into_two_folders(run, photos, tmp_path):
    (tmp_path / "other").mkdir()
    (photos / "noisy.png").rename(tmp_path / "other" / "dark.png")
    names = ("photos/dark.png", "other/dark.png")
    assert [one["file"] for one in run("auto", *names, "--json").json["pictures"]] == list(names)
    ran = run("auto", *names, "--do")
    assert ran.code == 1 and "would both become repaired/dark.png" in ran.err


@pytest.mark.needs_shipped_models
def test_of_a_stack_one_page_is_looked_at_and_all_are_repaired(run, clean, tmp_path):
    random = np.random.default_rng(0)
    pages = np.stack([clean + random.normal(0, 20, clean.shape) for _ in range(3)])
    tifffile.imwrite(tmp_path / "a.tif", np.rint(10 * pages.clip(0, 255)).astype(np.uint16), photometric="minisblack")
    ran = run("auto", "a.tif", "--do", "--out", "better")
    assert ran.code == 0 and "noise of " in ran.out
    better = tifffile.imread("better/a.tif")
    assert better.shape == pages.shape and better.dtype == np.uint16
    errors = [np.abs(stack / 10 - clean).mean((1, 2)) for stack in (better, tifffile.imread("a.tif"))]
    assert (errors[0] < errors[1] / 2).all()
