"""Pairs are matched by name, split together, cut alike, and refused where they are none."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
import torch
from PIL import Image

from narrows._errors import BadData, BadOption
from narrows.data.augment import mirror_pairs, move_pairs
from narrows.data.pairs import PairPatches, PairSource, middle_pair, read_pairs
from narrows.data.sources import ArraySource
from narrows.data.splits import split


@pytest.fixture
def folders(tmp_path, drawn):
    """`folders(count, height, width)`: before/ holds dark PNGs, after/ the same bright, as TIFF."""

    def make(count=12, height=12, width=16, channels=3):
        for number in range(count):
            pixels = drawn(height, width, channels, seed=number).squeeze()
            write(tmp_path / "before" / f"{number:03}.png", (pixels * 0.3).astype(np.uint8))
            write(tmp_path / "after" / f"{number:03}.tif", pixels)
        return tmp_path / "before", tmp_path / "after"

    return make


def write(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def brightness(dataset, which):
    return getattr(dataset, which).take(torch.arange(len(dataset.keys))).mean((1, 2, 3))


def test_files_of_one_name_but_for_the_suffix_are_pairs_also_in_inner_folders(folders, drawn):
    before, after = folders()
    write(before / "inner" / "x.y.png", drawn(12, 16, 3, seed=50) // 3)
    write(after / "inner" / "x.y.jpg", drawn(12, 16, 3, seed=50))
    found = read_pairs(before, after)
    assert len(found.keys) == 13 and {path.stem for path in found.photos} >= {"000", "x.y"}
    assert all(a.with_suffix("").name == b.with_suffix("").name
               for a, b in zip(found.photos, found.partners, strict=True))  # fmt: skip
    share = brightness(found, "source") / brightness(found, "targets")
    assert bool(((share > 0.2) & (share < 0.4)).all()), "partners were mixed up"


def test_a_name_that_a_mac_writes_otherwise_is_the_same_name(folders, drawn):
    before, after = folders()
    write(before / unicodedata.normalize("NFD", "ảnh đẹp.png"), drawn(12, 16, 3, seed=50) // 3)
    write(after / unicodedata.normalize("NFC", "ảnh đẹp.png"), drawn(12, 16, 3, seed=50))
    assert len(read_pairs(before, after).keys) == 13


def test_what_has_no_partner_is_left_out_and_said(folders):
    before, after = folders()
    (before / "001.png").unlink()
    (after / "002.tif").unlink()
    (after / "003.tif").write_bytes(b"no picture")
    write(after / "004.png", np.zeros((12, 16, 3), np.uint8))  # two files of one name
    (before / "notes.txt").write_text("text")
    found = read_pairs(before, after)
    assert len(found.keys) == 8
    reasons = dict(found.triage.skipped)
    assert "no partner" in reasons["after/001.tif"] and "no partner" in reasons["before/002.png"]
    assert "from another picture too" in reasons["after/004.tif"]
    assert any("003.tif" in why for why in reasons.values()) and "notes.txt" in reasons
    assert any("without a usable partner" in note for note in found.triage.notes)


@pytest.mark.parametrize("side", ["before", "after"])
def test_a_broken_file_is_told_under_its_own_folder(side, folders):
    before, after = folders()
    broken = before / "003.png" if side == "before" else after / "003.tif"
    broken.write_bytes(b"no picture")
    skipped = dict(read_pairs(before, after).triage.skipped)
    assert list(skipped) == [f"{side}/{broken.name}"] and str(broken) in skipped[f"{side}/{broken.name}"]


def test_folders_without_a_common_name_are_refused_with_examples(folders):
    before, after = folders(3)
    for path in list(after.iterdir()):
        path.rename(path.with_stem("other-" + path.stem))
    with pytest.raises(BadData, match=r"000\.png.*other-"):
        read_pairs(before, after)


def test_one_folder_twice_and_equal_pictures_are_no_pairs(folders):
    before, _ = folders()
    with pytest.raises(BadData, match="came twice"):
        read_pairs(before, before / ".." / "before")
    pixels = np.random.default_rng(0).random((8, 4, 4)).astype(np.float32)
    with pytest.raises(BadData, match="the same pictures"):
        read_pairs(pixels, pixels.copy())


def test_where_most_pairs_have_one_size_the_others_are_left_out(folders, drawn):
    before, after = folders()
    write(after / "005.tif", drawn(12, 15, 3))
    found = read_pairs(before, after)
    assert len(found.keys) == 11 and found.shape == found.target_shape == (3, 12, 16)
    assert "12x16 and its partner 12x15" in dict(found.triage.skipped)["before/005.png"]


def test_two_sizes_are_kept_where_the_folders_have_each_their_own(tmp_path, drawn):
    for number in range(10):
        pixels = drawn(24, 16, 1, seed=number)[..., 0]
        write(tmp_path / "upper" / f"{number}.png", pixels[:10])
        write(tmp_path / "lower" / f"{number}.png", pixels[10:])
    found = read_pairs(tmp_path / "upper", tmp_path / "lower")
    assert (found.shape, found.target_shape) == ((1, 10, 16), (1, 14, 16))


def test_both_sides_are_fitted_to_the_same_size(folders):
    found = read_pairs(*folders(8, 70, 90), channels=1)
    assert found.shape == found.target_shape and found.shape[0] == 1
    assert found.sizes[0] == (3, 70, 90)


def test_arrays_are_paired_in_their_order():
    clean = np.linspace(0, 1, 20 * 6 * 6).reshape(20, 6, 6).astype(np.float32) ** 2
    found = read_pairs(clean / 2, clean)
    torch.testing.assert_close(2 * brightness(found, "source"), brightness(found, "targets"))
    with pytest.raises(BadData, match="20 pictures before and 19 after"):
        read_pairs(clean / 2, clean[:19])
    with pytest.raises(BadData, match="a path and pictures"):
        read_pairs("before", clean)


def test_arrays_of_one_size_are_both_fitted_and_others_only_before():
    small = torch.rand((6, 1, 32, 32), generator=torch.Generator().manual_seed(0)).numpy()
    for one, other in ((small, 1 - small), (list(small), list(1 - small))):
        found = read_pairs(one, other, shape=(1, 16, 16), check=False)
        assert found.shape == found.target_shape == (1, 16, 16)
    found = read_pairs(small, 1 - small.repeat(2, 2), shape=(1, 16, 16), check=False)
    assert found.shape == (1, 16, 16) and found.target_shape == (1, 64, 32)


def test_a_table_is_no_side_of_a_pair():
    with pytest.raises(BadData, match="table"):
        read_pairs(np.random.rand(20, 3), np.random.rand(20, 3))


# The split


def sides_of(dataset):
    parts = split(dataset.keys, (0.3, 0.2), groups=dataset.groups)
    return {index: number for number, part in enumerate(parts) for index in part.tolist()}


def test_pairs_that_share_a_picture_lie_on_one_side(folders, drawn):
    before, after = folders(24)
    for number in (1, 2, 3):  # one bright picture, seen at several exposures
        write(after / f"{number:03}.tif", drawn(12, 16, 3, seed=1))
    write(before / "007.png", np.asarray(Image.open(before / "008.png")))
    write(before / "020.png", np.asarray(Image.open(after / "021.tif")))  # the end of one chain begins another
    found = read_pairs(before, after)
    sides = {found.names[at]: side for at, side in sides_of(found).items()}
    for alike in (("001", "002", "003"), ("007", "008"), ("020", "021")):
        assert len({sides[f"{name}.png"] for name in alike}) == 1, alike
    assert len(set(sides.values())) == 3


def test_groups_of_paths_stay_on_one_side(folders):
    before, after = folders(24)
    found = read_pairs(before, after, group_by=r"^(\d\d)")
    sides = {found.names[at]: side for at, side in sides_of(found).items()}
    for scene in ("00", "01", "02"):
        assert len({side for name, side in sides.items() if name.startswith(scene)}) == 1
    with pytest.raises(BadOption, match="fits no path"):
        read_pairs(before, after, group_by="scene-(.*)_")


def test_the_order_follows_from_content_and_not_from_names(folders):
    before, after = folders(6)
    first = read_pairs(before, after)
    for folder in (before, after):
        for path in sorted(folder.iterdir()):
            path.rename(path.with_stem(f"z{99 - int(path.stem)}"))
    again = read_pairs(before, after)
    assert first.keys == again.keys and torch.equal(first.targets.take(torch.arange(6)),
                                                    again.targets.take(torch.arange(6)))  # fmt: skip


# What is learned from


def whole_mean(window, size):
    """A task's `look`: the mean of the whole picture."""
    return {"mean": window(slice(None), slice(None)).flatten(1).mean(1)}


