"""Four inks: shown and worked on as RGB, and printed again with as much black as the file itself uses.

    R = (1 - C)(1 - K), and so on: the plain formula, which Pillow uses too.

The way back has one degree of freedom. Profiles are made for a certain amount of black, and without black a dark
picture would be 300 % of coloured ink and another colour on paper. So black keeps its share of the most that it could
be, at every pixel: K' / (1 - max(R', G', B')) = K / (1 - max(R, G, B)). Unchanged pixels then have their own inks.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

_AT_ONCE = 1 << 18
"""Pixels: results are made in strips, so that no floats of the whole picture are held."""


def rgb_of(inks: np.ndarray) -> np.ndarray:
    """H W 4 unsigned, 0 is no ink -> H W 3 of the same type."""
    most, floats = _scale(inks)
    out = np.empty((*inks.shape[:2], 3), inks.dtype)
    for rows in _strips(*inks.shape[:2]):
        light = most - inks[rows].astype(floats)
        out[rows] = np.rint(light[..., :3] * light[..., 3:] / most)
    return out


def inks_for(rgb: np.ndarray, before: np.ndarray | None) -> np.ndarray:
    """H W 3 unsigned -> H W 4 that `rgb_of` shows as this picture. `before`, h w 4, has the inks of the picture that it
    was made from, of the same size or a whole number of times smaller; without it there is no black."""
    height, width = rgb.shape[:2]
    most, floats = _scale(rgb)
    out = np.empty((height, width, 4), rgb.dtype)
    if before is None or height % len(before) or width % before.shape[1]:
        out[..., :3], out[..., 3] = np.iinfo(rgb.dtype).max - rgb, 0
        return out
    down, across = height // len(before), width // before.shape[1]
    cols = np.arange(width) // across
    for rows in _strips(height, width):
        inks = before[np.arange(rows.start, rows.stop) // down]
        inks = inks if across == 1 else inks[:, cols]
        shown, wanted = rgb_of(inks), rgb[rows].astype(floats)
        room, asked = (most - one.max(2).astype(floats) for one in (shown, wanted))
        share = np.divide(inks[..., 3], room, out=np.zeros_like(room), where=room > 0, dtype=floats)
        black = np.rint(np.minimum(share, 1) * asked)
        light = (most - black)[..., None]
        coloured = np.divide(wanted * most, light, out=most - inks[..., :3].astype(floats), where=light > 0)
        found = np.concatenate([most - np.rint(coloured), black[..., None]], 2)
        out[rows] = np.where((shown == rgb[rows]).all(2, keepdims=True), inks, found)
    return out


def _scale(array: np.ndarray) -> tuple[float, type]:
    """The value that means all, and floats in which its products are exact."""
    return float(np.iinfo(array.dtype).max), np.float32 if array.dtype.itemsize == 1 else np.float64


def _strips(height: int, width: int) -> Iterator[slice]:
    step = max(1, _AT_ONCE // max(1, width))
    for top in range(0, height, step):
        yield slice(top, min(height, top + step))
