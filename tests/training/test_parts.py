"""The loop's parts: configuration, budget, schedule, optimizers, averages, seeds, precision, events, signals."""

from __future__ import annotations

import json
import math
import signal
import threading

import pytest
import torch
from small_net import Small, config, same, weights
from torch import nn

from narrows import _device
from narrows._errors import BadOption, BadRun
from narrows.training import runs
from narrows.training._averaging import Average
from narrows.training._budget import plan_steps
from narrows.training._optimizers import Optimizers, learning_rate_at
from narrows.training._stepping import choose_precision
from narrows.training._stopping import listen_for_stop
from narrows.training.config import TrainingConfig
from narrows.training.runs import Run, read_events
from narrows.training.seeds import generator

# Configuration


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({}, "no budget came"),
        ({"minutes": 1, "steps": 5}, "--minutes and --steps came; a run has exactly one budget"),
        ({"steps": 0}, "steps=0; it takes a number above 0"),
        ({"minutes": -1}, "minutes=-1; it takes a number above 0"),
        ({"minutes": math.nan}, "minutes=nan"),
        ({"epochs": math.inf}, "epochs=inf"),
        ({"steps": 5, "batch_size": 0}, "batch_size=0"),
        ({"steps": 5, "learning_rate": 0.0}, "learning_rate=0"),
        ({"steps": 5, "weight_decay": -0.1}, "weight_decay=-0.1; it takes 0 or more"),
        ({"steps": 5, "clip": math.nan}, "clip=nan"),
        ({"steps": 5, "ema": 1.0}, "ema=1.0; it takes a number from 0 to below 1"),
        ({"steps": 5, "micro_batch": 0}, "micro_batch=0; it takes 1 or more"),
        ({"steps": 5, "precision": "16"}, "precision='16'; it takes auto, 32-true"),
    ],
)
def test_what_cannot_be_is_refused(changes, says):
    with pytest.raises(BadOption) as refused:
        TrainingConfig(**changes)
    assert says in str(refused.value)


def test_a_configuration_is_plain_json():
    chosen = config(minutes=2.5, patience=3)
    assert TrainingConfig(**json.loads(json.dumps(chosen.as_dict()))) == chosen


# Budget


def never(seconds, batch, threads):
    raise AssertionError("only minutes are measured")


@pytest.mark.parametrize(
    ("changes", "examples", "total"),
    [({"steps": 7}, 100, 7), ({"epochs": 3}, 100, 19), ({"epochs": 0.001}, 100, 1), ({"epochs": 1}, 16, 1)],
)
def test_steps_and_epochs_need_no_measurement(changes, examples, total):
    assert plan_steps(config(**changes), examples, never).total == total


@pytest.mark.parametrize(("seconds", "probe"), [(1, 0.04), (12, 0.48), (40, 1), (60, 1.2), (240, 4.8), (3600, 5)])
def test_measuring_takes_a_small_share_of_the_time(seconds, probe):
    asked = []

    def measure(seconds, batch, threads):
        asked.append(seconds)
        return 0.001, 0.0

    plan_steps(config(minutes=seconds / 60), 100, measure)
    assert asked == [pytest.approx(probe)]


def test_minutes_are_what_is_left_after_measuring_and_scoring():
    asked = []

    def measure(seconds, batch, threads):
        asked.append(seconds)
        return 0.01, 0.5

    plan = plan_steps(config(minutes=2), 100, measure)
    assert asked == [pytest.approx(2.4)]
    assert plan.total == int((120 - 2.4 - 7 * 0.5) / 0.01)  # the start is scored too


def test_slow_evaluations_leave_half_of_the_time():
    assert plan_steps(config(minutes=1), 100, lambda seconds, batch, threads: (0.1, 100.0)).total == 300


def test_one_step_slower_than_the_budget_is_still_one_step():
    assert plan_steps(config(minutes=0.01), 100, lambda seconds, batch, threads: (1000.0, 0.0)).total == 1


