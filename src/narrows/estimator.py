"""`narrows.Autoencoder`: an autoencoder under scikit-learn's contract, over arrays in memory.

It validates, scales pictures, draws the seed and converts; making and training are the same `make` and `train` that
`narrows fit` uses. The one file of the package that imports scikit-learn when it is imported.

Unusual: rows of float64 are worked on in double precision (training is always in single), so that a row's code does
not depend on its batch even in the eighth digit; and its pickled state is its parameters and the bytes of the model
file, read back by the checked loader, never a pickled net.
"""

from __future__ import annotations

import copy
import math
import numbers
import sys
from collections.abc import Callable
from typing import Any, Self

import numpy as np
import torch
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils import Tags, check_array, check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import Tensor

from narrows._contract import Batch, DataFacts, Step
from narrows._errors import BadData, BadOption, NotSupported
from narrows._registry import kinds
from narrows.model.build import build, kind_for, make
from narrows.model.folder import from_bytes, to_bytes
from narrows.model.model import Model
from narrows.nn.losses import choose_loss
from narrows.training.config import TrainingConfig
from narrows.training.loop import History, Supply, train
from narrows.training.seeds import generator

_ROWS_AT_ONCE = 4096
"""Rows converted at a time in use; the model works on a part of them at once."""
_FOR_AUTO_LOSS = 256
"""Pictures that `loss="auto"` looks at."""
_FAR = 10.0
"""Pictures further than this many times the learned range from it were surely scaled in another way."""
_LARGEST = 1e30
"""Beyond, means and squares overflow in single precision, in which the net is trained."""
_SEEDS = 2**31 - 1


