"""Run by `torchrun` in two processes: trains kinds together into folder argv[1], and prints what differs, as JSON."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import torch
import torch.distributed as dist

import narrows

KINDS = ("undercomplete", "vqvae", "aae")


def differs(state: dict[str, torch.Tensor]) -> list[str]:
    """Names of tensors that the first process has otherwise, or that are not finite."""
    found = []
    for name, value in sorted(state.items()):
        first = value.clone().contiguous()
        dist.broadcast(first, 0)
        same = torch.tensor(int(torch.equal(first, value) and bool(value.isfinite().all())))
        dist.all_reduce(same, op=dist.ReduceOp.MIN)
        found += [] if same else [name]
    return found


def main(folder: Path) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (40, 8, 8), dtype=np.uint8)
    told = {}
    for kind in KINDS:
        out = folder / kind
        fitted = narrows.fit(
            pictures, kind=kind, n_nodes=8, steps=10, batch_size=7, devices=2, device="cpu", out=out,
        )  # fmt: skip
        told[kind] = differs(fitted.model.model.autoencoder.state_dict())
        assert (fitted.folder is None) == (dist.get_rank() == 1)
    if dist.get_rank() == 0:
        print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
