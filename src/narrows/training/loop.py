"""The one training loop, on Lightning Fabric: fused AdamW, warm-up and cosine, averaged weights, no run ever lost.

Two promises shape it. *Resuming is exact*: whatever moment the process is killed at, going on gives the same bits as
never having been killed; so the number of steps and the places of checkpoints and evaluations are fixed before step
1, and randomness has no state (`seeds`). *One loop serves all*: what is trained is a `Trainable`, what it learns from
comes through `make_batch`, and neither is known here.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from narrows import _device
from narrows._contract import Batch, DataFacts, Step, Trainable
from narrows._errors import RunStopped, TrainingFailed
from narrows.training._averaging import Average
from narrows.training._budget import Plan, plan_steps
from narrows.training._optimizers import Optimizers, learning_rate_at
from narrows.training._stopping import listen_for_stop
from narrows.training.config import TrainingConfig
from narrows.training.runs import Run
from narrows.training.seeds import generator

_MOST_ROLLBACKS = 8
"""Each halves the steps: after eight they are 1/256 of what was asked, and something else is wrong."""
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")


class Supply(NamedTuple):
    """Where batches come from: `make(indices, step)` gives one, for `count` examples."""

    count: int
    make: Callable[[Tensor, Step], Batch]


@dataclass
class History:
    """What happened, in numbers and in words; travels in checkpoints and ends in the report."""

    training: list[tuple[int, float]] = field(default_factory=list)
    """(step, mean training loss since the last evaluation)"""
    held_out: list[tuple[int, float]] = field(default_factory=list)
    """(step, validation loss of the averaged weights)"""
    parts: list[tuple[int, dict[str, float]]] = field(default_factory=list)
    """(step, every named loss)"""
    remarks: list[str] = field(default_factory=list)
    """Rollbacks, smaller micro-batches, an early stop."""
    seconds: float = 0.0
    """Training clock, evaluations included, summed over resumed parts."""


class Outcome(NamedTuple):
    """What training gave, beside the module itself, which now holds the best averaged weights."""

    plan: Plan
    history: History
    best_step: int


def train(
    module: Trainable,
    supply: Supply,
    validation: Supply | None,
    config: TrainingConfig,
    *,
    facts: Callable[[], DataFacts] | None = None,
    run: Run | None = None,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> Outcome:
    """Train `module` in place, leaving the best averaged weights in it.

    With a `run` that holds checkpoints, goes on from the furthest. Raises RunStopped after Ctrl-C or SIGTERM, with
    everything saved; TrainingFailed when the loss stays not-a-number or memory does not suffice for one example.
    """
    if not module.turns:
        module.start(facts() if facts else _no_facts(module))
        return Outcome(Plan(0, 1, 1), History(), 0)
    return _Training(module, supply, validation, config, facts, run, progress).go()


class _Training:
    """The state of one run in memory, and the steps that change it."""

    def __init__(
        self,
        module: Trainable,
        supply: Supply,
        validation: Supply | None,
        config: TrainingConfig,
        facts: Callable[[], DataFacts] | None,
        run: Run | None,
        progress: Callable[[dict[str, Any]], None] | None,
    ) -> None:
        self.module, self.supply, self.validation, self.config = module, supply, validation, config
        self.facts, self.run, self.progress = facts, run, progress
        self.history = History()
        self.step = 0
        self.rate_scale = 1.0
        self.micro = config.micro_batch or config.batch_size
        self.best: dict[str, Tensor] | None = None
        self.best_score, self.best_step, self.rollbacks = math.inf, 0, 0
        self._sums: dict[str, float] = {}
        self._order: tuple[int, Tensor] | None = None

    def go(self) -> Outcome:
        resumed = self.run.load() if self.run else None
        if resumed is None and self.facts is not None:
            self.module.start(self.facts())
        self._set_up()
        self.plan = self._plan()
        if resumed is None:
            self._keep_good()
        else:
            self._restore(*resumed)
            planned = self.run.load(planned=True) if self.run else None
            self.good = planned if planned is not None else resumed
            self._say("resumed", step=self.step)
        self._tell("begin", total=self.plan.total)
        with listen_for_stop() as stopped:
            while self.step < self.plan.total:
                if stopped():
                    self._stop(stopped())
                began = time.perf_counter()
                fine = self._one_step()
                if fine and self._evaluation_is_due():
                    fine = not self._evaluate()
                    if fine and self._patience_is_over():
                        self.history.seconds += time.perf_counter() - began
                        break
                if not fine:
                    self._roll_back()
                elif self.step % self.plan.checkpoint_every == 0 and self.step < self.plan.total:
                    self._keep_good()
                self.history.seconds += time.perf_counter() - began
        self._finish()
        return Outcome(self.plan, self.history, self.best_step)

    def _set_up(self) -> None:
        from lightning_fabric import Fabric  # costs more than torch itself

        config = self.config
        device = _device.choose(config.device)
        precision = config.precision
        convolutional = any(isinstance(m, nn.Conv2d) for m in self.module.modules())
        if precision == "auto":
            wide = next(self.module.parameters()).dtype == torch.float64
            half = _device.half_precision(device) if convolutional else None
            precision = "64-true" if wide else half or "32-true"
        self.precision = precision
        mixed = precision == "bf16-mixed"
        if mixed:
            from narrows.training._precision import KeepInputs
        self.fabric = Fabric(
            accelerator=device,
            devices=config.devices,
            strategy="ddp" if config.devices > 1 else "auto",
            precision=None if mixed else precision,  # type: ignore[arg-type]
            plugins=KeepInputs("bf16-mixed", device) if mixed else None,
        )
        if config.devices > 1 and self.fabric.world_size == 1:
            self.fabric.launch()
        if convolutional:
            self.module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.channels_last = convolutional
        self.optimizers = Optimizers(self.module, config, fused=device in ("cpu", "cuda"))
        self.wrapped, *ready = self.fabric.setup(self.module, *self.optimizers.each.values())
        self.optimizers.replace(ready)
        self.average = Average(self.module, config.ema)

    def _plan(self) -> Plan:
        """The number of steps: as stored when this is a run that has begun, else measured now and stored."""
        stored = self.run.plan if self.run else None
        if stored is not None and "total" in stored:
            return Plan(stored["total"], stored["checkpoint_every"], stored["evaluate_every"])
        plan = plan_steps(self.config, self.supply.count, self._time_steps)
        if self.run:
            self.run.begin({**(stored or {}), **plan._asdict(), "config": self.config.as_dict()})
        return plan

    def _time_steps(self, seconds: float) -> tuple[float, float]:
        """Seconds of one step and of one evaluation, measured on state that is put back afterwards."""
        before, facts = self._state()
        kept = {name: tensor.clone() for name, tensor in before.items()}
        self.plan = Plan(1 << 30, 1 << 30, 1 << 30)
        times, began = [], time.perf_counter()
        while len(times) < 8 or (time.perf_counter() - began < seconds and len(times) < 200):
            at = time.perf_counter()
            self._one_step()
            times.append(time.perf_counter() - at)
        at = time.perf_counter()
        self._score()
        evaluation = time.perf_counter() - at
        self._restore(kept, facts)
        self._sums.clear()
        steady = sorted(times[3:])  # the first steps set up memory and kernels
        return sum(steady) / len(steady), evaluation

    def _one_step(self) -> bool:
        """One optimizer step for every turn. False when a loss or a gradient was not a number."""
        config, rank, world = self.config, self.fabric.global_rank, self.fabric.world_size
        indices = self._indices(self.step)
        indices = indices[rank::world] if world > 1 else indices
        step = self._step_facts("example", rank)
        batch = self._to_device(self.supply.make(indices, step))
        rate = self.rate_scale * learning_rate_at(self.step, self.plan.total, config)
        for number, turn in enumerate(self.module.turns):
            while True:
                try:
                    named = self._gradients(batch, turn, number)
                    break
                except RuntimeError as error:
                    self._halve_micro_batch(error, len(indices))
            if not math.isfinite(named["loss"]) or not self.optimizers.step(turn, rate, config.clip):
                return False
            for name, value in named.items():
                key = name if turn == "main" else f"{turn}.{name}"
                self._sums[key] = self._sums.get(key, 0.0) + value
        self._sums[""] = self._sums.get("", 0.0) + 1
        self.step += 1
        self.average.update(self.step)
        return True

    def _gradients(self, batch: Batch, turn: str, number: int) -> dict[str, float]:
        """Gradients of one turn's loss over the whole batch, in micro-batches. Clears *all* gradients first."""
        self.module.zero_grad(set_to_none=True)  # or a critic would step on the autoencoder's gradients
        total, named = len(batch.x), {}
        for piece, start in enumerate(range(0, total, self.micro)):
            rows = slice(start, start + self.micro)
            part = Batch(batch.x[rows], batch.target[rows], None if batch.weight is None else batch.weight[rows])
            step = self._step_facts("loss", self.fabric.global_rank, number, piece)
            losses = self.wrapped(part, turn, step)
            share = len(part.x) / total
            self.fabric.backward(losses["loss"] * share if share != 1 else losses["loss"])
            for name, value in losses.items():
                named[name] = named.get(name, 0.0) + float(value.detach()) * share
        return named

    def _step_facts(self, purpose: str, *where: int) -> Step:
        device = self.fabric.device
        random = generator(self.config.seed, purpose, self.step, *where, device=device if purpose == "loss" else "cpu")
        return Step(self.step, self.plan.total, self.supply.count, random, self.restore)

    def restore(self, x: Tensor) -> Tensor:
        """The module's `restore`, for tasks that learn without clean pictures; no gradient."""
        with torch.no_grad(), self.fabric.autocast():
            return self.module.restore(x)  # type: ignore[operator]

    def _indices(self, step: int) -> Tensor:
        """Which examples step number `step` learns from: a permutation a pass, wrapped around the edges."""
        size, count = self.config.batch_size, self.supply.count
        wanted, parts = size, []
        position = step * size
        while wanted > 0:
            epoch, offset = divmod(position, count)
            if self._order is None or self._order[0] != epoch:
                shuffled = torch.randperm(count, generator=generator(self.config.seed, "order", epoch))
                self._order = (epoch, shuffled)
            part = self._order[1][offset : offset + wanted]
            parts.append(part)
            wanted -= len(part)
            position += len(part)
        return parts[0] if len(parts) == 1 else torch.cat(parts)

    def _to_device(self, batch: Batch) -> Batch:
        def move(tensor: Tensor | None) -> Tensor | None:
            if tensor is None:
                return None
            tensor = tensor.to(self.fabric.device)
            if self.channels_last and tensor.dim() == 4:
                return tensor.contiguous(memory_format=torch.channels_last)
            return tensor

        x, target = move(batch.x), move(batch.target)
        assert x is not None and target is not None  # only the weight may be missing
        return Batch(x, target, move(batch.weight))

    def _halve_micro_batch(self, error: RuntimeError, count: int) -> None:
        """After running out of memory: half the micro-batch, same whole batch. Other errors go on."""
        memory = isinstance(error, torch.OutOfMemoryError) or any(w in str(error).lower() for w in _OUT_OF_MEMORY)
        if not memory:
            raise error
        before = min(self.micro, count)
        if before <= 1:
            raise TrainingFailed(
                "memory does not suffice for one example; take a smaller net (--n-nodes) or smaller pictures"
            ) from error
        self.module.zero_grad(set_to_none=True)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        self.micro = math.ceil(before / 2)
        self._say(
            "smaller micro-batch", step=self.step, micro=self.micro,
            remark=f"step {self.step}: memory ran out at {before} examples at once; went on with {self.micro}, "
            f"the effective batch stays {self.config.batch_size}",
        )  # fmt: skip

    # Evaluation, early stopping, rollback

    def _evaluation_is_due(self) -> bool:
        return self.step % self.plan.evaluate_every == 0 or self.step == self.plan.total

    def _evaluate(self) -> bool:
        """Score the averaged weights; note curves; keep the best. True when the score is not a number."""
        count = self._sums.pop("", 1.0)
        means = {name: value / count for name, value in self._sums.items()}
        self._sums.clear()
        score = self._score()
        if score is not None and not math.isfinite(score):
            return True
        self.history.training.append((self.step, means["loss"]))
        self.history.parts.append((self.step, means))
        if score is not None:
            self.history.held_out.append((self.step, score))
        if score is None or score < self.best_score:
            self.best_score, self.best_step = score if score is not None else math.inf, self.step
            self.best = self.average.state()
        self._tell("evaluated", **means, held_out=score)
        return False

    def _score(self) -> float | None:
        """Mean validation loss of the averaged weights, with the same random numbers every time."""
        if self.validation is None:
            return None
        total, count, size = 0.0, self.validation.count, self.config.batch_size
        was_training = self.module.training
        self.module.eval()
        # no_grad, not inference_mode: contractive losses take a gradient inside.
        with torch.no_grad(), self.average.applied():
            for start in range(0, count, size):
                indices = torch.arange(start, min(start + size, count))
                seeds = [generator(self.config.seed, f"held out {what}", start) for what in ("example", "loss")]
                here = Step(self.step, self.plan.total, self.supply.count, seeds[0], self.restore)
                batch = self._to_device(self.validation.make(indices, here))
                for first in range(0, len(indices), self.micro):
                    rows = slice(first, first + self.micro)
                    part = Batch(*(None if field is None else field[rows] for field in batch))  # type: ignore[arg-type]
                    loss = self.wrapped(part, "main", here._replace(generator=seeds[1]))["loss"]
                    total += float(loss) * len(part.x)
        self.module.train(was_training)
        return total / count

    def _patience_is_over(self) -> bool:
        waited = (self.step - self.best_step) // self.plan.evaluate_every
        if not self.config.patience or waited < self.config.patience or self.step == self.plan.total:
            return False
        self._say(
            "early stop", step=self.step,
            remark=f"step {self.step} of {self.plan.total}: stopped early, the held-out loss was best at step "
            f"{self.best_step}",
        )  # fmt: skip
        return True

    def _roll_back(self) -> None:
        """Back to the last good state with half the learning rate."""
        self.rollbacks += 1
        failed, rollbacks, scale, remarks = self.step, self.rollbacks, self.rate_scale / 2, self.history.remarks
        if rollbacks > _MOST_ROLLBACKS:
            raise TrainingFailed(
                f"the loss was not a number {rollbacks} times, even with steps of {scale:.1g} of what was asked; "
                f"look for extreme values in the data, or try --loss l1 or a lower --learning-rate"
            )
        self._restore(*self.good)
        self.rollbacks, self.rate_scale, self.history.remarks = rollbacks, scale, remarks
        self._say(
            "rolled back", step=self.step, failed=failed,
            remark=f"step {failed}: the loss was not a number; went back to step {self.step} and on with learning "
            f"rate {self.config.learning_rate * scale:.2g}",
        )  # fmt: skip
        self._keep_good()

    # State

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        tensors = {f"module.{name}": tensor for name, tensor in self.module.state_dict().items()}
        tensors |= {f"average.{name}": tensor for name, tensor in self.average.tensors().items()}
        tensors |= {f"optimizer.{name}": tensor for name, tensor in self.optimizers.tensors().items()}
        tensors |= {f"best.{name}": tensor for name, tensor in (self.best or {}).items()}
        facts = {
            "step": self.step, "rate_scale": self.rate_scale, "micro": self.micro, "best_score": self.best_score,
            "best_step": self.best_step, "rollbacks": self.rollbacks, "sums": dict(self._sums),
            "history": {name: list(value) if isinstance(value, list) else value
                        for name, value in vars(self.history).items()},
        }  # fmt: skip
        return tensors, facts

    def _restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        groups: dict[str, dict[str, Tensor]] = {"module": {}, "average": {}, "optimizer": {}, "best": {}}
        for name, tensor in tensors.items():
            group, _, rest = name.partition(".")
            groups[group][rest] = tensor
        self.module.load_state_dict(groups["module"])
        self.average.load(groups["average"])
        self.optimizers.load(groups["optimizer"])
        self.best = {name: tensor.clone() for name, tensor in groups["best"].items()} or None
        for name in ("step", "rate_scale", "micro", "best_score", "best_step", "rollbacks"):
            setattr(self, name, facts[name])
        self._sums = dict(facts["sums"])
        kept: dict[str, Any] = {name: list(v) if isinstance(v, list) else v for name, v in facts["history"].items()}
        self.history = History(**kept)

    def _keep_good(self) -> None:
        """Remember this state for rollbacks, and on the disk."""
        tensors, facts = self._state()
        self.good = ({name: tensor.clone() for name, tensor in tensors.items()}, facts)
        if self.run and self.fabric.is_global_zero:
            self.run.save(*self.good)

    def _stop(self, signal_number: int) -> None:
        if self.run is None:
            raise KeyboardInterrupt
        if self.fabric.is_global_zero:
            self.run.save(*self._state(), stop=True)
        self._tell("stopped")
        raise RunStopped(
            f"stopped at step {self.step} of {self.plan.total}; everything is saved in {self.run.folder}", signal_number
        )

    def _finish(self) -> None:
        if self.best is not None:
            self.module.load_state_dict(self.best)
        self.module.zero_grad(set_to_none=True)
        self.module.eval()
        self.module.to(device="cpu")
        self._tell("finished", best_step=self.best_step)

    def _say(self, event: str, *, remark: str | None = None, **more: Any) -> None:
        if remark:
            self.history.remarks.append(remark)
        self._tell(event, **more, **({"remark": remark} if remark else {}))

    def _tell(self, event: str, **more: Any) -> None:
        told = {"event": event, "step": self.step, "total": self.plan.total, "seconds": self.history.seconds, **more}
        if self.run and self.fabric.is_global_zero:
            self.run.log(told)
        if self.progress:
            self.progress(told)


def _no_facts(module: Trainable) -> DataFacts:
    raise TrainingFailed(f"{type(module).__name__} is fitted in closed form, and no data came")
