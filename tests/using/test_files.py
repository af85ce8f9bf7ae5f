"""Folders of pictures: read, computed and written at once; stopped anywhere, the same call goes on."""

from __future__ import annotations

import gc
import json
import os
import signal
import subprocess
import sys
import threading
import time
import weakref
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from narrows._errors import BadRun, CannotHold, CannotWrite, WouldOverwrite
from narrows._files import temporary_of, write_atomically, written_atomically
from narrows.model.build import make
from narrows.model.folder import save
from narrows.using import _journal, files
from narrows.using.files import Done, how_of, plan_files, restore_files

OUT = Path("clean")


@pytest.fixture(scope="session")
def denoiser(tmp_path_factory) -> Path:
    return save(make(shape=(1, 16, 16), task="denoise", n_nodes=(8, 8)), tmp_path_factory.mktemp("model") / "model")


@pytest.fixture
def photos(picture_folder, tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    picture_folder(6, 20, 24, name="photos")
    return Path("photos")


@pytest.fixture
def clean(denoiser) -> Callable[..., Done]:
    """`clean(photos)`: what the verb does; `tell` hears of each."""

    def run(place: Path, *, out: Path = OUT, force=False, strength=0.5, tell=None, model=denoiser, **options) -> Done:
        plan = plan_files([place], out, how=how_of("denoise", model, strength, options), force=force)
        return restore_files(plan, task="denoise", model=model, strength=strength, force=force, tell=tell, **options)

    return run


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.name != _journal.NAME}


class Killed(BaseException):
    """Nothing in the program expects this."""


def kill_at(count: int) -> Callable:
    def tell(number, job):
        if number == count:
            raise Killed

    return tell


def test_the_same_again_does_nothing_and_says_so(photos, clean, monkeypatch):
    first = clean(photos)
    before = contents(OUT)
    monkeypatch.setattr(files, "open_picture", lambda path: pytest.fail("a picture was opened"))
    second = clean(photos)
    assert len(first.written) == 6 and first.already == []
    assert second.written == [] and second.already == first.written and contents(OUT) == before


def test_a_new_picture_in_the_folder_is_all_that_is_done_the_next_time(photos, clean, drawn):
    clean(photos)
    Image.fromarray(drawn(9, 9)[..., 0]).save(photos / "new.png")
    done = clean(photos)
    assert done.written == [OUT / "new.png"] and len(done.already) == 6


@pytest.mark.parametrize("count", range(6))
def test_stopped_anywhere_the_same_call_goes_on_to_the_same_files(count, photos, clean, tmp_path):
    with pytest.raises(Killed):
        clean(photos, tell=kill_at(count))
    half = contents(OUT) if OUT.exists() else {}
    done = clean(photos)
    assert len(done.already) == len(half) and len(done.written) == 6 - len(half)
    clean(photos, out=tmp_path / "at once")
    assert contents(OUT) == contents(tmp_path / "at once")


@pytest.mark.parametrize("moment", ["before the line", "between line and rename", "after the rename"])
def test_killed_in_the_middle_of_a_file_it_is_either_whole_or_made_anew(moment, photos, clean, monkeypatch):
    rename, note = os.replace, _journal.Journal.about_to_write

    def replace(source, target):
        if moment == "after the rename" or Path(target).name != "002.png":
            rename(source, target)
        if moment != "before the line" and Path(target).name == "002.png":
            raise Killed

    def about_to_write(self, target, origin):
        if moment == "before the line" and target.name == "002.png":
            raise Killed
        return note(self, target, origin)

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(os, "replace", replace)
        patch.setattr(_journal.Journal, "about_to_write", about_to_write)
        clean(photos)
    whole = (OUT / "002.png").exists()
    done = clean(photos)
    assert (OUT / "002.png" in done.already) == whole == (moment == "after the rename")
    assert sorted(contents(OUT)) == [f"{number:03}.png" for number in range(6)]


