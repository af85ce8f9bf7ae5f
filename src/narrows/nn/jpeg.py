"""What JPEG loses, for a whole batch at once: every stage that rounds, and nothing of the file around it.

Wallace 1992, IEEE TCE 38:xviii; the quantisation tables are those of its annex K, scaled as libjpeg scales them; colour
is stored at half resolution (4:2:0) and smoothed on the way back, as libjpeg does unless told otherwise. Pillow's own
results differ from these by single steps of rounding.
"""

from __future__ import annotations

import functools
import math

import torch
import torch.nn.functional as F
from torch import Tensor

_LUMA = (
    16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55, 14, 13, 16, 24, 40, 57, 69, 56,
    14, 17, 22, 29, 51, 87, 80, 62, 18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92,
    49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99,
)  # fmt: skip
_CHROMA = (
    17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99,
    47, 66, 99, 99, 99, 99, 99, 99, *([99] * 32),
)  # fmt: skip
BLOCK = 8


def tables(quality: Tensor, chroma: bool = False) -> Tensor:
    """B 8 8: the steps that coefficients are rounded to. `quality` B, whole numbers from 1 (worst) to 100."""
    base = torch.tensor(_CHROMA if chroma else _LUMA, dtype=torch.float64, device=quality.device).reshape(1, 8, 8)
    quality = quality.double()[:, None, None]
    percent = torch.where(quality < 50, (5000 / quality).floor(), 200 - 2 * quality)
    return ((base * percent + 50) / 100).floor().clamp(1, 255)


def jpeg(pixels: Tensor, quality: Tensor, shift: Tensor | None = None) -> Tensor:
    """B C H W in [0, 1] -> the same after JPEG; three channels are colour, others are stored each as grey.

    `quality` is B; `shift` (B 2, whole numbers) says how many pixels of the first block lie before the picture's first
    row and column, as in a picture that was cut out of a larger one.
    """
    height, width = pixels.shape[-2:]
    if shift is None:
        shift = torch.zeros((len(pixels), 2), dtype=torch.long, device=pixels.device)
    room = int(shift.max()) if len(shift) else 0
    grid = BLOCK * 2  # a block of colour covers 16 pixels
    down = _places(shift[:, 0], height, -(-(height + room) // grid) * grid)
    across = _places(shift[:, 1], width, -(-(width + room) // grid) * grid)
    levels = (pixels.clamp(0, 1) * 255).round()
    levels = _gather(levels, down, across)  # what is beyond the edge repeats it, as encoders fill their last blocks
    if pixels.shape[1] == 3:
        levels = _colour(levels, quality, height + room, width + room)
    else:
        levels = _through_blocks(levels, tables(quality))
    rows = shift[:, :1] + torch.arange(height, device=pixels.device)
    cols = shift[:, 1:] + torch.arange(width, device=pixels.device)
    return _gather(levels, rows, cols) / 255


def _places(shift: Tensor, length: int, padded: int) -> Tensor:
    """B padded: where each place of the blocks lies in the picture."""
    return (torch.arange(padded, device=shift.device) - shift[:, None]).clamp(0, length - 1)


def _gather(pixels: Tensor, rows: Tensor, cols: Tensor) -> Tensor:
    """B C H W, B h and B w places -> B C h w."""
    each = torch.arange(len(pixels), device=pixels.device)[:, None, None]
    return pixels[each, :, rows[:, :, None], cols[:, None, :]].permute(0, 3, 1, 2)


def _colour(rgb: Tensor, quality: Tensor, height: int, width: int) -> Tensor:
    """Brightness at full and colour at half resolution; `height` and `width` say where the picture ends."""
    red, green, blue = rgb.unbind(1)
    luma = (0.299 * red + 0.587 * green + 0.114 * blue).round()
    cb = (128 - 0.168735892 * red - 0.331264108 * green + 0.5 * blue).round()
    cr = (128 + 0.5 * red - 0.418687589 * green - 0.081312411 * blue).round()
    luma = _through_blocks(luma[:, None], tables(quality))[:, 0]
    chroma = F.avg_pool2d(torch.stack([cb, cr], 1), 2)
    # libjpeg rounds halves down and up by turns along a row, so that colours do not drift
    bias = 0.25 * (1 + torch.arange(chroma.shape[-1], device=rgb.device) % 2)
    chroma = _through_blocks((chroma + bias).floor(), tables(quality, chroma=True))
    seen = chroma[..., : math.ceil(height / 2), : math.ceil(width / 2)]
    seen = F.interpolate(seen, scale_factor=2, mode="bilinear", align_corners=False).round()
    missing = (0, rgb.shape[-1] - seen.shape[-1], 0, rgb.shape[-2] - seen.shape[-2])
    cb, cr = (F.pad(seen, missing) - 128).unbind(1)
    back = [luma + 1.402 * cr, luma - 0.344136286 * cb - 0.714136286 * cr, luma + 1.772 * cb]
    return torch.stack(back, 1).round().clamp(0, 255)


def _through_blocks(levels: Tensor, steps: Tensor) -> Tensor:
    """B C H W of 0 to 255, sides multiples of 8: cosine transform, rounding to multiples of `steps` (B 8 8), back."""
    count, channels, height, width = levels.shape
    cosines = _cosines().to(levels)
    steps = steps.to(levels)[:, None, None, :, None, :]
    blocks = (levels - 128).reshape(count, channels, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    found = torch.einsum("ui,bcyixj,vj->bcyuxv", cosines, blocks, cosines)
    found = (found / steps).round() * steps
    found = torch.einsum("ui,bcyuxv,vj->bcyixj", cosines, found, cosines)
    return (found.reshape(levels.shape) + 128).round().clamp(0, 255)


@functools.cache
def _cosines() -> Tensor:
    """8 x 8, orthonormal, float64: row u is the u-th cosine."""
    at = torch.arange(BLOCK, dtype=torch.float64)
    found = torch.cos(math.pi * (2 * at[None] + 1) * at[:, None] / 16) / 2
    found[0] /= math.sqrt(2)
    return found
