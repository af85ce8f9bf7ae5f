"""Blur, sampling and noise as cameras and programs do them, for whole batches: what tasks damage pictures with.

Pictures are B C H W in [0, 1]; a parameter of shape B has one value a picture. Beyond its edge a picture is mirrored
with the edge pixel repeated (d c b a | a b c d | d c b a), whatever its size, as scipy's mode "reflect" does.
"""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

CUBIC, LANCZOS = "cubic", "lanczos"


def mirrored(length: int, before: int, after: int, device: torch.device | None = None) -> Tensor:
    """before+length+after: for every place of a line that is continued by mirroring, the pixel that stands there."""
    at = torch.arange(-before, length + after, device=device) % (2 * length)
    return torch.minimum(at, 2 * length - 1 - at)


def pad(pixels: Tensor, rows: int, cols: int) -> Tensor:
    """B C H W with so many mirrored pixels on every side."""
    height, width = pixels.shape[-2:]
    down = mirrored(height, rows, rows, pixels.device)
    across = mirrored(width, cols, cols, pixels.device)
    return pixels[..., down[:, None], across[None, :]]


def draw(count: int, low: float, high: float, like: Tensor, generator: torch.Generator) -> Tensor:
    """B: uniform between the two."""
    one = torch.rand(count, generator=generator, dtype=like.dtype, device=like.device)
    return low + (high - low) * one


_GREY = 1e-3
"""Largest difference between the channels of a picture that is called grey: a quarter of a step of 8 bits."""


def are_grey(pixels: Tensor) -> Tensor:
    """B 1 1 1: whether a picture of several channels has the same in all of them."""
    return ((pixels - pixels[:, :1]).abs() < _GREY).flatten(1).all(1)[:, None, None, None]


