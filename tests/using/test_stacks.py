"""Every page of a TIFF restored, through files and folders, as the verbs do it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch

from narrows._errors import CannotWrite
from narrows.data.stacks import open_stack
from narrows.model.build import make
from narrows.model.folder import save
from narrows.model.model import Model
from narrows.using import _journal, files
from narrows.using.files import how_of, plan_files, restore_files
from narrows.using.restore import restore_file, restore_photo


@pytest.fixture(scope="module")
def model() -> Model:
    made = make(shape=(1, 32, 32), task="denoise", n_nodes=(8, 8))
    random = torch.Generator().manual_seed(0)
    for parameter in made.parameters():
        parameter.data += 0.05 * torch.randn(parameter.shape, generator=random)
    return made


@pytest.fixture
def stack(tmp_path: Path, drawn) -> Path:
    pages = np.stack([drawn(40, 48, seed=seed)[..., 0] for seed in range(4)]).astype(np.uint16) * 10
    tifffile.imwrite(tmp_path / "a.tif", pages, imagej=True, metadata={"axes": "TYX"})
    return tmp_path / "a.tif"


def test_every_page_is_what_the_net_makes_of_it_at_the_stacks_scale(stack, model, tmp_path):
    target = restore_file(stack, tmp_path / "b.tif", task="denoise", model=model)
    opened, now = open_stack(stack), tifffile.imread(target)
    assert opened is not None and now.shape == (4, 40, 48) and now.dtype == np.uint16
    for number in range(4):
        expected = restore_photo(model, opened.photo(number)).array[..., 0]
        assert not np.array_equal(expected, opened.photo(number).array[..., 0])
        np.testing.assert_array_equal(now[number], expected)


def test_strength_0_gives_the_very_bytes(stack, model, tmp_path):
    target = restore_file(stack, tmp_path / "b.tif", task="denoise", model=model, strength=0)
    assert target.read_bytes() == stack.read_bytes()


def test_a_page_worked_on_in_windows_is_the_same(stack, model, tmp_path, monkeypatch):
    whole = restore_file(stack, tmp_path / "b.tif", task="denoise", model=model)
    monkeypatch.setattr("narrows.data.stacks._WINDOWED", 1)
    windows = restore_file(stack, tmp_path / "c.tif", task="denoise", model=model)
    assert windows.read_bytes() == whole.read_bytes()


def test_stacks_and_pictures_of_one_folder_are_restored_and_pages_are_told(stack, model, tmp_path, drawn):
    tifffile.imwrite(tmp_path / "plain.tif", drawn(40, 48)[..., 0])
    place, told = save(model, tmp_path / "model"), []
    out = tmp_path / "out"
    plan = plan_files([stack, tmp_path / "plain.tif"], out, how=how_of("denoise", place, 1.0, {}))
    done = restore_files(plan, task="denoise", model=place, tell=lambda number, job: told.append(job.shown))
    assert [path.name for path in done.written] == ["a.tif", "plain.tif"] and not done.failed
    assert tifffile.imread(out / "a.tif").shape == (4, 40, 48)
    assert f"{stack}, page 3 of 4" in told
    again = restore_files(plan_files([stack], out, how=plan.how), task="denoise", model=place)
    assert again.already == [out / "a.tif"] and not again.written
    assert len((out / _journal.NAME).read_text().splitlines()) == 2
    assert json.loads((out / _journal.NAME).read_text().splitlines()[0])["target"] == "a.tif"


def test_a_stack_that_fails_does_not_stop_the_others(stack, model, tmp_path, drawn):
    broken = tmp_path / "broken.tif"
    tifffile.imwrite(broken, np.random.default_rng(0).integers(0, 99, (4, 90, 90), dtype=np.uint8), compression="zlib",
                     photometric="minisblack")  # fmt: skip
    data = bytearray(broken.read_bytes())
    with tifffile.TiffFile(broken) as file:
        at = file.pages[2].dataoffsets[0]
    data[at : at + 40] = bytes(40)
    broken.write_bytes(bytes(data))
    out = tmp_path / "out"
    done = restore_files(plan_files([broken, stack], out), task="denoise", model=save(model, tmp_path / "model"))
    assert [path.name for path in done.written] == ["a.tif"]
    assert [name for name, _ in done.failed] == [str(broken)] and "broken.tif" in done.failed[0][1]
    assert sorted(path.name for path in out.iterdir()) == [_journal.NAME, "a.tif"]


def test_a_disk_that_fills_midway_ends_it_and_leaves_nothing(stack, model, tmp_path, monkeypatch):
    real, count = files.restore_photo, iter(range(9))

    def full(*args, **options):
        if next(count) == 2:
            raise OSError(28, "No space left on device")
        return real(*args, **options)

    monkeypatch.setattr(files, "restore_photo", full)
    out = tmp_path / "out"
    with pytest.raises(CannotWrite, match="No space left"):
        restore_files(plan_files([stack], out), task="denoise", model=save(model, tmp_path / "model"))
    assert not out.exists()


def test_another_format_cannot_hold_a_stack(stack, model, tmp_path):
    place = save(model, tmp_path / "model")
    done = restore_files(plan_files([stack], tmp_path / "better.png"), task="denoise", model=place)
    assert not done.written and "cannot hold the 4 pages of a.tif; write .tif" in done.failed[0][1]
    assert not (tmp_path / "better.png").exists()


def test_a_task_that_enlarges_enlarges_every_page(stack, tmp_path):
    model = make(shape=(1, 32, 32), task="upscale", n_nodes=(8, 8))
    now = tifffile.imread(restore_file(stack, tmp_path / "b.tif", task="upscale", model=model))
    assert now.shape == (4, 80, 96) and now.dtype == np.uint16
