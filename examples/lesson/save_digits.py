"""The lesson's digits as a folder of pictures, for the commands of narrows.

python examples/lesson/save_digits.py --out digits
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("digits"))
    args = parser.parse_args()

    if args.out.exists():
        sys.exit(f"{args.out} is there already; choose another --out")
    args.out.mkdir(parents=True)
    found = load_digits()
    for number, picture in enumerate(found.images):
        Image.fromarray(np.rint(picture / 16 * 255).astype(np.uint8)).save(args.out / f"{number:04}.png")
    print(f"{len(found.images)} pictures of 8 x 8 pixels: {args.out}")


if __name__ == "__main__":
    main()
