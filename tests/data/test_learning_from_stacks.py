"""Pages of a TIFF as pictures to learn from: in their own range, contiguous blocks kept apart."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

from narrows._errors import BadData
from narrows.data import sources
from narrows.data.labels import read_labels
from narrows.data.pairs import read_pairs
from narrows.data.reading import Dataset, read
from narrows.data.sources import PatchSource
from narrows.data.stacks import Page

RANDOM = np.random.default_rng(3)


def write(path: Path, *shape: int, most: int = 4000, **options: Any) -> np.ndarray:
    array = RANDOM.integers(0, most, shape).astype(np.uint16)
    tifffile.imwrite(path, array, **({"photometric": "minisblack"} | options))
    return array


def sides(dataset: Dataset, *shares: float) -> list[list[str]]:
    """Names of the examples on each side, in order."""
    return [sorted(dataset.names[i] for i in side.tolist()) for side in dataset.split(shares or (0.1, 0.05))]


def numbers(names: list[str]) -> list[int]:
    return sorted(int(name.rsplit(" ", 1)[1]) for name in names)


def test_every_page_is_a_picture_in_the_range_of_the_stack(tmp_path: Path) -> None:
    array = write(tmp_path / "a.tif", 40, 24, 32)
    dataset = read(tmp_path / "a.tif", to_learn=False)
    assert dataset.names == tuple(f"a.tif page {n}" for n in range(1, 41)) and dataset.shape == (1, 24, 32)
    low, high = np.percentile(array, (0.1, 99.9))
    found = dataset.source.take(torch.tensor([7]))[0, 0].numpy()
    np.testing.assert_allclose(found, ((array[7] - low) / (high - low)).clip(0, 1), atol=0.51 / 255)


def test_the_end_is_held_out_and_what_comes_before_it_says_when_to_stop(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", 40, 24, 32)
    dataset = read(tmp_path / "a.tif")
    training, held_out, validation = map(numbers, sides(dataset))
    assert held_out == [37, 38, 39, 40] and validation == [35, 36] and training == list(range(1, 35))
    told = dataset.telling_blocks((0.1, 0.05)).triage.notes
    assert any("of its 40 pages blocks are kept apart: 37-40 held out, 35-36 for when to stop" in note for note in told)
    assert numbers(sides(dataset, 0.25, 0)[1]) == list(range(31, 41))


@pytest.mark.parametrize("options", [{"imagej": True}, {"compression": "zlib"}])
def test_channels_of_one_place_lie_on_one_side(options: dict[str, Any], tmp_path: Path) -> None:
    write(tmp_path / "a.tif", 10, 3, 24, 32, metadata={"axes": "TCYX"}, **options)
    training, held_out, validation = map(numbers, sides(read(tmp_path / "a.tif"), 0.15, 0.1))
    assert held_out == list(range(28, 31)) and validation in ([25, 26, 27], list(range(25, 28)))
    assert training == list(range(1, 25))


def test_equal_pages_lie_on_one_side(tmp_path: Path) -> None:
    array = RANDOM.integers(0, 99, (40, 24, 32)).astype(np.uint16)
    array[39] = array[0]
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack")
    found = [set(numbers(side)) for side in sides(read(tmp_path / "a.tif"))]
    assert any({1, 40} <= side for side in found)


def test_several_stacks_and_pictures_of_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    write(folder / "a.tif", 20, 24, 32)
    write(folder / "b.tif", 10, 24, 32)
    for n in range(12):
        Image.fromarray(RANDOM.integers(0, 255, (24, 32), dtype=np.uint8)).save(folder / f"{n}.png")
    dataset = read(folder)
    assert len(dataset.names) == 42 and sum(isinstance(photo, Page) for photo in dataset.photos) == 30
    held_out = sides(dataset)[1]
    assert {"a.tif page 19", "a.tif page 20", "b.tif page 10"} <= set(held_out)
    notes = dataset.telling_blocks((0.1, 0.05)).triage.notes
    assert [note.split(":")[0] for note in notes if "blocks" in note] == ["a.tif", "b.tif"]


def test_groups_that_the_user_names_go_before_blocks(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", 40, 24, 32)
    dataset = read(tmp_path / "a.tif", group_by=r"page \d*(\d)$")
    held_out = numbers(sides(dataset)[1])
    assert len({n % 10 for n in held_out}) == len(held_out) / 4, "four pages of each last digit"


def test_few_pages_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", 2, 24, 32)
    with pytest.raises(BadData, match="2 different pages or pictures came"):
        read(tmp_path / "a.tif").split((0.1, 0.05))


def test_patches_are_cut_from_pages_also_from_the_disk(tmp_path: Path) -> None:
    array = write(tmp_path / "a.tif", 3, 40, 48)
    pages = read(tmp_path / "a.tif", to_learn=False).photos
    kept, read_anew = (PatchSource(pages, 16, 1, per_photo=4, memory=memory) for memory in (None, 0))
    indices = torch.tensor([0, 5, 11])
    one, other = (source.take(indices, torch.Generator().manual_seed(1)) for source in (kept, read_anew))
    assert torch.equal(one, other) and one.std() > 0.2
    low, high = np.percentile(array, (0.1, 99.9))
    middle = kept.take(torch.tensor([5]))[0, 0].numpy()
    np.testing.assert_allclose(middle, (array[1][12:28, 16:32] - low) / (high - low), atol=1e-5)


def test_pages_larger_than_memory_are_read_when_taken(tmp_path: Path, monkeypatch) -> None:
    write(tmp_path / "a.tif", 5, 24, 32)
    kept = read(tmp_path / "a.tif", to_learn=False)
    monkeypatch.setattr("narrows.data.reading.memory_for_data", lambda: 0)
    later = read(tmp_path / "a.tif", to_learn=False)
    assert isinstance(later.source, sources.PhotoSource)
    assert torch.equal(kept.source.take(torch.arange(5)), later.source.take(torch.arange(5)))


def test_labels_follow_the_pages(tmp_path: Path) -> None:
    write(tmp_path / "a.tif", 12, 24, 32)
    np.save(tmp_path / "labels.npy", np.arange(12))
    dataset = read(tmp_path / "a.tif")
    labels = read_labels(str(tmp_path / "labels.npy"), tmp_path / "a.tif", dataset)
    assert [int(label or 0) + 1 for label in labels] == [int(name.split()[-1]) for name in dataset.names]


def test_of_pairs_the_first_pages_are_taken(tmp_path: Path) -> None:
    for side in ("before", "after"):
        (tmp_path / side).mkdir()
        for n in range(4):
            write(tmp_path / side / f"{n}.tif", 2, 24, 32)
    found = read_pairs(tmp_path / "before", tmp_path / "after", check=False)
    assert len(found.names) == 4
