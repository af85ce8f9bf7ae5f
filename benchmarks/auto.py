"""Does `narrows auto` name what is wrong? 200 pictures: a fifth each noisy, blurred, JPEG, dark, and untouched.

    python benchmarks/auto.py --data DATA                 24 pictures of Kodak and 176 of BSDS500's val and test
    python benchmarks/auto.py --data DATA --part train    200 of BSDS500's train, by which the thresholds were chosen

Every photograph is damaged in one way, by the order of their names, with strengths drawn over what the verbs repair:
noise 8 to 50 units, a Gaussian blur of 1 to 3 pixels or a disc or motion of the like, with noise up to 2 units; JPEG
quality 5 to 50 by Pillow; light of 0.08 to 0.4 with the noise that it brings. All are rounded to 8 bits. A picture is
named right where the first thing named is what was done to it, and untouched ones where nothing is named.
"""

from __future__ import annotations

import argparse
import io
import math
import time
from pathlib import Path

import numpy as np
import torch
from _results import data_folder, report, threads
from PIL import Image
from torch import Tensor

from narrows.measuring.diagnose import BLUR, DARK, JPEG, NOISE, diagnose
from narrows.nn.degrade import add_noise, blur, disc_kernels, draw, gaussian_kernels, motion_kernels
from narrows.tasks.brighten import darken
from narrows.training.seeds import generator

_RADIUS = 9
NOTHING = "untouched"
KINDS = (NOISE, BLUR, JPEG, DARK, NOTHING)


def damaged(clean: Tensor, kind: str, which: int, random: torch.Generator) -> tuple[Tensor, float]:
    """C H W in [0, 1] -> the same damaged and rounded to 8 bits, and by how much."""
    x = clean[None]

    def one(low: float, high: float) -> Tensor:
        return draw(1, low, high, x, random)

    amount = torch.zeros(1)
    if kind == NOISE:
        amount = one(8, 50)
        x = add_noise(x, amount / 255, random)
    elif kind == BLUR:
        amount = one(1, 3)
        kernels = (
            gaussian_kernels(amount, _RADIUS), disc_kernels(1.5 * amount, _RADIUS),
            motion_kernels(3 * amount, one(0, math.pi), _RADIUS),
        )  # fmt: skip
        x = add_noise(blur(x, kernels[which % 3]), one(0, 2) / 255, random)
    elif kind == DARK:
        amount = 0.08 ** one(0.36, 1)
        x = darken(
            x, amount, gamma=one(1, 2), offset=one(0, 0.02), photons=one(0, 0.005), sensor=one(0, 3) / 255,
            generator=random,
        )  # fmt: skip
    pixels = (x[0].clamp(0, 1) * 255).round()
    if kind == JPEG:
        amount = one(5, 50).floor()
        file = io.BytesIO()
        Image.fromarray(pixels.permute(1, 2, 0).byte().numpy()).save(file, "JPEG", quality=int(amount))
        pixels = _pixels(Image.open(file))
    return pixels / 255, float(amount)


def _pixels(image: Image.Image) -> Tensor:
    return torch.from_numpy(np.array(image.convert("RGB"))).permute(2, 0, 1).float()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--part", choices=["train", "others"], default="others")
    parser.add_argument("--every", type=int, default=1, help="only every so manieth picture")
    parser.add_argument("--wrong", action="store_true", help="list what was named wrong")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads(args.threads)
    colour = data_folder(args.data) / "color"
    if args.part == "train":
        paths = sorted(colour.glob("bsds500/train/*.jpg"))
    else:
        paths = sorted(colour.glob("kodak24/*.png")) + [
            path for part in ("val", "test") for path in sorted(colour.glob(f"bsds500/{part}/*.jpg"))[:88]
        ]
    began, named = time.perf_counter(), {kind: [] for kind in KINDS}
    for which, path in list(enumerate(paths))[:: args.every]:
        kind = KINDS[which % len(KINDS)]
        picture, amount = damaged(_pixels(Image.open(path)) / 255, kind, which, generator(0, "auto", which))
        found = diagnose(picture)
        first = found[0].name if found else NOTHING
        named[kind].append(first)
        if args.wrong and first != kind:
            print(f"{path.name}: {kind} {amount:.3g}, named {[f'{one.name} {one.amount:.3g}' for one in found]}")
    rows = [
        {"done": kind, "pictures": len(found), "named right": sum(one == kind for one in found),
         **{f"as {other}": found.count(other) for other in KINDS}}
        for kind, found in named.items() if found
    ]  # fmt: skip
    count = sum(row["pictures"] for row in rows)
    right = sum(row["named right"] for row in rows) / count
    alone = rows[-1]["named right"] / rows[-1]["pictures"]
    report(
        "auto" if args.part == "others" else "auto_train", rows,
        named_right=f"{100 * right:.1f} % of {count}; reach 90, beyond 97",
        untouched_left_alone=f"{100 * alone:.1f} %; reach 95, beyond 99",
        seconds_a_picture=round((time.perf_counter() - began) / count, 2),
    )  # fmt: skip


if __name__ == "__main__":
    main()
