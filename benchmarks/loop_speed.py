"""The training loop against loops written by hand, and against pythae 0.1.2.

    python benchmarks/loop_speed.py --data DATA --pythae-python PATH

Two threads; both sides in turns of 5 s, 11 pairs, median of the ratios with their range. Rows: the fully connected
784-512-256-32 at batch 128 over a fused loop that also clips and keeps an average; the `conv` net over an eager loop
with plain Adam and the default memory layout of the same net; training time to the held-out error that pythae reaches
after 10 epochs at the best of four learning rates, over pythae's time. PATH is a Python of an environment with pythae
(`pip install --no-deps pythae==0.1.2`, then torch, numpy, scipy, scikit-learn, tqdm, cloudpickle, imageio, pydantic);
without it the last row is left out.
"""

from __future__ import annotations

import argparse
import copy
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _results import data_folder, report, threads
from _timing import Ratio, compare, load_before
from torch import Tensor, nn

from narrows._contract import Batch, DataFacts
from narrows.data.idx import read_idx
from narrows.model.build import make
from narrows.training.config import TrainingConfig
from narrows.training.loop import Supply, train
from narrows.training.seeds import generator

BATCH = 128
RATES = (3e-4, 1e-3, 2e-3, 4e-3)
"""pythae's learning rates."""
EPOCHS = 10
"""pythae's."""


def build(architecture: str) -> nn.Module:
    """The net of a row."""
    named: dict[str, Any] = {"n_nodes": (512, 256)}
    if architecture == "conv":
        named = {"n_nodes": 32, "options": {"start": "random"}}
    return make(
        shape=(1, 28, 28), kind="undercomplete", architecture=architecture, code_size=32, loss="mse", **named
    ).autoencoder


def training_pictures(data: Path) -> Tensor:
    """MNIST's, N 1 28 28 in [0, 1]."""
    path = data / "digits" / "mnist" / "train-images-idx3-ubyte.gz"
    return torch.from_numpy(read_idx(path).copy())[:, None] / 255


def narrows_loop(
    module: Any, pictures: Tensor, precision: str, facts: Callable[[], DataFacts] | None = None
) -> Callable[[Callable[[int], None]], object]:
    """A run of narrows that never ends by itself; `tick` is called once a step."""

    def run(tick: Callable[[int], None]) -> object:
        def batch(indices: Tensor, step: object) -> Batch:
            tick(BATCH)
            examples = pictures[indices]
            return Batch(examples, examples)

        config = TrainingConfig(steps=10**7, batch_size=BATCH, precision=precision, device="cpu")
        return train(module, Supply(len(pictures), batch), None, config, facts=facts)  # type: ignore[arg-type]

    return run


def fused_step(module: Any, pictures: Tensor) -> Callable[[], int]:
    """By hand: fused AdamW, clipping and averaging with the foreach functions, batches indexed from memory."""
    parameters = list(module.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=1e-3, fused=True)
    average = [p.detach().clone() for p in parameters]
    order = _batches(len(pictures))

    def step() -> int:
        x = pictures[next(order)]
        loss = (torch.sigmoid(module.decode_raw(module.encode(x))) - x).square().mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, 1.0, foreach=True)
        optimizer.step()
        with torch.no_grad():
            torch._foreach_lerp_(average, parameters, 0.001)
        return len(x)

    return step


def plain_step(module: Any, pictures: Tensor) -> Callable[[], int]:
    """By hand, as most would: plain Adam, the default memory layout."""
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3, foreach=False)
    order = _batches(len(pictures))

    def step() -> int:
        x = pictures[next(order)]
        loss = (torch.sigmoid(module.decode_raw(module.encode(x))) - x).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return len(x)

    return step


