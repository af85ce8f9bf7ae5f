"""Golden tensors: one small input of a shipped model and what came out of it on the day it was shipped.

They lie beside the weights in `golden.safetensors`, before any rounding to 8 bits, so that a change of torch, of a
block or of the loader that moves what users get is seen where it happens.
"""

from __future__ import annotations

from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from narrows._errors import BadModelFile
from narrows._files import write_atomically
from narrows.model.model import Model

GOLDEN = "golden.safetensors"
TOLERANCE = 2e-4
"""Largest difference, in standard deviations of the golden output: rounding differs between processors, nets do not."""
_SIDE = 24
"""Pixels: enough for every layer to see a middle and an edge, and a few kB a file."""
_NOISE = 0.1


def example_of(model: Model) -> Tensor:
    """1 C H W in about [0, 1], or 8 rows of a table: smooth with noise, the same for every model of a shape."""
    random = torch.Generator().manual_seed(0)
    if model.form == "table":
        return torch.randn(8, model.shape[0], generator=random)
    height, width = (_SIDE, _SIDE) if model.any_size else model.shape[1:]
    down, across = torch.linspace(0, 5, height)[:, None], torch.linspace(0, 7, width)
    planes = [0.5 + 0.4 * torch.sin(across + plane) * torch.cos(down) for plane in range(model.shape[0])]
    picture = torch.stack(planes)[None]
    return picture + _NOISE * torch.randn(picture.shape, generator=random)


def outputs_of(model: Model, x: Tensor) -> dict[str, Tensor]:
    """What is compared: "recon", as the net gives it, and "code" where there is one."""
    found = {"recon": model.reconstruct(x)}
    return found | {"code": model.encode(x)} if model.code_size is not None else found


def write_golden(model: Model, folder: Path) -> Path:
    """Write `golden.safetensors` of a model that is shipped in `folder`. Raises CannotWrite."""
    x = example_of(model)
    tensors = {"x": x, **outputs_of(model, x)}
    write_atomically(folder / GOLDEN, safetensors.torch.save({n: t.float().contiguous() for n, t in tensors.items()}))
    return folder / GOLDEN


def read_golden(folder: Path) -> dict[str, Tensor]:
    """ "x", "recon" and, for models with a code, "code". Raises BadModelFile."""
    try:
        return safetensors.torch.load((folder / GOLDEN).read_bytes())
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise BadModelFile(
            f"{folder} has no golden tensors that can be read ({error}); write them when a model is shipped: "
            f"narrows.model.golden.write_golden(load(FOLDER), FOLDER)"
        ) from error


def largest_difference(found: Tensor, golden: Tensor) -> float:
    """In standard deviations of the golden tensor."""
    return float((found - golden).abs().max() / golden.std().clamp_min(1e-12))
