"""Codes to files and back, new pictures, walks, scores and facts, from the command line."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import tifffile
import torch
from PIL import Image

import narrows
from narrows.measuring import scoring
from narrows.model.build import make
from narrows.model.folder import save


def rows_of(path: Path | str) -> list[list[str]]:
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.reader(file))


def test_codes_lie_in_the_order_of_the_paths_and_are_what_python_gives(run, digits, coder, pixels):
    ran = run("encode", coder, "digits", "--out", "codes.npy", "--json")
    assert ran.json["names"] == sorted(path.name for path in digits.iterdir())
    pictures = [pixels(path) for path in sorted(digits.iterdir())]
    assert np.allclose(np.load("codes.npy"), narrows.load(coder).encode(pictures), atol=1e-6)


def test_a_csv_has_names_first_and_the_same_single_precision(run, digits, coder):
    run("encode", coder, "digits", "--out", "codes.csv")
    run("encode", coder, "digits", "--out", "codes.npy")
    head, *rows = rows_of("codes.csv")
    assert head == ["name", "code1", "code2", "code3"]
    assert rows[0][0] == "000.png"
    assert (np.array([row[1:] for row in rows], np.float32) == np.load("codes.npy")).all()


@pytest.mark.parametrize("form", ["codes.npy", "codes.csv"])
def test_decoding_gives_the_reconstruction(run, digits, coder, form, pixels):
    run("encode", coder, "digits", "--out", form)
    assert run("decode", coder, form, "--out", "a").out == "24 pictures written: a\n"
    run("reconstruct", coder, "digits", "--out", "b")
    for one, other in zip(sorted(Path("a").iterdir()), sorted(Path("b").iterdir()), strict=True):
        assert (pixels(one) == pixels(other)).all()
        assert form == "codes.npy" or one.name == other.name


@pytest.mark.parametrize("kind", ["vqvae", "fsq"])
@pytest.mark.parametrize("form", ["codes.npy", "codes.csv"])
def test_codes_that_are_grids_are_decoded_from_the_files_that_encoding_writes(run, digits, kind, form):
    save(make(shape=(1, 10, 12), kind=kind, n_nodes=8), "grids")
    run("encode", "grids", "digits", "--out", form)
    assert run("decode", "grids", form, "--out", "a").out == "24 pictures written: a\n"
    run("reconstruct", "grids", "digits", "--out", "b")
    for one, other in zip(sorted(Path("a").iterdir()), sorted(Path("b").iterdir()), strict=True):
        assert one.read_bytes() == other.read_bytes()
    np.save("few.npy", np.zeros((2, 5), np.float32))
    assert "codes of 5 values came" in run("decode", "grids", "few.npy").err


def test_one_picture_is_enough_for_a_model_that_has_learned(run, digits, coder):
    assert run("encode", coder, "digits/003.png", "--out", "one.npy").out == "1 code of 3 values: one.npy\n"


def test_pictures_of_another_size_are_resized_and_that_is_said(run, pictures, tmp_path, coder, pixels):
    pictures(tmp_path / "large", 3, side=30, channels=3)
    ran = run("reconstruct", coder, "large", "--out", "back")
    assert "resized to 8x8" in ran.err
    assert pixels("back/000.png").shape == (8, 8)


def test_reconstructions_keep_the_tree_and_refuse_two_for_one(run, digits, coder, pixels):
    (digits / "deep").mkdir()
    (digits / "000.png").rename(digits / "deep/000.png")
    run("reconstruct", coder, "digits", "--out", "back")
    assert Path("back/deep/000.png").exists()
    Image.fromarray(pixels(digits / "001.png")).save(digits / "001.bmp")
    ran = run("reconstruct", coder, "digits", "--out", "other")
    assert ran.code == 1 and "would both become other/001.png" in ran.err
    assert not Path("other").exists()


def test_every_page_of_a_stack_comes_back_under_its_number(run, coder):
    pages = np.random.default_rng(0).integers(0, 256, (3, 8, 8), dtype=np.uint8)
    Path("stacks/b").mkdir(parents=True)
    for place in ("stacks/a.tif", "stacks/b/a.v2.TIF"):
        tifffile.imwrite(place, pages, photometric="minisblack")
    run("encode", coder, "stacks", "--out", "codes.csv")
    run("decode", coder, "codes.csv", "--out", "decoded")
    assert run("reconstruct", coder, "stacks", "--out", "back").code == 0
    for folder in (Path("decoded"), Path("back")):
        assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png")) == [
            *(f"a-page-{number}.png" for number in (1, 2, 3)), *(f"b/a.v2-page-{number}.png" for number in (1, 2, 3)),
        ]  # fmt: skip


def test_one_example_has_no_interval_in_words_and_null_in_json(run, digits, coder):
    ran = run("evaluate", coder, "digits/003.png")
    assert "inf" not in ran.out and "interval" not in ran.out and "1 example\n" in ran.out, ran
    told = run("evaluate", coder, "digits/003.png", "--json").json
    assert told["scores"]["mse"]["low"] is None and told["scores"]["mse"]["value"] > 0
    assert "interval" in run("evaluate", coder, "digits/003.png", "digits/004.png").out


def test_what_cannot_be_read_is_told_and_left_out(run, digits, coder):
    (digits / "bad.png").write_text("no picture")
    ran = run("encode", coder, "digits", "--out", "codes.npy")
    assert ran.code == 0 and "left out: " in ran.err and "bad.png" in ran.err
    assert len(np.load("codes.npy")) == 24


@pytest.mark.parametrize("words", [
    ("encode", "MODEL", "digits", "--out", "taken.npy"), ("encode", "MODEL", "digits", "--out", "taken.csv"),
    ("decode", "MODEL", "some.npy", "--out", "taken"), ("reconstruct", "MODEL", "digits", "--out", "taken"),
    ("sample", "MODEL", "--out", "taken"),
    ("interpolate", "MODEL", "digits/001.png", "digits/002.png", "--out", "taken"),
])  # fmt: skip
def test_nothing_is_replaced_without_force(run, digits, coder, words):
    words = tuple(str(coder) if word == "MODEL" else word for word in words)
    np.save("some.npy", np.zeros((2, 3), np.float32))
    Path("taken").mkdir()
    mine = [Path(name) for name in ("taken.npy", "taken.csv", "taken/000.png", "taken/0001.png")]
    for path in mine:
        path.write_text("mine")
    ran = run(*words)
    assert ran.code == 1 and "--force" in ran.err
    assert {Path(name).read_text() for name in ("taken.npy", "taken.csv", "taken/000.png", "taken/0001.png")} == {
        "mine"
    }
    assert run(*words, "--force").code == 0


@pytest.mark.parametrize("words", [
    ("encode", "ROWS", "mine.csv", "--out", "mine.csv"),
    ("reconstruct", "ROWS", "mine.csv", "--out", "mine.csv"),
    ("reconstruct", "ROWS", "mine.csv", "--out", "link.csv"),
    ("reconstruct", "CODER", "digits", "--out", "digits"),
    ("reconstruct", "CODER", "digits/000.png", "digits/001.png", "--out", "digits"),
    ("decode", "ROWS", "codes.csv", "--out", "codes.csv"),
    ("sample", "ROWS", "--data", "mine.csv", "--prior", "normal", "--out", "mine.csv"),
    ("interpolate", "CODER", "walk/0001.png", "digits/001.png", "--out", "walk"),
    ("traverse", "CODER", "walk", "--out", "walk"),
])  # fmt: skip
def test_what_is_read_is_never_written_over_whatever_force_says(run, digits, coder, rows_model, words):
    Path("walk").mkdir()
    shutil.copy(digits / "000.png", "walk/0001.png")
    shutil.copy(digits / "001.png", "walk/value-0001-step-01.png")
    shutil.copy(rows_model.parent / "table.csv", "mine.csv")
    Path("link.csv").symlink_to("mine.csv")
    Path("codes.csv").write_text("1,2\n3,4\n")
    mine = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    places = {"CODER": str(coder), "ROWS": str(rows_model)}
    words = tuple(places.get(word, word) for word in words)
    for force in ((), ("--force",)):
        ran = run(*words, *force)
        assert ran.code == 1 and "originals are never written over" in ran.err, ran
        assert {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()} == mine


def test_the_same_seed_draws_the_same_pictures_with_a_contact_sheet(run, coder, pixels):
    ran = run("sample", coder, "--n", "5", "--seed", "1", "--out", "a")
    assert ran.out == "5 pictures written: a\ncontact sheet: a/contact-sheet.png\n"
    run("sample", coder, "--n", "5", "--seed", "1", "--out", "b")
    run("sample", coder, "--n", "5", "--seed", "2", "--out", "c")
    names = [f"{number:04}.png" for number in range(1, 6)]
    assert sorted(path.name for path in Path("a").iterdir()) == [*names, "contact-sheet.png"]
    assert [Path("a", name).read_bytes() for name in names] == [Path("b", name).read_bytes() for name in names]
    assert Path("a/0001.png").read_bytes() != Path("c/0001.png").read_bytes()
    assert pixels("a/contact-sheet.png").shape == (22, 32)


def test_a_walk_begins_and_ends_with_the_two_pictures(run, digits, coder, pixels):
    assert run("interpolate", coder, "digits/001.png", "digits/002.png", "--steps", "4", "--out", "walk").code == 0
    run("reconstruct", coder, "digits", "--out", "back")
    assert Path("walk/0001.png").read_bytes() == Path("back/001.png").read_bytes()
    assert Path("walk/0004.png").read_bytes() == Path("back/002.png").read_bytes()
    assert pixels("walk/contact-sheet.png").shape == (12, 42)


@pytest.mark.parametrize(("words", "told"), [
    (("encode", "CODER", "gone"), "does not exist"),
    (("encode", "CODER", "digits", "--out", "codes.txt"), ".npy or .csv"),
    (("encode", "CODER", "digits", "--out", "folder.npy"), "is a folder"),
    (("encode", "DENOISER", "digits"), "has no code"),
    (("encode", "CODER", "table.csv"), "this model takes pictures"),
    (("encode", "ROWS", "digits"), "this model takes tables"),
    (("reconstruct", "DENOISER", "digits"), "narrows restore"),
    (("sample", "ROWS"), "no prior"),
    (("sample", "CODER", "--out", "new.csv"), "pictures go to a folder, each with a name of its own: --out new"),
    (("reconstruct", "CODER", "digits", "--out", "back.npy"), "pictures go to a folder"),
    (("decode", "CODER", "nan.csv"), "not numbers"),
    (("decode", "CODER", "table.csv"), "(n, 3)"),
    (("decode", "CODER", "gone.npy"), "cannot be read"),
    (("decode", "CODER", "digits/000.png"), ".npy and .csv"),
    (("decode", "CODER", "text.csv"), "holds no codes"),
    (("decode", "CODER", "hostile.csv"), "no name for a picture"),
    (("interpolate", "CODER", "digits", "digits/001.png"), "holds 24 pictures"),
    (("interpolate", "ROWS", "table.csv", "table.csv"), "for tables"),
    (("info", "gone"), "is no model"),
    (("info", "digits"), "is no model"),
    (("evaluate", "CODER", "empty"), "holds no picture"),
    (("evaluate", "DENOISER", "empty"), "holds no picture"),
    (("evaluate", "ROWS", "wide.csv"), "a table of 4 columns"),
    (("encode", "ROWS", "other.csv"), "b is not among them"),
])  # fmt: skip
def test_what_cannot_be_is_refused_in_one_sentence(run, digits, coder, denoiser, rows_model, words, told):
    Path("empty").mkdir()
    Path("folder.npy").mkdir()
    Path("table.csv").write_text("1,2\n3,4\n")
    Path("nan.csv").write_text("1,nan,3\n")
    Path("text.csv").write_text("name,code1\na,b\n")
    Path("hostile.csv").write_text("name,code1,code2,code3\n../../x.png,1,2,3\n")
    Path("wide.csv").write_text("1,2,3,4\n5,6,7,8\n")
    Path("other.csv").write_text("a,c,x,y\n5,6,7,8\n")
    places = {"CODER": coder, "DENOISER": denoiser, "ROWS": rows_model}
    ran = run(*(places.get(word, word) for word in words))
    assert ran.code == 1 and ran.out == ""
    last = ran.err.splitlines()[-1]
    assert last.startswith("narrows: ") and told in last, last


# Tables


def test_columns_are_found_by_their_names(run, rows_model):
    Path("one.csv").write_text("a,b,c\n0.5,-1,2\n")
    Path("mixed.csv").write_text("label,c,a,more,b\nx,2,0.5,9,-1\n")
    run("encode", rows_model, "one.csv", "--out", "one.npy")
    ran = run("encode", rows_model, "mixed.csv", "--out", "mixed.npy")
    assert (np.load("one.npy") == np.load("mixed.npy")).all()
    assert "left out: more" in ran.err


def test_a_table_with_another_column_of_the_same_count_is_refused(run, rows_model):
    Path("other.csv").write_text("a,b,d\n1,2,3\n2,3,5\n", encoding="utf-8")
    ran = run("encode", rows_model, "other.csv", "--out", "codes.csv")
    assert ran.code == 1
    assert "a table without c came" in ran.err


def test_rows_come_back_under_their_columns(run, rows_model):
    Path("two.csv").write_text("a,b,c\n0.5,-1,2\n0.5,,2\n")
    assert run("reconstruct", rows_model, "two.csv", "--out", "back.csv").out == "2 rows written: back.csv\n"
    assert rows_of("back.csv")[0] == ["a", "b", "c"]
    run("encode", rows_model, "two.csv", "--out", "codes.csv")
    run("decode", rows_model, "codes.csv", "--out", "decoded")
    assert rows_of("decoded/rows.csv") == rows_of("back.csv")


def test_missing_cells_do_not_count_in_the_scores(rows_model):
    model = narrows.load(rows_model).model
    whole = scoring.score(model, np.array([[0.5, -1.0, 2.0], [1.0, 0.0, 1.0]]))
    assert set(whole.of) == {"mse", "mae"} and whole.count == 2
    holes = np.array([[0.5, np.nan, 2.0], [1.0, 0.0, 1.0]])
    found = scoring.score(model, holes).of["mse"].value
    scored = scoring.evaluate(model, list(scoring.read_for(model, holes).source.take(torch.arange(2))))
    assert found == pytest.approx(float(scored.errors.mean()))


def test_copies_and_what_is_said_to_belong_together_are_drawn_together_for_the_intervals(run, rows_model, denoiser):
    def width(interval):
        return interval.high - interval.low

    model = narrows.load(rows_model).model
    rows = np.random.default_rng(0).normal(size=(40, 3))
    once, often = scoring.score(model, rows).of["mse"], scoring.score(model, np.tile(rows, (9, 1))).of["mse"]
    assert width(often) == pytest.approx(width(once), rel=0.1)  # a third of it where copies count
    picture = np.random.default_rng(0).integers(0, 255, (16, 16), dtype=np.uint8)
    for number in range(4):
        Path("copies", "other").mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(f"copies/{number}.png")
    copies = run("evaluate", denoiser, "copies", "--json").json
    assert copies["count"] == 4 and copies["scores"]["psnr"]["low"] is None  # one picture says nothing of others
    assert "inf" not in run("evaluate", denoiser, "copies").out
    Image.fromarray(255 - picture).save("copies/other/4.png")
    told = [
        run("evaluate", denoiser, "copies", *more, "--json").json["scores"]["psnr"]["low"]
        for more in ((), ("--group-by", "folder"), ("--group-by", "(copies)"))
    ]
    assert told[0] == told[1] is not None and told[2] is None
    assert "takes folder" in run("evaluate", denoiser, "copies", "--group-by", "[").err


# Scores and facts


def test_scores_are_those_that_fit_judges_by(run, digits, coder, pixels):
    found = run("evaluate", coder, "digits", "--json").json
    assert set(found["scores"]) == {"mse", "mae", "psnr", "ssim"} and found["count"] == 24
    pictures = np.stack([pixels(path) for path in sorted(digits.iterdir())]) / np.float32(255)
    back = narrows.load(coder).reconstruct(pictures[:, None])
    mse = ((back - pictures[:, None]) ** 2).mean()
    assert found["scores"]["mse"]["value"] == pytest.approx(mse, rel=1e-4)
    assert found["scores"]["mse"]["low"] < found["scores"]["mse"]["value"] < found["scores"]["mse"]["high"]
    assert found["untouched"] == {}
    assert "95 % interval" in run("evaluate", coder, "digits").out


def test_a_task_is_scored_beside_the_input_as_it_was_on_pictures_of_any_size(run, photos_of_two_sizes, denoiser):
    found = run("evaluate", denoiser, "photos", "--json").json
    assert found["count"] == 4 and found["untouched"]["psnr"]["value"] > 0
    assert [one["file"] for one in found["skipped"]] == ["photos/bad.png"]
    assert run("evaluate", denoiser, "photos", "--json").json == found
    assert run("evaluate", denoiser, "photos", "--json", "--seed", 1).json["scores"] != found["scores"]


@pytest.fixture
def photos_of_two_sizes(tmp_path, pictures) -> Path:
    folder = pictures(tmp_path / "photos", 2, side=20)
    pictures(folder / "more", 2, side=33, channels=3)
    (folder / "bad.png").write_text("no picture")
    return folder


def test_info_shows_every_layer_with_the_whole_costs(run, coder):
    ran = run("info", coder)
    for words in ("variational", "code_size=3", "mlp", "encoder", "code", "decoder", "multiply-adds", "ms per picture",
                  "verdict"):  # fmt: skip
        assert words in ran.out, words
    found = run("info", coder, "--json").json
    assert [one["part"] for one in found["layers"]].count("code") == 1
    beside = 1  # the spread of the likelihood belongs to no layer
    assert sum(one["parameters"] for one in found["layers"]) + beside == found["parameters"]


def test_info_marks_a_layer_before_the_code_that_grows(run, digits):
    run("fit", "digits", "--n-nodes", "16,32", "--code-size", "3", "--steps", "2", "--out", "m")
    ran = run("info", "m")
    assert "grows: a layer before the code" in ran.out
    assert [one["grows"] for one in run("info", "m", "--json").json["layers"]].count(True) == 1


@pytest.mark.parametrize("file", ["model.safetensors", "model.json"])
def test_one_flipped_byte_is_one_sentence(run, coder, tmp_path, file):
    shutil.copytree(coder, tmp_path / "broken")
    data = bytearray((tmp_path / "broken" / file).read_bytes())
    data[len(data) // 2] ^= 1
    (tmp_path / "broken" / file).write_bytes(bytes(data))
    ran = run("info", "broken")
    assert ran.code == 1 and ran.err.startswith("narrows: ") and ran.err.count("\n") == 1
