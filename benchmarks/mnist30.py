"""MNIST through 30 values: 784-1000-500-250-30, squared test error summed over pixels, mean over pictures.

    python benchmarks/mnist30.py --data DATA --minutes 10             the net of Hinton & Salakhutdinov 2006
    python benchmarks/mnist30.py --data DATA --minutes 20 --small     the same shape with at most 2 M parameters
    python benchmarks/mnist30.py --data DATA --minutes 0.667 --plain  `narrows fit` with nothing else said

All 60,000 training pictures are learned from; settings were chosen by `--choose`, which holds 10,000 of them back and
never opens the test set. PCA with 30 components must give 13.87 here (Hinton & Salakhutdinov), else nothing counts.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import torch
from _results import data_folder, report, threads
from torch import Tensor

import narrows
from narrows.data.idx import read_idx
from narrows.measuring.baselines import PCABaseline
from narrows.measuring.layers import parameters_of
from narrows.measuring.metrics import squared_error
from narrows.model.folder import WEIGHTS

CODE = 30
CHOSEN: dict[str, Any] = {"batch_size": 128, "learning_rate": 4e-3, "weight_decay": 0.1, "shift": 1}
"""By `--choose`; docs/log.md has the comparison."""
NODES, SMALL = (1000, 500, 250), (690, 470, 240)
"""Nodes before the code; the second net has 1.97 M parameters."""


def pictures(data: Path, name: str) -> Tensor:
    """N 1 28 28 in [0, 1]."""
    return torch.from_numpy(read_idx(data / "digits" / "mnist" / f"{name}-images-idx3-ubyte.gz").copy())[:, None] / 255


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--small", action="store_true", help="at most 2 M parameters")
    parser.add_argument("--plain", action="store_true", help="the defaults of `narrows fit`: no net, no setting named")
    parser.add_argument("--choose", action="store_true", help="judge by 10,000 training pictures, held back")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--out", type=Path, help="keep the runs there, one a seed, to go on after an interruption")
    args = parser.parse_args()
    threads()
    folder = data_folder(args.data)
    train = pictures(folder, "train")
    learn, judge = (train[:50_000], train[50_000:]) if args.choose else (train, pictures(folder, "t10k"))
    pca = PCABaseline().fit(learn.flatten(1), CODE)
    baseline = float(squared_error(pca.reconstruct(judge.flatten(1)), judge.flatten(1)).mean())
    rows, nodes = [], SMALL if args.small else NODES
    for seed in map(int, args.seeds.split(",")):
        named = {} if args.plain else {"architecture": "mlp", "n_nodes": nodes, "loss": "mse", **CHOSEN}
        settings = {"held_out": 0.1, "validation": 0.05} if args.plain else {"held_out": 0.0, "validation": 0.0}
        run = args.out / str(seed) if args.out else None
        if run and (run / WEIGHTS).exists():
            model = narrows.load(run)
        else:
            model = narrows.fit(
                learn.numpy(), code_size=CODE, minutes=args.minutes, seed=seed, out=run, **named, **settings
            ).model
        errors = {
            name: float(squared_error(torch.from_numpy(model.reconstruct(x.numpy())), x).mean())
            for name, x in (("training", learn[:10_000]), ("test", judge))
        }
        trained = model.card["training"]
        rows.append({
            "seed": seed, "test error": errors["test"], "training error": errors["training"],
            f"PCA-{CODE}": baseline, "over PCA": errors["test"] / baseline,
            "training clock s": trained["seconds"], "steps": trained["total"], "loss": model.card["loss"],
            "net": str(model.card["architecture"]["options"]["n_nodes"]), "parameters": parameters_of(model.model),
        })  # fmt: skip
    said = [word for word in ("small", "plain", "choose") if getattr(args, word)]
    report("_".join(["mnist30", *said]), rows, published="Hinton & Salakhutdinov 2006: 3.00 (test), PCA 13.87")


if __name__ == "__main__":
    main()