class Autoencoder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """An autoencoder as a scikit-learn transformer: `transform` gives codes, `inverse_transform` brings rows back.

    Rows of a table may be on any scale: each column is standardised (from the training rows) and brought back in its
    own units. Cells that are NaN are missing: they are left out of the loss and of the score.

    With `image_shape` rows are pictures. uint8 and uint16 stand for 0 to 255 and 0 to 65535; other values inside
    [0, 1] are taken as they are; anything else is scaled by the smallest and largest training value, kept in
    `range_` (scikit-learn's digits: 0 to 16). Results come back in the units of the input.

    Parameters
    ----------
    kind : str or None
        What the code is, a name that `narrows.list_kinds()` lists; None is "undercomplete".
    architecture : str or None
        "mlp", "conv", "resnet", ...; None is "mlp", and "conv" for pictures of more than 16,384 values.
    code_size : int or None
        Values in the code, 1 to the number of columns; None takes a 25th of the values, and 8 to 128, or half of up
        to 16 columns.
    n_layers, n_nodes : int or None, int or tuple or None
        Layers of the encoder, and nodes (channels) of the first layer or of each but the last; None as the
        architecture sees fit.
    loss : str
        "mse", "l1", "bce", "logistic", "charbonnier", or "auto": bce for pictures whose values are nearly all 0 or 1,
        else mse.
    options : dict or None
        Further options of the kind and the architecture by name, such as {"beta": 4.0}.
    image_shape : tuple or None
        (H, W) or (C, H, W) of the picture that each row holds, rows of pixels after each other; None is a table.
    max_iter : int
        Passes over the training rows.
    batch_size : int or None
        Rows a step; None is 128, or fewer (down to 8) where a pass or the whole training would have few steps.
    learning_rate : float or None
        The highest, after warm-up; then it falls by half a cosine. None is 0.004.
    random_state : int, RandomState or None
        Everything random follows from it.
    device : str
        Where to train: "auto", "cpu", "cuda", "mps". Afterwards the model is on the CPU.
    verbose : bool
        Tell the loss on standard error, 20 times a run.

    Attributes
    ----------
    model_ : Model
        The trained network with its card; `narrows.save(estimator.model_, folder)` keeps it as a model folder.
    code_size_ : int
        Columns of what `transform` gives.
    n_iter_ : int
        Passes made.
    loss_ : float
        Mean training loss at the end.
    history_ : list of (int, float)
        Step and mean training loss since the step before.
    range_ : (float, float) or None
        What counts as 0 and as 1 in pictures; None for tables.
    n_features_in_, feature_names_in_
        As everywhere in scikit-learn.

    Examples
    --------
    >>> codes = Autoencoder(code_size=16).fit_transform(X)  # doctest: +SKIP
    """

    model_: Model
    range_: tuple[float, float] | None
    code_size_: int
    n_iter_: int
    loss_: float
    history_: list[tuple[int, float]]
    n_features_in_: int

    def __init__(
        self,
        *,
        kind: str | None = None,
        architecture: str | None = None,
        code_size: int | None = None,
        n_layers: int | None = None,
        n_nodes: int | tuple[int, ...] | None = None,
        loss: str = "auto",
        options: dict[str, Any] | None = None,
        image_shape: tuple[int, ...] | None = None,
        max_iter: int = 100,
        batch_size: int | None = None,
        learning_rate: float | None = None,
        random_state: int | np.random.RandomState | None = None,
        device: str = "auto",
        verbose: bool = False,
    ) -> None:
        self.kind = kind
        self.architecture = architecture
        self.code_size = code_size
        self.n_layers = n_layers
        self.n_nodes = n_nodes
        self.loss = loss
        self.options = options
        self.image_shape = image_shape
        self.max_iter = max_iter
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.random_state = random_state
        self.device = device
        self.verbose = verbose

    # Learning

    def fit(self, X: Any, y: Any = None) -> Self:
        """Learn from X (n_rows, n_columns), anew; `y` is ignored.

        Raises BadData, BadOption, BadPairing (all of them ValueErrors), UnknownName, and ValueError for what
        scikit-learn's own validation refuses.
        """
        rows = self._validated(X, reset=True, least=2)
        passes = _whole("max_iter", self.max_iter)
        seed = self._seed()
        model, scale = self._made(rows, seed)
        history = self._train(model, rows, scale, passes, seed, fresh=True)
        self._keep(model, scale, passes, history)
        return self

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Go on learning: one more pass over X, and over these rows only.

        The first call makes the net and fixes for good what a column's (or picture's) scale is, so it should see rows
        like those to come. Every call warms up and lets the learning rate fall anew. After `fit` it goes on from the
        fitted weights. Parts of a kind that only training needs (an adversary) begin anew after unpickling.
        """
        fresh = not hasattr(self, "model_")
        rows = self._validated(X, reset=fresh, least=2 if fresh else 1)
        seed = self._seed()
        # A copy, so that an interrupted call leaves the estimator as it was.
        model, scale = self._made(rows, seed) if fresh else (_trainable(self.model_, seed), self.range_)
        history = self._train(model, rows, scale, 1, seed, fresh=fresh)
        before = (0, []) if fresh else (self.n_iter_, self.history_)
        self._keep(model, scale, before[0] + 1, history, before[1])
        return self

    def _options(self) -> dict[str, Any]:
        given = {} if self.options is None else self.options
        if not isinstance(given, dict):
            raise BadOption(f"options={given!r}; it takes a dict of names and values, such as {{'beta': 4.0}}, or None")
        return {name: _plain(value) for name, value in given.items()}

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(_SEEDS))

    def _link(self, shape: tuple[int, ...]) -> str:
        kind = kind_for("reconstruct", self.kind, self.architecture, _plain(self.code_size), shape)
        return kinds[kind].link

    def _made(self, rows: np.ndarray, seed: int) -> tuple[Model, tuple[float, float] | None]:
        """A fresh model for these rows, with their scale learned."""
        scale, loss = None, self.loss
        shape = self._shape(rows.shape[1])
        if len(shape) == 3:
            scale = _range_of(rows)
            if loss == "auto":
                loss, _ = choose_loss(_scaled(rows[:_FOR_AUTO_LOSS], scale), self._link(shape))
        elif loss == "auto":
            loss = "mse"
        model = make(
            shape=shape,
            kind=self.kind,
            architecture=self.architecture,
            code_size=_plain(self.code_size),
            n_layers=_plain(self.n_layers),
            n_nodes=_plain(self.n_nodes),
            loss=loss,
            options=self._options(),
            seed=seed,
        )
        if "code" not in model.can:
            raise NotSupported(f"kind={self.kind!r} has no code, which a transformer gives; take kind='undercomplete'")
        if model.standardise is not None:
            model.standardise.learn(torch.tensor(rows))
        return model, scale

    def _train(
        self,
        model: Model,
        rows: np.ndarray,
        scale: tuple[float, float] | None,
        passes: int,
        seed: int,
        *,
        fresh: bool,
    ) -> History:
        """The one training loop, over rows in memory."""
        count = len(rows)
        config = TrainingConfig(
            epochs=passes,
            batch_size=None if self.batch_size is None else _whole("batch_size", self.batch_size),
            learning_rate=None if self.learning_rate is None else float(self.learning_rate),
            seed=seed,
            device=self.device,
        )

        def take(indices: np.ndarray) -> Tensor:
            examples = _examples(rows[indices], scale, model.shape)
            return examples if scale is None else examples.float()  # the model itself brings tables to its precision

        def batch(indices: Tensor, step: Step) -> Batch:
            return model.batch(take(indices.numpy()), step)

        def facts() -> DataFacts:
            random = generator(seed, "facts")
            some = torch.randperm(count, generator=random)[: model.told_of].numpy()
            return model.facts(take(some), count, Step(0, 1, count, random))

        outcome = train(
            model.autoencoder,
            Supply(count, batch),
            None,
            config,
            facts=facts if fresh else None,
            progress=_tell if self.verbose else None,
        )
        model.eval()
        model.card["data"] = {"examples": {"training": count}, "range": None if scale is None else list(scale)}
        model.card["training"] = {**config.as_dict(), **outcome.plan._asdict(), "learning_rate": config.rate}
        return outcome.history

    def _keep(
        self,
        model: Model,
        scale: tuple[float, float] | None,
        passes: int,
        history: History,
        before: list[tuple[int, float]] | None = None,
    ) -> None:
        """Everything learned, at once and last: a call that fails changes nothing."""
        with torch.no_grad():
            code = model.encode(torch.zeros((1, *model.shape)))
        last = before[-1][0] if before else 0
        self.model_ = model
        self.range_ = scale
        self.code_size_ = math.prod(code.shape[1:])
        self.n_iter_ = passes
        self.history_ = [*(before or []), *((last + step, loss) for step, loss in history.training)]
        self.loss_ = self.history_[-1][1]

    # Using

    def transform(self, X: Any) -> np.ndarray:
        """X (n_rows, n_columns) -> codes (n_rows, code_size_); float32 for float32 and uint8, else float64."""
        rows, model = self._ready(X)
        return self._by_parts(rows, model, lambda part: model.encode(part).flatten(1))

    def inverse_transform(self, X: Any) -> np.ndarray:
        """Codes (n_rows, code_size_) -> rows (n_rows, n_columns) in the units of the training rows."""
        check_is_fitted(self)
        codes: np.ndarray = check_array(X, dtype=[np.float64, np.float32])  # type: ignore[arg-type]
        if codes.shape[1] != self.code_size_:
            raise BadData(f"codes of {codes.shape[1]} values came; this estimator's have {self.code_size_}")
        model = self._in_precision_of(codes)
        with torch.no_grad():
            shape = model.encode(torch.zeros((1, *model.shape))).shape[1:]
        found = np.empty((len(codes), self.n_features_in_), codes.dtype)
        for start in range(0, len(codes), _ROWS_AT_ONCE):
            part = torch.from_numpy(codes[start : start + _ROWS_AT_ONCE].copy())
            found[start : start + len(part)] = model.decode(part.reshape(-1, *shape)).flatten(1).numpy()
        if self.range_ is not None:
            low, high = self.range_
            found = found.clip(0, 1) * found.dtype.type(high - low) + found.dtype.type(low)
        return found

    def score_samples(self, X: Any) -> np.ndarray:
        """The negative mean squared error of each row of X when it is brought back from its code: 0 is perfect.

        Table columns count in units of their spread among the training rows (so -1 is no better than the mean row),
        pictures in units of their range. Missing cells do not count.
        """
        rows, model = self._ready(X)
        return self._by_parts(rows, model, lambda part: -_errors(model, part))

    def score(self, X: Any, y: Any = None) -> float:
        """The mean of `score_samples`: higher is better; `y` is ignored. Compares settings of any loss."""
        return float(self.score_samples(X).mean())

    def _ready(self, X: Any) -> tuple[np.ndarray, Model]:
        check_is_fitted(self)
        rows = self._validated(X, reset=False, least=1)
        if self.range_ is not None:
            low, high = self.range_
            furthest = max(float(rows.max()) - high, low - float(rows.min()))
            if furthest > _FAR * (high - low):
                raise BadData(
                    f"pictures with values from {rows.min():g} to {rows.max():g} came; this estimator was fitted on "
                    f"{low:g} to {high:g}: scale them the same way"
                )
        return rows, self._in_precision_of(rows)

    def _in_precision_of(self, rows: np.ndarray) -> Model:
        """The model itself, or a copy in double precision for float64."""
        return copy.deepcopy(self.model_).double() if rows.dtype == np.float64 else self.model_

    def _by_parts(self, rows: np.ndarray, model: Model, work: Callable[[Tensor], Tensor]) -> np.ndarray:
        with torch.no_grad():
            return np.concatenate(
                [
                    work(_examples(rows[start : start + _ROWS_AT_ONCE], self.range_, model.shape)).numpy()
                    for start in range(0, len(rows), _ROWS_AT_ONCE)
                ]
            )

    # Validation

    def _validated(self, X: Any, *, reset: bool, least: int) -> np.ndarray:
        """N D of float32, float64, uint8 or uint16: whatever else comes is turned into float64."""
        table = self.image_shape is None
        rows: np.ndarray = validate_data(  # type: ignore[assignment]
            self,
            X,
            reset=reset,
            dtype=[np.float64, np.float32, np.uint8, np.uint16],
            ensure_all_finite="allow-nan" if table else True,
            ensure_min_samples=least,
        )
        if rows.dtype == np.float64 and rows.size and (largest := np.nanmax(np.abs(rows), initial=0)) > _LARGEST:
            raise BadData(f"a value of {largest:g} came; the net takes up to {_LARGEST:g}: scale the columns")
        return rows.astype(np.float32) if table and rows.dtype.kind == "u" else rows

    def _shape(self, columns: int) -> tuple[int, ...]:
        if self.image_shape is None:
            return (columns,)
        given = self.image_shape
        shape = tuple(_plain(side) for side in given) if isinstance(given, (tuple, list)) else ()
        if len(shape) == 2:
            shape = (1, *shape)
        if len(shape) != 3 or not all(isinstance(n, int) and n > 0 for n in shape):
            raise BadOption(f"image_shape={given!r}; it takes (H, W) or (C, H, W), such as (8, 8)")
        if math.prod(shape) != columns:
            raise BadData(f"rows of {columns} values came; pictures of image_shape={given} have {math.prod(shape)}")
        if shape[2] <= 4 < shape[0]:
            raise BadOption(
                f"image_shape={shape} would be {shape[0]} channels; colours come first: image_shape="
                f"{(shape[2], *shape[:2])}, X.reshape(-1, {shape[0]}, {shape[1]}, {shape[2]}).transpose(0, 3, 1, 2)"
            )
        return shape

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = self.image_shape is None
        assert tags.transformer_tags is not None  # TransformerMixin gives them
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags

    @property
    def _n_features_out(self) -> int:
        return self.code_size_

    # Pickling: parameters and the bytes of the model file

    def __getstate__(self) -> dict[str, Any]:
        state: dict[str, Any] = {**super().__getstate__()}  # type: ignore[dict-item]
        if "model_" in state:
            state["model_"] = to_bytes(state["model_"])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        if "model_" in state:
            state["model_"] = from_bytes(state["model_"], "the pickled estimator")
        super().__setstate__(state)  # type: ignore[misc]


def _trainable(model: Model, seed: int) -> Model:
    """A copy that can be trained: one that came from a file has frozen weights and lacks its training-only parts."""
    if any(parameter.requires_grad for parameter in model.parameters()):
        return copy.deepcopy(model)
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # `torch.manual_seed` would set those of GPUs too, for good
        fresh = build(copy.deepcopy(model.card))
    fresh.load_state_dict(model.state_dict(), strict=not model.autoencoder.training_only)
    return fresh


def _examples(rows: np.ndarray, scale: tuple[float, float] | None, shape: tuple[int, ...]) -> Tensor:
    """B D as it came -> B *shape: scaled pictures, or a table's rows."""
    examples = torch.from_numpy(rows.copy()) if scale is None else _scaled(rows, scale)
    return examples.reshape(-1, *shape)


