"""Shared by all tests: one thread a process, and small drawn data."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import narrows
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


@pytest.fixture
def as_nobody(tmp_path: Path) -> Callable[[], AbstractContextManager[None]]:
    """`with as_nobody():` without root's right to read everything; for others, nothing changes."""

    @contextlib.contextmanager
    def lowered() -> Iterator[None]:
        if os.geteuid() != 0:
            yield
            return
        if any(folder.stat().st_mode & 0o055 != 0o055 for folder in Path(narrows.__file__).parents):
            pytest.skip("the package lies where only root may read, as below /root: others cannot even import it")
        opened = [folder for folder in (tmp_path, *tmp_path.parents) if folder.stat().st_mode & 0o055 != 0o055]
        before = {folder: folder.stat().st_mode & 0o7777 for folder in opened}
        for folder in opened:  # pytest's own folders are root's alone
            folder.chmod(before[folder] | 0o055)
        os.seteuid(65534)
        try:
            yield
        finally:
            os.seteuid(0)
            for folder in opened:
                folder.chmod(before[folder])

    return lowered


@pytest.fixture
def first_training_fails(monkeypatch):
    """The first net of a tuning cannot be trained."""
    from narrows import TrainingFailed
    from narrows.sweep import _tune

    real, calls = _tune.train_model, []

    def train_but_the_first(*given):
        calls.append(given)
        if len(calls) == 1:
            raise TrainingFailed("the loss was not a number")
        return real(*given)

    monkeypatch.setattr(_tune, "train_model", train_but_the_first)
