"""Brighten pictures that were taken in too little light, and take out the noise that comes with it.

A clean picture is darkened as gain * picture ** gamma + offset, gets noise that grows with the light (photons) and
noise that does not (the sensor), and is rounded to 8 bits, where the dark loses its shades. How bright the whole
picture is comes to the net as one more channel: a dark corner of a bright picture is to stay dark. Where dark and
bright pictures of the same scenes are there (--pairs dark/ bright/), they are learned from instead.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from narrows._contract import AbstractTask, Batch, Step, Window
from narrows._errors import BadOption
from narrows.nn.degrade import add_noise, draw, white

_GAMMA, _OFFSET, _PHOTONS = 3.0, 0.02, 0.01
"""Largest exponent; largest offset; largest variance of photon noise, at full light."""
_GUESS = 0.25
"""In training, the brightness of the whole is that of a patch, off by about so much: patches differ."""
_TINY = 1e-6
"""A brightness that is as good as none."""
_LOOKED_AT = 512
"""Pixels a side, at most, that the brightness is measured on."""


class Brighten(AbstractTask):
    """`darkest`: the smallest gain. `noise`: largest standard deviation of the sensor's noise, in units of 1/255."""

    metric = "psnr"
    model = "brighten"
    extra = 1
    extra_meaning = "the mean of the whole picture's values, the same at every pixel"
    takes_pairs = True
    classical = ("exposures", "gamma", "clahe", "equalise", "auto_levels")

    def __init__(self, *, darkest: float = 0.08, noise: float = 4.0) -> None:
        super().__init__()
        if not 0 < darkest <= 1:
            raise BadOption(f"darkest={darkest}; the smallest gain is above 0 and up to 1: --set darkest=0.08")
        if not 0 <= noise <= 50:
            raise BadOption(f"noise={noise}; it takes 0 to 50, in units of 1/255: --set noise=4")
        self.darkest, self.noise = darkest, noise

    def example(self, pictures: Tensor, step: Step) -> Batch:
        count, random = len(pictures), step.generator
        gain = draw(count, 0, 1, pictures, random)
        gain = self.darkest**gain  # even over its orders of magnitude
        dark = darken(
            pictures, gain,
            gamma=draw(count, 1, _GAMMA, pictures, random),
            offset=draw(count, 0, _OFFSET, pictures, random),
            photons=draw(count, 0, _PHOTONS, pictures, random),
            sensor=draw(count, 0, self.noise / 255, pictures, random),
            generator=random,
        )  # fmt: skip
        off = torch.randn(count, generator=random, dtype=pictures.dtype, device=pictures.device)
        brightness = (dark.flatten(1).mean(1) * torch.exp(_GUESS * off)).clamp(0, 1)
        return Batch(torch.cat([dark, _brightness_map(brightness, dark)], 1), pictures)

    def look(self, window: Window, size: tuple[int, int], **options: Any) -> dict[str, Any]:
        if options.get("brightness") is not None:
            return {}
        every = -(-max(size) // _LOOKED_AT)
        return {"brightness": window(slice(None, None, every), slice(None, None, every)).flatten(1).mean(1).clamp(0, 1)}

    def prepare(self, photo: Tensor, *, brightness: float | None = None) -> Tensor:
        """brightness: of the whole picture, 0 (black) to 1; measured where left out. A lower one brightens more."""
        if brightness is None:
            told = photo.flatten(1).mean(1).clamp(0, 1)
        else:
            told = torch.as_tensor(brightness, dtype=photo.dtype, device=photo.device).expand(len(photo))
            if not isinstance(brightness, Tensor):  # by the user, who does not mean that nothing is to be done
                told = torch.where(told == 0, _TINY, told)
        if not bool(((told >= 0) & (told <= 1)).all()):
            raise BadOption(f"--brightness {brightness}: the mean of a picture is 0 (black) to 1, such as 0.1")
        return torch.cat([photo, _brightness_map(told, photo)], 1)

    def finish(self, ready: Tensor, result: Tensor) -> Tensor:
        """Where the whole picture is black there is nothing to see, and a net would see stains."""
        before = ready[:, :-1]
        return torch.where(ready[:, -1:] > 0, result, before) if before.shape == result.shape else result


def darken(
    pictures: Tensor, gain: Tensor, *, gamma: Tensor, offset: Tensor, photons: Tensor, sensor: Tensor,
    generator: torch.Generator,
) -> Tensor:  # fmt: skip
    """B C H W in [0, 1] -> the same in too little light, 8 bits deep. `photons`: variance at full light; `sensor`:
    standard deviation; all B."""
    each = (slice(None), None, None, None)
    light = gain[each] * pictures.clamp(0, 1) ** gamma[each] + offset[each]
    seen = light + (photons[each] * light).sqrt() * white(light, generator)
    return (add_noise(seen, sensor, generator).clamp(0, 1) * 255).round() / 255


def _brightness_map(brightness: Tensor, pictures: Tensor) -> Tensor:
    return brightness[:, None, None, None].expand(-1, 1, *pictures.shape[2:])
