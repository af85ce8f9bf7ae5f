"""The loop: turns and critics, micro-batches, not-a-number, memory, early stopping, the budget."""

from __future__ import annotations

import json
import logging
import math
import signal

import pytest
import torch
from small_net import LEARNED, WIDTH, Small, config, data, learn, noisy, same, weights
from torch import nn

from narrows import _device
from narrows._contract import Batch, DataFacts, Trainable
from narrows._errors import RunStopped, TrainingFailed
from narrows.training._stepping import Stepper
from narrows.training.loop import Supply, train
from narrows.training.runs import Run, read_events


class WithCritic(Small):
    """Main is told to please the critic, and the critic to tell codes from noise."""

    critics = ("critic",)

    def __init__(self, seed=0):
        super().__init__(seed)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.critic = nn.Linear(3, 1)
        self.seen = []

    def losses(self, batch, turn, step):
        self.seen.append((turn, [p.grad for p in self.parameters() if p.grad is not None]))
        code = self.net(batch.x)
        if turn == "critic":
            noise = torch.randn(code.shape, generator=step.generator)
            return {"loss": (self.critic(code) - self.critic(noise)).mean(), "size": code.detach().square().mean()}
        error = (self.back(code) - batch.target).square().mean()
        return {"loss": error - 0.1 * self.critic(code).mean(), "error": error}


class Frozen(WithCritic):
    """Only main has a turn, though its loss reaches the critic."""

    turns = ("main",)


class Closed(Trainable):
    """Fitted in closed form."""

    turns = ()

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(WIDTH))

    def start(self, facts):
        self.mean.copy_(facts.mean)

    def losses(self, batch, turn, step):
        raise AssertionError("nothing to step on")


class Hungry(Small):
    """Memory for so many rows at once."""

    room = 5

    def losses(self, batch, turn, step):
        if len(batch.x) > self.room:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory")
        named = super().losses(batch, turn, step)
        return {"loss": named["error"]}


def poisoned(steps):
    """Batches of not-a-number at the given steps, each the first time that it comes."""
    left, plain = set(steps), noisy(data()[:LEARNED])

    def make(indices, step):
        batch = plain(indices, step)
        if step.index in left:
            left.remove(step.index)
            return Batch(batch.x * math.nan, batch.target)
        return batch

    return make


def test_all_gradients_are_cleared_before_every_turn():
    module = WithCritic()
    learn(module, steps=5, validated=False)
    assert [turn for turn, _ in module.seen] == ["main", "critic"] * 5
    assert not any(gradients for _, gradients in module.seen)


def test_main_never_steps_a_critic():
    module = Frozen()
    before = weights(module.critic)
    learn(module, steps=20, validated=False)
    assert same(weights(module.critic), before)


def test_a_critic_never_steps_main_and_its_losses_are_logged_under_its_name():
    module, events = WithCritic(), []
    module.losses = lambda batch, turn, step, losses=module.losses: (  # type: ignore[method-assign]
        losses(batch, turn, step) if turn == "critic" else {"loss": 0 * module.back.bias.sum()}
    )
    before = weights(module.net)
    learn(module, steps=20, validated=False, weight_decay=0.0, progress=events.append)
    assert same(weights(module.net), before)
    assert {"loss", "critic.loss", "critic.size"} <= next(e for e in events if e["event"] == "evaluated").keys()


def test_learning_brings_the_loss_down():
    _, outcome = learn()
    losses = [loss for _, loss in outcome.history.held_out]
    assert losses[-1] < losses[0] / 2
    assert outcome.best_step == min(outcome.history.held_out, key=lambda point: point[1])[0]


def test_the_module_is_trained_in_training_mode_and_left_in_evaluation_mode():
    modes = []

    class Watched(Small):
        def losses(self, batch, turn, step):
            modes.append((self.training, torch.is_grad_enabled()))
            return super().losses(batch, turn, step)

    module, _ = learn(Watched().eval(), steps=2, evaluations=2)
    assert set(modes) == {(True, True), (False, False)}
    assert not module.training and all(p.grad is None for p in module.parameters())


def test_micro_batches_give_the_gradient_of_the_whole_batch():
    class Quiet(Small):
        def losses(self, batch, turn, step):
            return {"loss": (self.back(self.net(batch.x)) - batch.target).square().mean()}

    whole, parts = (learn(Quiet().double(), micro_batch=size, make=_double)[0] for size in (None, 5))
    for name, tensor in whole.state_dict().items():
        torch.testing.assert_close(parts.state_dict()[name], tensor, rtol=1e-9, atol=1e-9)


def _double(indices, step):
    clean = data()[:LEARNED][indices].double()
    return Batch(clean, clean)


