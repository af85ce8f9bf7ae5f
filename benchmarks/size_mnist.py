"""`narrows size` on MNIST in 20 minutes, judged by a run of five times that.

Reached when the held-out error at the verdict is within 5 % of the best size of the longer run, and no tried code of
three quarters the size or less is within 5 % too. Both are read off the longer run's curve, which tries the verdict's
size as well. Resumable: both sweeps go on where they were stopped.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from _results import data_folder, report, threads

from narrows.sweep import size

TRIED = ("size", "error", "pca", "half", "falling")
"""What is kept of each size."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder with MNIST's train-images file (IDX, also gzipped)")
    parser.add_argument("--minutes", type=float, default=20)
    parser.add_argument("--times", type=float, default=5, help="how much longer the judging run is")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("size-mnist"))
    given = parser.parse_args()
    threads(given.threads)
    given.work.mkdir(parents=True, exist_ok=True)
    folder = data_folder(given.data)
    pictures = next(path for path in sorted(folder.rglob("train-images*")) if path.is_file())

    def sweep(name: str, minutes: float, seed: int) -> dict[str, Any]:
        """What was found, kept in a file: a finished sweep is not made again."""
        kept = given.work / f"{name}-{seed}.json"
        if not kept.exists():
            found = size(pictures, out=given.work / f"{name}-{seed}", minutes=minutes, seed=seed)
            verdict = {"code_size": found.verdict.code_size, "interval": list(found.verdict.interval[1:]),
                       "decided": found.verdict.decided, "sentence": found.verdict.sentence()}  # fmt: skip
            tried = [{name: getattr(one, name) for name in TRIED} for one in found.tried]
            kept.write_text(json.dumps({"verdict": verdict, "tried": tried}), encoding="utf-8")
        found = json.loads(kept.read_text(encoding="utf-8"))
        print(found["verdict"]["sentence"], flush=True)
        return found

    short = sweep("short", given.minutes, given.seed)
    long = sweep("long", given.minutes * given.times, given.seed + 100)
    chosen = short["verdict"]["code_size"]
    best = min(one["error"] for one in long["tried"])
    nearest = min(long["tried"], key=lambda one: abs(one["size"] - chosen))
    smaller = [one for one in long["tried"] if one["size"] <= 0.75 * chosen]
    rows = [{**one, "over the best": one["error"] / best} for one in long["tried"]]
    report(
        "size_mnist", rows, verdict=chosen, interval=short["verdict"]["interval"], decided=short["verdict"]["decided"],
        judged_at=nearest["size"], within_5_percent=nearest["error"] <= 1.05 * best,
        no_smaller_within_5_percent=all(one["error"] > 1.05 * best for one in smaller),
        short_curve={one["size"]: one["error"] for one in short["tried"]}, long_verdict=long["verdict"]["code_size"],
    )  # fmt: skip


if __name__ == "__main__":
    main()
