"""Real camera noise: PolyU's 100 pairs, half of the scenes to learn from, the other half to judge.

    python benchmarks/real_noise.py --data DATA --out RUN

Scenes are told apart by name and dealt in turn, so that no scene lies on both sides and every camera does. The
network is `narrows fit --pairs noisy/ clean/ --task denoise --from denoise-colour`; filters are set on the same half
(BM3D also with several times the noise that it measures, since this noise is spread over neighboring pixels). PSNR of
8-bit results over the whole picture, in dB; the interval is of the gain over the best filter, over pictures.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import torch
from _results import data_folder, report, threads
from restoration import opened, rounded, score
from torch import Tensor

import narrows
from narrows.measuring.classical import all_filters
from narrows.measuring.intervals import bootstrap_difference
from narrows.model.folder import load
from narrows.training.seeds import generator
from narrows.using.restore import model_for, restore_tensor

SHARES = (0.7, 1.0, 1.5, 2.0, 3.0)
_SIDE = 192
"""Pixels of the middle by which a setting is chosen."""


def halves(folder: Path) -> tuple[list[Path], list[Path]]:
    """The noisy files to learn from, and those to judge by."""
    files = sorted(folder.glob("*_real.JPG"))
    assert len(files) == 100, f"{len(files)} pairs found"
    scenes = sorted({_scene(path) for path in files})
    sides = {scene: number % 2 for number, scene in enumerate(scenes)}
    found = tuple([path for path in files if sides[_scene(path)] == side] for side in (0, 1))
    cameras = [{path.name.split("_")[0] for path in half} for half in found]
    assert cameras[0] == cameras[1], cameras
    return found[0], found[1]


def _scene(path: Path) -> str:
    return path.stem.split("_")[-3]


def pair(path: Path) -> tuple[Tensor, Tensor]:
    """Noisy and clean, C H W."""
    return opened(path, "RGB"), opened(path.with_name(path.name.replace("_real", "_mean")), "RGB")


def lay_out(files: list[Path], to: Path) -> tuple[Path, Path]:
    """Folders `noisy` and `clean` with one folder a scene."""
    for path in files:
        for side, name in (("noisy", path.name), ("clean", path.name.replace("_real", "_mean"))):
            folder = to / side / _scene(path)
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path.with_name(name), folder / path.name.replace("_real", ""))
    return to / "noisy", to / "clean"


def middle(picture: Tensor, most: int) -> Tensor:
    """At most so many pixels a side."""
    rows, cols = (slice(start, start + most) for start in (max(0, (n - most) // 2) for n in picture.shape[1:]))
    return picture[:, rows, cols].contiguous()


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--side", type=int, default=512, help="judge on the middle, so many pixels a side; 512 is all")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads(args.threads)
    learning, judging = halves(data_folder(args.data) / "denoise" / "polyu_real")
    run = args.out / f"denoise-{args.seed}"
    if not (run / "model.safetensors").exists():
        narrows.fit(
            pairs=lay_out(learning, args.out / "pairs"), task="denoise", channels=3, begin_with="denoise-colour",
            steps=args.steps, batch_size=4, patch=128, learning_rate=5e-4, group_by="folder", held_out=0.1,
            validation=0.15, seed=args.seed, out=run,
        )  # fmt: skip
    model = load(run)
    known = [tuple(middle(one, _SIDE) for one in pair(path)) for path in learning[:: len(learning) // 16]]
    pairs = [tuple(middle(one, args.side) for one in pair(path)) for path in judging]
    scores: dict[str, list[float]] = {"untouched": [score(x, y) for x, y in pairs]}
    rows: list[dict[str, Any]] = []
    for name in ("gaussian", "median", "wiener", "bilateral", "non_local_means", "bm3d"):
        one = all_filters()[name]
        settings = SHARES if name == "bm3d" else one.settings
        setting = max(settings, key=lambda s: sum(score(one.apply(x, s), y) for x, y in known))
        scores[f"{one.title} {setting:g}"] = [score(one.apply(x, setting), y) for x, y in pairs]
        print(f"{name} {setting}", flush=True)
    best = max(list(scores)[1:], key=lambda name: sum(scores[name]))
    for name, use in (("shipped denoise-colour", model_for("denoise", 3)), ("network", model)):
        scores[name] = [float(score(rounded(restore_tensor(use, x[None])[0]), y)) for x, y in pairs]
    for name, values in scores.items():
        row: dict[str, Any] = {"by": name, "PSNR": round(sum(values) / len(values), 3)}
        over = bootstrap_difference(
            torch.tensor(values), torch.tensor(scores[best]), generator=generator(0, "intervals", len(rows))
        )
        rows.append(row | {"over the best filter": f"{over.value:.2f} [{over.low:.2f}, {over.high:.2f}]"})
    report(
        "real_noise", rows, pictures=len(judging), learned_from=len(learning), best_filter=best, seed=args.seed,
        side=args.side, steps=args.steps, target="0.3 dB over the best filter (beyond 1 dB)",
    )  # fmt: skip


if __name__ == "__main__":
    main()
