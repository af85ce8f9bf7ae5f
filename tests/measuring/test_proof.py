"""What restoring gained: against the truth, and without it."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image
from skimage import data

from narrows._errors import BadData, BadOption
from narrows.measuring.metrics import psnr
from narrows.measuring.proof import prove, truth_of
from narrows.using.files import Job, plan_files, restore_files

LEVEL = 20


def save(path: Path, array: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def noisy(clean: np.ndarray, seed: int) -> np.ndarray:
    drawn = np.random.default_rng(seed).normal(0, LEVEL, clean.shape)
    return np.clip(np.rint(clean + drawn), 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def restored(tmp_path_factory) -> tuple[list[Job], Path, Path]:
    """Three noisy pictures, restored, and the folders of what came and of the truth."""
    root = tmp_path_factory.mktemp("proof")
    for number, corner in enumerate((160, 250, 330)):
        clean = data.camera()[60:188, corner : corner + 120]
        save(root / "clean" / "deep" / f"{number}.png", clean)
        save(root / "noisy" / "deep" / f"{number}.bmp", noisy(clean, number))
    plan = plan_files([root / "noisy"], root / "out")
    restore_files(plan, task="denoise")
    return list(plan.jobs), root / "noisy", root / "clean"


@pytest.mark.needs_shipped_models
def test_by_truth_the_gain_is_the_mean_of_what_each_picture_gained(restored):
    jobs, came, clean = restored
    found = prove(jobs, task="denoise", truth=truth_of(jobs, [came], clean), slow=False)

    def read(path: Path):
        import torch

        return torch.from_numpy(np.array(Image.open(path))).float()[None, None] / 255

    truths = [clean / "deep" / f"{job.source.stem}.png" for job in jobs]
    gains = [
        float(psnr(read(job.target), read(true)) - psnr(read(job.source), read(true)))
        for job, true in zip(jobs, truths, strict=True)
    ]
    assert [one.gain.value for one in found.pictures] == pytest.approx(gains, abs=1e-3)
    assert found.gain.value == pytest.approx(np.mean(gains), abs=1e-3)
    assert found.gain.low <= found.gain.value <= found.gain.high
    assert found.ssim is not None and found.ssim.value > 0.05
    assert not found.estimated and "By the truth (pictures: 3)" in found.verdict.sentence()
    assert found.verdict.winner == "network" and "=" in found.classical


@pytest.mark.needs_shipped_models
def test_one_picture_has_an_interval_of_its_own(restored):
    jobs, came, clean = restored
    one = prove(jobs[:1], task="denoise", truth=truth_of(jobs[:1], [came], clean), slow=False)
    assert 0 < one.gain.high - one.gain.low < 3
    assert one.gain.low < one.gain.value < one.gain.high


@pytest.mark.needs_shipped_models
def test_without_truth_the_gain_is_estimated_and_near_the_true_one(restored):
    jobs, came, clean = restored
    true = prove(jobs, task="denoise", truth=truth_of(jobs, [came], clean), slow=False)
    found = prove(jobs, task="denoise", slow=False)
    assert found.estimated and found.ssim is None
    assert found.gain.value == pytest.approx(true.gain.value, abs=1.5)
    assert found.gain.low <= true.gain.value <= found.gain.high
    assert "Estimated without truth" in found.verdict.sentence()


@pytest.mark.needs_shipped_models
def test_where_the_filter_does_better_it_is_named(restored, tmp_path):
    jobs, came, clean = restored
    untouched = [Job(job.source, save(tmp_path / f"{job.source.stem}.png", np.array(Image.open(job.source))), job.shown)
                 for job in jobs]  # fmt: skip
    found = prove(untouched, task="denoise", truth=truth_of(untouched, [came], clean), slow=False)
    assert found.gain.value == pytest.approx(0) and found.over.high < 0
    assert found.verdict.winner == found.filter and "does better here" in found.verdict.sentence()
    assert "tốt hơn" in found.verdict.sentence("vi")


@pytest.mark.needs_shipped_models
def test_a_truth_of_another_size_is_no_truth(restored, tmp_path):
    jobs, came, _ = restored
    save(tmp_path / "deep" / "0.png", data.camera()[:64, :64])
    with pytest.raises(BadData, match=r"64x64 pixels and the restored .* 128x120 pixels"):
        prove(jobs, task="denoise", truth=truth_of(jobs, [came], tmp_path), slow=False)


def test_truth_is_found_by_name_whatever_its_suffix(restored, tmp_path):
    jobs, came, clean = restored
    assert {path.relative_to(clean).as_posix() for path in truth_of(jobs, [came], clean).values()} == {
        f"deep/{number}.png" for number in range(3)
    }
    assert truth_of(jobs[:1], [], clean / "deep" / "0.png") == {jobs[0]: clean / "deep" / "0.png"}
    with pytest.raises(BadData, match="one picture and 3 came"):
        truth_of(jobs, [came], clean / "deep" / "0.png")
    save(tmp_path / "other.png", data.camera()[:64, :64])
    with pytest.raises(BadData, match=r"has the name of one that is restored, such as 0\.bmp"):
        truth_of(jobs, [came], tmp_path)


def test_truth_is_found_by_name_also_where_a_mac_wrote_it_otherwise(tmp_path):
    came = save(tmp_path / "came" / unicodedata.normalize("NFD", "ảnh.png"), data.camera()[:8, :8])
    true = save(tmp_path / "true" / unicodedata.normalize("NFC", "ảnh.png"), data.camera()[:8, :8])
    for roots in ([came.parent], [came]):
        (job,) = plan_files(roots, tmp_path / "out").jobs
        assert truth_of([job], roots, true.parent) == {job: true}


@pytest.mark.parametrize("task", ["sharpen", "brighten", "unjpeg", "upscale"])
def test_what_cannot_be_estimated_asks_for_truth(task):
    with pytest.raises(BadOption, match="add --truth"):
        prove([], task=task)


@pytest.mark.needs_shipped_models
def test_noise_that_neighbors_share_is_not_judged_without_truth(tmp_path):
    from scipy.ndimage import gaussian_filter

    drawn = np.random.default_rng(0).normal(0, 60, (160, 160))
    alike = np.clip(128 + gaussian_filter(drawn, 0.9), 0, 255).astype(np.uint8)
    path = save(tmp_path / "alike.png", alike)
    with pytest.raises(BadData, match="share their noise"):
        prove([Job(path, path, "alike.png")], task="denoise", slow=False)


@pytest.mark.needs_shipped_models
def test_of_a_stack_the_middle_page_is_judged_at_the_scale_of_what_came(tmp_path):
    clean = data.camera()[60:188, 160:280].astype(float)
    pages = clean + np.random.default_rng(0).normal(0, LEVEL, (3, *clean.shape))
    for name, stack in (("came", pages), ("clean", np.stack([clean] * 3))):
        (tmp_path / name).mkdir()
        tifffile.imwrite(tmp_path / name / "a.tif", (16 * stack + 2000).astype(np.uint16), photometric="minisblack")
    plan = plan_files([tmp_path / "came"], tmp_path / "out")
    restore_files(plan, task="denoise")
    jobs = list(plan.jobs)
    by_truth = prove(jobs, task="denoise", truth=truth_of(jobs, [tmp_path / "came"], tmp_path / "clean"), slow=False)
    before, after = (
        np.square((tifffile.imread(tmp_path / place / "a.tif")[1] - 2000.0) / 16 - clean).mean()
        for place in ("came", "out")
    )
    assert by_truth.gain.value == pytest.approx(10 * np.log10(before / after), abs=0.2)
    found = prove(jobs, task="denoise", slow=False)
    assert found.gain.value == pytest.approx(by_truth.gain.value, abs=1)
    assert any("of its 3 pages, page 2 is looked at" in note for note in found.notes)


# Filling


@pytest.fixture(scope="module")
def filled(tmp_path_factory) -> tuple[list[Job], Path, Path]:
    """A picture with a stamp in a corner, far from its middle, filled; the folder of its truth, and the mask."""
    root = tmp_path_factory.mktemp("filled")
    clean = data.astronaut()[:300, 100:440]
    mask = np.zeros(clean.shape[:2], np.uint8)
    mask[270:290, 20:24] = mask[280:284, 10:70] = 255
    save(root / "clean" / "a.png", clean)
    save(root / "came" / "a.png", np.where(mask[..., None] > 0, np.uint8(255), clean))
    path = save(root / "mask.png", mask)
    plan = plan_files([root / "came"], root / "out")
    restore_files(plan, task="inpaint", mask=path)
    return list(plan.jobs), root / "clean", path


@pytest.mark.needs_shipped_models
def test_what_was_filled_is_judged_beside_the_filters_that_see_the_mask(filled):
    from narrows.measuring.classical import all_filters

    jobs, clean, mask = filled
    found = prove(jobs, task="inpaint", truth=truth_of(jobs, [jobs[0].source.parent], clean), options={"mask": mask})
    came, done, true = (np.array(Image.open(path)) / 255 for path in (jobs[0].source, jobs[0].target, clean / "a.png"))
    errors = [np.square(one - true).sum() for one in (came, done)]
    assert found.gain.value == pytest.approx(10 * np.log10(errors[0] / errors[1]), abs=1e-3)
    import torch

    seen = np.concatenate([came, np.array(Image.open(mask))[..., None] / 255], 2).transpose(2, 0, 1)
    by_filter = [
        all_filters()[name].apply(torch.from_numpy(seen).float(), None).clamp(0, 1).numpy().transpose(1, 2, 0)
        for name in ("nearest_known", "harmonic", "biharmonic")
    ]
    least = min(np.square(one - true).sum() for one in by_filter)
    assert found.over.value == pytest.approx(10 * np.log10(least / errors[1]), abs=0.05)
    assert found.filter in ("nearest known pixel", "harmonic fill", "biharmonic fill")
    assert found.classical == "", "--classical takes none of them"
