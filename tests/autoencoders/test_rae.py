"""RAE: small codes and small decoder weights, and nothing to draw from until a prior is fitted."""

from __future__ import annotations

import pytest
import torch

from narrows._contract import Batch, Step
from narrows._errors import BadOption, NotSupported
from narrows.model.build import make


def model(**options):
    return make(shape=(6,), kind="rae", code_size=3, n_layers=2, n_nodes=16, options=options)


def test_the_loss_is_the_sum_of_its_named_parts():
    kind = model(beta=0.5, decay=2.0).autoencoder
    x = torch.randn(8, 6, generator=torch.Generator().manual_seed(0))
    named = kind(Batch(x, x), "main", Step(0, 1, 8, torch.Generator()))
    torch.testing.assert_close(named["size"], 0.5 * kind.encode(x).square().mean())
    matrices = torch.cat([p.flatten() for p in kind.decoder.parameters() if p.dim() == 2])
    torch.testing.assert_close(named["weights"], matrices.square().mean())
    torch.testing.assert_close(named["loss"], named["error"] + 0.5 * named["size"] + 2 * named["weights"])


def test_drawing_says_that_a_prior_is_missing():
    with pytest.raises(NotSupported, match="prior"):
        model().draw(3, torch.Generator())


@pytest.mark.parametrize("options", [{"beta": -1.0}, {"decay": -1.0}])
def test_senseless_options_are_refused_with_what_to_type(options):
    with pytest.raises(BadOption, match="--set beta"):
        model(**options)
