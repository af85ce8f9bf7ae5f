"""Odd pictures through every verb, and what may happen on the way: nothing lost, nothing written over, one sentence.

What is broken and refused is in `test_bad_input.py`; here is what is odd and must pass, and disks and processes that
end or meet in the middle of a folder.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image, ImageDraw
from skimage import data

import narrows
from narrows import CannotWrite
from narrows._files import temporary_of
from narrows._registry import tasks
from narrows.cli import main
from narrows.data.images import Photo, open_photo, save_photo
from narrows.measuring.repair import look_at
from narrows.model import zoo
from narrows.model.build import make
from narrows.model.folder import save
from narrows.model.model import Model
from narrows.using._journal import NAME
from narrows.using.restore import model_for, restore_photo, restore_tensor

RANDOM = np.random.default_rng(11)
SHIPPED = sorted({name.rsplit("-", 1)[0] for name in zoo.shipped()})
VERBS = [*(verb for verb in SHIPPED if verb != "inpaint"), "blur"]
"""Every task with a shipped model, or an exact formula, that needs to be told nothing."""


def stirred(task: str, channels: int = 1) -> Model:
    """A small net that changes every picture."""
    model = make(shape=(channels, 16, 16), task=task, n_nodes=(8, 8))
    random = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=random)
    return model


def scale_of(verb: str) -> int:
    """How many times as many pixels a side come out."""
    return tasks[verb].scale


def sentences(said: str) -> list[str]:
    return [line for line in said.splitlines() if line.startswith("narrows: ")]


# Odd pictures


def _nan(value: float, *where: Any) -> np.ndarray:
    values = RANDOM.random((20, 24)).astype(np.float32) * 1000
    for place in where:
        values[place] = value
    return values


ODD: dict[str, np.ndarray] = {
    "one pixel.png": np.full((1, 1), 90, np.uint8),
    "one coloured pixel.png": np.full((1, 1, 3), (9, 90, 200), np.uint8),
    "one row.png": RANDOM.integers(0, 256, (1, 37, 3), dtype=np.uint8),
    "one column.jpg": RANDOM.integers(0, 256, (37, 1), dtype=np.uint8),
    "two by two.png": RANDOM.integers(0, 256, (2, 2, 3), dtype=np.uint8),
    "black.png": np.zeros((20, 24, 3), np.uint8),
    "white.png": np.full((20, 24), 255, np.uint8),
    "black.tif": np.zeros((20, 24), np.float32),
    "flat.tif": np.full((20, 24), -3.5, np.float32),
    "NaN.tif": _nan(np.nan, (3, 4), slice(7, 9)),
    "infinite.tif": _nan(-np.inf, (0, 0), (3, 4)),
    "NaN alone.tif": np.full((9, 13), np.nan, np.float32),
    "one page.tif": RANDOM.integers(0, 65536, (1, 20, 24), dtype=np.uint16),
}


@pytest.fixture
def odd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "odd"
    folder.mkdir()
    for name, pixels in ODD.items():
        if name.endswith(".tif"):
            tifffile.imwrite(folder / name, pixels, photometric="minisblack", metadata={"axes": "ZYX"[-pixels.ndim :]})
        else:
            Image.fromarray(pixels).save(folder / name)
    return folder


@pytest.mark.needs_shipped_models
@pytest.mark.parametrize("verb", VERBS)
def test_odd_pictures_pass_every_verb(verb: str, odd: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([verb, "odd", "--out", "out", "--json"]) == 0, capsys.readouterr().err
    assert len(json.loads(capsys.readouterr().out)["written"]) == len(ODD)
    for name in ODD:
        before, after = open_photo(odd / name), open_photo(Path("out") / name)
        channels, height, width = before.shape
        times = scale_of(verb)
        assert after.shape == (channels, height * times, width * times), name
        assert after.array.dtype == before.array.dtype, name
        known = np.isfinite(before.array.repeat(times, 0).repeat(times, 1).astype(float))
        assert (np.isfinite(after.array.astype(float)) == known).all(), name
        if name.startswith("black"):
            assert np.abs(after.array).max() <= 3, name


@pytest.mark.needs_shipped_models
@pytest.mark.parametrize("name", ODD)
def test_odd_pictures_can_be_filled_and_change_nowhere_else(name: str, odd: Path) -> None:
    before = open_photo(odd / name)
    _, height, width = before.shape
    mask = np.zeros((height, width), np.uint8)
    mask[height // 2, width // 2] = 255
    Image.fromarray(mask).save("mask.png")
    nothing_left = bool(mask.all())  # of a picture of one pixel
    assert main(["inpaint", str(odd / name), "--mask", "mask.png", "--out", "out"]) == nothing_left
    if nothing_left:
        return
    after = open_photo(Path("out") / name)
    assert after.array.dtype == before.array.dtype and after.shape == before.shape
    assert (np.isfinite(after.array.astype(float)) == np.isfinite(before.array.astype(float))).all()
    if not name.endswith(".jpg"):
        exactly = 1e-6 if before.array.dtype.kind == "f" else 0  # floats are scaled there and back
        np.testing.assert_allclose(after.array[mask == 0], before.array[mask == 0], rtol=exactly)
    if name.startswith("white"):
        assert after.array.min() >= 250


@pytest.mark.parametrize("shape", [(100_000, 1), (1, 100_000)])
@pytest.mark.parametrize("verb", [*sorted(set(tasks) - {"blur", "inpaint", "reconstruct", "relate"}), "blur"])
def test_a_picture_of_one_pixel_by_100000_passes_in_tiles(verb: str, shape: tuple[int, int], tmp_path: Path) -> None:
    Image.fromarray(RANDOM.integers(0, 256, shape, dtype=np.uint8)).save(tmp_path / "long.png")
    photo = open_photo(tmp_path / "long.png")
    model = model_for(verb, 1) if verb == "blur" else stirred(verb)
    better = open_photo(save_photo(restore_photo(model, photo), tmp_path / "out.png"))
    times = scale_of(verb)
    assert better.shape == (1, shape[0] * times, shape[1] * times)
    assert better.array.std() > 1
    assert isinstance(look_at(better).troubles, tuple)
    if verb != "brighten":  # which looks at the whole
        first = restore_tensor(model, photo.tensor()[None, :, :3000, :3000])[0, 0, : 2000 * times, : 2000 * times]
        cut = better.array[: first.shape[0], : first.shape[1], 0]
        assert np.abs((first.numpy() * 255).round() - cut).max() <= 1, "what lies far away made a difference"


def test_an_enlarged_jpeg_beyond_what_the_format_holds_fails_alone(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    save(stirred("upscale"), Path("model"))
    Path("photos").mkdir()
    for name, shape in (("a.jpg", (3, 4)), ("b.jpg", (40_000, 1)), ("c.jpg", (3, 4))):
        Image.fromarray(np.zeros(shape, np.uint8)).save(f"photos/{name}")
    assert main(["upscale", "photos", "--model", "model", "--out", "out"]) == 1
    said = sentences(capsys.readouterr().err)
    assert len(said) == 2 and "a .jpg cannot hold this picture" in said[0] and "write .png" in said[0]
    assert said[1] == "narrows: 1 of 3 pictures failed"
    assert sorted(path.name for path in Path("out").iterdir()) == [NAME, "a.jpg", "c.jpg"]


# Text, screenshots, line art


def _drawing(size: tuple[int, int], mode: str = "L") -> tuple[Image.Image, ImageDraw.ImageDraw]:
    image = Image.new(mode, size, "white")
    return image, ImageDraw.Draw(image)


def _text() -> np.ndarray:
    image, draw = _drawing((150, 96))
    for number in range(6):
        draw.text((4, 4 + 15 * number), "Lorem ipsum dolor sit am", fill=0)
    return np.asarray(image)


def _screenshot() -> np.ndarray:
    image, draw = _drawing((160, 120), "RGB")
    draw.rectangle((0, 0, 159, 16), fill=(45, 90, 200))
    draw.text((4, 3), "File  Edit  View", fill="white")
    for number in range(5):
        draw.text((6, 24 + 16 * number), f"{number}. The quick brown fox", fill="black")
    draw.rectangle((100, 90, 150, 112), outline=(128, 128, 128), fill=(230, 230, 230))
    return np.asarray(image)


def _line_art() -> np.ndarray:
    image, draw = _drawing((128, 128))
    for number in range(0, 128, 8):
        draw.line((0, number, number, 127), fill=0)
    draw.ellipse((40, 40, 100, 100), outline=0)
    return np.asarray(image)


ART: dict[str, Callable[[], np.ndarray]] = {"text": _text, "a screenshot": _screenshot, "line art": _line_art}
MOST = {"denoise": 6.0, "sharpen": 2.5, "unjpeg": 3.5, "upscale": 7.0, "brighten": 20.0, "blur": 32.0}
"""Mean absolute change, in units of 1/255; measured: 4.9, 1.1, 1.9, 4.9, 15.6 and 25.5 at most. Blurring is meant to
change edges, and brightening lifts what is dark."""
ACROSS = {"text": 16.0, "a screenshot": 16.0, "line art": 21.5}
"""The same in the holes, where every ninth line is missing. Measured 12.1, 13.9, 19.7; a membrane has 20.7, 17.4,
22.4."""


@pytest.mark.needs_shipped_models
@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("art", ART)
def test_text_and_drawings_stay_what_they_are(art: str, verb: str) -> None:
    picture = ART[art]()
    better = narrows.restore(picture, task=verb)
    times = scale_of(verb)
    height, width = picture.shape[:2]
    assert better.dtype == np.uint8 and better.shape == (height * times, width * times, *picture.shape[2:])
    reduced = better.reshape(height, times, width, times, -1).mean((1, 3)).reshape(picture.shape)
    assert np.abs(reduced - picture).mean() < MOST[verb]
    assert np.median(np.abs(reduced - picture)) <= 2, "the paper is not white any more"


@pytest.mark.needs_shipped_models
@pytest.mark.parametrize("art", ART)
def test_scratches_in_text_and_drawings_are_filled_and_nothing_else(art: str) -> None:
    picture = ART[art]()
    mask = np.zeros(picture.shape[:2], bool)
    mask[::9, 5:-5] = True
    scratched = picture.copy()
    scratched[mask] = 128
    whole = narrows.restore(scratched, task="inpaint", mask=mask)
    assert np.array_equal(whole[~mask], picture[~mask])
    assert np.abs(whole[mask].astype(float) - picture[mask]).mean() < ACROSS[art]


@pytest.mark.parametrize("art", ART)
def test_auto_leaves_text_and_drawings_alone(art: str) -> None:
    pixels = ART[art]()
    pixels = pixels.reshape(*pixels.shape[:2], -1)
    channels = pixels.shape[2]
    assert look_at(Photo(pixels, np.zeros(channels), np.full(channels, 255.0))).troubles == ()


@pytest.mark.needs_shipped_models
@pytest.mark.parametrize("sigma", [5, 25, 50])
@pytest.mark.parametrize("grey", [True, False])
def test_a_picture_that_was_denoised_already_is_hardly_changed(grey: bool, sigma: int) -> None:
    clean = data.camera()[100:228, 200:328] if grey else data.astronaut()[30:158, 180:308]
    drawn = np.random.default_rng(sigma).normal(0, sigma, clean.shape)
    noisy = np.rint(clean + drawn).clip(0, 255).astype(np.uint8)
    once = narrows.restore(noisy)
    twice = narrows.restore(once)
    assert np.abs(twice.astype(float) - once).mean() < (0.5 if grey else 0.8)
    # What is left of weak noise looks like noise, and some texture goes with it: 10 % in grey, 22 % in colour at 5.
    more = np.square(twice.astype(float) - clean).mean() / np.square(once.astype(float) - clean).mean()
    assert more < (1.3 if sigma == 5 else 1.05)


# Masks and pairs that do not fit


def test_a_mask_of_another_size_is_refused_in_a_sentence_and_the_rest_is_filled(tmp_path, monkeypatch, capsys, drawn):
    monkeypatch.chdir(tmp_path)
    save(stirred("inpaint"), Path("model"))
    Path("photos").mkdir()
    for name, size in (("fits", (20, 24)), ("other", (24, 20))):
        Image.fromarray(drawn(*size)[..., 0]).save(f"photos/{name}.png")
    mask = np.zeros((20, 24), np.uint8)
    mask[5:9, 5:9] = 255
    Image.fromarray(mask).save("mask.png")
    assert main(["inpaint", "photos", "--mask", "mask.png", "--model", "model", "--out", "out"]) == 1
    said = sentences(capsys.readouterr().err)
    assert said[0].startswith("narrows: a mask of 20x24 pixels came for a picture of 24x20; it takes one of the same")
    assert sorted(path.name for path in Path("out").iterdir()) == [NAME, "fits.png"]


def test_pairs_that_are_none_are_refused_with_the_correlation_and_nothing_is_written(
    tmp_path, monkeypatch, capsys, drawn
):
    monkeypatch.chdir(tmp_path)
    for folder, first in (("before", 0), ("after", 100)):
        Path(folder).mkdir()
        for number in range(12):
            Image.fromarray(drawn(24, 24, seed=first + number)[..., 0]).save(f"{folder}/{number}.png")
    assert main(["fit", "--pairs", "before", "after", "--steps", "2", "--out", "model"]) == 1
    last = sentences(capsys.readouterr().err)[-1]
    assert "these are no pairs" in last and "rank correlation of 0." in last and "--no-check-pairs" in last
    assert sorted(path.name for path in tmp_path.iterdir()) == ["after", "before"]


# Full disks, kills, other processes


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Six noisy pictures, of which the fourth takes 40 KiB, and a model."""
    monkeypatch.chdir(tmp_path)
    save(stirred("denoise"), Path("model"))
    Path("photos").mkdir()
    for number in range(6):
        side = 200 if number == 3 else 16
        Image.fromarray(RANDOM.integers(0, 256, (side, side), dtype=np.uint8)).save(f"photos/{number}.png")
    return Path("photos")


