"""One noisy picture alone, from random weights: `narrows denoise --only-this`, on the Kodak24 crops at sigma 25.

    python benchmarks/one_picture.py --data DATA            60 s of training a picture, two threads

Noise and PSNR as in denoise.py; the level is not told. Beside the mean: the longest picture in seconds, judging
included, and how many of the verdicts say that another way does better where that is true by 0.1 dB (the shipped
model, BM3D).
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np
from _results import data_folder, report, threads
from denoise import by_bm3d, by_model, noisy, pictures, psnr

from narrows.alone import SECONDS, restore_alone
from narrows.data.images import Photo

SIGMA = 25
_BETTER = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--seconds", type=float, default=SECONDS)
    parser.add_argument("--steps", type=int, help="so many steps a picture instead of seconds")
    parser.add_argument("--every", type=int, default=1, help="only every so manieth picture")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads(args.threads)
    rows = []
    for number, clean in list(enumerate(pictures(data_folder(args.data))["Kodak24"]))[:: args.every]:
        seen = noisy(clean, SIGMA)
        photo = Photo(seen.astype(np.float32), np.zeros(3), np.ones(3))
        began = time.perf_counter()
        found = restore_alone(photo, seconds=args.seconds, steps=args.steps)
        spent = time.perf_counter() - began
        mine = psnr(np.rint(found.photo.array.clip(0, 1) * 255).astype(np.uint8), clean)
        others = {"BM3D": psnr(by_bm3d(seen, SIGMA), clean), "shipped": psnr(by_model(None)(seen, SIGMA), clean)}
        rows.append({
            "picture": number + 1, "PSNR": round(mine, 2), **{name: round(one, 2) for name, one in others.items()},
            "level found": round(found.level, 1), "steps": found.steps, "seconds": round(spent, 1),
            "another is better": max(others.values()) > mine + _BETTER,
            "said so": "another way does better" in found.verdict,
        })  # fmt: skip
        print(rows[-1], flush=True)
    mean = {name: round(float(np.mean([row[name] for row in rows])), 3) for name in ("PSNR", "BM3D", "shipped")}
    right = sum(row["another is better"] == row["said so"] for row in rows)
    report(
        "one_picture", [*rows, {"picture": "mean", **mean}], verdicts_right=f"{right} of {len(rows)}",
        longest=max(row["seconds"] for row in rows), target="28.8 dB (beyond 29.5), at most 90 s a picture",
    )  # fmt: skip


if __name__ == "__main__":
    main()
