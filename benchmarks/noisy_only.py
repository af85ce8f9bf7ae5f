"""A denoiser that has never seen a clean picture, beside its twin that has: Kodak24 crops at sigma 25.

    python benchmarks/noisy_only.py --data DATA --out RUN --steps 24000

Both learn from the same 432 photographs of BSDS500 by `narrows.fit(..., task="denoise")`: the one from copies that were
given noise once, before anything began, and it is not told how much; the twin from the clean ones, with new noise in
every step. Same net, seed, steps and batches. So that no noise is cut off, files hold v / 2 + 1/4 in 16 bits; the
photographs that judge are scaled alike. Noise and PSNR as in denoise.py; the same command goes on where it stopped.
With --only the twins can be trained beside each other.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from _results import data_folder, report, threads
from denoise import noisy, pictures, psnr
from PIL import Image

import narrows
from narrows.measuring.intervals import bootstrap
from narrows.model.folder import WEIGHTS, load
from narrows.model.model import Model
from narrows.training.seeds import generator
from narrows.using.restore import restore_tensor

SIGMA = 25
_SCALE, _START = 0.5, 0.25
_TOP = 65_535


def photographs(data: Path) -> list[Path]:
    """BSDS500 without the 68 that judge elsewhere."""
    colour = data / "color" / "bsds500"
    judging = {Path(name).stem for name in (colour / "cbsd68.txt").read_text().split()}
    return sorted(path for path in colour.glob("*/*.jpg") if path.stem not in judging)


def lay_out(files: list[Path], to: Path, sigma: float) -> Path:
    """16-bit TIFF files with noise of `sigma` units of 1/255, drawn once."""
    to.mkdir(parents=True, exist_ok=True)
    for number, path in enumerate(files):
        pixels = np.asarray(Image.open(path).convert("RGB")) / 255
        pixels = pixels + np.random.default_rng(number).normal(0, sigma / 255, pixels.shape) if sigma else pixels
        stored = np.rint((pixels * _SCALE + _START).clip(0, 1) * _TOP).astype(np.uint16)
        tifffile.imwrite(to / f"{path.stem}.tif", stored, photometric="rgb")
    return to


def restored(model: Model, seen: np.ndarray) -> np.ndarray:
    """H W 3 with noise, float -> 8 bits."""
    scaled = torch.from_numpy(seen * _SCALE + _START).float().permute(2, 0, 1)[None]
    found = (restore_tensor(model, scaled)[0].permute(1, 2, 0).numpy() - _START) / _SCALE
    return np.rint(found.clip(0, 1) * 255).astype(np.uint8)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=24_000)
    parser.add_argument(
        "--learn-from", help="instead of what the program chooses: recorrupted, neighbours, blind_spots"
    )
    parser.add_argument("--batch", type=int, default=16, help="patches a step")
    parser.add_argument("--only", choices=("noisy", "clean"), help="train this one and judge nothing")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads(args.threads)
    data = data_folder(args.data)
    files = photographs(data)
    same: dict[str, Any] = {
        "task": "denoise", "steps": args.steps, "seed": args.seed, "batch_size": args.batch, "patch": 64, "loss": "mse",
        "held_out": 0.02, "validation": 0.03, "weight_decay": 1e-5,
    }  # fmt: skip
    rows, scores = [], {}
    judging = [] if args.only else pictures(data)["Kodak24"]
    for name, sigma, own in (
        ("noisy", SIGMA, {"learn_from": args.learn_from}),
        ("clean", 0, {"options": {"level": SIGMA * _SCALE}}),
    ):
        if args.only not in (None, name):
            continue
        run = args.out / f"{name}-{args.learn_from or 'auto'}-{args.seed}" if sigma else args.out / f"clean-{args.seed}"
        if not (run / WEIGHTS).exists():
            narrows.fit(lay_out(files, args.out / f"{name}-pictures", sigma), out=run, progress=_told, **own, **same)
        if args.only:
            return
        model = load(run)
        scores[name] = np.array([psnr(restored(model, noisy(clean, SIGMA)), clean) for clean in judging])
        rows.append({
            "learned from": name, "PSNR": round(float(scores[name].mean()), 3),
            "how": model.card["task"]["options"]["learn_from"], "steps": model.card["training"]["total"],
            "training clock s": round(model.card["training"]["seconds"]),
        })  # fmt: skip
    distance = bootstrap(
        torch.from_numpy(scores["clean"] - scores["noisy"]), generator=generator(args.seed, "interval")
    )
    report(
        "noisy_only", rows, distance=[round(value, 3) for value in distance], seed=args.seed, threads=args.threads,
        target="0.4 dB (beyond 0.15 dB) below a twin of 31.7 dB or more",
    )  # fmt: skip


def _told(event: dict[str, Any]) -> None:
    if event["event"] == "evaluated" and event.get("held_out") is not None:
        print(f"step {event['step']} of {event['total']}: {event['held_out']:.6g}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
