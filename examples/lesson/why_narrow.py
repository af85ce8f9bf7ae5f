"""Why a bottleneck: noisy digits through codes of many sizes, none of which was trained to remove noise.

    python examples/lesson/why_narrow.py

Too little, and the digit is lost; too much, and the noise can come through with it. PCA beside the net, since its
largest code copies exactly. The figure, from top to bottom: clean digits, the noisy ones that go in, what comes out
of each code of the net, the smallest first, and then the same for PCA.
"""

from __future__ import annotations

import numpy as np
from _lesson import digits, error, fit, parser_of, sheet, whole_numbers
from sklearn.decomposition import PCA

SHOWN = 14


def main() -> None:
    parser = parser_of(__doc__, "why_narrow.png", 2500)
    parser.add_argument("--sizes", type=whole_numbers, default=[1, 4, 16, 32, 64])
    parser.add_argument("--noise", type=float, default=0.3, help="standard deviation; pictures are from 0 to 1")
    args = parser.parse_args()

    found = digits()
    noise = np.random.default_rng(0).standard_normal(found.held_out.shape).astype(np.float32)
    noisy = (found.held_out + args.noise * noise).clip(-0.5, 1.5)  # the range that narrows takes
    print(f"the noisy digits' error to the clean ones: {error(noisy, found.held_out):.4f}")
    print("code  net, clean in  net, noisy in  PCA, clean in  PCA, noisy in")
    by_net, by_pca = [], []
    for size in args.sizes:
        model = fit(found.learned, code_size=size, n_nodes=(128, 64), steps=args.steps)  # clean digits only
        pca = PCA(size, random_state=0).fit(found.learned.reshape(-1, 64))
        lines = [(by_net, model.reconstruct), (by_pca, lambda part, pca=pca: through(pca, part))]
        errors = []
        for rows, back in lines:
            rows.append(back(noisy)[:SHOWN])
            errors += [error(back(part), found.held_out) for part in (found.held_out, noisy)]
        print(f"{size:4}" + "".join(f"{value:15.5f}" for value in errors))
    sheet([found.held_out[:SHOWN], noisy[:SHOWN], *by_net, *by_pca], args.out, zoom=3)


def through(pca: PCA, pictures: np.ndarray) -> np.ndarray:
    """PCA's codes and back."""
    return pca.inverse_transform(pca.transform(pictures.reshape(-1, 64))).reshape(pictures.shape)


if __name__ == "__main__":
    main()
