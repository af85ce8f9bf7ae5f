"""Tables of numbers: CSV in its many habits, .npy and .npz, IDX."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch

from narrows import BadData
from narrows.data.idx import read_idx
from narrows.data.reading import read
from narrows.data.tables import Table, read_csv, read_numpy

NAN = float("nan")


def _csv(tmp_path: Path, text: str | bytes) -> Table:
    path = tmp_path / "a.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_csv(path)


@pytest.mark.parametrize(
    ("text", "columns", "values"),
    [
        ("a,b\n1,2\n3,4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("1,2\n3,4\n", ("column 1", "column 2"), [[1, 2], [3, 4]]),
        ("a,b\r\n1,2\r\n3,4\r\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("\ufeffa,b\n1,2\n3,4", ("a", "b"), [[1, 2], [3, 4]]),
        ("a;b\n1,5;2\n3;4,25\n", ("a", "b"), [[1.5, 2], [3, 4.25]]),
        ("a;b\n1.234,5;2\n3;4\n", ("a", "b"), [[1234.5, 2], [3, 4]]),
        ("a;b\n1.234,5;1.234\n2.000;2.5\n-1.234.567;4\n", ("a", "b"), [[1234.5, 1.234], [2000, 2.5], [-1234567, 4]]),
        ("a;b\n1.5;2\n3;4\n", ("a", "b"), [[1.5, 2], [3, 4]]),
        ("a\tb\n1\t2\n3\t4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ('"a, first",b\n"1",2\n3,4\n', ("a, first", "b"), [[1, 2], [3, 4]]),
        ("a\n1\n2\n3\n", ("a",), [[1], [2], [3]]),
        ("1\n2\n3\n", ("column 1",), [[1], [2], [3]]),
        ("a,b\n1,\nNA,4\n5,?\n", ("a", "b"), [[1, NAN], [NAN, 4], [5, NAN]]),
        ("a,b\n\n1,2\n\n3,4\n\n", ("a", "b"), [[1, 2], [3, 4]]),
        (",a\n0,5\n1,6\n", ("column 1", "a"), [[0, 5], [1, 6]]),
        ("a,a\n1,2\n3,4\n", ("a", "a (2)"), [[1, 2], [3, 4]]),
        ("a,b\n-1e3, 2 \n+.5,4\n", ("a", "b"), [[-1000, 2], [0.5, 4]]),
        ("tên,tuổi\n1,2\n3,4\n", ("tên", "tuổi"), [[1, 2], [3, 4]]),
        ("a,b\n,\n1,2\n3,4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("0,5;-0,25;1,5\n1,5;2;3,25\n", ("column 1", "column 2", "column 3"), [[0.5, -0.25, 1.5], [1.5, 2, 3.25]]),
        ("0,5;1,5\n3;4\n", ("column 1", "column 2"), [[0.5, 1.5], [3, 4]]),
        ("Messwert, 1 Tag, 2 m;b\n1,5;2\n3;4\n", ("Messwert, 1 Tag, 2 m", "b"), [[1.5, 2], [3, 4]]),
        ('"a; b; c",d\n1,2\n3,4\n', ("a; b; c", "d"), [[1, 2], [3, 4]]),
        ('d,"a; ""b"" ; c"\n1,2\n3,4\n', ("d", 'a; "b" ; c'), [[1, 2], [3, 4]]),
        ("0,5\t1,5\n3\t4\n", ("column 1", "column 2"), [[0.5, 1.5], [3, 4]]),
        ("1,?,3\n4,5,6\n7,8,9\n", ("column 1", "column 2", "column 3"), [[1, NAN, 3], [4, 5, 6], [7, 8, 9]]),
        ("NA,-\n4,5\n7,8\n", ("column 1", "column 2"), [[NAN, NAN], [4, 5], [7, 8]]),
        ("a,?\n4,5\n7,8\n", ("a", "?"), [[4, 5], [7, 8]]),
        ("a,b\n1,see; there\n3,4; 5\n", ("a",), [[1], [3]]),
        ("An,-\nBình,5\n?,8\n", ("column 2",), [[NAN], [5], [8]]),
        ("An,?,3\nBình,5,6\nHoa,7,8\n", ("column 2", "column 3"), [[NAN, 3], [5, 6], [7, 8]]),
        ("Na,K\n4,5\n7,8\n", ("Na", "K"), [[4, 5], [7, 8]]),
        ("1,-\n?,5\n7,8\n", ("column 1", "column 2"), [[1, NAN], [NAN, 5], [7, 8]]),
        ("a|b\n1|2\n3|4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("sep=;\r\na;b\r\n1,5;2\r\n3;4\r\n", ("a", "b"), [[1.5, 2], [3, 4]]),
        ("sep=:\na:b\n1:2\n3:4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("# measured in May, by An\n# in degrees\na,b\n1,2\n3,4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("# measured in May, by An\na,b\n1,2\n3,4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("# measured in May\n# a,b\n1,2\n3,4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("#a,b\n1,2\n3,4\n", ("a", "b"), [[1, 2], [3, 4]]),
        ("# one column, of kilograms\nkg\n1\n3\n", ("kg",), [[1], [3]]),
        ("1.5 2\n3 4\n", ("column 1", "column 2"), [[1.5, 2], [3, 4]]),
        ("# a b\n 1.5   2.0\n-3.0  14.0\n", ("a", "b"), [[1.5, 2], [-3, 14]]),
        ("a b\n1\n3\n", ("a b",), [[1], [3]]),
    ],
)
def test_the_habits_of_csv_files(text: str, columns: tuple[str, ...], values: list, tmp_path: Path) -> None:
    table = _csv(tmp_path, text)
    assert table.columns == columns
    np.testing.assert_array_equal(table.values, values)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "latin-1"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    table = _csv(tmp_path, "größe,b\n1,2\n3,4\n".encode(encoding))
    assert table.columns == ("größe", "b") and table.values.tolist() == [[1, 2], [3, 4]]


def test_text_columns_are_named_and_left_out(tmp_path: Path) -> None:
    table = _csv(tmp_path, "id,name,height\n1,An,1.6\n2,Bình,1.7\n3,,1.8\n")
    assert table.columns == ("id", "height")
    assert table.notes == ("text columns left out: name",)


@pytest.mark.parametrize(
    ("head", "start", "said"),
    [(",a,b", 0, True), ("Unnamed: 0,a,b", 5, True), ("id,a,b", 0, False), ("1,2,3", 2, False), (",a,b", None, False)],
)
def test_a_column_that_only_counts_the_rows_is_told_of(
    head: str, start: int | None, said: bool, tmp_path: Path
) -> None:
    rows = [(7 if start is None else start + number, number % 3, number % 5) for number in range(9)]
    table = _csv(tmp_path, head + "\n" + "\n".join(",".join(map(str, row)) for row in rows))
    assert len(table.columns) == 3
    assert any("counts the rows, as an index does" in note for note in table.notes) is said


def test_names_with_an_underscore_between_digits_are_texts(tmp_path: Path) -> None:
    table = _csv(tmp_path, "sample,height\n2021_03,1.6\n2021_04,1.7\n")
    assert table.columns == ("height",) and table.notes == ("text columns left out: sample",)


def test_a_column_that_differs_by_rounding_alone_is_constant_and_one_far_from_0_is_not(tmp_path: Path) -> None:
    table = _csv(tmp_path, "a,b\n0.3,1000000001\n0.30000000000000004,1000000000\n")
    assert table.notes == ("constant columns (they say nothing): a",)


def test_missing_and_constant_and_empty_columns_are_said(tmp_path: Path) -> None:
    table = _csv(tmp_path, "a,b,c\n1,5,\n2,5,\n,5,\n")
    assert table.columns == ("a", "b")
    assert table.notes == (
        "empty columns left out: c",
        "constant columns (they say nothing): b",
        "1 missing cells (16.7%): masked in the loss",
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b\n0.3,1e9\n0.30000000000000004,1000000000.0000001\n", "same values in every row"),
        ("", "is empty; a table has a row for each example"),
        ("\n\n", "is empty"),
        ("name,place\nAn,Huế\nBình,Hội An\n", r"no column of numbers \(name, place\)"),
        ("a,b\n1,2\n3,4,5\n", "3 cells in line 3 and 2 in line 1"),
        ("a,b\n1,inf\n3,4\n", "infinities in b; replace them"),
        ("a,b\n1,1e300\n3,4\n", "beyond 1e.30 in b"),
        ("a,b\n1,2\n", "has 1 row"),
        ("a,b\n", "has no rows"),
        ("a,b\n5,2\n5,2\n5,2\n", "the same values in every row"),
        ("a,b\nNA,\n,NA\n", "no known cell"),
    ],
)
def test_tables_that_cannot_be_learned_from(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(BadData, match=words):
        _csv(tmp_path, text)


# .npy and .npz


def test_the_array_named_x_is_taken_and_the_rest_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", X=np.eye(3), y=np.arange(3))
    values, notes = read_numpy(tmp_path / "a.npz")
    assert values.tolist() == np.eye(3).tolist() and notes == ("a.npz: X is used, y left out",)


def test_the_only_array_of_numbers_is_taken(tmp_path: Path) -> None:
    np.savez_compressed(tmp_path / "a.npz", pictures=np.zeros((3, 4, 4)), names=np.array(["a", "b", "c"]))
    assert read_numpy(tmp_path / "a.npz")[0].shape == (3, 4, 4)


def test_several_arrays_want_a_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", one=np.eye(3), two=np.eye(3))
    with pytest.raises(BadData, match="holds one, two; name the array to learn from X"):
        read_numpy(tmp_path / "a.npz")


@pytest.mark.parametrize("name", ["a.npy", "a.npz"])
def test_pickles_in_numpy_files_are_never_opened(name: str, tmp_path: Path) -> None:
    opened = tmp_path / "opened"

    class Bomb:
        def __reduce__(self) -> tuple:
            return Path.touch, (opened,)

    array = np.array([Bomb()], dtype=object)
    if name == "a.npy":
        np.save(tmp_path / name, array, allow_pickle=True)
    else:
        np.savez(tmp_path / name, X=array)
    with pytest.raises(BadData, match="pickles are never read"):
        read_numpy(tmp_path / name)
    assert not opened.exists()


# IDX


def _idx(array: np.ndarray, code: int) -> bytes:
    head = bytes([0, 0, code, array.ndim]) + b"".join(n.to_bytes(4, "big") for n in array.shape)
    return head + array.astype(array.dtype.newbyteorder(">")).tobytes()


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("dtype", "code"), [("u1", 8), ("i1", 9), ("i2", 11), ("i4", 12), ("f4", 13), ("f8", 14)])
def test_idx_files_of_every_type(dtype: str, code: int, packed: bool, tmp_path: Path) -> None:
    array = (np.arange(24) - (0 if dtype == "u1" else 12)).astype(dtype).reshape(2, 3, 4)
    data = _idx(array, code)
    path = tmp_path / ("train-images-idx3-ubyte" + (".gz" if packed else ""))
    path.write_bytes(gzip.compress(data) if packed else data)
    found = read_idx(path)
    np.testing.assert_array_equal(found, array)
    assert found.dtype == array.dtype and found.flags.writeable


def _broken_idx() -> dict[str, bytes]:
    whole = _idx(np.zeros((2, 3, 4), np.uint8), 8)
    return {
        "empty": b"",
        "no magic": b"hello, I am a text",
        "unknown type": bytes([0, 0, 7, 1, 0, 0, 0, 1, 5]),
        "cut short": whole[:-1],
        "too long": whole + b"x",
        "head only": whole[:9],
        "claims too much": bytes([0, 0, 8, 3]) + b"\xff" * 12,
        "gzip cut short": gzip.compress(whole)[:-9],
        "gzip broken": b"\x1f\x8b" + b"x" * 40,
    }


@pytest.mark.parametrize("name", _broken_idx())
def test_broken_idx_files(name: str, tmp_path: Path) -> None:
    (tmp_path / "a-idx3-ubyte").write_bytes(_broken_idx()[name])
    with pytest.raises(BadData, match="get the file anew"):
        read_idx(tmp_path / "a-idx3-ubyte")


def test_an_endless_gzip_is_read_no_further_than_it_says(tmp_path: Path) -> None:
    path = tmp_path / "a-idx3-ubyte.gz"
    head = _idx(np.zeros((2, 3, 4), np.uint8), 8)
    path.write_bytes(gzip.compress(head + bytes(1 << 26)))

    tracemalloc.start()
    with pytest.raises(BadData, match="holds more"):
        read_idx(path)
    assert tracemalloc.get_traced_memory()[1] < 1 << 22
    tracemalloc.stop()


# Through the front door


def test_mnists_other_files_are_left_out(tmp_path: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (5, 4, 4), dtype=np.uint8)
    (tmp_path / "train-images-idx3-ubyte").write_bytes(_idx(pictures, 8))
    (tmp_path / "train-labels-idx1-ubyte").write_bytes(_idx(np.arange(5, dtype=np.uint8), 8))
    (tmp_path / "t10k-images-idx3-ubyte").write_bytes(_idx(pictures, 8))
    dataset = read(tmp_path)
    assert len(dataset.source) == 5 and dataset.shape == (1, 4, 4)
    assert dataset.triage.notes == (
        "left out, not to be learned from: t10k-images-idx3-ubyte, train-labels-idx1-ubyte",
    )


def test_a_table_keeps_missing_cells_for_the_loss(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a,b\n1,2\n,4\n5,6\n")
    dataset = read(tmp_path / "a.csv")
    assert dataset.form == "table" and dataset.columns == ("a", "b")
    assert np.isnan(dataset.source.take(torch.arange(3)).numpy()).sum() == 1
