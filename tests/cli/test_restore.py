"""`restore` and the verbs of tasks: the same files back, their tree kept, originals never touched."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from narrows._errors import CannotWrite
from narrows.model import zoo
from narrows.using import _journal, engines, files


@pytest.fixture
def photos(tmp_path: Path, pictures) -> Path:
    """Three grey pictures, two of them in a folder of the folder."""
    folder = pictures(tmp_path / "photos", 1, side=20)
    pictures(folder / "deep" / "er", 2, side=24, first=1, suffix=".jpg")
    return folder


def state(folder: Path) -> dict[str, str]:
    """Every file below a folder with what is in it; what the program notes for itself left out."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*")) if path.is_file() and path.name != _journal.NAME
    }  # fmt: skip


def test_a_folder_gives_a_folder_with_the_same_tree(run, photos, denoiser):
    before = state(photos)
    ran = run("denoise", "photos", "--model", denoiser, "--out", "clean")
    assert ran.code == 0
    assert set(state(Path("clean"))) == set(before) == {"000.png", "deep/er/001.jpg", "deep/er/002.jpg"}
    assert state(photos) == before
    assert ran.out == "3 of 3 written: clean\n"


def test_without_out_results_go_to_a_folder_that_is_said(run, photos, denoiser):
    ran = run("denoise", "photos/000.png", "--model", denoiser)
    assert Path("denoised/000.png").exists()
    assert "results go to denoised/" in ran.err
    assert run("restore", "photos/000.png", "--model", denoiser).code == 0
    assert Path("restored/000.png").exists()


def test_restore_gives_what_the_verb_of_the_task_gives(run, photos, denoiser, pixels):
    run("denoise", "photos/000.png", "--model", denoiser, "--level", "20", "--out", "a")
    run("restore", "photos/000.png", "--model", denoiser, "--set", "level=20", "--out", "b")
    run("restore", "photos/000.png", "--model", denoiser, "--out", "c")
    assert state(Path("a")) == state(Path("b"))
    assert pixels("a/000.png").shape == (20, 20)


def test_strength_0_gives_the_original_bytes(run, photos, denoiser):
    run("denoise", "photos", "--model", denoiser, "--strength", "0", "--out", "same")
    assert state(Path("same")) == state(photos)


def test_one_picture_may_become_one_file_of_another_format(run, photos, denoiser, pixels):
    ran = run("denoise", "photos/000.png", "--model", denoiser, "--out", "new/better.tif")
    assert ran.out == "new/better.tif\n"
    assert pixels("new/better.tif").shape == (20, 20)


def test_results_are_not_replaced_without_force_and_nothing_is_begun(run, photos, denoiser, monkeypatch):
    Path("clean/deep/er").mkdir(parents=True)
    Path("clean/deep/er/002.jpg").write_text("mine")
    before = state(Path("."))
    monkeypatch.setattr(files, "open_picture", lambda path: pytest.fail("a picture was opened"))
    ran = run("denoise", "photos", "--model", denoiser, "--out", "clean")
    assert ran.code == 1
    assert ran.err == (
        "narrows: clean/deep/er/002.jpg exists already; choose another name with --out, or replace it with --force\n"
    )
    assert state(Path(".")) == before
    monkeypatch.undo()


def test_force_replaces_results(run, photos, denoiser, pixels):
    Path("clean").mkdir()
    Path("clean/000.png").write_text("old")
    assert run("denoise", "photos/000.png", "--model", denoiser, "--out", "clean", "--force").code == 0
    assert pixels("clean/000.png").shape == (20, 20)


@pytest.mark.parametrize("more", [(), ("--force",)])
@pytest.mark.parametrize("out", ["photos", "photos/../photos", "photos/000.png"])
def test_an_original_is_never_written_over(run, photos, denoiser, out, more):
    before = state(photos)
    ran = run("denoise", "photos/000.png", "--model", denoiser, "--out", out, *more)
    assert ran.code == 1 and "originals are never written over" in ran.err
    assert state(photos) == before


