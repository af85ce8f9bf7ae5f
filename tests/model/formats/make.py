"""Write one tiny model folder of every sort in the present format, with what it gives, to be kept for ever.

    python tests/model/formats/make.py

Run once for each new `FORMAT` number; folders that stand there are never written again. `test_formats.py` holds every
later reader to these outputs. Weights are random, not trained: what is kept is the reading, not the skill.
"""

from __future__ import annotations

from pathlib import Path

import safetensors.torch
import torch

from narrows.model.build import make
from narrows.model.card import FORMAT
from narrows.model.folder import save
from narrows.model.model import Model

HERE = Path(__file__).parent
GOLDEN = "golden.safetensors"

SORTS = {
    "undercomplete-mlp": {"shape": (1, 8, 8), "architecture": "mlp", "code_size": 4, "n_nodes": (16,)},
    "denoising-conv": {"shape": (1, 8, 8), "kind": "denoising", "architecture": "conv", "code_size": 4, "n_nodes": 4},
    "undercomplete-conv": {"shape": (1, 8, 8), "architecture": "conv", "code_size": 40, "n_nodes": 4},
    "undercomplete-resnet": {"shape": (3, 9, 8), "architecture": "resnet", "code_size": 4, "n_nodes": (4,)},
    "variational-table": {"shape": (5,), "kind": "variational", "code_size": 2, "n_nodes": (8,)},
    "vqvae-conv": {
        "shape": (1, 9, 8),
        "kind": "vqvae",
        "architecture": "conv",
        "n_nodes": 4,
        "options": {"codebook": 8},
    },
    "hierarchical-mlp": {"shape": (6,), "kind": "hierarchical", "code_size": 3, "n_nodes": (8,)},
    "denoise-unet": {"shape": (1, 16, 16), "task": "denoise", "n_nodes": (8, 8), "loss": "charbonnier"},
}
"""Folder name, behind the format number, to the arguments of `make`."""


def outputs(model: Model, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """What a model gives for an input: its result, its code where it has one, and the picture of that code."""
    found = {"x": x, "result": model.reconstruct(x)}
    if model.code_size is not None:
        found["code"] = model.encode(x)
        found["decoded"] = model.decode(found["code"])
    return found


def _write(name: str, settings: dict) -> None:
    folder = HERE / f"{FORMAT}-{name}"
    if folder.exists():
        return
    random = torch.Generator().manual_seed(0)
    model = make(**settings, seed=1)
    for tensor in (*model.parameters(), *model.buffers()):
        # Every tensor matters: an untrained net has zeros, which would hide a tensor read into the wrong place; and
        # what is beyond black or white is clamped, which would hide everything.
        tensor.data += 0.1 * (torch.rand(tensor.shape, generator=random) - 0.5)
    x = torch.rand((3, *settings["shape"]), generator=random)
    if model.form == "table":
        x[0, 1] = torch.nan
    save(model, folder)
    kept = {what: tensor.contiguous() for what, tensor in outputs(model, x).items()}
    safetensors.torch.save_file(kept, folder / GOLDEN)


if __name__ == "__main__":
    torch.set_num_threads(1)
    for sort, arguments in SORTS.items():
        _write(sort, arguments)
