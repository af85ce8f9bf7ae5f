"""Does the estimated gain's 95 % interval hold the true gain, and how wide is it?

    python benchmarks/estimated_gain.py --data DATA

BSD68 (grey) and Kodak (colour, whole pictures), Gaussian noise of 10, 25 and 50 units, noise whose variance is
0.01 * value + (5/255)^2, all seeded and not clipped, and noise of 25 units clipped and rounded to 8 bits ('stored');
the shipped blind denoisers and three classical filters. Each is judged with the level told ('known') and found from the
picture ('estimated'). The estimate's constants were chosen on BSDS500's training photographs. Where it gives none, that
is counted.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _results import data_folder, report, threads
from PIL import Image
from torch import Tensor

from narrows._errors import BadData
from narrows.measuring.classical import all_filters
from narrows.measuring.metrics import psnr
from narrows.measuring.without_truth import Restorer, estimate_gains
from narrows.training.seeds import generator
from narrows.using.restore import model_for, restore_tensor

SETTINGS = {"gaussian": 1.0, "median": 3, "wiener": 5}
LEVELS = ("10", "25", "50", "photons", "25 stored")


def noisy(clean: Tensor, level: str, random: torch.Generator) -> Tensor:
    """C H W in [0, 1] with noise; not clipped unless it is stored in 8 bits."""
    units, *stored = level.split()
    variance = 0.01 * clean + (5 / 255) ** 2 if units == "photons" else torch.full_like(clean, (int(units) / 255) ** 2)
    found = clean + torch.randn(clean.shape, generator=random) * variance.sqrt()
    return (found.clamp(0, 1) * 255).round() / 255 if stored else found


def restorers(channels: int) -> dict[str, Restorer]:
    """The network first, then the filters."""
    model, filters = model_for("denoise", channels), all_filters()

    def by(name: str, setting: Any) -> Restorer:
        return lambda picture: filters[name].apply(picture, setting).clamp(0, 1)

    return {"network": lambda picture: restore_tensor(model, picture[None])[0]} | {
        name: by(name, setting) for name, setting in SETTINGS.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--sets", default="BSD68,Kodak")
    parser.add_argument("--every", type=int, default=1, help="only every so manieth picture")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads(args.threads)
    data, began = data_folder(args.data), time.perf_counter()
    files = {
        "BSD68": ("L", sorted((data / "denoise" / "bsd68").glob("*.png"))),
        "Kodak": ("RGB", sorted((data / "color" / "kodak24").glob("*.png"))),
        "train": ("L", sorted((data / "color" / "bsds500" / "train").glob("*.jpg"))),
    }
    found: dict[tuple[str, str, str, str], list[tuple[float, float, float]]] = defaultdict(list)
    refused: list[str] = []
    for name in args.sets.split(","):
        mode, paths = files[name]
        for number, path in list(enumerate(paths))[:: args.every]:
            pixels = torch.from_numpy(np.array(Image.open(path).convert(mode))).float() / 255
            clean = pixels[None] if mode == "L" else pixels.permute(2, 0, 1)
            network, *others = (each := restorers(len(clean))).values()
            for level in LEVELS:
                seen = noisy(clean, level, generator(0, "noise", number, LEVELS.index(level)))
                before = psnr(seen[None], clean[None])
                true = {key: float(psnr(one(seen)[None], clean[None]) - before) for key, one in each.items()}
                for told in (None, *([float(level)] if level.isdecimal() else [])):
                    try:
                        gains = estimate_gains(
                            seen, network, dict(zip(SETTINGS, others, strict=True)), level=told,
                            generator=generator(0, "probe", number),
                        ).gains  # fmt: skip
                    except BadData as error:
                        refused.append(f"{path.name}, noise {level}: {error}")
                        continue
                    for key, gain in gains.items():
                        how = "estimated" if told is None else "known"
                        found[how, name, key, level].append(
                            (gain.low <= true[key] <= gain.high, gain.high - gain.low, gain.value - true[key])
                        )
    print(*refused, sep="\n")
    rows = []
    for how in ("known", "estimated"):
        for name in args.sets.split(","):
            for who in ("network", "filters"):
                part = [
                    value for key, values in found.items() for value in values
                    if key[:2] == (how, name) and (key[2] == "network") == (who == "network")
                ]  # fmt: skip
                rows.append({"level": how, "set": name, "of": who, **_summary(part)})
        for level in LEVELS:
            part = [value for key, values in found.items() for value in values if key[0] == how and key[3] == level]
            if part:
                rows.append({"level": how, "set": "all", "of": f"noise {level}", **_summary(part)})
        every = [value for key, values in found.items() for value in values if key[0] == how]
        rows.append({"level": how, "set": "all", "of": "all", **_summary(every)})
    report(
        "estimated_gain", rows, target="holds 90 % (beyond 95 %), median width 0.5 dB (beyond 0.3 dB)",
        no_estimate=len(refused), seconds=round(time.perf_counter() - began),
    )  # fmt: skip


def _summary(part: list[tuple[float, float, float]]) -> dict[str, Any]:
    holds, widths, errors = (np.array(column, dtype=float) for column in zip(*part, strict=True))
    return {
        "estimates": len(part), "holds %": round(100 * holds.mean(), 1), "median width dB": round(np.median(widths), 3),
        "mean error dB": round(errors.mean(), 3), "median |error| dB": round(np.median(np.abs(errors)), 3),
    }  # fmt: skip


if __name__ == "__main__":
    main()
