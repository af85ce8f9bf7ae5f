"""The report of a real fit, read as a browser reads it."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import narrows
from narrows.measuring.intervals import bootstrap
from narrows.pages._numbers import number, spread
from narrows.pages._run import gap_in_words
from narrows.pages._words import Say
from narrows.pages.fitted import spread_out
from narrows.training.seeds import generator

HOSTILE_FILE = "<script>alert('x')<script>.png"
HOSTILE_COLUMN = '"><img src=x onerror=alert(1)>'
HOSTILE_COMMAND = "narrows fit '<script>alert(1)</script>'"
SETTINGS = {"steps": 12, "evaluations": 4, "n_layers": 2, "n_nodes": 16, "batch_size": 16}


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """Every file but two is hostile by its name; one is no picture, one is no picture's name."""
    folder = tmp_path_factory.mktemp("pages") / "pictures"
    folder.mkdir()
    random = np.random.default_rng(0)
    for count in range(40):
        pixels = (random.random((8, 8, 3)) * 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{count} {HOSTILE_FILE}")
    (folder / "<script>broken<script>.jpg").write_bytes(b"\xff\xd8 nothing")
    (folder / "\\1 back.jpg").write_bytes(b"\xff\xd8 nothing")
    (folder / "notes & more.txt").write_text("x")
    return folder


def _fit(data, tmp_path, **more):
    settings = SETTINGS | {"command": HOSTILE_COMMAND} | more
    return narrows.fit(data, out=tmp_path / "<b>model", **settings)


def _report(fitted) -> str:
    assert fitted.report is not None
    return fitted.report.read_text(encoding="utf-8")


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_a_report_of_hostile_names_is_safe_and_shows_them_as_they_are(pictures, tmp_path, read_page, lang):
    fitted = _fit(pictures, tmp_path, code_size=4, lang=lang)
    page = read_page(_report(fitted))
    assert HOSTILE_FILE in page.text and HOSTILE_COMMAND in page.text and "<script>broken<script>.jpg" in page.text
    assert "\\1 back.jpg" in page.text
    assert "<b>model" in page.text and "notes & more.txt" in page.text
    assert str(pictures) not in page.text  # whose folder it was is nobody's business
    assert page.of("html", "lang") == [lang]


def test_the_verdict_comes_first_and_the_rest_in_order(pictures, tmp_path, read_page):
    fitted = _fit(pictures, tmp_path, code_size=4)
    text = _report(fitted)
    page = read_page(text)
    assert fitted.judgement is not None
    verdict = fitted.judgement.verdict.sentence("en")
    assert " ".join(verdict.split()) in page.text
    assert text.index('class="verdict') < text.index("<h2>")
    assert re.findall(r'<section id="([a-z]+)"', text) == [
        "scores", "seen", "worst", "curves", "net", "choices", "data", "repeat",
    ]  # fmt: skip
    assert "95 % bootstrap interval" in page.text and "PCA, same code size" in page.text and "SSIM" in page.text
    assert "you asked for it" in page.text  # the code's size
    assert page.tags["polyline"] == 2


def test_the_report_of_a_task_through_a_code_stands_beside_filter_and_direct_net(pictures, tmp_path, read_page):
    fitted = _fit(pictures, tmp_path, task="denoise", kind="undercomplete", architecture="mlp", code_size=8, lang="vi")
    page = read_page(_report(fitted))
    for said in ("đầu vào để nguyên", "bộ lọc cổ điển tốt nhất", "mạng không có mã", "ảnh sạch", "dB"):
        assert said in page.text, said


def test_the_report_of_a_table_has_columns_instead_of_pictures(tmp_path, read_page):
    random = np.random.default_rng(0)
    rows = random.normal(size=(60, 5))
    rows[:, 3] *= 1000
    names = ["one", HOSTILE_COLUMN.replace('"', '""'), "<script>", "large", "tỉnh"]
    lines = [",".join(f'"{name}"' for name in ["place", *names])]
    lines += [
        ",".join(["Huế", *("" if i == j == 3 else f"{v:.6f}" for j, v in enumerate(r))]) for i, r in enumerate(rows)
    ]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    fitted = _fit(path, tmp_path, n_nodes=4)
    page = read_page(_report(fitted))
    assert page.tags["img"] == 0
    assert HOSTILE_COLUMN in page.text and "tỉnh" in page.text and "text columns left out: place" in page.text
    assert "Every column" in page.text and "mostly from" in page.text and "1 missing cells" in page.text


def test_without_held_out_examples_the_report_says_so(pictures, tmp_path, read_page):
    fitted = _fit(pictures, tmp_path, held_out=0.0, code_size=4)
    assert fitted.judgement is None
    page = read_page(_report(fitted))
    assert "Nothing was held out" in page.text and page.tags["img"] == 0


def test_a_direct_net_on_photographs_is_shown_on_cards(tmp_path, read_page, picture_folder):
    folder = picture_folder(count=12, height=100, width=120, channels=1)
    fitted = narrows.fit(folder, out=tmp_path / "m", task="denoise", steps=2, evaluations=1, batch_size=2, n_nodes=8,
                         n_layers=2, patch=16, held_out=0.3, lang="en", options={"level": 25.0})  # fmt: skip
    text = _report(fitted)
    page = read_page(text)
    assert 'class="card"' in text and "Nothing was skipped" in page.text
    assert "this kind of net has no code" in page.text
    assert "narrows.fit" in page.text  # no command came, so it says from where it was made


def test_the_report_of_a_grid_tells_of_whole_pictures_and_one_code(pictures, tmp_path, read_page):
    fitted = _fit(pictures, tmp_path, kind="vqvae", code_size=4, n_layers=None, n_nodes=(8, 8), lang="en")
    page = read_page(_report(fitted))
    assert "in patches" not in page.text and "the others serve the kind" not in page.text
    assert "fully connected" not in page.text and "vqvae has a code at every place of a picture" in page.text


def test_one_error_has_one_interval_on_the_page(pictures, tmp_path, read_page):
    fitted = _fit(pictures, tmp_path, code_size=4)
    interval = bootstrap(fitted.judgement.network.errors, generator=generator(0, "report"))
    gap = gap_in_words(fitted.judgement, Say("en"))
    assert f"{number(interval.value)} {spread(interval)}" in gap


def test_an_unknown_language_is_refused_with_the_known_ones(pictures, tmp_path):
    with pytest.raises(narrows.UnknownName, match="en, vi"):
        _fit(pictures, tmp_path, code_size=4, lang="de")


def test_the_readme_is_made_of_the_card_and_no_name_can_leave_its_line(tmp_path):
    rows = np.random.default_rng(0).normal(size=(40, 3))
    path = tmp_path / "table.csv"
    head = '"a|b\n# title","<script>alert(1)</script>","[x](javascript:alert(1))"'
    path.write_text("\n".join([head, *(",".join(f"{v:.4f}" for v in row) for row in rows)]), encoding="utf-8")
    fitted = _fit(path, tmp_path, code_size=2, n_layers=None, n_nodes=None, command="a ``` b\n# no title")
    assert fitted.folder is not None
    text = (fitted.folder / "README.md").read_text(encoding="utf-8")
    card = json.loads((fitted.folder / "model.json").read_text(encoding="utf-8"))
    assert "<script" not in text and r"\[x\](javascript" in text and r"a\|b # title" in text
    assert "\n````sh\na ``` b" in text  # a longer fence than any inside
    assert card["scores"]["intervals"].keys() == card["scores"]["held_out"].keys()
    for name, (low, high) in card["scores"]["intervals"].items():
        assert low <= card["scores"]["held_out"][name] <= high
    for said in ("`code_size`", "3 values are few", "## Limits", "narrows.load", "exactly these 3 columns"):
        assert said in text, said


def test_examples_are_taken_at_even_distances():
    assert spread_out(100, 4) == [0, 25, 50, 75]
    assert spread_out(2, 10) == [0, 1] and spread_out(0, 5) == []
