"""The one training loop, on Lightning Fabric: fused AdamW, warm-up and cosine, averaged weights, no run ever lost.

Two promises shape it. *Resuming is exact*: whatever moment the process is killed at, going on gives the same bits as
never having been killed. So the number of steps and the places of landmarks and evaluations are fixed before step 1,
and randomness has no state (`seeds`). *One loop serves all*: what is trained is a `Trainable`, what it learns from
comes through `Supply`, and neither is known here.

Landmarks keep time out of the bits. A rollback goes back to the last landmark, so that is part of the result, and it
lies at a fixed step. Every landmark is remembered in memory; the clock says only which of them are also written.
Going on from any of them passes the same later ones.

Longer than most files: all that a run is, and everything that changes it between two steps, is seen at once here.
"""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any, NamedTuple, NoReturn

import torch
from torch import Tensor

from narrows import _device
from narrows._contract import DataFacts, Trainable
from narrows._errors import BadRun, RunStopped, TrainingFailed
from narrows.training._budget import Plan, plan_steps, time_steps, usual_batch
from narrows.training._history import History
from narrows.training._optimizers import learning_rate_at
from narrows.training._stepping import Stepper, Supply
from narrows.training._stopping import listen_for_stop
from narrows.training.config import TrainingConfig
from narrows.training.runs import Run
from narrows.training.watch import said, watch

_MOST_ROLLBACKS = 8
"""Each halves the steps: after eight they are 1/256 of what was asked, and something else is wrong."""
_FIRST, _JUMP, _LEAST_FIRST = 10, 1e4, 1e-6
"""Steps whose mean loss is what training begins at; times that, and times no less than this, is a loss that jumped: a
denoiser at twice its learning rate went from 0.002 to 1e8, came back, and stayed 3 dB worse (docs/log.md)."""
_TICK_SECONDS = 0.2
"""Least time between two "step" events."""
_SLOW = (
    "bf16-mixed was asked for and this device has no bf16 instructions: steps take many times as long; --precision "
    "auto is faster"
)


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
    """Train `module` in place, leaving the best averaged weights in it, in evaluation mode, on the CPU.

    With a `run` that holds checkpoints, goes on from the furthest. `facts` are what the module's `start` is told;
    None leaves its values as they are. Raises RunStopped after Ctrl-C or SIGTERM, with everything saved (without a
    run: KeyboardInterrupt, SystemExit); TrainingFailed when the loss stays not-a-number or memory does not suffice
    for one example; BadRun when the run is another module's; CannotWrite.
    """
    if not module.turns:
        module.start(facts() if facts else _no_facts(module))
        module.eval()
        return Outcome(Plan(0, 1, 1, usual_batch(config, supply.count)), History(), 0)
    return _Training(module, supply, validation, config, facts, run, progress).go()


