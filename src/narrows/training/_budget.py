"""Minutes to a number of steps, a batch and threads, with the places of landmarks and evaluations: all fixed before
step 1."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import NamedTuple

from narrows.training._optimizers import learning_rate_at
from narrows.training._stepping import Stepper, Supply
from narrows.training.config import USUAL_BATCH, TrainingConfig

_MEASURE_SHARE, _MOST_SHARE = 0.02, 0.04
"""Of the budget, spent on one measurement; 5 seconds at most, and at least 1 where that is not more than the latter."""
_LANDMARK_SHARE = 0.01
"""Of the run, from one landmark to the next; between 20 and 500 steps."""
_WARMING = 3
"""First steps that a measurement leaves out: they set up memory and kernels."""
_BATCHES_A_PASS, _FEW_BATCH = 10, 16
"""A pass over few examples still has so many steps, of no fewer examples than this for that reason alone."""
_ENOUGH_STEPS, _LEAST_BATCH = 400, 8
"""A run with fewer steps than this learns more from smaller batches in the same time: 260 faces of 64x64 pixels,
`conv`, held-out error after seeing 1,800 by 128, 32, 16 and 8 at once: 0.0175, 0.0171, 0.0166, 0.0148; after 9,600:
0.0129, 0.0110, 0.0112, 0.0116."""
_MANY_STEPS, _SMALL_BATCH, _PAYS = 5_000, 32, 0.65
"""So does a longer run, if less, where a step of half a batch takes at most this share of the time, as in convolutions
on a processor: twice the steps then see as many examples. Digits, `conv`, held-out error in the same time by batches of
128, 64 and 32: 0.00549, 0.00462 and 0.00404 after 1,500, 3,000 and 6,000 steps without a linear map, 0.00679 and
0.00552 (128 and 32) after a minute with one. Where a large layer is read whole for every step it does not pay: `mlp`, a
minute, 0.00453 and 0.00601 (docs/log.md, 2026-11-28)."""
_FASTER = 0.9
"""Half of the threads are taken where a step takes less than this share of its time with all. Threads wait for each
other, so on a processor that others use too the last one sets the pace: beside two trainings on two cores, a net of
4096-512-512-512-4096 made 31 steps a second on one thread and 8 on two."""
_NO_END = 1 << 30
"""Steps of a run whose length is not known yet."""


class Plan(NamedTuple):
    """How long a run is and where it may save and has to score."""

    total: int
    checkpoint_every: int
    """Steps from one landmark to the next: the states that a rollback goes back to, and that are saved when it is
    time. They are named in steps, never in seconds, so that two runs with the same settings have the same ones."""
    evaluate_every: int
    batch_size: int
    threads: int | None = None
    """Of the processor; None: as many as torch has, for nothing was measured."""


def usual_batch(config: TrainingConfig, examples: int) -> int:
    """Examples a step: as asked for, else 128, and fewer where a pass would have less than ten steps; never more than
    there are."""
    few = max(_FEW_BATCH, examples // _BATCHES_A_PASS)
    return _shared(min(examples, config.batch_size or min(USUAL_BATCH, few)), config)


def _shared(batch: int, config: TrainingConfig) -> int:
    """So that each process takes as many; where examples are fewer, one is taken twice."""
    return math.ceil(batch / config.devices) * config.devices


Measure = Callable[[float, int, int | None], tuple[float, float]]
"""For so many seconds, with this batch and so many threads (None: all) -> seconds of one step and of one evaluation."""


def plan_steps(config: TrainingConfig, examples: int, measure: Measure, threads: int | None = None) -> Plan:
    """`measure` is asked only for a budget in minutes, which takes `threads` at most (None: as many as there are).
    Where the budget makes few steps of the usual batch, smaller ones are taken, unless a size was asked for; minutes
    also where they make no great many and smaller batches cost no more.
    """
    batch = usual_batch(config, examples)
    clock = _Clock(60 * config.minutes, config.evaluations, measure, threads) if config.minutes is not None else None

    def steps(batch: int) -> int:
        return clock.steps(batch) if clock else max(1, math.ceil((config.epochs or 0) * examples / batch))

    total = config.steps or steps(batch)
    if config.batch_size is None and config.steps is None and total < _ENOUGH_STEPS and batch > _LEAST_BATCH:
        batch = _shared(max(_LEAST_BATCH, math.ceil(batch * total / _ENOUGH_STEPS)), config)
        total = steps(batch)
    if clock and config.batch_size is None:
        while (
            clock.total < _MANY_STEPS and batch >= 2 * _SMALL_BATCH and clock.pays(half := _shared(batch // 2, config))
        ):
            batch = half
        total = clock.total
    landmarks = min(500, max(20, math.ceil(_LANDMARK_SHARE * total)))
    return Plan(total, landmarks, math.ceil(total / config.evaluations), batch, clock.threads if clock else None)


class _Clock:
    """A budget in seconds: measuring and scoring take from it, and what is left is steps. `threads` is how many are
    taken: as many as were given, or half of them, or half of those, as long as that is faster."""

    def __init__(self, seconds: float, evaluations: int, measure: Measure, threads: int | None) -> None:
        self.seconds, self.evaluations, self.measure, self.threads = seconds, evaluations, measure, threads
        self.probe = min(5.0, max(_MEASURE_SHARE * seconds, min(1.0, _MOST_SHARE * seconds)))
        self.tries, self.step, self.evaluation = 0, math.inf, 0.0

    @property
    def total(self) -> int:
        """Steps that are left, as the last measurement has it."""
        left = self.seconds - self.tries * self.probe - self.evaluation * (self.evaluations + 1)
        # Evaluations never take more than half of the time: at least as many seconds are left for steps.
        return max(1, int(max(left, 0.5 * self.seconds) / self.step))

    def steps(self, batch: int) -> int:
        """Of so many examples; the first time, the threads are chosen."""
        choose = self.tries == 0
        self.step, self.evaluation = self._look(batch, self.threads)
        while choose and self.threads and self.threads > 1:
            fewer = self._look(batch, self.threads // 2)
            if fewer[0] > _FASTER * self.step:
                break
            self.threads, (self.step, self.evaluation) = self.threads // 2, fewer
        return self.total

    def pays(self, half: int) -> bool:
        """Whether a step of half as many examples is short enough; else what was measured before still holds."""
        before = self.step, self.evaluation
        self.steps(half)
        if self.step <= _PAYS * before[0]:
            return True
        self.step, self.evaluation = before
        return False

    def _look(self, batch: int, threads: int | None) -> tuple[float, float]:
        self.tries += 1
        return self.measure(self.probe, batch, threads)


def time_steps(stepper: Stepper, validation: Supply | None, seconds: float) -> tuple[float, float]:
    """Seconds of one step and of one evaluation, measured for so long on state that is put back afterwards; the mean of
    all processes, which take as many steps."""
    kept = {name: tensor.clone() for name, tensor in stepper.tensors().items()}
    micro, smaller = stepper.micro, stepper.smaller
    stepper.smaller = lambda before, now: None  # said when it happens in the run itself
    times, began = [], time.perf_counter()
    while len(times) < 2 or not stepper.all_agree(time.perf_counter() - began >= seconds):
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
    return stepper.mean(sum(steady) / len(steady)), stepper.mean(evaluation)
