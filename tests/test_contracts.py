"""What every kind keeps with every architecture it can pair with, on every task: walked from the registries.

A new file in autoencoders/, architectures/ or tasks/ is tested here the moment it exists: which pairings are possible
is read from `needs`, `offers`, `accepts`, `needs_loss` and `gives`, never from names.
"""

from __future__ import annotations

import copy
import functools
import random
import re
import signal
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import nn

from narrows._contract import DataFacts, Step
from narrows._errors import BadPairing, RunStopped
from narrows._registry import architectures, kinds, tasks
from narrows.model.build import make
from narrows.model.folder import from_bytes, to_bytes
from narrows.nn.losses import LOSSES
from narrows.training.config import TrainingConfig
from narrows.training.loop import Supply, train
from narrows.training.runs import Run

ROWS, CODE, STEPS = 24, 2, 24
PICTURE, TABLE = (1, 8, 8), (6,)
SMALL = {"n_layers": 2, "n_nodes": 8}
"""The same for every architecture: two layers (levels), eight nodes (channels)."""
CLEAN = ("clean",)
"""What a task learns from, as far as these tests can give it."""


class Pairing(NamedTuple):
    """One way to fit, by names."""

    kind: str
    architecture: str
    task: str
    form: str

    def __str__(self) -> str:
        return "-".join(self)


def fits(kind, architecture):
    return kinds[kind].needs <= architectures[architecture].offers


def pairings():
    """What should work: every kind with every architecture on two tasks, and on the other tasks the first kind with a
    code and those without. A net without a code learns nothing from bringing a picture back: it has another task."""
    learned = [name for name in tasks if tasks[name].learns_from in CLEAN]
    usual = ["reconstruct", next(name for name in learned if tasks[name].accepts == {"picture"} and tasks[name].extra)]
    first_coded = next(name for name in kinds if "code" in kinds[name].gives)
    return [
        Pairing(kind, architecture, task, form)
        for kind in kinds
        for architecture in architectures
        if fits(kind, architecture)
        for form in sorted(architectures[architecture].accepts)
        for task in learned
        if form in tasks[task].accepts and (task in usual or kind == first_coded or "code" not in kinds[kind].gives)
        if "code" in kinds[kind].gives or task != "reconstruct"
    ]


def with_codes(found):
    return [pairing for pairing in found if "code" in kinds[pairing.kind].gives]


ALL = pairings()
PLAIN = [p for p in ALL if p.task == "reconstruct"] + [p for p in ALL if "code" not in kinds[p.kind].gives]
"""One task each."""
TABLES = [p for p in ALL if p.form == "table"]


def loss_for(kind):
    """A loss that the kind accepts."""
    wants_density = "density" in kinds[kind].needs_loss
    return next(name for name, loss in LOSSES.items() if loss.is_density or not wants_density)


def build(pairing, shape=None, seed=0, code_size=CODE, **more):
    shape = shape or (TABLE if pairing.form == "table" else PICTURE)
    code = {"code_size": code_size} if "code" in kinds[pairing.kind].gives else {}
    names = {"kind": pairing.kind, "architecture": pairing.architecture, "task": pairing.task}
    return make(shape=shape, seed=seed, **{"loss": loss_for(pairing.kind), **names, **code, **SMALL, **more})


def examples(shape, count=ROWS, seed=0):
    """Two hidden causes, which no linear code tells: pictures in [0, 1], or columns on scales from 0.01 to 1000."""
    draw = torch.Generator().manual_seed(seed)
    causes = torch.rand((count, 2), generator=draw)
    mixed = causes @ torch.rand((2, int(np.prod(shape))), generator=torch.Generator().manual_seed(99)) / 2
    mixed = (1 + torch.sin(8 * mixed)) / 2
    if len(shape) == 1:
        mixed = mixed * torch.logspace(-2, 3, shape[0]) + 5
    return mixed.reshape(count, *shape)


