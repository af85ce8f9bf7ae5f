"""What an autoencoder is: digits go in, a short code is all that is kept, and digits come out.

    python examples/lesson/autoencoder.py --code-size 8

The figure, from top to bottom: held-out digits, their codes (a bar for each value), what the decoder makes of them.
"""

from __future__ import annotations

import numpy as np
from _lesson import digits, error, fit, parser_of, sheet

SHOWN = 12


def bars(code: np.ndarray, side: int = 8) -> np.ndarray:
    """A code of values from 0 to 1 as a square of bars, each as high as its value."""
    picture = np.zeros((side, side), np.float32)
    for column in range(side):
        value = code[column * len(code) // side]
        picture[side - 1 - round(value * (side - 1)) :, column] = 1
    return picture


def main() -> None:
    parser = parser_of(__doc__, "autoencoder.png", 3000)
    parser.add_argument("--code-size", type=int, default=8)
    args = parser.parse_args()

    found = digits()
    model = fit(found.learned, code_size=args.code_size, steps=args.steps)
    codes = model.encode(found.held_out)  # 397 x code size: all that the decoder gets
    back = model.decode(codes)[:, 0]

    print(f"values of a picture: {found.held_out[0].size}; of its code: {codes.shape[1]}")
    print(f"squared error: {error(back, found.held_out):.4f}")
    print(f"the mean digit instead: {error(found.learned.mean(0), found.held_out):.4f}")
    low, high = codes.min(0), codes.max(0)
    scaled = (codes[:SHOWN] - low) / (high - low + 1e-9)
    sheet([found.held_out[:SHOWN], np.stack([bars(code) for code in scaled]), back[:SHOWN]], args.out)


if __name__ == "__main__":
    main()
