"""TIFFs of many pages: every page at one scale, and the same file back, also where one description stands for all."""

from __future__ import annotations

import threading
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from narrows._errors import BadPicture, CannotWrite, WouldOverwrite
from narrows.data import stacks
from narrows.data.images import Photo, open_photo
from narrows.data.stack_saving import save_stack
from narrows.data.stacks import Page, Stack, open_picture, open_stack, pages_of

RANDOM = np.random.default_rng(1)


def numbers(*shape: int, dtype: Any = np.uint16, most: int = 4000) -> np.ndarray:
    return RANDOM.integers(100, most, shape).astype(dtype)


def written(path: Path, array: np.ndarray, **options: Any) -> Path:
    tifffile.imwrite(path, array, **({"photometric": "minisblack"} | options))
    return path


def opened(path: Path) -> Stack:
    found = open_stack(path)
    assert found is not None
    return found


def halved(photo: Photo, into: np.ndarray | None) -> Photo:
    """What a net could do: in the values' own units, half of what lies above what means 0."""
    out = photo.blank() if into is None else into
    photo.put(out, photo.tensor() / 2)
    return photo.with_array(out)


def enlarged(photo: Photo, into: np.ndarray | None) -> Photo:
    return photo.enlarged(2)


def facts(path: Path) -> list[Any]:
    """Everything that describes a stack but its pixels."""
    with tifffile.TiffFile(path) as file:
        series = file.series[0]
        found = [len(file.pages), series.kind, series.axes, series.shape, series.dtype, file.byteorder, file.is_bigtiff]
        found += [file.imagej_metadata, file.ome_metadata]
    with tifffile.TiffFile(path) as file:
        for page in file.pages:
            kept = {tag.name: tag.value for tag in page.tags}
            found.append({name: value for name, value in kept.items() if not name.startswith(("Strip", "Tile"))})
    return found


IMAGEJ = {
    "imagej": True, "resolution": (2.0, 2.0),
    "metadata": {"axes": "TZCYX", "unit": "um", "finterval": 0.5, "Labels": [f"plane {n}" for n in range(12)]},
}  # fmt: skip
OME = {"ome": True, "metadata": {"axes": "TZCYX", "PhysicalSizeX": 24, "PhysicalSizeXUnit": "µm"}}
STACKS: dict[str, tuple[tuple[int, ...], Any, dict[str, Any]]] = {
    "imagej": ((3, 2, 2, 20, 24), np.uint16, IMAGEJ),
    "imagej, big-endian": ((3, 2, 2, 20, 24), np.uint16, IMAGEJ | {"byteorder": ">"}),
    "imagej of floats": ((3, 2, 2, 20, 24), np.float32, IMAGEJ),
    "ome": ((3, 2, 2, 20, 24), np.uint16, OME),
    "ome, compressed": ((3, 2, 2, 20, 24), np.uint16, OME | {"compression": "zlib", "predictor": True}),
    "ome of bytes, in tiles": ((3, 2, 2, 40, 48), np.uint8, OME | {"tile": (16, 16), "compression": "lzw"}),
    "bigtiff": ((5, 20, 24), np.uint16, {"bigtiff": True}),
    "bigtiff, big-endian, compressed": ((5, 20, 24), np.int32,
                                        {"bigtiff": True, "byteorder": ">", "compression": "zlib"}),
    "colours": ((5, 20, 24, 3), np.uint8, {"photometric": "rgb", "compression": "lzw"}),
    "colours and alpha": ((5, 20, 24, 4), np.uint16, {"photometric": "rgb", "extrasamples": ["unassalpha"]}),
    "colours in planes": ((5, 3, 20, 24), np.uint8, {"photometric": "rgb", "planarconfig": "separate"}),
    "white is zero": ((5, 20, 24), np.uint16, {"photometric": "miniswhite"}),
    "floats, compressed": ((5, 20, 24), np.float32, {"compression": "zlib"}),
}  # fmt: skip


