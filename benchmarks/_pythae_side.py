"""pythae's part of `loop_speed.py`, run by a Python that has pythae 0.1.2: trains 784-512-256-32 and times it.

    python _pythae_side.py pictures.npz EPOCHS RATE THREADS

`pictures.npz` holds `learn` and `judge`, N 1 28 28 float32. Prints one line of JSON: training seconds, and the
squared error of `judge`, summed over pixels, mean over pictures.
"""

import contextlib
import io
import json
import logging
import sys
import tempfile
import time

import numpy as np
import torch
from pythae.models import AE, AEConfig
from pythae.models.base.base_utils import ModelOutput
from pythae.models.nn import BaseDecoder, BaseEncoder
from pythae.trainers import BaseTrainer, BaseTrainerConfig
from torch import nn


class Encoder(BaseEncoder):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 256), nn.ReLU(), nn.Linear(256, 32)
        )

    def forward(self, x):
        return ModelOutput(embedding=self.net(x))


class Decoder(BaseDecoder):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(
            nn.Linear(32, 256), nn.ReLU(), nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 784), nn.Sigmoid()
        )

    def forward(self, z):
        return ModelOutput(reconstruction=self.net(z).view(-1, 1, 28, 28))


def main():
    path, epochs, rate, threads = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    logging.disable(logging.WARNING)
    pictures = np.load(path)
    learn, judge = (torch.from_numpy(pictures[name]) for name in ("learn", "judge"))
    from pythae.data.datasets import BaseDataset

    model = AE(AEConfig(input_dim=(1, 28, 28), latent_dim=32), Encoder(), Decoder())
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        config = BaseTrainerConfig(
            output_dir=folder, num_epochs=epochs, learning_rate=rate, per_device_train_batch_size=128,
            optimizer_cls="Adam", no_cuda=True, steps_saving=None,
        )  # fmt: skip
        trainer = BaseTrainer(model, BaseDataset(learn, torch.zeros(len(learn))), training_config=config)
        began = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - began
    model = trainer.model.eval()
    with torch.no_grad():
        errors = [
            (model.decoder(model.encoder(part).embedding).reconstruction - part).square().flatten(1).sum(1)
            for part in judge.split(1000)
        ]
    print(json.dumps({"seconds": seconds, "error": float(torch.cat(errors).mean())}))


if __name__ == "__main__":
    main()
