"""24 megapixels through every verb: how much memory and how long.

    python benchmarks/memory.py
    python benchmarks/memory.py denoise blur          only these rows
    python benchmarks/memory.py --quick               a picture of 600x400, to see that everything runs

An RGB JPEG of 6000x4000, made of scikit-image's photograph of an astronaut side by side and below each other, as each
verb wants it: noisy, dark, blurred, of quality 20. Every row is a process of its own, `narrows VERB PICTURE`, start
included, with the weights that ship and as many threads as it takes by itself. Memory is the peak resident size of the
process tree. `upscale` has a row that makes 24 megapixels and one that makes 96 of 24; `auto --do` gets a picture that
several verbs repair. "cmyk" is `denoise` on a JPEG of four inks.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from _results import report
from PIL import Image, ImageFilter
from shell import NARROWS, peak

SIZE, QUICK = (6000, 4000), (600, 400)
"""Width and height."""


def tiled(size: tuple[int, int]) -> Image.Image:
    """The photograph, as often as it takes."""
    from skimage import data

    width, height = size
    photo = data.astronaut()
    down, across = -(-height // photo.shape[0]), -(-width // photo.shape[1])
    return Image.fromarray(np.tile(photo, (down, across, 1))[:height, :width])


def noisy(photo: Image.Image, sigma: float = 25, light: float = 1) -> Image.Image:
    """With noise, in so much of its light; in strips, so that drawing takes little memory."""
    pixels, random = np.array(photo), np.random.default_rng(0)
    for top in range(0, len(pixels), 256):
        strip = pixels[top : top + 256]
        strip[:] = np.clip(np.rint(light * strip + random.normal(0, sigma, strip.shape)), 0, 255)
    return Image.fromarray(pixels)


def half(photo: Image.Image) -> Image.Image:
    """A quarter of the pixels."""
    return photo.resize((photo.width // 2, photo.height // 2))


Draw = Callable[[Image.Image], Image.Image]
ROWS: dict[str, tuple[list[str], Draw, int]] = {
    "denoise": (["denoise"], noisy, 92),
    "brighten": (["brighten"], lambda photo: noisy(photo, 3, 0.15), 92),
    "sharpen": (["sharpen"], lambda photo: photo.filter(ImageFilter.GaussianBlur(1.6)), 92),
    "unjpeg": (["unjpeg"], lambda photo: photo, 20),
    "upscale to 24": (["upscale"], half, 92),
    "upscale from 24": (["upscale"], lambda photo: photo, 92),
    "blur": (["blur"], lambda photo: photo, 92),
    "auto": (["auto", "--do"], lambda photo: noisy(photo, 8, 0.15), 60),
    "cmyk": (["denoise"], lambda photo: noisy(photo).convert("CMYK"), 92),
}
"""Name of a row to the command, what is done to the photograph, and the quality it is stored with."""


def row_of(name: str, photo: Image.Image, folder: Path) -> dict[str, Any]:
    """One process, measured."""
    command, draw, quality = ROWS[name]
    source, out = folder / f"{name}.jpg", folder / "out"
    draw(photo).save(source, quality=quality)
    with Image.open(source) as image:
        pixels = image.width * image.height / 1e6
    took, memory = peak([*NARROWS, *command, str(source), "--out", str(out / f"{name}.jpg")])
    with Image.open(out / f"{name}.jpg") as image:
        written = image.width * image.height / 1e6
    return {
        "verb": name, "megapixels in": round(pixels, 2), "out": round(written, 2), "seconds": round(took, 1),
        "peak GiB": round(memory, 3), "reach": 1.5, "beyond": 1,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"of {', '.join(ROWS)}; all where none is named")
    parser.add_argument("--quick", action="store_true")
    given = parser.parse_args()
    unknown = set(given.rows) - set(ROWS)
    if unknown:
        parser.error(f"no row called {', '.join(sorted(unknown))}; known: {', '.join(ROWS)}")
    photo = tiled(QUICK if given.quick else SIZE)
    rows = []
    with tempfile.TemporaryDirectory() as name:
        for one in given.rows or ROWS:
            rows.append(row_of(one, photo, Path(name)))
            print(rows[-1], flush=True)
    if not given.quick:
        report("memory", rows)


if __name__ == "__main__":
    main()
