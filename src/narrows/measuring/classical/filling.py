"""Filters that fill what a mask says is missing: C+1 H W comes, the mask (above 0 is missing) as the last channel."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from narrows.measuring.classical._filter import ClassicalFilter, back

_HOLE_FOR_BIHARMONIC = 2000
"""Pixels of one hole: beyond, its equations take many seconds, and the harmonic fill stands in."""
_ENOUGH = 1e-4
"""Relative residual of the harmonic equations: an error far below a step of 1/255."""


def nearest_known(picture: Tensor, _: None) -> Tensor:
    """Every missing pixel takes the value of the nearest known one."""
    from scipy.ndimage import distance_transform_edt

    pixels, missing = _apart(picture)
    if missing.all() or not missing.any():
        return back(pixels)
    nearest = distance_transform_edt(missing, return_distances=False, return_indices=True)
    rows, cols = np.asarray(nearest, dtype=np.intp)
    return back(pixels[:, rows, cols])


def harmonic(picture: Tensor, _: None) -> Tensor:
    """Every missing pixel becomes the mean of its four neighbours: the smoothest membrane over the hole (Laplace)."""
    pixels, missing = _apart(picture)
    if missing.all() or not missing.any():
        return back(pixels)
    return back(_harmonic(nearest_known(picture, None).numpy(), missing))


def biharmonic(picture: Tensor, _: None) -> Tensor:
    """A thin plate over the hole: slopes go on too. Damelin & Hoang 2018, IJMMS 3950312. Holes of more than 2,000
    pixels get the harmonic fill."""
    from scipy.ndimage import label
    from skimage.restoration import inpaint_biharmonic

    pixels, missing = _apart(picture)
    if missing.all() or not missing.any():
        return back(pixels)
    holes = np.asarray(label(missing, np.ones((3, 3)))[0], dtype=np.intp)  # type: ignore[index]
    sizes = np.bincount(holes.ravel())
    large = missing & (sizes > _HOLE_FOR_BIHARMONIC)[holes]
    small = missing & ~large
    if large.any():
        pixels = np.where(large, harmonic(picture, None).numpy(), pixels)
    if not small.any():
        return back(pixels)
    return back(inpaint_biharmonic(pixels.astype(np.float64), small, channel_axis=0))


def _apart(picture: Tensor) -> tuple[np.ndarray, np.ndarray]:
    """C H W, and H W: True where missing."""
    return picture[:-1].numpy(), picture[-1].numpy() > 0


def _harmonic(begin: np.ndarray, missing: np.ndarray) -> np.ndarray:
    """By conjugate gradients from a first guess; edges of the picture count as mirrors."""
    from scipy.sparse import coo_matrix, diags_array
    from scipy.sparse.linalg import cg

    number = np.full(missing.shape, -1)
    number[missing] = np.arange(missing.sum())
    rows, cols = np.nonzero(missing)
    own, ones, degrees = [], [], np.zeros(len(rows))
    known = np.zeros((len(begin), len(rows)))
    for dy, dx in ((-1, 0), (1, 0), (0, -1), (0, 1)):
        inside = (rows + dy >= 0) & (rows + dy < missing.shape[0]) & (cols + dx >= 0) & (cols + dx < missing.shape[1])
        at, r, c = np.nonzero(inside)[0], (rows + dy)[inside], (cols + dx)[inside]
        degrees[at] += 1
        hole = missing[r, c]
        own.append(at[hole])
        ones.append(number[r, c][hole])
        known[:, at[~hole]] += begin[:, r[~hole], c[~hole]]
    i, j = np.concatenate(own), np.concatenate(ones)
    equations = diags_array(degrees) - coo_matrix((np.ones(len(i)), (i, j)), shape=(len(rows), len(rows)))
    found = begin.copy()
    for channel, right in enumerate(known):
        found[channel][missing] = cg(equations.tocsr(), right, begin[channel][missing], rtol=_ENOUGH, maxiter=500)[0]
    return found


FILTERS = (
    ClassicalFilter("nearest_known", "nearest known pixel", (None,), nearest_known, sees_extra=True),
    ClassicalFilter("harmonic", "harmonic fill", (None,), harmonic, sees_extra=True),
    ClassicalFilter("biharmonic", "biharmonic fill", (None,), biharmonic, sees_extra=True),
)
