"""What `narrows.load` gives: a model whose methods take and give NumPy arrays, PIL pictures or tensors."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrows._errors import BadData, BadOption, NotSupported, UnknownName
from narrows._registry import priors
from narrows.data.arrays import as_batch
from narrows.data.tables import is_frame, names_of
from narrows.model.folder import load as load_model
from narrows.model.model import Model
from narrows.training.seeds import generator
from narrows.using import walks
from narrows.using.export import Exported
from narrows.using.export import export as export_model
from narrows.using.reading import read_for
from narrows.using.restore import restore as restore_picture


def load(path: str | Path) -> LoadedModel:
    """The model in a folder that `narrows fit` wrote, or in its safetensors file. Runs no code, reads no pickle.

    Example: `narrows.load("digits-model").encode(pictures)`. Raises BadModelFile.
    """
    return LoadedModel(load_model(path))


class LoadedModel:
    """Pictures in, pictures out; a table's rows in, rows out. Safe to call from many threads."""

    def __init__(self, model: Model) -> None:
        self.model = model

    @property
    def card(self) -> dict[str, Any]:
        """Everything the model is, as it stands in model.json."""
        return self.model.card

    @property
    def code_size(self) -> int | None:
        """Values in the code; None for a model without one."""
        return self.model.code_size

    def encode(self, data: Any) -> np.ndarray:
        """Pictures or rows -> codes, float32 (n, code_size). Columns of a data frame are taken by their names. Raises
        NotSupported for kinds without a code."""
        return self.model.encode(self._inside(data)[0]).numpy()

    def decode(self, codes: Any) -> np.ndarray:
        """Codes (n, code_size), or one code (code_size,) -> float32 (n, C, H, W) in [0, 1], or (n, columns)."""
        return self._bounded(self.model.decode(self._codes(codes))).numpy()

    def reconstruct(self, data: Any) -> Any:
        """Pictures or rows -> the same, brought back from their codes, in the type that came: an array or a tensor; of
        a data frame its columns that the model knows."""
        x, back = self._inside(data)
        return back(self._bounded(self.model.reconstruct(x)))

    def restore(
        self, picture: Any, *, strength: float = 1.0, careful: bool = False, engine: str = "torch", **options: Any
    ) -> Any:
        """A picture of any size that the net can take -> a better one, in the type that came. All as
        `narrows.restore` takes it."""
        return restore_picture(picture, model=self.model, strength=strength, careful=careful, engine=engine, **options)

    def export(self, path: str | Path, *, to: str = "onnx", force: bool = False) -> Exported:
        """Write the net as one file for programs without torch; only where it gives what the model gives.

        Raises UnknownName for another format than ONNX, NotSupported where packages are missing (`pip install
        'narrows[onnx]'`) or the net cannot be exported, WouldOverwrite, CannotWrite.
        """
        return export_model(self.model, path, to=to, force=force)

    def sample(self, n: int = 1, *, prior: str | None = None, seed: int = 0) -> np.ndarray:
        """`n` new examples: float32 (n, C, H, W) in [0, 1], or (n, columns). `prior` says which is meant, and raises
        NotSupported where the model holds another; None takes what there is. Raises NotSupported without a prior."""
        if n < 1:
            raise BadOption(f"n={n}; it takes 1 or more")
        held = self.card.get("prior", {}).get("name")
        if prior is not None and prior not in priors:
            raise UnknownName.of("prior", prior, priors)
        if prior is not None and prior != held:
            raise NotSupported(
                f"this model holds {f'the prior {held}' if held else 'no fitted prior'}, not {prior}; fit it on the "
                f"codes of the training data: narrows.using.sample.fit_prior(model, codes, {prior!r}), or narrows "
                f"sample MODEL --prior {prior} --data TRAINING-DATA --keep"
            )
        return self._bounded(self.model.draw(n, generator(seed, "sample"))).numpy()

    def interpolate(self, first: Any, last: Any, *, steps: int = 8, spherical: bool = False) -> np.ndarray:
        """From one picture to another through the codes between: (steps, C, H, W), both ends included. `spherical`
        walks on an arc instead of a line, as suits codes near N(0, I)."""
        if self.model.code_size is None:
            raise NotSupported(f"this model's kind, {self.model.kind}, has no code to walk through")
        one, other = (self.model.encode(self._inside(end)[0][:1])[0] for end in (first, last))
        walk = walks.spherical if spherical else walks.linear
        return self._bounded(self.model.decode(walk(one, other, steps))).numpy()

    def _inside(self, data: Any) -> tuple[Tensor, Callable[[Tensor], Any]]:
        if self.model.form == "picture":
            array = isinstance(data, (np.ndarray, Tensor))
            if array and data.ndim == 3 and self.model.shape == (1, *data.shape[1:]) and len(data) != 1:
                x, many = as_batch(data[:, None])  # N H W of grey pictures, as `fit` takes them
                return x, lambda result: many(result)[:, 0] if result.shape[1] == 1 else many(result)
            return as_batch(data)
        if is_frame(data):
            return self._inside_frame(data)
        rows = data.detach().cpu() if isinstance(data, Tensor) else _rows(data)
        if rows.dtype != torch.float32:  # whole numbers, such as times, have more digits than single precision
            rows = rows.double()
        one = rows.dim() == 1
        if rows.dim() not in (1, 2) or rows.shape[-1] != self.model.shape[0]:
            raise BadData(f"a table of shape {tuple(rows.shape)} came; this model takes {self.model.shape[0]} columns")

        def back(result: Tensor) -> Any:
            result = result[0] if one else result
            return result if isinstance(data, Tensor) else result.numpy()

        if torch.isinf(rows.float()).any():
            raise BadData("rows with infinities came; replace them, or say NaN where a cell is not known")
        return rows.reshape(-1, self.model.shape[0]), back

    def _inside_frame(self, frame: Any) -> tuple[Tensor, Callable[[Tensor], Any]]:
        dataset = read_for(self.model, frame)
        labels = dict(zip(names_of(frame), frame.columns, strict=True))
        kept = [name for name in labels if name in dataset.columns]

        def back(result: Tensor) -> Any:
            if result.shape[1:] != dataset.shape:
                return result.numpy()
            places = [dataset.columns.index(name) for name in kept]
            return type(frame)(result[:, places].numpy(), index=frame.index, columns=[labels[name] for name in kept])

        return dataset.source.take(torch.arange(len(dataset.source))), back

    def _codes(self, codes: Any) -> Tensor:
        found = codes.detach().cpu().float() if isinstance(codes, Tensor) else _numbers(codes, "codes")
        if not torch.isfinite(found).all():
            raise BadData("codes with values that are not numbers came; replace NaN and infinities first")
        return found[None] if found.dim() == 1 else found

    def _bounded(self, result: Tensor) -> Tensor:
        return result.clamp(0, 1) if self.model.form == "picture" else result


def _rows(data: Any) -> Tensor:
    """Single precision where that came, else double."""
    single = getattr(data, "dtype", None) in (np.float16, np.float32)
    return _numbers(data, "rows of a table", np.float32 if single else np.float64)


def _numbers(data: Any, what: str, dtype: Any = np.float32) -> Tensor:
    """From whatever NumPy takes for numbers. Raises BadData."""
    try:
        with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused as that
            return torch.as_tensor(np.require(data, dtype, "W"))
    except (TypeError, ValueError) as error:
        raise BadData(f"{what} are numbers, and {str(error)[:120]}; encode texts as numbers first") from error
