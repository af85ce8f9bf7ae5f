"""Train the shipped denoisers: blind, noise 0 to 55, grey or colour.

    python recipes/denoise.py --channels 1 --data DATA --out ~/runs/denoise-grey --steps 24000
    python recipes/denoise.py --channels 3 --data DATA --out ~/runs/denoise-camera --steps 8000 --rate 5e-4 \\
        --camera 0.5 --begin-with ~/runs/denoise-colour    goes on from a model, half with noise of cameras
    python recipes/denoise.py --channels 1 --data DATA --out ~/runs/denoise-grey-2 --steps 5000 --rate 5e-4 \\
        --loss mse --patch 144 --begin-with ~/runs/denoise-grey     on fewer and larger patches

DATA holds the 500 photographs of BSDS500 in `color/bsds500/{train,val,test}` and the list `cbsd68.txt` of those
that are the test set BSD68, which are never opened here. The same command goes on after any interruption. `--ship`
copies the finished model into the package.
"""

from __future__ import annotations

from _recipe import BERKELEY, going_on, make, options, photographs

PATCH = 96
"""Pixels a side, of 16 patches a step."""


def main() -> None:
    parser = options(__doc__, steps=24_000)
    parser.add_argument("--channels", type=int, choices=(1, 3), default=1)
    parser.add_argument("--camera", type=float, default=0.0, help="share of noise as cameras leave it")
    parser.add_argument("--rate", type=float, default=1e-3, help="learning rate")
    parser.add_argument("--loss", default="charbonnier")
    parser.add_argument("--patch", type=int, default=PATCH, help="side in pixels; a step sees about as many pixels")
    parser.add_argument("--batch", type=int, help="patches a step, where a GPU takes more than a processor")
    parser.add_argument("--begin-with", help="a model folder, or the name of a shipped one")
    args = parser.parse_args()
    batch = args.batch or max(1, round(16 * (PATCH / args.patch) ** 2))
    name = f"denoise-{'grey' if args.channels == 1 else 'colour'}"
    make(
        args,
        name,
        BERKELEY,
        lambda: {"data": photographs(args.data)},
        task="denoise",
        channels=args.channels,
        begin_with=args.begin_with,
        options={"camera": args.camera},
        learning_rate=args.rate,
        loss=args.loss,
        batch_size=batch,
        patch=args.patch,
        held_out=0.03,
        validation=0.03,
        weight_decay=1e-5,
        evaluations=40,
        command=going_on(
            f"python recipes/denoise.py --channels {args.channels} --data DATA --out {name} --steps {args.steps} "
            f"--rate {args.rate} --camera {args.camera} --loss {args.loss} --patch {args.patch} --batch {batch}",
            name,
            args.begin_with,
        ),
    )


if __name__ == "__main__":
    main()
