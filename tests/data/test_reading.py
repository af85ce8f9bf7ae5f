"""The front door: folders as people have them, in; examples that follow content and never names, out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import narrows
from narrows import BadData, BadOption
from narrows.data import reading, sources
from narrows.data.fitting import fit_photo, fit_to
from narrows.data.images import open_photo
from narrows.data.reading import Dataset, read
from narrows.data.sources import ArraySource, PatchSource, PhotoSource, Subset
from narrows.data.triage import look_through
from narrows.model.folder import load
from narrows.using.reading import read_for

RANDOM = np.random.default_rng(2)


def _picture(folder: Path, name: str, *shape: int, mode: str | None = None) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(RANDOM.integers(0, 256, shape or (8, 8), dtype=np.uint8))
    (image.convert(mode) if mode else image).save(path)
    return path


def _all(dataset: Dataset) -> torch.Tensor:
    return dataset.source.take(torch.arange(len(dataset.source)))


# What a folder holds


def test_a_folder_as_people_have_them(tmp_path: Path) -> None:
    good = {
        _picture(tmp_path, "ảnh gia đình/Tết 🎆.jpg", 12, 10, 3),
        _picture(tmp_path, "deep/er/UPPER.PNG", 30, 20),
        _picture(tmp_path, "palette.gif", 9, 9, 3, mode="P"),
        _picture(tmp_path, "with alpha.webp", 8, 8, 4),
        _picture(tmp_path, "four inks.jpg", 8, 8, 3, mode="CMYK"),
    }
    _picture(tmp_path, ".hidden.png")
    _picture(tmp_path, ".hidden folder/a.png")
    (tmp_path / "notes.txt").write_text("hello")
    (tmp_path / "a text.png").write_text("hello")
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "numbers.csv").write_text("a,b\n1,2\n")
    (tmp_path / "loop.png").symlink_to("loop.png")
    (tmp_path / "nowhere.png").symlink_to("gone.png")
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "deep/round").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(tmp_path / "pipe.png")
    listing = sorted(str(p) for p in tmp_path.rglob("*"))
    dataset = read(tmp_path)
    assert set(dataset.photos) == good
    assert set(dataset.names) == {str(path.relative_to(tmp_path)) for path in good}
    assert dataset.shape == (3, 8, 8) or dataset.shape[0] == 3
    skipped = dict(dataset.triage.skipped)
    assert skipped["notes.txt"] == ".txt: neither picture nor table"
    assert "cannot be read as a picture" in skipped["a text.png"]
    assert "is empty (0 bytes)" in skipped["empty.jpg"]
    assert skipped["loop.png"] == skipped["nowhere.png"] == "a link that leads nowhere"
    assert skipped["deep/round"] == "a link to a folder is not followed"
    assert skipped["pipe.png"] == "not a file"
    assert not any("hidden" in name for name in skipped)
    notes = " | ".join(dataset.triage.notes)
    assert "numbers.csv: a table beside pictures is left out" in notes
    assert "1 files: CMYK: worked on as RGB" in notes
    assert "grey pictures among colour ones were made colour" in notes
    assert listing == sorted(str(p) for p in tmp_path.rglob("*"))


def test_a_name_that_is_no_text_can_still_be_reported(tmp_path: Path) -> None:
    for number in range(3):
        _picture(tmp_path, f"{number}.png").rename(os.fsdecode(os.fsencode(tmp_path) + b"/\xff%d.png" % number))
    (tmp_path / "b").mkdir()
    with open(os.fsencode(tmp_path) + b"/b/\xfe.txt", "w"):
        pass
    dataset = read(tmp_path)
    assert sorted(dataset.names) == ["?0.png", "?1.png", "?2.png"]
    assert dataset.triage.skipped == (("b/?.txt", ".txt: neither picture nor table"),)


def test_a_folder_that_may_not_be_opened_is_listed(tmp_path: Path, as_nobody: Callable[[], Any]) -> None:
    _picture(tmp_path, "a.png")
    (tmp_path / "closed").mkdir(mode=0o000)
    with as_nobody():
        found = look_through(tmp_path)
    assert found.skipped == (("closed", "cannot be opened: Permission denied"),) or found.skipped[0][1].endswith(
        "Permission denied"
    )


def test_several_places_at_once(tmp_path: Path) -> None:
    _picture(tmp_path, "a/1.png")
    _picture(tmp_path, "b/2.png")
    three = _picture(tmp_path, "c/3.png")
    dataset = read([tmp_path / "a", str(tmp_path / "b"), three])
    assert sorted(dataset.names) == ["a/1.png", "b/2.png", "c/3.png"]
    (tmp_path / "d.csv").write_text("a\n1\n2\n")
    with pytest.raises(BadData, match="one is a table"):
        read([tmp_path / "a", tmp_path / "d.csv"])


def test_links_to_pictures_keep_their_place_among_several(tmp_path: Path) -> None:
    for number, name in enumerate(("a/1.png", "b/2.png", "store/3.png")):
        (tmp_path / name).parent.mkdir()
        Image.fromarray(np.full((8, 8), number, np.uint8)).save(tmp_path / name)
    (tmp_path / "a" / "3.png").symlink_to("../store/3.png")
    dataset = read([tmp_path / "a", tmp_path / "b"], to_learn=False)
    assert dataset.names == ("a/1.png", "a/3.png", "b/2.png")
    dataset = read([tmp_path / "a" / "3.png", tmp_path / "a" / "1.png"], to_learn=False)
    assert dataset.names == ("3.png", "1.png")


# Content, never names


def test_examples_follow_content_not_names(tmp_path: Path) -> None:
    for number in range(6):
        _picture(tmp_path, f"one/{number}.png")
    first = read(tmp_path / "one")
    (tmp_path / "two/z").mkdir(parents=True)
    for number, photo in enumerate(reversed(first.photos)):
        shutil.copy(photo, tmp_path / "two" / ("z" if number % 2 else "") / f"x{7 * number % 11}.png")
    second = read(tmp_path / "two")
    assert first.keys == second.keys and torch.equal(_all(first), _all(second))


def test_the_same_picture_in_two_files_has_one_key(tmp_path: Path) -> None:
    path = _picture(tmp_path, "a.png", 8, 8, 3)
    with Image.open(path) as image:
        image.save(tmp_path / "b.bmp")
        image.save(tmp_path / "c.png", compress_level=0)
    _picture(tmp_path, "d.png", 8, 8, 3)
    dataset = read(tmp_path)
    keys = dict(zip(dataset.names, dataset.keys, strict=True))
    assert keys["a.png"] == keys["b.bmp"] == keys["c.png"] != keys["d.png"]


def test_folder_names_are_never_labels(tmp_path: Path, picture_folder: Callable[..., Path]) -> None:
    """Permuting the folders' names changes not one bit of what is learned."""
    flat = sorted(picture_folder(24).iterdir())
    weights = []
    for turn in range(2):
        folder = tmp_path / f"turn {turn}"
        for number, path in enumerate(flat):
            name = ("cats", "dogs", "birds")[(number + turn) % 3]
            (folder / name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / name / (path.name if turn else f"{99 - number}.png"))
        fitted = narrows.fit(folder, steps=20, code_size=4, n_layers=2, n_nodes=16, batch_size=8)
        weights.append(fitted.model.model.state_dict())
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_groups_by_folder_and_by_pattern(tmp_path: Path) -> None:
    for person in ("An", "Bình"):
        for number in range(2):
            _picture(tmp_path, f"{person}/{person}_{number}.png")
    by_folder = read(tmp_path, group_by="folder")
    by_pattern = read(tmp_path, group_by=r"([^/]*)_\d")
    for dataset in (by_folder, by_pattern):
        assert dataset.groups is not None
        assert all(name.startswith(group) for name, group in zip(dataset.names, dataset.groups, strict=True))
        assert set(dataset.groups) == {"An", "Bình"}
    with pytest.raises(BadOption, match="is no pattern"):
        read(tmp_path, group_by="(")
    with pytest.raises(BadOption, match="fits no path, such as"):
        read(tmp_path, group_by="zebra")


