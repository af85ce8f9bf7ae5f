"""Sharpen pictures: out of focus, slightly moved or softly scanned; the blur is found from the picture itself.

Trained blind: half of the pictures get a Gaussian blur, a quarter a disc (a lens out of focus), a quarter a short
straight motion, each of a size drawn for every picture, then a little noise, without which sharpening would only
amplify what a real picture has. Sizes begin at 0, so that sharp pictures are left alone.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from narrows._contract import AbstractTask, Batch, Step
from narrows._errors import BadOption
from narrows.nn.degrade import add_noise, blur, disc_kernels, draw, gaussian_kernels, motion_kernels

_DISC, _MOTION = 1.5, 3.0
"""Radius of the widest disc, and length of the longest motion, over the widest Gaussian: about as strong a blur."""


class Sharpen(AbstractTask):
    """`width`: of the widest Gaussian blur, in pixels. `noise`: its mean standard deviation, in units of 1/255."""

    metric = "psnr"
    model = "sharpen"
    takes_pairs = True
    classical = ("unsharp_mask", "wiener_deconvolution", "richardson_lucy")

    def __init__(self, *, width: float = 3.0, noise: float = 2.0) -> None:
        super().__init__()
        if not 0 < width <= 8:
            raise BadOption(f"width={width}; the widest blur is above 0 and up to 8 pixels: --set width=3")
        if not 0 <= noise <= 50:
            raise BadOption(f"noise={noise}; it takes 0 to 50, in units of 1/255: --set noise=2")
        self.width, self.noise = width, noise

    def example(self, pictures: Tensor, step: Step) -> Batch:
        count, random = len(pictures), step.generator
        size = draw(count, 0, self.width, pictures, random)
        angle = draw(count, 0, math.pi, pictures, random)
        which = draw(count, 0, 4, pictures, random)[:, None, None]
        radius = math.ceil(3 * self.width)
        kernels = torch.where(
            which < 2,
            gaussian_kernels(size, radius),
            torch.where(
                which < 3,
                disc_kernels(_DISC * size, radius),
                motion_kernels(_MOTION * size, angle, radius),
            ),
        )
        level = draw(count, 0, 2 * self.noise / 255, pictures, random)
        return Batch(add_noise(blur(pictures, kernels), level, random), pictures)