@pytest.mark.parametrize("out", ["clean", "clean/../clean", "linked"])
def test_the_truth_is_never_written_over(run, noisy, denoiser, out):
    Path("linked").symlink_to("clean")
    before = state(Path("clean"))
    ran = run("denoise", "noisy", "--model", denoiser, "--out", out, "--truth", "clean", "--force")
    assert ran.code == 1 and f"{out}/0.png is given as truth, and originals are never written over" in ran.err
    assert state(Path("clean")) == before


@pytest.mark.needs_shipped_models
def test_restore_says_how_it_is_told_a_mask(run, photos):
    ran = run("restore", "photos/000.png", "--model", "inpaint-colour", "--out", "o")
    assert ran.code == 1 and "--set mask=FILE" in ran.err


@pytest.mark.parametrize("out", ["clean", "clean/better"])
def test_results_that_lie_among_the_truth_are_not_taken_for_it(run, noisy, denoiser, out):
    for path in Path("clean").glob("*.png"):
        Image.open(path).save(path.with_suffix(".bmp"))
        path.unlink()
    words = ("denoise", "noisy", "--model", denoiser, "--json", "--truth", "clean", "--out")
    expected = run(*words, "elsewhere").json["proof"]["gain"]
    for more in ((), (), ("--force",)):  # anew, done already, and made again
        ran = run(*words, out, *more)
        assert ran.code == 0, ran.err
        assert ran.json["proof"]["gain"] == expected


@pytest.mark.needs_shipped_models
@pytest.mark.parametrize("words", [
    ("inpaint", "photos/000.png", "--mask", "masks/000.png"),
    ("restore", "photos/000.png", "--model", "inpaint-colour", "--set", "mask=masks/000.png"),
])  # fmt: skip
def test_the_mask_is_never_written_over(run, photos, pictures, tmp_path, words):
    before = state(pictures(tmp_path / "masks", 1, side=20))
    for out in ("masks", "masks/000.png"):
        ran = run(*words, "--out", out, "--force")
        assert ran.code == 1 and "masks/000.png is given as mask, and originals are never written over" in ran.err
    assert state(tmp_path / "masks") == before


def test_two_pictures_for_one_result_are_refused(run, photos, pictures, tmp_path, denoiser):
    pictures(tmp_path / "others", 1, side=20)
    ran = run("denoise", "photos/000.png", "others/000.png", "--model", denoiser, "--out", "clean")
    assert ran.code == 1 and "would both become clean/000.png" in ran.err
    assert not Path("clean").exists()


def test_a_picture_that_is_named_twice_is_taken_once(run, photos, denoiser):
    ran = run("denoise", "photos", "photos/000.png", "photos/../photos/000.png", "--model", denoiser, "--out", "clean")
    assert ran.code == 0 and ran.out == "3 of 3 written: clean\n"