@pytest.mark.parametrize("name", STACKS)
def test_the_same_file_comes_back_with_every_page_changed(name: str, tmp_path: Path) -> None:
    shape, dtype, options = STACKS[name]
    path = written(tmp_path / "a.tif", numbers(*shape, dtype=dtype, most=4000 if dtype != np.uint8 else 250), **options)
    target = save_stack(opened(path), tmp_path / "out" / "b.tif", halved)
    assert facts(target) == facts(path)
    was, now = opened(path), opened(target)
    for number in range(len(was)):
        before, after = was.photo(number), now.photo(number)
        assert after.array.dtype == dtype and not np.array_equal(before.array, after.array), number
        expected = halved(before, None).array.astype(float)
        np.testing.assert_allclose(after.array.astype(float), expected, rtol=1e-6)
        assert (before.alpha is None) == (after.alpha is None)
        if before.alpha is not None:
            np.testing.assert_array_equal(before.alpha, after.alpha)


@pytest.mark.parametrize("name", STACKS)
def test_a_stack_that_nothing_changed_gives_the_very_bytes(name: str, tmp_path: Path) -> None:
    shape, dtype, options = STACKS[name]
    path = written(tmp_path / "a.tif", numbers(*shape, dtype=dtype, most=250), **options)
    for number, same in enumerate(
        (lambda photo, into: photo, lambda photo, into: photo.with_array(photo.array.copy()))
    ):
        target = save_stack(opened(path), tmp_path / f"{number}.tif", same)
        assert target.read_bytes() == path.read_bytes()


@pytest.mark.parametrize("name", STACKS)
def test_pages_of_another_size_are_described_by_it(name: str, tmp_path: Path) -> None:
    shape, dtype, options = STACKS[name]
    path = written(tmp_path / "a.tif", numbers(*shape, dtype=dtype, most=250), **options)
    with tifffile.TiffFile(save_stack(opened(path), tmp_path / "b.tif", enlarged)) as after:
        with tifffile.TiffFile(path) as before:
            one, other = before.series[0], after.series[0]
            grown = [2 * n if axis in "YX" else n for axis, n in zip(one.axes, one.shape, strict=True)]
            assert (list(other.shape), other.axes, other.kind) == (grown, one.axes, one.kind)
            twice = one.asarray()
            for axis in (one.axes.index("Y"), one.axes.index("X")):
                twice = twice.repeat(2, axis)
            np.testing.assert_array_equal(other.asarray(), twice)
        if "imagej" in name:
            assert after.pages.first.tags["XResolution"].value == (4, 1)
            assert (after.imagej_metadata or {})["Labels"] == IMAGEJ["metadata"]["Labels"]
        if "ome" in name:
            assert 'PhysicalSizeX="12"' in (after.ome_metadata or "")


@pytest.mark.parametrize("kind", ["imagej", "shaped"])
def test_pages_behind_one_description_are_all_found(kind: str, tmp_path: Path) -> None:
    """As ImageJ writes over 4 GiB, and tifffile on request."""
    array = numbers(5, 20, 24)
    options = {"imagej": True} if kind == "imagej" else {}
    path = written(tmp_path / "a.tif", array, metadata={"axes": "ZYX"}, truncate=True, **options)
    with tifffile.TiffFile(path) as file:
        assert len(file.pages) == 1
    stack = opened(path)
    assert len(stack) == 5
    np.testing.assert_array_equal(stack.photo(4).array[..., 0], array[4])
    target = save_stack(stack, tmp_path / "b.tif", halved)
    assert target.stat().st_size == path.stat().st_size
    with tifffile.TiffFile(target) as file:
        assert file.series[0].shape == (5, 20, 24)
        assert (file.asarray() < array).mean() > 0.98
    with tifffile.TiffFile(save_stack(stack, tmp_path / "c.tif", enlarged)) as file:
        assert file.series[0].shape == (5, 40, 48) and file.series[0].axes == "ZYX" and file.series[0].kind == kind
        np.testing.assert_array_equal(file.asarray()[4], array[4].repeat(2, 0).repeat(2, 1))
    with tifffile.TiffFile(tmp_path / "c.tif") as file:
        assert [bool(page.description) for page in file.pages] == [True] + [False] * 4