def test_clipping_bounds_the_step():
    gradients = []
    Watching = type("Watching", (Small,), {})
    module = Watching()
    module.back.weight.register_post_accumulate_grad_hook(lambda p: gradients.append(p.grad))
    learn(module, steps=3, clip=1e-3, validated=False)
    assert all(float(gradient.norm()) <= 1.001e-3 for gradient in gradients)


def test_not_a_number_goes_back_to_the_landmark_and_on_with_smaller_steps(tmp_path):
    with Run.open(tmp_path) as run:
        module, outcome = learn(run=run, make=poisoned([47, 90]))
    assert [remark.split(";")[0] for remark in outcome.history.remarks] == [
        "step 47: the loss was not a number", "step 90: the loss was not a number",
    ]  # fmt: skip
    assert "went back to step 40 and on with learning rate 0.005" in outcome.history.remarks[0]
    assert "went back to step 80 and on with learning rate 0.0025" in outcome.history.remarks[1]
    assert [e["failed"] for e in read_events(tmp_path) if e["event"] == "rolled back"] == [47, 90]
    assert all(torch.isfinite(tensor).all() for tensor in module.state_dict().values())
    steps = [step for step, _ in outcome.history.training]
    assert steps == sorted(set(steps)) and steps[-1] == 120


def far_out(steps, again):
    """Batches whose targets are far out at these steps, the first time only or every time."""
    plain, seen = noisy(data()[:LEARNED]), []

    def make(indices, step):
        batch = plain(indices, step)
        there = step.index in steps and (again or step.index not in seen)
        seen.append(step.index)
        return Batch(batch.x, batch.target * (1e4 if there else 1))

    return make


def test_a_loss_that_jumps_goes_back_to_the_landmark_and_on_with_smaller_steps():
    _, outcome = learn(make=far_out([47], again=False))
    (remark,) = outcome.history.remarks
    assert remark.startswith("step 47: the loss jumped from ") and "went back to step 40 and on with" in remark


def test_a_batch_that_jumps_each_time_is_data_far_out_and_is_learned_from():
    _, outcome = learn(make=far_out([47, 70, 90], again=True))
    assert len(outcome.history.remarks) == 1, "one for the first batch, and none for those that come after it"


def test_a_gradient_that_is_not_a_number_counts_though_the_loss_is_one():
    class Sharp(Small):
        def losses(self, batch, turn, step):
            error = (self.back(self.net(batch.x)) - batch.target).square().mean()
            # sqrt's slope at 0 is infinite, and times 0 not a number: the loss itself is unharmed.
            return {"loss": error + (0 * self.back.bias.sum()).sqrt() if step.index == 30 else error}

    with pytest.raises(TrainingFailed, match=r"not a number 9 times.*--learning-rate"):
        learn(Sharp(), validated=False)


def test_not_a_number_that_never_ends_is_given_up():
    plain = noisy(data()[:LEARNED])

    def make(indices, step):
        batch = plain(indices, step)
        return Batch(batch.x * (math.inf if step.index >= 30 else 1), batch.target)

    with pytest.raises(TrainingFailed, match=r"not a number 9 times, even with steps of 0\.004 .*extreme values"):
        learn(make=make)


def test_a_score_that_is_not_a_number_goes_back_too():
    plain, asked = noisy(data()[:LEARNED]), []

    def spoilt(indices, step):
        asked.append(step.index)
        batch = plain(indices, step)
        return Batch(batch.x * (math.nan if asked.count(60) == 1 else 1), batch.target)

    module = Small()
    outcome = train(module, Supply(LEARNED, plain), Supply(16, spoilt), config())
    assert "step 60: the loss was not a number; went back to step 40" in outcome.history.remarks[0]


@pytest.mark.parametrize("kills", [[55], [43, 85, 110]])
def test_going_on_after_a_rollback_is_exact(kills, tmp_path):
    whole = weights(learn(make=poisoned([47, 90]))[0])
    for number, kill in enumerate(kills):
        with Run.open(tmp_path) as run, pytest.raises(KeyboardInterrupt):
            learn(Small(seed=number), run=run, make=_left(run, kill), checkpoint_minutes=1e-9)
    with Run.open(tmp_path) as run:
        assert same(weights(learn(Small(seed=4), run=run, make=_left(run))[0]), whole)


def _left(run, kill=None):
    """Poison that the run has not gone back from yet; at `kill` it ends with nothing saved."""
    found = run.load()
    make = poisoned([47, 90][found[1]["rollbacks"] if found else 0 :])

    def make_or_die(indices, step):
        if step.index == kill:
            raise KeyboardInterrupt
        return make(indices, step)

    return make_or_die