def step_at(index=0, total=STEPS, seed=0, model=None):
    restore = None if model is None else model.autoencoder.restore
    return Step(index, total, ROWS, torch.Generator().manual_seed(seed), restore)


def batch_of(model, rows=None, seed=0):
    return model.batch(examples(model.shape) if rows is None else rows, step_at(seed=seed, model=model))


def fit(model, rows=None, *, steps=STEPS, run=None, progress=None, seed=0):
    rows = examples(model.shape) if rows is None else rows
    if model.standardise is not None:
        model.standardise.learn(rows)

    def facts() -> DataFacts:
        return model.facts(rows, len(rows), step_at(seed=seed))

    config = TrainingConfig(
        steps=steps, batch_size=8, learning_rate=5e-3, ema=0.5, evaluations=3, seed=seed, device="cpu",
        precision="32-true",
    )  # fmt: skip
    supply = Supply(len(rows), lambda indices, step: model.batch(rows[indices], step))
    train(model.autoencoder, supply, None, config, facts=facts, run=run, progress=progress)
    return model


@functools.cache
def fitted(pairing):
    """A trained model that all tests share: never change it, take a copy."""
    return fit(build(pairing))


def fresh_copy(pairing):
    return copy.deepcopy(fitted(pairing))


def same(one, other):
    one, other = one.state_dict(), other.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def results(model, rows):
    """Everything that a model gives of these rows, by name."""
    found = {"reconstruct": model.reconstruct(rows)}
    if "code" in model.can:
        found["code"] = model.encode(rows)
        found["decode"] = model.decode(found["code"])
    if "draw" in model.can:
        found["draw"] = model.draw(3, torch.Generator().manual_seed(1))
    return found


def first_of_each(found):
    """Every kind in every form, every architecture, and every task with and without a code, at least once."""
    seen, chosen = set(), set()
    for pairing in found:
        coded = "code" in kinds[pairing.kind].gives
        new = {(pairing.kind, pairing.form), pairing.architecture, (pairing.task, coded)} - seen
        if new:
            seen |= new
            chosen.add(pairing)
    return chosen


FEW = first_of_each(PLAIN + ALL)


def every(found):
    """All pairings; in the fast suite those that together have every kind, architecture and task."""
    return pytest.mark.parametrize(
        "pairing", [pytest.param(p, marks=() if p in FEW else pytest.mark.slow, id=str(p)) for p in found]
    )


def test_there_are_pairings_of_every_kind_architecture_and_task():
    assert {p.kind for p in ALL} == set(kinds)
    assert {p.architecture for p in ALL} == set(architectures)
    assert {p.task for p in ALL} == {name for name in tasks if tasks[name].learns_from in CLEAN}


def test_the_fast_suite_leaves_no_kind_architecture_or_task_out():
    assert {(p.kind, p.form) for p in FEW} == {(p.kind, p.form) for p in ALL}
    assert {p.architecture for p in FEW} == set(architectures)
    assert {p.task for p in FEW} == {p.task for p in ALL}


# Shapes


@every(ALL)
def test_shapes_are_what_the_contract_says(pairing):
    model, rows = fitted(pairing), examples(fitted(pairing).shape, 5)
    found = results(model, rows)
    assert found["reconstruct"].shape == rows.shape
    if "code" in model.can:
        assert len(found["code"]) == 5
        assert found["code"].dim() == (4 if "grid" in kinds[pairing.kind].needs else 2)
        assert found["decode"].shape == rows.shape
        torch.testing.assert_close(found["decode"], found["reconstruct"])
    if "draw" in model.can:
        assert found["draw"].shape == (3, *model.shape)
    assert all(torch.isfinite(value).all() and not value.requires_grad for value in found.values())


