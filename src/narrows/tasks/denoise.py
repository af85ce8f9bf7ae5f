"""Remove noise from pictures: blind, or told the level.

Trained on clean pictures with Gaussian noise of a level drawn for every picture; the level comes to the net as one more
channel, which is 0 (unknown) for half of the pictures. So one model serves both. Zhang et al. 2017 (blind,
arXiv:1608.03981) and 2018 (the level as a channel, arXiv:1710.04026). Half of the noisy pictures are cut off at black
and white, as files store them: what is left of noise on black is all brighter, and its mean is no black. The other half
are not, as the field's tables have it.
Part of the pictures may get noise as cameras leave it, which neighbors share: a net that has only seen independent
noise takes it for texture. Its level is never told, so a told level means independent noise.

Or trained on noisy pictures alone, in one of the ways of `_without_truth`; or on clean pictures with noise like that
of others.
"""

from __future__ import annotations

import torch
from torch import Tensor

from narrows._contract import AbstractTask, Batch, Step, Traces
from narrows._errors import BadOption, UnknownName
from narrows.nn.degrade import camera_noise, draw, white
from narrows.nn.jpeg import BLOCK, jpeg
from narrows.tasks import _without_truth

TOP_LEVEL = 55.0
"""Units of 1/255: the strongest noise that is trained on unless said otherwise."""
_WITHOUT_TRUTH = ("recorrupted", "neighbours", "blind_spots")
_CURVES = 16
"""Noise curves that are kept of measured pictures."""
_STRONGEST_OF_CAMERAS = 30.0
"""Units of 1/255, of brightness; weak noise is drawn more often, as it is met more often."""
_STORED = (80, 100)
"""JPEG qualities of half of the pictures with noise of cameras."""
_CUT_OFF = 0.5
"""Share of the noisy pictures that are cut off at black and white. A net that had never seen one left a black that had
noise of 50 units at 0.077, brighter by 20 of 255 (docs/log.md)."""
_UNSURE = 0.1
"""Levels are drawn this share below and above the measured ones: measuring is off by a few per cent."""