def _scaled(rows: np.ndarray, scale: tuple[float, float]) -> Tensor:
    """B D of pictures -> the same in [0, 1], single precision unless they came in double."""
    low, high = scale
    wide = rows.astype(np.float64 if rows.dtype == np.float64 else np.float32)
    wide -= low
    wide /= high - low
    return torch.from_numpy(wide)


def _range_of(rows: np.ndarray) -> tuple[float, float]:
    """What counts as 0 and as 1 in these pictures."""
    if rows.dtype.kind == "u":
        return 0.0, float(np.iinfo(rows.dtype).max)
    low, high = float(rows.min()), float(rows.max())
    if low >= 0 and high <= 1:
        return 0.0, 1.0
    if not math.isfinite(high - low):
        raise BadData(f"pictures with values from {low:g} to {high:g} came; their range is no number: scale them")
    return (low, high) if high > low else (low - 0.5, low + 0.5)


def _errors(model: Model, examples: Tensor) -> Tensor:
    """B: mean squared error of each example, in the units that the net sees, over the values that are known."""
    found, standardise = [], model.standardise
    for part in examples.split(256):
        if standardise is None:
            back, target, known = model.reconstruct(part), part, torch.ones_like(part)
        else:
            target, known = standardise(part)
            back = model.autoencoder.restore(target)
        each = ((back - target).square() * known).flatten(1)
        found.append(each.sum(1) / known.flatten(1).sum(1).clamp_min(1))
    return torch.cat(found)


def _whole(name: str, value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
        raise BadOption(f"{name}={value!r}; it takes a whole number, 1 or more")
    return int(value)


def _plain(value: Any) -> Any:
    """NumPy's numbers (a search draws them) to Python's, and lists to tuples, for the card."""
    if isinstance(value, (tuple, list)):
        return tuple(_plain(one) for one in value)
    return value.item() if isinstance(value, np.generic) else value


def _tell(event: dict[str, Any]) -> None:
    if event["event"] == "evaluated":
        sys.stderr.write(f"[Autoencoder] step {event['step']} of {event['total']}: loss {event['loss']:.5g}\n")