SHAPES = [(1, 9, 7), (3, 8, 8), (3, 7, 9), (1, 1, 5), (2, 16, 4)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@every([p for p in PLAIN if p.form == "picture"])
def test_pictures_of_odd_sizes_and_several_channels_learn_and_come_back(pairing, shape):
    model = fit(build(pairing, shape), steps=2)
    rows = examples(shape, 3)
    assert all(torch.isfinite(value).all() for value in results(model, rows).values())
    assert model.reconstruct(rows).shape == rows.shape


@every(with_codes(PLAIN))
def test_a_code_of_one_value_is_enough(pairing):
    model = fit(build(pairing, code_size=1), steps=2)
    found = results(model, examples(model.shape, 3))
    assert found["code"].shape[1] >= 1
    assert torch.isfinite(found["reconstruct"]).all()


# Files


@every(ALL)
def test_a_saved_model_comes_back_bit_for_bit(pairing):
    model = fitted(pairing)
    again = from_bytes(to_bytes(model))
    rows = examples(model.shape, 5, seed=1)
    before, after = results(model, rows), results(again, rows)
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert to_bytes(again) == to_bytes(model)


@every(PLAIN)
def test_what_only_training_needs_is_named_and_not_in_the_file(pairing):
    autoencoder = fitted(pairing).autoencoder
    parts = dict(autoencoder.named_children())
    assert set(autoencoder.critics) <= parts.keys()
    assert set(autoencoder.training_only) <= parts.keys()
    again = from_bytes(to_bytes(fitted(pairing))).autoencoder
    assert not set(autoencoder.training_only) & dict(again.named_children()).keys()


# Evaluation


@every(ALL)
def test_a_row_does_not_depend_on_its_batch(pairing):
    # In double precision: in single, rounding alone can move a value to another entry of a codebook.
    model, rows = fresh_copy(pairing).double(), examples(fitted(pairing).shape, 7, seed=2).double()
    together = results(model, rows)
    alone = [results(model, rows[number : number + 1]) for number in range(len(rows))]
    for name in together.keys() - {"draw"}:
        one_by_one = torch.cat([found[name] for found in alone])
        torch.testing.assert_close(one_by_one, together[name], rtol=1e-9, atol=1e-9 * float(together[name].abs().max()))


@every(ALL)
def test_scoring_twice_gives_the_same_and_changes_nothing(pairing):
    model = fresh_copy(pairing)
    batch, rows = batch_of(model), examples(model.shape, 5)
    found = []
    for _ in range(2):
        with torch.no_grad():
            found.append(model.autoencoder(batch, "main", step_at(5)) | results(model, rows))
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])
    assert same(model, fitted(pairing)), "buffers may change only in training"


@every(PLAIN)
def test_one_loaded_model_serves_eight_threads(pairing):
    model = from_bytes(to_bytes(fitted(pairing)))
    inputs = [examples(model.shape, 3, seed=number) for number in range(8)]
    expected = [results(model, rows) for rows in inputs]

    def work(number):
        torch.set_num_threads(1)
        return [results(model, inputs[number]) for _ in range(5)]

    with ThreadPoolExecutor(8) as pool:
        for wanted, rounds in zip(expected, pool.map(work, range(8)), strict=True):
            assert all(torch.equal(wanted[name], found[name]) for found in rounds for name in wanted)


# Training


@every(ALL)
def test_the_same_seed_gives_the_same_bits_and_another_seed_others(pairing):
    assert same(fit(build(pairing)), fitted(pairing))
    if fitted(pairing).autoencoder.turns:
        assert not same(fit(build(pairing, seed=1), seed=1), fitted(pairing))


@every(ALL)
def test_a_stopped_run_goes_on_to_the_same_bits(pairing, tmp_path):
    if not fitted(pairing).autoencoder.turns:
        pytest.skip("fitted in closed form: there is nothing to stop")

    def stop(event):
        if event["event"] == "evaluated" and event["step"] == STEPS // 3:
            signal.raise_signal(signal.SIGTERM)

    with Run.open(tmp_path) as run, pytest.raises(RunStopped):
        fit(build(pairing), run=run, progress=stop)
    with Run.open(tmp_path) as run:
        resumed = fit(build(pairing, seed=7), run=run)  # other first weights: all come from the run
    resumed.card = fitted(pairing).card
    assert same(resumed, fitted(pairing))