class Denoise(AbstractTask):
    """`level` fixes the noise to one standard deviation, in units of 1/255 (127.5 is 0.5); None draws 0 to 55.
    `camera` is the share of pictures whose noise is as cameras leave it.

    `learn_from` says what the training pictures are: "clean"; "like", clean ones that get noise as it was measured on
    others; or noisy ones, used by the method "recorrupted" (noise of known strength, which is measured), "neighbours"
    or "blind_spots" (noise of any strength, independent from pixel to pixel).
    """

    metric = "psnr"
    model = "denoise"
    extra = 1
    extra_meaning = "the noise's standard deviation, in pictures of 0 to 1, times 255/55; 0 where it is not known"
    classical = ("gaussian", "median", "wiener", "total_variation", "bilateral", "non_local_means", "bm3d")
    ways = ("clean", "like", "recorrupted", "neighbours", "blind_spots")
    alone = True
    takes_pairs = True

    def __init__(self, *, level: float | None = None, camera: float = 0.0, learn_from: str = "clean") -> None:
        super().__init__()
        if level is not None and not (isinstance(level, (int, float)) and 0 < level <= 2550):
            raise BadOption(f"level={level}: noise has a standard deviation above 0 in units of 1/255, such as 25")
        if learn_from not in self.ways:
            raise UnknownName.of("way to learn", learn_from, self.ways)
        if level is not None and learn_from != "clean":
            raise BadOption(f"level={level} came for pictures with noise of their own; leave it out")
        if not (isinstance(camera, (int, float)) and 0 <= camera <= 1):
            raise BadOption(f"camera={camera}: a share of the pictures, 0 to 1, such as --set camera=0.5")
        if camera and (level is not None or learn_from != "clean"):
            raise BadOption(
                f"camera={camera} came with {'level' if level else 'learn_from'}; it is for clean pictures and "
                f"draws the level itself, such as --set camera=0.5 alone"
            )
        self.level, self.camera, self.learn_from = level, camera, learn_from
        if learn_from in ("like", "recorrupted"):
            self.register_buffer("curves", torch.tensor([[0.0, (25 / 255) ** 2]]).repeat(_CURVES, 1))
            self.register_buffer("grain", torch.zeros(()))

    curves: Tensor
    """_CURVES 2: slope and offset of the variance of measured noise, from weak to strong."""
    grain: Tensor
    """The middle one of the pictures' `Traces.grain`."""

    @property
    def has_truth(self) -> bool:
        return self.learn_from not in _WITHOUT_TRUTH

    def learn(self, traces: Traces) -> None:
        if "curves" not in self._buffers:
            return
        order = traces.noise[(traces.noise[:, 0] / 2 + traces.noise[:, 1]).argsort()]
        spaced = torch.linspace(0, len(order) - 1, _CURVES).round().long()
        self.curves.copy_(order[spaced])
        self.grain.copy_(traces.grain.median())

    def example(self, pictures: Tensor, step: Step) -> Batch:
        if not self.has_truth:
            return self._from_noisy(pictures, step)
        how = {"generator": step.generator, "dtype": pictures.dtype, "device": pictures.device}
        count = (len(pictures), *[1] * (pictures.dim() - 1))
        level = torch.rand(count, **how) * (TOP_LEVEL / 255)
        told = (torch.rand(count, **how) < 0.5).to(pictures)
        if self.level is not None:
            level = torch.full_like(level, self.level / 255)
        spread: Tensor = level
        if self.learn_from == "like":
            spread = self._measured(pictures, step.generator)
            level = spread.square().mean((1, 2, 3), keepdim=True).sqrt()
        noisy = pictures + spread * white(pictures, step.generator)
        few = round(self.camera * len(pictures))
        if few:
            noisy[:few] = _from_a_camera(pictures[:few], step.generator)
            told[:few] = 0
        noisy = torch.where(torch.rand(count, **how) < _CUT_OFF, noisy.clamp(0, 1), noisy)
        return Batch(torch.cat([noisy, _level_map(level * told, noisy)], 1), pictures)

    def prepare(self, photo: Tensor, *, level: float | None = None) -> Tensor:
        """level: standard deviation of noise that is independent from pixel to pixel, in units of 1/255; left out, the
        model finds out by itself what noise there is."""
        if level is not None and not (isinstance(level, (int, float)) and 0 < level <= 2550):
            raise BadOption(
                f"--level {level}: a standard deviation in units of 1/255, above 0, such as 25; left out, the model "
                f"finds out"
            )
        if level is not None and not self.has_truth:
            raise BadOption(f"--level {level}: this model learned the noise of its own pictures; leave --level out")
        known = torch.full((len(photo), 1, 1, 1), (level or 0.0) / 255, dtype=photo.dtype, device=photo.device)
        return torch.cat([photo, _level_map(known, photo)], 1)

    def _measured(self, pictures: Tensor, generator: torch.Generator) -> Tensor:
        """B C H W: standard deviations by one of the measured curves for each picture."""
        which = torch.randint(0, _CURVES, (len(pictures),), generator=generator, device=generator.device)
        slope, offset = self.curves.to(pictures)[which].T[:, :, None, None, None]
        scale = 1 + _UNSURE * (2 * torch.rand(slope.shape, generator=generator, device=pictures.device) - 1)
        return (slope * pictures + offset).clamp_min(0).sqrt() * scale.to(pictures)

    def _from_noisy(self, noisy: Tensor, step: Step) -> Batch:
        """The level is never told: it is that of the pictures."""
        if self.learn_from == "recorrupted":
            curve = self.curves.to(noisy)[_CURVES // 2]
            x, target, weight = _without_truth.recorrupted(noisy, curve, float(self.grain), step.generator)
        elif self.learn_from == "neighbours":
            better = step.restore and (lambda whole: step.restore(_with_unknown_level(whole)))  # type: ignore[misc]
            # Scores, which are taken without gradient, must mean the same all along the run: there the target stands.
            progress = step.index / max(1, step.total) if torch.is_grad_enabled() else 0.0
            x, target, weight = _without_truth.neighbours(noisy, better, progress, step.generator)
        else:
            x, target, weight = _without_truth.blind_spots(noisy, step.generator)
        return Batch(_with_unknown_level(x), target, weight)


def _from_a_camera(pictures: Tensor, generator: torch.Generator) -> Tensor:
    """With noise that neighbors share; half of them stored as JPEG."""
    share = draw(len(pictures), 0, 1, pictures, generator)
    noisy = camera_noise(pictures, share.square() * (_STRONGEST_OF_CAMERAS / 255), generator)
    half = (len(pictures) + 1) // 2
    quality = draw(half, *_STORED, pictures, generator).floor()
    shift = draw(2 * half, 0, BLOCK, pictures, generator).long().reshape(half, 2)
    noisy[:half] = jpeg(noisy[:half], quality, shift)
    return noisy


def _with_unknown_level(pictures: Tensor) -> Tensor:
    return torch.cat([pictures, torch.zeros_like(pictures[:, :1])], 1)


def _level_map(level: Tensor, pictures: Tensor) -> Tensor:
    """B 1 H W, about 0 to 1; 0 is unknown."""
    return (level * (255 / TOP_LEVEL)).expand(-1, 1, *pictures.shape[2:])