def white(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise of variance 1 for these pictures, independent from value to value; in grey ones every channel has
    the same, as in files that hold a grey picture in colour. A net that learned from others averages what it takes for
    three looks at one pixel: of blurred Set12 seven pictures were restored 2.6 dB worse (docs/log.md)."""
    drawn = torch.randn(pixels.shape, generator=generator, dtype=pixels.dtype, device=pixels.device)
    return torch.where(are_grey(pixels), drawn[:, :1], drawn) if pixels.shape[1] > 1 else drawn


def add_noise(pixels: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    """Gaussian noise of standard deviation `level` (B, in units of 1), not clipped."""
    return pixels + level[:, None, None, None] * white(pixels, generator)


def camera_noise(pixels: Tensor, level: Tensor, generator: torch.Generator) -> Tensor:
    """Noise as it is in the files of cameras: `level` (B) is its standard deviation in brightness, in units of 1.

    A sensor's own noise is independent from pixel to pixel; filling in its missing colours, and the camera's own
    smoothing, make neighbors share it: so brightness is blurred by up to 1.2 pixels and colour, which cameras smooth
    most, is weaker and lies in blotches of 0.7 to 5; grey pictures have none. Dark or bright places have more of it, by
    up to 1 to 19 in variance. The ranges hold what the noise of 50 training pictures of PolyU showed (docs/log.md).
    """
    count, channels, height, width = pixels.shape

    def one(low: float, high: float) -> Tensor:
        return draw(count, low, high, pixels, generator)

    def shared(planes: int, sigma: Tensor) -> Tensor:
        white = torch.randn(
            (count, planes, height, width), generator=generator, dtype=pixels.dtype, device=pixels.device
        )
        return _spreading(sigma, height) @ white @ _spreading(sigma, width).mT

    brightness, colour = one(0, 1.2), one(0.7, 5)
    noise = shared(1 if channels in (1, 3) else channels, brightness)
    if channels == 3:
        coloured = ~are_grey(pixels)[:, 0]
        blue, red = (one(0.1, 0.8)[:, None, None] * coloured * plane for plane in shared(2, colour).unbind(1))
        y = noise[:, 0]  # ITU-R BT.601
        noise = torch.stack([y + 1.402 * red, y - 0.344136 * blue - 0.714136 * red, y + 1.772 * blue], 1)
    tilt = one(-0.9, 0.9)[:, None, None, None]
    spread = level[:, None, None, None] * (1 + tilt * (2 * pixels - 1)).clamp_min(0.1).sqrt()
    return pixels + spread * noise


def _spreading(sigma: Tensor, length: int) -> Tensor:
    """B 1 n n: what blurs a line of white noise by `sigma` pixels (B) and leaves every value of variance 1."""
    at = torch.arange(length, dtype=sigma.dtype, device=sigma.device)
    away = (at[:, None] - at[None, :]) / sigma.clamp_min(1e-3)[:, None, None]
    weights = torch.exp(-0.5 * away.square())
    return (weights / weights.square().sum(2, keepdim=True).sqrt())[:, None]


# Blur


def gaussian_kernels(sigma: Tensor, radius: int) -> Tensor:
    """B K K, K = 2 radius + 1, each summing to 1. `sigma` in pixels; 0 leaves a picture as it is."""
    line = torch.exp(-0.5 * (_distances(sigma, radius) / sigma.clamp_min(1e-3)[:, None]).square())
    return _of_sum_1(line[:, :, None] * line[:, None, :])


def disc_kernels(size: Tensor, radius: int) -> Tensor:
    """B K K: a lens out of focus spreads a point over a disc of radius `size` pixels, its rim smoothed over one."""
    at = _distances(size, radius)
    away = (at[:, :, None].square() + at[:, None, :].square()).sqrt()
    return _of_sum_1((size[:, None, None] + 0.5 - away).clamp(0, 1))


def motion_kernels(length: Tensor, angle: Tensor, radius: int) -> Tensor:
    """B K K: a camera that moves evenly spreads a point along `length` pixels at `angle` radians."""
    at = _distances(length, radius)
    down, across = at[:, :, None], at[:, None, :]
    cos, sin, half = angle.cos()[:, None, None], angle.sin()[:, None, None], length[:, None, None] / 2
    along = across * cos + down * sin
    along = along - along.clamp(-half, half)  # 0 beside the line, else how far beyond its end
    beside = down * cos - across * sin
    return _of_sum_1((1 - (along.square() + beside.square()).sqrt()).clamp_min(0))


def blur(pixels: Tensor, kernels: Tensor) -> Tensor:
    """Every picture with its own kernel (B K K)."""
    count, channels = pixels.shape[:2]
    radius = kernels.shape[-1] // 2
    padded = pad(pixels, radius, radius).flatten(0, 1)[None]
    weights = kernels.repeat_interleave(channels, 0)[:, None]
    return F.conv2d(padded, weights, groups=count * channels)[0].unflatten(0, (count, channels))


def gaussian(pixels: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of `sigma` pixels, cut off at 4 sigma; rows and columns one after the other."""
    reach = gaussian_reach(sigma)
    if reach == 0:
        return pixels
    at = torch.arange(-reach, reach + 1, dtype=torch.float64)
    line = torch.exp(-0.5 * (at / sigma).square())
    line = (line / line.sum()).to(pixels)
    flat = pad(pixels, reach, reach).flatten(0, 1)[:, None]
    found = F.conv2d(F.conv2d(flat, line[None, None, :, None]), line[None, None, None, :])
    return found[:, 0].unflatten(0, pixels.shape[:2])


def gaussian_reach(sigma: float) -> int:
    """Pixels, each way, that `gaussian` looks at."""
    return int(4 * sigma + 0.5)


def _distances(like: Tensor, radius: int) -> Tensor:
    """B K: -radius to radius."""
    return torch.arange(-radius, radius + 1, dtype=like.dtype, device=like.device).expand(len(like), -1)


def _of_sum_1(kernels: Tensor) -> Tensor:
    return kernels / kernels.sum((1, 2), keepdim=True)


# Sampling


def resize(pixels: Tensor, scale: float, kernel: str = CUBIC) -> Tensor:
    """Both sides times `scale`, rounded up. Smaller is antialiased, as MATLAB's imresize: the kernel grows with it."""
    down = resizing(pixels.shape[-2], scale, kernel).to(pixels)
    across = resizing(pixels.shape[-1], scale, kernel).to(pixels)
    return down @ pixels @ across.T


@functools.lru_cache(maxsize=64)
def resizing(length: int, scale: float, kernel: str = CUBIC) -> Tensor:
    """ceil(length * scale) x length, float64: the matrix that resizes a line. Keys 1981, IEEE TASSP 29:1153 (cubic,
    a = -0.5), or Lanczos with three lobes. Rows sum to 1."""
    support, function = {CUBIC: (2, _cubic), LANCZOS: (3, _lanczos)}[kernel]
    stretch = min(scale, 1.0)
    n_out = math.ceil(length * scale)
    centre = (torch.arange(n_out, dtype=torch.float64) + 0.5) / scale - 0.5
    reach = math.ceil(support / stretch) + 1
    places = centre.floor().long()[:, None] + torch.arange(-reach, reach + 1)
    weights = function((places - centre[:, None]) * stretch)
    weights = weights / weights.sum(1, keepdim=True)
    inside = places % (2 * length)
    inside = torch.minimum(inside, 2 * length - 1 - inside)
    return torch.zeros((n_out, length), dtype=torch.float64).scatter_add_(1, inside, weights)


def _cubic(x: Tensor) -> Tensor:
    x = x.abs()
    near = 1.5 * x**3 - 2.5 * x**2 + 1
    far = -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x <= 1, near, torch.where(x < 2, far, 0.0))


def _lanczos(x: Tensor) -> Tensor:
    return torch.where(x.abs() < 3, torch.sinc(x) * torch.sinc(x / 3), 0.0)
