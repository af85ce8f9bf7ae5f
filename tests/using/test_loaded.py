"""A loaded model takes and gives arrays, pictures and tensors, says what it cannot do, and is safe from threads."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

import narrows
from narrows._errors import BadData, BadOption, NotSupported
from narrows.data.reading import read
from narrows.measuring.evaluate import evaluate
from narrows.model.build import make
from narrows.model.folder import save
from narrows.using.codes import encode_to_file, reconstruct_to_files
from narrows.using.loaded import LoadedModel


@pytest.fixture
def digits(stirred) -> LoadedModel:
    return LoadedModel(stirred(noise=0.1, shape=(1, 8, 8), kind="variational", code_size=3))


@pytest.fixture
def table(stirred) -> LoadedModel:
    return LoadedModel(stirred(noise=0.1, shape=(5,), kind="variational", code_size=2))


@pytest.fixture
def direct(stirred) -> LoadedModel:
    return LoadedModel(stirred(noise=0.1, shape=(1, 16, 16), task="denoise", n_nodes=(8, 8)))


def test_load_gives_what_was_saved(digits, tmp_path, drawn):
    again = narrows.load(save(digits.model, tmp_path / "m"))
    assert again.card == digits.card and again.code_size == 3
    assert np.array_equal(again.encode(drawn(8, 8)), digits.encode(drawn(8, 8)))


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_codes_that_are_no_numbers_are_refused(digits, value):
    with pytest.raises(BadData, match="codes with values that are not numbers"):
        digits.decode([0.0, value, 1.0])


def test_codes_are_float32_rows(digits, drawn):
    codes = digits.encode([drawn(8, 8, seed=seed)[..., 0] for seed in range(4)])
    assert codes.shape == (4, 3) and codes.dtype == np.float32


def test_the_type_that_holds_a_picture_does_not_change_its_code(digits, drawn):
    pixels = drawn(8, 8)[..., 0]
    wanted = digits.encode(pixels)
    for same in (
        Image.fromarray(pixels), torch.from_numpy(pixels), pixels[..., None], [pixels], pixels.astype(np.uint16) * 257,
        pixels / 255,
    ):  # fmt: skip
        np.testing.assert_allclose(digits.encode(same), wanted, atol=1e-5)


def test_a_row_does_not_depend_on_its_batch(digits, drawn):
    many = [drawn(8, 8, seed=seed)[..., 0] for seed in range(20)]
    np.testing.assert_allclose(digits.encode(many)[7], digits.encode(many[7])[0], atol=1e-5)


def test_reconstruct_is_decode_of_encode_in_the_type_that_came(digits, drawn):
    picture = drawn(8, 8)[..., 0] / 255
    result = digits.reconstruct(picture)
    assert result.shape == picture.shape and result.dtype == picture.dtype
    np.testing.assert_allclose(result, digits.decode(digits.encode(picture))[0, 0], atol=1e-6)
    assert isinstance(digits.reconstruct(Image.fromarray(drawn(8, 8)[..., 0])), Image.Image)


def test_grey_pictures_without_a_channel_come_back_so_unless_they_become_colour(digits, stirred, drawn):
    grey = np.stack([drawn(8, 8, seed=seed)[..., 0] for seed in range(5)])
    assert digits.reconstruct(grey).shape == (5, 8, 8)
    coloured = LoadedModel(stirred(shape=(1, 8, 8), target_shape=(3, 8, 8), kind="undercomplete", task="relate"))
    for form in (np.asarray, torch.as_tensor):
        found = coloured.reconstruct(form(grey))
        assert found.shape == (5, 3, 8, 8)
        assert np.array_equal(found, coloured.reconstruct(form(grey[:, None])))


def test_one_code_and_many_decode_alike(digits):
    codes = np.random.default_rng(0).normal(size=(5, 3))
    many = digits.decode(codes)
    assert many.shape == (5, 1, 8, 8) and many.min() >= 0 and many.max() <= 1
    np.testing.assert_allclose(digits.decode(codes[2]), many[2:3], atol=1e-6)


@pytest.mark.parametrize("codes", [np.zeros((2, 4)), np.zeros(2), np.zeros((1, 3, 1)), np.zeros((2, 2))])
def test_codes_of_another_size_are_refused(digits, codes):
    with pytest.raises(BadData, match=r"\(n, 3\)"):
        digits.decode(codes)


def test_the_same_seed_draws_the_same_pictures(digits):
    one, same, other = (digits.sample(4, seed=seed) for seed in (1, 1, 2))
    assert one.shape == (4, 1, 8, 8) and np.array_equal(one, same) and not np.array_equal(one, other)


@pytest.mark.parametrize("n", [0, -3])
def test_no_pictures_cannot_be_drawn(digits, n):
    with pytest.raises(BadOption, match=f"n={n}"):
        digits.sample(n)


def test_interpolation_begins_and_ends_at_both_pictures(digits, drawn):
    first, last = drawn(8, 8, seed=1)[..., 0], drawn(8, 8, seed=2)[..., 0]
    walk = digits.interpolate(first, last, steps=5)
    assert walk.shape == (5, 1, 8, 8)
    np.testing.assert_allclose(walk[0], digits.decode(digits.encode(first))[0], atol=1e-5)
    np.testing.assert_allclose(walk[-1], digits.decode(digits.encode(last))[0], atol=1e-5)
    with pytest.raises(BadOption, match="steps=1"):
        digits.interpolate(first, last, steps=1)


def test_a_table_goes_through_in_its_own_units(table):
    rows = np.random.default_rng(0).normal(size=(7, 5)).astype(np.float32)
    assert table.encode(rows).shape == (7, 2)
    assert table.reconstruct(rows).shape == (7, 5)
    assert table.reconstruct(rows[0]).shape == (5,)
    assert isinstance(table.reconstruct(torch.from_numpy(rows)), torch.Tensor)
    assert table.sample(3).shape == (3, 5)
    assert table.decode(table.encode(rows)).shape == (7, 5)


@pytest.fixture
def timed(stirred) -> LoadedModel:
    """A model of a table of times, a second apart, beside noise."""
    model = stirred(noise=0.1, shape=(2,), kind="undercomplete", code_size=2, n_layers=1)
    model.standardise.learn(torch.from_numpy(times()))
    return LoadedModel(model)


def times() -> np.ndarray:
    return np.stack([1.7e9 + np.arange(500), np.random.default_rng(0).normal(size=500)], 1)


def test_times_are_told_apart_whatever_holds_them(timed):
    rows = times().round()
    wanted = timed.encode(rows)
    assert wanted.dtype == np.float32 and len(np.unique(wanted, axis=0)) == 500
    for same in (rows.astype(np.int64), rows.tolist(), torch.from_numpy(rows), torch.from_numpy(rows).long()):
        assert np.array_equal(timed.encode(same), wanted)
    back = timed.reconstruct(rows)
    assert back.dtype == np.float64 and len(np.unique(back[:, 0])) == 500
    assert timed.reconstruct(rows.astype(np.float32)).dtype == np.float32
    assert timed.reconstruct(torch.from_numpy(rows)).dtype == torch.float64


def test_times_of_a_csv_are_told_apart(timed, tmp_path):
    table = "\n".join(f"{time:.0f},{value}" for time, value in times().tolist())
    (tmp_path / "t.csv").write_text(f"time,value\n{table}\n")
    dataset = read(tmp_path / "t.csv")
    rows = dataset.source.take(torch.arange(500))
    assert len(rows[:, 0].unique()) == 500
    scored = evaluate(timed.model, list(rows))
    assert len(torch.stack(scored.targets)[:, 0].unique()) == 500
    save(timed.model, tmp_path / "m")
    encode_to_file(tmp_path / "m", tmp_path / "t.csv", tmp_path / "codes.npy")
    np.testing.assert_array_equal(np.load(tmp_path / "codes.npy"), timed.encode(times()))
    reconstruct_to_files(tmp_path / "m", tmp_path / "t.csv", tmp_path / "back.csv")
    back = np.loadtxt(tmp_path / "back.csv", delimiter=",", skiprows=1)
    np.testing.assert_allclose(back, timed.reconstruct(times()), rtol=1e-14)


def test_a_missing_cell_is_filled(table):
    rows = np.full((1, 5), np.nan)
    assert np.isfinite(table.encode(rows)).all() and np.isfinite(table.reconstruct(rows)).all()


@pytest.mark.parametrize("columns", [1, 4, 6])
def test_a_table_with_other_columns_is_refused(table, columns):
    with pytest.raises(BadData, match="takes 5 columns"):
        table.encode(np.zeros((3, columns)))


@pytest.mark.parametrize("size", [(7, 8), (8, 9), (16, 16)])
def test_a_picture_of_another_size_is_refused(digits, size):
    with pytest.raises(BadData, match="this model takes"):
        digits.encode(np.zeros(size))


def test_a_model_without_a_code_says_what_it_cannot_do(direct, drawn):
    picture = drawn(16, 16)[..., 0]
    assert direct.restore(picture).shape == picture.shape and direct.code_size is None
    for call in (
        lambda: direct.encode(picture), lambda: direct.decode(np.zeros((1, 2))), lambda: direct.sample(),
        lambda: direct.interpolate(picture, picture),
    ):  # fmt: skip
        with pytest.raises(NotSupported, match="direct"):
            call()


def test_a_model_without_a_prior_says_how_to_get_one():
    with pytest.raises(NotSupported, match="--kind variational"):
        LoadedModel(make(shape=(1, 8, 8))).sample()


def test_eight_threads_get_what_one_gets(digits, direct, drawn):
    pictures = [drawn(24, 17, seed=seed)[..., 0] for seed in range(16)]
    small = [one[:8, :8] for one in pictures]

    def work(index: int) -> tuple:
        return (
            direct.restore(pictures[index]),
            digits.encode(small[index]),
            digits.reconstruct(small[index]),
            digits.sample(2, seed=index),
        )

    alone = [work(index) for index in range(16)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(work, [index for index in range(16) for _ in range(3)]))
    for number, found in enumerate(together):
        assert all(np.array_equal(a, b) for a, b in zip(found, alone[number // 3], strict=True))


def test_eight_threads_load_and_restore_one_folder(direct, tmp_path, drawn):
    folder, picture = save(direct.model, tmp_path / "m"), drawn(20, 20)[..., 0]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: narrows.restore(picture, model=folder), range(16)))
    assert all(np.array_equal(one, found[0]) for one in found)
