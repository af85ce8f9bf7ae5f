"""Shared blocks: what the encoder sees is what differs from the data's mean."""

from __future__ import annotations

import pytest
import torch

from narrows._contract import DataFacts
from narrows.model.build import make
from narrows.nn.blocks import Centred

EXAMPLES = (
    torch.rand((40, 2, 6, 5), generator=torch.Generator().manual_seed(0)) + torch.tensor([3.0, -1.0])[:, None, None]
)


def test_every_value_has_its_own_mean():
    centre = Centred((2, 6, 5))
    assert torch.equal(centre(EXAMPLES), EXAMPLES)
    centre.learn_mean(EXAMPLES)
    torch.testing.assert_close(centre(EXAMPLES).mean(0), torch.zeros(2, 6, 5), atol=1e-6, rtol=0)


def test_or_every_channel_has_one_at_all_places_of_a_picture_of_any_size():
    centre = Centred((2, 1, 1))
    centre.learn_mean(EXAMPLES)
    shifted = centre(EXAMPLES)
    torch.testing.assert_close(shifted.mean((0, 2, 3)), torch.zeros(2), atol=1e-6, rtol=0)
    torch.testing.assert_close(EXAMPLES - shifted, centre.mean.expand_as(EXAMPLES), atol=1e-6, rtol=0)
    assert centre(torch.zeros(1, 2, 3, 9)).shape == (1, 2, 3, 9)


@pytest.mark.parametrize("size", [1, 3])
def test_rows_of_a_table_have_a_mean_for_each_column(size):
    rows = torch.arange(4.0 * size).view(4, size)
    centre = Centred((size,))
    centre.learn_mean(rows)
    assert torch.equal(centre.mean, rows.mean(0))


@pytest.mark.parametrize(
    ("architecture", "kind"),
    [("mlp", "undercomplete"), ("conv", "undercomplete"), ("resnet", "undercomplete"), ("conv", "vqvae")],
)
def test_what_an_encoder_learns_the_mean_of_is_what_it_will_see(architecture, kind):
    net = make(shape=(1, 8, 8), kind=kind, architecture=architecture).autoencoder
    inputs = torch.rand((30, 1, 8, 8), generator=torch.Generator().manual_seed(0)) + 5
    net.start(DataFacts(30, torch.full((1, 8, 8), 0.5), inputs, torch.Generator()))
    shown = []
    net.encoder[0].register_forward_pre_hook(lambda layer, inputs: shown.append(inputs[0]))
    net.encode(inputs)
    assert abs(float(shown[0].mean())) < 1e-5 < float(inputs.mean())