def _batches(count: int) -> Any:
    """Shuffled indices without end."""
    random = torch.Generator().manual_seed(0)
    while True:
        order = torch.randperm(count, generator=random)
        yield from order[: count // BATCH * BATCH].split(BATCH)


def to_quality(learn: Tensor, judge: Tensor, epochs: float, seed: int = 0) -> tuple[float, float]:
    """A run of narrows of so many epochs: training seconds, and the squared error of `judge` a picture."""
    module = build("mlp")
    config = TrainingConfig(epochs=epochs, batch_size=BATCH, learning_rate=2e-3, evaluations=1, seed=seed, device="cpu")
    facts = DataFacts(len(learn), learn.mean(0), learn[:1024], generator(seed, "facts"))
    supply = Supply(len(learn), lambda indices, step: Batch(learn[indices], learn[indices]))
    outcome = train(module, supply, None, config, facts=lambda: facts)  # type: ignore[arg-type]
    with torch.no_grad():
        parts = [(module.restore(part) - part).square().flatten(1).sum(1) for part in judge.split(1000)]  # type: ignore[operator]
    return outcome.history.seconds, float(torch.cat(parts).mean())


def against_pythae(python: Path, pictures: Tensor, quick: bool) -> dict[str, Any]:
    """The last row: the shortest run of narrows that reaches pythae's error, over pythae's time, in pairs."""
    learn, judge = (pictures[:2000], pictures[2000:3000]) if quick else (pictures[:50_000], pictures[50_000:])
    side = Path(__file__).with_name("_pythae_side.py")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "pictures.npz"
        np.savez(path, learn=learn.numpy(), judge=judge.numpy())

        def pythae(rate: float) -> dict[str, float]:
            command = [str(python), str(side), str(path), str(1 if quick else EPOCHS), str(rate)]
            ended = subprocess.run(
                [*command, str(torch.get_num_threads())], capture_output=True, text=True, check=False
            )
            if ended.returncode:
                sys.exit(f"pythae's side failed:\n{ended.stderr[-2000:]}")
            return json.loads(ended.stdout.splitlines()[-1])

        found = {rate: pythae(rate) for rate in RATES}
        best = min(found, key=lambda rate: found[rate]["error"])
        goal = found[best]["error"]
        for epochs in (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0):
            _, error = to_quality(learn, judge, epochs)
            print(f"narrows, {epochs} epochs: {error:.3f}; pythae reached {goal:.3f}", flush=True)
            if error <= goal:
                break
        pairs = [(to_quality(learn, judge, epochs, seed), pythae(best)) for seed in range(1 if quick else 3)]
    ratios = [one[0] / other["seconds"] for one, other in pairs]
    return {
        "row": "time to pythae's held-out error", "ratio": round(statistics.median(ratios), 3),
        "range": f"{min(ratios):.2f} to {max(ratios):.2f}", "reach": "0.5 (beyond 0.33)",
        "narrows s": round(statistics.median(one[0] for one, _ in pairs), 1),
        "other s": round(statistics.median(other["seconds"] for _, other in pairs), 1),
        "narrows error": round(max(one[1] for one, _ in pairs), 3), "other error": round(goal, 3),
        "narrows epochs": epochs, "other rate": best,
    }  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--pythae-python", type=Path, help="a Python that has pythae 0.1.2")
    parser.add_argument("--quick", action="store_true", help="a smoke run: 3 pairs of half a second")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads(args.threads)
    pictures = training_pictures(data_folder(args.data))
    load = load_before()
    blocks: dict[str, Any] = {"seconds": 0.5, "pairs": 3} if args.quick else {}
    rows: list[dict[str, Any]] = []

    def add(name: str, reach: str, ratio: Ratio) -> None:
        rows.append({"row": name, **ratio.row("samples/s"), "reach": reach})
        print(rows[-1], flush=True)

    for precision in ("32-true", "auto"):
        other = fused_step(build("mlp"), pictures)
        add(f"784-512-256-32, {precision}, over a fused loop by hand", "0.95 (beyond 1)",
            compare(narrows_loop(build("mlp"), pictures, precision), other, **blocks))  # fmt: skip
    for precision in ("32-true", "auto"):
        other = plain_step(copy.deepcopy(build("conv")), pictures)
        add(f"conv 28x28, {precision}, over plain Adam by hand", "1.6 (beyond 2)",
            compare(narrows_loop(build("conv"), pictures, precision), other, **blocks))  # fmt: skip
    if args.pythae_python:
        rows.append(against_pythae(args.pythae_python, pictures, args.quick))
    report("loop_speed" + ("_quick" if args.quick else ""), rows, load_before=load, threads=args.threads)


if __name__ == "__main__":
    main()
