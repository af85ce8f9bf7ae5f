"""`narrows compare`: kinds side by side on the user's own data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from narrows.cli._fit import Language, name_and_value, stem, whole_numbers
from narrows.cli._output import Output
from narrows.cli._using import Force
from narrows.cli._verb import command_line, warm_up


def compare(
    out: Output,
    data: Annotated[
        list[str], typer.Argument(metavar="DATA", help="Folders, pictures, or one table (CSV, .npy, .npz, IDX).")
    ],
    kinds: Annotated[str, typer.Option(help="Kinds, as in undercomplete,sparse; all: every one that can.")] = "all",
    minutes: Annotated[float, typer.Option(min=0, help="For all kinds together, shared evenly.")] = 20.0,
    code_size: Annotated[
        int | None, typer.Option(min=1, help="Values in every kind's code. [default: chosen from the data]")
    ] = None,
    labels: Annotated[
        str | None, typer.Option(help="A CSV column, an .npy or IDX file, or 'folders'. They only score.")
    ] = None,
    architecture: Annotated[str | None, typer.Option("--arch", "--architecture", help="The family of nets.")] = None,
    n_layers: Annotated[int | None, typer.Option(help="Layers on the way to the code.")] = None,
    n_nodes: Annotated[str | None, typer.Option(help="Nodes of the first layer, or of each: 512,256.")] = None,
    loss: Annotated[str, typer.Option(help="Reconstruction loss of every kind.")] = "auto",
    options: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="An option that every kind has.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Everything random follows from it.")] = 0,
    to: Annotated[
        Path | None,
        typer.Option("--out", help="Folder of the page and the models. [default: DATA-compared]", show_default=False),
    ] = None,
    lang: Annotated[Language, typer.Option(help="Language of the page.")] = Language.en,
    force: Force = False,
) -> dict[str, Any]:
    """Fit every kind of autoencoder on your data, and judge them side by side.

    At one code size and one training time, with PCA and the mean beside them: held-out error, what a frozen code knows
    of --labels, new examples, code use, speed. One page says which kind for which purpose, and where PCA is enough.
    After Ctrl-C, a crash or a power cut the same command goes on.
    """
    warm_up()
    from narrows.cli._progress import following
    from narrows.comparison import as_dict
    from narrows.comparison import compare as work

    folder = to or Path(f"{stem(data[0])}-compared")
    nodes = None if n_nodes is None else whole_numbers(n_nodes, "--n-nodes", ",", "512 or 512,256")
    with following(lang.value) as progress:

        def told(event: dict[str, Any]) -> None:
            if event["event"] == "kind":
                out.note(f"{event['kind']} ({event['number']} of {event['of']})")
            progress(event)

        found = work(
            data if len(data) > 1 else data[0], out=folder, kinds=kinds, minutes=minutes, code_size=code_size,
            labels=labels, force=force, lang=lang.value, command=command_line(out.argv), progress=told,
            architecture=architecture, n_layers=n_layers, n_nodes=nodes, loss=loss, seed=seed,
            options=dict(name_and_value(text) for text in options or []) or None,
        )  # fmt: skip
    head = ("kind", "error", "over PCA", "labels wrong", "Frechet", "precision", "recall", "in use", "ms", "parameters")
    out.table(head, [_cells(row) for row in found.rows], right=range(1, len(head)))
    for one in found.purposes:
        out.say(one.sentence(lang.value))
    for name, why in found.left_out:
        out.note(f"left out: {name}: {why}")
    out.say(f"page: {found.page}")
    return {
        "page": found.page, "code_size": found.code_size, "seconds_each": found.seconds_each,
        "rows": [as_dict(row) for row in found.rows],
        "purposes": [one._asdict() | {"sentence": one.sentence(lang.value)} for one in found.purposes],
        "left_out": [{"kind": name, "reason": why} for name, why in found.left_out],
        "feature_space": None if found.reference is None else found.reference.space,
        "real_frechet": None if found.reference is None else found.reference.frechet,
    }  # fmt: skip


def _cells(row: Any) -> list[str]:
    def mean(interval: Any, times: float = 1.0, mark: str = "") -> str:
        return "" if interval is None else f"{times * interval.value:.3g}{mark}"

    return [
        row.name, mean(row.error), mean(row.over_pca), mean(row.probe, 100, " %"),
        "" if row.frechet is None else f"{row.frechet:.3g}", mean(row.precision), mean(row.recall),
        "" if row.in_use is None else f"{100 * row.in_use:.0f} %",
        "" if row.milliseconds is None else f"{row.milliseconds:.3g}",
        "" if row.parameters is None else f"{row.parameters:,}",
    ]  # fmt: skip
