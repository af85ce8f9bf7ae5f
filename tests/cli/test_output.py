"""What machines are told is JSON, whatever was found."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

from narrows.cli._output import Output
from narrows.measuring.intervals import Interval


def test_numbers_that_are_none_become_null_wherever_they_stand(capsys):
    found = {
        "deep": [{"a": -math.inf}, (math.nan, 1)], "numpy": np.float32("inf"), "pair": Interval(1.0, -math.inf, 2.0),
        "place": Path("a"), "set": {2, 1}, "yes": True, "text": "inf", "nothing": None,
    }  # fmt: skip
    Output(as_json=True).result(found)

    def refuse(name: str) -> None:
        raise AssertionError(name)

    assert json.loads(capsys.readouterr().out, parse_constant=refuse) == {
        "deep": [{"a": None}, [None, 1]], "numpy": None, "pair": [1.0, None, 2.0], "place": "a", "set": [1, 2],
        "yes": True, "text": "inf", "nothing": None,
    }  # fmt: skip


def test_a_table_has_no_column_with_nothing_in_it(capsys):
    Output().table(("kind", "labels wrong", "error"), [["a", "", "1"], ["b", "", ""]], right=(1, 2))
    text = capsys.readouterr().out
    assert "labels" not in text and [line.split() for line in text.split("\n")[-4:-2]] == [["a", "1"], ["b"]]
    Output().table(("kind", "error"), [])
    assert "kind" in capsys.readouterr().out