def test_notes_that_are_not_shown_are_counted(run, tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(22):
        Image.fromarray(np.zeros((8, 8), np.uint8)).convert("1").save(tmp_path / "photos" / f"{number}.png")
    ran = run("blur", "photos", "--out", "o")
    assert ran.err.count("worked on as grey") == 20 and "and 2 more notes, which --json lists" in ran.err


def test_results_inside_the_folder_are_not_read_the_next_time(run, photos, denoiser):
    for _ in range(2):
        ran = run("denoise", "photos", "--model", denoiser, "--out", "photos/clean", "--force")
        assert ran.out == "3 of 3 written: photos/clean\n"


def test_pictures_where_results_go_are_said_to_be_left_out(run, photos, denoiser):
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(photos / "deep" / "own.png")
    before = (photos / "deep" / "own.png").read_bytes()
    command = ("denoise", "photos", "--model", denoiser, "--out", "photos/deep", "--map")
    for written in ("photos/deep/000.png\n", ""):
        ran = run(*command)
        assert ran.out == written and "left out: photos/deep/own.png: lies where results go" in ran.err
        assert "000.png: lies" not in ran.err and "doubt.png: lies" not in ran.err
    (photos / "000.png").unlink()
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(photos / "new.png")
    assert "000.png: lies" not in run(*command).err  # a result, also where its picture is gone
    assert (photos / "deep" / "own.png").read_bytes() == before


def test_the_name_of_one_picture_is_not_made_a_folder_for_the_results_of_many(run, photos, denoiser):
    for paths in (("photos",), ("photos/000.png", "photos/deep/er/001.jpg")):
        ran = run("denoise", *paths, "--model", denoiser, "--out", "clean.png")
        assert ran.code == 1 and "give a folder for those of many: --out clean" in ran.err
    assert not Path("clean.png").exists()


@pytest.mark.parametrize("more", [(), ("--force",)])
def test_the_folder_that_is_read_is_no_place_for_the_results(run, photos, denoiser, more):
    before = state(photos)
    for out in ("photos", "photos/deep/.."):
        ran = run("denoise", "photos", "--model", denoiser, "--out", out, *more)
        assert ran.code == 1 and f"--out {out} is the folder that is read" in ran.err
    assert state(photos) == before


def test_results_may_lie_above_the_folder_that_is_read(run, photos, denoiser):
    ran = run("denoise", "photos/deep", "--model", denoiser, "--out", "photos")
    assert ran.code == 0 and set(state(photos)) >= {"er/001.jpg", "er/002.jpg", "deep/er/001.jpg"}


def test_no_recursive_takes_only_the_pictures_of_the_folder_itself(run, photos, denoiser):
    run("denoise", "photos", "--model", denoiser, "--out", "clean", "--no-recursive")
    assert set(state(Path("clean"))) == {"000.png"}


def test_what_cannot_be_read_is_listed_and_the_rest_is_done(run, photos, denoiser):
    (photos / "bad.png").write_text("no picture")
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "notes.txt").write_text("notes")
    ran = run("denoise", "photos", "--model", denoiser, "--out", "clean", "--json")
    assert ran.code == 1
    assert len(ran.json["written"]) == 3
    assert [one["file"] for one in ran.json["failed"]] == ["photos/bad.png", "photos/empty.jpg"]
    assert ran.json["skipped"] == [{"file": "notes.txt", "reason": ".txt: neither picture nor table"}]
    assert "narrows: 2 of 5 pictures failed" in ran.err
    assert "narrows: photos/empty.jpg is empty (0 bytes); get the file anew" in ran.err


def test_where_every_picture_fails_nothing_is_written(run, tmp_path, denoiser):
    (tmp_path / "bad.png").write_text("no picture")
    ran = run("denoise", "bad.png", "--model", denoiser, "--out", "clean")
    assert ran.code == 1 and ran.out == ""
    assert not list(tmp_path.rglob("clean/*"))


def test_a_picture_of_another_size_than_a_code_allows_fails_alone(run, photos, pictures, tmp_path, coder):
    pictures(tmp_path / "photos/fitting", 1, side=8)
    ran = run("restore", "photos", "--model", coder, "--out", "clean")
    assert ran.code == 1 and "restoring never resizes" in ran.err
    assert set(state(Path("clean"))) == {"fitting/000.png"}


def test_a_full_disk_ends_it_at_once(run, photos, denoiser, monkeypatch):
    def full(*args, **more):
        raise CannotWrite("clean/000.png could not be written (No space left on device)")

    monkeypatch.setattr(files, "save_photo", full)
    ran = run("denoise", "photos", "--model", denoiser, "--out", "clean")
    assert ran.code == 1
    assert ran.err.count("No space left") == 1


def test_a_picture_too_large_for_memory_fails_alone(run, photos, denoiser, monkeypatch):
    real = files.restore_photo

    def small(model, photo, **more):
        if photo.shape[1] > 20:
            raise MemoryError
        return real(model, photo, **more)

    monkeypatch.setattr(files, "restore_photo", small)
    ran = run("denoise", "photos", "--model", denoiser, "--out", "clean")
    assert ran.code == 1 and "memory does not suffice for photos/deep/er/001.jpg" in ran.err
    assert set(state(Path("clean"))) == {"000.png"}


