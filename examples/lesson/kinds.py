"""Five kinds of autoencoder on the same digits: what each is for, measured.

    python examples/lesson/kinds.py

The figure: digits with a quarter of their pixels hidden, then what each kind makes of them, in the order of the table.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from _lesson import Digits, digits, error, fit, parser_of, sheet
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import narrows

SHOWN = 14
KINDS: dict[str, dict[str, Any]] = {
    "undercomplete": {}, "sparse": {"code_size": 64, "options": {"k": 8}},
    "contractive": {"options": {"weight": 0.01}}, "denoising": {}, "variational": {},
}  # fmt: skip


def can_draw(model: narrows.LoadedModel) -> str:
    try:
        model.sample(1)
    except narrows.NotSupported:
        return "no"
    return "yes"


def row(name: str, model: narrows.LoadedModel, found: Digits, noisy: np.ndarray, hidden: np.ndarray) -> str:
    """One line of the table."""
    learned, clean = model.encode(found.learned), model.encode(found.held_out)
    spread = np.sqrt(np.square(clean - clean.mean(0)).sum(1).mean())
    moved = np.sqrt(np.square(model.encode(noisy) - clean).sum(1)).mean() / spread
    reader = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5000)).fit(learned, found.learned_labels)
    right, right_hidden = (reader.score(codes, found.held_out_labels) for codes in (clean, model.encode(hidden)))
    active = (np.abs(clean) > 1e-3).sum(1).mean()
    back = error(model.reconstruct(found.held_out), found.held_out)
    return (
        f"{name:<13}  {back:.4f}  {active:4.0f} of {clean.shape[1]:2}  {moved:5.2f}  {100 * right:4.0f} %  "
        f"{100 * right_hidden:11.0f} %  {can_draw(model)}"
    )


def main() -> None:
    parser = parser_of(__doc__, "kinds.png", 3000)
    parser.add_argument("--code-size", type=int, default=8)
    args = parser.parse_args()

    found, random = digits(), np.random.default_rng(0)
    noisy = found.held_out + 0.1 * random.standard_normal(found.held_out.shape).astype(np.float32)
    hidden = found.held_out * (random.random(found.held_out.shape) >= 0.25)
    rows = [hidden[:SHOWN]]
    print("kind           error   active    moved  right  with hidden  draws new digits")
    for name, more in KINDS.items():
        model = fit(found.learned, kind=name, steps=args.steps, **{"code_size": args.code_size, **more})
        print(row(name, model, found, noisy, hidden))
        rows.append(model.reconstruct(hidden.astype(np.float32))[:SHOWN])
    sheet(rows, args.out)


if __name__ == "__main__":
    main()