def test_patches_of_both_are_cut_turned_and_flipped_alike_and_know_the_whole_picture(tmp_path):
    random = np.random.default_rng(0)
    photos = []
    for number in range(4):
        pixels = (random.random((20, 26, 3)) * 120).astype(np.uint8)
        write(tmp_path / f"{number}-a.png", pixels)
        write(tmp_path / f"{number}-b.png", pixels * 2)
        photos.append((tmp_path / f"{number}-a.png", tmp_path / f"{number}-b.png"))
    source = PairPatches(photos, 8, 3, whole_mean)
    indices = torch.arange(0, len(source), 9)
    found = source.take(indices, torch.Generator().manual_seed(1))
    assert found.before.shape == found.after.shape == (len(indices), 3, 8, 8)
    torch.testing.assert_close(found.after, 2 * found.before)
    means = [np.asarray(Image.open(a)).mean() / 255 for a, _ in photos]
    wanted = torch.tensor([means[i // source.per_photo] for i in indices.tolist()])
    torch.testing.assert_close(found.facts["mean"].float(), wanted.float())
    assert float((found.before.flatten(1).mean(1) - found.facts["mean"]).abs().max()) > 0.005


def test_pairs_of_different_depths_are_patched_too(tmp_path):
    pixels = (np.random.default_rng(0).random((12, 12)) * 255).astype(np.uint8)
    write(tmp_path / "a.png", pixels)
    Image.fromarray(pixels.astype(np.uint16) * 257).save(tmp_path / "b.png")
    found = PairPatches([(tmp_path / "a.png", tmp_path / "b.png")], 12, 1).take(torch.tensor([0]))
    torch.testing.assert_close(found.before, found.after)


def test_the_middle_of_a_pair_knows_the_whole_picture(tmp_path):
    pixels = np.zeros((40, 50), np.uint8)
    pixels[10:30, 10:40] = 200
    write(tmp_path / "a.png", pixels)
    write(tmp_path / "b.png", 255 - pixels)
    found = middle_pair((tmp_path / "a.png", tmp_path / "b.png"), 1, 20, whole_mean)
    assert found.before.shape == (1, 1, 20, 20) and len(found) == 1
    torch.testing.assert_close(found.before + found.after, torch.ones(1, 1, 20, 20))
    torch.testing.assert_close(found.facts["mean"], torch.tensor([pixels.mean() / 255], dtype=torch.float32))


def pairs(count=6, same=True):
    values = torch.rand((count, 2, 9, 9), generator=torch.Generator().manual_seed(0))
    after = 1 - values if same else values[:, :1, :4]
    return PairSource(ArraySource(values), ArraySource(after), whole_mean).take(torch.arange(count))


def test_pairs_move_and_flip_together():
    given = pairs(200)
    random = torch.Generator().manual_seed(3)
    found = mirror_pairs(move_pairs(given, 2, random), random)
    torch.testing.assert_close(found.before + found.after, torch.ones_like(found.before))
    assert not torch.equal(found.before, given.before) and found.facts.keys() == given.facts.keys()
    other = pairs(200, same=False)
    flipped = mirror_pairs(other, torch.Generator().manual_seed(0))
    torch.testing.assert_close(flipped.after, flipped.before[:, :1, :4])
    with pytest.raises(BadOption, match="different sizes"):
        move_pairs(other, 1, random)


def test_some_of_the_pairs_are_taken_as_of_a_tensor():
    given = pairs()
    some = given[torch.tensor([4, 1])]
    assert len(some) == 2 and torch.equal(some.before[0], given.before[4])
    assert torch.equal(some.facts["mean"], given.facts["mean"][[4, 1]])
