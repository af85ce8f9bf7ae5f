"""The page of `size`, in both languages, with curves that have holes."""

import math
import re

import pytest
import torch

from narrows import UnknownName
from narrows.measuring.intervals import Interval
from narrows.measuring.intrinsic import Dimensions
from narrows.measuring.sizing import Tried, judge_size
from narrows.pages.sized import SizedPage, write_sized_page

TWO = Interval(2.0, 2.0, 3.0)


def found(local=TWO, noise=0.0, command="narrows size a.csv"):
    errors = torch.full((2, 50), 1.0)
    tried = [
        Tried(1, errors * 0.5, math.nan, (0.4, 0.45), True, pca=0.6),
        Tried(2, errors * 0.1, 0.11, (0.09, 0.1), False, pca=0.4, memorised=0.25),
        Tried(4, errors * 0.1, 0.1, (0.09, 0.1), False, pca=0.2, memorised=0.5),
    ]
    verdict = judge_size(tried, mean=1.0, form="table", generator=torch.Generator().manual_seed(0))
    seen = Dimensions(6, 3, 2.5, Interval(5.2, 5.0, 5.4), local, 9.0)
    return SizedPage(verdict, tried, 1.0, seen, noise, "table", 950, 61.0, command)


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_the_page_holds_the_sentence_every_size_and_the_second_opinion(tmp_path, lang):
    shown = found(noise=0.001)
    page = write_sized_page(tmp_path / "size.html", shown, lang=lang).read_text(encoding="utf-8")
    assert f'lang="{lang}"' in page and "<svg" in page and "polyline" in page
    assert "narrows fit DATA --code-size 2" in page
    assert "25%" in page and "5.2 [5.0," in page and "2 [2," in page
    assert shown.verdict.sentence(lang).split(",")[0] in page


def test_below_the_curve_stand_sizes_and_one_round_alone_has_not_begun_to_fall(tmp_path):
    page = write_sized_page(tmp_path / "size.html", found()).read_text(encoding="utf-8")
    chart = page[page.index('class="chart"') : page.index("</svg>", page.index('class="chart"'))]
    below = re.findall(r'<text x="([\d.]+)" y="272" class="middle">(\d+)<', chart)
    assert [size for _, size in below] == ["1", "2", "4"]
    first, second, third = (float(x) for x, _ in below)
    assert second - first == pytest.approx(third - second, abs=0.2)
    assert page.count("one round only") == 1 and page.count("stopped falling") == 2


def test_errors_that_are_rounding_are_in_the_table_and_not_on_the_axis(tmp_path):
    shown = found()
    nothing = Tried(8, torch.full((2, 50), 1e-13), 2e-13, (1e-13, 2e-13), False, pca=1e-14)
    shown = shown._replace(tried=[*shown.tried, nothing])
    page = write_sized_page(tmp_path / "size.html", shown).read_text(encoding="utf-8")
    chart = page[page.index('class="chart"') : page.index("</svg>", page.index('class="chart"'))]
    assert "\u207b" not in chart and "10\u207b\u00b9\u00b3" in page[page.index("</svg>") :]


def test_every_curve_of_the_page_has_a_style_of_its_own(tmp_path):
    page = write_sized_page(tmp_path / "size.html", found()).read_text(encoding="utf-8")
    curves = set(re.findall(r'<polyline [^>]*class="([^"]+)"', page))
    assert curves == {"line-1", "line-2", "line-3", "line-4"}
    strokes = {name: re.search(rf"\.{name} {{ stroke: [^}}]+}}", page) for name in curves}
    assert None not in strokes.values() and len({found[0].split("{")[1] for found in strokes.values()}) == 4
    unfilled = re.search(r"([^{}]*){ fill: none;", page[page.index(".line-1") - 9 :])[1]
    assert all(f".{name}" in unfilled for name in curves)


def test_no_gap_is_said_and_no_noise_is_not_mentioned(tmp_path):
    page = write_sized_page(tmp_path / "size.html", found(local=None)).read_text(encoding="utf-8")
    assert "no clear gap" in page and "white noise" not in page


def test_a_hostile_command_stays_text(tmp_path):
    page = write_sized_page(tmp_path / "size.html", found(command="narrows size '<script>x'")).read_text("utf-8")
    assert "<script" not in page


def test_an_unknown_language_is_refused(tmp_path):
    with pytest.raises(UnknownName, match="fr"):
        write_sized_page(tmp_path / "size.html", found(), lang="fr")