# Sizes


def test_small_pictures_of_one_size_stay_as_they_are(picture_folder: Callable[..., Path]) -> None:
    dataset = read(picture_folder(4, 10, 14))
    assert dataset.shape == (1, 10, 14)
    want = [open_photo(path).tensor() for path in dataset.photos]
    assert torch.equal(_all(dataset), torch.stack(want))


def test_mixed_sizes_are_fitted_and_that_is_said(tmp_path: Path) -> None:
    for number, size in enumerate([(300, 200), (240, 320), (100, 100)]):
        _picture(tmp_path, f"{number}.png", *size)
    dataset = read(tmp_path)
    assert dataset.shape[1] <= 64 and dataset.shape[2] <= 64 and all(side % 8 == 0 for side in dataset.shape[1:])
    assert any("pictures are resized to" in note for note in dataset.triage.notes)
    assert read(tmp_path, shape=(1, 20, 30), channels=3).shape == (3, 20, 30)


def test_the_size_and_channels_of_an_array_are_changed_separately() -> None:
    colour = RANDOM.integers(0, 256, (5, 9, 9, 3), dtype=np.uint8)
    assert read(colour).shape == (3, 9, 9)
    assert read(colour, shape=(1, 16, 16)).shape == (3, 16, 16)
    assert read(colour, channels=1).shape == (1, 9, 9)


