"""What goes wrong without an error is said while there is time, once, and taken back where it passes."""

import pytest
import torch

import narrows
from narrows.autoencoders.sparse import Sparse
from narrows.pages._phrases import translated
from narrows.training.watch import said, watch

WRONG = [
    {"kl_per_value": 0.004},
    {"kl_2": 0.001},
    {"codebook_use": 0.05},
    {"dead": 0.5},
    {"critic.right": 0.99, "known": 6.0},
]
FINE = [
    {"kl_per_value": 0.02, "kl_1": 5.0},
    {"codebook_use": 0.1},
    {"dead": 0.49},
    {"critic.right": 0.99, "known": 3.0},
    {"critic.right": 0.9, "known": 6.0},
    {"loss": 0.0, "kl": 0.0},
]


@pytest.mark.parametrize("named", WRONG, ids=str)
def test_each_thing_that_goes_wrong_is_said_in_both_languages(named):
    (found,) = watch(named, 0.5)
    remark = f"step 7: {found.sentence}"
    assert said([remark]) == {found.mark}
    assert translated(remark, "vi")
    assert translated(f"step 9: no longer so: {found.mark}", "vi")


@pytest.mark.parametrize("named", FINE, ids=str)
def test_nothing_is_said_of_what_is_well(named):
    assert watch(named, 1.0) == []


@pytest.mark.parametrize("named", WRONG, ids=str)
def test_nothing_is_said_before_a_run_has_found_its_feet(named):
    assert watch(named, 0.1) == []


def test_several_things_can_go_wrong_at_once():
    assert len(watch({name: value for one in WRONG for name, value in one.items()}, 1.0)) == len(WRONG)


def test_other_remarks_are_no_warnings():
    assert (
        said(["step 3: memory ran out at 8 examples at once (so it was); went on", "the critic has won (once)"])
        == set()
    )


def pictures(count=40):
    return torch.rand(count, 4, 4, generator=torch.Generator().manual_seed(0)).numpy()


def fitted(**more):
    events = []
    found = narrows.fit(
        pictures(), n_nodes=8, steps=40, batch_size=8, evaluations=8, validation=0.1, progress=events.append, **more
    )
    return found, events


def test_a_collapsed_code_is_said_once_in_the_remarks_and_as_an_event():
    found, events = fitted(
        kind="variational",
        code_size=4,
        learning_rate=0.03,
        clip=0,
        options={"beta": 1e4, "warmup": 0.0, "start": "random"},
    )
    told = [remark for remark in found.history.remarks if "says almost nothing" in remark]
    assert len(told) == 1
    (warning,) = [event for event in events if event["event"] == "warning"]
    assert warning["remark"] == told[0] and warning["step"] < 40
    assert told[0] in found.model.card["training"]["remarks"]


def test_a_healthy_run_says_nothing():
    found, _ = fitted(kind="variational", code_size=4, loss="mse", options={"beta": 0.0})
    assert found.history.remarks == []


def test_what_has_passed_by_the_end_is_taken_back(monkeypatch):
    shares = iter([0.1] * 10 + [0.9] * 10 + [0.2] * 100)
    losses = Sparse.losses

    def with_deaths(self, batch, turn, step):
        named = losses(self, batch, turn, step)
        if self.training:
            named["dead"] = torch.tensor(next(shares))
        return named

    monkeypatch.setattr(Sparse, "losses", with_deaths)
    found, events = fitted(kind="sparse", code_size=16)
    assert [said([remark]) != set() for remark in found.history.remarks] == [True, False]
    assert "no longer so: half of the units" in found.history.remarks[1]
    assert [event["event"] for event in events if event["event"] in ("warning", "passed")] == ["warning", "passed"]


@pytest.mark.parametrize("kind", ["variational", "iwae", "betatc", "vampprior", "hierarchical", "vqvae", "fsq"])
def test_kinds_that_can_collapse_log_what_is_watched(kind):
    from narrows._contract import Step
    from narrows.model.build import make

    model = make(shape=(1, 8, 8), kind=kind, architecture="conv", n_nodes=4)
    step = Step(0, 10, 6, torch.Generator().manual_seed(0))
    named = model.autoencoder.losses(model.batch(torch.rand(6, 1, 8, 8), step), "main", step)
    assert {"kl_per_value", "codebook_use"} & named.keys()
