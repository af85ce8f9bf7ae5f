"""Bring the picture back from its code: what an autoencoder is for, and how good its code is."""

from __future__ import annotations

from torch import Tensor

from narrows._contract import AbstractTask, Batch, Step


class Reconstruct(AbstractTask):
    """Learns from the data as they are: the input is its own target."""

    metric = "mse"
    kind = "undercomplete"
    architecture = "auto"
    accepts = frozenset({"picture", "table"})

    def example(self, pictures: Tensor, step: Step) -> Batch:
        return Batch(pictures, pictures)
