"""Denoise a photograph and save it beside the original, half and half.

    python examples/denoise_photo.py photo.jpg --out compared.png

Uses the shipped model; --model takes one of your own. To get the file itself back, with its metadata, use the command
`narrows denoise`.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from PIL import Image, ImageOps

import narrows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photo", type=Path)
    parser.add_argument("--model", type=Path, help="a model folder; left out, the shipped one")
    parser.add_argument("--level", type=float, help="standard deviation of the noise, of 255; left out, it is found")
    parser.add_argument("--out", type=Path, default=Path("compared.png"))
    args = parser.parse_args()

    photo = ImageOps.exif_transpose(Image.open(args.photo))
    photo = photo.convert("L" if photo.mode == "L" else "RGB")
    better = narrows.restore(photo, task="denoise", model=args.model, level=args.level)

    compared = photo.copy()
    middle = photo.width // 2
    compared.paste(better.crop((middle, 0, photo.width, photo.height)), (middle, 0))
    compared.save(args.out)
    print(f"left the original, right the result: {args.out}")


if __name__ == "__main__":
    main()
