"""evaluate with labels, likelihood and samples; traverse; sample beside its data; walks on an arc."""

import csv

import numpy as np
import pytest
from PIL import Image

from narrows.data.reading import read
from narrows.measuring import drawing
from narrows.model.folder import load
from narrows.using import sample as sampling


def pixels(path):
    with Image.open(path) as picture:
        return np.asarray(picture)


@pytest.fixture
def sorted_digits(tmp_path, pictures):
    pictures(tmp_path / "sorted" / "zeros", count=12)
    pictures(tmp_path / "sorted" / "ones", count=12, first=12)
    return tmp_path / "sorted"


def test_evaluate_says_what_was_asked_for_beside_the_error(run, coder, sorted_digits):
    asked = ("--labels", "folders", "--likelihood", 20, "--samples", 10)
    ran = run("evaluate", coder, sorted_digits, *asked, "--json")
    assert ran.code == 0, ran.err
    assert ran.json["probe"]["classes"] == 2 and 0 <= ran.json["probe"]["logistic"]["value"] <= 1
    assert ran.json["likelihood"]["samples"] == 20 and ran.json["likelihood"]["count"] == 24
    assert ran.json["samples"]["space"].startswith("random convolutions") and ran.json["samples"]["frechet"] > 0
    assert ran.json["code_use"]["size"] == 3
    words = run("evaluate", coder, sorted_digits, *asked).out
    for part in ("linear classifier:", "nearest codes:", "negative log-likelihood:", "Frechet distance", "in use"):
        assert part in words


def test_evaluate_takes_a_column_of_labels(run, rows_model, tmp_path):
    rows = np.random.default_rng(1).normal(size=(30, 3))
    lines = [f"{a:.3f},{b:.3f},{c:.3f},{'high' if a > 0 else 'low'}" for a, b, c in rows]
    (tmp_path / "named.csv").write_text("\n".join(["a,b,c,level", *lines]) + "\n")
    ran = run("evaluate", rows_model, "named.csv", "--labels", "level", "--json")
    assert ran.code == 0 and ran.json["probe"]["judged"] > 0
    refused = run("evaluate", rows_model, "named.csv", "--labels", "lebel")
    assert refused.code == 1 and "no column called 'lebel'; it has a, b, c, level" in refused.err


def test_what_a_model_cannot_do_is_said(run, rows_model, denoiser, digits):
    (digits.parent / "rows.csv").write_text("a,b,c\n1,2,3\n2,1,0\n")
    assert "undercomplete, has no likelihood" in run("evaluate", rows_model, "rows.csv", "--likelihood", 5).err
    assert "has no code" in run("traverse", denoiser, "digits").err
    assert "for tables" in run("traverse", rows_model, "rows.csv").err


