"""Remove the blocks and rings that JPEG leaves: blind, or told the quality.

Half of the pictures lie on the grid of blocks as files do, the others as if they had been cut out of a larger file.
The quality comes to the net as one more channel, which is 0 (unknown) for half of the pictures.
"""

from __future__ import annotations

import torch
from torch import Tensor

from narrows._contract import AbstractTask, Batch, Step
from narrows._errors import BadOption
from narrows.nn.degrade import draw
from narrows.nn.jpeg import BLOCK, jpeg

WORST, BEST = 5, 95
"""JPEG qualities that are trained on unless said otherwise."""


class Unjpeg(AbstractTask):
    """`quality` fixes the JPEG quality, 1 (worst) to 100; None draws 5 to 95."""

    metric = "psnr"
    model = "unjpeg"
    takes_pairs = True
    extra = 1
    extra_meaning = "(101 - the JPEG quality) / 100, the same at every pixel; 0 where it is not known"
    classical = ("total_variation", "bilateral")

    def __init__(self, *, quality: int | None = None) -> None:
        super().__init__()
        self.quality = None if quality is None else _checked(quality, f"quality={quality}", "--set quality=10")

    def example(self, pictures: Tensor, step: Step) -> Batch:
        count, random = len(pictures), step.generator
        quality = draw(count, WORST, BEST + 1, pictures, random).floor()
        told = (draw(count, 0, 1, pictures, random) < 0.5).to(pictures)
        shift = draw(2 * count, 0, BLOCK, pictures, random).long().reshape(count, 2)
        shift = torch.where(draw(count, 0, 1, pictures, random)[:, None] < 0.5, shift, 0)
        if self.quality is not None:
            quality = torch.full_like(quality, self.quality)
        stored = jpeg(pictures, quality, shift)
        return Batch(torch.cat([stored, _quality_map(quality * told, stored)], 1), pictures)

    def prepare(self, photo: Tensor, *, quality: int | None = None) -> Tensor:
        """quality: the JPEG quality of the file, 1 (worst) to 100; left out, the model finds it by itself."""
        known = 0 if quality is None else _checked(quality, f"--quality {quality}", "--quality 30")
        told = torch.full((len(photo),), float(known), dtype=photo.dtype, device=photo.device)
        return torch.cat([photo, _quality_map(told, photo)], 1)


def _checked(quality: int, said: str, hint: str) -> int:
    if isinstance(quality, bool) or not isinstance(quality, int) or not 1 <= quality <= 100:
        raise BadOption(f"{said}: JPEG qualities are whole numbers from 1 to 100, such as {hint}")
    return quality


def _quality_map(quality: Tensor, pictures: Tensor) -> Tensor:
    """B 1 H W: 1 for the worst quality, nearly 0 for the best; 0 is unknown."""
    loss = torch.where(quality > 0, (101 - quality) / 100, 0)
    return loss[:, None, None, None].expand(-1, 1, *pictures.shape[2:])