def test_a_line_that_a_kill_cut_short_costs_nothing_else(photos, clean):
    clean(photos)
    text = (OUT / _journal.NAME).read_bytes()
    lines = text.splitlines(keepends=True)
    (OUT / "005.png").unlink()
    (OUT / _journal.NAME).write_bytes(b"".join(lines[:5]) + lines[5][:30])
    done = clean(photos)
    assert done.written == [OUT / "005.png"] and len(done.already) == 5
    assert [json.loads(line)["target"] for line in (OUT / _journal.NAME).read_text().splitlines()][-1] == "005.png"


@pytest.mark.parametrize("change", ["picture", "strength", "option", "model", "result", "gone"])
def test_what_is_not_exactly_ours_is_never_passed_over_nor_written_over(change, photos, clean, tmp_path, denoiser):
    clean(photos)
    more = {"strength": {"strength": 1.0}, "option": {"level": 20}}.get(change, {})
    if change == "picture":
        Image.fromarray(np.zeros((20, 24), np.uint8)).save(photos / "000.png")
    elif change == "model":
        more = {"model": save(make(shape=(1, 16, 16), task="denoise", n_nodes=(4, 4)), tmp_path / "other")}
    elif change == "result":
        with Image.open(OUT / "000.png") as mine:
            mine.point(lambda value: 255 - value).save(OUT / "000.png")
    elif change == "gone":
        (OUT / _journal.NAME).unlink()
    before = contents(OUT)
    with pytest.raises(WouldOverwrite, match="--force"):
        clean(photos, **more)
    assert contents(OUT) == before
    assert len(clean(photos, force=True, **more).written) == 6


def test_a_result_that_was_deleted_is_made_again(photos, clean):
    clean(photos)
    (OUT / "003.png").unlink()
    assert clean(photos).written == [OUT / "003.png"]


def test_two_processes_cannot_write_to_one_folder(photos, clean):
    with _journal.Journal.held(OUT), pytest.raises(BadRun, match=r"clean is being written to by another narrows"):
        clean(photos)
    assert not OUT.exists(), "nothing was done, so nothing is left"
    assert len(clean(photos).written) == 6


def test_a_folder_that_nothing_was_written_to_is_not_left_behind(tmp_path, clean, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Path("photos/bad.png").write_text("no picture")
    done = clean(Path("photos"), out=Path("new/clean"))
    assert [name for name, _ in done.failed] == ["photos/bad.png"] and not Path("new").exists()


def test_the_next_picture_is_read_and_the_last_is_written_while_one_is_computed(photos, clean, monkeypatch):
    """Each waits until both others are at work on other pictures: in turns, none would ever go on."""
    together = threading.Barrier(3, timeout=20)
    number = {"open_picture": 2, "restore_photo": 1, "save_photo": 0}
    seen = dict.fromkeys(number, 0)

    def meeting(name, real):
        def work(*args, **more):
            if seen[name] == number[name]:
                together.wait()
            seen[name] += 1
            return real(*args, **more)

        return work

    for name in number:
        monkeypatch.setattr(files, name, meeting(name, getattr(files, name)))
    assert len(clean(photos).written) == 6 and not together.broken


def test_beside_a_large_picture_no_other_is_in_memory(photos, clean, monkeypatch):
    monkeypatch.setattr(files, "_LARGE", 100)
    alive, most = set(), []
    real_open, real_save = files.open_picture, files.save_photo

    def opened(path):
        alive.add(path.name)
        most.append(len(alive))
        return real_open(path)

    def saved(photo, target, **more):
        result = real_save(photo, target, **more)
        alive.discard(target.name)
        return result

    monkeypatch.setattr(files, "open_picture", opened)
    monkeypatch.setattr(files, "save_photo", saved)
    assert len(clean(photos).written) == 6 and max(most) == 1


def test_a_picture_has_left_memory_when_its_result_is_written(photos, clean, monkeypatch):
    read, left = {}, {}
    real_open, real_save = files.open_picture, files.save_photo

    def opened(path):
        photo = real_open(path)
        read[path.name] = weakref.ref(photo.array)
        return photo

    def saved(photo, target, **more):
        gc.collect()
        left[target.name] = read[target.name]() is None
        return real_save(photo, target, **more)

    monkeypatch.setattr(files, "open_picture", opened)
    monkeypatch.setattr(files, "save_photo", saved)
    assert len(clean(photos).written) == 6 and all(left.values())


def test_failures_are_told_in_the_order_of_the_pictures(photos, clean, monkeypatch):
    (photos / "001.png").write_text("no picture")
    (photos / "004.png").write_bytes(b"")
    real = files.save_photo

    def picky(photo, target, **more):
        if target.name in ("000.png", "003.png"):
            raise CannotHold(f"{target} cannot hold these pixels")
        return real(photo, target, **more)

    monkeypatch.setattr(files, "save_photo", picky)
    done = clean(photos)
    assert [name for name, _ in done.failed] == [f"photos/{number:03}.png" for number in (0, 1, 3, 4)]
    assert [path.name for path in done.written] == ["002.png", "005.png"]


@pytest.mark.parametrize("out", [OUT, Path("what a disk cannot hold")])
def test_a_full_disk_ends_it_and_the_same_call_goes_on(photos, clean, out, monkeypatch):
    real, left = os.fsync, [3]

    def full(handle):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        real(handle)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CannotWrite, match="No space left"):
        clean(photos, out=out)
    monkeypatch.setattr(os, "fsync", real)
    assert not [name for name in contents(out) if name.startswith(".")]
    done = clean(photos, out=out)
    assert len(done.written) + len(done.already) == 6


