"""A net that trains in a fifth of a second, the ways to train it, and a process that is killed while it does.

python small_net.py train FOLDER           prints its events; stops at SIGINT and SIGTERM
python small_net.py die FOLDER MOMENTS     a child process for each moment (JSON), killed by SIGKILL then
"""

from __future__ import annotations

import builtins
import json
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

import narrows._files
from narrows._contract import Batch, DataFacts, Step, Trainable
from narrows._errors import RunStopped
from narrows.training.config import TrainingConfig
from narrows.training.loop import Outcome, Supply, train
from narrows.training.runs import Run

ROWS, LEARNED, WIDTH = 96, 72, 12
EVERY_WAY: dict[str, Any] = {"micro_batch": 6, "ema": 0.9, "checkpoint_minutes": 1e-9}
"""Two micro-batches and more, averages, and a checkpoint at every landmark."""


class Small(Trainable):
    """12 - 8 - 3 - 12, with noise in its loss, and batch normalisation where buffers are to change in training."""

    def __init__(self, seed: int = 0, *, norm: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.net = nn.Sequential(
                nn.Linear(WIDTH, 8), nn.BatchNorm1d(8) if norm else nn.Identity(), nn.SiLU(), nn.Linear(8, 3)
            )
            self.back = nn.Linear(3, WIDTH)
        self.register_buffer("shift", torch.zeros(WIDTH))

    def start(self, facts: DataFacts) -> None:
        self.shift.copy_(facts.mean)

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        code = self.net(batch.x - self.shift)
        noise = torch.randn(code.shape, generator=step.generator, device=code.device, dtype=code.dtype)
        error = (self.back(code + 0.01 * noise) + self.shift - batch.target).square().mean()
        return {"loss": error + 1e-4 * code.square().mean(), "error": error}


def data() -> Tensor:
    """ROWS WIDTH, with a structure of three numbers."""
    random = torch.Generator().manual_seed(5)
    return torch.randn((ROWS, 3), generator=random) @ torch.randn((3, WIDTH), generator=random) + 1


def noisy(rows: Tensor) -> Callable[[Tensor, Step], Batch]:
    """Batches with fresh noise at their input."""

    def make(indices: Tensor, step: Step) -> Batch:
        clean = rows[indices]
        return Batch(clean + 0.1 * torch.randn(clean.shape, generator=step.generator), clean)

    return make


def config(**changes: Any) -> TrainingConfig:
    usual = {"batch_size": 16, "learning_rate": 1e-2, "evaluations": 6, "device": "cpu", "seed": 1}
    budget = {} if {"minutes", "epochs"} & changes.keys() else {"steps": 120}
    return TrainingConfig(**{**usual, **budget, **changes})


def learn(
    module: Trainable | None = None,
    *,
    run: Run | None = None,
    progress: Callable[[dict[str, Any]], None] | None = None,
    make: Callable[[Tensor, Step], Batch] | None = None,
    validated: bool = True,
    **changes: Any,
) -> tuple[Trainable, Outcome]:
    """Train on the small data, a quarter of it held out; `changes` are of the configuration."""
    module, rows = module or Small(), data()
    learned, held_out = rows[:LEARNED], rows[LEARNED:]
    validation = Supply(len(held_out), noisy(held_out)) if validated else None
    facts = DataFacts(LEARNED, learned.mean(0), learned, torch.Generator().manual_seed(0))
    supply = Supply(LEARNED, make or noisy(learned))
    outcome = train(module, supply, validation, config(**changes), facts=lambda: facts, run=run, progress=progress)
    return module, outcome


def weights(module: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    """Bit for bit."""
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def kill_myself() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def die_at_file_instruction(number: int) -> None:
    """SIGKILL at the given instruction of `write_atomically`, counted over all writes: eight to a file."""
    count = 0

    def passing() -> None:
        nonlocal count
        count += 1
        if count == number:
            kill_myself()

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            passing()
            result = function(*args)
            passing()
            return result

        return wrapped

    class Halting:
        """A file that a kill may leave half written."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> Halting:
            return self

        def __exit__(self, *error: object) -> None:
            self.file.close()

        def write(self, content: bytes) -> None:
            self.file.write(content[: len(content) // 2])
            self.file.flush()
            passing()
            self.file.write(content[len(content) // 2 :])

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

    def opened(*args: Any, **named: Any) -> Halting:
        file = Halting(builtins.open(*args, **named))  # noqa: SIM115 - closed by its own __exit__
        passing()
        return file

    narrows._files.open = opened  # type: ignore[attr-defined]
    os.fsync, os.replace = around(os.fsync), around(os.replace)


def die(folder: Path, moment: dict[str, int]) -> None:
    """Train in a child process until the moment: `{"batch": step}` or `{"instruction": number}`."""
    child = os.fork()
    if child:
        os.waitpid(child, 0)
        return
    if "instruction" in moment:
        die_at_file_instruction(moment["instruction"])
    plain = noisy(data()[:LEARNED])

    def make(indices: Tensor, step: Step) -> Batch:
        if step.index == moment.get("batch"):
            kill_myself()
        return plain(indices, step)

    with Run.open(folder) as run:
        learn(run=run, make=make, **EVERY_WAY)
    os._exit(0)


def main() -> None:
    torch.set_num_threads(1)
    folder = Path(sys.argv[2])
    if sys.argv[1] == "die":
        import lightning_fabric  # noqa: F401 - once, not in every child

        for moment in json.loads(sys.argv[3]):
            die(folder / "-".join(f"{name}-{number}" for name, number in moment.items()), moment)
        return

    def progress(event: dict[str, Any]) -> None:
        print(event["event"], event["step"], flush=True)
        time.sleep(0.02)

    try:
        with Run.open(folder) as run:
            learn(run=run, progress=progress, evaluations=120, **{**EVERY_WAY, "checkpoint_minutes": 1.0})
    except RunStopped as stopped:
        print(stopped, flush=True)
        sys.exit(128 + stopped.signal_number)


if __name__ == "__main__":
    main()
