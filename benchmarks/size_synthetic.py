"""`narrows size` where the answer is known: random smooth maps of a d-cube, and TwoNN alone beside it.

x = sin(f W u + b) + noise: u uniform in a cube of d dimensions, W and b random, 5,000 points into 64 to 784
dimensions, noise 20 dB below the signal. The frequency f is the smallest of a fixed ladder at which PCA needs at least
3 d components for 95 % of the variance. A verdict counts when it is within 1 of d (20 % for d = 16). Seeds 100 and up
are for design; the table is of seeds 0 to 9, which chose nothing. Resumable: finished data sets are kept in --work.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from _results import report

from narrows.measuring.intrinsic import twonn
from narrows.sweep import size

POINTS, WIDTHS, FIRST, LADDER = 5000, (64, 128, 256, 512, 784), 0.3, 1.12


def make(dimension: int, seed: int) -> tuple[np.ndarray, int]:
    """(POINTS P float32, components that PCA needs for 95 %)."""
    random = np.random.default_rng([dimension, seed])
    width = int(random.choice(WIDTHS))
    inside = random.uniform(-1, 1, (POINTS, dimension))
    turned = random.standard_normal((dimension, width)) / np.sqrt(dimension)
    start = random.uniform(0, 2 * np.pi, width)
    frequency = FIRST
    while True:
        clean = np.sin(frequency * inside @ turned + start)
        noisy = clean + random.standard_normal(clean.shape) * np.sqrt(clean.var(0).mean() / 100)
        values = np.linalg.eigvalsh(np.cov(noisy.T))[::-1]
        needed = int((np.cumsum(values) / values.sum() < 0.95).sum()) + 1
        if needed >= 3 * dimension:
            return noisy.astype(np.float32), needed
        frequency *= LADDER


def right(answer: float, dimension: int) -> bool:
    return abs(answer - dimension) <= (0.2 * dimension if dimension == 16 else 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dimensions", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10)))
    parser.add_argument("--steps", type=int, default=1500, help="of the first round of each size")
    parser.add_argument("--minutes", type=float, default=20, help="the most for one data set")
    parser.add_argument("--work", type=Path, default=Path("size-synthetic"))
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    given.work.mkdir(parents=True, exist_ok=True)
    found = []
    for dimension in given.dimensions:
        for seed in given.seeds:
            path = given.work / f"{dimension}-{seed}.json"
            if not path.exists():
                path.write_text(json.dumps(one(dimension, seed, given)), encoding="utf-8")
            found.append(json.loads(path.read_text(encoding="utf-8")))
            print(found[-1], flush=True)
    rows = [line(found, dimension) for dimension in given.dimensions]
    report("size_synthetic", [*rows, line(found, None)], each=found)


def one(dimension: int, seed: int, given: argparse.Namespace) -> dict[str, object]:
    data, needed = make(dimension, seed)
    began = time.process_time()
    swept = size(data, out=given.work / f"{dimension}-{seed}", minutes=given.minutes, steps=given.steps, seeds=2)
    local = swept.dimensions.local
    return {
        "d": dimension, "seed": seed, "width": data.shape[1], "pca95": needed,
        "verdict": swept.verdict.code_size, "interval": list(swept.verdict.interval[1:]),
        "decided": swept.verdict.decided, "reason": swept.verdict.reason, "doubt": swept.verdict.doubt,
        "twonn": twonn(torch.from_numpy(data)).value, "twonn above noise": swept.dimensions.twonn.value,
        "local": None if local is None else local.value,
        "errors": {str(t.size): t.error for t in swept.tried}, "cpu": time.process_time() - began,
    }  # fmt: skip


def line(found: list[dict], dimension: int | None) -> dict[str, object]:
    """One row of the table; None is all of them."""
    mine = [one for one in found if dimension in (None, one["d"])]

    def share(name: str) -> str:
        return f"{sum(one[name] is not None and right(one[name], one['d']) for one in mine)} of {len(mine)}"

    return {
        "d": "all" if dimension is None else dimension,
        "verdict right": share("verdict"), "TwoNN right": share("twonn"),
        "TwoNN above the noise right": share("twonn above noise"), "local PCA right": share("local"),
        "decided": sum(one["decided"] for one in mine), "by the cliff": sum(one["reason"] == "cliff" for one in mine),
        "CPU seconds each": float(np.mean([one["cpu"] for one in mine])),
    }  # fmt: skip


if __name__ == "__main__":
    main()
