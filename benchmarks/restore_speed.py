"""How fast the shipped models restore, beside the classical denoisers.

    python benchmarks/restore_speed.py

Megapixels a second, tensor to tensor, of one picture of 2048x2048 pixels (results of that size for models that
enlarge), two threads: the median of five passes after one to warm up. `bm3d` (the package) takes 512x512 pixels,
non-local means (OpenCV, as the classical filter here calls it) 1024x1024, once each.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from _results import report, threads
from torch import Tensor

from narrows.measuring.classical import all_filters
from narrows.model import zoo
from narrows.model.folder import load
from narrows.using.restore import restore_tensor

_SIDE, _PASSES = 2048, 5


def noisy(channels: int, side: int) -> Tensor:
    """C H W: waves with noise of 25 units."""
    across = torch.linspace(0, 40, side)
    picture = 0.5 + 0.4 * torch.sin(across)[None, :, None] * torch.cos(across)[None, None, :]
    random = torch.Generator().manual_seed(0)
    return picture.expand(channels, -1, -1) + 25 / 255 * torch.randn((channels, side, side), generator=random)


def megapixels(work: Callable[[], Tensor], passes: int) -> float:
    """Of the result, a second."""
    seconds = []
    for _ in range(passes):
        began = time.perf_counter()
        found = work()
        seconds.append(time.perf_counter() - began)
    return found.shape[-1] * found.shape[-2] / 1e6 / statistics.median(seconds)


def main() -> None:
    argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0]).parse_args()
    threads()
    rows: list[dict[str, Any]] = []
    slow = {}
    for name, side in (("bm3d", 512), ("non_local_means", 1024)):
        one, picture = all_filters()[name], noisy(1, side)
        slow[name] = megapixels(lambda one=one, picture=picture: one.apply(picture, one.settings[0]), 1)
        rows.append({"model": one.title, "pictures": "grey", "Mpixel/s": round(slow[name], 4)})
    for name, place in zoo.shipped().items():
        model = load(place)
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        picture = noisy(model.shape[0], _SIDE // model.task.scale)[None]
        restore_tensor(model, picture)
        speed = megapixels(lambda model=model, picture=picture: restore_tensor(model, picture), _PASSES)
        rows.append({
            "model": name, "pictures": "grey" if model.shape[0] == 1 else "colour", "Mpixel/s": round(speed, 3),
            "over bm3d": round(speed / slow["bm3d"], 1),
            "over non-local means": round(speed / slow["non_local_means"], 2),
        })  # fmt: skip
    report("restore_speed", rows)


if __name__ == "__main__":
    main()
