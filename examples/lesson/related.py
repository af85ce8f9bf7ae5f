"""Related pictures, fewer dimensions, features: what a code is good for when nothing is decoded.

    python examples/lesson/related.py

The figure has a row for each of six held-out digits: the digit itself, then the learned digits with the nearest codes.
"""

from __future__ import annotations

import numpy as np
from _lesson import digits, fit, parser_of, sheet
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestNeighbors
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

ROWS, NEAREST = 6, 9


def main() -> None:
    parser = parser_of(__doc__, "related.png", 4000)
    parser.add_argument("--code-size", type=int, default=8)
    parser.add_argument("--labelled", type=int, default=100, help="digits whose labels the classifier is given")
    args = parser.parse_args()

    found = digits()
    model = fit(found.learned, code_size=args.code_size, steps=args.steps)
    flat = found.learned.reshape(-1, 64)
    pca = PCA(args.code_size, random_state=0).fit(flat)
    spaces = {
        f"codes of {args.code_size} values": (model.encode(found.learned), model.encode(found.held_out)),
        f"PCA of {args.code_size} values": (pca.transform(flat), pca.transform(found.held_out.reshape(-1, 64))),
        "pictures of 64 values": (flat, found.held_out.reshape(-1, 64)),
    }
    nearest = None
    for name, (learned, held_out) in spaces.items():
        near = NearestNeighbors(n_neighbors=NEAREST).fit(learned).kneighbors(held_out, return_distance=False)
        nearest = near if nearest is None else nearest
        same = (found.learned_labels[near] == found.held_out_labels[:, None]).mean()
        reader = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
        reader.fit(learned[: args.labelled], found.learned_labels[: args.labelled])
        right = reader.score(held_out, found.held_out_labels)
        print(
            f"{name}: {100 * same:.0f} % of the {NEAREST} nearest are the same digit; "
            f"a linear classifier with {args.labelled} labels is right in {100 * right:.0f} %"
        )
    assert nearest is not None
    rows = [np.concatenate([found.held_out[n : n + 1], found.learned[nearest[n]]]) for n in range(ROWS)]
    sheet(rows, args.out)


if __name__ == "__main__":
    main()