def test_a_file_in_progress_is_not_left_behind_by_an_exception(tmp_path):
    def refuse(stat):
        raise Killed

    with pytest.raises(Killed):
        write_atomically(tmp_path / "a.png", b"data", about_to=refuse)
    assert list(tmp_path.iterdir()) == []


def test_two_that_write_one_path_at_once_leave_the_whole_of_the_last(tmp_path):
    path = tmp_path / "a.png"
    with written_atomically(path) as slow:
        slow.write(b"slow")
        slow.flush()
        write_atomically(path, b"quick" * 1000)
        assert path.read_bytes() == b"quick" * 1000
        slow.write(b" but whole")
        slow.flush()
        assert path.read_bytes() == b"quick" * 1000
        with pytest.raises(Killed), written_atomically(path):
            raise Killed
    assert path.read_bytes() == b"slow but whole" and list(tmp_path.iterdir()) == [path]


def test_what_a_kill_left_is_used_again(tmp_path):
    temporary_of(tmp_path / "a.png").write_bytes(b"half of what was to be written")
    write_atomically(tmp_path / "a.png", b"data")
    assert (tmp_path / "a.png").read_bytes() == b"data" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("error", [BlockingIOError(11, "held"), OSError(37, "No locks available")])
def test_where_a_file_cannot_be_held_one_of_its_own_name_is_written(error, tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")

    def refuse(*args):
        raise error

    monkeypatch.setattr(fcntl, "flock", refuse)
    write_atomically(tmp_path / "a.png", b"data")
    assert (tmp_path / "a.png").read_bytes() == b"data"
    assert len(list(tmp_path.iterdir())) == (1 if error.errno == 37 else 2)


def test_a_name_as_long_as_the_file_system_takes_is_written_with_the_usual_permissions(tmp_path):
    (tmp_path / "usual").write_bytes(b"")
    path = tmp_path / f"{'n' * 251}.png"
    write_atomically(path, b"data")
    assert path.read_bytes() == b"data" and path.stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.skipif(os.name == "nt", reason="no SIGKILL")
def test_kill_9_leaves_whole_files_and_the_same_command_goes_on(photos, denoiser, tmp_path, drawn):
    for number in range(40):
        Image.fromarray(drawn(96, 96, seed=number)[..., 0]).save(photos / f"more-{number}.png")
    command = [sys.executable, "-m", "narrows", "denoise", "photos", "--model", str(denoiser), "--out", "clean"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while len(list(OUT.glob("*.png"))) < 5 and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    killed = list(OUT.glob("[!.]*.png"))
    for path in killed:
        with Image.open(path) as image:
            image.load()
    again = subprocess.run([*command, "--json"], capture_output=True, text=True, check=True)
    found = json.loads(again.stdout)
    assert len(killed) >= 5 and len(found["already"]) == len(killed)
    assert len(found["written"]) == 46 - len(killed) and found["failed"] == []
    assert len(list(OUT.iterdir())) == 47, "46 results and the journal; no half-written file"
