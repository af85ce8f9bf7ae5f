"""Train the shipped denoisers: blind, noise 0 to 55, grey or colour.

    python recipes/denoise.py --channels 1 --data DATA --out ~/runs/denoise-grey --steps 24000

DATA holds the 500 photographs of BSDS500 in `color/bsds500/{train,val,test}` and the list `cbsd68.txt` of those
that are the test set BSD68, which are never opened here. The same command goes on after any interruption. `--ship`
copies the finished model into the package.
"""

from __future__ import annotations

from _recipe import BERKELEY, make, options, photographs


def main() -> None:
    parser = options(__doc__, steps=24_000)
    parser.add_argument("--channels", type=int, choices=(1, 3), default=1)
    args = parser.parse_args()
    name = f"denoise-{'grey' if args.channels == 1 else 'colour'}"
    make(
        args,
        name,
        BERKELEY,
        lambda: {"data": photographs(args.data)},
        task="denoise",
        channels=args.channels,
        loss="charbonnier",
        batch_size=16,
        patch=96,
        held_out=0.03,
        validation=0.03,
        weight_decay=1e-5,
        evaluations=40,
        command=f"python recipes/denoise.py --channels {args.channels} --data DATA --out {name} --steps {args.steps}",
    )


if __name__ == "__main__":
    main()
