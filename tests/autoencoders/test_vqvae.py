"""VQ-VAE: the codebook's running means against a hand computation, revival, straight-through, and indices."""

from __future__ import annotations

import math

import pytest
import torch

from narrows._contract import Batch, DataFacts, Step
from narrows._errors import BadOption
from narrows.model.build import make


def model(codebook=8, shape=(1, 8, 8), code_size=2, **options):
    options = {"codebook": codebook, **options}
    return make(
        shape=shape, kind="vqvae", architecture="conv", code_size=code_size, n_layers=2, n_nodes=4, options=options
    )


def pictures(count=6, seed=0):
    return torch.rand(count, 1, 8, 8, generator=torch.Generator().manual_seed(seed))


def step(seed=0):
    return Step(0, 10, 6, torch.Generator().manual_seed(seed))


def test_the_codebook_follows_the_running_mean_of_what_it_was_given():
    kind = model(codebook=2, decay=0.75, revive_below=0.0).autoencoder.double()
    kind.vectors.copy_(torch.tensor([[0.0, 0.0], [10.0, 10.0]]))
    kind.counts.copy_(torch.tensor([2.0, 1.0]))
    kind.sums.copy_(torch.tensor([[0.0, 0.0], [10.0, 10.0]]))
    outputs = torch.tensor([[1.0, 1.0], [3.0, 1.0], [9.0, 7.0]], dtype=torch.float64)
    kind._learn(outputs, torch.tensor([0, 0, 1]), torch.Generator())
    # counts: .75 * (2, 1) + .25 * (2, 1); sums: .75 * (0 0, 10 10) + .25 * (4 2, 9 7)
    torch.testing.assert_close(kind.counts, torch.tensor([2.0, 1.0]).double())
    torch.testing.assert_close(kind.sums, torch.tensor([[1.0, 0.5], [9.75, 9.25]]).double())
    torch.testing.assert_close(kind.vectors, torch.tensor([[0.5, 0.25], [9.75, 9.25]]).double())


def test_vectors_that_nobody_uses_stay_where_they_are_when_none_are_to_move():
    kind = model(codebook=2, decay=0.5, revive_below=0.0).autoencoder
    kind.vectors.copy_(torch.tensor([[0.0, 0.0], [10.0, 10.0]]))
    kind.sums.copy_(kind.vectors)
    for _ in range(200):
        kind._learn(torch.ones(3, 2), torch.zeros(3, dtype=torch.long), torch.Generator())
    torch.testing.assert_close(kind.vectors, torch.tensor([[1.0, 1.0], [10.0, 10.0]]))


def test_vectors_that_nobody_uses_move_to_encoder_outputs():
    kind = model(codebook=4).autoencoder
    kind.vectors.copy_(torch.tensor([[0.0, 0.0], [1e3, 0.0], [0.0, 1e3], [1e3, 1e3]]))
    kind.counts.copy_(torch.tensor([5.0, 0.05, 0.05, 5.0]))
    kind.sums.copy_(kind.vectors * kind.counts[:, None])
    outputs = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    kind._learn(outputs, torch.zeros(50, dtype=torch.long), torch.Generator().manual_seed(0))
    assert all((outputs == vector).all(1).any() for vector in kind.vectors[1:3])
    assert (kind.vectors[3] > 900).all()  # used lately: it stays


def test_all_vectors_are_in_use_after_the_start():
    kind = model(codebook=16).autoencoder
    x = pictures(30)
    kind.start(DataFacts(30, x.mean(0), x, torch.Generator().manual_seed(0)))
    assert len(kind.to_indices(kind.encoder(x)).unique()) == 16


def test_how_much_of_the_codebook_a_batch_uses_is_said():
    kind = model(codebook=8).autoencoder
    alike = torch.full((6, 1, 8, 8), 0.5)
    kind.start(DataFacts(6, alike.mean(0), alike, torch.Generator().manual_seed(0)))
    kind.vectors.add_(torch.arange(8.0)[:, None])  # one is at the codes, and the others are not
    named = kind.train().losses(Batch(alike, alike), "main", step())
    assert float(named["perplexity"]) == pytest.approx(1)
    assert float(named["codebook_use"]) == pytest.approx(1 / 8)
    few = pictures(1)
    kind.start(DataFacts(1, few.mean(0), few, torch.Generator().manual_seed(0)))
    assert float(kind.losses(Batch(few, few), "main", step())["codebook_use"]) <= 1


def test_judging_leaves_the_codebook_alone():
    kind = model().autoencoder.eval()
    before = {name: buffer.clone() for name, buffer in kind.named_buffers()}
    kind(Batch(pictures(), pictures()), "main", step())
    assert all(torch.equal(before[name], buffer) for name, buffer in kind.named_buffers())


def test_the_encoder_gets_the_decoders_gradient_straight_through():
    kind = model(commitment=0.0).autoencoder.train()
    x = pictures()
    kind(Batch(x, x), "main", step())["loss"].backward()
    assert kind.encoder[-1].weight.grad.abs().sum() > 0


def test_every_place_is_given_the_nearest_vector_and_indices_round_trip():
    whole = model(codebook=5)
    kind, x = whole.autoencoder.eval(), pictures()
    outputs = kind.encoder(x)
    nearest = torch.cdist(outputs.movedim(1, -1).flatten(0, -2), kind.vectors).argmin(1)
    indices = kind.to_indices(outputs)
    assert torch.equal(indices.flatten(), nearest)
    code = whole.encode(x)
    assert torch.equal(kind.to_indices(code), indices)
    assert torch.equal(kind.from_indices(indices), code)
    assert (whole.code_shape, whole.code_values, whole.code_bits) == ((2, 4, 4), 32, 16 * math.log2(5))


@pytest.mark.parametrize("options", [{"codebook": 1}, {"commitment": -1.0}, {"decay": 1.0}, {"revive_below": -1.0}])
def test_senseless_options_are_refused_with_what_is_taken(options):
    with pytest.raises(BadOption, match="take"):
        model(**options)
