"""Labels come from a column, a file or folders; each belongs to its example, and none is learned from."""

import gzip

import numpy as np
import pytest
import torch
from PIL import Image

from narrows import BadData
from narrows.data.labels import read_labels, without_labels
from narrows.data.reading import read


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("width,height,grade\n1,2,4\n2,1,\n\n5,6,7\n")
    return path


@pytest.fixture
def photos(tmp_path):
    for folder, shade in (("cats", 10), ("dogs", 200), ("dogs", 100), ("ants", 50)):
        (tmp_path / folder).mkdir(exist_ok=True)
        pixels = np.full((8, 8), shade, np.uint8)
        pixels[shade % 8] = 0
        Image.fromarray(pixels).save(tmp_path / folder / f"{shade}.png")
    return tmp_path


def test_a_column_gives_its_texts_and_what_is_missing(table):
    data = read(table)
    assert read_labels("grade", table, data, to_learn=True) == ["4", None, "7"]
    assert read_labels("grade", [str(table)], data, to_learn=True) == ["4", None, "7"]


def test_the_column_of_labels_is_taken_out_of_what_is_learned_from(table):
    data = without_labels(read(table), "grade")
    assert data.columns == ("width", "height") and data.shape == (2,)
    assert data.source.take(torch.arange(3)).tolist() == [[1, 2], [2, 1], [5, 6]]
    assert len(set(data.keys)) == 3 and any("grade" in note for note in data.triage.notes)
    assert without_labels(read(table), "other").columns == ("width", "height", "grade")


def test_folders_give_labels_in_the_order_of_the_examples(photos):
    for to_learn in (True, False):
        data = read(photos, to_learn=to_learn)
        found = read_labels("folders", photos, data)
        assert found == [name.split("/")[0] for name in data.names]


def test_a_label_that_is_no_number_is_missing_and_no_class_of_its_own(tmp_path):
    np.save(tmp_path / "labels.npy", np.array([1.0, np.nan, 0.0]))
    data = read(np.random.default_rng(0).random((3, 4)))
    assert read_labels(tmp_path / "labels.npy", None, data) == ["1.0", None, "0.0"]


@pytest.mark.parametrize("suffix", ["npy", "idx.gz"])
def test_a_file_gives_one_label_for_each_row(tmp_path, suffix):
    path, values = tmp_path / f"labels.{suffix}", np.array([3, 1, 2], np.uint8)
    if suffix == "npy":
        np.save(path, values)
    else:
        path.write_bytes(gzip.compress(b"\0\0\x08\x01" + (3).to_bytes(4, "big") + values.tobytes()))
    x = np.random.default_rng(0).random((3, 4, 4))
    assert read_labels(path, x, read(x)) == ["3", "1", "2"]


def test_a_file_beside_photographs_is_in_the_order_of_their_paths(photos):
    np.save(photos / "labels.npy", np.array(["ant", "cat", "dog 100", "dog 200"]))
    found = {}
    for to_learn in (True, False):
        data = read([photos / "ants", photos / "cats", photos / "dogs"], to_learn=to_learn)
        found = dict(zip(data.names, read_labels(photos / "labels.npy", None, data), strict=True))
        assert found == {
            "ants/50.png": "ant", "cats/10.png": "cat", "dogs/100.png": "dog 100", "dogs/200.png": "dog 200",
        }  # fmt: skip


def test_labels_that_do_not_fit_are_refused(tmp_path, table, photos):
    with pytest.raises(BadData, match="no column called 'colour'; it has width, height, grade"):
        read_labels("colour", table, read(table))
    x = np.random.default_rng(0).random((3, 4, 4))
    with pytest.raises(BadData, match="--labels grade: no such file"):
        read_labels("grade", x, read(x))
    with pytest.raises(BadData, match="one file, and have no folders"):
        read_labels("folders", x, read(x))
    with pytest.raises(BadData, match="all pictures lie in one folder"):
        read_labels("folders", photos / "dogs", read(photos / "dogs"))
    np.save(tmp_path / "two.npy", np.zeros(2))
    with pytest.raises(BadData, match=r"shape \(2,\) for 3 examples"):
        read_labels(tmp_path / "two.npy", x, read(x))
    with pytest.raises(BadData, match=r"read from \.npy, \.npz and IDX"):
        read_labels(table, x, read(x))
    with pytest.raises(BadData, match="no column but a"):
        (tmp_path / "one.csv").write_text("a\n1\n2\n")
        without_labels(read(tmp_path / "one.csv"), "a")
