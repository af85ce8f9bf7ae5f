"""How a model is trained: one dataclass that is the command line's options, the run's JSON and the sweep's space."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from narrows._errors import BadOption, refuse_other_types

DEVICES = ("auto", "cpu", "cuda", "mps")
USUAL_BATCH = 128
USUAL_RATE = 4e-3
"""Held-out squared error at 1e-3, 2e-3, 4e-3, 8e-3: MNIST, `mlp`, 1,000 steps of 128: 0.00644, 0.00564, 0.00533,
0.00671; every kind on small digits, 1,000 steps: less with every doubling (docs/log.md, 2026-11-27)."""


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Settings of one training run. The budget is exactly one of `minutes`, `epochs`, `steps`."""

    minutes: float | None = None
    """Training time. A short measurement turns it into a number of steps, on as many threads as are fastest now; both
    are stored before step 1."""
    epochs: float | None = None
    """Passes over the training set."""
    steps: int | None = None
    """Optimizer steps."""
    batch_size: int | None = None
    """Examples per step; the last batch of a pass is as large as the others (it wraps into the next pass). None: 128,
    fewer where a pass or the whole budget would have few steps, and 16 patches of photographs for a net that restores
    them."""
    learning_rate: float | None = None
    """The highest, after warm-up; then half a cosine down to 1 % of it. None: 0.004, or 0.001 for a net that restores
    pictures."""
    weight_decay: float = 1e-4
    """AdamW's, on weights with two or more dimensions."""
    warmup: int = 200
    """Steps over which the learning rate rises from 0; never more than a tenth of all steps."""
    clip: float = 1.0
    """Largest norm of the gradient of all parameters together; 0 does not clip."""
    ema: float = 0.999
    """Memory of the averaged weights, which are the ones that are judged and kept; 0 averages nothing. Early on
    the memory is shorter: (1 + step) / (10 + step)."""
    evaluations: int = 20
    """How often the held-out loss is taken at most, evenly over the run."""
    patience: int = 0
    """Stop after this many evaluations without a better held-out loss; 0 never stops early."""
    precision: str = "auto"
    """"32-true", "64-true", "bf16-mixed", or "auto": bf16 where the processor has it and the net gains by it."""
    micro_batch: int | None = None
    """Examples that go through the net at once; gradients add up to the whole batch. None is the whole batch."""
    checkpoint_minutes: float = 1.0
    """Least time between two checkpoints: one is written at the next landmark, a hundredth of the run apart."""
    seed: int = 0
    """Everything random follows from it."""
    device: str = "auto"
    """"auto", "cpu", "cuda", "mps"."""
    devices: int = 1
    """Processes that share each batch, which is made a multiple of them: one for each GPU. `narrows fit` starts them;
    a script of your own is started by `torchrun`."""

    def __post_init__(self) -> None:
        refuse_other_types(self)
        budgets = [name for name in ("minutes", "epochs", "steps") if getattr(self, name) is not None]
        if len(budgets) != 1:
            came = " and ".join(f"--{name}" for name in budgets) or "no budget"
            raise BadOption(f"{came} came; a run has exactly one budget: --minutes 5, --epochs 20 or --steps 2000")
        for name in (*budgets, "batch_size", "learning_rate", "evaluations", "devices", "checkpoint_minutes"):
            value = getattr(self, name)
            if value is not None and not (math.isfinite(value) and value > 0):
                raise BadOption(f"{name}={getattr(self, name)}; it takes a number above 0")
        for name in ("weight_decay", "warmup", "clip", "patience"):
            if not getattr(self, name) >= 0:
                raise BadOption(f"{name}={getattr(self, name)}; it takes 0 or more")
        if not 0 <= self.ema < 1:
            raise BadOption(f"ema={self.ema}; it takes a number from 0 to below 1, such as 0.999")
        if self.micro_batch is not None and self.micro_batch < 1:
            raise BadOption(f"micro_batch={self.micro_batch}; it takes 1 or more, or nothing for the whole batch")
        if self.device not in DEVICES:
            raise BadOption(f"device={self.device!r}; it takes {', '.join(DEVICES)}")
        if self.precision not in ("auto", "32-true", "64-true", "bf16-mixed"):
            raise BadOption(f"precision={self.precision!r}; it takes auto, 32-true, 64-true or bf16-mixed")

    @property
    def rate(self) -> float:
        """The highest learning rate."""
        return self.learning_rate or USUAL_RATE

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)