@pytest.mark.parametrize(
    ("examples", "batch"), [(60_000, 128), (1281, 128), (1279, 127), (360, 36), (100, 16), (17, 16), (5, 5), (1, 1)]
)
def test_few_examples_make_small_batches_so_that_a_pass_has_ten_steps(examples, batch):
    assert plan_steps(config(steps=9, batch_size=None), examples, never).batch_size == batch


def test_a_batch_that_was_asked_for_is_taken_as_far_as_there_are_examples():
    assert (
        plan_steps(config(minutes=1, batch_size=64), 1000, lambda seconds, batch, threads: (9.0, 0.0)).batch_size == 64
    )
    assert plan_steps(config(epochs=1, batch_size=64), 10, never)[::3] == (1, 10)


@pytest.mark.parametrize(("passes", "batch", "total"), [(60, 36, 600), (20, 18, 400), (1, 8, 45)])
def test_few_passes_make_smaller_batches_until_there_are_steps_enough(passes, batch, total):
    assert plan_steps(config(epochs=passes, batch_size=None), 360, never)[::3] == (total, batch)


@pytest.mark.parametrize(
    ("for_128", "batches"),
    [
        (0.001, [128]),
        (0.014, [128, 64]),
        (0.14, [128, 64, 32]),
        (0.28, [128, 67, 33]),
        (2.0, [128, 10]),
        (60.0, [128, 8]),
    ],
)
def test_little_time_makes_smaller_batches_until_there_are_steps_enough(for_128, batches):
    asked = []

    def measure(seconds, batch, threads):
        asked.append(batch)
        return for_128 * batch / 128, 0.0

    plan = plan_steps(config(minutes=1, batch_size=None), 60_000, measure)
    assert asked == batches and plan.batch_size == batches[-1]
    assert plan.total == int((60 - 1.2 * len(asked)) / (for_128 * batches[-1] / 128))


@pytest.mark.parametrize(("share", "batch"), [(0.5, 32), (0.64, 32), (0.66, 128), (1.0, 128)])
def test_a_batch_is_halved_only_where_that_costs_little(share, batch):
    asked = []

    def measure(seconds, batch, threads):
        asked.append(batch)
        return 0.05 * share ** round(math.log2(128 / batch)), 1.0

    plan = plan_steps(config(minutes=1, batch_size=None), 60_000, measure)
    assert plan.batch_size == batch and asked == ([128, 64, 32] if batch == 32 else [128, 64])
    assert plan.total == int((60 - 1.2 * len(asked) - 7) / measure(0, batch, None)[0])


@pytest.mark.parametrize(
    ("taken", "tried", "chosen"),
    [
        ({8: 1.0, 4: 1.0}, [8, 4], 8),  # no faster: as many as there are
        ({8: 1.0, 4: 0.95}, [8, 4], 8),
        ({8: 1.0, 4: 0.5, 2: 0.6}, [8, 4, 2], 4),
        ({8: 9.0, 4: 3.0, 2: 1.0, 1: 0.5}, [8, 4, 2, 1], 1),
        ({3: 1.0, 1: 0.1}, [3, 1], 1),
        ({1: 1.0}, [1], 1),
        ({None: 1.0}, [None], None),
    ],
)
def test_fewer_threads_are_taken_as_long_as_that_is_faster(taken, tried, chosen):
    asked = []

    def measure(seconds, batch, threads):
        asked.append(threads)
        return taken[threads] / 1000, 0.0

    plan = plan_steps(config(minutes=1), 100, measure, tried[0])
    assert asked == tried and plan.threads == chosen
    assert plan.total == int((60 - 1.2 * len(tried)) / (taken[chosen] / 1000))


def test_smaller_batches_are_measured_with_the_threads_that_were_chosen():
    asked = []

    def measure(seconds, batch, threads):
        asked.append((batch, threads))
        return batch * threads / 100, 0.0

    assert plan_steps(config(minutes=1, batch_size=None), 60_000, measure, 2).threads == 1
    assert asked == [(128, 2), (128, 1), (15, 1)]


@pytest.mark.parametrize(("total", "landmarks"), [(1, 20), (120, 20), (9_000, 90), (1_000_000, 500)])
def test_landmarks_follow_from_the_number_of_steps_alone(total, landmarks):
    assert plan_steps(config(steps=total), 100, never).checkpoint_every == landmarks


