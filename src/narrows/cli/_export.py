"""`export`: a model as one file for programs without torch."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from narrows.cli._output import Output
from narrows.cli._verb import warm_up


def export(
    out: Output,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A model's folder, or a name from 'narrows models'.")],
    form: Annotated[str, typer.Option("--to", help="The format: onnx.")] = "onnx",
    to: Annotated[
        Path | None, typer.Option("--out", help="The file. [default: the model's name here]", show_default=False)
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that exists.")] = False,
) -> dict[str, Any]:
    """Write a model as one file for programs without torch.

    The file takes pictures of any size where the model does, and is compared with the model right away; it is written
    only where both give the same. Needs more packages: pip install 'narrows[onnx]'.
    """
    warm_up()
    from narrows.model import zoo
    from narrows.model.folder import load
    from narrows.using.export import FORMATS, TOLERANCE
    from narrows.using.export import export as export_model

    place = zoo.place_of(model)
    target = to or Path(f"{place.resolve().name}.{form if form in FORMATS else FORMATS[0]}")
    found = export_model(load(place), target, to=form, force=force)
    inputs, outputs = ", ".join(found.inputs), ", ".join(found.outputs)
    out.say(f"{found.path}: {found.size / 1e6:.1f} MB, {inputs} to {outputs}")
    if found.difference is None:
        out.note("not compared with the model, for which onnxruntime would be needed: pip install 'narrows[onnx]'")
    else:
        sizes = ", ".join("x".join(map(str, size)) for size in found.sizes)
        out.say(f"as the model to {found.difference:.1g} (at most {TOLERANCE:g}) on inputs of {sizes}")
    return found._asdict()
