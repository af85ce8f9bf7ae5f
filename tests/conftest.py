"""Shared by all tests: one thread a process, and small drawn data."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from narrows.model.zoo import shipped

torch.set_num_threads(1)  # two processes share two cores, and the same bits come out everywhere


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "needs_shipped_models: skipped where no model ships with the checkout")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("needs_shipped_models") and not shipped():
            item.add_marker(pytest.mark.skip(reason="no model ships with this checkout yet"))


def draw(height: int, width: int, channels: int = 1, seed: int = 0) -> np.ndarray:
    """H W C uint8: a smooth picture with an edge, different for every seed."""
    random = np.random.default_rng(seed)
    rows, cols = np.mgrid[0:height, 0:width]
    planes = []
    for _ in range(channels):
        across, down, start = random.uniform(0.05, 0.4, 3)
        plane = 110 + 60 * np.sin(across * cols + start) * np.cos(down * rows)
        planes.append(plane + 40 * (cols * random.uniform(0.5, 1.5) > rows))
    return np.clip(np.stack(planes, -1), 0, 255).astype(np.uint8)


@pytest.fixture
def drawn() -> Callable[..., np.ndarray]:
    """`drawn(height, width, channels, seed)`: H W C uint8."""
    return draw


@pytest.fixture
def picture_folder(tmp_path: Path) -> Callable[..., Path]:
    """`picture_folder(count, height, width, channels)`: a folder of drawn PNGs."""

    def make(count: int = 12, height: int = 8, width: int = 8, channels: int = 1, name: str = "pictures") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for number in range(count):
            pixels = draw(height, width, channels, seed=number)
            Image.fromarray(pixels[..., 0] if channels == 1 else pixels).save(folder / f"{number:03}.png")
        return folder

    return make
