"""Blur, sampling and noise against independent references: scipy.ndimage, scipy.signal and Pillow."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage

from narrows.nn.degrade import (
    add_noise,
    blur,
    camera_noise,
    disc_kernels,
    gaussian,
    gaussian_kernels,
    motion_kernels,
    pad,
    resize,
    resizing,
)


def pictures(count=2, channels=3, height=21, width=34, seed=0):
    return torch.rand((count, channels, height, width), generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2, 3), (8, 8), (30, 17)])
def test_a_picture_of_any_size_is_mirrored_like_numpys_symmetric(size):
    pixels = pictures(1, 1, *size)
    wanted = np.pad(pixels[0, 0].numpy(), ((7, 7), (11, 11)), mode="symmetric")
    np.testing.assert_array_equal(pad(pixels, 7, 11)[0, 0].numpy(), wanted)


@pytest.mark.parametrize("size", [(1, 1), (8, 8), (40, 23)])
@pytest.mark.parametrize("sigma", [0.0, 0.1, 0.5, 1.0, 2.4, 6.0])
def test_the_exact_gaussian_is_scipys(sigma, size):
    pixels = pictures(2, 3, *size).double()
    wanted = ndimage.gaussian_filter(pixels.numpy(), (0, 0, sigma, sigma), mode="reflect", truncate=4)
    np.testing.assert_allclose(gaussian(pixels, sigma).numpy(), wanted, atol=1e-12)


def test_every_picture_is_blurred_by_its_own_kernel():
    pixels = pictures(3).double()
    kernels = torch.rand((3, 5, 5), generator=torch.Generator().manual_seed(1)).double()
    for found, pixel, kernel in zip(blur(pixels, kernels), pixels, kernels, strict=True):
        wanted = [ndimage.correlate(one, kernel.numpy(), mode="reflect") for one in pixel.numpy()]
        np.testing.assert_allclose(found.numpy(), np.stack(wanted), atol=1e-12)


def test_gaussian_kernels_are_scipys():
    sigma = torch.tensor([0.7, 1.6], dtype=torch.float64)
    point = np.zeros((33, 33))
    point[16, 16] = 1
    for kernel, s in zip(gaussian_kernels(sigma, 16), sigma.tolist(), strict=True):
        np.testing.assert_allclose(kernel.numpy(), ndimage.gaussian_filter(point, s, truncate=16 / s), atol=1e-12)


KERNELS = {
    "gaussian": lambda size: gaussian_kernels(size, 9),
    "disc": lambda size: disc_kernels(size, 9),
    "motion": lambda size: motion_kernels(size, torch.full_like(size, 0.6), 9),
}


@pytest.mark.parametrize("kind", KERNELS)
def test_kernels_keep_the_light_and_the_place_and_a_size_of_0_changes_nothing(kind):
    kernels = KERNELS[kind](torch.tensor([0.0, 0.8, 2.5, 4.0], dtype=torch.float64))
    assert float(kernels.min()) >= 0
    torch.testing.assert_close(kernels.sum((1, 2)), torch.ones(4, dtype=torch.float64))
    torch.testing.assert_close(kernels, kernels.flip(1, 2))  # symmetric through the centre: nothing moves
    pixels = pictures(4, 1, 16, 16).double()
    found = blur(pixels, kernels)
    torch.testing.assert_close(found[0], pixels[0])
    # with mirrored edges a symmetric kernel hands on exactly the light that there was
    torch.testing.assert_close(found.mean((1, 2, 3)), pixels.mean((1, 2, 3)), atol=2e-3, rtol=0)
    flat = torch.full((4, 1, 9, 9), 0.3, dtype=torch.float64)
    torch.testing.assert_close(blur(flat, kernels), flat)


@pytest.mark.parametrize("radius", [1.0, 2.0, 3.5])
def test_a_disc_has_the_spread_of_a_disc(radius):
    kernel = disc_kernels(torch.tensor([radius], dtype=torch.float64), 9)[0]
    at = torch.arange(-9, 10, dtype=torch.float64)
    spread = float((kernel.sum(0) * at.square()).sum())
    # a disc's second moment along an axis, and that of the pixel over which its rim is smoothed
    assert math.isclose(spread, radius**2 / 4 + 1 / 12, rel_tol=0.25)
    assert float(kernel[9, 9]) == pytest.approx(1 / (math.pi * radius**2), rel=0.15)


@pytest.mark.parametrize("angle", [0.0, math.pi / 2, math.pi / 4])
def test_a_motion_goes_along_its_angle(angle):
    one = torch.ones(1, dtype=torch.float64)
    kernel = motion_kernels(6 * one, angle * one, 9)[0]
    rows, cols = np.nonzero(kernel.numpy() > 0.05)
    away = np.abs((rows - 9) * math.cos(angle) - (cols - 9) * math.sin(angle))
    along = (cols - 9) * math.cos(angle) + (rows - 9) * math.sin(angle)
    assert away.max() < 0.8 and 2.5 < along.max() < 4 and -4 < along.min() < -2.5


# Sampling


@pytest.mark.parametrize(
    ("kernel", "filter_"), [("cubic", Image.Resampling.BICUBIC), ("lanczos", Image.Resampling.LANCZOS)]
)
@pytest.mark.parametrize("scale", [0.5, 2.0])
def test_resizing_is_pillows_away_from_the_edges(scale, kernel, filter_):
    """Pillow leaves out what lies beyond the edge, where imresize mirrors."""
    pixels = pictures(1, 1, 48, 36)
    found = resize(pixels, scale, kernel)[0, 0].numpy()
    size = (round(36 * scale), round(48 * scale))
    wanted = np.asarray(Image.fromarray(pixels[0, 0].numpy()).resize(size, filter_))
    edge = 8
    assert found.shape == wanted.shape
    np.testing.assert_allclose(found[edge:-edge, edge:-edge], wanted[edge:-edge, edge:-edge], atol=2e-6)


def test_halving_weighs_as_imresize_does():
    """Cubic kernel of a = -0.5 stretched to twice its width: 8 weights, in eighths of its values at 1/4, 3/4, ..."""

    def cubic(x):
        return 1.5 * x**3 - 2.5 * x**2 + 1 if x <= 1 else -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2

    half = [cubic((0.5 + i) / 2) / 2 for i in range(4)]
    row = resizing(32, 0.5)[8]
    np.testing.assert_allclose(row[13:21].numpy(), [*reversed(half), *half], atol=1e-12)
    assert int((row != 0).sum()) == 8


@pytest.mark.parametrize("length", [1, 2, 3, 8, 31])
@pytest.mark.parametrize("kernel", ["cubic", "lanczos"])
def test_resizing_keeps_a_flat_picture_of_any_size_flat(length, kernel):
    for scale, wanted in ((0.5, math.ceil(length / 2)), (2.0, 2 * length), (1.0, length)):
        matrix = resizing(length, scale, kernel)
        assert matrix.shape == (wanted, length)
        torch.testing.assert_close(matrix.sum(1), torch.ones(wanted, dtype=torch.float64))
    torch.testing.assert_close(
        resizing(length, 1.0, kernel), torch.eye(length, dtype=torch.float64), atol=1e-12, rtol=0
    )


def test_noise_has_the_level_that_was_asked_for_and_repeats_with_its_seed():
    grey = torch.full((3, 1, 128, 128), 0.5)
    level = torch.tensor([0.0, 0.05, 0.3])
    found, again, other = (add_noise(grey, level, torch.Generator().manual_seed(seed)) for seed in (1, 1, 2))
    assert torch.equal(found, again) and not torch.equal(found, other)
    assert torch.equal(found[0], grey[0])
    torch.testing.assert_close((found - grey).flatten(1).std(1), level, rtol=0.03, atol=1e-6)


@pytest.mark.parametrize("noise", [add_noise, camera_noise])
def test_a_grey_picture_in_three_channels_gets_the_same_noise_in_all(noise):
    random = torch.Generator().manual_seed(0)
    grey, coloured = (torch.rand((2, n, 24, 20), generator=random).expand(-1, 3, -1, -1) for n in (1, 3))
    found = noise(torch.cat([grey, coloured]), torch.full((4,), 0.1), random)
    apart = (found - found[:, :1]).flatten(1).abs().amax(1)
    assert apart[:2].max() < 1e-6 and apart[2:].min() > 0.1
    assert (found[:2] - grey).std() > 0.05


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_noise_of_cameras_has_its_level_in_brightness_and_neighbors_share_it(channels):
    grey = torch.full((64, channels, 48, 60), 0.5)
    level = torch.linspace(0, 0.2, 64)
    found, again, other = (camera_noise(grey, level, torch.Generator().manual_seed(seed)) - grey for seed in (1, 1, 2))
    assert torch.equal(found, again) and not torch.equal(found, other)
    bright = found if channels != 3 else torch.einsum("c,bchw->bhw", torch.tensor([0.299, 0.587, 0.114]), found)
    spread = bright.flatten(1).square().mean(1).sqrt()
    torch.testing.assert_close(spread, level, rtol=0.12, atol=1e-6)
    shared = _beside(bright.reshape(64, -1, 60)[1:])
    assert shared.min() > -0.1 and shared.max() > 0.6 and 0.2 < shared.mean() < 0.6


def test_noise_of_cameras_lies_in_blotches_where_it_is_of_colour():
    flat = torch.tensor([0.5, 0.5, 0.49])[:, None, None].expand(64, -1, 48, 60)
    found = camera_noise(flat, torch.full((64,), 0.1), torch.Generator().manual_seed(0)) - flat
    red = found[:, 0] - found.mul(torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1)
    assert _beside(red).min() > 0.5, "neighbors have different colours"
    assert red.std() < 0.1, "more noise of colour than of brightness"


def _beside(noise):
    """B H W -> B: how much of a pixel's noise the next one shares."""
    return (noise[..., 1:] * noise[..., :-1]).mean((1, 2)) / noise.square().mean((1, 2))
