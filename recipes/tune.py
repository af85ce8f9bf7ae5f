"""Train the shipped models of the other tasks on photographs, from the weights of the colour denoiser.

    python recipes/tune.py unjpeg --data DATA --out ~/runs/unjpeg-colour --steps 8000

DATA is as recipes/denoise.py wants it. Every photograph is learned from in colour and in grey, so that one model serves
both. The same command goes on after any interruption. `--ship` copies the finished model into the package.
"""

from __future__ import annotations

from pathlib import Path

from _recipe import BERKELEY, going_on, make, options, photographs
from PIL import Image

LOSSES = {"inpaint": "l1"}
"""Where it is not charbonnier."""


def in_both(data: Path, folder: Path) -> list[Path]:
    """The photographs, and their grey versions, which are made in `folder`."""
    found = photographs(data)
    folder.mkdir(parents=True, exist_ok=True)
    grey = [folder / f"{path.stem}-grey.png" for path in found]
    for path, target in zip(found, grey, strict=True):
        if not target.exists():
            with Image.open(path) as photo:
                photo.convert("L").convert("RGB").save(target)
    return found + grey


def main() -> None:
    parser = options(__doc__, steps=8_000)
    parser.add_argument("task", choices=("unjpeg", "sharpen", "upscale", "inpaint"))
    parser.add_argument("--rate", type=float, default=5e-4)
    parser.add_argument("--batch", type=int, default=8, help="patches a step")
    parser.add_argument("--begin-with", default="denoise-colour", help="a model folder, or the name of a shipped one")
    args = parser.parse_args()
    name = f"{args.task}-colour"
    make(
        args,
        name,
        BERKELEY,
        lambda: {"data": [str(path) for path in in_both(args.data, args.out.with_name(f"{args.out.name}-grey"))]},
        task=args.task,
        channels=3,
        begin_with=args.begin_with,
        loss=LOSSES.get(args.task, "charbonnier"),
        batch_size=args.batch,
        patch=96,
        learning_rate=args.rate,
        held_out=0.03,
        validation=0.03,
        group_by=r"([0-9]+)(-grey)?[.]",
        weight_decay=1e-5,
        evaluations=20,
        command=going_on(
            f"python recipes/tune.py {args.task} --data DATA --out {name} --steps {args.steps} --rate {args.rate} "
            f"--batch {args.batch}",
            name,
            args.begin_with,
        ),
    )


if __name__ == "__main__":
    main()
