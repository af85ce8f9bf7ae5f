"""Remove noise from pictures: blind, or told the level.

Trained with Gaussian noise of a level drawn for every picture; the level comes to the net as one more channel, which
is 0 (unknown) for half of the pictures. So one model serves both. Noise is not clipped, as the field's tables have it.
Zhang et al. 2017 (blind, arXiv:1608.03981) and 2018 (the level as a channel, arXiv:1710.04026).
"""

from __future__ import annotations

import torch
from torch import Tensor

from narrows._contract import AbstractTask, Batch, Step
from narrows._errors import BadOption

TOP_LEVEL = 55.0
"""Units of 1/255: the strongest noise that is trained on unless said otherwise."""


class Denoise(AbstractTask):
    """`level` fixes the noise to one standard deviation, in units of 1/255 (127.5 is 0.5); None draws 0 to 55."""

    metric = "psnr"
    model = "denoise"
    extra = 1
    classical = ("gaussian", "median", "wiener", "total_variation", "bilateral", "non_local_means", "bm3d")

    def __init__(self, *, level: float | None = None) -> None:
        super().__init__()
        if level is not None and not (isinstance(level, (int, float)) and 0 < level <= 2550):
            raise BadOption(f"level={level}: noise has a standard deviation above 0 in units of 1/255, such as 25")
        self.level = level

    def example(self, pictures: Tensor, step: Step) -> Batch:
        draw = {"generator": step.generator, "dtype": pictures.dtype, "device": pictures.device}
        count = (len(pictures), *[1] * (pictures.dim() - 1))
        level = torch.rand(count, **draw) * (TOP_LEVEL / 255)
        told = (torch.rand(count, **draw) < 0.5).to(pictures)
        if self.level is not None:
            level = torch.full_like(level, self.level / 255)
        noisy = pictures + level * torch.randn(pictures.shape, **draw)
        return Batch(torch.cat([noisy, _level_map(level * told, noisy)], 1), pictures)

    def prepare(self, photo: Tensor, *, level: float | None = None) -> Tensor:
        """level: standard deviation of the noise in units of 1/255; left out, the model finds it by itself."""
        if level is not None and not (isinstance(level, (int, float)) and 0 <= level <= 2550):
            raise BadOption(f"--level {level}: a standard deviation in units of 1/255, 0 or more, such as 25")
        known = torch.full((len(photo), 1, 1, 1), (level or 0.0) / 255, dtype=photo.dtype, device=photo.device)
        return torch.cat([photo, _level_map(known, photo)], 1)


def _level_map(level: Tensor, pictures: Tensor) -> Tensor:
    """B 1 H W, about 0 to 1; 0 is unknown."""
    return (level * (255 / TOP_LEVEL)).expand(-1, 1, *pictures.shape[2:])