DENOISE = ["denoise", "photos", "--model", "model", "--out", "out"]


@contextlib.contextmanager
def no_file_above(most: int) -> Iterator[None]:
    """The system refuses to write further, as a full disk does."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def whole(folder: Path) -> dict[str, bytes]:
    """Every result, each of which can be opened."""
    results = sorted(folder.glob("[!.]*"))
    for path in results:
        open_photo(path)
    return {path.name: path.read_bytes() for path in results}


def half_written(folder: Path) -> list[str]:
    """What lies beside the results and the journal."""
    return [path.name for path in folder.glob(".*") if path.name != NAME]


def check_stopped_and_gone_on(capsys: pytest.CaptureFixture[str], reason: str) -> None:
    said = sentences(capsys.readouterr().err)
    assert len(said) == 1 and reason in said[0] and "free some space or choose another folder with --out" in said[0]
    assert half_written(Path("out")) == []
    before = whole(Path("out"))
    assert set(before) == {"0.png", "1.png", "2.png"}
    assert main([*DENOISE, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert len(done["already"]) == 3 and len(done["written"]) == 3
    assert len(whole(Path("out"))) == 6 and before.items() <= whole(Path("out")).items()


def test_a_disk_that_is_full_midway_ends_it_in_a_sentence_and_the_same_command_goes_on(photos, capsys):
    with no_file_above(20_000):
        assert main(DENOISE) == 1
    check_stopped_and_gone_on(capsys, "out/3.png could not be written (File too large)")


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full disk is simulated by /dev/full")
def test_a_device_without_space_ends_it_in_a_sentence_and_the_same_command_goes_on(photos, capsys):
    Path("out").mkdir()
    temporary_of(Path("out/3.png")).symlink_to("/dev/full")
    assert main(DENOISE) == 1
    check_stopped_and_gone_on(capsys, "out/3.png could not be written (No space left on device)")


def test_a_full_disk_leaves_what_force_was_to_replace(photos, capsys):
    Path("out").mkdir()
    Path("out/3.png").write_text("mine")
    with no_file_above(20_000):
        assert main([*DENOISE, "--force"]) == 1
    assert Path("out/3.png").read_text() == "mine"
    assert "what stood there before is unchanged" in capsys.readouterr().err


@pytest.mark.needs_shipped_models
@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_two_processes_on_one_folder_and_a_kill_lose_nothing(photos, capsys, drawn):
    """While one works, another is refused in a sentence; the first is killed midway; the other then goes on."""
    for number in range(12):
        noisy = drawn(64, 64, seed=number)[..., 0] + RANDOM.normal(0, 25, (64, 64))
        Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).save(f"photos/more-{number}.png")
    command = ["auto", "photos", "--do", "--out", "out"]
    out, began = Path("out"), time.monotonic()
    first = subprocess.Popen(
        [sys.executable, "-m", "narrows", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        while len(list(out.glob("*.png"))) < 3 and time.monotonic() - began < 60 and first.poll() is None:
            time.sleep(0.002)
        first.send_signal(signal.SIGSTOP)
        assert first.poll() is None, "it ended before the other began"
        assert main(command) == 1
        assert "is being written to by another narrows process; wait for it" in sentences(capsys.readouterr().err)[-1]
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    killed = whole(out)
    assert len(killed) >= 3
    assert main([*command, "--json"]) == 0
    done = json.loads(capsys.readouterr().out)
    assert len(done["already"]) == len(killed)
    assert killed.items() <= whole(out).items() and half_written(out) == []
    assert set(whole(out)) >= {f"more-{number}.png" for number in range(12)}


def test_what_a_disk_cannot_hold_is_said_of_a_single_file_too(tmp_path):
    photo = Photo(RANDOM.integers(0, 256, (200, 200, 1), dtype=np.uint8), np.zeros(1), np.full(1, 255.0))
    with no_file_above(20_000), pytest.raises(CannotWrite, match="File too large"):
        save_photo(photo, tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
