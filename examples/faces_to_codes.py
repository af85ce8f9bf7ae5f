"""A folder of pictures to codes, with PCA beside: is the network worth it here?

    python examples/faces_to_codes.py faces/ --code-size 16 --minutes 2 --out codes.csv

Faces cut to one size do well; any folder of similar pictures works.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path

from PIL import Image, ImageOps

import narrows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--code-size", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=2)
    parser.add_argument("--out", type=Path, default=Path("codes.csv"))
    args = parser.parse_args()

    fitted = narrows.fit(args.folder, code_size=args.code_size, minutes=args.minutes)
    judged = fitted.judgement
    if judged is not None:
        print(judged.verdict.sentence())
        print(f"mean squared error on held-out pictures: network {judged.network.errors.mean():.5f}")
        for name, scored in judged.alternatives.items():
            print(f"  {name:>8} {scored.errors.mean():.5f}")

    # The model's codes belong to one size of picture: bring each one to it.
    channels, height, width = fitted.model.card["shape"]
    mode = "L" if channels == 1 else "RGB"
    with open(args.out, "w", newline="", encoding="utf-8") as file:
        table = csv.writer(file)
        table.writerow(["name", *(f"code{n}" for n in range(args.code_size))])
        for path in sorted(args.folder.rglob("*.*")):
            try:
                picture = ImageOps.exif_transpose(Image.open(path)).convert(mode)
            except OSError:  # no picture
                continue
            code = fitted.model.encode(ImageOps.fit(picture, (width, height)))[0]
            table.writerow([path.relative_to(args.folder), *code])
    print(f"codes written to {args.out}")


if __name__ == "__main__":
    main()
