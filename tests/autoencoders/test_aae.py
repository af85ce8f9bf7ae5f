"""AAE: the critic never moves the encoder, is not shipped, and codes come to look like draws of N(0, I)."""

from __future__ import annotations

import pytest
import torch

from narrows._contract import Batch, Step
from narrows._errors import BadOption
from narrows.model.build import make
from narrows.model.folder import from_bytes, to_bytes
from narrows.training.config import TrainingConfig
from narrows.training.loop import Supply, train


def model(**options):
    return make(shape=(6,), kind="aae", code_size=2, n_layers=2, n_nodes=16, options=options)


def rows(count=256):
    causes = torch.rand(count, 2, generator=torch.Generator().manual_seed(1))
    return causes @ torch.randn(2, 6, generator=torch.Generator().manual_seed(2))


def test_the_critics_turn_gives_gradients_to_the_critic_alone():
    kind = model().autoencoder.train()
    kind(Batch(rows(8), rows(8)), "critic", Step(0, 1, 8, torch.Generator()))["loss"].backward()
    reached = {name.split(".")[0] for name, p in kind.named_parameters() if p.grad is not None}
    assert reached == {"critic"}


def test_the_main_turn_reaches_the_encoder_through_the_critic():
    kind = model(weight=1.0).autoencoder.train()
    named = kind(Batch(rows(8), rows(8)), "main", Step(0, 1, 8, torch.Generator()))
    named["known"].backward()
    assert kind.encoder[1].weight.grad.abs().sum() > 0


def test_codes_come_to_look_like_the_prior():
    kind, x = model(weight=0.5).autoencoder, rows()
    supply = Supply(len(x), lambda indices, step: Batch(x[indices], x[indices]))
    config = TrainingConfig(steps=300, batch_size=64, learning_rate=3e-3, device="cpu", ema=0.9)
    train(kind, supply, None, config)
    with torch.no_grad():
        code = kind.encode(x)
    assert code.mean(0).abs().max() < 0.5
    assert 0.45 < float(code.std(0).min()) <= float(code.std(0).max()) < 1.6
    assert float((kind.restore(x).detach() - x).square().mean() / x.var(0).mean()) < 0.4


def test_the_critic_is_not_in_the_file():
    again = from_bytes(to_bytes(model()))
    assert "critic" not in dict(again.autoencoder.named_children())
    assert again.draw(3, torch.Generator().manual_seed(0)).shape == (3, 6)


def test_a_negative_weight_is_refused():
    with pytest.raises(BadOption, match="--set weight"):
        model(weight=-0.1)