def test_stopping_between_landmarks_and_then_going_back_is_exact(tmp_path):
    whole = weights(learn(make=poisoned([57]), evaluations=120)[0])

    def stop(event):
        if event["event"] == "evaluated" and event["step"] == 51:
            signal.raise_signal(signal.SIGINT)

    with Run.open(tmp_path) as run, pytest.raises(RunStopped):
        learn(run=run, make=poisoned([57]), progress=stop, evaluations=120)
    with Run.open(tmp_path) as run:
        module, outcome = learn(Small(seed=3), run=run, make=poisoned([57]), evaluations=120)
    assert "went back to step 40" in outcome.history.remarks[0]
    assert same(weights(module), whole)


def test_out_of_memory_makes_smaller_micro_batches_and_the_same_steps():
    hungry, outcome = learn(Hungry())
    room = Hungry()
    room.room = 10**6
    roomy, _ = learn(room)
    assert outcome.history.remarks == [
        "step 0: memory ran out at 16 examples at once; went on with 8, the effective batch stays 16",
        "step 0: memory ran out at 8 examples at once; went on with 4, the effective batch stays 16",
    ]
    # Noise in the code is drawn for each part, so the two are near, not equal.
    for name, tensor in roomy.state_dict().items():
        assert float((hungry.state_dict()[name] - tensor).abs().max()) < 0.05, name


def test_half_precision_that_the_device_does_not_have_is_said_to_be_slow(monkeypatch):
    monkeypatch.setattr(_device, "half_precision", lambda device: None)
    _, outcome = learn(Small(), precision="bf16-mixed", steps=2)
    assert "no bf16 instructions" in outcome.history.remarks[0]
    assert not learn(Small(), steps=2)[1].history.remarks
    monkeypatch.setattr(_device, "half_precision", lambda device: "bf16-mixed")
    assert not learn(Small(), precision="bf16-mixed", steps=2)[1].history.remarks


def test_memory_for_not_even_one_example_is_said():
    module = Hungry()
    module.room = 0
    with pytest.raises(TrainingFailed, match="memory does not suffice for one example"):
        learn(module)


def test_other_errors_come_through():
    def broken(indices, step):
        return Batch(torch.zeros(4, WIDTH + 1), torch.zeros(4, WIDTH))

    with pytest.raises(RuntimeError, match="size"):
        learn(make=broken)


def test_early_stopping_waits_for_its_patience():
    _, outcome = learn(steps=2000, evaluations=100, patience=3, learning_rate=0.05)
    last = outcome.history.held_out[-1][0]
    assert last < 2000 and last - outcome.best_step == 3 * outcome.plan.evaluate_every
    assert outcome.history.remarks == [
        f"step {last} of 2000: stopped early, the held-out loss was best at step {outcome.best_step}"
    ]


def test_the_best_weights_are_the_ones_that_are_kept():
    scored = {}

    class Told(Small):
        pass

    module = Told()

    def progress(event):
        if event["event"] == "evaluated":
            scored[event["step"]] = event["held_out"]

    _, outcome = learn(module, progress=progress, learning_rate=0.3, steps=60)
    again = train(module, Supply(LEARNED, noisy(data()[:LEARNED])), Supply(24, noisy(data()[LEARNED:])),
                  config(steps=1, learning_rate=1e-12, weight_decay=0.0))  # fmt: skip
    assert scored[outcome.best_step] == min(scored.values())
    assert again.history.held_out[0][1] == pytest.approx(scored[outcome.best_step], rel=1e-5)


def test_where_training_only_harms_the_start_is_kept():
    module = Small()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    held_out = Supply(24, noisy(data()[LEARNED:]))
    backwards = Supply(LEARNED, lambda indices, step: Batch(data()[indices], -9 * data()[indices]))
    outcome = train(module, backwards, held_out, config(steps=20, evaluations=4))
    assert outcome.best_step == 0
    assert [step for step, _ in outcome.history.held_out] == [0, 5, 10, 15, 20]
    assert min(score for _, score in outcome.history.held_out) == outcome.history.held_out[0][1]
    assert all(torch.equal(before[name], value) for name, value in module.state_dict().items())


def test_validation_is_repeatable():
    scores = []
    for _ in range(2):
        module = Small()
        outcome = train(module, Supply(LEARNED, noisy(data()[:LEARNED])), Supply(24, noisy(data()[LEARNED:])),
                        config(steps=4, evaluations=4, learning_rate=1e-30, weight_decay=0.0))  # fmt: skip
        scores += [score for _, score in outcome.history.held_out]
    assert len(scores) == 10 and len(set(scores)) == 1  # the same noise, whatever the step


def test_validating_changes_no_weight():
    assert same(weights(learn(validated=True, ema=0.0)[0]), weights(learn(validated=True, ema=0.0)[0]))
    often, seldom = (learn(validated=False, evaluations=n, ema=0.0)[0] for n in (1, 60))
    assert same(weights(often), weights(seldom))


