"""The loss: three nets that differ in nothing else, on black-and-white digits, before three judges.

    python examples/lesson/losses.py

The figure, from top to bottom: held-out digits, then what the nets trained with bce, mse and l1 make of them.
"""

from __future__ import annotations

import numpy as np
from _lesson import digits, error, fit, parser_of, sheet

SHOWN = 14
CERTAIN = 1e-4
"""Nobody is surer than this, or one wrong pixel would cost infinitely many nats."""


def nats(chance: np.ndarray, white: np.ndarray) -> float:
    """-log probability of a whole picture, its mean."""
    chance = chance.clip(CERTAIN, 1 - CERTAIN).astype(np.float64)
    return float(-np.where(white > 0.5, np.log(chance), np.log(1 - chance)).sum((1, 2)).mean())


def main() -> None:
    parser = parser_of(__doc__, "losses.png", 3000)
    parser.add_argument("--code-size", type=int, default=8)
    args = parser.parse_args()

    found = digits()
    learned, held_out = ((part > 0.5).astype(np.float32) for part in (found.learned, found.held_out))
    rows = [held_out[:SHOWN]]
    print("loss  nats   squared error  wrong pixels")
    for loss in ("bce", "mse", "l1"):
        back = fit(learned, code_size=args.code_size, loss=loss, steps=args.steps).reconstruct(held_out)
        wrong = ((back > 0.5) != (held_out > 0.5)).mean()
        print(f"{loss:<5} {nats(back, held_out):5.2f}  {error(back, held_out):13.5f}  {100 * wrong:10.2f} %")
        rows.append(back[:SHOWN])
    sheet(rows, args.out)


if __name__ == "__main__":
    main()
