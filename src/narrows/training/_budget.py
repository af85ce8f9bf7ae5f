"""Minutes to a fixed number of steps, with the places of landmarks and evaluations: all fixed before step 1."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from narrows.training.config import TrainingConfig

_MEASURE_SHARE = 0.02
"""Of the budget, spent on the measurement; between 1 and 5 seconds."""
_LANDMARK_SHARE = 0.01
"""Of the run, from one landmark to the next; between 20 and 500 steps."""


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
        total = config.steps or max(1, math.ceil((config.epochs or 0) * examples / config.batch_size))
    landmarks = min(500, max(20, math.ceil(_LANDMARK_SHARE * total)))
    return Plan(total, landmarks, math.ceil(total / config.evaluations))
