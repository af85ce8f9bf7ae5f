"""Tiles equal the whole for every architecture that takes pictures of any size, and cover each pixel once."""

from __future__ import annotations

import pytest
import torch

from narrows._registry import architectures
from narrows.using.tiles import pad_to, through, tiles

ANY_SIZE = [name for name in architectures if architectures[name].any_size]


def net_of(name: str) -> tuple:
    """A net from picture to picture, with random weights in every layer, and its architecture."""
    cls = architectures[name]
    arch = cls(shape=(1, 32, 32), n_nodes=(4, 4))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        if "whole" in cls.offers:
            net = arch.whole()
        else:
            net = torch.nn.Sequential(arch.encoder(3, grid=True), arch.decoder(3, grid=True))
        for parameter in net.parameters():
            parameter.data += 0.1 * torch.randn(parameter.shape)
    return net.double(), arch


@pytest.mark.parametrize("tile", [8, 24, 40])
@pytest.mark.parametrize("size", [(57, 64), (64, 39), (3, 90)])
@pytest.mark.parametrize("name", ANY_SIZE)
def test_tiles_equal_the_whole(name, size, tile):
    net, arch = net_of(name)
    pixels = torch.rand((1, 1, *size), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = through(net, pixels, stride=arch.stride, reach=None)
    parts = through(net, pixels, stride=arch.stride, reach=arch.reach, tile=tile)
    assert whole.std() > 0
    torch.testing.assert_close(parts, whole, atol=1e-9, rtol=0)


@pytest.mark.parametrize("name", ANY_SIZE)
def test_a_halo_that_is_too_small_would_be_seen(name):
    """The check above is worth something only if it fails for a reach that is wrong."""
    net, arch = net_of(name)
    pixels = torch.rand((1, 1, 96, 96), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    whole = through(net, pixels, stride=arch.stride, reach=None)
    parts = through(net, pixels, stride=arch.stride, reach=0, tile=24)
    assert (parts - whole).abs().max() > 1e-6


@pytest.mark.parametrize(
    ("height", "width", "stride", "tile"), [(1, 1, 1, 1), (10, 7, 4, 4), (64, 64, 8, 3), (5, 99, 2, 9)]
)
def test_each_pixel_is_covered_once_and_tiles_start_on_the_stride(height, width, stride, tile):
    count = torch.zeros(height, width)
    for one in tiles(height, width, stride=stride, reach=3, tile=tile):
        count[one.rows, one.cols] += 1
        assert one.seen_rows.start % stride == 0 and one.seen_cols.start % stride == 0
        assert one.seen_rows.start <= one.rows.start and one.seen_rows.stop >= one.rows.stop
    assert count.min() == count.max() == 1


@pytest.mark.parametrize("size", [(1, 1), (2, 5), (7, 8), (8, 8), (9, 1)])
def test_padding_rounds_up_and_keeps_the_picture(size):
    pixels = torch.rand((1, 2, *size))
    padded = pad_to(pixels, 8)
    assert all(side % 8 == 0 and side - own < 8 for side, own in zip(padded.shape[-2:], size, strict=True))
    assert torch.equal(padded[..., : size[0], : size[1]], pixels)