@every(ALL)
def test_the_loss_falls(pairing):
    untrained, trained = build(pairing), fitted(pairing)
    rows = examples(trained.shape)
    if untrained.standardise is not None:
        untrained.standardise.learn(rows)
    untrained.autoencoder.start(untrained.facts(rows, ROWS, step_at()))

    def loss(model):
        with torch.no_grad():
            batch = batch_of(model, rows)
            if model.autoencoder.critics:  # what the main turn minimises moves with its critic
                return float((model.autoencoder.restore(batch.x) - batch.target).square().mean())
            return float(model.autoencoder(batch, "main", step_at(STEPS))["loss"])

    if loss(trained) >= loss(untrained):  # an adversary pulls the other way at first
        trained = fit(build(pairing), steps=10 * STEPS)
    assert loss(trained) < loss(untrained) or not trained.autoencoder.turns


@every(ALL)
def test_gradients_reach_every_parameter_of_the_turn_that_owns_it(pairing):
    module = fresh_copy(pairing).autoencoder.train()
    owners = {
        name: next((c for c in module.critics if name.startswith(f"{c}.")), "main")
        for name, parameter in module.named_parameters()
        if parameter.requires_grad
    }
    reached = set()
    for turn in module.turns:
        for seed in range(4):  # one batch may leave a unit dead
            module.zero_grad(set_to_none=True)
            module(batch_of(fitted(pairing), seed=seed), turn, step_at(STEPS - 1, seed=seed))["loss"].backward()
            reached |= {
                name
                for name, parameter in module.named_parameters()
                if owners.get(name) == turn and parameter.grad is not None and parameter.grad.any()
            }
    assert set(owners) - reached == set() or not module.turns


@every(ALL)
def test_losses_are_named_finite_scalars(pairing):
    module = fresh_copy(pairing).autoencoder.train()
    for turn in module.turns:
        named = module(batch_of(fitted(pairing)), turn, step_at(3))
        assert named["loss"].requires_grad
        assert all(value.dim() == 0 and torch.isfinite(value) for value in named.values()), named


@every(ALL)
def test_losses_draw_only_from_the_generator_they_are_given(pairing):
    found = []
    for number in range(2):
        with torch.random.fork_rng():
            torch.manual_seed(number)
            np.random.seed(number)
            random.seed(number)
            before = torch.random.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
            model = fresh_copy(pairing)
            model.autoencoder.train()
            batch = batch_of(model)
            found.append([model.autoencoder(batch, turn, step_at(3)) for turn in model.autoencoder.turns])
            after = torch.random.get_rng_state(), np.random.get_state()[1].tolist(), random.getstate()
            assert torch.equal(before[0], after[0]) and before[1:] == after[1:]
    for one, other in zip(*found, strict=True):
        assert all(torch.equal(one[name], other[name]) for name in one)


@every(PLAIN)
def test_torchs_own_generator_is_left_where_it_was(pairing):
    before = torch.random.get_rng_state()
    model = fit(build(pairing), steps=2)
    results(from_bytes(to_bytes(model)), examples(model.shape, 3))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert not [m for m in model.modules() if isinstance(m, nn.modules.dropout._DropoutNd)]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@every(ALL)
def test_single_and_double_precision_stay_what_they_are(pairing, dtype):
    model = fresh_copy(pairing).to(dtype)
    rows = examples(model.shape).to(dtype)
    assert all(value.dtype == dtype for value in results(model, rows).values())
    module = model.autoencoder.train()
    for turn in module.turns:
        named = module(batch_of(model, rows), turn, step_at(3))
        named["loss"].backward()
        assert named["loss"].dtype == dtype
    assert {t.dtype for t in module.state_dict().values() if t.is_floating_point()} == {dtype}


