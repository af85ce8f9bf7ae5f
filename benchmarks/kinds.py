"""Kinds of autoencoder on MNIST: what their codes know, what each is for, likelihoods, and what can be drawn.

    python benchmarks/kinds.py features --data DATA --out RUNS       frozen code of 1000 units, logistic regression
    python benchmarks/kinds.py minutes --data DATA --out RUNS        code 32, 5 minutes each, against PCA-32
    python benchmarks/kinds.py purposes --data DATA --out RUNS       each kind against an undercomplete twin
    python benchmarks/kinds.py dynamic --kind iwae --data DATA --out RUNS    NLL, binarised afresh at every step
    python benchmarks/kinds.py fixed --kind vampprior --data DATA --out RUNS NLL, Larochelle's fixed binarisation
    python benchmarks/kinds.py draws --data DATA --out RUNS          rae with normal, mixture and flow
    python benchmarks/kinds.py jacobian --data DATA --out RUNS       the contractive estimate against the exact one

Every row trains through `narrows.fit`, in a folder of RUNS of its own: the same command goes on after any interruption
and trains nothing twice. --seeds 0,1,2 repeats it; --quick runs everything on a few hundred pictures for a few steps.
Pictures are not moved, as in the published protocols, but for `minutes`, `purposes` and `jacobian`. The test pictures
are looked at once, at the end: what is chosen (C of the probe, the best averaged weights) is chosen on training
pictures.

Protocols. Features: Makhzani & Frey 2014, 784-1000 and logistic regression on 60,000 frozen codes. NLL: Burda et al.
2016, 200-200 nodes, 50 values (`hierarchical`: three levels of convolutions, 64 values), Bernoulli, 5,000 importance
samples a test picture; dynamic binarisation draws every training picture anew from its intensities and the test
pictures once, from seed 0; the nets here have SiLU for tanh, and a cosine over --epochs passes in batches of 100 for
3,280 passes in batches of 20. `iwae` learns with 5 samples first, which cost a tenth, and goes on with 50 (--epochs
says how long that). Fixed:
Tomczak & Welling 2018, 300-300, 40 values, 500 pseudo-inputs, warm-up, on the 50,000 + 10,000 + 10,000 of Larochelle.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from _results import data_folder, report, threads
from torch import Tensor, nn

import narrows
from narrows._contract import Batch, DataFacts, Step, Trainable
from narrows.data.idx import read_idx
from narrows.data.reading import Dataset
from narrows.data.splits import content_hash
from narrows.measuring.baselines import PCABaseline
from narrows.measuring.frechet import FeatureSpace, frechet_distance, precision_and_recall
from narrows.measuring.layers import parameters_of
from narrows.measuring.likelihood import active_units, log_likelihood
from narrows.measuring.probe import probe
from narrows.model.folder import WEIGHTS, load
from narrows.model.model import Model
from narrows.training.config import TrainingConfig
from narrows.training.loop import Supply, train
from narrows.training.runs import Run
from narrows.training.seeds import generator
from narrows.using.sample import fit_prior

MNIST_VALIDATION = 400 / 60_000
"""Burda et al. keep 400 of 60,000 to choose by; here they choose the best of the averaged weights."""
FAST = 4e-3
"""Learning rate. `variational` for 15 passes, -ELBO of 5,000 training pictures held back: 100.1 nats at 1e-3, 97.6 at
2e-3, 95.7 at 4e-3, 95.3 at 8e-3."""
_LADDER: dict[str, Any] = {
    "code_size": 64,
    "architecture": "conv",
    "n_nodes": 32,
    "options": {"levels": 3, "start": "random"},
    "epochs": 200,
}
"""1.26 M parameters."""
DYNAMIC: dict[str, dict[str, Any]] = {
    "variational": {"code_size": 50, "n_nodes": (200, 200), "options": {"warmup": 0.1}, "epochs": 1000},
    "iwae": {
        "code_size": 50,
        "n_nodes": (200, 200),
        "options": {"samples": 50},
        "epochs": 20,
        "learning_rate": 1e-3,
        "first": {"options": {"samples": 5}, "epochs": 250, "learning_rate": FAST},
    },
    "hierarchical": _LADDER,
    "vampprior": {"code_size": 40, "n_nodes": (300, 300), "options": {"pseudo_inputs": 500}, "epochs": 500},
}
FIXED: dict[str, dict[str, Any]] = {
    "vampprior": {"code_size": 40, "n_nodes": (300, 300), "options": {"pseudo_inputs": 500}, "epochs": 500},
    "variational": {"code_size": 40, "n_nodes": (300, 300), "options": {"warmup": 0.2}, "epochs": 500},
    "iwae": {"code_size": 50, "n_nodes": (200, 200), "options": {"samples": 50}, "epochs": 200},
    "hierarchical": _LADDER,
}


def _small(**options: Any) -> dict[str, Any]:
    """The net of a row, of 16 channels as by itself. With 32 it is wrong in 7.0 % of 10,000 training pictures after
    900 steps, by a probe of 20,000 codes; mse 7.2 %, `mlp` 9.8 %. `denoising` after 1,200 steps, up to half of the
    values hidden: 7.04 % still, 6.86 % moved by a pixel, as `fit` does by itself; with Gaussian noise of up to 0.5
    instead 6.38 %."""
    net = {"code_size": 32, "architecture": "conv", "loss": "bce", "shift": 1}
    return net | {"options": {"start": "random", **options}}


FEW_MINUTES: dict[str, dict[str, Any]] = {
    "undercomplete": _small(), "denoising": _small(noise="gaussian", amount=0.5),
    "contractive": _small(weight=0.01),
    "variational": _small(beta=4.0),
    "sparse": {
        "code_size": 1000, "n_layers": 1, "architecture": "mlp", "loss": "mse", "options": {"k": 32},
        "weight_decay": 0.1, "shift": 1,
    },
}  # fmt: skip
MASKING = _small(amount=0.5)
"""`denoising` where a quarter of the values will be hidden: Gaussian noise does not prepare for that."""
NETS_OF_FEATURES: dict[str, dict[str, Any]] = {
    "mlp": {"n_layers": 1, "options": {"k": 25, "alpha": 3.0}},
    "conv": {"shift": 1, "options": {"k": 50, "alpha": 3.0, "start": "random"}},
}
"""Moving pictures by a pixel helps convolutions, and costs one layer that learns for long (docs/log.md). Convolutions,
1,200 steps, k of 12, 25, 50, 100 and 200: 2.16, 1.97, 1.63, 1.76 and 1.88 % of 20,000 training digits wrong, by a probe
of 40,000 codes with 200 active, the best of five strengths."""
PUBLISHED = {
    "dynamic": "Burda et al. 2016: VAE 86.76, IWAE k=50 84.78, two levels k=50 82.90",
    "fixed": "Tomczak & Welling 2018: VAE 88.56, VampPrior 85.57, two levels 83.19",
}


STILL = {"shift": 0, "mirror": False}
"""Pictures stay where they are."""


class Digits(NamedTuple):
    """N 1 28 28 in [0, 1], and N labels."""

    train: Tensor
    train_labels: np.ndarray
    test: Tensor
    test_labels: np.ndarray


def digits(data: Path, quick: bool) -> Digits:
    """MNIST; with `quick` the first 600 and 300."""
    folder = data / "digits" / "mnist"
    found = []
    for name, few in (("train", 600), ("t10k", 300)):
        most = few if quick else None
        pictures = read_idx(folder / f"{name}-images-idx3-ubyte.gz")[:most]
        found += [
            torch.from_numpy(pictures.copy())[:, None] / 255,
            read_idx(folder / f"{name}-labels-idx1-ubyte.gz")[:most],
        ]
    return Digits(*found)


class Drawn:
    """A source that binarises its pictures anew each time, from the step's generator; without one, from seed 0."""

    def __init__(self, pictures: Tensor) -> None:
        self.pictures, self.shape = pictures, tuple(pictures.shape[1:])

    def __len__(self) -> int:
        return len(self.pictures)

    def take(self, indices: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """B 1 28 28 of 0 and 1."""
        generator = generator or torch.Generator().manual_seed(0)
        return torch.bernoulli(self.pictures[indices], generator=generator)


class Runs:
    """Where each row's run lies, and how it is made shorter for --quick."""

    def __init__(self, args: argparse.Namespace) -> None:
        self.args = args

    def fit(self, name: str, data: Any, seed: int, **settings: Any) -> tuple[Model, dict[str, Any]]:
        """The model of this name and seed: loaded where it is finished, else trained, going on from its run."""
        folder = self.args.out / f"{name}-{seed}"
        if not (folder / WEIGHTS).exists():
            if self.args.quick:
                settings = {k: v for k, v in settings.items() if k not in ("minutes", "epochs")} | {"steps": 20}
            began = time.perf_counter()
            narrows.fit(data, out=folder, seed=seed, held_out=0.0, **STILL | settings)
            print(f"{folder.name}: {time.perf_counter() - began:.0f} s", file=sys.stderr)
        model = load(folder)
        trained = model.card["training"]
        return model, {"seed": seed, "training clock s": trained["seconds"], "steps": trained["total"],
                       "parameters": parameters_of(model)}  # fmt: skip


def codes_of(model: Model, pictures: Tensor) -> Tensor:
    """N D."""
    return model.encode(pictures).flatten(1)


def probe_error(model: Model, found: Digits, quick: bool, test: Tensor | None = None) -> float:
    """Share of test labels that logistic regression on frozen codes gets wrong."""
    judged = found.test if test is None else test
    scored = probe(
        codes_of(model, found.train), found.train_labels.tolist(), codes_of(model, judged),
        found.test_labels.tolist(), most_to_choose=600 if quick else 60_000,
    )  # fmt: skip
    return scored.logistic.value


def features(args: argparse.Namespace, found: Digits, runs: Runs) -> list[dict[str, Any]]:
    """Frozen codes of 1000 units. At a rate of 1e-3 three quarters of the units are dead, at 4e-3 none (docs/log.md,
    2026-11-28)."""
    rows = []
    for seed in args.seeds:
        net = {"architecture": args.architecture} | NETS_OF_FEATURES[args.architecture]
        model, told = runs.fit(
            f"features-sparse-{args.architecture}", found.train.numpy(), seed, kind="sparse", code_size=1000,
            loss="mse", epochs=args.epochs or 200, validation=1 / 6, weight_decay=0.1, learning_rate=FAST, **net,
        )  # fmt: skip
        error = 100 * probe_error(model, found, args.quick)
        rows.append({"kind": "sparse", "architecture": args.architecture, "error %": error, **told})
    return rows


def minutes(args: argparse.Namespace, found: Digits, runs: Runs) -> list[dict[str, Any]]:
    """Code 32, five minutes each; sparse with 1000 units, 32 active."""
    kinds = FEW_MINUTES
    flat, judged = found.train.flatten(1), found.test.flatten(1)
    pca = PCABaseline().fit(flat, 32)
    alone = probe(pca.encode(flat), found.train_labels.tolist(), pca.encode(judged), found.test_labels.tolist())
    rows: list[dict[str, Any]] = [{"kind": "PCA-32", "error %": 100 * alone.logistic.value}]
    for kind, more in kinds.items():
        for seed in args.seeds:
            model, told = runs.fit(
                f"minutes-{args.minutes:g}-{kind}", found.train.numpy(), seed, kind=kind, minutes=args.minutes, **more
            )
            rows.append({"kind": kind, "error %": 100 * probe_error(model, found, args.quick), **told})
    return rows


def purposes(args: argparse.Namespace, found: Digits, runs: Runs) -> list[dict[str, Any]]:
    """What each kind is for, beside an undercomplete twin of the same net, code and time."""
    random = generator(0, "purposes")
    noisy = found.test + 0.1 * torch.randn(found.test.shape, generator=random)
    masked = found.test * (torch.rand(found.test.shape, generator=random) >= 0.25)

    def moved(model: Model) -> float:
        clean = codes_of(model, found.test)
        spread = (clean - clean.mean(0)).square().sum(1).mean().sqrt()
        return float((codes_of(model, noisy) - clean).square().sum(1).sqrt().mean() / spread)

    rows = []
    for seed in args.seeds:
        for kind in ("undercomplete", "contractive", "denoising", "sparse"):
            # The runs of `minutes`, where they are there.
            masked_in_training = kind == "denoising"
            name = f"{'masking' if masked_in_training else 'minutes'}-{args.minutes:g}-{kind}"
            chosen = MASKING if masked_in_training else FEW_MINUTES[kind]
            model, told = runs.fit(name, found.train.numpy(), seed, kind=kind, minutes=args.minutes, **chosen)
            error = 100 * probe_error(model, found, args.quick)
            alive = (codes_of(model, found.train).abs() > 1e-3).any(0).float().mean()
            rows.append({
                "kind": kind, "error %": error,
                "moved by noise": moved(model), "alive %": 100 * float(alive),
                "lost by masking %": 100 * probe_error(model, found, args.quick, masked) - error, **told,
            })  # fmt: skip
    return rows


def jacobian(args: argparse.Namespace, found: Digits, runs: Runs) -> list[dict[str, Any]]:
    """The contractive penalty from 64 random directions a picture against the exact one: the mean over 1,000 test
    pictures, 100 times."""
    few, probes, repetitions = (10, 4, 3) if args.quick else (1000, 64, 100)
    rows = []
    for seed in args.seeds:
        model, _ = runs.fit(
            f"minutes-{args.minutes:g}-contractive", found.train.numpy(), seed, kind="contractive",
            minutes=args.minutes, **FEW_MINUTES["contractive"],
        )  # fmt: skip
        autoencoder: Any = model.autoencoder.eval().requires_grad_(False)
        pictures = found.test[:few]

        def mean(probes: int, repetition: int, net: Any = autoencoder, pictures: Tensor = pictures) -> float:
            net.probes = probes
            random, parts = generator(0, "probes", repetition), []
            for part in pictures.split(500):
                x = part.clone().requires_grad_()
                parts.append(net.jacobian_norm(x, net.encode(x), random, create_graph=False))
            return float(torch.cat(parts).double().mean())

        exact = mean(0, 0)
        off = np.array([mean(probes, repetition) / exact - 1 for repetition in range(repetitions)])
        error = off.std(ddof=1) / len(off) ** 0.5
        rows.append({
            "seed": seed, "exact": exact, "mean off %": 100 * off.mean(), "standard error %": 100 * error,
            "standard errors": off.mean() / error, "largest off %": 100 * np.abs(off).max(), "repetitions": len(off),
            "pictures": len(pictures), "probes": probes,
        })  # fmt: skip
    return rows


def dynamic(args: argparse.Namespace, found: Digits, runs: Runs) -> list[dict[str, Any]]:
    """NLL with dynamic binarisation."""
    keys = tuple(content_hash(picture.numpy()) for picture in found.train)
    names = tuple(f"picture {i}" for i in range(1, len(keys) + 1))
    data = Dataset("picture", Drawn(found.train), (1, 28, 28), keys, names)
    validation = 0.05 if args.quick else MNIST_VALIDATION
    test = Drawn(found.test).take(torch.arange(len(found.test)))
    return likelihoods(args, runs, "dynamic", DYNAMIC, data, test, validation)


def fixed(args: argparse.Namespace, found: Digits, runs: Runs) -> list[dict[str, Any]]:
    """NLL with Larochelle's binarisation. His validation pictures say which averaged weights are kept: as they stand
    in a file of their own, and `fit` splits by content, a sixth of all 60,000 is held back instead."""
    from scipy.io import loadmat

    folder = args.data / "digits" / "binarized_mnist"
    parts = [
        torch.from_numpy(loadmat(folder / f"binarized_mnist_{name}.mat")["X"]).float().view(-1, 1, 28, 28)
        for name in ("train", "valid", "test")
    ]
    few = 600 if args.quick else None
    return likelihoods(args, runs, "fixed", FIXED, torch.cat(parts[:2])[:few].numpy(), parts[2][:few], 1 / 6)


def likelihoods(
    args: argparse.Namespace, runs: Runs, row: str, settings: dict[str, dict[str, Any]], data: Any, test: Tensor,
    validation: float,
) -> list[dict[str, Any]]:  # fmt: skip
    """One row for each seed of the kind that was asked for."""
    if args.kind not in settings:
        sys.exit(f"--kind {args.kind}: {row} has settings for {', '.join(settings)}")
    rows = []
    for seed in args.seeds:
        same = {"kind": args.kind, "loss": "bce", "validation": validation, "batch_size": 100, "weight_decay": 0.0}
        chosen = {"architecture": "mlp", "learning_rate": FAST, **same, **settings[args.kind]}
        chosen["epochs"] = args.epochs or chosen["epochs"]
        before = chosen.pop("first", None)
        if before is not None:
            runs.fit(f"{row}-{args.kind}-first", data, seed, **{**chosen, **before})
            chosen["begin_with"] = str(args.out / f"{row}-{args.kind}-first-{seed}")
        model, told = runs.fit(f"{row}-{args.kind}", data, seed, **chosen)
        samples = 10 if args.quick else args.samples
        scored = log_likelihood(model, test, samples=samples, seed=0)
        rows.append({
            "kind": args.kind, "NLL": scored.nll, "standard error": scored.standard_error,
            "sampling error": scored.sampling_error, "samples": samples, "pictures": scored.count,
            "active": active_units(model.encode(test)), "epochs": chosen["epochs"], **told,
        })  # fmt: skip
    return rows


class Classifier(Trainable):
    """A small convolutional net whose last hidden layer is the feature space."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 32, 3, padding=1), nn.SiLU(), nn.Conv2d(32, 32, 3, stride=2, padding=1), nn.SiLU(),
            nn.Conv2d(32, 64, 3, padding=1), nn.SiLU(), nn.Conv2d(64, 64, 3, stride=2, padding=1), nn.SiLU(),
            nn.Flatten(), nn.Linear(64 * 49, 128), nn.SiLU(),
        )  # fmt: skip
        self.head = nn.Linear(128, 10)

    def start(self, facts: DataFacts) -> None:
        """Nothing to set."""

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        return {"loss": F.cross_entropy(self.head(self.body(batch.x)), batch.target)}


def classifier(args: argparse.Namespace, found: Digits) -> tuple[FeatureSpace, float]:
    """Trained in the one loop, on moved training pictures; the space, and its accuracy on the test pictures."""
    from narrows.data.augment import move

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Classifier()
    labels = torch.from_numpy(found.train_labels.astype(np.int64))
    supply = Supply(len(labels), lambda at, step: Batch(move(found.train[at], 2, step.generator), labels[at]))
    budget = {"steps": 20} if args.quick else {"epochs": 8}
    config = TrainingConfig(**budget, batch_size=128, learning_rate=1e-3, precision="32-true")
    facts = DataFacts(len(labels), found.train.mean(0), found.train[:100], generator(0, "facts"))
    with Run.open(args.out / "classifier") as run:
        train(net, supply, None, config, facts=lambda: facts, run=run)
    net.eval()
    with torch.no_grad():
        guesses = torch.cat([net.head(net.body(part)).argmax(1) for part in found.test.split(500)])
    accuracy = float((guesses.numpy() == found.test_labels).mean())
    return FeatureSpace(f"a classifier of {100 * accuracy:.2f} %", net.body), accuracy


def draws(args: argparse.Namespace, found: Digits, runs: Runs) -> list[dict[str, Any]]:
    """rae: the best of `mixture` and `flow` over `normal`."""
    space, accuracy = classifier(args, found)
    print(f"the classifier is right in {100 * accuracy:.2f} % of the test pictures", file=sys.stderr)
    real, rows = space(found.test), []
    for seed in args.seeds:
        model, told = runs.fit(
            "draws-rae", found.train.numpy(), seed, kind="rae", code_size=16, epochs=args.epochs or 60
        )
        codes, distances = codes_of(model, found.train), {}
        for prior in ("normal", "mixture", "flow"):
            few = TrainingConfig(steps=20, batch_size=64, seed=seed) if args.quick else None
            fit_prior(model, codes, prior, seed=seed, config=few)
            drawn = space(model.draw(len(found.test), generator(seed, "draws")).clamp(0, 1))
            distances[prior] = frechet_distance(drawn, real)
            precision, recall = precision_and_recall(drawn, real)
            rows.append({
                "prior": prior, "Frechet": distances[prior], "over normal": distances[prior] / distances["normal"],
                "precision": precision.value, "recall": recall.value, "space": space.name, **told,
            })  # fmt: skip
    return rows


ROWS = {work.__name__: work for work in (features, minutes, purposes, jacobian, dynamic, fixed, draws)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder of the runs: the same command goes on")
    parser.add_argument("--kind", default="variational", help="for dynamic and fixed")
    parser.add_argument("--architecture", default="mlp", choices=("mlp", "conv"), help="for features")
    parser.add_argument("--seeds", default="0", type=lambda text: [int(seed) for seed in text.split(",")])
    parser.add_argument("--minutes", type=float, default=5.0, help="for minutes and purposes")
    parser.add_argument("--epochs", type=float, help="a shorter or longer schedule than the script's")
    parser.add_argument("--samples", type=int, default=5000, help="importance samples")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--quick", action="store_true", help="a few steps on a few pictures: does it run?")
    args = parser.parse_args()
    threads(1 if args.quick else args.threads)
    args.data = data_folder(args.data)
    rows = ROWS[args.row](args, digits(args.data, args.quick), Runs(args))
    parts = ["kinds", args.row, *[args.kind] * (args.row in PUBLISHED), *["conv"] * (args.architecture == "conv")]
    name = "_".join([*parts, *["quick"] * args.quick])
    report(name, rows, **({"published": PUBLISHED[args.row]} if args.row in PUBLISHED else {}))


if __name__ == "__main__":
    main()