@pytest.mark.parametrize(("words", "told"), [
    (("--strength", "2"), "it takes 0 (the original) to 1"),
    (("--level", "-1"), "--level -1"),
])  # fmt: skip
def test_options_out_of_range_are_refused(run, photos, denoiser, words, told):
    ran = run("denoise", "photos", "--model", denoiser, "--out", "clean", *words)
    assert ran.code == 1 and told in ran.err
    assert not list(Path("clean").rglob("*.*"))


@pytest.mark.parametrize(("words", "told"), [
    (("gone.png",), "does not exist"),
    (("empty",), "no picture came"),
    (("photos", "--set", "levle=3"), "did you mean level?"),
])  # fmt: skip
def test_restore_refuses_in_one_sentence(run, photos, denoiser, words, told):
    Path("empty").mkdir()
    ran = run("restore", *words, "--model", denoiser, "--out", "clean")
    assert ran.code == 1 and told in ran.err.splitlines()[-1]


def test_a_model_that_is_none_is_one_sentence(run, photos):
    ran = run("restore", "photos", "--model", "gone", "--out", "clean")
    assert ran.code == 1 and "gone is no model" in ran.err


def test_a_verb_takes_a_model_of_its_own_task_only(run, photos, denoiser, coder):
    for verb, model, made, say in (
        ("sharpen", denoiser, "denoise", "denoise"),
        ("blur", denoiser, "denoise", "denoise"),
        ("denoise", coder, "reconstruct", "restore"),
    ):
        ran = run(verb, "photos", "--model", model, "--out", "clean")
        assert ran.code == 1 and f"was made for {made}, not {verb}: type narrows {say} --model {model}" in ran.err
    assert not Path("clean").exists()


def test_without_a_shipped_model_the_verb_says_what_to_do(run, photos, tmp_path, monkeypatch):
    monkeypatch.setattr(zoo, "_WEIGHTS", tmp_path / "none")
    ran = run("denoise", "photos", "--out", "clean")
    assert ran.code == 1 and "no model for 'denoise' ships" in ran.err and "--model" in ran.err
    assert "no model ships" in run("models").out


def test_a_shipped_model_is_used_and_known_by_its_name(run, photos, denoiser, tmp_path, monkeypatch):
    (tmp_path / "weights").mkdir()
    (tmp_path / "weights/denoise-grey").symlink_to(denoiser)
    monkeypatch.setattr(zoo, "_WEIGHTS", tmp_path / "weights")
    assert run("denoise", "photos", "--out", "a").code == 0
    assert run("restore", "photos", "--model", "denoise-grey", "--out", "b").code == 0
    assert state(Path("a")) == state(Path("b"))
    assert "denoise-grey" in run("models").out
    assert run("models", "--json").json["models"][0]["task"] == "denoise"
    assert run("info", "denoise-grey").code == 0


def test_names_in_vietnamese_and_emoji_come_back(run, photos, denoiser, tmp_path):
    (tmp_path / "ảnh đẹp 🌸").mkdir()
    (photos / "000.png").rename(tmp_path / "ảnh đẹp 🌸" / "mưa [b]x[-b].png")
    assert run("denoise", "ảnh đẹp 🌸", "--model", denoiser, "--out", "sạch").code == 0
    assert Path("sạch/mưa [b]x[-b].png").exists()


def write_stack(path: Path, count: int = 3) -> Path:
    rows = np.random.default_rng(0).integers(0, 255, (count, 40, 48), dtype=np.uint8)
    tifffile.imwrite(path, rows, photometric="minisblack", metadata={"axes": "ZYX"})
    return path


