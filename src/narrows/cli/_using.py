"""What one does with a model's codes: encode, decode, reconstruct, sample, interpolate, traverse."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from narrows.cli._output import Output
from narrows.cli._restore import pairs, say_left_out
from narrows.cli._verb import warm_up

ModelPlace = Annotated[str, typer.Argument(metavar="MODEL", help="The model's folder.")]
Data = Annotated[list[str], typer.Argument(metavar="DATA", help="Pictures, folders of them, or one table.")]
Force = Annotated[bool, typer.Option("--force", help="Replace results that exist.")]


def encode(
    out: Output,
    model: ModelPlace,
    data: Data,
    to: Annotated[Path, typer.Option("--out", help="codes.npy, or codes.csv with names.")] = Path("codes.npy"),
    force: Force = False,
) -> dict[str, Any]:
    """Turn pictures or rows into codes.

    Each is one row of --out, in the order of their paths or rows.
    """
    warm_up()
    from narrows.using import codes

    found = codes.encode_to_file(_place(model), data, to, force=force)
    _notes(out, found.skipped, found.notes)
    out.say(f"{len(found.names)} code{'s' if len(found.names) != 1 else ''} of {found.code_size} values: {to}")
    return {
        "codes": to, "count": len(found.names), "code_size": found.code_size, "names": found.names,
        "skipped": pairs(found.skipped), "notes": found.notes,
    }  # fmt: skip


def decode(
    out: Output,
    model: ModelPlace,
    codes: Annotated[Path, typer.Argument(metavar="CODES", help="Codes as .npy or .csv.")],
    to: Annotated[
        Path, typer.Option("--out", help="Folder for the pictures; a .csv or .npy for a table's rows.")
    ] = Path("decoded"),
    force: Force = False,
) -> dict[str, Any]:
    """Turn codes back into pictures, or rows."""
    warm_up()
    from narrows.using import codes as rooms

    return _told(out, rooms.decode_to_files(_place(model), codes, to, force=force))


def reconstruct(
    out: Output,
    model: ModelPlace,
    data: Data,
    to: Annotated[
        Path, typer.Option("--out", help="Folder for the pictures; a .csv or .npy for a table's rows.")
    ] = Path("reconstructed"),
    force: Force = False,
) -> dict[str, Any]:
    """Pass pictures or rows through the code and back.

    Pictures are resized and cropped to the model's size, and written as 8-bit PNG.
    """
    warm_up()
    from narrows.using import codes

    found = codes.reconstruct_to_files(_place(model), data, to, force=force)
    _notes(out, found.skipped, found.notes)
    return _told(out, found)


def sample(
    out: Output,
    model: ModelPlace,
    n: Annotated[int, typer.Option("--n", min=1, help="How many.")] = 16,
    prior: Annotated[
        str | None,
        typer.Option(help="Where codes are drawn from: normal, mixture, flow, autoregressive. [default: the model's]"),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="What the model was fitted on: fits --prior, and shows whether it copies. [default: none; for a prior "
            "that the model does not hold, what the run beside it remembers]",
        ),
    ] = None,
    options: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="An option of the prior that is fitted; repeatable."),
    ] = None,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the fitted prior in MODEL.")] = False,
    seed: Annotated[int, typer.Option(help="The same seed gives the same.")] = 0,
    to: Annotated[
        Path, typer.Option("--out", help="Folder for the pictures; a .csv or .npy for a table's rows.")
    ] = Path("samples"),
    force: Force = False,
) -> dict[str, Any]:
    """Draw new pictures or rows from a model with a prior.

    Pictures come with a contact sheet. With --data, samples are compared with what was learned from: how near they lie
    to it, beside how near held-out examples lie, and the nearest ones on a sheet.
    """
    warm_up()
    from narrows.cli._fit import name_and_value
    from narrows.cli._progress import following
    from narrows.measuring.drawing import draw_to_files

    chosen = dict(name_and_value(text) for text in options or [])
    with following() as progress:
        found = draw_to_files(
            _place(model), n, seed, to, prior=prior, options=chosen, data=data, keep=keep, force=force,
            progress=progress,
        )  # fmt: skip
    _notes(out, found.written.skipped, found.written.notes)
    told = _told(out, found.written) | {"prior": found.prior}
    if found.check is not None:
        out.say(found.check.sentence())
        if found.nearest:
            out.say(f"each beside the nearest training picture: {found.nearest}")
        told["memorisation"] = {
            "outcome": found.check.outcome, "sentence": found.check.sentence(), "nearest_sheet": found.nearest,
            "threshold": found.check.threshold, "nearer": found.check.nearer._asdict(),
            "nearest_is_training": found.check.to_training._asdict(), "chance": found.check.chance,
            "distances": found.check.distances.tolist(),
        }  # fmt: skip
    return told


def interpolate(
    out: Output,
    model: ModelPlace,
    first: Annotated[str, typer.Argument(metavar="FIRST", help="A picture.")],
    last: Annotated[str, typer.Argument(metavar="LAST", help="Another picture.")],
    steps: Annotated[int, typer.Option(min=2, help="Pictures, both ends included.")] = 8,
    spherical: Annotated[
        bool, typer.Option("--spherical", help="On an arc, as suits codes near N(0, I), instead of a line.")
    ] = False,
    to: Annotated[Path, typer.Option("--out", help="Folder for the pictures.")] = Path("interpolated"),
    force: Force = False,
) -> dict[str, Any]:
    """Walk from one picture to another through codes.

    The pictures on the way come with a contact sheet.
    """
    warm_up()
    from narrows.using import codes

    found = codes.interpolate_to_files(_place(model), first, last, steps, to, spherical=spherical, force=force)
    return _told(out, found)


def traverse(
    out: Output,
    model: ModelPlace,
    data: Data,
    steps: Annotated[int, typer.Option(min=2, help="Stops along each value.")] = 7,
    to: Annotated[Path, typer.Option("--out", help="Folder for the pictures.")] = Path("traversed"),
    force: Force = False,
) -> dict[str, Any]:
    """Change one code value at a time, and see what it does.

    Starts from the first picture of DATA; each value goes over the range that it has in DATA. The contact sheet has a
    row for each of the 16 values that vary most; stops.csv says which they are.
    """
    warm_up()
    from narrows.using import codes

    found = codes.traverse_to_files(_place(model), data, to, steps=steps, force=force)
    _notes(out, found.skipped, found.notes)
    return _told(out, found) | {"stops": to / "stops.csv"}


def _place(model: str) -> Path:
    from narrows.model import zoo

    return zoo.place_of(model)


def _notes(out: Output, skipped: list[tuple[str, str]], notes: list[str]) -> None:
    say_left_out(out, skipped)
    for note in notes:
        out.note(note)


def _told(out: Output, found: Any) -> dict[str, Any]:
    """Where the results are."""
    what = found.what.removesuffix("s") if found.count == 1 else found.what
    out.say(f"{found.count} {what} written: {found.place}")
    if found.sheet:
        out.say(f"contact sheet: {found.sheet}")
    return {
        "written": found.written, "sheet": found.sheet, "count": found.count, "skipped": pairs(found.skipped),
        "notes": found.notes,
    }  # fmt: skip
