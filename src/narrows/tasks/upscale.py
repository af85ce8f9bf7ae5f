"""Enlarge pictures to twice the pixels a side, sharper than by interpolation.

The picture is enlarged bicubically first and the net adds what interpolation cannot know, so no net changes the size.
Training pictures are reduced with antialiasing, as MATLAB's imresize and so the field's tables do it, and enlarged.
"""

from __future__ import annotations

from torch import Tensor

from narrows._contract import AbstractTask, Batch, Step
from narrows.nn.degrade import resize


class Upscale(AbstractTask):
    """There is nothing to set: two times, bicubic."""

    metric = "psnr"
    model = "upscale"
    scale = 2
    margin = 2
    classical = ("bicubic", "lanczos")

    def example(self, pictures: Tensor, step: Step) -> Batch:
        height, width = pictures.shape[2:]
        return Batch(self.enlarge(resize(pictures, 1 / self.scale))[..., :height, :width], pictures)

    def enlarge(self, photo: Tensor) -> Tensor:
        return resize(photo, self.scale)
