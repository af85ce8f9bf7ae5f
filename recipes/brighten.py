"""Train the shipped low-light model on LOL's pairs, from the weights of the colour denoiser.

    python recipes/brighten.py --data DATA --out ~/runs/brighten-colour --steps 10000

DATA holds LOL's training pairs in `lowlight/lol_train_full/{low,high}` and, at half size, `lowlight/lol_train_half`.
Pictures of one scene at several exposures are brought into one folder (numbers that follow each other, whose bright
pictures agree), so that `--group-by folder` keeps a scene on one side of the split. Then it is the command

    narrows fit --pairs before/ after/ --task brighten --group-by folder --from denoise-colour

with the settings below. LOL's test pairs are never opened.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from _recipe import make, options
from PIL import Image

TERMS = "LOL (Wei et al. 2018), training part without scenes of eval15: no terms stated, published for research"
SAME_SCENE = 0.8
"""Correlation of thumbnails: neighbours of one scene have 0.9 and more, different scenes at most 0.84 and mostly 0."""


def by_scene(data: Path, to: Path) -> tuple[Path, Path]:
    """Folders `before` and `after`, with one folder a scene in each."""
    half, full = (data / "lowlight" / f"lol_train_{size}" for size in ("half", "full"))
    numbers = sorted(int(path.stem) for path in (half / "high").glob("*.webp"))
    assert len(numbers) == 458, f"{len(numbers)} pairs found"
    scene, before = -1, None
    for number in numbers:
        seen = thumbnail(half / "high" / f"{number}.webp")
        scene += before is None or float((seen * before).sum()) < SAME_SCENE
        before = seen
        for side, name in (("low", "before"), ("high", "after")):
            folder = to / name / f"{scene:03}"
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(half / side / f"{number}.webp", folder / f"{number}.webp")
            if (full / side / f"{number}.png").exists():
                shutil.copyfile(full / side / f"{number}.png", folder / f"{number}-full.png")
    print(f"{len(numbers)} pairs of {scene + 1} scenes")
    return to / "before", to / "after"


def thumbnail(path: Path) -> np.ndarray:
    """24x16 in colour, without its mean and of length 1."""
    with Image.open(path) as photo:
        small = np.asarray(photo.convert("RGB").resize((24, 16)), dtype=float)
    small = small - small.mean()
    return small / np.linalg.norm(small)


def main() -> None:
    args = options(__doc__, steps=10_000).parse_args()
    make(
        args,
        "brighten-colour",
        TERMS,
        lambda: {"pairs": by_scene(args.data, args.out.with_name(f"{args.out.name}-pairs"))},
        task="brighten",
        channels=3,
        begin_with="denoise-colour",
        loss="l1",
        batch_size=8,
        patch=128,
        learning_rate=1e-3,
        held_out=0.04,
        validation=0.1,
        group_by="folder",
        weight_decay=1e-4,
        evaluations=20,
        command=f"python recipes/brighten.py --data DATA --out brighten-colour --steps {args.steps}",
    )


if __name__ == "__main__":
    main()
