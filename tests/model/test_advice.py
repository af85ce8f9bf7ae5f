"""What is refused says what to type, and whoever types it is not refused for the same reason: walks every pairing."""

from __future__ import annotations

import itertools
import re

import pytest
import torch

from narrows import BadPairing, NotSupported
from narrows._registry import architectures, kinds, priors, tasks
from narrows.model import build
from narrows.nn.losses import LOSSES

SHAPES = {"table": (6,), "picture": (1, 16, 16)}
OPTIONS = {"--kind": "kind", "--arch": "architecture", "--task": "task", "--loss": "loss"}


@pytest.fixture
def refusal(monkeypatch):
    """Why `make` refuses a pairing, without building what it does not refuse; None where it does not."""
    monkeypatch.setattr(build, "build", lambda card: None)
    known: dict[tuple, str | None] = {}

    def asked(shape, **said):
        key = (shape, *sorted(said.items(), key=str))
        if key not in known:
            try:
                build.make(shape=shape, **said)
                known[key] = None
            except BadPairing as error:
                known[key] = str(error)
        return known[key]

    return asked


@pytest.mark.parametrize("form", SHAPES)
def test_typing_what_a_refusal_says_leads_to_a_model(refusal, form):
    shape, refused = SHAPES[form], 0
    asked = itertools.product(tasks, (None, *kinds), (None, *architectures), ("mse",))
    of_losses = itertools.product(("reconstruct", "denoise"), kinds, (None,), LOSSES)
    for task, kind, arch, loss in itertools.chain(asked, of_losses):
        said = {"task": task, "kind": kind, "architecture": arch, "loss": loss}
        reasons = []
        while (reason := refusal(shape, **said)) is not None:
            assert reason not in reasons and len(reasons) < 4, (said, reasons)
            reasons.append(reason)
            typed = re.findall(r"(--(?:kind|arch|task|loss)) (\w+)", reason)
            assert typed, reason
            said[OPTIONS[typed[0][0]]] = typed[0][1]
        refused += bool(reasons)
    assert refused


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ({"kind": "vqvae"}, "vqvae works on pictures only; this is a table: --kind undercomplete"),
        ({"kind": "direct"}, "direct works on pictures only; this is a table: --kind undercomplete"),
        ({"task": "denoise"}, "denoise works on pictures only; this is a table: --task reconstruct"),
        ({"architecture": "conv"}, "conv works on pictures only; this is a table: --arch mlp"),
        ({"loss": "bce"}, "bce is for values in [0, 1], and the columns of a table are standardised: --loss mse"),
    ],
)
def test_tables_are_told_what_is_for_pictures_only(refusal, said, reason):
    assert refusal((6,), **said) == reason


@pytest.mark.parametrize(("kind", "prior"), [("undercomplete", "mixture"), ("vqvae", "autoregressive")])
def test_a_model_without_a_prior_says_how_to_keep_one_that_fits(kind, prior):
    model = build.make(shape=(1, 16, 16), kind=kind)
    with pytest.raises(NotSupported, match=f"--prior {prior} --data TRAINING-DATA --keep"):
        model.draw(1, torch.Generator())
    build.make_prior(model, prior, {})


def test_a_model_without_a_code_is_not_told_to_fit_a_prior():
    with pytest.raises(NotSupported, match="no code, so there is nothing to draw; fit with --kind variational"):
        build.make(shape=(1, 16, 16), task="denoise").draw(1, torch.Generator())


def test_a_prior_that_does_not_fit_says_one_that_does():
    for kind in ("undercomplete", "vqvae"):
        model = build.make(shape=(1, 16, 16), kind=kind)
        for name in priors:
            try:
                build.make_prior(model, name, {})
            except BadPairing as error:
                build.make_prior(model, str(error).rpartition("--prior ")[2], {})
