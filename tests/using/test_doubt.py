"""The map of doubt: where eight ways to lay a picture give eight results."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from narrows._errors import NotSupported
from narrows.data.images import Photo
from narrows.model.build import make
from narrows.using import doubt as doubting
from narrows.using.doubt import doubt
from narrows.using.laying import WAYS, lay, lay_back


def photo(array: np.ndarray) -> Photo:
    return Photo(array, np.zeros(array.shape[2]), np.full(array.shape[2], 255.0))


@pytest.mark.parametrize("way", range(WAYS))
def test_what_is_laid_can_be_laid_back(way):
    pixels = torch.rand(2, 3, 5, 8)
    assert torch.equal(lay_back(lay(pixels, way), way), pixels)


def test_the_eight_ways_are_eight():
    pixels = torch.rand(1, 4, 4)
    ways = [lay(pixels, way) for way in range(WAYS)]
    assert all(not torch.equal(ways[i], ways[j]) for i in range(WAYS) for j in range(i))


def test_a_net_with_a_code_of_one_size_is_refused(drawn):
    coder = make(shape=(1, 32, 48), architecture="conv", task="denoise", code_size=4)
    with pytest.raises(NotSupported, match="--map"):
        doubt(photo(drawn(32, 48, 1)), model=coder)


@pytest.mark.parametrize("channels", [1, 3])
def test_a_net_that_returns_its_input_is_only_shaken(channels, drawn):
    untrained = make(shape=(1, 16, 16), task="denoise", n_nodes=(8, 8))
    found = doubt(photo(drawn(21, 34, channels)), model=untrained)
    assert found.shape == (21, 34)
    assert float(found.mean()) == pytest.approx(2 / 255, rel=0.1)


def test_a_net_that_prefers_a_side_is_doubted(drawn, stirred):
    found = doubt(photo(drawn(21, 34, 1)), model=stirred(noise=0.2, shape=(1, 16, 16), task="denoise", n_nodes=(8, 8)))
    assert float(found.mean()) > 2 * 2 / 255


def test_tiles_of_the_map_equal_the_whole_but_for_the_noise(drawn, monkeypatch, stirred):
    model = stirred(noise=0.2, shape=(1, 16, 16), task="denoise", n_nodes=(8, 8))
    monkeypatch.setattr(doubting, "_SHAKEN", 0.0)
    whole = doubt(photo(drawn(50, 70, 1)), model=model)
    monkeypatch.setattr(doubting, "_TILE", 16)
    torch.testing.assert_close(doubt(photo(drawn(50, 70, 1)), model=model), whole, atol=1e-4, rtol=0)


def test_the_map_of_an_enlarged_picture_has_its_size(drawn, stirred):
    model = stirred(shape=(1, 16, 16), task="upscale", n_nodes=(8, 8))
    assert doubt(photo(drawn(9, 14, 1)), model=model).shape == (18, 28)


def test_a_formula_and_a_net_of_one_size_have_no_map(drawn):
    with pytest.raises(NotSupported, match="invents nothing"):
        doubt(photo(drawn(9, 14, 1)), task="blur")
    with pytest.raises(NotSupported, match="one size"):
        doubt(photo(drawn(9, 14, 1)), model=make(shape=(1, 9, 14), kind="undercomplete", code_size=4))
