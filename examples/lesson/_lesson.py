"""What the lesson's scripts share: scikit-learn's handwritten digits, one way to train, and two ways to draw.

Each script prints what it measured and draws one figure. They take --steps (less of it is quicker and worse) and
--out; everything random follows from seed 0.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

import narrows

FOLDER = Path("out/lesson")
HELD_OUT = 397
"""Of 1,797 digits; the rest is learned from."""
GAP = 2
COLOURS = ("#1f5fa8", "#c8511b", "#2b8a57", "#7a4fa3", "#8a6d1a", "#555555")
DASHES = ("", "6 3", "2 3", "9 3 2 3", "12 4", "1 2")


class Digits(NamedTuple):
    """float32 N 8 8 in [0, 1], and N labels, which nothing here learns from unless it says so."""

    learned: np.ndarray
    learned_labels: np.ndarray
    held_out: np.ndarray
    held_out_labels: np.ndarray


def digits() -> Digits:
    """The same split for every script; held-out digits come in rounds from 0 to 9."""
    found = load_digits()
    order = np.random.default_rng(0).permutation(len(found.images))
    pictures, labels = (found.images[order] / 16).astype(np.float32), found.target[order]
    held_out = labels[:HELD_OUT]
    rounds = np.array([(held_out[:number] == label).sum() for number, label in enumerate(held_out)])
    shown = np.lexsort((held_out, rounds))
    return Digits(pictures[HELD_OUT:], labels[HELD_OUT:], pictures[shown], held_out[shown])


def parser_of(doc: str | None, figure: str, steps: int) -> argparse.ArgumentParser:
    """A parser with --steps and --out, for a script to add to."""
    parser = argparse.ArgumentParser(description=(doc or "").split("\n")[0])
    parser.add_argument("--steps", type=int, default=steps, help="optimizer steps of each net")
    parser.add_argument("--out", type=Path, default=FOLDER / figure, help="where the figure goes")
    return parser


def whole_numbers(text: str) -> list[int]:
    """For options such as --sizes 1,2,4."""
    return [int(part) for part in text.split(",")]


def fit(pictures: np.ndarray, **settings: Any) -> narrows.LoadedModel:
    """A fully connected net trained on all of these pictures: the script itself holds others back. It begins at random,
    as the textbooks' nets do, and learns at a quarter of the usual rate: all that the lesson says was looked at so."""
    same = {"architecture": "mlp", "loss": "mse", "precision": "32-true", "held_out": 0.0, "validation": 0.0}
    options = {"start": "random", **settings.pop("options", {})}
    return narrows.fit(pictures, **{"learning_rate": 1e-3, **same, "options": options, **settings}).model


def error(results: np.ndarray, wanted: np.ndarray) -> float:
    """Mean squared error."""
    return float(np.square(results - wanted).mean())


def sheet(rows: Sequence[np.ndarray], path: Path, zoom: int = 4, between: float = 0.5) -> None:
    """Rows of small pictures, each N H W in [0, 1], below each other; `between` is the grey of the lines."""
    lines = []
    for row in rows:
        count, high, wide = row.shape
        line = np.full((high * zoom + GAP, count * (wide * zoom + GAP) + GAP), float(between))
        for number, picture in enumerate(row):
            left = GAP + number * (wide * zoom + GAP)
            line[:-GAP, left : left + wide * zoom] = picture.repeat(zoom, 0).repeat(zoom, 1)
        lines.append(line)
    whole = np.vstack([np.full((GAP, lines[0].shape[1]), float(between)), *lines])
    path.parent.mkdir(parents=True, exist_ok=True)
    # 16 greys are what the digits have, and a quarter of the bytes.
    Image.fromarray(np.rint(whole.clip(0, 1) * 255).astype(np.uint8)).quantize(16).save(path, optimize=True)
    print(f"figure: {path}")


def chart(
    lines: dict[str, Sequence[tuple[float, float]]], path: Path, across: str, up: str, log_up: bool = True
) -> None:
    """Curves as SVG, the horizontal axis in powers of two; `lines` by their names."""
    wide, high, left, right, top, bottom = 620, 320, 70, 16, 14 + 18 * math.ceil(len(lines) / 2), 44
    points = [point for line in lines.values() for point in line]
    scale = math.log10 if log_up else float
    x_low, x_high = (math.log2(end([x for x, _ in points])) for end in (min, max))
    y_low, y_high = (scale(end([y for _, y in points])) for end in (min, max))

    def at(x: float, y: float) -> tuple[float, float]:
        over = (math.log2(x) - x_low) / ((x_high - x_low) or 1)
        above = (scale(y) - y_low) / ((y_high - y_low) or 1)
        return round(left + over * (wide - left - right), 1), round(high - bottom - above * (high - top - bottom), 1)

    drawn = []
    for x in sorted({x for x, _ in points}):
        drawn.append(f'<text x="{at(x, points[0][1])[0]}" y="{high - bottom + 18}" text-anchor="middle">{x:g}</text>')
    for share in range(5):
        value = y_low + share / 4 * (y_high - y_low)
        value = 10**value if log_up else value
        y = at(points[0][0], value)[1]
        drawn.append(f'<path d="M{left} {y}H{wide - right}" stroke="#ddd"/>')
        drawn.append(f'<text x="{left - 8}" y="{y + 4}" text-anchor="end">{value:.2g}</text>')
    for number, (name, line) in enumerate(lines.items()):
        colour, dash = COLOURS[number % 6], DASHES[number % 6]
        pen = f'fill="none" stroke="{colour}" stroke-width="2.2" stroke-dasharray="{dash}"'
        path_of = "L".join(f"{x} {y}" for x, y in (at(*point) for point in line))
        drawn.append(f'<path d="M{path_of}" {pen}/>')
        key_x, key_y = left + number % 2 * 270, 14 + number // 2 * 18
        drawn.append(f'<path d="M{key_x} {key_y}h30" {pen}/><text x="{key_x + 36}" y="{key_y + 4}">{name}</text>')
    drawn.append(f'<text x="{(left + wide) / 2}" y="{high - 8}" text-anchor="middle">{across}</text>')
    drawn.append(f'<text transform="translate(14 {high / 2}) rotate(-90)" text-anchor="middle">{up}</text>')
    save_svg(drawn, wide, high, path)


def save_svg(parts: Sequence[str], wide: int, high: int, path: Path) -> None:
    """On white, so that it can be read on a dark page too."""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide} {high}" font-family="sans-serif" font-size="13">'
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    body = "\n".join([head, f'<rect width="{wide}" height="{high}" fill="#fff"/>', *parts, "</svg>"])
    path.write_text(body + "\n", encoding="utf-8")
    print(f"figure: {path}")
