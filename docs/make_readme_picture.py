"""Draw the picture of the README, four photographs before and after: `make pictures`.

Photographs come with scikit-image and are free of rights; none was learned from. Each is damaged as its verb wants it:
noise of 25 units, a blur of 1.4 pixels with noise of 2, JPEG of quality 10, and a seventh of the light. Above what
came, below what the shipped model made of it, every pixel as it is.
"""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import narrows
from narrows.nn.degrade import add_noise, gaussian
from narrows.tasks.brighten import darken
from narrows.training.seeds import generator

TO = Path(__file__).parent / "pictures" / "before_after.png"
SIDE, GAP = 200, 4
SHOWN = {
    "denoise": ("chelsea", 60, 110), "sharpen": ("astronaut", 10, 120), "unjpeg": ("rocket", 200, 220),
    "brighten": ("coffee", 60, 260),
}  # fmt: skip
"""Verb to a photograph, and where its square begins."""


def damaged(verb: str, photo: np.ndarray) -> np.ndarray:
    """H W 3, 8 bits."""
    random, clean = generator(0, "picture", verb), torch.from_numpy(photo).permute(2, 0, 1)[None] / 255
    if verb == "unjpeg":
        file = io.BytesIO()
        Image.fromarray(photo).save(file, "JPEG", quality=10)
        return np.asarray(Image.open(file))
    if verb == "denoise":
        seen = add_noise(clean, torch.tensor([25 / 255]), random)
    elif verb == "sharpen":
        seen = add_noise(gaussian(clean, 1.4), torch.tensor([2 / 255]), random)
    else:
        seen = darken(
            clean, torch.tensor([1 / 7]), gamma=torch.ones(1), offset=torch.zeros(1), photons=torch.tensor([0.002]),
            sensor=torch.tensor([1 / 255]), generator=random,
        )  # fmt: skip
    return (seen[0].permute(1, 2, 0).clamp(0, 1) * 255).round().byte().numpy()


def main() -> None:
    from skimage import data

    whole = np.full((2 * SIDE + GAP, 4 * SIDE + 3 * GAP, 3), 255, np.uint8)
    for number, (verb, (name, top, left)) in enumerate(SHOWN.items()):
        before = damaged(verb, getattr(data, name)()[..., :3])
        after = narrows.restore(before, task=verb)
        for row, picture in enumerate((before, after)):
            part = picture[top : top + SIDE, left : left + SIDE]
            whole[row * (SIDE + GAP) :, number * (SIDE + GAP) :][:SIDE, :SIDE] = part
    Image.fromarray(whole).save(TO, optimize=True)


if __name__ == "__main__":
    main()
