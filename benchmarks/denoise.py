"""Gaussian noise on the field's test sets, by the protocol of its tables.

    python benchmarks/denoise.py --data DATA                       the shipped blind models, sigma 15, 25, 50
    python benchmarks/denoise.py --data DATA --bm3d                the anchor beside them (BSD68 sigma 25: 28.57 dB)

Noise is seeded with 0 for every picture, not clipped and not rounded; results are clamped and rounded to 8 bits; PSNR
against the 8-bit original over the whole picture (all RGB values for colour), averaged over pictures. 'Kodak24' is the
500x500 centre crop.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _results import data_folder, report, threads
from PIL import Image

from narrows.using.restore import model_for, restore_tensor

PUBLISHED = {
    ("BSD68", 15): "BM3D 31.08, DnCNN-B 31.61", ("BSD68", 25): "BM3D 28.57, DnCNN-B 29.16",
    ("BSD68", 50): "BM3D 25.60, DnCNN-B 26.23", ("Set12", 25): "BM3D 29.97, DnCNN-B 30.36",
    ("CBSD68", 25): "CBM3D 30.71, CDnCNN 31.24", ("Kodak24", 25): "CBM3D 32.15, CDnCNN 32.14",
}  # fmt: skip


def pictures(data: Path) -> dict[str, list[np.ndarray]]:
    """Name of the set to its 8-bit pictures, H W or H W 3."""
    colour = data / "color"
    listed = (colour / "bsds500" / "cbsd68.txt").read_text().split()
    kodak = [np.asarray(Image.open(path).convert("RGB")) for path in sorted((colour / "kodak24").glob("*.png"))]
    return {
        "BSD68": [np.asarray(Image.open(p).convert("L")) for p in sorted((data / "denoise" / "bsd68").glob("*.png"))],
        "Set12": [np.asarray(Image.open(p).convert("L")) for p in sorted((data / "denoise" / "set12").glob("*.png"))],
        "CBSD68": [np.asarray(Image.open(next(colour.glob(f"bsds500/*/{Path(n).stem}.jpg")))) for n in listed],
        "Kodak24": [_centre(picture, 500) for picture in kodak],
    }


def _centre(picture: np.ndarray, side: int) -> np.ndarray:
    top, left = (picture.shape[0] - side) // 2, (picture.shape[1] - side) // 2
    return picture[top : top + side, left : left + side]


def noisy(picture: np.ndarray, sigma: float) -> np.ndarray:
    """Float, in [0, 1] before the noise."""
    draw = np.random.RandomState(0)
    return picture / 255.0 + draw.normal(0, sigma / 255.0, picture.shape)


def psnr(result: np.ndarray, truth: np.ndarray) -> float:
    """Of an 8-bit result."""
    return float(20 * np.log10(255 / np.sqrt(np.mean((result.astype(float) - truth) ** 2))))


def by_model(model: Any, told: bool = False, careful: bool = False) -> Callable[[np.ndarray, float], np.ndarray]:
    """A function of (noisy picture, sigma), giving 8 bits."""

    def apply(picture: np.ndarray, sigma: float) -> np.ndarray:
        pixels = torch.from_numpy(picture).float()
        pixels = pixels[None, None] if picture.ndim == 2 else pixels.permute(2, 0, 1)[None]
        use, level = model_for("denoise", pixels.shape[1], model), sigma if told else None
        found = restore_tensor(use, pixels, careful=careful, level=level)[0]
        found = found[0].numpy() if picture.ndim == 2 else found.permute(1, 2, 0).numpy()
        return np.rint(found * 255).astype(np.uint8)

    return apply


def by_bm3d(picture: np.ndarray, sigma: float) -> np.ndarray:
    """The `bm3d` package, told the level."""
    import bm3d

    run = bm3d.bm3d if picture.ndim == 2 else bm3d.bm3d_rgb
    return np.rint(np.clip(run(picture, sigma / 255), 0, 1) * 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", type=Path, help="a model folder instead of the shipped ones")
    parser.add_argument("--sets", default="BSD68,Set12,CBSD68,Kodak24")
    parser.add_argument("--sigmas", default="15,25,50")
    parser.add_argument("--told", action="store_true", help="tell the model the noise level")
    parser.add_argument("--careful", action="store_true", help="each picture through the model in eight ways")
    parser.add_argument("--bm3d", action="store_true", help="BM3D instead of the model")
    parser.add_argument("--stored", action="store_true", help="noisy pictures rounded to 8 bits, as files hold them")
    args = parser.parse_args()
    threads()
    found = pictures(data_folder(args.data))
    rows = []
    for name in args.sets.split(","):
        for sigma in map(int, args.sigmas.split(",")):
            apply = by_bm3d if args.bm3d else by_model(args.model, told=args.told, careful=args.careful)
            began = time.perf_counter()
            seen = (noisy(picture, sigma) for picture in found[name])
            seen = (np.rint(one.clip(0, 1) * 255) / 255 for one in seen) if args.stored else seen
            scores = [psnr(apply(one, sigma), clean) for one, clean in zip(seen, found[name], strict=True)]
            rows.append({
                "set": name, "sigma": sigma, "pictures": len(scores), "PSNR": round(float(np.mean(scores)), 3),
                "published": PUBLISHED.get((name, sigma), ""), "seconds": round(time.perf_counter() - began, 1),
            })  # fmt: skip
    told = {"bm3d": args.bm3d, "told": args.told, "careful": args.careful, "stored": args.stored,
            "other": bool(args.model)}  # fmt: skip
    report("_".join(["denoise", *(word for word, is_so in told.items() if is_so)]), rows)


if __name__ == "__main__":
    main()
