"""What an introduction to autoencoders says, put to the test on MNIST: the tables of docs/lesson.md.

    python benchmarks/lesson.py codes --data DATA --out RUNS     code sizes 2 to 512, from 500 and from 60,000 pictures
    python benchmarks/lesson.py layers --data DATA --out RUNS    layers and nodes: error, parameters, time
    python benchmarks/lesson.py losses --data DATA --out RUNS    bce, mse and l1 on binarised pictures, three judges
    python benchmarks/lesson.py blur --data DATA --out RUNS      a fully connected net that blurs digits

Every row trains through `narrows.fit`, in a folder of RUNS of its own: the same command goes on after any interruption
and trains nothing twice. --seeds 0,1,2 repeats it; --quick runs everything on a few hundred pictures for a few steps.
--steps, --sizes and --precision make a shorter schedule, and the table of that command says so.
Nothing is chosen: no setting by the test pictures, and no early stopping, which would hide what is to be seen.

Errors are squared, summed over the 784 pixels, mean over pictures. Seconds and milliseconds are of the processor's
clock on one thread, so that a busy machine does not count.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any

import torch
from _results import data_folder, report, threads
from kinds import STILL, Drawn, Runs, digits
from torch import Tensor

import narrows
from narrows.measuring.baselines import PCABaseline
from narrows.measuring.metrics import psnr, squared_error
from narrows.model.model import Model
from narrows.nn import degrade
from narrows.training.seeds import generator

SIZES = (2, 4, 8, 16, 32, 64, 128, 256, 512)
FEW = 500
STEPS = 9400
"""Twenty passes over 60,000 pictures in batches of 128; the 500 pictures are seen as often in all."""
WIDTHS, DEPTHS = (64, 256, 1024), (2, 3, 5)
MOST_FOR_TRAINING_ERROR = 10_000
CERTAIN = 1e-6
"""Probabilities are kept so far from 0 and 1, or one wrong pixel would cost infinitely many nats."""


def plain(args: argparse.Namespace, **more: Any) -> dict[str, Any]:
    """Settings of every row: nothing held back, nothing stopped early, begun at random."""
    same: dict[str, Any] = {
        "architecture": "mlp", "loss": "mse", "steps": args.steps, "validation": 0.0, "precision": args.precision,
        "options": {"start": "random"}, "learning_rate": 1e-3,
    }  # fmt: skip
    return {**same, **more}


def error_of(model: Model, pictures: Tensor) -> float:
    return float(squared_error(model.reconstruct(pictures), pictures).mean())


def codes(args: argparse.Namespace, train: Tensor, test: Tensor, runs: Runs) -> list[dict[str, Any]]:
    """784-512-512-code, from few and from all pictures: does a smaller code overfit less?"""
    rows = []
    for count in (min(FEW, len(train) // 2), len(train)):
        for size in args.sizes:
            for seed in args.seeds:
                order = torch.randperm(len(train), generator=generator(seed, "lesson"))[:count]
                learn = train[order.sort().values]
                pca = PCABaseline().fit(learn.flatten(1), min(size, count - 1))
                by_pca = pca.reconstruct(test.flatten(1))
                model, told = runs.fit(
                    f"codes-{count}-{size}", learn.numpy(), seed, **plain(args, code_size=size, n_nodes=(512, 512))
                )
                learned, judged = error_of(model, learn[:MOST_FOR_TRAINING_ERROR]), error_of(model, test)
                rows.append({
                    "pictures": count, "code": size, "training error": learned, "test error": judged,
                    "gap": judged - learned, "test over training": judged / learned,
                    "PCA's test error": float(squared_error(by_pca, test.flatten(1)).mean()), **told,
                })  # fmt: skip
    return rows


def layers(args: argparse.Namespace, train: Tensor, test: Tensor, runs: Runs) -> list[dict[str, Any]]:
    """Code 32; every layer between as wide as the first."""
    nets: list[tuple[int, ...]] = [(), *((width,) * (depth - 1) for depth in DEPTHS for width in WIDTHS)]
    rows = []
    seconds_of_a_step(train[:2000], plain(args, code_size=32), (2, 4))  # what the first run of a process pays for all
    for widths in nets:
        settings = plain(args, code_size=32, n_layers=len(widths) + 1, n_nodes=widths or None)
        for seed in args.seeds:
            name = f"layers-{len(widths) + 1}-{widths[0] if widths else 0}"
            model, told = runs.fit(name, train.numpy(), seed, **settings)
            told.pop("training clock s")  # of a machine that has other work
            steps = (10, 20) if args.quick else (50, 150)
            rows.append({
                "layers": len(widths) + 1, "nodes": widths[0] if widths else 0,
                "training error": error_of(model, train[:MOST_FOR_TRAINING_ERROR]), "test error": error_of(model, test),
                "training s": seconds_of_a_step(train[:2000], settings, steps) * settings["steps"],
                "ms, one picture": milliseconds(model, test[:1], 200),
                "ms each, of 256": milliseconds(model, test[:256], 10), **told,
            })  # fmt: skip
    return rows


def seconds_of_a_step(pictures: Tensor, settings: dict[str, Any], steps: tuple[int, int]) -> float:
    """Processor time of a longer run less that of a shorter one, a step."""
    spent = []
    for count in steps:
        began = time.process_time()
        narrows.fit(pictures.numpy(), **{**settings, **STILL, "steps": count, "evaluations": 1}, held_out=0.0)
        spent.append(time.process_time() - began)
    return (spent[1] - spent[0]) / (steps[1] - steps[0])


def milliseconds(model: Model, pictures: Tensor, times: int) -> float:
    """Processor time for a picture, there and back."""
    model.reconstruct(pictures)
    began = time.process_time()
    for _ in range(times):
        model.reconstruct(pictures)
    return 1000 * (time.process_time() - began) / (times * len(pictures))


def losses(args: argparse.Namespace, train: Tensor, test: Tensor, runs: Runs) -> list[dict[str, Any]]:
    """784-512-256-32 on pictures drawn once from their grey values (a grey of 0.3 is white three times in ten)."""
    learn, judge = (Drawn(part).take(torch.arange(len(part))) for part in (train, test))
    rows = []
    for loss in ("bce", "mse", "l1"):
        for seed in args.seeds:
            model, told = runs.fit(
                f"losses-{loss}", learn.numpy(), seed, **plain(args, code_size=32, n_nodes=(512, 256), loss=loss)
            )
            chance = model.reconstruct(judge)
            slope = best_slope(model.reconstruct(learn[:MOST_FOR_TRAINING_ERROR]), learn[:MOST_FOR_TRAINING_ERROR])
            rows.append({
                "loss": loss, "nats": nats(chance, judge), "nats, recalibrated": nats(chance, judge, slope),
                "slope": slope,
                "squared error": float(squared_error(chance, judge).mean()),
                "wrong pixels %": 100 * float(((chance > 0.5) != (judge > 0.5)).float().mean()), **told,
            })  # fmt: skip
    return rows


def nats(chance: Tensor, target: Tensor, slope: float = 1.0) -> float:
    """-log probability of the binary pictures under independent pixels; `slope` makes the net more or less sure."""
    logit = slope * chance.clamp(CERTAIN, 1 - CERTAIN).logit()
    each = torch.nn.functional.binary_cross_entropy_with_logits(logit, target, reduction="none")
    return float(each.flatten(1).sum(1).mean())


def best_slope(chance: Tensor, target: Tensor) -> float:
    """The slope with the fewest nats on training pictures: one number, learned afterwards, the same for every loss."""
    return min((number / 20 for number in range(1, 61)), key=lambda slope: nats(chance, target, slope))


def blur(args: argparse.Namespace, train: Tensor, test: Tensor, runs: Runs) -> list[dict[str, Any]]:
    """`narrows fit digits/ --task blur --arch mlp`: judged against the truly blurred test pictures."""
    truth = degrade.gaussian(test, 1.0)
    rows = []
    for size in (None, 128):
        for seed in args.seeds:
            model, told = runs.fit(
                f"blur-{size or 'default'}", train.numpy(), seed, task="blur", architecture="mlp", code_size=size,
                steps=args.steps, validation=0.0, twin=False,
            )  # fmt: skip
            got = model.reconstruct(test)
            rows.append({
                "code": model.code_size, "nodes": str(model.net_facts.n_nodes), "dB": float(psnr(got, truth).mean()),
                "dB, worst of 100": float(psnr(got, truth).quantile(0.01)),
                "dB, untouched": float(psnr(test, truth).mean()), **told,
            })  # fmt: skip
    return rows


ROWS = {work.__name__: work for work in (codes, layers, losses, blur)}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs: the same command goes on")
    parser.add_argument("--seeds", default="0", type=lambda text: [int(seed) for seed in text.split(",")])
    parser.add_argument("--steps", type=int, default=STEPS, help="of every net, in batches of 128")
    parser.add_argument("--sizes", default=SIZES, type=lambda text: [int(size) for size in text.split(",")])
    parser.add_argument("--precision", default="32-true", help="of training; blur has what fit takes by itself")
    parser.add_argument("--quick", action="store_true", help="a few steps on a few pictures: does it run?")
    args = parser.parse_args()
    threads(1)
    found = digits(data_folder(args.data), args.quick)
    args.sizes = (2, 64) if args.quick else args.sizes
    rows = ROWS[args.row](args, found.train, found.test, Runs(args))
    report(f"lesson_{args.row}" + ("_quick" if args.quick else ""), rows, threads=1)


if __name__ == "__main__":
    main()
