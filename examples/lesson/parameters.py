"""Parameters are learned, hyperparameters are chosen: what training changes, and what it leaves alone.

    python examples/lesson/parameters.py

The figure: the weights from the picture to ten nodes of the first layer, before training, after it, and what
training added.
"""

from __future__ import annotations

import numpy as np
from _lesson import digits, fit, parser_of, sheet, whole_numbers
from torch import nn

import narrows

SHOWN = 10


def first_weights(model: nn.Module) -> np.ndarray:
    """N 8 8: from the picture to the first nodes."""
    layer = next(part for part in model.modules() if isinstance(part, nn.Linear))
    return layer.weight.detach().numpy()[:SHOWN].reshape(-1, 8, 8)


def grey(weights: np.ndarray) -> np.ndarray:
    """0 becomes the middle grey, the largest of either sign black or white."""
    return 0.5 + 0.5 * weights / max(np.abs(weights).max(), 1e-9)


def main() -> None:
    parser = parser_of(__doc__, "parameters.png", 3000)
    parser.add_argument("--code-size", type=int, default=8)
    parser.add_argument("--nodes", type=whole_numbers, default=[64, 32], help="of each layer before the code")
    args = parser.parse_args()

    chosen = {"code_size": args.code_size, "n_layers": len(args.nodes) + 1, "n_nodes": tuple(args.nodes), "loss": "mse"}
    print("hyperparameters, chosen before training: " + ", ".join(f"{name}={value}" for name, value in chosen.items()))
    before = narrows.make(shape=(1, 8, 8), architecture="mlp", **chosen)
    after = fit(digits().learned, steps=args.steps, **chosen).model

    total = 0
    for name, values in after.named_parameters():
        total += values.numel()
        print(f"  {name.removeprefix('autoencoder.'):<18} {tuple(values.shape)!s:<10} {values.numel():>5} parameters")
    pairs = zip(before.parameters(), after.parameters(), strict=True)
    changed = sum(int((old != new).sum()) for old, new in pairs)
    print(f"parameters: {total}; changed by training: {changed}")
    old, new = first_weights(before), first_weights(after)
    sheet([grey(old), grey(new), grey(new - old)], args.out, zoom=5, between=1)


if __name__ == "__main__":
    main()
