"""Training samples a second of four kinds over pythae 0.1.2, with the same nets.

    pip install --no-deps --target PYTHAE pythae==0.1.2 imageio cloudpickle
    PYTHONPATH=PYTHAE python benchmarks/pythae_speed.py --data DATA

`variational`, `iwae` (10 draws) and `wae` with 784-512-256-32, `vqvae` (512 vectors of 16 values, running means) with
the `conv` net; batches of 128 MNIST pictures, mean squared error. The encoders and decoders on pythae's side are the
very modules of ours; what is around them is pythae's: its loss, its DataLoader, its Adam, and the steps of its trainer
(`BaseTrainer.train_step`), taken one at a time. Ours is a whole run of the training loop, in fp32 and as it chooses by
itself. Both sides in turns of 5 s, 11 pairs, median of the ratios with their range.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import logging
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from _results import data_folder, report, threads
from _timing import compare, load_before
from loop_speed import BATCH, EPOCHS, narrows_loop, training_pictures
from torch import Tensor, nn

from narrows._contract import DataFacts
from narrows.model.build import make
from narrows.training.seeds import generator

CODE, SAMPLES, VECTORS, WIDTH = 32, 10, 512, 16
KINDS: dict[str, dict[str, Any]] = {
    "variational": {}, "iwae": {"options": {"samples": SAMPLES}}, "wae": {},
    "vqvae": {"options": {"codebook": VECTORS}, "architecture": "conv", "n_nodes": 32, "code_size": WIDTH},
}  # fmt: skip


def build(kind: str) -> Any:
    """A fresh autoencoder of ours."""
    named = {"architecture": "mlp", "code_size": CODE, **KINDS[kind]}
    if named["architecture"] == "mlp":
        named["n_nodes"] = (512, 256)
    return make(shape=(1, 28, 28), kind=kind, loss="mse", **named).autoencoder


def pythae_step(kind: str, pictures: Tensor, folder: str) -> Callable[[], int]:
    """pythae's own step on the next batch of its own DataLoader."""
    from pythae import models
    from pythae.data.datasets import BaseDataset
    from pythae.models.base.base_utils import ModelOutput
    from pythae.models.nn import BaseDecoder, BaseEncoder
    from pythae.trainers import BaseTrainer, BaseTrainerConfig

    ours = build(kind)

    class Encoder(BaseEncoder):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, x: Tensor) -> Any:
            found = self.net(x)
            if kind not in ("variational", "iwae"):
                return ModelOutput(embedding=found)
            mean, log_var = found.chunk(2, 1)
            return ModelOutput(embedding=mean, log_covariance=log_var)

    class Decoder(BaseDecoder):
        def __init__(self, net: nn.Module) -> None:
            super().__init__()
            self.net = net

        def forward(self, z: Tensor) -> Any:
            return ModelOutput(reconstruction=torch.sigmoid(self.net(z)).view(-1, 1, 28, 28))

    shape, parts = {"input_dim": (1, 28, 28), "latent_dim": CODE}, (Encoder(ours.encoder), Decoder(ours.decoder))
    if kind == "vqvae":
        config = models.VQVAEConfig(**shape, num_embeddings=VECTORS, use_ema=True)
        model: Any = models.VQVAE(config, *parts)
    elif kind == "iwae":
        model = models.IWAE(models.IWAEConfig(**shape, number_samples=SAMPLES), *parts)
    elif kind == "wae":
        model = models.WAE_MMD(models.WAE_MMD_Config(**shape), *parts)
    else:
        model = models.VAE(models.VAEConfig(**shape), *parts)
    logging.disable(logging.WARNING)
    with contextlib.redirect_stdout(io.StringIO()):
        trainer = BaseTrainer(
            model, BaseDataset(pictures, torch.zeros(len(pictures))),
            training_config=BaseTrainerConfig(
                output_dir=folder, num_epochs=EPOCHS, learning_rate=1e-3, per_device_train_batch_size=BATCH,
                optimizer_cls="Adam", no_cuda=True, steps_saving=None,
            ),
        )  # fmt: skip
        trainer.prepare_training()
    batches = _without_end(trainer.train_loader)

    def step() -> int:
        trainer.model.train()
        inputs = trainer._set_inputs_to_device(next(batches))
        with trainer.amp_context:
            found = trainer.model(inputs, epoch=1, dataset_size=len(pictures), uses_ddp=False)
        trainer._optimizers_step(found)
        loss = found.loss.item()
        assert loss == loss, "pythae's loss is not a number"
        return len(inputs["data"])

    return step


def _without_end(loader: Any) -> Any:
    while True:
        yield from loader


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--quick", action="store_true", help="3 pairs of half a second: does it run?")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads(args.threads)
    pictures = training_pictures(data_folder(args.data))
    load = load_before()
    blocks: dict[str, Any] = {"seconds": 0.5, "pairs": 3} if args.quick else {}
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for kind in KINDS:
            for precision in ("32-true", "auto"):
                other = pythae_step(kind, pictures, folder)
                facts = DataFacts(len(pictures), pictures.mean(0), pictures[:1024], generator(0, "facts"))
                loop = narrows_loop(build(kind), pictures, precision, lambda facts=facts: facts)
                ratio = compare(loop, other, **blocks)
                rows.append(
                    {"kind": kind, "precision": precision, **ratio.row("samples/s"), "reach": "1.15, beyond 1.5"}
                )
                print(rows[-1], flush=True)
    report("pythae_speed" + ("_quick" if args.quick else ""), rows, load_before=load, threads=args.threads)


if __name__ == "__main__":
    main()
