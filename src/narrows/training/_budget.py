"""Minutes to a fixed number of steps, with the places of landmarks and evaluations: all fixed before step 1."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from narrows.training._optimizers import learning_rate_at
from narrows.training._stepping import Stepper, Supply
from narrows.training.config import TrainingConfig

_MEASURE_SHARE = 0.02
"""Of the budget, spent on the measurement; between 1 and 5 seconds."""
_LANDMARK_SHARE = 0.01
"""Of the run, from one landmark to the next; between 20 and 500 steps."""
_WARMING = 3
"""First steps that a measurement leaves out: they set up memory and kernels."""
_NO_END = 1 << 30
"""Steps of a run whose length is not known yet."""


class Plan(NamedTuple):
    """How long a run is and where it may save and has to score."""

    total: int
    checkpoint_every: int
    """Steps from one landmark to the next: the states that a rollback goes back to, and that are saved when it is
    time. They are named in steps, never in seconds, so that two runs with the same settings have the same ones."""
    evaluate_every: int


def plan_steps(config: TrainingConfig, examples: int, measure: Callable[[float], tuple[float, float]]) -> Plan:
    """`measure(seconds)` gives the seconds of one step and of one evaluation; asked only for a budget in minutes."""
    if config.minutes is not None:
        seconds = 60 * config.minutes
        probe = min(5.0, max(1.0, _MEASURE_SHARE * seconds))
        step, evaluation = measure(probe)
        left = seconds - probe - evaluation * config.evaluations
        # Evaluations never take more than half of the time: at least as many seconds are left for steps.
        total = max(1, int(max(left, 0.5 * seconds) / step))
    else:
        total = config.steps or max(1, math.ceil((config.epochs or 0) * examples / config.batch))
    landmarks = min(500, max(20, math.ceil(_LANDMARK_SHARE * total)))
    return Plan(total, landmarks, math.ceil(total / config.evaluations))


def time_steps(stepper: Stepper, validation: Supply | None, seconds: float) -> tuple[float, float]:
    """Seconds of one step and of one evaluation, measured for so long on state that is put back afterwards."""
    kept = {name: tensor.clone() for name, tensor in stepper.tensors().items()}
    micro, smaller = stepper.micro, stepper.smaller
    stepper.smaller = lambda before, now: None  # said when it happens in the run itself
    times, began = [], time.perf_counter()
    while len(times) < 2 or time.perf_counter() - began < seconds:
        at = time.perf_counter()
        stepper.take(len(times), _NO_END, learning_rate_at(len(times), _NO_END, stepper.config))
        times.append(time.perf_counter() - at)
    at = time.perf_counter()
    if validation is not None:
        stepper.score(validation, 0, _NO_END)
    evaluation = time.perf_counter() - at
    stepper.load(kept)
    stepper.micro, stepper.smaller = micro, smaller
    steady = times[_WARMING:] or times[-1:]
    return sum(steady) / len(steady), evaluation