def test_all_pages_of_a_stack_are_restored(run, denoiser, tmp_path):
    write_stack(tmp_path / "a.tif")
    for words in (("denoise", "a.tif", "--out", "one"), ("restore", "a.tif", "--out", "two")):
        assert run(*words, "--model", denoiser).code == 0
        with tifffile.TiffFile(Path(words[-1]) / "a.tif") as file:
            assert file.series[0].shape == (3, 40, 48) and file.series[0].axes == "ZYX"


def test_a_stack_is_not_learned_from_page_by_page(run, tmp_path):
    write_stack(tmp_path / "a.tif")
    ran = run("denoise", "a.tif", "--only-this", "--seconds", "1", "--out", "one")
    assert ran.code == 1 and "a.tif has 3 pages" in ran.err and "narrows fit a.tif --task denoise" in ran.err
    assert not Path("one").exists()


def test_an_animation_gives_its_first_frame_and_that_is_said(run, denoiser, tmp_path):
    frames = [Image.fromarray(np.full((24, 24), 40 * n, np.uint8)) for n in range(3)]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    ran = run("denoise", "a.gif", "--model", denoiser, "--out", "one")
    assert ran.code == 0 and "a.gif: animated: the first of 3 frames is used" in ran.err
    with Image.open("one/a.gif") as image:
        assert getattr(image, "n_frames", 1) == 1


# What is asked for beside the results


@pytest.fixture
def noisy(tmp_path: Path, monkeypatch) -> Path:
    """Two noisy pictures in noisy/ and their truth in clean/."""
    import numpy as np
    from PIL import Image
    from skimage import data

    for number, left in enumerate((100, 220)):
        clean = data.camera()[100:196, left : left + 96].astype(float)
        drawn = np.random.default_rng(number).normal(0, 20, clean.shape)
        for name, array in (("clean", clean), ("noisy", np.clip(clean + drawn, 0, 255))):
            (tmp_path / name).mkdir(exist_ok=True)
            Image.fromarray(array.astype(np.uint8)).save(tmp_path / name / f"{number}.png")
    from narrows.measuring import proof

    monkeypatch.setattr(proof, "filters_for", lambda names, slow: _filters_for(["median", "gaussian"]))
    monkeypatch.setattr(engines, "require", lambda name: None)  # what is refused is refused installed or not
    return tmp_path / "noisy"


def _filters_for(names):
    from narrows.measuring.classical import filters_for

    return filters_for(names)


@pytest.mark.needs_shipped_models
def test_proof_by_truth_and_its_page_come_with_the_results(run, noisy):
    ran = run("denoise", "noisy", "--out", "better", "--truth", "clean", "--page", "page.html", "--json")
    assert ran.code == 0
    told = ran.json["proof"]
    assert told["winner"] == "network" and not told["estimated"] and len(told["pictures"]) == 2
    assert "By the truth (pictures: 2), the network gains" in ran.err
    assert "By the truth" in Path("page.html").read_text("utf-8")
    assert sorted(state(Path("better"))) == ["0.png", "1.png"]


def test_pictures_without_a_true_one_are_named(run, noisy, denoiser):
    whole = run("denoise", "noisy", "--model", denoiser, "--out", "a", "--truth", "clean")
    assert "not judged" not in whole.out + whole.err
    Path("clean/1.png").unlink()
    ran = run("denoise", "noisy", "--model", denoiser, "--out", "b", "--truth", "clean", "--json")
    assert "not judged: clean has none of the name of 1 of 2, such as noisy/1.png" in ran.err
    assert len(ran.json["proof"]["pictures"]) == 1


