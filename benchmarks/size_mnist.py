"""`narrows size` on MNIST in 20 minutes, judged by a run of five times that.

Reached when the held-out error at the verdict is within 5 % of the best size of the longer run, and no tried code of
three quarters the size or less is within 5 % too. Both are read off the longer run's curve, which tries the verdict's
size as well. Resumable: both sweeps go on where they were stopped.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from _results import data_folder, report, threads

from narrows import WouldOverwrite
from narrows.sweep import Sized, size


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder with MNIST's train-images file (IDX, also gzipped)")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--times", type=float, default=5, help="how much longer the judging run is")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path, default=Path("size-mnist"))
    given = parser.parse_args()
    threads(2)
    folder = data_folder(given.data)
    pictures = next(path for path in sorted(folder.rglob("train-images*")) if path.is_file())

    def sweep(name: str, minutes: float, seed: int) -> Sized:
        out = given.work / f"{name}-{seed}"
        try:
            return size(pictures, out=out, minutes=minutes, seed=seed)
        except WouldOverwrite as error:
            raise SystemExit(f"{error}; --work chooses another folder") from None

    short = sweep("short", given.minutes, given.seed)
    print(short.verdict.sentence(), flush=True)
    long = sweep("long", given.minutes * given.times, given.seed + 100)
    print(long.verdict.sentence(), flush=True)
    chosen = short.verdict.code_size
    best = min(long.tried, key=lambda one: one.error)
    nearest = min(long.tried, key=lambda one: abs(one.size - chosen))
    smaller = [one for one in long.tried if one.size <= 0.75 * chosen]
    rows = [
        {
            "size": one.size, "error": one.error, "over the best": one.error / best.error, "PCA": one.pca,
            "half": one.half, "falling": one.falling,
        }
        for one in long.tried
    ]  # fmt: skip
    report(
        "size_mnist", rows, verdict=chosen, interval=list(short.verdict.interval[1:]), decided=short.verdict.decided,
        judged_at=nearest.size, within_5_percent=nearest.error <= 1.05 * best.error,
        no_smaller_within_5_percent=all(one.error > 1.05 * best.error for one in smaller),
        short_curve={one.size: one.error for one in short.tried}, long_verdict=long.verdict.code_size,
    )  # fmt: skip


if __name__ == "__main__":
    main()
