"""The upper half of a face to the lower: Olivetti, persons who took no part, beside ridge, nearest neighbors and trees.

    python benchmarks/halves.py --data DATA --out RUN            32 persons to learn from, 8 to judge by
    python benchmarks/halves.py --data DATA --out RUN --choose   26 and 6 of the 32: the other 8 are not opened

Squared error a pixel, values from 0 to 1, mean over the held-out faces; the interval is of the network's error over the
best regression's, over persons. `--set` gives settings of `narrows.fit` to choose among.
"""

from __future__ import annotations

import argparse
import ast
import time
from pathlib import Path
from typing import Any, NamedTuple

import torch
from _results import data_folder, report, threads
from PIL import Image
from scipy.io import loadmat
from torch import Tensor

import narrows
from narrows._contract import Pairs
from narrows.measuring.intervals import bootstrap_ratio
from narrows.measuring.regressions import regressions
from narrows.training.seeds import generator

CHOSEN: dict[str, Any] = {
    "kind": "undercomplete", "architecture": "mlp", "code_size": 64, "n_nodes": (512, 256), "shift": 6, "mirror": True,
    "steps": 1500,
}  # fmt: skip
"""By `--choose`; docs/log.md has the comparison."""
TEST = 8
"""Persons, drawn once, who judge."""


def faces(data: Path) -> Tensor:
    """40 10 1 64 64 in [0, 1]: persons, pictures."""
    found = loadmat(data / "faces" / "olivetti" / "olivettifaces.mat")["faces"]
    return torch.from_numpy(found.T.copy()).float().reshape(40, 10, 1, 64, 64).transpose(-1, -2).contiguous() / 255


def lay_out(found: Tensor, to: Path) -> tuple[Path, Path]:
    """Folders `upper` and `lower` with one folder a person."""
    for person, pictures in enumerate(found):
        for number, picture in enumerate(pictures):
            for name, half in (("upper", picture[0, :32]), ("lower", picture[0, 32:])):
                folder = to / name / f"{person:02}"
                folder.mkdir(parents=True, exist_ok=True)
                Image.fromarray((half * 255).round().byte().numpy()).save(folder / f"{number}.png")
    return to / "upper", to / "lower"


def read(text: str) -> Any:
    """A number or a tuple of numbers, else the text."""
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


class Asked(NamedTuple):
    """What a benchmark on persons was asked for."""

    args: argparse.Namespace
    every: Tensor
    """As `faces` gives them."""
    learning: Tensor
    judging: Tensor
    """Which persons."""
    settings: dict[str, Any]
    """Of `narrows.fit`."""


def asked_for(about: str, chosen: dict[str, Any], seeds: str) -> Asked:
    """The options of a benchmark on persons, and what they mean: who learns, who judges, with which settings."""
    parser = argparse.ArgumentParser(description=about.split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--choose", action="store_true")
    parser.add_argument("--seeds", default=seeds)
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads(args.threads)
    order = torch.randperm(40, generator=generator(0, "persons"))
    test, others = order[:TEST], order[TEST:]
    learning, judging = (others[6:], others[:6]) if args.choose else (others, test)
    settings = chosen | {name: read(value) for name, value in (one.split("=", 1) for one in args.set)}
    return Asked(args, faces(data_folder(args.data)), learning, judging, settings)


def main() -> None:
    args, every, learning, judging, settings = asked_for(__doc__ or "", CHOSEN, seeds="0,1,2")
    upper, truth = (every[judging][..., rows, :].flatten(0, 1) for rows in (slice(0, 32), slice(32, 64)))
    known = [Pairs(one[None, ..., :32, :], one[None, ..., 32:, :], {}) for one in every[learning].flatten(0, 1)]
    asked = [Pairs(x[None], y[None], {}) for x, y in zip(upper, truth, strict=True)]
    errors = {
        name: (torch.stack(results) - truth).square().flatten(1).mean(1)
        for name, results in regressions(known, asked, seed=0).items()
    }  # fmt: skip
    best = min(errors, key=lambda name: float(errors[name].mean()))
    rows: list[dict[str, Any]] = [{"by": name, "error": float(one.mean())} for name, one in errors.items()]
    folders = lay_out(every[learning], args.out / ("choose" if args.choose else "all"))
    for seed in map(int, args.seeds.split(",")):
        began = time.perf_counter()
        fitted = narrows.fit(pairs=folders, group_by="folder", held_out=0.0, seed=seed, check_pairs=False, **settings)
        results = [narrows.restore(one[0].numpy(), model=fitted.model.model) for one in upper]
        found = torch.stack([torch.from_numpy(one) for one in results])
        error = (found.reshape(truth.shape) - truth).square().flatten(1).mean(1)
        by_person = [each.reshape(len(judging), -1).mean(1) for each in (error, errors[best])]
        over = bootstrap_ratio(by_person[0], by_person[1], generator=generator(0, "intervals", seed))
        rows.append({"by": f"network, seed {seed}", "error": float(error.mean()), f"over {best}": str(over),
                     "seconds": round(time.perf_counter() - began)})  # fmt: skip
    report("halves" + ("_choose" if args.choose else ""), rows, settings=str(settings), persons=len(judging),
           target="below the best regression's error (beyond: 10 % below)")  # fmt: skip


if __name__ == "__main__":
    main()