@pytest.mark.needs_shipped_models
@pytest.mark.parametrize("words", [("inpaint", "--mask", "mask.png"), ("inpaint", "--marked", "ff0000", "--json")])
def test_proof_by_truth_of_what_was_filled(run, words, tmp_path):
    from skimage import data

    clean = data.astronaut()[:96, 200:296]
    mask = np.zeros((96, 96), np.uint8)
    mask[40:44, 20:70] = 255
    spoilt = np.where(mask[..., None] > 0, np.uint8([255, 0, 0]), clean)
    for name, array in {"clean": clean, "mask": mask, "spoilt": spoilt}.items():
        Image.fromarray(array).save(tmp_path / f"{name}.png")
    ran = run(words[0], "spoilt.png", *words[1:], "--truth", "clean.png", "--out", "o")
    assert ran.code == 0, ran.err
    assert "By the truth (pictures: 1), the network gains" in ran.out + ran.err and "--classical" not in ran.out


@pytest.mark.needs_shipped_models
def test_proof_without_truth_is_estimated_also_for_results_that_are_there(run, noisy):
    run("denoise", "noisy", "--out", "better")
    ran = run("denoise", "noisy", "--out", "better", "--proof", "--lang", "vi")
    assert ran.code == 0 and "2 done already" in ran.err
    assert "Ước lượng khi không có ảnh thật (số ảnh: 2)" in ran.out


@pytest.mark.needs_shipped_models
def test_what_is_estimated_without_truth_is_the_gain_of_the_strength_that_was_asked_for(run, noisy):
    words = ("denoise", "noisy/0.png", "--json", "--strength")
    by_truth = [run(*words, s, "--out", f"t{s}", "--truth", "clean").json["proof"]["gain"][0] for s in ("0.1", "1")]
    estimated = [run(*words, s, "--out", f"e{s}", "--proof").json["proof"]["gain"][0] for s in ("0.1", "1")]
    assert estimated == pytest.approx(by_truth, abs=1) and by_truth[0] < 2 < 5 < by_truth[1]


@pytest.mark.needs_shipped_models
def test_a_map_lies_beside_each_result_and_is_not_replaced_unasked(run, noisy, pixels):
    run("denoise", "noisy/0.png", "--out", "better", "--map")
    assert pixels("better/0.doubt.png").shape == (96, 96)
    before = state(Path("better"))
    ran = run("denoise", "noisy/0.png", "--out", "better", "--map")
    assert "0.doubt.png is there already" in ran.err and state(Path("better")) == before


def test_pictures_that_differ_in_their_suffix_have_maps_of_their_own(run, denoiser, pixels, tmp_path):
    for name, side in {"x.png": 20, "x.bmp": 24, "y.png": 28}.items():
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(np.zeros((side, side), np.uint8)).save(tmp_path / "photos" / name)
    assert run("denoise", "photos", "--model", denoiser, "--out", "o", "--map").code == 0
    sides = {path.name: len(pixels(path)) for path in Path("o").glob("*.doubt.png")}
    assert sides == {"x.png.doubt.png": 20, "x.bmp.doubt.png": 24, "y.doubt.png": 28}


@pytest.mark.parametrize(("out", "said"), [
    ("o", "the map of photos/x.png would become o/x.doubt.png, as would photos/x.doubt.png"),
    ("kept", "kept/x.doubt.png is given as truth, and originals are never written over"),
])  # fmt: skip
def test_a_map_takes_nobodys_place(run, photos, denoiser, out, said):
    (photos / "000.png").rename(photos / "x.png")
    Path("kept").mkdir()
    for path in (photos if out == "o" else Path("kept")) / "x.doubt.png", Path("kept/y.png"):
        path.write_bytes((photos / "x.png").read_bytes())
    before = state(Path("."))
    words = ("photos/x.png", "--truth", "kept") if out == "kept" else ("photos",)
    ran = run("denoise", *words, "--model", denoiser, "--out", out, "--map", "--force")
    assert ran.code == 1 and said in ran.err
    assert state(Path(".")) == before


def test_a_classical_filter_takes_the_networks_place_and_the_next_run_knows_it(run, noisy, pixels):
    import numpy as np
    from skimage.filters import median

    assert run("denoise", "noisy", "--out", "a", "--classical", "median=3").code == 0
    inner = pixels("a/0.png")[1:-1, 1:-1]
    np.testing.assert_array_equal(inner, median(pixels("noisy/0.png"), np.ones((3, 3)))[1:-1, 1:-1])
    assert "2 done already" in run("denoise", "noisy", "--out", "a", "--classical", "median=3").err
    ran = run("denoise", "noisy", "--out", "a", "--classical", "median=5")
    assert ran.code != 0 and "--force" in ran.err