@every(with_codes(PLAIN))
def test_double_precision_agrees_with_single(pairing):
    model, rows = fitted(pairing), examples(fitted(pairing).shape, 5)
    single, double = results(model, rows), results(copy.deepcopy(model).double(), rows.double())
    scale = float(single["reconstruct"].abs().max())
    close = torch.isclose(single["reconstruct"].double(), double["reconstruct"], rtol=1e-3, atol=1e-4 * scale)
    # Where codes are entries of a codebook, rounding may move one of them to its neighbour.
    assert close.double().mean() >= (0.8 if "indices" in model.can else 1)


# Tables


@every(TABLES)
def test_missing_cells_are_learned_around(pairing):
    rows = examples(TABLE)
    rows[torch.rand(rows.shape, generator=torch.Generator().manual_seed(3)) < 0.3] = torch.nan
    rows[0] = torch.nan
    rows[:, 4] = torch.nan
    model = fit(build(pairing), rows)
    assert all(torch.isfinite(t).all() for t in model.state_dict().values() if t.is_floating_point())
    assert all(torch.isfinite(value).all() for value in results(model, rows).values())


@every(TABLES)
def test_what_a_missing_cell_would_have_been_changes_no_loss(pairing):
    model = fitted(pairing)
    batch = batch_of(model)
    known = torch.ones_like(batch.x)
    known[:, 2] = 0
    found = []
    for wrong in (0.0, 1e3):
        target = torch.where(known > 0, batch.target, torch.full_like(batch.target, wrong))
        with torch.no_grad():
            found.append(model.autoencoder(batch._replace(target=target, weight=known), "main", step_at(3))["loss"])
    assert torch.equal(*found)


# Pairings that cannot work


@pytest.mark.parametrize(
    ("kind", "architecture"), [(k, a) for k in kinds for a in architectures if not fits(k, a)]
)  # fmt: skip
def test_a_kind_with_an_architecture_it_cannot_use_is_refused_with_one_that_works(kind, architecture):
    task = next(p.task for p in ALL if p.kind == kind)
    with pytest.raises(BadPairing) as refused:
        make(shape=PICTURE, kind=kind, architecture=architecture, task=task)
    said = str(refused.value)
    assert kind in said and architecture in said and "\n" not in said
    better = re.search(r"--arch (\w+)", said)
    assert better, said
    make(shape=PICTURE, kind=kind, architecture=better[1], task=task)


@every([p for p in ALL if "table" not in architectures[p.architecture].accepts or "table" not in tasks[p.task].accepts])
def test_a_table_is_refused_by_what_takes_pictures(pairing):
    with pytest.raises(BadPairing, match="table"):
        build(pairing, shape=TABLE)


@pytest.mark.parametrize("loss", [name for name, loss in LOSSES.items() if not loss.is_density])
@pytest.mark.parametrize("kind", [name for name in kinds if "density" in kinds[name].needs_loss])
def test_a_likelihood_kind_refuses_a_loss_that_is_no_density(kind, loss):
    pairing = next(p for p in ALL if p.kind == kind)
    with pytest.raises(BadPairing, match="--loss mse"):
        make(shape=PICTURE, kind=kind, architecture=pairing.architecture, loss=loss)


@every(PLAIN)
def test_every_loss_that_a_kind_accepts_learns(pairing):
    wants_density = "density" in kinds[pairing.kind].needs_loss
    for name, loss in LOSSES.items():
        if (wants_density and not loss.is_density) or (name == "bce" and pairing.form == "table"):
            continue  # refused, or for values in [0, 1]
        if name == "bce" and "whole" in kinds[pairing.kind].needs:
            continue  # refused: it would bend a sum
        model = fit(build(pairing, loss=name), steps=2)
        assert torch.isfinite(model.reconstruct(examples(model.shape, 3))).all(), name
