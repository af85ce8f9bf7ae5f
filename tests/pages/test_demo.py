"""The page of the demo, made of a real small fit."""

import pytest
import torch

import narrows
from narrows.pages.demo import DemoDigits, DemoPhoto, telling_detail, write_demo_page


@pytest.fixture
def halves(tmp_path, picture_folder):
    fitted = narrows.fit(picture_folder(count=30), out=tmp_path / "the model", steps=8, evaluations=2, code_size=4,
                         kind="variational", architecture="mlp", batch_size=8)  # fmt: skip
    random = torch.Generator().manual_seed(0)
    digits = DemoDigits(
        fitted.model.model, fitted.judgement, torch.rand(2, 5, 1, 8, 8, generator=random),
        torch.rand(6, 1, 8, 8, generator=random), 1.5, fitted.report, "narrows fit my-pictures/",
    )  # fmt: skip
    clean = 0.4 + 0.2 * torch.rand(3, 40, 60, generator=random)
    noisy = clean + 0.05 * torch.randn(clean.shape, generator=random)
    photo = DemoPhoto("<script>cat.png", clean, noisy, (clean + noisy) / 2, noisy.clamp(0, 1), "median 3", 25.0, 0.7,
                      "denoise-colour", "narrows denoise a.jpg")  # fmt: skip
    return digits, photo


@pytest.mark.parametrize("lang", ["en", "vi"])
def test_one_page_shows_both_halves(halves, tmp_path, read_page, lang):
    path = write_demo_page(tmp_path / "demo.html", digits=halves[0], photo=halves[1], lang=lang)
    page = read_page(path.read_text(encoding="utf-8"))
    shown = len(halves[0].judgement.network.errors)
    assert page.tags["img"] == 3 * min(shown, 10) + 2 * 5 + 6 + 4 + 4
    assert "<script>cat.png" in page.text and "median 3" in page.text and "narrows denoise a.jpg" in page.text
    assert page.of("a", "href") == ["the%20model/report.html"]
    assert halves[0].judgement.verdict.sentence(lang).split()[0] in page.text


def test_the_gain_is_the_difference_of_psnrs(halves, tmp_path, read_page):
    path = write_demo_page(tmp_path / "demo.html", digits=halves[0], photo=halves[1])
    assert "The network gains 6." in read_page(path.read_text(encoding="utf-8")).text  # half of the noise is 6 dB


def test_where_the_filter_or_the_noisy_picture_wins_the_page_says_so(halves, tmp_path, read_page):
    digits, photo = halves
    swapped = photo._replace(restored=photo.noisy + 0.05, filtered=photo.clean)
    text = write_demo_page(tmp_path / "a.html", digits=digits, photo=swapped).read_text(encoding="utf-8")
    assert "made the picture worse" in read_page(text).text
    better = photo._replace(filtered=photo.clean)
    text = write_demo_page(tmp_path / "b.html", digits=digits, photo=better).read_text(encoding="utf-8")
    assert "but the classical filter (median 3) does" in read_page(text).text


def test_without_a_shipped_model_the_page_says_so(halves, tmp_path, read_page):
    digits = halves[0]._replace(new=None, report=None, command="")
    path = write_demo_page(tmp_path / "demo.html", digits=digits, photo=None)
    page = read_page(path.read_text(encoding="utf-8"))
    assert "No denoising model ships" in page.text and page.tags["a"] == 0


def test_the_same_page_is_the_same_bytes(halves, tmp_path):
    first, second = (write_demo_page(tmp_path / f"{n}.html", digits=halves[0], photo=halves[1]) for n in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_the_detail_lies_where_the_texture_is():
    picture = torch.zeros(1, 128, 200)
    picture[:, :, 20:] = 1.0  # one hard edge
    picture[:, 64:96, 160:192] = torch.rand(32, 32, generator=torch.Generator().manual_seed(0))
    rows, columns = telling_detail(picture, side=32)
    assert (rows.start, columns.start) == (64, 160)
    assert telling_detail(torch.rand(3, 5, 7), 96)[0] == slice(0, 5)
