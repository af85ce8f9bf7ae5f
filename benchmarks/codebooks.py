"""`vqvae` and `fsq` beside the modules of vector-quantize-pytorch, in the same nets and the same training loop.

    python benchmarks/codebooks.py --data DATA --out RUN                     MNIST and 10,000 small faces of CelebA
    python benchmarks/codebooks.py --data DATA --out RUN --sets MNIST        only the one

`pip install vector-quantize-pytorch` first. One net, `conv` with a grid, built from the seed; its codebook is ours, or
theirs: `VectorQuantize` once as it comes and once with what its README advises against dead codes (k-means at the
start, `threshold_ema_dead_code=2`), and `FSQ`. 512 vectors of 16 values, or levels of (8, 5, 5, 5), which make 1,000
codes. Same pictures, order, steps and learning rate. Squared error a picture, summed over values, and the share of
codes that comes up at all, on test pictures: MNIST's, and the last 1,000 faces (64x64 of the middle; they and what
learns from them stay outside the project). Finished rows are kept in RUN.
"""

from __future__ import annotations

import argparse
import io
import json
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _results import data_folder, report, threads
from kinds import digits
from PIL import Image
from torch import Tensor, nn

from narrows._contract import AbstractAutoencoder, Batch, DataFacts, Step, Trainable
from narrows.model.build import make
from narrows.training.config import TrainingConfig
from narrows.training.loop import Supply, train
from narrows.training.seeds import generator

LEVELS = (8, 5, 5, 5)
VECTORS, WIDTH = 512, 16
SIDE, TEST_FACES = 64, 1000
OURS, THEIRS = "narrows", "vector-quantize-pytorch"


class Theirs(Trainable):
    """Our encoder and decoder around one of their modules, which gives codes, numbers, and a loss where it has one."""

    def __init__(self, ours: AbstractAutoencoder, codebook: nn.Module) -> None:
        super().__init__()
        self.ours, self.codebook = ours, codebook

    def start(self, facts: DataFacts) -> None:
        AbstractAutoencoder.start(self.ours, facts)

    def coded(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor | float]:
        found = self.codebook(self.ours.encoder(x).to(x.dtype))  # type: ignore[operator]
        return found if len(found) == 3 else (*found, 0.0)

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        code, _, extra = self.coded(batch.x)
        return {"loss": self.ours.loss(self.ours.decode_raw(code), batch.target).mean() + extra}


def net(kind: str, shape: tuple[int, ...], seed: int) -> Any:
    """An autoencoder of ours, its weights drawn from the seed."""
    options = {"codebook": VECTORS} if kind == "vqvae" else {"levels": LEVELS}
    size = WIDTH if kind == "vqvae" else len(LEVELS)
    return make(
        shape=shape, kind=kind, architecture="conv", n_nodes=32, code_size=size, loss="mse", options=options, seed=seed
    ).autoencoder


def contestants(kind: str, shape: tuple[int, ...], seed: int) -> dict[str, Trainable]:
    """Name of the side to the module that is trained."""
    from vector_quantize_pytorch import FSQ, VectorQuantize

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if kind == "fsq":
            others: dict[str, nn.Module] = {THEIRS: FSQ(levels=list(LEVELS), channel_first=True)}
        else:
            plain = {"dim": WIDTH, "codebook_size": VECTORS, "accept_image_fmap": True}
            others = {
                THEIRS: VectorQuantize(**plain),
                f"{THEIRS}, as advised": VectorQuantize(**plain, kmeans_init=True, threshold_ema_dead_code=2),
            }
    return {OURS: net(kind, shape, seed)} | {
        name: Theirs(net(kind, shape, seed), codebook) for name, codebook in others.items()
    }


def faces(data: Path) -> Tensor:
    """N 3 64 64 in [0, 1], as they are numbered."""
    path = next((data / "faces" / "celeba10k").glob("*.zip"))
    with zipfile.ZipFile(path) as archive:
        found = []
        for name in sorted(name for name in archive.namelist() if name.endswith(".jpg")):
            photo = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
            left, top = (photo.width - 80) // 2, (photo.height - 80) // 2
            small = photo.crop((left, top, left + 80, top + 80)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)
            found.append(np.asarray(small))
    return torch.from_numpy(np.stack(found)).permute(0, 3, 1, 2).contiguous()


@torch.no_grad()
def judged(module: Any, pictures: Tensor) -> tuple[float, float]:
    """Squared error a picture, and the share of codes in use."""
    errors, seen = [], []
    for part in pictures.split(200):
        if isinstance(module, Theirs):
            code, indices, _ = module.coded(part)
            result = module.ours.decode(code)
        else:
            code = module.encode(part)
            indices, result = module.to_indices(code), module.decode(code)
        errors.append((result - part).square().flatten(1).sum(1))
        seen.append(indices.flatten())
    count = int(np.prod(LEVELS)) if _is_fsq(module) else VECTORS
    return float(torch.cat(errors).mean()), len(torch.cat(seen).unique()) / count


def _is_fsq(module: Any) -> bool:
    return type(getattr(module, "ours", module)).__name__ == "FSQ"


def trained(module: Trainable, pictures: Tensor, args: argparse.Namespace, seed: int) -> float:
    """Seconds of training."""
    some = pictures[: 1024 if len(pictures) > 1024 else None]
    facts = DataFacts(len(pictures), pictures.mean(0), some, generator(seed, "facts"))
    supply = Supply(len(pictures), lambda at, step: Batch(pictures[at], pictures[at]))
    config = TrainingConfig(
        steps=args.steps, batch_size=args.batch, seed=seed, learning_rate=args.rate, evaluations=1, device="cpu"
    )
    return train(module, supply, None, config, facts=lambda: facts).history.seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--sets", default="MNIST,CelebA")
    parser.add_argument("--steps", type=int, default=2000)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads(args.threads)
    data, rows = data_folder(args.data), []
    args.out.mkdir(parents=True, exist_ok=True)
    for name in args.sets.split(","):
        if name == "MNIST":
            found = digits(data, quick=False)
            learned, test = found.train, found.test
        else:
            every = faces(data).float() / 255
            learned, test = every[:-TEST_FACES], every[-TEST_FACES:]
        for kind in ("vqvae", "fsq"):
            for seed in map(int, args.seeds.split(",")):
                mine: list[dict[str, Any]] = []
                for side, module in contestants(kind, tuple(test.shape[1:]), seed).items():
                    kept = (
                        args.out / f"{name}-{kind}-{side.replace(', ', '-').replace(' ', '-')}-{args.steps}-{seed}.json"
                    )
                    if not kept.exists():
                        began = time.process_time()
                        seconds = trained(module, learned, args, seed)
                        error, use = judged(module.eval(), test)
                        kept.write_text(json.dumps({
                            "set": name, "kind": kind, "by": side, "seed": seed, "error": error,
                            "in use %": round(100 * use, 1), "training clock s": round(seconds),
                            "processor s": round(time.process_time() - began),
                        }))  # fmt: skip
                    mine.append(json.loads(kept.read_text()))
                    print(mine[-1], file=sys.stderr, flush=True)
                best = min(row["error"] for row in mine[1:])
                mine[0]["over theirs"] = round(mine[0]["error"] / best, 3)
                rows += mine
    report(
        f"codebooks_{args.steps}", rows, steps=args.steps, batch=args.batch, learning_rate=args.rate,
        target="95 % in use (beyond 99 %), error at most 1.0 of theirs (beyond 0.95)",
    )  # fmt: skip


if __name__ == "__main__":
    main()
