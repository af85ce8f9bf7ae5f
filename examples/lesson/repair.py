"""Other targets: the same net denoises, brightens, sharpens or blurs, if that is what it is shown.

    python examples/lesson/repair.py
    python examples/lesson/repair.py --tasks denoise,blur --code-size 8

The figure has three rows for each task: what goes in, what comes out, and what should have come out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from _lesson import digits, parser_of, sheet

import narrows

SHOWN = 12
DAMAGE: dict[str, dict[str, Any]] = {
    "denoise": {"level": 75},  # in units of 1/255
    "brighten": {}, "sharpen": {"width": 3.0}, "blur": {"sigma": 1.0},
}  # fmt: skip
"""How the pictures that go in are made; narrows tasks lists what can be set."""


def main() -> None:
    parser = parser_of(__doc__, "repair.png", 2500)
    parser.add_argument("--tasks", default="denoise,brighten,sharpen,blur")
    parser.add_argument("--code-size", type=int, default=32)
    args = parser.parse_args()

    found, rows = digits(), []
    both = np.concatenate([found.learned, found.held_out])
    for task in args.tasks.split(","):
        fitted = narrows.fit(
            both, task=task, kind="undercomplete", architecture="mlp", code_size=args.code_size, steps=args.steps,
            held_out=0.2, twin=False, options={"start": "random", **DAMAGE[task]},
        )  # fmt: skip
        assert fitted.judgement is not None  # a fifth is held out
        judged = fitted.judgement
        before, after = judged.alternatives["untouched"].scores.mean(), judged.network.scores.mean()
        print(f"{task:<9} {before:5.1f} dB in, {after:5.1f} dB out")
        for pictures in (judged.network.inputs, judged.network.results, judged.network.targets):
            rows.append(np.stack([picture[0].numpy() for picture in pictures[:SHOWN]]))
    sheet(rows, args.out, zoom=3)


if __name__ == "__main__":
    main()