@pytest.mark.parametrize("size", [(8, 8), (40, 56), (300, 200), (17, 900)])
@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 16, 24), (3, 40, 56)])
def test_fitting_in_bands_is_fitting(
    size: tuple[int, int], shape: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("narrows.data.fitting._BAND_VALUES", 5000)
    photo = open_photo(_picture(tmp_path, "a.png", *size, 3))
    want = fit_to(photo.tensor(), shape).mul(255).round()
    assert (fit_photo(photo, shape).float() - want).abs().max() <= 1  # a rounding that falls the other way
    assert (fit_photo(photo, shape).float() != want).float().mean() < 0.01


def test_a_large_photo_is_fitted_without_a_float_copy_of_it(tmp_path: Path) -> None:
    photo = open_photo(_picture(tmp_path, "a.png", 2000, 3000, 3))
    largest = 0
    tensor = type(photo).tensor

    def watched(self: Any, *window: slice) -> torch.Tensor:
        nonlocal largest
        found = tensor(self, *window)
        largest = max(largest, found.nbytes)
        return found

    type(photo).tensor = watched
    try:
        fit_photo(photo, (3, 64, 96))
    finally:
        type(photo).tensor = tensor
    assert largest <= 4 << 20 < photo.array.nbytes


# Memory and disk


def test_data_larger_than_memory_give_the_same_bits(
    picture_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = picture_folder(9, 40, 90, 3)
    inside = read(folder, shape=(3, 16, 24))
    monkeypatch.setattr(reading, "memory_for_data", lambda: 100)
    outside = read(folder, shape=(3, 16, 24))
    assert isinstance(inside.source, ArraySource) and isinstance(outside.source, PhotoSource)
    some = torch.tensor([3, 0, 8, 3])
    assert torch.equal(inside.source.take(some), outside.source.take(some))
    chosen = Subset(outside.source, torch.tensor([8, 2]))
    assert torch.equal(chosen.take(torch.tensor([1])), inside.source.take(torch.tensor([2])))


def test_patches_from_disk_and_from_memory_are_the_same(picture_folder: Callable[..., Path]) -> None:
    photos = sorted(picture_folder(4, 40, 56, 3).iterdir())
    inside, outside = (PatchSource(photos, 16, 1, per_photo=5, memory=m) for m in (1 << 30, 0))
    assert inside._kept is not None and outside._kept is None and len(inside) == 20
    indices = torch.tensor([0, 7, 19, 19])
    one, other = (s.take(indices, torch.Generator().manual_seed(1)) for s in (inside, outside))
    assert one.shape == (4, 1, 16, 16) and torch.equal(one, other)
    assert not torch.equal(one[2], one[3])
    assert torch.equal(inside.take(indices)[2], inside.take(indices)[3])  # the middle, without a generator


def test_a_patch_larger_than_the_photo_is_mirrored(tmp_path: Path) -> None:
    path = _picture(tmp_path, "a.png", 3, 5)
    patch = PatchSource([path], 16, 1).take(torch.tensor([0]))
    assert patch.shape == (1, 1, 16, 16)


@pytest.mark.parametrize("shape", [(6, 4), (6, 8, 8)])
@pytest.mark.parametrize("kind", ["U5", "complex128", "datetime64[s]"])
def test_a_file_of_texts_dates_or_complex_numbers_is_refused_as_such_an_array_is(
    kind: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    values = np.arange(np.prod(shape)).reshape(shape).astype(kind)
    np.save(tmp_path / "a.npy", values)
    for given_as in (values, tmp_path / "a.npy"):
        with pytest.raises(BadData, match="hold numbers"):
            read(given_as)


def test_deep_arrays_are_scaled_when_taken() -> None:
    deep = np.array([[[0, 65535]], [[32768, 1]], [[5, 6]]], np.uint16)
    dataset = read(deep)
    assert torch.allclose(_all(dataset)[0], torch.tensor([[[0.0, 1.0]]]))
    assert torch.equal(dataset.source.take(torch.tensor([1])), torch.tensor([[[[32768 / 65535, 1 / 65535]]]]))


@pytest.mark.parametrize("kind", ["fitted", "patches"])
def test_a_photo_that_vanishes_is_named(kind: str, picture_folder: Callable[..., Path]) -> None:
    photos = sorted(picture_folder(3, 20, 20).iterdir())
    source = PhotoSource(photos, (1, 8, 8)) if kind == "fitted" else PatchSource(photos, 8, 1, memory=0)
    photos[1].unlink()
    with pytest.raises(BadData, match=r"001\.png vanished or changed while it was learned from"):
        source.take(torch.arange(len(source)))


def test_a_folder_that_vanishes_while_it_is_read(
    picture_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = picture_folder(5)
    fitted = reading._fitted

    def gone(paths: tuple[Path, ...], wanted: tuple[int, ...]) -> torch.Tensor:
        shutil.rmtree(folder)
        return fitted(paths, wanted)

    monkeypatch.setattr(reading, "_fitted", gone)
    with pytest.raises(BadData, match="vanished or changed while the folder was read; run the same command again"):
        read(folder)


def test_memory_for_data_is_some_of_what_is_free() -> None:
    assert 1 << 20 < sources.memory_for_data() < 1 << 45


# Arrays and lists


@pytest.mark.parametrize(
    ("array", "shape"),
    [
        (np.arange(48, dtype=np.uint8).reshape(3, 4, 4), (1, 4, 4)),
        (np.arange(144, dtype=np.uint8).reshape(3, 4, 4, 3), (4, 4, 3)),
        (np.arange(240, dtype=np.uint8).reshape(2, 8, 5, 3), (3, 8, 5)),
        (np.arange(240, dtype=np.uint8).reshape(2, 3, 8, 5), (3, 8, 5)),
        (np.arange(48, dtype=np.int64).reshape(3, 4, 4), (1, 4, 4)),
        (np.arange(48).reshape(3, 4, 4) / 48, (1, 4, 4)),
        (np.arange(48).reshape(3, 4, 4) % 3 == 0, (1, 4, 4)),
        (torch.arange(48).reshape(3, 4, 4) / 48, (1, 4, 4)),
    ],
)
def test_arrays_of_every_layout(array: Any, shape: tuple[int, ...]) -> None:
    dataset = read(array)
    assert dataset.shape == shape
    assert _all(dataset).min() >= 0 and _all(dataset).max() <= 1


@pytest.mark.parametrize("form", [np.asarray, torch.as_tensor])
def test_a_list_of_batches_holds_all_their_pictures(form: Any) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (20, 1, 8, 8), dtype=np.uint8)
    found = read([form(pictures[:10]), form(pictures[10:19]), form(pictures[19])])
    assert len(found.keys) == len(found.names) == 20
    np.testing.assert_allclose(found.source.take(torch.arange(20)), pictures / np.float32(255))


@pytest.mark.parametrize(
    ("learned", "later", "expected"),
    [
        (np.int32([0, 4095]), np.int32([7, 200]), 65535),
        (np.int32([0, 255]), np.int64([1, 1]), 255),
        (np.uint32([0, 300]), np.uint16([7, 200]), 65535),
        (np.int32([0, 4095]), np.uint8([7, 200]), 255),  # a type that says it itself
        (np.float64([0, 255]), np.float32([1, 0.5]), 255),
        (np.int32([0, 4095]), np.float32([1, 0.5]), 1),
        (np.float64([0, 1]), np.float32([0.1, 0.5]), 1),
    ],
)
def test_later_pictures_mean_what_those_meant_that_were_learned_from(learned, later, expected, tmp_path) -> None:
    pictures = np.random.default_rng(0).integers(0, 2, (12, 8, 8))
    fitted = narrows.fit(learned[pictures], steps=1, kind="undercomplete", out=tmp_path / "m")
    assert fitted.model.card["data"].get("scales", {}) == read(learned[pictures]).scales
    np.save(tmp_path / "later.npy", later[pictures[:2]])
    found = read_for(load(tmp_path / "m"), tmp_path / "later.npy")
    np.testing.assert_allclose(_all(found)[:, 0], later[pictures[:2]] / np.float32(expected), rtol=1e-6)


@pytest.mark.parametrize("scale", [1, 0.1])  # whole numbers, and others
def test_rows_are_told_apart_as_in_the_fit_where_a_column_was_left_out(scale: float, tmp_path: Path) -> None:
    rows = [f"{a * scale},{b * scale},,{a - b}" for a in range(6) for b in range(6)]
    (tmp_path / "t.csv").write_text("\n".join(["one,two,empty,three", *rows]))
    fitted = narrows.fit(tmp_path / "t.csv", steps=1)
    learned, later = read(tmp_path / "t.csv"), read_for(fitted.model.model, tmp_path / "t.csv")
    assert sorted(learned.keys) == sorted(later.keys)


def test_later_pictures_beyond_what_was_learned_from_are_refused() -> None:
    with pytest.raises(BadData, match="whole numbers from 0 to 300 came; this model learned from 0 to 255"):
        read(np.int32([[[0, 300]]]), scales={"integers": 255}, to_learn=False)


@pytest.mark.parametrize("scales", [None, [], "255", {"integers": "many"}, {"integers": [255]}, {"floats": 0}])
def test_a_hostile_card_scales_nothing(scales: Any, tmp_path: Path) -> None:
    model = narrows.make(shape=(1, 8, 8))
    model.card["data"] = {"scales": scales}
    np.save(tmp_path / "a.npy", np.full((1, 8, 8), 200, np.int32))
    assert _all(read_for(model, tmp_path / "a.npy")).max() == pytest.approx(200 / 255)


def test_floats_up_to_255_are_scaled_and_that_is_said() -> None:
    dataset = read(np.arange(48).reshape(3, 4, 4) * 5.0)
    assert _all(dataset).max() == pytest.approx(235 / 255)
    assert dataset.triage.notes == ("values up to 235 were divided by 255",)


def test_a_list_of_pictures_of_any_kind() -> None:
    pictures = [Image.fromarray(RANDOM.integers(0, 256, (9 + n, 9, 3), dtype=np.uint8)) for n in range(3)]
    dataset = read([*pictures, RANDOM.random((9, 9, 3))])
    assert dataset.shape[0] == 3 and len(dataset.source) == 4