def test_careful_is_another_result_that_proof_judges_and_an_earlier_run_knows(run, noisy, denoiser, pixels):
    words = ("denoise", "noisy", "--model", denoiser, "--out")
    plain = run(*words, "plain", "--proof", "--map", "--json").json
    careful = run(*words, "careful", "--careful", "--proof", "--map", "--json").json
    name = Path(plain["written"][0]).name
    assert not np.array_equal(pixels(f"careful/{name}"), pixels(f"plain/{name}"))
    assert careful["proof"]["gain"] != plain["proof"]["gain"]
    doubted = [pixels(f"{way}/{Path(name).stem}.doubt.png") for way in ("plain", "careful")]
    assert np.array_equal(*doubted), "a map looks in all eight ways anyhow"
    assert len(run(*words, "careful", "--careful", "--json").json["already"]) == len(careful["written"])
    ran = run(*words, "careful")
    assert ran.code == 1 and "exists already" in ran.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["denoise", "--classical", "clahe"], "no classical filter of denoise called 'clahe'"),
        (["denoise", "--classical", "median", "--model", "x"], "takes the network's place"),
        (["denoise", "--classical", "median", "--map"], "leave out --map"),
        (["denoise", "--classical", "median", "--engine", "onnxruntime"], "leave out --engine onnxruntime"),
        (["blur", "--engine", "onnxruntime"], "blur is computed by a formula"),
        (["denoise", "--classical", "median", "--proof"], "leave out --classical"),
        (["denoise", "--classical", "median", "--level", "5"], "--level is told the network"),
        (["denoise", "--truth", "nowhere"], "--truth nowhere does not exist"),
        (["sharpen", "--proof"], "add --truth"),
        (["denoise", "--truth", "elsewhere"], "no picture in elsewhere has the name of one that is restored"),
        (["denoise", "--page", "page.png"], "--page page.html"),
        (["denoise", "--page", "noisy/0.png/page.html"], "choose another place for the page with --page"),
        (["denoise", "--page", "folder.html", "--force"], "folder.html is a folder"),
        (["blur", "--map"], "blur is computed by a formula"),
        (["denoise", "--only-this", "--map"], "leave out --map"),
        (["denoise", "--only-this", "--proof"], "leave out --proof"),
        (["denoise", "--only-this", "--careful"], "careful by itself"),
        (["denoise", "--classical", "median", "--careful"], "leave out --careful"),
    ],
)
def test_what_cannot_be_asked_together_is_refused_before_anything_is_done(run, noisy, pictures, words, said):
    pictures(Path("elsewhere").absolute(), 1)
    Path("folder.html").mkdir()
    ran = run(words[0], "noisy", "--out", "better", *words[1:])
    assert ran.code != 0 and said in ran.err
    assert not Path("better").exists()


def test_the_folder_of_a_page_is_made(run, noisy):
    ran = run("denoise", "noisy", "--out", "better", "--classical", "median", "--page", "new/sub/page.html")
    assert ran.code == 0 and "Before and after" in Path("new/sub/page.html").read_text("utf-8")


def test_a_page_that_exists_is_not_replaced_unasked(run, noisy):
    Path("page.html").write_text("mine")
    ran = run("denoise", "noisy", "--out", "better", "--classical", "median", "--page", "page.html")
    assert ran.code != 0 and "page.html" in ran.err and not Path("better").exists()
    assert Path("page.html").read_text() == "mine"
    assert run("denoise", "noisy", "--out", "b", "--classical", "median", "--page", "page.html", "--force").code == 0
    assert "Before and after" in Path("page.html").read_text("utf-8")
