"""Filters against blur. Settings begin with the blur's width: the standard deviation of a Gaussian, in pixels."""

from __future__ import annotations

import numpy as np
from torch import Tensor

from narrows.measuring.classical._filter import ClassicalFilter, back

_RINGING = 1e-3
"""Below this share of light a pixel of the blurred estimate is not divided by."""


def unsharp_mask(picture: Tensor, setting: tuple[float, float]) -> Tensor:
    """(width, amount): add the difference to the blurred picture, `amount` times."""
    from scipy.ndimage import gaussian_filter

    width, amount = setting
    array = picture.numpy()
    return back(array + amount * (array - gaussian_filter(array, (0, width, width), mode="reflect")))


def wiener_deconvolution(picture: Tensor, setting: tuple[float, float]) -> Tensor:
    """(width, noise): the linear filter that undoes a Gaussian blur best where pictures have 1/f spectra. Wiener 1949.

    `noise` is the noise-to-signal ratio at a wavelength of one pixel's step of pi. In the cosine domain, where a blur
    with mirrored edges is a product: so no edge rings.
    """
    from scipy.fft import dctn, idctn

    width, noise = setting
    array = picture.numpy().astype(np.float64)
    turns = [np.pi * np.arange(n) / n for n in array.shape[1:]]
    down, across = (_response(width, turn) for turn in turns)
    blur = down[:, None] * across[None, :]
    square = turns[0][:, None] ** 2 + turns[1][None, :] ** 2
    found = np.asarray(dctn(array, axes=(1, 2), norm="ortho")) * blur / (blur**2 + noise * square / np.pi**2)
    return back(np.asarray(idctn(found, axes=(1, 2), norm="ortho")))


def _response(width: float, turns: np.ndarray) -> np.ndarray:
    """Of a sampled Gaussian, at these radians a pixel."""
    at = np.arange(-int(4 * width + 0.5), int(4 * width + 0.5) + 1)
    line = np.exp(-0.5 * (at / max(width, 1e-6)) ** 2)
    return (line[None] * np.cos(turns[:, None] * at[None])).sum(1) / line.sum()


def richardson_lucy(picture: Tensor, setting: tuple[float, int]) -> Tensor:
    """(width, rounds): the likeliest picture under photon noise, approached in rounds. Richardson 1972; Lucy 1974."""
    from scipy.ndimage import gaussian_filter

    width, rounds = setting
    seen = picture.numpy().clip(0, None)
    found = seen.copy()
    for _ in range(rounds):
        blurred = gaussian_filter(found, (0, width, width), mode="reflect")
        ratio = np.where(blurred > _RINGING, seen / np.maximum(blurred, _RINGING), 1)
        found *= gaussian_filter(ratio, (0, width, width), mode="reflect")
    return back(found)


_WIDTHS = (0.5, 0.8, 1.2, 1.6, 2.0, 2.4)
FILTERS = (
    ClassicalFilter(
        "unsharp_mask", "unsharp mask", tuple((w, a) for w in (1.0, 2.0, 3.0) for a in (0.3, 0.7, 1.2, 2.0)),
        unsharp_mask,
    ),
    ClassicalFilter(
        "wiener_deconvolution", "Wiener deconvolution",
        tuple((w, n) for w in _WIDTHS for n in (0.003, 0.01, 0.03, 0.1, 0.3)), wiener_deconvolution,
    ),
    ClassicalFilter(
        "richardson_lucy", "Richardson-Lucy", tuple((w, n) for w in _WIDTHS for n in (5, 15)), richardson_lucy
    ),
)  # fmt: skip
