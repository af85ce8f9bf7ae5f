"""New pictures: codes that are drawn instead of encoded, and the check that they are not copies.

    python examples/lesson/new_pictures.py
    python examples/lesson/new_pictures.py --kind undercomplete --prior mixture

The figure: digits that nobody wrote above, the learned digit nearest to each below.
"""

from __future__ import annotations

import numpy as np
import torch
from _lesson import digits, fit, parser_of, sheet

from narrows.using.sample import fit_prior

SHOWN, DRAWN = 16, 200


def nearest(pictures: np.ndarray, learned: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each picture, the number of the nearest learned one and its distance."""
    squares = np.square(pictures.reshape(-1, 1, 64) - learned.reshape(1, -1, 64)).sum(2)
    return squares.argmin(1), np.sqrt(squares.min(1))


def main() -> None:
    parser = parser_of(__doc__, "new_pictures.png", 4000)
    parser.add_argument("--kind", default="variational")
    parser.add_argument("--prior", help="fitted on the codes, for kinds that do not say which codes are likely")
    parser.add_argument("--code-size", type=int, default=8)
    args = parser.parse_args()

    found = digits()
    model = fit(found.learned, kind=args.kind, code_size=args.code_size, steps=args.steps)
    if args.prior:
        fit_prior(model.model, torch.from_numpy(model.encode(found.learned)), args.prior)
    drawn = model.sample(DRAWN, seed=1)[:, 0]
    which, distance = nearest(drawn, found.learned)
    _, usual = nearest(found.held_out, found.learned)
    print(f"distance to the nearest learned digit: {np.median(distance):.2f} for new digits (median)")
    print(f"and {np.median(usual):.2f} for held-out digits, which people wrote")
    sheet([drawn[:SHOWN], found.learned[which[:SHOWN]]], args.out)


if __name__ == "__main__":
    main()
