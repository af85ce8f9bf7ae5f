"""A model as one ONNX file, for programs without torch: written, and set beside the model right away.

Inputs are `picture` (B C H W, 0 to 1) and, for tasks that tell the net something, `extra` (B E H W); or `rows` (B D) of
a table in its own units. Outputs are `restored` and, of models with a code, `code`. Batch, height and width are free
where the net takes any size; both sides are then multiples of the stride. What a program must know beyond that lies as
JSON in the file's metadata under `narrows`.

Needs the packages onnx and onnxscript; the check needs onnxruntime too.
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import warnings
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from narrows._errors import NotSupported, UnknownName
from narrows._files import make_folder, refuse_to_overwrite, write_atomically
from narrows._registry import tasks
from narrows.model.model import Model

FORMATS = ("onnx",)
TOLERANCE = 1e-4
"""Largest difference between the file and the model: of values in [0, 1], or of a code's or a table's largest value."""
_METADATA = "narrows"
_BATCH = 2
"""Of the example: with 1, the exporter would take the batch for a constant."""
_EXPORTERS, _RUNNER = ("onnx", "onnxscript"), "onnxruntime"


class Exported(NamedTuple):
    """What was written, and what became of the check."""

    path: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    sizes: tuple[tuple[int, ...], ...]
    """Of the inputs that were tried; none where onnxruntime is not installed."""
    difference: float | None
    """Largest one, as TOLERANCE means it."""
    size: int
    """Bytes."""


def export(model: Model, path: str | Path, *, to: str = "onnx", force: bool = False) -> Exported:
    """Write `model` as one file in another format; nothing is written unless it gives what the model gives.

    Raises UnknownName for another format, NotSupported where packages are missing or the net cannot be exported,
    WouldOverwrite, CannotWrite.
    """
    if to not in FORMATS:
        raise UnknownName.of("format to export to", to, FORMATS)
    path = Path(path)
    refuse_to_overwrite(path, force)
    data = to_onnx(model)
    sizes, difference = compared(model, data) if _is_there(_RUNNER) else ((), None)
    if difference is not None and not difference <= TOLERANCE:
        raise NotSupported(
            f"the exported net differs from the model by {difference:.1g}, more than {TOLERANCE:g}, so it was not "
            f"written; please report it"
        )
    make_folder(path.parent)
    write_atomically(path, data)
    names = list(_example(model))
    return Exported(path, tuple(names), _outputs(model), sizes, difference, len(data))


def to_onnx(model: Model) -> bytes:
    """The file's bytes. Raises NotSupported."""
    require(*_EXPORTERS)
    example = _example(model)
    names = list(example)
    auto = torch.export.Dim.AUTO
    free = {0: auto, 2: auto, 3: auto} if model.any_size else {0: auto}
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)  # it tells of packages that are not needed here
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of torch to itself
            program: Any = torch.onnx.export(
                _Exportable(model).eval(), tuple(example.values()), dynamo=True, verbose=False,
                dynamic_shapes={"inputs": tuple(free for _ in names)}, input_names=names,
                output_names=list(_outputs(model)),
            )  # fmt: skip
    except Exception as error:  # whatever the exporter meets in a net that it cannot express
        inner = error.__cause__ or error  # torch's own sentence is a page of advice
        reason = str(inner).strip().split("\n")[0][:160] or type(inner).__name__
        raise NotSupported(f"this net cannot be written as ONNX ({reason}); the kind direct with unet can") from error
    finally:
        logger.setLevel(level)
    proto = program.model_proto
    proto.metadata_props.add(key=_METADATA, value=json.dumps(_facts(model)))
    return proto.SerializeToString()


def compared(model: Model, data: bytes) -> tuple[tuple[tuple[int, ...], ...], float]:
    """Sizes that were tried, and the largest difference between the file in onnxruntime and the model."""
    run = session(data)
    random = torch.Generator().manual_seed(0)
    stride = model.net_facts.stride
    sides = [(1, 1), (3, 2), (1, 9), (8, 5)] if model.any_size else [(1, 1)]
    sizes, worst = [], 0.0
    for number, (down, across) in enumerate(sides):
        shape = model.shape
        if model.any_size:
            shape = (shape[0], down * stride, across * stride)
        inputs = {
            name: torch.rand((1 + number, *one.shape[1 : 2 if len(shape) > 1 else None], *shape[1:]), generator=random)
            for name, one in _example(model).items()
        }
        found = run.run(None, {name: one.numpy() for name, one in inputs.items()})
        with torch.no_grad():
            wanted = _Exportable(model)(*inputs.values())
        for one, other in zip(found, wanted, strict=True):
            scale = max(1.0, float(other.abs().max()))
            away = float((torch.from_numpy(one) - other).abs().max()) / scale
            worst = max(worst, away if math.isfinite(away) else math.inf)
        sizes.append((1 + number, *shape))
    return tuple(sizes), worst


def session(data: bytes) -> Any:
    """An onnxruntime session on the CPU, of as many threads as torch has. Raises NotSupported."""
    require(_RUNNER)
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])


def require(*packages: str) -> None:
    """Raises NotSupported, with what to type, where one is not installed."""
    missing = [name for name in packages if not _is_there(name)]
    if missing:
        raise NotSupported(f"{' and '.join(missing)} not installed here; type: pip install 'narrows[onnx]'")


def _is_there(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


class _Exportable(nn.Module):
    """Picture and extra channels, or a table's rows, to what `Exported.outputs` names."""

    def __init__(self, model: Model) -> None:
        super().__init__()
        self.standardise, self.autoencoder = model.standardise, model.autoencoder
        self.has_code = model.code_size is not None

    def forward(self, *inputs: Tensor) -> tuple[Tensor, ...]:
        x = torch.cat(inputs, 1) if self.standardise is None else self.standardise(inputs[0])[0]
        restored = self.autoencoder.restore(x)
        if self.standardise is not None:
            restored = self.standardise.inverse(restored)
        return (restored, self.autoencoder.encode(x)) if self.has_code else (restored,)


def _example(model: Model) -> dict[str, Tensor]:
    """Inputs by their names."""
    if model.form == "table":
        return {"rows": torch.rand(_BATCH, *model.shape)}
    side = (8 * model.net_facts.stride, 6 * model.net_facts.stride) if model.any_size else model.shape[1:]
    found = {"picture": torch.rand(_BATCH, model.shape[0], *side)}
    return found | {"extra": torch.rand(_BATCH, model.task.extra, *side)} if model.task.extra else found


def _outputs(model: Model) -> tuple[str, ...]:
    return ("restored", "code") if model.code_size is not None else ("restored",)


def _facts(model: Model) -> dict[str, Any]:
    """What a program must know that runs the file."""
    from narrows import __version__

    facts: dict[str, Any] = {"narrows": __version__, "task": tasks.name_of(model.task), "kind": model.kind}
    if model.form == "table":
        return facts | {"columns": model.shape[0], "missing": "NaN"}
    facts |= {
        "range": [0, 1], "channels": model.shape[0], "stride": model.net_facts.stride, "reach": model.net_facts.reach,
        "enlarge_first": model.task.scale, "any_size": model.any_size,
    }  # fmt: skip
    if model.task.extra:
        facts["extra"] = model.task.extra_meaning
    return facts
