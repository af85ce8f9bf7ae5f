"""Small models whose nets do something, and what ONNX needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from narrows.model.build import make
from narrows.model.model import Model
from narrows.using import export


def stir(*, noise: float = 0.05, **choices: Any) -> Model:
    model = make(**choices)
    random = torch.Generator().manual_seed(0)
    for parameter in model.parameters():
        parameter.data += noise * torch.randn(parameter.shape, generator=random)
    return model


@pytest.fixture(scope="session")
def stirred() -> Callable[..., Model]:
    """`stirred(noise=0.05, **choices)`: a small model whose net changes every input: an untrained one returns it."""
    return stir


@pytest.fixture(scope="module")
def denoiser() -> Model:
    return stir(shape=(1, 16, 16), task="denoise", n_nodes=(8, 8))


@pytest.fixture(scope="session")
def onnx() -> None:
    """Skips where a package that ONNX needs is not installed."""
    if not all(map(export._is_there, ("onnx", "onnxscript", "onnxruntime"))):
        pytest.skip("onnx, onnxscript, onnxruntime")
