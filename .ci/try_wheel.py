"""The installed wheel does the everyday things: `narrows denoise` makes a noisy photograph better, file to file, and
`narrows fit` learns to, from pieces of one, and judges, with nothing but what the wheel asks for.

Run by `.ci/run` in an empty environment and an empty folder; the argument is the checkout, which must not be in use.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import skimage.data
from PIL import Image

import narrows
from narrows.model.zoo import shipped

NOISE = 25.0
"""Standard deviation, in units of 1/255."""


def psnr(first: np.ndarray, second: np.ndarray) -> float:
    """Of two 8-bit pictures, in dB."""
    return float(10 * np.log10(255**2 / np.mean((first.astype(float) - second) ** 2)))


def run(*words: str) -> None:
    """A command that must succeed, shown."""
    print("$", *words, flush=True)
    subprocess.run(words, check=True, stdin=subprocess.DEVNULL)


def main() -> None:
    checkout = Path(sys.argv[1]).resolve()
    if checkout in Path(narrows.__file__).resolve().parents:
        raise SystemExit(f"narrows came from the checkout {checkout}, not from the wheel")
    if not shipped():
        print("no shipped model is in this wheel yet, so only the command itself is tried")
        run("narrows", "--help")
        return
    clean = skimage.data.camera()
    noise = np.random.default_rng(0).normal(0, NOISE, clean.shape)
    noisy = np.clip(np.rint(clean + noise), 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save("photo.png")
    run("narrows", "denoise", "photo.png", "--out", "clean")
    better = np.asarray(Image.open(Path("clean") / "photo.png"))
    before, after = psnr(clean, noisy), psnr(clean, better)
    print(f"photograph with noise {NOISE:g}: {before:.2f} dB before, {after:.2f} dB after")
    if better.shape != clean.shape or better.dtype != np.uint8 or after < before:
        raise SystemExit("the wheel's denoiser does not improve the photograph")
    pieces = Path("pieces")
    pieces.mkdir()
    for number, start in enumerate(range(0, 448, 64)):
        Image.fromarray(clean[start : start + 64, 200:264]).save(pieces / f"{number}.png")
    run("narrows", "fit", "pieces", "--task", "denoise", "--n-nodes", "8", "--steps", "5", "--out", "own")


if __name__ == "__main__":
    main()
