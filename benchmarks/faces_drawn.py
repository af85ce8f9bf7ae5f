"""New faces from a model of 32 persons: are they copies, do they look like faces, do they cover other persons?

    python benchmarks/faces_drawn.py --data DATA --out RUN            8 persons judge
    python benchmarks/faces_drawn.py --data DATA --out RUN --choose   6 of the 32 judge: the other 8 are not opened

Olivetti, 64x64; the persons of halves.py. 64 faces are drawn from each prior. A face is a copy where it lies nearer to
a training picture than the 1st percentile of the distances between different pictures of one person (root mean square
of pixels). Precision and recall against the pictures of the judging persons, in a space that is named. The same command
goes on after an interruption; each seed's faces are drawn as RUN/faces-PRIOR-SEED.png. `--set` gives settings of
`narrows.fit` to choose among.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from _results import report
from halves import asked_for
from PIL import Image
from torch import Tensor

import narrows
from narrows.measuring.frechet import random_convolutions, sample_quality
from narrows.measuring.memorisation import check_memorisation
from narrows.model.folder import WEIGHTS, load
from narrows.training.seeds import generator
from narrows.using.sample import fit_prior

CHOSEN: dict[str, Any] = {
    "kind": "variational", "architecture": "conv", "n_nodes": 32, "code_size": 64, "steps": 1500, "batch_size": 64,
    "mirror": True, "shift": 2, "options": {"start": "random"},
}  # fmt: skip
PRIORS = {"normal": {}, "mixture": {"components": 8}, "flow": {}}
COUNT = 64


def like_one_person(persons: Tensor) -> float:
    """The 1st percentile of the distances between different pictures of one person; P 10 1 64 64."""
    each = torch.cat([torch.pdist(one.flatten(1)) for one in persons]) / persons[0, 0].numel() ** 0.5
    return float(each.quantile(0.01))


def sheet(drawn: Tensor) -> Image.Image:
    """64 faces, 8 in a row."""
    rows = (drawn.clamp(0, 1) * 255).round().byte().numpy()[:, 0].reshape(8, 8, 64, 64)
    return Image.fromarray(np.ascontiguousarray(rows.transpose(0, 2, 1, 3).reshape(512, 512)))


def main() -> None:
    args, every, learning, judging, settings = asked_for(__doc__ or "", CHOSEN, seeds="0")
    known, real = every[learning].flatten(0, 1), every[judging].flatten(0, 1)
    threshold, space = like_one_person(every[learning]), random_convolutions((1, 64, 64))
    rows = []
    for seed in map(int, args.seeds.split(",")):
        told = "-".join(["choose" * args.choose, settings["kind"], *args.set, str(seed)]).strip("-")
        run = args.out / told.replace("=", "_")
        if not (run / WEIGHTS).exists():
            narrows.fit(known.numpy(), out=run, seed=seed, held_out=0.0, validation=0.0, **settings)
        model = load(run)
        codes = model.encode(known)
        for prior, options in PRIORS.items():
            fit_prior(model, codes, prior, seed=seed, options=options)
            drawn = model.draw(COUNT, generator(seed, "draws")).clamp(0, 1)
            sheet(drawn).save(args.out / f"faces-{told}-{prior}.png")
            copies = check_memorisation(drawn, known, real, threshold=threshold)
            judged = sample_quality(drawn, real, space)
            rows.append({
                "prior": prior, "seed": seed, "copies %": 100 * copies.nearer.value, "copies": str(copies.nearer),
                "precision": judged.precision.value, "recall": judged.recall.value, "Frechet": judged.frechet,
                "nearest": float(copies.distances.median()), "nearest of others": float(copies.held_out.median()),
            })  # fmt: skip
            print(rows[-1], flush=True)
    report(
        "faces_drawn" + ("_choose" if args.choose else ""), rows, settings=str(settings), space=space.name,
        threshold=threshold, persons=len(judging), target="copies 2 % (beyond 0.5 %, recall above 0.5)",
    )  # fmt: skip


if __name__ == "__main__":
    main()
