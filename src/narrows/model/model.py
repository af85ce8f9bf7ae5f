"""A model: what a card describes, with weights, and the few things that one does with it.

The children's names are the tensors' prefixes in the file: `standardise`, `autoencoder`, `task`, `prior`.
Everything here is safe from many threads at once: nothing is written while a picture passes through.
"""

from __future__ import annotations

import math
from typing import Any, Self

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from narrows._contract import (
    AbstractArchitecture,
    AbstractAutoencoder,
    AbstractPrior,
    AbstractTask,
    Batch,
    DataFacts,
    Pairs,
    Step,
)
from narrows._errors import BadData, NotSupported
from narrows._registry import priors
from narrows.model.standardise import Standardise
from narrows.nn.linear_start import linears
from narrows.nn.padding import pad_to

_ROWS_AT_ONCE = 256
_TOLD_OF, _MOST_TOLD_OF, _BYTES_TOLD_OF = 1024, 8192, 1 << 29
"""Examples that `start` may know: always; at most, and in memory, where it begins at PCA."""
_USUAL_PRIOR = "mixture"
"""Of those that draw vectors."""


class Model(nn.Module):
    """Card and network. Made by `make`, `load`; methods take and give tensors (`using` converts everything else)."""

    prior: AbstractPrior | None

    def __init__(
        self, card: dict[str, Any], *, net: AbstractArchitecture, autoencoder: AbstractAutoencoder, task: AbstractTask
    ) -> None:
        super().__init__()
        self.card = card
        self.shape: tuple[int, ...] = tuple(card["shape"])
        self.target_shape: tuple[int, ...] = tuple(card.get("target_shape", card["shape"]))
        self.form: str = card["form"]
        self.net_facts = _NetFacts(net)
        self.standardise = Standardise(self.shape[0]) if self.form == "table" else None
        self.autoencoder = autoencoder
        self.task = task
        self.prior = None
        self.in_layout().eval()

    def in_layout(self) -> Self:
        """Kernels in the order that training leaves them in (channels last): another order rounds differently, and a
        loaded model should give the bits that the trained one gave."""
        return self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    # What a card says, under the names of the field

    @property
    def kind(self) -> str:
        """The kind's registered name."""
        return self.card["kind"]["name"]

    @property
    def code_size(self) -> int | None:
        """Values in the code, at every place for a grid; None for a model without one."""
        return self.card["kind"]["options"].get("code_size")

    @property
    def any_size(self) -> bool:
        """Whether pictures of any size pass: a code of a fixed number of values fixes the picture's size."""
        return self.net_facts.any_size and "vector" not in self.autoencoder.needs

    @property
    def code_shape(self) -> tuple[int, ...] | None:
        """Of the code of a picture of the model's own shape: (D,), or (D, h, w) for a grid; None without a code."""
        if self.code_size is None or "grid" not in self.autoencoder.needs:
            return None if self.code_size is None else (self.code_size,)
        return (self.code_size, *(-(-side // self.net_facts.stride) for side in self.shape[1:]))

    @property
    def code_form(self) -> str:
        """What a prior draws for it: "indices", "vector" or "grid"."""
        return "indices" if "indices" in self.can else "grid" if "grid" in self.autoencoder.needs else "vector"

    @property
    def usual_prior(self) -> str | None:
        """The name of a prior that can be fitted on its codes."""
        fit = [name for name in priors if priors[name].accepts == self.code_form]
        return _USUAL_PRIOR if _USUAL_PRIOR in fit else next(iter(fit), None)

    @property
    def code_values(self) -> int | None:
        """Values that a whole code holds: those that are not 0, where a kind fixes that; None without a code."""
        return self.code_values_of(self.shape)

    def code_values_of(self, shape: tuple[int, ...]) -> int | None:
        """The same for an input of another size, C H W, through a grid."""
        if self.code_size is None:
            return None
        grid = "grid" in self.autoencoder.needs
        places = math.prod(-(-side // self.net_facts.stride) for side in shape[1:]) if grid else 1
        return self.autoencoder.active_values or self.code_size * places

    @property
    def code_bits(self) -> float | None:
        """Bits of a whole code of indices; None where its values are real numbers."""
        if self.autoencoder.bits is None or self.code_shape is None:
            return None
        return self.autoencoder.bits * math.prod(self.code_shape[1:])

    @property
    def can(self) -> frozenset[str]:
        """Of "code", "draw", "indices", "likelihood"."""
        return self.autoencoder.gives if self.prior is None else self.autoencoder.gives | {"draw"}

    # Learning

    def batch(self, examples: Tensor | Pairs, step: Step) -> Batch:
        """B *shape, as a source gives them (a table's missing cells are NaN), or pairs -> what the loop learns from."""
        if isinstance(examples, Pairs):  # prepared as the user's pictures will be
            x = self.task.prepare(self._padded(examples.before), **examples.facts)
            return Batch(x, self._padded(examples.after))
        if self.standardise is None:
            return self._on_stride(self.task.example(self._padded(examples), step))
        values, known = self.standardise(examples)
        x, target, weight = self.task.example(values, step)
        return Batch(x, target, known if weight is None else weight * known)

    @property
    def told_of(self) -> int:
        """How many examples `start` may know: more where it begins at PCA. From 1,024 faces of 64x64 in colour, 128
        directions leave 9 % more of others' error than from 2,700 (docs/log.md, 2026-11-28)."""
        if not linears(self.autoencoder):
            return _TOLD_OF
        return max(_TOLD_OF, min(_MOST_TOLD_OF, _BYTES_TOLD_OF // (4 * math.prod(self.target_shape))))

    def facts(self, examples: Tensor | Pairs, count: int, step: Step) -> DataFacts:
        """What `start` may know, from up to `told_of` examples of `count`."""
        batch = self.batch(examples[: self.told_of], step)
        same = not isinstance(examples, Pairs)
        return DataFacts(count, batch.target.mean(0), batch.x, step.generator, batch.target, same)

    # Using: tensors in, tensors out, in batches that fit in memory

    @torch.no_grad()
    def encode(self, x: Tensor) -> Tensor:
        """B *shape -> B D, or B D h w. Raises NotSupported without a code, BadData for another shape."""
        self._needs("code", "encode")
        return self._in_parts(lambda part: self.autoencoder.encode(self._input(part)), self._checked(x))

    @torch.no_grad()
    def decode(self, code: Tensor) -> Tensor:
        """B D -> B *shape, or B D h w -> B C H W, in the data's units. Raises NotSupported, BadData."""
        self._needs("code", "decode")
        grid = "grid" in self.autoencoder.needs
        if code.dim() != (4 if grid else 2) or code.shape[1] != self.code_size:
            takes = f"(n, {self.code_size}, h, w)" if grid else f"(n, {self.code_size})"
            raise BadData(f"codes of shape {tuple(code.shape)} came; this model takes {takes}")
        return self._in_parts(self._decode, code)

    @torch.no_grad()
    def reconstruct(self, x: Tensor) -> Tensor:
        """B *shape -> B *target_shape: through the net once, in the rows' precision for tables. Restoring nets of any
        size take any H and W that they can."""
        cut = tuple(slice(side) for side in x.shape[2:]) if self.target_shape == self.shape else ()

        def through(part: Tensor) -> Tensor:
            return self._output(self.autoencoder.restore(self._input(part)).to(part.dtype))[(..., *cut)]

        return self._in_parts(through, self._checked(x))

    @torch.no_grad()
    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n new examples: n *shape, from the prior that was fitted, else from the kind's own. Raises NotSupported where
        nothing says which codes are likely."""
        if self.prior is not None:
            codes = self.prior.draw(n, generator)
            if self.prior.accepts == "indices":
                codes = self.autoencoder.from_indices(codes)  # type: ignore[operator]
        elif "draw" in self.can:
            codes = self.autoencoder.draw(n, generator)  # type: ignore[operator]
        elif self.code_size is None:
            raise NotSupported(
                f"this model's kind, {self.kind}, has no code, so there is nothing to draw; fit with --kind variational"
            )
        else:
            raise NotSupported(
                f"{self.kind} has no prior to draw codes from; fit one on the codes of its training data: narrows "
                f"sample MODEL --prior {self.usual_prior} --data TRAINING-DATA --keep (narrows.using.sample.fit_prior "
                f"in Python), or fit with --kind variational"
            )
        return self._in_parts(self._decode, codes)

    def _input(self, x: Tensor) -> Tensor:
        if self.standardise is not None:
            return self.standardise(x)[0]
        return self.task.prepare(self._padded(x))

    def _padded(self, pictures: Tensor) -> Tensor:
        """Sides that are multiples of the net's stride; a net with a vector code has its one size anyhow."""
        return pictures if "vector" in self.autoencoder.needs else pad_to(pictures, self.net_facts.stride)

    def _on_stride(self, batch: Batch) -> Batch:
        """A task may have made smaller pictures of the padded ones. What is then beyond their edge does not count."""
        x = self._padded(batch.x)
        if x.shape == batch.x.shape:
            return batch
        weight = torch.ones_like(batch.x[:, :1]) if batch.weight is None else batch.weight
        beyond = (0, x.shape[3] - batch.x.shape[3], 0, x.shape[2] - batch.x.shape[2])
        return Batch(x, self._padded(batch.target), F.pad(weight, beyond))

    def _decode(self, code: Tensor) -> Tensor:
        """A grid that is as large as the model's own pictures give it loses their padding again."""
        found = self._output(self.autoencoder.decode(code))
        if "grid" not in self.autoencoder.needs:
            return found
        padded = tuple(-(-side // self.net_facts.stride) * self.net_facts.stride for side in self.shape[1:])
        return found[..., : self.shape[1], : self.shape[2]] if found.shape[2:] == padded else found

    def _output(self, x: Tensor) -> Tensor:
        return x if self.standardise is None else self.standardise.inverse(x)

    def _needs(self, ability: str, verb: str) -> None:
        if ability not in self.can:
            raise NotSupported(
                f"this model's kind, {self.kind}, has no code, so it cannot {verb}; fit with --kind undercomplete"
            )

    def _checked(self, x: Tensor) -> Tensor:
        fixed = "whole" not in self.autoencoder.needs and "grid" not in self.autoencoder.needs
        expected = self.shape if fixed else self.shape[:1]
        if x.dim() != len(self.shape) + 1 or tuple(x.shape[1 : 1 + len(expected)]) != expected:
            what = f"(n, {', '.join(map(str, self.shape))})" if fixed else f"(n, {self.shape[0]}, height, width)"
            raise BadData(f"data of shape {tuple(x.shape)} came; this model takes {what}")
        offset = self.autoencoder.offset
        if self.standardise is not None and x.dtype == torch.float64:  # single precision would lose times, for one
            return x.to(offset.device)
        return x.to(offset)

    @staticmethod
    def _in_parts(work: Any, rows: Tensor) -> Tensor:
        """`work` on a bounded number of rows at a time; always in the same parts, so that results repeat exactly."""
        if len(rows) <= _ROWS_AT_ONCE:
            return work(rows)
        return torch.cat([work(part) for part in rows.split(_ROWS_AT_ONCE)])


class _NetFacts:
    """What outlives the architecture object: what tiling and reports ask of it."""

    def __init__(self, net: AbstractArchitecture) -> None:
        self.stride, self.reach, self.any_size = net.stride, net.reach, net.any_size
        self.n_layers, self.n_nodes = net.n_layers, net.n_nodes