class _Training:
    """The state of one run in memory, and what happens between its steps."""

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
        self.step, self.rate_scale, self.rollbacks, self.finished = 0, 1.0, 0, False
        self.best: dict[str, Tensor] | None = None
        self.best_score, self.best_step = math.inf, 0
        self.sums: dict[str, float] = {}
        self.first, self.jumped, self.wrong = 0.0, -1, ""
        self._ticked = 0.0

    def go(self) -> Outcome:
        resumed = self.run.load() if self.run else None
        stored = self.run.plan if self.run else None
        if resumed is None and self.facts is not None:
            self.module.start(self.facts())
        usual = usual_batch(self.config, self.supply.count)
        self.dtype = next(self.module.parameters()).dtype
        self.stepper = Stepper(self.module, self.supply, self.config, usual, self._say_smaller)
        self.stepper.all_agree(True)  # every process has read the run, and only now may it be written
        self.plan = self._plan(stored)
        self.stepper.resize(self.plan.batch_size)
        with _device.threads(self.plan.threads):
            return self._go(resumed)

    def _go(self, resumed: tuple[dict[str, Tensor], dict[str, Any]] | None) -> Outcome:
        if resumed is None:
            self._begin()
        else:
            self._resume(*resumed)
        with listen_for_stop() as stopped:
            while self.step < self.plan.total and not self.finished:
                if number := self.stepper.most(stopped()):
                    self._save_where_it_stopped()
                    self._raise_stopped(number)
                began = time.perf_counter()
                fine = self._one_step()
                self._tick(began)
                if fine and self._evaluation_is_due():
                    fine = self._evaluate()
                    self.finished = fine and self._patience_is_over()
                if not fine:
                    self._roll_back()
                elif self.step % self.plan.checkpoint_every == 0 and self.step < self.plan.total:
                    self._pass_landmark()
                self.history.seconds += time.perf_counter() - began
            self._write_end()
            if number := self.stepper.most(stopped()):
                self._raise_stopped(number)
        self._finish()
        return Outcome(self.plan, self.history, self.best_step)

    # Beginning

    def _plan(self, stored: dict[str, Any] | None) -> Plan:
        """Steps, batch and threads: as stored where the run has begun, else measured now and stored."""
        if self.run and stored is not None and "total" in stored:
            if not stored.keys() >= set(Plan._fields):
                raise BadRun(
                    f"{self.run.folder} was begun by an older narrows; begin anew with --force, or take another --out"
                )
            return Plan(**{name: stored[name] for name in Plan._fields})

        def measure(seconds: float, batch_size: int, threads: int | None) -> tuple[float, float]:
            self.stepper.resize(batch_size)
            with _device.threads(threads):
                return time_steps(self.stepper, self.validation, seconds)

        threads = torch.get_num_threads() if self.stepper.fabric.device.type == "cpu" else None
        config = self.config
        if config.minutes is not None:
            config = replace(config, minutes=self.stepper.mean(config.minutes))  # a twin's are as each process took
        plan = plan_steps(config, self.supply.count, measure, threads)
        if self.run:
            self.run.begin({**(stored or {}), **plan._asdict(), "config": self.config.as_dict()})
        return plan

    def _begin(self) -> None:
        self._score_the_start()
        self._remember()
        self._write_landmark()
        slow = self.config.precision == "bf16-mixed" and not _device.half_precision(self.stepper.fabric.device.type)
        self._say("begin", remark=_SLOW if slow else None)

    def _score_the_start(self) -> None:
        """Nets may begin at PCA or with another model's weights: nothing worse than that is ever kept."""
        if self.validation is None:
            return
        score = self.stepper.score(self.validation, 0, self.plan.total)
        if math.isfinite(score):
            self.history.held_out.append((0, score))
            self.best_score, self.best = score, self.stepper.average.state()

    def _resume(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        """Go on from a checkpoint; where Ctrl-C left it, rollbacks still go to the landmark before."""
        try:
            self._restore(tensors, facts)
        except (KeyError, ValueError, RuntimeError) as error:
            assert self.run is not None  # who else gave a checkpoint?
            raise BadRun(
                f"{self.run.folder} is the run of another model; begin anew with --force, or take another --out"
            ) from error
        landmark = self.run.load(planned=True) if self.run else None
        self.landmark = landmark if landmark is not None else (tensors, facts)
        self.written = self.landmark[1]["rollbacks"], self.landmark[1]["step"]
        self.written_at = time.monotonic()
        self._say("resumed")
        self._tell("begin")

    # One step after the other

    def _one_step(self) -> bool:
        """One optimizer step for every turn. False when a loss or a gradient was not a number, or the loss jumped."""
        rate = self.rate_scale * learning_rate_at(self.step, self.plan.total, self.config)
        named = self.stepper.take(self.step, self.plan.total, rate)
        if named is None:
            self.wrong = "was not a number"
            return False
        if self._jumps(self.stepper.mean(named["loss"])):
            return False
        for name, value in named.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.sums[""] = self.sums.get("", 0.0) + 1
        self.step += 1
        return True

    def _jumps(self, loss: float) -> bool:
        """Whether training has gone off. Where the same batch jumps again, with half the steps, it is the data that are
        far out, and no jump counts any more."""
        if self.step < _FIRST:
            self.first += abs(loss) / _FIRST
        elif loss > _JUMP * max(self.first, _LEAST_FIRST):
            if self.step == self.jumped:
                self.first = math.inf
                return False
            self.wrong, self.jumped = f"jumped from {self.first:.2g} to {loss:.2g}", self.step
            return True
        return False

    def _evaluation_is_due(self) -> bool:
        return self.step % self.plan.evaluate_every == 0 or self.step == self.plan.total

    def _evaluate(self) -> bool:
        """Score the averaged weights; note curves; keep the best. False when the score is not a number."""
        score = None
        if self.validation is not None:
            score = self.stepper.score(self.validation, self.step, self.plan.total)
            if not math.isfinite(score):
                self.wrong = "was not a number"
                return False
        count = self.sums.pop("")
        means = {name: value / count for name, value in self.sums.items()}
        self.sums = {}
        self.history.training.append((self.step, means["loss"]))
        self.history.parts.append((self.step, means))
        if score is not None:
            self.history.held_out.append((self.step, score))
        if score is None or score < self.best_score:
            self.best_score, self.best_step = math.inf if score is None else score, self.step
            self.best = self.stepper.average.state()
        self._tell("evaluated", **means, held_out=score)
        self._warn(means)
        return True

    def _warn(self, means: dict[str, float]) -> None:
        """Say once what goes wrong without an error, and at the end what of it has passed."""
        now, before = watch(means, self.step / self.plan.total), said(self.history.remarks)
        for mark, sentence in now:
            if mark not in before:
                self._say("warning", remark=f"step {self.step}: {sentence}")
        if self.step == self.plan.total:
            for mark in sorted(before - {mark for mark, _ in now}):
                self._say("passed", remark=f"step {self.step}: no longer so: {mark}")

    def _patience_is_over(self) -> bool:
        waited = (self.step - self.best_step) // self.plan.evaluate_every
        if not self.config.patience or waited < self.config.patience or self.step == self.plan.total:
            return False
        self._say(
            "early stop",
            remark=f"step {self.step} of {self.plan.total}: stopped early, the held-out loss was best at step "
            f"{self.best_step}",
        )
        return True

    def _roll_back(self) -> None:
        """Back to the last landmark with half the learning rate."""
        failed, history = self.step, self.history
        rollbacks, scale, micro = self.rollbacks + 1, self.rate_scale / 2, self.stepper.micro
        jumped = self.jumped
        if rollbacks > _MOST_ROLLBACKS:
            raise TrainingFailed(
                f"the loss {self.wrong} {rollbacks} times, even with steps of {self.rate_scale:.1g} of what was "
                f"asked; look for extreme values in the data, or try --loss l1 or a lower --learning-rate, with --force"
            )
        self._restore(*self.landmark)
        self.rollbacks, self.rate_scale, self.stepper.micro, self.jumped = rollbacks, scale, micro, jumped
        self.history.remarks, self.history.seconds = history.remarks, history.seconds
        self._say(
            "rolled back", failed=failed,
            remark=f"step {failed}: the loss {self.wrong}; went back to step {self.step} and on with "
            f"learning rate {self.config.rate * scale:.2g}",
        )  # fmt: skip
        self._remember()
        self._write_landmark()

    # Keeping

    def _state(self) -> tuple[dict[str, Tensor], dict[str, Any]]:
        """Everything that a run is: live tensors (the best weights, which never change, apart), and plain values."""
        tensors = self.stepper.tensors() | {f"best.{name}": tensor for name, tensor in (self.best or {}).items()}
        facts = {
            "step": self.step, "rollbacks": self.rollbacks, "rate_scale": self.rate_scale, "finished": self.finished,
            "first": self.first, "jumped": self.jumped,
            "micro": self.stepper.micro, "best_score": self.best_score, "best_step": self.best_step,
            "sums": dict(self.sums), "history": self.history.as_dict(),
        }  # fmt: skip
        return tensors, facts

    def _restore(self, tensors: dict[str, Tensor], facts: dict[str, Any]) -> None:
        self.stepper.load(tensors)
        best = {name.removeprefix("best."): value for name, value in tensors.items() if name.startswith("best.")}
        self.best = best or None
        for name in ("step", "rollbacks", "rate_scale", "finished", "first", "jumped", "best_score", "best_step"):
            setattr(self, name, facts[name])
        self.stepper.micro = facts["micro"]
        self.sums, self.history = dict(facts["sums"]), History.of(facts["history"])

    def _remember(self) -> None:
        """Make this state the one that rollbacks go to."""
        tensors, facts = self._state()
        copies = {name: value if name.startswith("best.") else value.clone() for name, value in tensors.items()}
        self.landmark = copies, facts

    def _pass_landmark(self) -> None:
        self._remember()
        if time.monotonic() - self.written_at >= 60 * self.config.checkpoint_minutes:
            self._write_landmark()

    def _write_landmark(self) -> None:
        if self.run and self.stepper.fabric.is_global_zero:
            self.run.save(*self.landmark)
        self.written = self.landmark[1]["rollbacks"], self.landmark[1]["step"]
        self.written_at = time.monotonic()

    def _write_end(self) -> None:
        """The end on the disk, for what follows training may be interrupted too."""
        if not self.finished or self.written != (self.rollbacks, self.step):
            self.finished = True
            self.landmark = self._state()
            self._write_landmark()

    def _save_where_it_stopped(self) -> None:
        if self.written != (self.landmark[1]["rollbacks"], self.landmark[1]["step"]):
            self._write_landmark()  # first, for the resumed run may have to go back to it
        if self.run and self.stepper.fabric.is_global_zero:
            self.run.save(*self._state(), stop=True)
        self.stepper.all_agree(True)  # the others end only when it is saved

    def _raise_stopped(self, number: int) -> NoReturn:
        self._tell("stopped")
        if self.run is not None:
            raise RunStopped(
                f"stopped at step {self.step} of {self.plan.total}; everything is saved in {self.run.folder}", number
            )
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + number)

    def _finish(self) -> None:
        """Leave the best weights in the module, as it is used."""
        if self.best is not None:
            self.module.load_state_dict(self.best)
        self.module.zero_grad(set_to_none=True)
        self.module.eval()
        self.module.to(device="cpu")
        if next(self.module.parameters()).dtype != self.dtype:  # trained in double precision; files keep single
            self.module.to(dtype=self.dtype)
        self._tell("finished", best_step=self.best_step)

    # Saying

    def _say_smaller(self, before: int, now: int) -> None:
        self._say(
            "smaller micro-batch", micro=now,
            remark=f"step {self.step}: memory ran out at {before} examples at once; went on with {now}, "
            f"the effective batch stays {self.plan.batch_size}",
        )  # fmt: skip

    def _tick(self, now: float) -> None:
        """Where the run stands, for progress bars: now and then, and never into the run's events."""
        if self.progress and now - self._ticked >= _TICK_SECONDS:
            self._ticked = now
            self.progress(
                {"event": "step", "step": self.step, "total": self.plan.total, "seconds": self.history.seconds}
            )

    def _say(self, event: str, *, remark: str | None = None, **more: Any) -> None:
        if remark:
            self.history.remarks.append(remark)
        self._tell(event, **more, **({"remark": remark} if remark else {}))

    def _tell(self, event: str, **more: Any) -> None:
        told = {"event": event, "step": self.step, "total": self.plan.total, "seconds": self.history.seconds, **more}
        if self.run and self.stepper.fabric.is_global_zero:
            self.run.log(told)
        if self.progress:
            self.progress(told)


def _no_facts(module: Trainable) -> DataFacts:
    raise TrainingFailed(f"{type(module).__name__} is fitted in closed form, and no data came")
