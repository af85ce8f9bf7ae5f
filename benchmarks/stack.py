"""A stack of noisy pages learned from without clean ones, against BM3D with the Anscombe transform.

    python benchmarks/stack.py                       200 pages of 256x256, 15 minutes of training, one thread
    python benchmarks/stack.py --steps 4200          the same work, beside other work
    python benchmarks/stack.py --quick               40 pages of 128x128, 100 steps: a try

The scene is drawn here from a seed: cells that drift, turn and change their outline, each with a texture, a nucleus and
grains that move with it; filaments that bend; uneven light; bright places saturate, and a lens blurs by 1.2 pixels.
Page by page everything moves by about a pixel. The clean pages lie between 0 and 1; a page holds Poisson counts of 30
times the clean values, times 100 (the camera's gain, so that whole numbers cost nothing), as uint16.

`narrows.fit(stack, task="denoise")` is told nothing else but a learning rate of 2e-3 and how long. It holds out the
last pages, which neither train nor choose the moment to stop, and these are judged: PSNR over each page, with the range
of the clean stack, in the mean. BM3D is the package `bm3d`, which is told the gain and thereby the noise: counts
through 2 sqrt(x + 3/8), sigma 1, and back by the exact unbiased inverse (Makitalo & Foi 2011, the closed form). All
results are rounded to whole numbers.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from _results import report, threads
from PIL import Image
from scipy.ndimage import gaussian_filter, map_coordinates

import narrows
from narrows.data.stacks import open_stack
from narrows.measuring.intervals import bootstrap
from narrows.training.seeds import generator
from narrows.using.restore import model_for, restore_photo

PEAK, GAIN = 30, 100
BLUR = 1.2
"""Pixels."""
RATE = 2e-3
"""Learning rate: a short training wants large steps."""


def clean_stack(pages: int, side: int, seed: int) -> np.ndarray:
    """pages side side, float in [0, 1]."""
    random = np.random.default_rng(seed)
    cells = [_Cell(random, side) for _ in range(max(4, round(20 * (side / 256) ** 2)))]
    threads_of = [_Filament(random, side) for _ in range(max(3, round(18 * (side / 256) ** 2)))]
    rows, cols = np.mgrid[0:side, 0:side].astype(float)
    light = 0.75 + 0.25 * np.cos(np.pi * (rows + 0.6 * cols) / (1.6 * side))
    found = np.empty((pages, side, side), np.float32)
    for page in range(pages):
        picture = np.full((side, side), 0.15)
        for one in (*threads_of, *cells):
            one.draw(picture, float(page), rows, cols)
        found[page] = gaussian_filter(1 - np.exp(-1.5 * picture * light), BLUR)
    return (found / found.max()).astype(np.float32)


class _Cell:
    """An outline of a few waves that move, with a texture, a nucleus and grains."""

    def __init__(self, random: np.random.Generator, side: int) -> None:
        self.start, self.speed = random.uniform(0, side, 2), random.uniform(-0.5, 0.5, 2)
        self.wander, self.phase = random.uniform(2, 6, 2), random.uniform(0, 6.3, 2)
        self.radius, self.turning = random.uniform(15, 30), random.uniform(-0.02, 0.02)
        self.waves = random.uniform(0, 0.13, 5) / np.arange(1, 6) ** 0.5
        self.at, self.beat = random.uniform(0, 6.3, 5), random.uniform(-0.06, 0.06, 5)
        self.bright, self.edge = random.uniform(0.15, 0.45), random.uniform(0.05, 0.25)
        self.nucleus, self.middle = random.uniform(0.15, 0.5), random.uniform(-0.2, 0.2, 2)
        self.grains = random.uniform(-0.8, 0.8, (25, 2)) * self.radius
        self.grain_light = random.uniform(0.05, 0.5, 25)
        self.texture = gaussian_filter(random.normal(size=(128, 128)), 2.0, mode="wrap")
        self.texture *= random.uniform(0.05, 0.3) / self.texture.std()
        self.side = side

    def draw(self, picture: np.ndarray, time: float, rows: np.ndarray, cols: np.ndarray) -> None:
        centre = self.start + self.speed * time + self.wander * np.sin(0.05 * time + self.phase)
        reach = int(1.6 * self.radius)
        middle = np.mod(centre, self.side + 2 * reach) - reach  # what leaves on one side comes back on the other
        top, left = (max(0, int(at) - reach) for at in middle)
        part = slice(top, max(0, int(middle[0]) + reach)), slice(left, max(0, int(middle[1]) + reach))
        down, across = rows[part] - middle[0], cols[part] - middle[1]
        if down.size == 0:
            return
        angle = np.arctan2(down, across) + self.turning * time
        outline = 1 + sum(
            wave * np.cos(n * angle + at + beat * time)
            for n, (wave, at, beat) in enumerate(zip(self.waves, self.at, self.beat, strict=True), 1)
        )
        away = np.hypot(down, across)
        inside = self.radius * outline - away  # pixels from the rim
        turn = self.turning * time
        own = np.stack([
            down * np.cos(turn) + across * np.sin(turn), across * np.cos(turn) - down * np.sin(turn)
        ])  # fmt: skip
        texture = map_coordinates(self.texture, own + 64, order=1, mode="grid-wrap")
        body = self.bright * (1 + texture) + self.edge * np.exp(-(((inside - 2) / 1.5) ** 2))
        nucleus = np.hypot(*(own - self.middle[:, None, None] * self.radius)) - 0.35 * self.radius
        body += self.nucleus * np.clip(0.5 - nucleus, 0, 1)
        for place, light in zip(self.grains, self.grain_light, strict=True):
            body += light * np.exp(-(((own - place[:, None, None]) ** 2).sum(0)) / 2)
        shape = np.clip(inside + 0.5, 0, 1)
        picture[part] = picture[part] * (1 - 0.7 * shape) + body * shape


class _Filament:
    """A thin bent line, beads along it."""

    def __init__(self, random: np.random.Generator, side: int) -> None:
        self.start, self.angle = random.uniform(0, side, 2), random.uniform(0, 6.3)
        self.length, self.speed = random.uniform(0.3, 1.0) * side, random.uniform(-0.3, 0.3, 2)
        self.bends, self.phases = random.uniform(2, 14, 3), random.uniform(0, 6.3, 3)
        self.beats, self.light = random.uniform(-0.06, 0.06, 3), random.uniform(0.1, 0.5)

    def draw(self, picture: np.ndarray, time: float, rows: np.ndarray, cols: np.ndarray) -> None:
        side = len(picture)
        along = np.arange(0, self.length, 0.25)
        aside = sum(
            bend * np.sin(2 * np.pi * (n + 1) * along / self.length + phase + beat * time)
            for n, (bend, phase, beat) in enumerate(zip(self.bends, self.phases, self.beats, strict=True))
        )
        sin, cos = np.sin(self.angle), np.cos(self.angle)
        down = self.start[0] + self.speed[0] * time + sin * along + cos * aside
        across = self.start[1] + self.speed[1] * time + cos * along - sin * aside
        light = self.light * (1 + 0.4 * np.sin(along / 3)) * 0.25
        for dy in (0, 1):
            for dx in (0, 1):  # every point is shared by the four pixels around it
                y, x = np.floor(down).astype(int) + dy, np.floor(across).astype(int) + dx
                share = (1 - np.abs(down - y)) * (1 - np.abs(across - x))
                kept = (y >= 0) & (y < side) & (x >= 0) & (x < side)
                np.add.at(picture, (y[kept], x[kept]), (4 * light * share)[kept])


def noisy_stack(clean: np.ndarray, seed: int) -> np.ndarray:
    """uint16."""
    return (GAIN * np.random.default_rng(seed + 1).poisson(PEAK * clean)).astype(np.uint16)


def by_bm3d(page: np.ndarray) -> np.ndarray:
    """Whole numbers of a noisy page -> the same scale, float."""
    import bm3d

    even = 2 * np.sqrt(page / GAIN + 3 / 8)
    low, high = even.min(), even.max()
    better = bm3d.bm3d((even - low) / (high - low), 1 / (high - low)) * (high - low) + low
    better = np.maximum(better, 2 * np.sqrt(3 / 8))
    half = np.sqrt(1.5)
    return GAIN * (
        better**2 / 4 + half / 4 / better - 11 / 8 / better**2 + 5 / 8 * half / better**3 - 1 / 8
    ).clip(0)  # fmt: skip


def psnr(result: np.ndarray, clean: np.ndarray, span: float) -> float:
    """Of a page in whole numbers against a clean one of 0 to 1."""
    error = np.rint(result) / (GAIN * PEAK) - clean
    return float(10 * np.log10(span**2 / np.mean(np.square(error, dtype=np.float64))))


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--quick", action="store_true", help="a small stack and 100 steps: a try")
    parser.add_argument("--minutes", type=float, default=15, help="of training, by the clock")
    parser.add_argument("--steps", type=int, help="instead of minutes, which say little beside other work")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--learn-from", help="instead of what the program chooses: recorrupted, neighbours, ...")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--out", type=Path, help="keep the stack and the model there, and go on after an interruption")
    parser.add_argument("--look", type=Path, help="a PNG of one page: clean, noisy, BM3D, narrows")
    args = parser.parse_args()
    threads(args.threads)
    pages, side = (40, 128) if args.quick else (200, 256)
    steps = 100 if args.quick else args.steps
    clean = clean_stack(pages, side, args.seed)
    noisy = noisy_stack(clean, args.seed)
    span = float(clean.max() - clean.min())
    with contextlib.ExitStack() as closing:
        place = args.out or Path(closing.enter_context(tempfile.TemporaryDirectory()))
        place.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(place / "stack.tif", noisy, imagej=True, metadata={"axes": "TYX"})
        asked: dict[str, Any] = {"steps": steps} if steps else {"minutes": args.minutes}
        asked |= {} if args.learn_from is None else {"learn_from": args.learn_from}
        began = time.process_time()
        found = narrows.fit(
            place / "stack.tif", task="denoise", learning_rate=RATE, seed=args.seed, out=place / "model",
            force=True, progress=_told, **asked,
        )  # fmt: skip
        worked = time.process_time() - began
        card, stack = found.model.card, open_stack(place / "stack.tif")
        assert stack is not None
        held_out = range(pages - card["data"]["examples"]["held_out"], pages)
        results = {"noisy": [noisy[page] for page in held_out]}
        seconds: dict[str, float] = {}
        for name, restore in {
            "BM3D with Anscombe": lambda page: by_bm3d(noisy[page]),
            "the shipped denoiser": lambda page: restored(model_for("denoise", 1), stack, page),
            "narrows": lambda page: restored(found.model.model, stack, page),
        }.items():
            began = time.perf_counter()
            results[name] = [restore(page) for page in held_out]
            seconds[name] = round((time.perf_counter() - began) / len(held_out), 3)
    scores = {
        name: np.array([psnr(one, clean[page], span) for page, one in zip(held_out, each, strict=True)])
        for name, each in results.items()
    }
    over = bootstrap(
        torch.from_numpy(scores["narrows"] - scores["BM3D with Anscombe"]), generator=generator(args.seed, "interval")
    )
    if args.look:
        shown = [clean[held_out[0]] * GAIN * PEAK, *(results[name][0] for name in ("noisy", "BM3D with Anscombe"))]
        _show(args.look, [*shown, results["narrows"][0]])
    report(
        "stack_quick" if args.quick else "stack",
        [{"": name, "PSNR": round(values.mean(), 2), "worst page": round(values.min(), 2)}
         for name, values in scores.items()],
        over_bm3d=[round(value, 2) for value in over],
        pages={"all": pages, "side": side, **card["data"]["examples"]},
        learned=card["about"]["reasons"]["learn_from"],
        learn_from=card["task"]["options"]["learn_from"],
        notes=card["data"]["notes"],
        minutes={"clock": round(found.history.seconds / 60, 1), "processor": round(worked / 60, 1)},
        steps=card["training"]["total"],
        patches_a_step=card["training"]["batch_size"],
        threads=args.threads,
        seconds_a_page=seconds,
        target="-0.3 dB (beyond +0.5 dB) against BM3D with Anscombe",
    )  # fmt: skip


def restored(model: Any, stack: Any, page: int) -> np.ndarray:
    """A page as it is written to a file."""
    return restore_photo(model, stack.photo(page)).array[..., 0]


def _told(event: dict[str, Any]) -> None:
    if event["event"] == "evaluated" and event.get("held_out") is not None:
        print(f"step {event['step']} of {event['total']}: held-out loss {event['held_out']:.6g}", flush=True)


def _show(path: Path, pages: list[np.ndarray]) -> None:
    beside = np.concatenate([np.clip(page / (GAIN * PEAK), 0, 1) for page in pages], 1)
    Image.fromarray(np.rint(beside * 255).astype(np.uint8)).save(path)


if __name__ == "__main__":
    main()
