"""`narrows demo` needs no data and ends with the path of one page."""

from __future__ import annotations

from pathlib import Path

from narrows.model import zoo


def test_it_ends_with_the_path_of_one_page(run, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "_WEIGHTS", tmp_path / "none")
    ran = run("demo", "--out", "here", "--seconds", "1")
    assert ran.code == 0
    verdict, photo, page = ran.out.splitlines()
    assert "PCA" in verdict
    assert "no denoiser ships" in photo
    assert Path(page) == tmp_path / "here/index.html"
    assert 'lang="en"' in Path(page).read_text() and "Digits that nobody wrote" in Path(page).read_text()
    again = run("demo", "--out", "here", "--seconds", "1")
    assert again.code == 1 and "--force" in again.err


def test_with_a_shipped_model_the_photograph_is_on_the_page(run, tmp_path, denoiser, monkeypatch):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/denoise-grey").symlink_to(denoiser)
    monkeypatch.setattr(zoo, "_WEIGHTS", tmp_path / "weights")
    ran = run("demo", "--out", "here", "--seconds", "1", "--lang", "vi")
    assert ran.code == 0
    assert "Ảnh chụp có nhiễu 25" in ran.out and "denoise-grey" in ran.out
    assert 'lang="vi"' in Path("here/index.html").read_text()