def test_what_is_fitted_in_closed_form_is_not_stepped():
    module = Closed()
    rows = data()
    facts = DataFacts(len(rows), rows.mean(0), rows, torch.Generator())
    outcome = train(module, Supply(len(rows), noisy(rows)), None, config(), facts=lambda: facts)
    assert outcome.plan.total == 0 and torch.equal(module.mean, rows.mean(0))
    with pytest.raises(TrainingFailed, match="closed form"):
        train(Closed(), Supply(len(rows), noisy(rows)), None, config())


def test_minutes_become_a_number_of_steps_that_is_stored_before_step_1(tmp_path):
    stored = []

    def make(indices, step):
        if step.total < 1 << 30 and not stored:
            stored.append(json.loads((tmp_path / "run.json").read_text())["total"])
        return noisy(data()[:LEARNED])(indices, step)

    def stop(event):
        if event["event"] == "begin":
            raise KeyboardInterrupt

    minutes = 0.03
    with Run.open(tmp_path) as run, pytest.raises(KeyboardInterrupt):
        learn(run=run, minutes=minutes, progress=stop, make=make)
    total = json.loads((tmp_path / "run.json").read_text())["total"]
    with Run.open(tmp_path) as run:
        run.begin({**(run.plan or {}), "total": 77})
        _, outcome = learn(run=run, minutes=minutes, make=make)
    assert stored == [77] and outcome.plan.total == 77  # the stored number, not a new measurement
    assert 50 < total < 100_000
    assert not any(event["total"] == 1 << 30 for event in read_events(tmp_path))


def test_a_run_keeps_the_threads_that_were_chosen_and_gives_them_back(tmp_path):
    before, seen = torch.get_num_threads(), []

    def make(indices, step):
        seen.append(torch.get_num_threads())
        return noisy(data()[:LEARNED])(indices, step)

    with Run.open(tmp_path) as run:
        _, outcome = learn(run=run, minutes=0.02, make=make)
    assert outcome.plan.threads == json.loads((tmp_path / "run.json").read_text())["threads"] == seen[-1]
    assert 1 <= seen[-1] <= before == torch.get_num_threads()
    with Run.open(tmp_path / "other") as run:
        run.begin({**outcome.plan._asdict(), "threads": before + 1})  # as another machine has them
        learn(run=run, minutes=0.02, make=make)
    assert seen[-1] == before + 1 and torch.get_num_threads() == before


def test_measuring_leaves_the_first_state_as_it_was():
    begun = []
    module = Small(norm=True)
    before = {name: tensor for name, tensor in weights(module).items() if name != "shift"}

    def look(event):
        if event["event"] == "begin":
            begun.append({name: tensor for name, tensor in weights(module).items() if name != "shift"})

    learn(module, minutes=0.02, progress=look)
    assert same(begun[0], before)


def test_every_example_is_seen_once_a_pass_whatever_the_batch_size():
    for size in (1, 7, 16, LEARNED, 100):
        seen = []

        def make(indices, step, seen=seen):
            seen += indices.tolist()
            return noisy(data()[:LEARNED])(indices, step)

        learn(make=make, steps=math.ceil(2 * LEARNED / size), batch_size=size, validated=False)
        for first in (0, LEARNED):
            assert sorted(seen[first : first + LEARNED]) == list(range(LEARNED))


def test_torchs_own_generator_is_left_where_it_was():
    before = torch.random.get_rng_state()
    learn()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_training_in_double_precision_leaves_the_module_in_its_own():
    module, outcome = learn(steps=3, precision="64-true")
    assert {value.dtype for value in module.state_dict().values()} == {torch.float32}
    assert module.net[0].weight.grad is None and outcome.history.held_out


def test_the_net_restores_where_its_weights_are_for_a_task_that_works_elsewhere():
    class Restoring(Small):
        def restore(self, x):
            self.came = x.device.type, x.dtype
            return torch.zeros(x.shape)

    supply = Supply(LEARNED, lambda indices, step: Batch(data()[indices], data()[indices]))
    stepper = Stepper(Restoring(), supply, config(), 4, lambda before, now: None)
    stepper.module.to("meta")  # stands for any device beside the processor
    assert stepper.restore(torch.ones((2, WIDTH), dtype=torch.float64)).device.type == "cpu"
    assert stepper.module.came == ("meta", torch.float32)


def test_what_the_loop_is_built_on_gives_no_advice_of_its_own():
    learn(steps=2)
    advice = logging.getLogger("lightning_fabric.utilities.rank_zero")  # which a handler shows to users
    assert not advice.isEnabledFor(logging.INFO) and advice.isEnabledFor(logging.WARNING)
