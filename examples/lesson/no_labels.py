"""No labels: a net that was never told which digit is which puts equal digits near each other.

    python examples/lesson/no_labels.py

The figure is a map: each held-out digit stands where its code lies, written as the label that the net never saw.
Labels are used once, after training, to count how often the nearest code belongs to the same digit.
"""

from __future__ import annotations

import numpy as np
from _lesson import COLOURS, digits, fit, parser_of, save_svg
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

SIDE, EDGE = 460, 16


def right_neighbours(codes: np.ndarray, labels: np.ndarray, held_out: np.ndarray, held_out_labels: np.ndarray) -> float:
    """Share of held-out digits whose five nearest learned codes vote for the right label."""
    return float(KNeighborsClassifier(5).fit(codes, labels).score(held_out, held_out_labels))


def main() -> None:
    parser = parser_of(__doc__, "no_labels.svg", 4000)
    parser.add_argument("--code-size", type=int, default=2)
    args = parser.parse_args()

    found = digits()
    model = fit(found.learned, code_size=args.code_size, steps=args.steps)  # pictures alone
    codes, held_out = model.encode(found.learned), model.encode(found.held_out)

    flat, held_out_flat = found.learned.reshape(len(codes), -1), found.held_out.reshape(len(held_out), -1)
    pca = PCA(args.code_size, random_state=0).fit(flat)
    share = right_neighbours(codes, found.learned_labels, held_out, found.held_out_labels)
    by_pca = right_neighbours(
        pca.transform(flat), found.learned_labels, pca.transform(held_out_flat), found.held_out_labels
    )
    print(f"nearest codes of the same digit: {100 * share:.0f} % with {args.code_size} values")
    print(f"the same with PCA: {100 * by_pca:.0f} %; by chance: 10 %")

    places = held_out if args.code_size == 2 else PCA(2, random_state=0).fit_transform(held_out)
    low, high = np.quantile(places, [0.005, 0.995], axis=0)
    at = EDGE + (SIDE - 2 * EDGE) * np.clip((places[:, :2] - low) / (high - low + 1e-9), 0, 1)
    save_svg(
        [
            f'<text x="{x:.0f}" y="{y:.0f}" fill="{COLOURS[label % 6]}">{label}</text>'
            for (x, y), label in zip(at, found.held_out_labels, strict=True)
        ],
        SIDE, SIDE, args.out,
    )  # fmt: skip


if __name__ == "__main__":
    main()
