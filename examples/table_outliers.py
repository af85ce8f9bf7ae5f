"""The rows of a table that are least like the others: those an autoencoder brings back worst.

    python examples/table_outliers.py table.csv --top 10

Columns of numbers only; empty cells are missing and do not count.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

import numpy as np

import narrows


def read_numbers(path: Path) -> tuple[list[str], np.ndarray]:
    """Names of the columns that hold numbers, and their values; NaN where a cell is empty."""
    with open(path, newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)

    def number(cell: str) -> float:
        return float(cell) if cell.strip() else np.nan

    names, columns = [], []
    for name, cells in zip(head, zip(*rows, strict=True), strict=True):
        try:
            columns.append([number(cell) for cell in cells])
            names.append(name)
        except ValueError:
            print(f"column {name!r} holds text and is left out")
    return names, np.array(columns).T


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("table", type=Path)
    parser.add_argument("--code-size", type=int, help="left out, about half of the columns")
    parser.add_argument("--passes", type=int, default=100)
    parser.add_argument("--top", type=int, default=10)
    args = parser.parse_args()

    names, rows = read_numbers(args.table)
    # Gently: a strange row that is learned by heart is strange no more.
    net = narrows.Autoencoder(code_size=args.code_size, max_iter=args.passes, learning_rate=1e-3, random_state=0)
    model = net.fit(rows)
    scores = model.score_samples(rows)  # 0 is perfect, -1 no better than the mean row
    again = model.inverse_transform(model.transform(rows))
    for row in np.argsort(scores)[: args.top]:
        # Where it is furthest from what the other rows would make one expect, in spreads of the column.
        strange = np.nan_to_num(np.abs(rows[row] - again[row]) / np.nanstd(rows, 0).clip(1e-12))
        worst = int(np.argmax(strange))
        print(
            f"row {row + 1}: score {scores[row]:.2f}; {names[worst]} is {rows[row, worst]:g}, "
            f"expected about {again[row, worst]:g}"
        )


if __name__ == "__main__":
    main()