def test_smaller_copies_of_pages_are_restored_with_them(tmp_path: Path) -> None:
    array = numbers(3, 64, 64)
    for name, options in (("plain", {}), ("tiled", {"tile": (16, 16)})):
        path = tmp_path / f"{name}.ome.tif"
        with tifffile.TiffWriter(path) as writer:
            writer.write(array, subifds=2, photometric="minisblack", metadata={"axes": "ZYX"}, **options)
            for step in (2, 4):
                writer.write(array[:, ::step, ::step], photometric="minisblack", subfiletype=1, **options)
        stack = opened(path)
        assert len(stack) == 3 and len(stack.places) == 9
        with tifffile.TiffFile(save_stack(stack, tmp_path / f"{name}-better.ome.tif", halved)) as file:
            levels = file.series[0].levels
            assert [level.shape for level in levels] == [(3, 64, 64), (3, 32, 32), (3, 16, 16)]
            for step, level in zip((1, 2, 4), levels, strict=True):
                assert (level.asarray() < array[:, ::step, ::step]).mean() > 0.98, (name, step)


# Scale


def test_pages_have_one_scale_taken_over_the_stack(tmp_path: Path) -> None:
    array = numbers(4, 20, 24, dtype=np.float32)
    array[2] *= 10
    stack = opened(written(tmp_path / "a.tif", array))
    low, high = np.percentile(array, (0.1, 99.9))
    for number in range(4):
        photo = stack.photo(number)
        assert photo.low[0] == pytest.approx(low) and photo.high[0] == pytest.approx(high)
        back = photo.blank()
        photo.put(back, photo.tensor())
        np.testing.assert_allclose(back[..., 0], array[number], rtol=1e-5)


def test_the_range_of_a_large_stack_is_taken_from_pixels_spread_over_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(stacks, "_MOST_SAMPLED", 2048)  # every 16th of 64 columns, if it were even
    array = np.sort(RANDOM.normal(0, 100, (8, 64, 64)), axis=2).astype(np.float32)  # columns differ: none may be missed
    photo = opened(written(tmp_path / "a.tif", array)).photo(0)
    spread = np.percentile(array, 99.9) - np.percentile(array, 0.1)
    assert photo.high[0] - photo.low[0] == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize(
    ("dtype", "shape", "options", "expected"),
    [
        (np.uint8, (3, 20, 24), {}, (0, 255)),
        (np.uint16, (3, 20, 24, 3), {"photometric": "rgb"}, (0, 65535)),
        (np.uint16, (1, 20, 24), {}, (0, 65535)),
        (np.float32, (3, 20, 24), {}, (0, 1)),
    ],
)
def test_types_whose_whole_range_is_meant_keep_it(dtype, shape, options, expected, tmp_path: Path) -> None:
    array = RANDOM.random(shape).astype(dtype) if dtype == np.float32 else numbers(*shape, dtype=dtype, most=200)
    found = open_picture(written(tmp_path / "a.tif", array, **options))
    photo = found.photo(0) if isinstance(found, Stack) else found
    assert (photo.low[0], photo.high[0]) == expected


def test_grey_pages_of_16_bits_are_scaled_by_their_own_range(tmp_path: Path) -> None:
    stack = opened(written(tmp_path / "a.tif", numbers(3, 50, 50, most=130)))
    pixels = stack.photo(1).tensor()
    assert pixels.min() >= -0.1 and 0.9 < pixels.max() <= 1.1
    assert any("whole numbers" in note for note in stack.notes), "rounding to so few values is said"


def test_what_is_no_number_stays_and_spoils_no_scale(tmp_path: Path) -> None:
    array = numbers(3, 20, 24, dtype=np.float32)
    array[1, 2, 3] = np.nan
    path = written(tmp_path / "a.tif", array)
    now = tifffile.imread(save_stack(opened(path), tmp_path / "b.tif", halved))
    assert np.isnan(now[1, 2, 3]) and np.isfinite(now).sum() == array.size - 1


