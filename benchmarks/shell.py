"""What the shell sees: help, import, the first restored picture, and 24 megapixels in how much memory.

    python benchmarks/shell.py

Times are medians of runs 2 to 6, process start included. The small picture is an 8-bit grey PNG of 512x512 (PNG to
PNG), the large one an RGB JPEG of 6000x4000; both are scikit-image's photographs with noise of 25/255. Memory is the
peak resident size of the process tree.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from _results import report
from PIL import Image

NARROWS = [sys.executable, "-m", "narrows"]


def seconds(command: list[str], runs: int = 6) -> float:
    """Median of runs 2 to 6; `{n}` in the command becomes the run's number."""
    taken = []
    for number in range(runs):
        began = time.perf_counter()
        subprocess.run([part.format(n=number) for part in command], check=True, capture_output=True)
        taken.append(time.perf_counter() - began)
    return statistics.median(taken[1:])


def peak(command: list[str]) -> tuple[float, float]:
    """Seconds, and GiB of the largest resident size that the process and its children had together."""
    began, most = time.perf_counter(), 0
    running = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while running.poll() is None:
        most = max(most, sum(_resident(pid) for pid in _tree(running.pid)))
        time.sleep(0.02)
    assert running.returncode == 0, f"{command} ended with {running.returncode}"
    return time.perf_counter() - began, most / 2**30


def _tree(pid: int) -> list[int]:
    try:
        inner = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return [pid]
    return [pid, *(p for child in inner for p in _tree(int(child)))]


def _resident(pid: int) -> int:
    """The most that the process had until now: what is gone again between two looks counts as well."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))


def draw(folder: Path) -> tuple[Path, Path]:
    """The two noisy pictures."""
    from skimage import data

    random = np.random.default_rng(0)

    def dirty(picture: np.ndarray) -> np.ndarray:
        return np.clip(np.rint(picture + random.normal(0, 25, picture.shape)), 0, 255).astype(np.uint8)

    small, large = folder / "small.png", folder / "large.jpg"
    Image.fromarray(dirty(data.camera())).save(small)
    whole = np.asarray(Image.fromarray(data.astronaut()).resize((6000, 4000), Image.Resampling.BICUBIC))
    Image.fromarray(dirty(whole)).save(large, quality=92)
    return small, large


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.parse_args()
    rows = [{"measure": "narrows --help, s", "value": seconds([*NARROWS, "--help"]), "reach": "0.5", "beyond": "0.25"}]
    torch = seconds([sys.executable, "-c", "import torch"])
    both = seconds([sys.executable, "-c", "import torch, narrows"])
    rows.append({"measure": "import narrows over import torch, s", "value": both - torch, "reach": "0.1",
                 "beyond": "0.03"})  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        small, large = draw(folder)
        first = seconds([*NARROWS, "denoise", str(small), "--out", f"{folder}/small{{n}}"])
        rows.append({"measure": "first restored 512x512, s", "value": first, "reach": "5", "beyond": "2.5"})
        took, memory = peak([*NARROWS, "denoise", str(large), "--out", f"{folder}/large"])
        rows.append({"measure": "6000x4000 JPEG, s", "value": took, "reach": "150", "beyond": "60"})
        rows.append({"measure": "6000x4000 JPEG, peak GiB", "value": memory, "reach": "1.5", "beyond": "1"})
    report("shell", rows)


if __name__ == "__main__":
    main()
