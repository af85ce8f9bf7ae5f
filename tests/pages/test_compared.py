"""The page of a comparison: one table, both languages, nothing from outside that becomes markup."""

import pytest
import torch

from narrows.measuring.comparing import Row
from narrows.measuring.frechet import Quality
from narrows.measuring.intervals import Interval
from narrows.measuring.purposes import Purpose
from narrows.pages.compared import ComparedPage, write_compared_page

HOSTILE = "narrows compare '<script>alert(1)</script>'"


def row(name, error, **more):
    return Row(name, torch.full((5,), error), Interval(error, 0.9 * error, 1.1 * error), **more)


def found(form="picture", **more):
    shown = torch.rand(2, 3, 1, 8, 8) if form == "picture" else None
    full = {
        "over_pca": Interval(0.5, 0.4, 0.6), "frechet": 0.25, "precision": Interval(0.8, 0.7, 0.9),
        "recall": Interval(0.4, 0.3, 0.5), "prior": "its own", "code_values": 8, "in_use": 0.75, "milliseconds": 0.2,
        "parameters": 12_345, "seconds": 61.0, "shown": shown, "remarks": ["step 9: no longer so: the critic has won"],
    }  # fmt: skip
    rows = [
        row("sparse", 0.01, **full),
        row("fsq", 0.02, **full | {"code_bits": 37.2}),
        row("PCA", 0.02),
        row("mean", 1),
    ]
    purpose = Purpose("error", "sparse", [], False, "0.5 [0.4, 0.6]", "1")
    quality = Quality("random convolutions, seed 0", 0.01, Interval(1, 1, 1), Interval(1, 1, 1), 50, 50)
    page = ComparedPage(
        rows,
        [purpose],
        [("<b>kind</b>", "it has no code")],
        8,
        61.0,
        quality,
        50,
        form,
        HOSTILE,
        torch.rand(3, 1, 8, 8),
    )
    return page._replace(**more)


@pytest.mark.parametrize("lang", ["en", "vi"])
@pytest.mark.parametrize("form", ["picture", "table"])
def test_the_page_says_who_is_best_for_what_in_one_table(tmp_path, read_page, lang, form):
    page = read_page(write_compared_page(tmp_path / "page.html", found(form), lang=lang).read_text(encoding="utf-8"))
    assert found().purposes[0].sentence(lang).split(",")[0] in page.text
    for part in ("sparse", "fsq", "0.250", "[0.4", "12 345", "37", "random convolutions, seed 0"):
        assert part in page.text, part
    assert page.tags["img"] == (3 + 2 * 2 * 3 if form == "picture" else 0)
    assert HOSTILE in page.text and "<b>kind</b>" in page.text


def test_columns_that_nobody_has_are_left_out(tmp_path, read_page):
    page = read_page(write_compared_page(tmp_path / "page.html", found()).read_text(encoding="utf-8"))
    assert "labels wrong" not in page.text and "Frechet distance" in page.text
    bare = found(rows=[row("sparse", 0.01), row("PCA", 0.02)], reference=None)
    page = read_page(write_compared_page(tmp_path / "bare.html", bare).read_text(encoding="utf-8"))
    assert "Frechet" not in page.text and page.tags["img"] == 0


def test_labels_are_told_in_percent_with_their_interval(tmp_path, read_page):
    rows = [row("sparse", 0.01, probe=Interval(0.0271, 0.02, 0.035)), row("PCA", 0.02, probe=Interval(0.1, 0.09, 0.11))]
    page = read_page(write_compared_page(tmp_path / "page.html", found(rows=rows)).read_text(encoding="utf-8"))
    assert "2.71" in page.text and "[2.00," in page.text and "took no part in training" in page.text