def test_traverse_writes_a_row_of_pictures_for_each_value(run, coder, digits):
    ran = run("traverse", coder, "digits", "--steps", 5, "--out", "walks", "--json")
    assert ran.code == 0 and ran.json["count"] == 15, ran.err
    with open("walks/stops.csv", newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["name", "step 1", "step 2", "step 3", "step 4", "step 5"] and len(rows) == 4
    assert sorted(row[0] for row in rows[1:]) == ["1", "2", "3"]
    assert all(float(row[1]) < float(row[5]) for row in rows[1:])
    assert pixels("walks/contact-sheet.png").shape == (3 * 10 + 2, 5 * 10 + 2)
    assert run("traverse", coder, "digits", "--out", "walks").code == 1


def test_sample_beside_its_data_says_whether_it_copies_and_shows_the_nearest(run, coder):
    data = coder.parent / "pictures"
    ran = run("sample", coder, "--n", 10, "--data", data, "--out", "new", "--json")
    assert ran.code == 0, ran.err
    told = ran.json["memorisation"]
    assert told["outcome"] in ("copies", "near", "new") and len(told["distances"]) == 10
    assert ran.json["prior"] == "the kind's own" and ran.json["notes"] == []
    assert pixels("new/nearest-training-pictures.png").shape == (4 * 10 + 2, 8 * 10 + 2)


def test_sample_fits_the_prior_that_is_asked_for_and_keeps_it_on_request(run, coder, tmp_path):
    import shutil

    shutil.copytree(coder, tmp_path / "model")
    data = coder.parent / "pictures"
    ran = run("sample", "model", "--prior", "normal", "--data", data, "--n", 3, "--out", "a", "--json")
    assert ran.code == 0 and ran.json["prior"] == "normal"
    shutil.rmtree("model/run")  # a model that came alone
    assert "no fitted prior" in run("sample", "model", "--prior", "normal", "--out", "b").err
    assert run("sample", "model", "--prior", "normal", "--data", data, "--n", 3, "--out", "c", "--keep").code == 0
    assert run("sample", "model", "--prior", "normal", "--n", 3, "--out", "d").code == 0
    first, second = (pixels(f"{folder}/0001.png") for folder in "ad")
    assert np.array_equal(first, second)
    for words in (("--keep",), ("--set", "components=3")):
        assert f"{words[0]} is for a prior that is fitted now" in run("sample", "model", *words, "--out", "e").err


def test_a_prior_learns_from_what_the_model_learned_from_where_folders_were_kept_together(
    run, digits, tmp_path, monkeypatch
):
    for number, path in enumerate(sorted(digits.iterdir())):
        (tmp_path / "grouped" / str(number % 6)).mkdir(parents=True, exist_ok=True)
        path.rename(tmp_path / "grouped" / str(number % 6) / path.name)
    held_back = ("--held-out", 0.3, "--validation", 0.2)
    fit = ("fit", "grouped", "--code-size", 3, "--steps", 3, "--group-by", "folder", *held_back, "--out", "model")
    assert run(*fit).code == 0
    given, real = [], drawing.fit_prior

    def watched(model, codes, *others, **options):
        given.append(codes)
        return real(model, codes, *others, **options)

    monkeypatch.setattr(drawing, "fit_prior", watched)
    assert run("sample", "model", "--prior", "normal", "--data", "grouped", "--n", 3, "--out", "new").code == 0
    dataset = read(tmp_path / "grouped", group_by="folder")
    learned = dataset.source.take(dataset.split((0.3, 0.2))[0])
    wanted = load(tmp_path / "model").encode(learned)
    assert sorted(given[0].tolist()) == sorted(wanted.tolist())  # read by path, and there by content


def test_the_run_beside_a_model_remembers_which_data_a_prior_is_fitted_on(run, digits, tmp_path):
    assert run("fit", "digits", "--code-size", 3, "--steps", 3, "--held-out", 0.2, "--out", "model").code == 0
    asked = ("--prior", "mixture", "--set", "components=4")
    ran = run("sample", "model", *asked, "--n", 3, "--out", "a", "--json")
    assert ran.code == 0, ran.err
    (note,) = ran.json["notes"]  # and none that another share was held out
    assert "mixture is fitted on what the model was fitted on" in note and str(tmp_path / "digits") in note
    assert run("fit", "digits", "--code-size", 3, "--steps", 3, "--held-out", 0, "--out", "all").code == 0
    ran = run("sample", "all", "--prior", "normal", "--n", 3, "--out", "c", "--json")
    assert ran.code == 0 and "nothing is said of copies" in ran.json["notes"][-1], ran.err
    (tmp_path / "digits").rename(tmp_path / "moved")
    gone = run("sample", "model", "--prior", "mixture", "--out", "b")
    assert "no fitted prior, not mixture; give the data" in gone.err


def test_interpolate_walks_on_an_arc_when_asked(run, coder, digits):
    for name, more in (("line", ()), ("arc", ("--spherical",))):
        words = ("interpolate", coder, "digits/001.png", "digits/007.png", "--steps", 4, "--out", name)
        assert run(*words, *more).code == 0
    line, arc = (pixels(f"{name}/contact-sheet.png") for name in ("line", "arc"))
    assert line.shape == arc.shape


def test_fitting_a_prior_by_gradient_says_how_far_it_is(run, coder, monkeypatch):
    monkeypatch.setattr(sampling, "_STEPS", 40)
    ran = run("sample", coder, "--prior", "flow", "--data", coder.parent / "pictures", "--n", 2, "--out", "drawn")
    assert ran.code == 0 and "training: 40 steps" in ran.err and "step 40 of 40" in ran.err