@pytest.mark.parametrize("total", [1, 5, 6, 7, 39, 120])
def test_there_are_never_more_evaluations_than_asked_for(total):
    every = plan_steps(config(steps=total), 100, never).evaluate_every
    assert len({*range(every, total + 1, every), total}) <= 6


# Schedule and optimizers


def test_the_learning_rate_rises_then_falls_to_a_hundredth():
    rates = [learning_rate_at(step, 1000, config(warmup=50)) for step in range(1000)]
    assert rates[:50] == sorted(rates[:50]) and 0 < rates[0] < rates[49] < rates[50]
    assert rates[50:] == sorted(rates[50:], reverse=True)
    assert max(rates) == rates[50] == 1e-2 and rates[-1] == pytest.approx(1e-4, rel=0.01)


def test_a_short_run_warms_up_for_a_tenth():
    assert learning_rate_at(2, 20, config(warmup=200)) == 1e-2


def test_only_what_has_two_dimensions_decays():
    module = Small()
    optimizers = Optimizers(module, config(weight_decay=0.5), fused=True)
    decays = {id(p): g["weight_decay"] for g in optimizers.each["main"].param_groups for p in g["params"]}
    assert all(decays[id(p)] == (0.5 if p.dim() == 2 else 0.0) for p in module.parameters())


def test_weights_of_layers_with_many_inputs_learn_more_slowly():
    module = Small()
    module.wide = nn.Linear(4096, 8)
    optimizers = Optimizers(module, config(), fused=True)
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = weights(module)
    optimizers.step("main", 1e-2)
    moved = {name: float((before[name] - now).abs().max()) for name, now in module.named_parameters()}
    assert moved.pop("wide.weight") == pytest.approx(1e-2 / 8, rel=0.01)  # 512 of 4096
    assert list(moved.values()) == pytest.approx([1e-2] * len(moved), rel=0.01)


def test_clipping_gives_the_norm_and_keeps_the_direction():
    module = Small()
    optimizers = Optimizers(module, config(), fused=True)
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    size = sum(p.numel() for p in module.parameters()) ** 0.5
    assert optimizers.clip("main", 0.0) == pytest.approx(size)
    assert optimizers.clip("main", 2.0) == pytest.approx(size)
    assert optimizers.clip("main", 9.0) == pytest.approx(2.0)  # smaller ones are left
    module.back.bias.grad[0] = math.nan
    assert math.isnan(optimizers.clip("main", 1.0))


def test_optimizer_state_goes_to_a_checkpoint_and_back():
    def stepped(count, before=None):
        module = Small()
        optimizers = Optimizers(module, config(), fused=True)
        if before:
            module.load_state_dict(before[0])
            optimizers.load(before[1])
        for number in range(count):
            for parameter in module.parameters():
                parameter.grad = torch.full_like(parameter, 0.1 * (number + 1 + (2 if before else 0)))
            optimizers.step("main", 1e-2)
        return weights(module), {name: tensor.clone() for name, tensor in optimizers.tensors().items()}

    assert same(stepped(2, stepped(2))[0], stepped(4)[0])
    module = Small()
    optimizers = Optimizers(module, config(), fused=True)
    optimizers.load(stepped(2)[1])
    assert optimizers.tensors()
    optimizers.load({})  # as before the first step
    assert not optimizers.tensors()


@pytest.mark.parametrize(("fused", "steps_on"), [(True, "meta"), (False, "cpu")])
def test_optimizer_state_from_a_file_goes_to_where_the_weights_are(fused, steps_on):
    class Scaled(Small):  # a single number, as the scale of a likelihood
        def __init__(self):
            super().__init__()
            self.scale = nn.Parameter(torch.zeros(()))

    module = Scaled()
    optimizers = Optimizers(module, config(), fused=True)
    for parameter in module.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizers.step("main", 1e-2)
    with torch.device("meta"):  # stands for any device beside the processor
        elsewhere = Optimizers(Scaled(), config(), fused=fused)
    elsewhere.load(optimizers.tensors())
    assert {value.device.type for name, value in elsewhere.tensors().items() if not name.endswith("step")} == {"meta"}
    assert {value.device.type for name, value in elsewhere.tensors().items() if name.endswith("step")} == {steps_on}


