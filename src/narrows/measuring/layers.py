"""The network layer by layer: what each gives, holds and costs, found by passing one example through it."""

from __future__ import annotations

import math
import statistics
import time
from typing import NamedTuple

import torch
from torch import Tensor, nn

from narrows.model.model import Model

_TIMED = 5


class Layer(NamedTuple):
    """One layer with weights, or one that changes how many values there are."""

    name: str
    """What it is: "Linear", "3x3 convolution", "2x2 pooling"."""
    part: str
    """"encoder", "code", "decoder", or "net" for nets without a code."""
    shape: tuple[int, ...]
    """Of what it gives, for one example."""
    values: int
    parameters: int
    multiply_adds: int
    grows: bool
    """Before the code, and it gives more values than the layer before it."""


def layers_of(model: Model) -> list[Layer]:
    """Every layer from input to code and back, in the order that one example passes them."""
    seen: list[tuple[str, nn.Module, tuple[int, ...], Tensor]] = []
    hooks = [
        module.register_forward_hook(
            lambda m, inputs, output, name=name: seen.append((name, m, tuple(inputs[0].shape[1:]), output))
        )
        for name, module in model.autoencoder.named_modules()
        if not list(module.children()) and name
    ]
    try:
        with torch.no_grad():
            model.autoencoder.restore(_example(model))
    finally:
        for hook in hooks:
            hook.remove()
    found: list[Layer] = []
    before = math.prod(model.shape)
    for name, module, came, output in seen:
        if not isinstance(output, Tensor):
            continue
        shape, values = tuple(output.shape[1:]), output[0].numel()
        parameters = sum(p.numel() for p in module.parameters(recurse=False))
        if not parameters and values == math.prod(came):
            continue
        part = name.split(".")[0]
        part = part if part in ("encoder", "decoder") else "net"
        grows = part == "encoder" and values > before
        found.append(Layer(_name(module), part, shape, values, parameters, _cost(module, output), grows))
        before = values
    return _marked(found)


def milliseconds(model: Model) -> float:
    """Median time of one example through the whole net, one at a time, on this machine as it is set up now."""
    x, times = _example(model), []
    with torch.no_grad():
        for _ in range(_TIMED + 1):
            began = time.perf_counter()
            model.autoencoder.restore(x)
            times.append(time.perf_counter() - began)
    return 1000 * statistics.median(times[1:])


def parameters_of(model: Model) -> int:
    """How many numbers were learned."""
    return sum(p.numel() for p in model.autoencoder.parameters())


def _example(model: Model) -> Tensor:
    shape = model.shape
    if len(shape) == 3 and "vector" not in model.autoencoder.needs:
        stride = model.net_facts.stride
        shape = (shape[0], *(max(stride, -(-side // stride) * stride) for side in shape[1:]))
    x = torch.zeros(1, *shape)
    return x if model.form == "table" else model.task.prepare(x)


def _marked(layers: list[Layer]) -> list[Layer]:
    """The encoder's last layer gives the code."""
    last = max((i for i, layer in enumerate(layers) if layer.part == "encoder"), default=None)
    return [layer._replace(part="code", grows=False) if i == last else layer for i, layer in enumerate(layers)]


def _name(module: nn.Module) -> str:
    if isinstance(module, nn.Conv2d):
        step = f", stride {module.stride[0]}" if module.stride[0] > 1 else ""
        return f"{module.kernel_size[0]}x{module.kernel_size[1]} convolution{step}"
    names = {"Linear": "fully connected", "MaxPool2d": "2x2 pooling", "Upsample": "upsampling"}
    return names.get(type(module).__name__, type(module).__name__.strip("_"))


def _cost(module: nn.Module, output: Tensor) -> int:
    """Multiply-adds for one example."""
    if isinstance(module, nn.Conv2d):
        per_value = module.in_channels // module.groups * math.prod(module.kernel_size)
        return output[0].numel() * per_value
    return module.in_features * module.out_features if isinstance(module, nn.Linear) else 0
