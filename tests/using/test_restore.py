"""Restoring pictures in memory: what comes goes back in the same type, in any size, and strength means what it says."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

import narrows
from narrows._errors import BadData, BadOption, NotSupported, UnknownName
from narrows.data.images import Photo
from narrows.model import zoo
from narrows.model.build import make
from narrows.model.folder import save
from narrows.model.model import Model
from narrows.using.laying import WAYS, lay, lay_back
from narrows.using.loaded import LoadedModel
from narrows.using.restore import restore_file, restore_photo, restore_tensor


@pytest.fixture(scope="module")
def grey(stirred) -> Model:
    return stirred(shape=(1, 32, 32), task="denoise", n_nodes=(8, 8))


@pytest.fixture(scope="module")
def colour(stirred) -> Model:
    return stirred(shape=(3, 32, 32), task="denoise", n_nodes=(8, 8))


FORMS = {
    "grey": lambda p: p[..., 0],
    "H W 1": lambda p: p[..., :1],
    "H W C": lambda p: p,
    "C H W": lambda p: np.ascontiguousarray(p.transpose(2, 0, 1)),
    "B H W C": lambda p: np.stack([p, p[::-1]]),
    "B C H W": lambda p: np.stack([p.transpose(2, 0, 1), p.transpose(2, 0, 1)]),
}
TYPES = {
    "uint8": lambda p: p,
    "uint16": lambda p: p.astype(np.uint16) * 257,
    "float32": lambda p: p.astype(np.float32) / 255,
    "float64": lambda p: p / 255,
    "float16": lambda p: (p / 255).astype(np.float16),
    "bool": lambda p: p > 127,
}


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("form", FORMS)
def test_an_array_comes_back_in_its_own_shape_and_type(form, kind, drawn, grey):
    picture = TYPES[kind](FORMS[form](drawn(21, 34, 3)))
    before = picture.copy()
    better = narrows.restore(picture, model=grey)
    assert (better.shape, better.dtype) == (picture.shape, picture.dtype)
    assert np.array_equal(picture, before), "the caller's own pixels were changed"
    assert not np.array_equal(better, picture)


@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("form", FORMS)
def test_strength_0_returns_the_original_pixels(form, kind, drawn, grey):
    picture = TYPES[kind](FORMS[form](drawn(9, 14, 3)))
    same = narrows.restore(picture, model=grey, strength=0)
    assert same.dtype == picture.dtype and np.array_equal(same, picture)
    assert not np.shares_memory(same, picture)
    assert np.array_equal(LoadedModel(grey).restore(picture, strength=0), picture)


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "1", "P", "CMYK", "I;16"])
def test_a_pil_picture_comes_back_as_one_of_the_same_size(mode, drawn, grey):
    if mode == "I;16":
        picture = Image.fromarray(drawn(20, 12)[..., 0].astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(drawn(20, 12, 4 if mode in ("RGBA", "LA") else 3)).convert(mode)
    better = narrows.restore(picture, model=grey)
    assert isinstance(better, Image.Image) and better.size == (12, 20)
    if mode in ("L", "RGB", "RGBA", "LA", "I;16"):
        assert better.mode == mode
    if mode in ("RGBA", "LA"):
        assert better.getchannel("A").tobytes() == picture.getchannel("A").tobytes()
    same = narrows.restore(picture, model=grey, strength=0)
    assert (same.mode, same.tobytes()) == (picture.mode, picture.tobytes())


def test_a_pil_picture_keeps_its_profile_and_which_way_is_up(drawn, tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(drawn(20, 12, 3)).save(tmp_path / "a.jpg", exif=exif, icc_profile=b"a profile", dpi=(300, 300))
    with Image.open(tmp_path / "a.jpg") as picture:
        better = narrows.restore(picture, task="blur")
        assert better.info["icc_profile"] == b"a profile" and better.getexif()[0x0112] == 6
        assert better.info["dpi"] == (300, 300)
        better.save(tmp_path / "b.png")
    with Image.open(tmp_path / "b.png") as written:
        assert written.info["icc_profile"] == b"a profile"


def test_a_profile_of_other_colours_is_not_handed_on(drawn):
    picture = Image.fromarray(drawn(20, 12, 3)).convert("HSV")
    picture.info["icc_profile"] = b"a profile"
    assert "icc_profile" not in narrows.restore(picture, task="blur").info


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("kind", TYPES)
@pytest.mark.parametrize("form", ["H W C", "C H W", "B H W C", "B C H W"])
def test_the_transparency_of_an_array_is_no_colour_and_stays_as_it_was(form, kind, channels, drawn, grey):
    pixels = drawn(21, 34, channels)
    pixels[..., -1] = np.random.default_rng(0).integers(0, 256, (21, 34))
    picture = TYPES[kind](FORMS[form](pixels))
    better = narrows.restore(picture, model=grey)
    assert (better.shape, better.dtype) == (picture.shape, picture.dtype)
    axis = FORMS[form](np.zeros((21, 34, 9))).shape.index(9)
    split = [channels - 1]
    (colour, clear), (before, aside) = (np.split(one, split, axis) for one in (better, picture))
    np.testing.assert_array_equal(clear, aside)
    np.testing.assert_array_equal(colour, narrows.restore(before, model=grey))
    tensor = narrows.restore(torch.from_numpy(picture), model=grey)
    np.testing.assert_array_equal(tensor.numpy(), better)


def test_the_transparency_of_an_enlarged_array_is_enlarged(drawn):
    model = make(shape=(3, 32, 32), task="upscale", n_nodes=(8, 8))
    picture = drawn(9, 14, 4)
    better = narrows.restore(picture, model=model)
    assert better.shape == (18, 28, 4)
    np.testing.assert_array_equal(better[..., 3], picture[..., 3].repeat(2, 0).repeat(2, 1))
    np.testing.assert_array_equal(better[..., :3], narrows.restore(picture[..., :3], model=model))


@pytest.mark.parametrize("channels", [2, 4])
def test_a_model_that_takes_so_many_channels_restores_them_all(channels, drawn, stirred):
    picture = drawn(21, 34, channels)
    better = narrows.restore(picture, model=stirred(shape=(channels, 16, 16), task="denoise", n_nodes=(8, 8)))
    assert not np.array_equal(better[..., -1], picture[..., -1])


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float64])
def test_a_tensor_comes_back_as_a_tensor(dtype, drawn, grey):
    pixels = torch.from_numpy(drawn(20, 12)).permute(2, 0, 1)
    picture = pixels if dtype == torch.uint8 else pixels.to(dtype) / 255
    better = narrows.restore(picture, model=grey)
    assert (better.shape, better.dtype) == (picture.shape, picture.dtype)
    assert torch.equal(narrows.restore(picture, model=grey, strength=0), picture)


def test_a_list_comes_back_as_a_list_of_the_same_kinds(drawn, grey):
    pictures = [drawn(16, 12)[..., 0], Image.fromarray(drawn(16, 12)[..., 0])]
    better = narrows.restore(pictures, model=grey)
    assert [type(one) for one in better] == [np.ndarray, Image.Image]
    np.testing.assert_array_equal(better[0], narrows.restore(pictures[0], model=grey))


def test_strength_a_half_is_the_mean_of_both(drawn, grey):
    picture = drawn(30, 22).astype(np.float32) / 255
    whole, half = (narrows.restore(picture, model=grey, strength=strength) for strength in (1, 0.5))
    inside = (whole > 0) & (whole < 1)  # beyond, the whole result was clamped and the half need not be
    assert inside.mean() > 0.5
    np.testing.assert_allclose(half[inside], ((picture + whole) / 2)[inside], atol=1e-6)


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_another_strength_is_refused(strength, drawn, grey):
    with pytest.raises(BadOption, match=r"--strength 0\.7"):
        narrows.restore(drawn(8, 8), model=grey, strength=strength)


def test_results_stay_in_range(grey):
    extremes = np.tile(np.array([[0.0, 1.0]], np.float32), (16, 8))
    better = narrows.restore(extremes, model=grey)
    assert better.min() >= 0 and better.max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 40), (40, 1), (2, 3), (5, 5), (33, 31)])
def test_a_picture_of_any_size_keeps_it(size, grey):
    picture = np.random.default_rng(0).random(size, dtype=np.float32)
    assert narrows.restore(picture, model=grey).shape == size


@pytest.mark.parametrize("size", [(40, 64), (41, 65), (97, 70)])
@pytest.mark.parametrize("tile", [16, 32])
def test_tiles_equal_the_whole(size, tile, grey):
    pixels = torch.rand((2, 1, *size), generator=torch.Generator().manual_seed(1))
    whole = restore_tensor(grey, pixels, tile=10_000)
    torch.testing.assert_close(restore_tensor(grey, pixels, tile=tile), whole, atol=1e-5, rtol=0)


def test_careful_is_the_mean_over_the_eight_ways_to_lay_a_picture(stirred):
    colour = stirred(noise=0.02, shape=(3, 32, 32), task="denoise", n_nodes=(8, 8))
    pixels = 0.4 + 0.2 * torch.rand((2, 3, 24, 40), generator=torch.Generator().manual_seed(3))  # far from clipping
    each = [lay_back(restore_tensor(colour, lay(pixels, way)), way) for way in range(WAYS)]
    assert max(float((one - each[0]).abs().max()) for one in each[1:]) > 1e-3
    careful = restore_tensor(colour, pixels, careful=True)
    torch.testing.assert_close(careful, torch.stack(each).mean(0), atol=1e-6, rtol=0)


@pytest.mark.parametrize("size", [(40, 64), (41, 65)])
def test_careful_tiles_equal_the_whole(size, grey):
    pixels = torch.rand((1, 1, *size), generator=torch.Generator().manual_seed(1))
    whole = restore_tensor(grey, pixels, tile=10_000, careful=True)
    torch.testing.assert_close(restore_tensor(grey, pixels, tile=16, careful=True), whole, atol=1e-5, rtol=0)


def test_careful_is_refused_where_a_picture_has_one_way_only(drawn):
    model = make(shape=(1, 8, 8), task="denoise", kind="undercomplete", architecture="mlp", code_size=4)
    with pytest.raises(NotSupported, match=r"pictures of one size.*--careful"):
        narrows.restore(drawn(8, 8), model=model, careful=True)
    with pytest.raises(NotSupported, match=r"blur is a formula.*--careful"):
        narrows.restore(drawn(8, 8), task="blur", careful=True)


def test_a_grey_model_takes_every_channel_by_itself(grey):
    pixels = torch.rand((2, 7, 20, 24), generator=torch.Generator().manual_seed(2))
    together = restore_tensor(grey, pixels)
    for channel in range(7):
        alone = restore_tensor(grey, pixels[:, channel : channel + 1])
        torch.testing.assert_close(together[:, channel : channel + 1], alone, atol=1e-6, rtol=0)


def test_a_colour_model_takes_grey_as_colour_whose_channels_agree(colour):
    pixels = 0.45 + 0.1 * torch.rand((2, 4, 20, 24), generator=torch.Generator().manual_seed(2))  # far from clipping
    together = restore_tensor(colour, pixels)
    for channel in range(4):
        grey = pixels[:, channel : channel + 1]
        alone = restore_tensor(colour, grey.expand(-1, 3, -1, -1)).mean(1, keepdim=True)
        torch.testing.assert_close(restore_tensor(colour, grey), alone, atol=1e-6, rtol=0)
        torch.testing.assert_close(together[:, channel : channel + 1], alone, atol=1e-6, rtol=0)


def test_a_told_level_changes_the_result(grey, drawn):
    picture = drawn(16, 16)
    blind, told = (narrows.restore(picture / 255, model=grey, level=level) for level in (None, 50))
    assert not np.array_equal(blind, told)


@pytest.mark.parametrize("options", [{"levle": 25}, {"level": -1}, {"level": 1e9}, {"photo": 1}])
def test_an_option_that_cannot_be_is_refused(options, grey, drawn):
    with pytest.raises((BadOption, UnknownName), match="level"):
        narrows.restore(drawn(8, 8), model=grey, **options)


def test_a_fixed_size_model_refuses_other_sizes_and_never_resizes(drawn):
    model = make(shape=(1, 8, 8), task="denoise", kind="undercomplete", architecture="mlp", code_size=4)
    assert narrows.restore(drawn(8, 8), model=model).shape == (8, 8, 1)
    with pytest.raises(BadData, match=r"8x9.*exactly 8x8"):
        narrows.restore(drawn(8, 9), model=model)


def test_a_large_picture_passes_in_tiles_and_never_as_a_whole(grey, monkeypatch):
    """24 megapixels as floats, many channels wide, would fill the memory; so only tile-sized tensors may be made."""
    seen: list[int] = []
    own = Photo.tensor

    def watched(self, rows=slice(None), cols=slice(None)):
        found = own(self, rows, cols)
        seen.append(found.numel())
        return found

    monkeypatch.setattr(Photo, "tensor", watched)
    hook = grey.autoencoder.net.register_forward_hook(lambda net, args, result: seen.append(result.numel()))
    array = np.random.default_rng(0).integers(0, 256, (300, 1100, 1), dtype=np.uint8)
    try:
        better = restore_photo(grey, Photo(array, np.zeros(1), np.full(1, 255.0)), tile=64)
    finally:
        hook.remove()
    facts = grey.net_facts
    halo = -(-facts.reach // facts.stride) * facts.stride
    assert better.array.shape == array.shape and better.array.dtype == np.uint8
    assert len(seen) >= 2 * 5 * 18 and max(seen) <= (64 + 2 * halo) ** 2


def test_a_model_is_taken_as_folder_path_or_loaded(tmp_path, grey, drawn):
    folder = save(grey, tmp_path / "model")
    picture = drawn(16, 16)[..., 0]
    wanted = narrows.restore(picture, model=grey)
    for model in (folder, str(folder), narrows.load(folder)):
        assert np.array_equal(narrows.restore(picture, model=model), wanted)


def test_the_task_name_alone_takes_the_shipped_model_for_the_channels(tmp_path, monkeypatch, grey, colour, drawn):
    save(grey, tmp_path / "denoise-grey")
    save(colour, tmp_path / "denoise-colour")
    monkeypatch.setattr(zoo, "_WEIGHTS", tmp_path)
    for channels, model in ((1, grey), (3, colour)):
        picture = drawn(16, 16, channels)
        assert np.array_equal(narrows.restore(picture), narrows.restore(picture, model=model))


def test_a_grey_picture_saved_as_a_colour_one_is_the_grey_models(tmp_path, monkeypatch, grey, colour, drawn):
    save(grey, tmp_path / "denoise-grey")
    save(colour, tmp_path / "denoise-colour")
    monkeypatch.setattr(zoo, "_WEIGHTS", tmp_path)
    one = drawn(40, 24)
    three = np.repeat(one, 3, 2)
    wanted = np.repeat(narrows.restore(one, model=grey), 3, 2)
    assert np.array_equal(narrows.restore(three), wanted)
    assert np.array_equal(narrows.restore([three, three])[1], wanted)
    Image.fromarray(three).save(tmp_path / "three.png")
    narrows_restored = restore_file(tmp_path / "three.png", tmp_path / "better.png", task="denoise")
    assert np.array_equal(np.asarray(Image.open(narrows_restored)), wanted)
    three[39, 23, 2] ^= 1  # one value of one pixel is another colour's
    assert np.array_equal(narrows.restore(three), narrows.restore(three, model=colour))


def test_where_all_channels_agree_one_passes_for_all(grey, monkeypatch):
    rows = []
    forward = type(grey.autoencoder).restore

    def counted(self, x):
        rows.append(len(x))
        return forward(self, x)

    monkeypatch.setattr(type(grey.autoencoder), "restore", counted)
    pixels = torch.rand((1, 1, 20, 24), generator=torch.Generator().manual_seed(2)).expand(-1, 3, -1, -1)
    found = restore_tensor(grey, pixels)
    assert rows == [1] and torch.equal(found, restore_tensor(grey, pixels[:, :1]).expand(-1, 3, -1, -1))


def test_a_task_that_nobody_knows_is_named(drawn):
    with pytest.raises(UnknownName, match="did you mean denoise"):
        narrows.restore(drawn(8, 8), task="denoize")


@pytest.mark.parametrize("picture", [None, 3, "photo.png", [], np.zeros((0, 4)), np.zeros((2, 2), complex),
                                     np.full((4, 4), 200.0), np.full((4, 4), np.nan)])  # fmt: skip
def test_what_is_no_picture_is_refused(picture, grey):
    with pytest.raises(BadData):
        narrows.restore(picture, model=grey)


@pytest.mark.parametrize("strength", ["0.5", None, [0.5, 1], np.ones(2)])
def test_a_strength_that_is_no_number_is_refused(strength, drawn, grey):
    for picture in (drawn(8, 8), Image.fromarray(drawn(8, 8, 3))):
        with pytest.raises(BadOption, match=r"it takes 0 \(the original\) to 1"):
            narrows.restore(picture, model=grey, strength=strength)


def test_what_is_no_model_is_refused(drawn):
    with pytest.raises(BadOption, match="model=3; it takes the folder of a model"):
        narrows.restore(drawn(8, 8), model=3)


def test_a_pil_picture_whose_file_is_cut_short_is_refused(drawn, grey, tmp_path):
    Image.fromarray(drawn(64, 64, 3)).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:500])
    with Image.open(tmp_path / "a.png") as cut, pytest.raises(BadData, match=r"file cannot be read .* file anew"):
        narrows.restore(cut, model=grey)


@pytest.mark.parametrize("wrap", [str, lambda path: [path]])
def test_for_a_path_it_says_what_to_type(wrap, grey):
    for options, typed in (({}, "denoise"), ({"task": "sharpen"}, "sharpen"), ({"model": grey}, "restore --model DIR")):
        with pytest.raises(BadData, match=f"PIL.Image.open, or type narrows {typed} 'my photo.png'$"):
            narrows.restore(wrap("my photo.png"), **options)


@pytest.mark.needs_shipped_models
@pytest.mark.parametrize("channels", [1, 3])
def test_the_shipped_denoiser_makes_a_noisy_picture_better(channels, drawn):
    clean = drawn(96, 96, channels) / 255
    noisy = np.clip(clean + np.random.default_rng(0).normal(0, 25 / 255, clean.shape), 0, 1)
    better = narrows.restore(noisy)
    assert np.mean((better - clean) ** 2) < 0.5 * np.mean((noisy - clean) ** 2)