# Averages


def test_averages_are_the_running_mean():
    module = Small()
    average = Average(module, 0.5)
    expected = module.back.bias.detach().clone()
    for step in range(1, 5):
        with torch.no_grad():
            module.back.bias.add_(1.0)
        average.update(step)
        memory = min(0.5, (1 + step) / (10 + step))
        expected = memory * expected + (1 - memory) * module.back.bias.detach()
    torch.testing.assert_close(average.state()["back.bias"], expected)


def test_without_memory_the_average_is_the_last():
    module = Small()
    average = Average(module, 0.0)
    with torch.no_grad():
        module.back.bias.add_(1.0)
    average.update(1)
    assert same(average.state(), weights(module))


def test_averages_are_applied_for_a_while_and_whole_numbers_are_never_averaged():
    module = Small(norm=True)
    average, first = Average(module, 0.9), weights(module)
    with torch.no_grad():
        module.back.bias.add_(1.0)
        module.net[1].num_batches_tracked.add_(5)
    live = weights(module)
    with pytest.raises(ZeroDivisionError), torch.no_grad(), average.applied():
        assert torch.equal(module.back.bias, first["back.bias"])
        raise ZeroDivisionError
    assert same(weights(module), live)
    assert average.state()["net.1.num_batches_tracked"] == 5 and "net.1.num_batches_tracked" not in average.tensors()


# Randomness


def test_a_generator_follows_from_its_purpose_and_place_alone():
    def drawn(*where):
        return torch.rand(3, generator=generator(*where)).tolist()

    assert drawn(1, "order", 2) == drawn(1, "order", 2)
    places = [(1, "order", 2), (2, "order", 2), (1, "loss", 2), (1, "order", 3), (1, "order", 2, 0), (1, "order", 22)]
    assert len({tuple(drawn(*place)) for place in places}) == len(places)


# Precision


def net(*layers, shape=None):
    module = Small()
    module.extra = nn.Sequential(*layers)  # type: ignore[assignment]
    if shape:
        module.shape = shape  # type: ignore[assignment]
    return module


def test_precision_is_what_was_asked_for():
    for asked in ("32-true", "64-true", "bf16-mixed"):
        assert choose_precision(asked, "cpu", Small(), 128) == asked


def test_double_precision_stays_double():
    assert choose_precision("auto", "cpu", net(nn.Conv2d(1, 1, 3)).double(), 128) == "64-true"


def test_half_precision_is_taken_where_the_device_has_it_and_the_net_gains(monkeypatch):
    nets = {
        "conv": net(nn.Conv2d(1, 8, 3)),
        "wide": net(nn.Linear(784, 512), shape=(1, 28, 28)),
        "narrow": net(nn.Linear(64, 32), shape=(1, 8, 8)),
        "table": net(nn.Linear(784, 512), shape=(784,)),
    }

    def taken(rows):
        return {name for name in nets if choose_precision("auto", "cpu", nets[name], rows) == "bf16-mixed"}

    monkeypatch.setattr(_device, "half_precision", lambda device: None)
    assert taken(128) == set()
    monkeypatch.setattr(_device, "half_precision", lambda device: "bf16-mixed")
    assert taken(128) == {"conv", "wide"}
    assert taken(16) == {"conv"}


# Events


def test_a_torn_last_line_breaks_no_reader_and_is_gone_when_the_run_goes_on(tmp_path):
    with Run.open(tmp_path) as run:
        run.log({"event": "begin", "step": 0})
        run.log({"event": "evaluated", "loss": math.nan, "held_out": math.inf})
    with open(tmp_path / "events.jsonl", "a") as file:
        file.write('{"event": "evalua')
    assert [event["event"] for event in read_events(tmp_path)] == ["begin", "evaluated"]
    with Run.open(tmp_path) as run:
        run.log({"event": "resumed"})
    lines = (tmp_path / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["event"] for line in lines] == ["begin", "evaluated", "resumed"]
    assert json.loads(lines[1]) == {"event": "evaluated", "loss": None, "held_out": None}  # JSON has no NaN


