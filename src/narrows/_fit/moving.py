"""How far training pictures are moved, and whether they are mirrored, where nobody said.

A code that was learned from a few hundred pictures knows them by heart soon. Held-out error over PCA's, one thread,
seed 0, without and with moving (docs/log.md, 2026-11-27): 400 faces of 64x64, 600 steps, 128 values 1.03 and 0.93, 16
values 0.79 and 0.69; 1,500 faces in colour 1.07 and 1.02, mirrored too 0.97; all of MNIST, 2,000 steps 0.267 and 0.261,
6,000 steps 0.252 and 0.206.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from narrows._fit.settings import FitSettings
from narrows.data.pairs import PairedDataset
from narrows.data.reading import Dataset
from narrows.data.sources import PatchSource
from narrows.measuring.baselines import PCABaseline
from narrows.model.model import Model
from narrows.training.seeds import generator

_SIDE = 32
"""Pixels of the shorter side to one that pictures are moved by: of 1, 2 and 4, 2 was best for faces of 64x64."""
_AS_GOOD = 1.05
"""PCA's error on mirrored pictures over that on others: photographs of faces 0.99 to 1.02, Olivetti's faces, each lit
from its own side, 1.2 to 1.3, MNIST's digits 1.6 to 1.7."""
_LOOKED_AT, _LEAST, _CODE = 1000, 40, 32
"""Pictures that are looked at, at most and at least, and the most values of PCA's code."""


def choose_moves(
    dataset: Dataset, model: Model, training: Any, chosen: FitSettings, seed: int
) -> tuple[FitSettings, dict[str, str]]:
    """Both settled, and why where that was chosen here: as asked for; else pictures that are learned whole and through
    a code are moved by a 32nd of their shorter side, and mirrored where mirrored ones look like the others."""
    shift, mirror, reasons = chosen.shift, chosen.mirror, {}
    coded = model.form == "picture" and model.code_size is not None
    if not coded or isinstance(dataset, PairedDataset) or isinstance(training, PatchSource):
        return replace(chosen, shift=shift or 0, mirror=bool(mirror)), {}
    if shift is None:
        shift = round(min(model.shape[1:]) / _SIDE)
        reasons["shift"] = f"a {_SIDE}nd of the shorter side: what stands a little elsewhere is no other picture"
    if mirror is None:
        ratio = _mirrored_over_plain(training, seed)
        mirror = ratio is not None and ratio <= _AS_GOOD
        reasons["mirror"] = (
            f"{len(training)} pictures are too few to tell whether mirrored ones look like them"
            if ratio is None
            else f"PCA's error on mirrored pictures is {ratio:.2f} of that on others"
        )
    return replace(chosen, shift=shift, mirror=mirror), reasons


def _mirrored_over_plain(source: Any, seed: int) -> float | None:
    """PCA's error on some pictures that it was not fitted on, mirrored, over the same as they are."""
    if len(source) < _LEAST:
        return None
    order = torch.randperm(len(source), generator=generator(seed, "mirror"))[:_LOOKED_AT]
    small = _at_most(source.take(order), _SIDE)
    new, known = small.split([len(small) // 5, len(small) - len(small) // 5])
    pca = PCABaseline().fit(known.flatten(1), min(_CODE, len(known) // 2, known[0].numel()))

    def error(pictures: Tensor) -> float:
        rows = pictures.flatten(1)
        return float((pca.reconstruct(rows) - rows).square().mean())

    plain, mirrored = error(new), error(new.flip(3))
    return mirrored / plain if plain > 0 else 1.0


def _at_most(pictures: Tensor, side: int) -> Tensor:
    """B C H W, averaged down to sides of that length at most."""
    height, width = pictures.shape[2:]
    return F.adaptive_avg_pool2d(pictures, (min(height, side), min(width, side)))