def test_pages_of_different_sizes_and_types_are_restored_each_in_its_own(tmp_path: Path) -> None:
    each = [numbers(20, 24), numbers(30, 10, dtype=np.uint8, most=200), RANDOM.random((9, 9)).astype(np.float32)]
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for array in each:
            writer.write(array, photometric="minisblack")
    stack = opened(tmp_path / "a.tif")
    assert not stack.is_uniform and pages_of(tmp_path / "a.tif") == [tmp_path / "a.tif"]
    now = opened(save_stack(stack, tmp_path / "b.tif", halved))
    for number, array in enumerate(each):
        assert now.photo(number).array.shape[:2] == array.shape and now.photo(number).array.dtype == array.dtype


# Memory


@pytest.mark.parametrize("shape", [(64, 80), (3, 64, 80), (2, 64, 80, 4)])
def test_huge_pages_stay_on_the_disk_and_are_worked_on_in_windows(shape, tmp_path: Path, monkeypatch) -> None:
    options: dict[str, Any] = {"photometric": "rgb", "extrasamples": ["unassalpha"]} if shape[-1] == 4 else {}
    array = numbers(*shape)
    path = written(tmp_path / "a.tif", array, byteorder=">", **options)
    monkeypatch.setattr(stacks, "_WINDOWED", 1)
    stack = opened(path)
    rooms = []

    def restored(photo: Photo, into: np.ndarray | None) -> Photo:
        assert isinstance(photo.array, np.memmap) and isinstance(into, np.memmap)
        rooms.append(into)
        for start in range(0, 64, 16):
            rows = slice(start, start + 16)
            photo.put(into, photo.tensor(rows) / 2, rows)
        return photo.with_array(into)

    now = tifffile.imread(save_stack(stack, tmp_path / "b.tif", restored))
    assert len(rooms) == len(stack)
    if options:
        np.testing.assert_array_equal(now[..., 3], array[..., 3])
        now, array = now[..., :3], array[..., :3]
    assert (now < array).mean() > 0.98 and now.dtype == np.uint16