def test_no_events_are_no_events(tmp_path):
    assert read_events(tmp_path) == []


@pytest.mark.parametrize(
    "content",
    [b'{"total": 1', b"\xff\xfe\xff", b"", b"[1]", b"3", b'"text"', b"[" * 100_000],
    ids=lambda c: repr(c[:12]),
)
def test_a_damaged_plan_is_said(content, tmp_path):
    (tmp_path / "run.json").write_bytes(content)
    with Run.open(tmp_path) as run, pytest.raises(BadRun, match=r"run\.json is damaged .* start over with --force"):
        run.plan  # noqa: B018


@pytest.mark.parametrize("form", [2, 0, "1", None])
def test_a_plan_of_an_unknown_format_is_refused_with_what_to_do(form, tmp_path):
    (tmp_path / "run.json").write_text(json.dumps({"format": form, "total": 3}))
    with Run.open(tmp_path) as run, pytest.raises(BadRun, match=r"run\.json has run format .* 1.*--force"):
        run.plan  # noqa: B018


def test_a_checkpoint_of_an_unknown_format_is_not_passed_over(tmp_path, monkeypatch):
    with Run.open(tmp_path) as run:
        run.save({"x": torch.zeros(2)}, {"step": 40, "rollbacks": 0})
        monkeypatch.setattr(runs, "_FORMAT", 2)
        run.save({"x": torch.ones(2)}, {"step": 80, "rollbacks": 0})
    monkeypatch.undo()
    with Run.open(tmp_path) as run, pytest.raises(BadRun, match=r"has run format 2; .*pip install --upgrade narrows"):
        run.load()


def test_clearing_forgets_the_run(tmp_path):
    with Run.open(tmp_path) as run:
        run.begin({"total": 3})
        run.log({"event": "begin"})
        run.save({"x": torch.ones(2)}, {"step": 1, "rollbacks": 0})
        run.clear()
        assert run.plan is None and run.load() is None and read_events(tmp_path) == []


def test_a_run_that_went_back_is_further_than_one_that_has_not(tmp_path):
    with Run.open(tmp_path) as run:
        run.save({"x": torch.zeros(2)}, {"step": 80, "rollbacks": 0})
        run.save({"x": torch.ones(2)}, {"step": 40, "rollbacks": 1})
    with Run.open(tmp_path) as run:
        found = run.load()
        assert found is not None and found[1]["step"] == 40
        run.save({"x": torch.ones(2)}, {"step": 60, "rollbacks": 1})  # over the one of step 80
    with Run.open(tmp_path) as run:
        assert run.load()[1]["step"] == 60
        assert {run._progress(f"checkpoint-{slot}.safetensors")[1] for slot in "ab"} == {40, 60}


def test_any_kind_of_tensor_is_kept_as_it_is(tmp_path):
    kept = {
        "wide": torch.rand(2, 3, 4, 5).to(memory_format=torch.channels_last),
        "half": torch.rand(3).bfloat16(),
        "double": torch.rand(2, dtype=torch.float64),
        "whole": torch.tensor(7),
        "truth": torch.tensor([True, False]),
        "none": torch.zeros(0, 3),
    }
    with Run.open(tmp_path) as run:
        run.save(kept, {"step": 0, "rollbacks": 0})
        assert same(run.load()[0], kept)


# Signals


def test_a_second_ctrl_c_stops_at_once_and_handlers_are_put_back():
    before = signal.getsignal(signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), listen_for_stop() as stopped:
        assert stopped() == 0
        signal.raise_signal(signal.SIGINT)
        assert stopped() == signal.SIGINT
        signal.raise_signal(signal.SIGINT)
    assert signal.getsignal(signal.SIGINT) is before


def test_a_thread_that_cannot_listen_trains_all_the_same():
    answers = []

    def work():
        with listen_for_stop() as stopped:
            answers.append(stopped())

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert answers == [0]
