"""What the blind denoisers do to pictures that need nothing: BSD68 and Kodak24 as they are, against themselves.

    python benchmarks/untouched.py --data DATA

PSNR of the 8-bit result in dB, mean over the pictures, and of the worst.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from _results import data_folder, report, threads
from restoration import by_model, opened, score


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", type=Path)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    threads(args.threads)
    data, net, rows = data_folder(args.data), by_model("denoise", None), []
    for name, folder, mode in (("BSD68", "denoise/bsd68", "L"), ("Kodak24", "color/kodak24", "RGB")):
        pictures = [opened(path, mode) for path in sorted((data / folder).glob("*.png"))]
        found = [score(net(one), one) for one in pictures]
        rows.append({"set": name, "pictures": len(found), "PSNR": sum(found) / len(found), "worst": min(found)})
    report("untouched", rows, target="42 dB each (beyond 45 dB)")


if __name__ == "__main__":
    main()
