"""The page of before and after: every picture under a line, names escaped, one script and no other."""

from __future__ import annotations

import base64
import hashlib
import re

import numpy as np
import pytest
from PIL import Image

from narrows.measuring.bottleneck import judge_gains
from narrows.measuring.intervals import Interval
from narrows.measuring.proof import OfPicture, Proof
from narrows.pages.before_after import Restored, write_before_after

HOSTILE = "<script>alert(1)</script>.png"


@pytest.fixture
def written(tmp_path, read_page):
    """`written(pictures, **more)`: the page's text, and the page taken apart."""

    def write(pictures, **more):
        text = write_before_after(tmp_path / "p.html", pictures, **{"verb": "denoise", **more}).read_text("utf-8")
        return text, read_page(text, scripts=1)

    return write


def picture(path, height=40, width=60, channels=3):
    array = np.random.default_rng(0).integers(0, 255, (height, width, channels), dtype=np.uint8)
    Image.fromarray(array if channels == 3 else array[..., 0]).save(path)
    return path


def proof():
    gain, over = Interval(5.0, 4.5, 5.5), Interval(-0.5, -0.7, -0.3)
    verdict = judge_gains(gain, over, Interval(5.5, 5.2, 5.8), "median 3", 1, "gain by truth")
    one = OfPicture(HOSTILE, gain, over, "median 3")
    return Proof(verdict, False, gain, over, None, "median 3", "median=3", (one,), ("b.png: too small",))


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_every_picture_has_a_whole_and_a_detail_under_a_line(tmp_path, written, lang):
    files = [Restored(f"{n}.png", picture(tmp_path / f"{n}.png"), picture(tmp_path / f"{n}r.png")) for n in range(2)]
    _, page = written(files, lang=lang)
    assert page.tags["input"] == 4 and page.tags["img"] == 8
    assert ("Before and after: denoise" if lang == "en" else "Trước và sau: denoise") in page.text


def test_only_the_script_that_the_policy_names_is_there(tmp_path, written):
    files = [Restored(HOSTILE, picture(tmp_path / "a.png"), picture(tmp_path / "b.png"))]
    text, page = written(files, proof=proof(), command="narrows <x>")
    assert page.tags["script"] == 1 and HOSTILE in page.text
    script = re.search(r"<script>(.*?)</script>", text, re.S)
    digest = base64.b64encode(hashlib.sha256(script[1].encode()).digest()).decode()
    assert f"script-src &#x27;sha256-{digest}&#x27;" in text


def test_who_did_better_comes_first_and_the_way_to_have_it(tmp_path, written):
    files = [Restored("a.png", picture(tmp_path / "a.png"), picture(tmp_path / "b.png"))]
    _, page = written(files, proof=proof())
    assert "the classical filter does better here" in page.text
    assert "--classical median=3" in page.text and "b.png: too small" in page.text and "5.00 dB" in page.text


def test_a_filter_that_is_no_verb_of_its_own_is_not_offered(tmp_path, written):
    files = [Restored("a.png", picture(tmp_path / "a.png"), picture(tmp_path / "b.png"))]
    assert "--classical" in written(files, proof=proof())[1].text
    assert "--classical" not in written(files, proof=proof()._replace(classical=""))[1].text


@pytest.mark.parametrize("height, width", [(1, 4000), (4000, 1), (1, 1)])
def test_pictures_of_one_row_column_or_pixel_are_shown(tmp_path, written, height, width):
    one = picture(tmp_path / "a.png", height, width)
    assert written([Restored("a.png", one, one)])[1].tags["img"] == 4


def test_of_many_pictures_some_are_shown_and_that_is_said(tmp_path, written):
    one = picture(tmp_path / "a.png", 8, 8, 1)
    _, page = written([Restored(f"{n}", one, one) for n in range(40)], verb="blur")
    assert page.tags["section"] == 12 and "12 of 40 pictures" in page.text


@pytest.mark.parametrize("size", [(20, 30), (300, 401), (1, 1)])
def test_an_enlarged_picture_stands_beside_the_small_one(tmp_path, written, size):
    small = picture(tmp_path / "a.png", *size)
    large = picture(tmp_path / "b.png", 2 * size[0], 2 * size[1])
    _, page = written([Restored("a", small, large)], verb="upscale")
    assert page.tags["img"] == 4
