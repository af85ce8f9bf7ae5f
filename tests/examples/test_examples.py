"""Each example runs as it is written, on small data."""

from __future__ import annotations

import csv
import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows.model.build import make
from narrows.model.folder import save

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def run(monkeypatch, tmp_path, capsys):
    """`run(name, *words)`: the example's standard output."""
    monkeypatch.chdir(tmp_path)

    def example(name: str, *words: object) -> str:
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        runpy.run_path(str(EXAMPLES / name), run_name="__main__")
        return capsys.readouterr().out

    return example


def test_every_example_is_tested_here():
    tested = {"faces_to_codes.py", "denoise_photo.py", "table_outliers.py"}
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested


def test_faces_become_codes_with_pca_beside(run, picture_folder):
    folder = picture_folder(40, 12, 10, name="faces")
    (folder / "notes.txt").write_text("no picture")
    told = run("faces_to_codes.py", folder, "--code-size", 3, "--minutes", 0.01)
    assert "PCA" in told and "held-out" in told
    with open("codes.csv", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["name", "code0", "code1", "code2"] and len(rows) == 40
    assert np.isfinite(np.array([row[1:] for row in rows], float)).all()


def test_a_photograph_is_shown_half_and_half(run, drawn, tmp_path):
    model = make(shape=(3, 32, 32), task="denoise", n_nodes=(8, 8))
    for parameter in model.parameters():
        parameter.data += 0.05
    save(model, tmp_path / "model")
    Image.fromarray(drawn(30, 40, 3)).save("photo.png")
    told = run("denoise_photo.py", "photo.png", "--model", "model", "--level", 20)
    assert "compared.png" in told
    compared, original = np.asarray(Image.open("compared.png")), drawn(30, 40, 3)
    assert np.array_equal(compared[:, :20], original[:, :20])
    assert not np.array_equal(compared[:, 20:], original[:, 20:])


def test_the_strangest_row_is_named_first(run):
    random = np.random.default_rng(0)
    hidden = random.normal(size=(200, 2))
    rows = hidden @ random.normal(size=(2, 5)) + 0.05 * random.normal(size=(200, 5))
    rows[17, 2] += 8
    lines = [",".join(["a", "b", "c", "d", "e", "name"])]
    lines += [",".join([*(f"{value:.4f}" for value in row), f"row {n}"]) for n, row in enumerate(rows)]
    lines[5] = "," + lines[5].split(",", 1)[1]  # a missing cell
    Path("table.csv").write_text("\n".join(lines) + "\n")
    told = run("table_outliers.py", "table.csv", "--code-size", 2, "--passes", 60, "--top", 3).splitlines()
    assert told[0] == "column 'name' holds text and is left out"
    assert told[1].startswith("row 18:") and len(told) == 4
