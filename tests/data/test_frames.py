"""Data frames: columns by name, whatever their order; text columns as in a CSV; a frame back where one came."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import narrows
from narrows import BadData
from narrows.data.reading import read


def frame(**more) -> pd.DataFrame:
    rows = np.random.default_rng(0).normal(size=(30, 3)) * [1, 10, 100]
    return pd.DataFrame(rows, columns=["a", "b", "c"], index=[f"r{i}" for i in range(30)]).assign(**more)


@pytest.fixture(scope="module")
def fitted() -> narrows.LoadedModel:
    return narrows.fit(frame(name="An"), steps=3, code_size=2, n_nodes=8).model


def test_a_frame_is_learned_from_as_the_csv_of_it_is(fitted, tmp_path):
    assert fitted.card["data"]["columns"] == ["a", "b", "c"]
    assert "text columns left out: name" in fitted.card["data"]["notes"]
    frame(name="An").to_csv(tmp_path / "t.csv", index=False)
    table = narrows.fit(tmp_path / "t.csv", steps=3, code_size=2, n_nodes=8).model
    np.testing.assert_array_equal(table.encode(frame()), fitted.encode(frame()))


def test_columns_are_taken_by_name_and_others_left_out(fitted):
    codes = fitted.encode(frame())
    np.testing.assert_array_equal(fitted.encode(frame(d=1.0)[["c", "d", "a", "b"]]), codes)
    np.testing.assert_array_equal(fitted.encode(frame().to_numpy()), codes)
    np.testing.assert_array_equal(fitted.encode(pd.DataFrame(frame().to_numpy())), codes)


def test_a_column_that_is_missing_is_named(fitted):
    with pytest.raises(BadData, match="b is not among them"):
        fitted.encode(frame()[["a", "c"]])
    with pytest.raises(BadData, match="without b"):
        fitted.encode(frame().rename(columns={"b": "d"}))


def test_a_frame_comes_back_with_its_index_and_columns(fitted):
    came = frame(name="An")[["c", "name", "a", "b"]]
    back = fitted.reconstruct(came)
    assert list(back.columns) == ["c", "a", "b"] and list(back.index) == list(came.index)
    np.testing.assert_array_equal(back[["a", "b", "c"]].to_numpy(), fitted.reconstruct(frame().to_numpy()))


def test_cells_that_are_missing_and_numbers_as_texts_are_read_as_in_a_csv():
    table = pd.DataFrame({
        "n": pd.array([1, None, 3], dtype="Int64"), "o": [1, None, "2.5"], "t": ["x", "y", None],
        "y": [True, False, True], "d": pd.to_datetime(["2020-01-01"] * 3), 4: [1.0, np.nan, 2.0],
    })  # fmt: skip
    dataset = read(table)
    assert dataset.columns == ("n", "o", "y", "4")
    nan = np.nan
    wanted = [[1, 1, 1, 1], [nan, nan, 0, nan], [3, 2.5, 1, 2]]
    np.testing.assert_array_equal(dataset.source.take(np.arange(3)), wanted)
    assert "text columns left out: t, d" in dataset.triage.notes
