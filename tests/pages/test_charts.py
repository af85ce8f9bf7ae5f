"""Charts say what the numbers say, and draw nothing that is not there."""

import itertools
import math
import re

import pytest

from narrows.measuring.intervals import Interval
from narrows.pages._charts import Block, Line, Mark, _log_ticks, _ticks, bar, hourglass, interval_chart, line_chart
from narrows.pages._numbers import count, duration, many, number, spread


def test_a_curve_passes_its_points_in_order_and_inside_the_drawing():
    chart = line_chart([Line("a", [(0, 3.0), (10, 2.0), (20, 1.0)])], x_label="x", y_label="y", log_y=False)
    assert chart is not None
    points = [tuple(map(float, p.split(","))) for p in re.search(r'points="([^"]+)"', chart)[1].split()]
    assert [x for x, _ in points] == sorted(x for x, _ in points)
    assert [y for _, y in points] == sorted(y for _, y in points)  # downwards on the screen as the loss falls
    assert all(0 <= x <= 560 and 0 <= y <= 300 for x, y in points)


def test_equal_factors_are_equal_distances_on_a_log_axis():
    chart = line_chart([Line("a", [(0, 1.0), (1, 0.1), (2, 0.01)])], x_label="x", y_label="y")
    first, second, third = (float(p.split(",")[1]) for p in re.search(r'points="([^"]+)"', chart)[1].split())
    assert second - first == pytest.approx(third - second, abs=0.2)


def test_points_that_are_no_numbers_are_left_out_and_nothing_to_draw_is_nothing():
    nothing = [Line("a", [(0, math.nan), (1, math.inf)]), Line("b", [])]
    assert line_chart(nothing, x_label="x", y_label="y") is None
    chart = line_chart([Line("a", [(0, math.nan), (5, 2.0)])], x_label="x", y_label="y")
    assert "nan" not in chart and "<circle" in chart


@pytest.mark.parametrize("values", [[0.0, 0.0], [-3.0, 2.0], [1e-9, 1e-9], [5.0], [-1.0, -1.0], [1e12, 2e12]])
def test_any_values_can_be_drawn(values):
    chart = line_chart([Line("a", list(enumerate(values)))], x_label="x", y_label="y", marks=[Mark(0, "here")])
    assert chart is not None and "nan" not in chart and "inf" not in chart


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0.013, 0.0131), (-4, 900), (7, 7), (0, 1e9), (1e-12, 3e-12)])
def test_ticks_are_few_and_hold_the_values(low, high):
    ticks = _ticks(low, high)
    assert 2 <= len(ticks) <= 9 and ticks == sorted(ticks)
    assert ticks[0] <= low + 1e-12 * abs(low) and ticks[-1] >= high - 1e-12 * abs(high)


@pytest.mark.parametrize(("low", "high"), [(0.01, 0.5), (1e-8, 100), (3, 3), (0.9, 1.1)])
def test_log_ticks_hold_the_values(low, high):
    ticks = _log_ticks(low, high)
    assert ticks[0] <= low <= high <= ticks[-1]


def test_names_in_a_chart_are_escaped():
    chart = line_chart([Line("<b>", [(0, 1), (1, 2)])], x_label="<i>", y_label='"', marks=[Mark(1, "<u>")])
    assert not re.search(r"<(b|i|u)>", chart)


def test_the_hourglass_has_a_block_for_each_layer_and_marks_what_grows():
    blocks = [Block(784, "input", "in"), Block(900, "encoder", "one", grows=True), Block(30, "code", "code")]
    drawn = hourglass(blocks, described="net")
    heights = [float(x) for x in re.findall(r'<rect[^>]* height="([\d.]+)"', drawn)]
    assert heights[1] == max(heights) and heights[0] == pytest.approx(heights[1] * math.sqrt(784 / 900), abs=0.1)
    assert "layer grows" in drawn and "\u25b2" in drawn and "layer code" in drawn


def test_a_very_deep_net_can_be_drawn():
    assert hourglass([Block(10, "net", "x")] * 200, described="net").count("<rect") == 200


def test_an_interval_without_ends_is_a_dot_alone():
    assert "whisker" in interval_chart(Interval(2, 1, 3), 0, 4)
    assert "whisker" not in interval_chart(Interval(2, -math.inf, math.inf), 0, 4)
    assert "nan" not in interval_chart(Interval(2, 2, 2), 2, 2)


def test_a_bar_shows_that_something_is_there():
    assert 'width="0"' in bar(0.0) and 'width="1"' in bar(1e-9) and 'width="100"' in bar(7.0)


def test_numbers_keep_three_digits():
    assert [number(v) for v in (0, 0.011324, 1.5, 12.345, 1234.5, -0.5)] == [
        "0", "0.0113", "1.50", "12.3", "1\u202f234" if round(1234.5) == 1234 else "1\u202f235", "-0.500",
    ]  # fmt: skip
    assert number(math.nan) == number(math.inf) == "\u2013"
    assert number(1.234e-7) == "1.23\u202f\u00d7\u202f10\u207b\u2077"
    assert count(1234567) == "1\u202f234\u202f567" and many(48_200_000) == "48.2\u202fM" and many(9999) == "9\u202f999"
    assert [duration(s) for s in (3.21, 65, 7380)] == ["3.21 s", "1 min 05 s", "2 h 03 min"]
    assert spread(Interval(1, -math.inf, math.inf)) is None


def test_close_values_have_labels_that_differ():
    drawn = str(line_chart([Line("a", [(0, 0.01331), (1, 0.01402)])], x_label="x", y_label="y"))
    labels = re.findall(r'class="end">([^<]*)<', drawn)
    steps = [float(b) - float(a) for a, b in itertools.pairwise(labels)]
    assert len(labels) > 3 and min(steps) > 0 and max(steps) == pytest.approx(min(steps), rel=0.1)
    round_ones = str(line_chart([Line("a", [(0, 0.0), (1, 8.0)])], x_label="x", y_label="y"))
    assert re.findall(r'class="end">([^<]*)<', round_ones) == ["0", "2.0", "4.0", "6.0", "8.0"]


@pytest.mark.parametrize("role", ["input", "encoder", "code", "decoder", "net"])
def test_no_rule_for_whole_drawings_sizes_a_layer(role):
    # height: auto, meant for the drawing, once hid every layer of nets without a code.
    drawn = str(hourglass([Block(9, role, "x")], described="d"))
    whole = re.search(r'<svg[^>]*class="([^"]*)"', drawn).group(1).split()
    layer = re.search(r'<rect[^>]*class="([^"]*)"', drawn).group(1).split()
    assert not set(whole) & set(layer)
