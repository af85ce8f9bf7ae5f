"""What a net between pictures of two fixed sizes is set beside: the regressions that anybody would try first.

Ridge regression (Hoerl & Kennard 1970, Technometrics 12:55), the mean of the nearest training pictures' partners, and
extremely randomised trees (Geurts et al. 2006, Machine Learning 63:3), all from scikit-learn, from all pixels of one
picture to all pixels of the other. Their settings are chosen on the training pairs alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from narrows._contract import Pairs

_RIDGES = np.logspace(-2, 5, 15)
_NEAREST = (1, 2, 3, 5, 8, 12, 20)
_FOLDS = 5
_MOST_ROWS = 5_000
"""Training pairs that are fitted on: ridge and neighbours need the products of all with all."""
_TREES, _LOOKED_AT = 100, 32
"""Trees, and pixels that each split chooses from."""
_MOST_FOR_TREES = 1 << 23
"""Values of all targets together up to which trees are grown; beyond, they take minutes."""


def regressions(training: Sequence[Pairs], held_out: Sequence[Pairs], *, seed: int = 0) -> dict[str, list[Tensor]]:
    """What each makes of the held-out pictures before: its name, with its setting, to c h w each, in [0, 1].

    `training` and `held_out` are pairs of one, all of the same two shapes. Trees are left out where there is much to
    learn from.
    """
    order = np.random.default_rng(seed).permutation(len(training))[:_MOST_ROWS]
    x, y = _rows([training[at].before for at in order]), _rows([training[at].after for at in order])
    new = _rows([one.before for one in held_out])
    found = dict([_ridge(x, y, new), _nearest(x, y, new)])
    if y.size <= _MOST_FOR_TREES:
        found["extra trees"] = _trees(x, y, new, seed)
    shape = held_out[0].after.shape[1:]
    return {
        name: list(torch.from_numpy(values.astype(np.float32)).reshape(-1, *shape).clamp(0, 1))
        for name, values in found.items()
    }  # fmt: skip


def _rows(pictures: list[Tensor]) -> np.ndarray:
    return torch.cat(pictures).flatten(1).double().numpy()


def _ridge(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> tuple[str, np.ndarray]:
    """Its penalty is chosen by leaving one pair out at a time."""
    from sklearn.linear_model import RidgeCV

    model: Any = RidgeCV(alphas=_RIDGES).fit(x, y)
    return f"ridge {model.alpha_:.3g}", model.predict(new)


def _nearest(x: np.ndarray, y: np.ndarray, new: np.ndarray) -> tuple[str, np.ndarray]:
    """How many neighbours is chosen by cross-validation; the rows come in random order."""
    from sklearn.neighbors import NearestNeighbors

    folds = np.arange(len(x)) % min(_FOLDS, len(x))
    tried = [k for k in _NEAREST if k <= len(x) - -(-len(x) // min(_FOLDS, len(x)))] or [1]
    errors = dict.fromkeys(tried, 0.0)
    for fold in range(folds.max() + 1) if len(x) > 1 else ():
        learned, judged = folds != fold, folds == fold
        _, near = NearestNeighbors(n_neighbors=max(tried)).fit(x[learned]).kneighbors(x[judged])
        partners = y[learned][near]
        for k in tried:
            errors[k] += float(((partners[:, :k].mean(1) - y[judged]) ** 2).sum())
    best = min(tried, key=lambda k: errors[k])
    _, near = NearestNeighbors(n_neighbors=best).fit(x).kneighbors(new)
    return f"k-NN {best}", y[near].mean(1)


def _trees(x: np.ndarray, y: np.ndarray, new: np.ndarray, seed: int) -> np.ndarray:
    from sklearn.ensemble import ExtraTreesRegressor

    features = min(_LOOKED_AT, x.shape[1])
    y = y[:, 0] if y.shape[1] == 1 else y
    model = ExtraTreesRegressor(n_estimators=_TREES, max_features=features, random_state=seed, n_jobs=1).fit(x, y)
    return np.asarray(model.predict(new)).reshape(len(new), -1)