def test_one_page_at_a_time_is_in_memory(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(stacks, "_MOST_SAMPLED", 10_000)
    array = np.zeros((40, 256, 256), np.float32)
    array[:, ::2] = 5.0
    path = written(tmp_path / "a.tif", array, compression="zlib")
    del array
    tracemalloc.start()
    try:
        save_stack(opened(path), tmp_path / "b.tif", halved)
        assert tracemalloc.get_traced_memory()[1] < 20 * 256 * 256 * 4, "as much as 20 of 40 pages"
    finally:
        tracemalloc.stop()


# What is no stack, and what goes wrong


def test_one_page_is_a_plain_picture(tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", numbers(1, 20, 24))
    assert open_stack(path) is None and isinstance(open_picture(path), Photo)
    assert pages_of(path) == [path]


def test_what_is_no_tiff_is_no_stack(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(b"GIF89a no picture")
    assert open_stack(tmp_path / "a.tif") is None
    assert pages_of(tmp_path / "a.tif") == [tmp_path / "a.tif"]


def test_a_plain_opener_takes_the_first_page_and_says_so(tmp_path: Path) -> None:
    array = numbers(3, 20, 24)
    photo = open_photo(written(tmp_path / "a.tif", array))
    np.testing.assert_array_equal(photo.array[..., 0], array[0])
    assert photo.notes == ("many pages: the first of 3 is used",)


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("share", [0.5, 0.97])
def test_a_stack_cut_short_is_refused_and_nothing_is_left(share: float, compression, tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", numbers(5, 90, 100), compression=compression)
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(BadPicture, match=r"a\.tif"):
        save_stack(opened(path), tmp_path / "out" / "b.tif", halved)
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_failure_midway_leaves_nothing(compression, tmp_path: Path) -> None:
    path = written(tmp_path / "a.tif", numbers(5, 20, 24), compression=compression)

    def fails(photo: Photo, into: np.ndarray | None) -> Photo:
        assert photo.page is not None
        if photo.page[0] == 4:
            raise OSError(28, "No space left on device")
        return halved(photo, into)

    with pytest.raises(CannotWrite, match="No space left"):
        save_stack(opened(path), tmp_path / "b.tif", fails)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif"]


def test_nothing_is_written_over_and_other_formats_are_refused(tmp_path: Path) -> None:
    stack = opened(written(tmp_path / "a.tif", numbers(3, 20, 24)))
    (tmp_path / "b.tif").write_bytes(b"mine")
    with pytest.raises(WouldOverwrite, match="--force"):
        save_stack(stack, tmp_path / "b.tif", halved)
    with pytest.raises(CannotWrite, match=r"cannot hold the 3 pages of a\.tif; write \.tif"):
        save_stack(stack, tmp_path / "b.png", halved)
    assert (tmp_path / "b.tif").read_bytes() == b"mine"
    save_stack(stack, tmp_path / "b.tif", halved, force=True)
    assert len(opened(tmp_path / "b.tif")) == 3


def test_threads_may_read_pages_at_once(tmp_path: Path) -> None:
    array = numbers(16, 40, 48)
    stack = opened(written(tmp_path / "a.tif", array, compression="zlib"))
    wrong: list[int] = []

    def reads(numbers_of_pages: range) -> None:
        wrong.extend(n for n in numbers_of_pages if not np.array_equal(stack.photo(n).array[..., 0], array[n]))

    threads = [threading.Thread(target=reads, args=(range(start, 16, 4),)) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


# Pages as pictures


def test_many_stacks_need_few_open_files(tmp_path: Path, monkeypatch) -> None:
    """A process may have 1,024 files open; a folder may hold more stacks."""
    monkeypatch.setattr(stacks, "_OPEN", 3)
    arrays = [numbers(4, 6, 5) for _ in range(12)]
    options = [{"compression": "zlib"} if number % 2 else {} for number in range(len(arrays))]
    found = [opened(written(tmp_path / f"{n}.tif", one, **options[n])) for n, one in enumerate(arrays)]
    wrong = []

    def look() -> None:
        for number in RANDOM.permutation(len(found) * 4):
            stack, page = divmod(int(number), 4)
            if not np.array_equal(found[stack].photo(page).array[..., 0], arrays[stack][page]):
                wrong.append((stack, page))

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert sum(not stack._file.filehandle.closed for stack in found) <= 3
    assert all(stack.together == 1 for stack in found)
    (tmp_path / "0.tif").unlink()
    found[1].photo(0), found[2].photo(0), found[3].photo(0)
    with pytest.raises(BadPicture, match=r"0\.tif does not exist"):
        found[0].photo(0)


def test_pages_stand_for_files(tmp_path: Path) -> None:
    array = numbers(3, 20, 24)
    path = written(tmp_path / "a.tif", array)
    pages = pages_of(path)
    assert [str(page) for page in pages] == [f"{path} page {n}" for n in (1, 2, 3)]
    assert isinstance(pages[2], Page)
    np.testing.assert_array_equal(pages[2].photo().array[..., 0], array[2])
    assert pages[2].photo().page == (3, 3)


@pytest.mark.parametrize(
    ("axes", "options", "together"),
    [
        ("TZCYX", {"imagej": True}, 2),
        ("TZCYX", {"ome": True}, 1),  # written as XYCZT only on request: here the first axis that runs is Z's
        ("TCYX", {}, 2),
        ("CTYX", {}, 1),
        ("TYX", {"imagej": True}, 1),
    ],
)
def test_channels_that_show_one_place_are_counted(axes: str, options, together: int, tmp_path: Path) -> None:
    shape = tuple({"T": 4, "Z": 1 if axes == "TZCYX" else 3, "C": 2, "Y": 20, "X": 24}[axis] for axis in axes)
    path = written(tmp_path / "a.tif", numbers(*shape), metadata={"axes": axes}, **options)
    with tifffile.TiffFile(path) as file:
        if file.is_ome:
            together = 2 if 'DimensionOrder="XYC' in (file.ome_metadata or "") else 1
    assert opened(path).together == together
