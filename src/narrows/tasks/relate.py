"""Turn pictures into related ones, as a net of yours has learned from pairs.

Learned from two folders, narrows fit --pairs before/ after/: day to night, sketch to drawing, one stain to another,
the upper half of a face to the lower. Pairs of one size are learned in patches, by nets that keep the size; where the
sizes differ the picture before is encoded and the picture after decoded.
"""

from __future__ import annotations

from torch import Tensor

from narrows._contract import AbstractTask, Batch, Step
from narrows._errors import BadOption


class Relate(AbstractTask):
    """There is nothing to set: what a picture becomes is shown, not told."""

    metric = "psnr"
    learns_from = "pairs"
    takes_pairs = True
    classical = ("gaussian", "median", "unsharp_mask", "gamma", "auto_levels", "equalise")

    def example(self, pictures: Tensor, step: Step) -> Batch:
        raise BadOption(
            "relate learns from pairs, two folders whose pictures have the same names: --pairs BEFORE AFTER"
        )
