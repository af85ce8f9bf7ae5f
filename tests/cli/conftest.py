"""Command lines run in this process, in an empty folder, on tiny models that are fitted once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import narrows
from narrows import cli


class Ran:
    """What a command line gave."""

    def __init__(self, result: Any) -> None:
        self.code: int = result.exit_code
        self.out: str = result.stdout
        self.err: str = result.stderr
        self.exception = result.exception

    def __repr__(self) -> str:
        """A failed assertion tells what the command said."""
        return f"Ran(code={self.code}, exception={self.exception!r}, out={self.out!r}, err={self.err!r})"

    @property
    def json(self) -> Any:
        return json.loads(self.out, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """`run("fit", "digits", ...)` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def invoke(*words: object) -> Ran:
        ran = Ran(CliRunner().invoke(cli.app, [str(word) for word in words]))
        assert "Traceback" not in ran.out + ran.err
        return ran

    return invoke


def smooth(number: int, side: int = 8, channels: int = 1) -> np.ndarray:
    """H W (C) uint8, different for every number."""
    rows, cols = np.mgrid[0:side, 0:side] / side
    planes = [
        127 + 120 * np.sin(6 * cols * (1 + number % 5) / 3 + number) * np.cos(5 * rows + plane)
        for plane in range(channels)
    ]
    return np.stack(planes, -1).squeeze().astype(np.uint8)


def write_pictures(
    folder: Path, count: int = 24, side: int = 8, channels: int = 1, suffix: str = ".png", first: int = 0
) -> Path:
    """A folder of drawn pictures, 000.png and so on."""
    folder.mkdir(parents=True)
    for number in range(first, first + count):
        Image.fromarray(smooth(number, side, channels)).save(folder / f"{number:03}{suffix}")
    return folder


@pytest.fixture
def pictures() -> Callable[..., Path]:
    """`pictures(folder, count, side, channels, suffix, first)`: a folder of drawn pictures."""
    return write_pictures


@pytest.fixture
def pixels() -> Callable[[str | Path], np.ndarray]:
    """`pixels(path)`: what a picture file holds, H W (C)."""

    def read(path: str | Path) -> np.ndarray:
        with Image.open(path) as image:
            return np.asarray(image)

    return read


@pytest.fixture
def digits(tmp_path: Path) -> Path:
    """24 grey pictures of 8x8."""
    return write_pictures(tmp_path / "digits")


@pytest.fixture(scope="session")
def coder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a code of 3 and a prior, for grey pictures of 8x8."""
    folder = tmp_path_factory.mktemp("coder")
    pictures = write_pictures(folder / "pictures")
    narrows.fit(pictures, kind="variational", code_size=3, n_nodes=8, steps=3, out=folder / "model")
    return folder / "model"


@pytest.fixture(scope="session")
def denoiser(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A grey denoiser for pictures of any size."""
    folder = tmp_path_factory.mktemp("denoiser")
    pictures = write_pictures(folder / "pictures", side=24)
    narrows.fit(pictures, task="denoise", n_nodes=(8, 8), steps=2, out=folder / "model")
    return folder / "model"


@pytest.fixture(scope="session")
def rows_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a code of 2 for a table of columns a, b, c."""
    folder = tmp_path_factory.mktemp("rows")
    rows = np.random.default_rng(0).normal(size=(40, 3))
    np.savetxt(folder / "table.csv", rows, delimiter=",", header="a,b,c", comments="")
    narrows.fit(folder / "table.csv", code_size=2, n_nodes=8, steps=3, out=folder / "model")
    return folder / "model"
