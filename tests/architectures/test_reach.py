"""The declared `reach` of every architecture that takes any size, measured by gradient; and what tiles rest on."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from narrows._registry import architectures
from narrows.using.tiles import through

NETS = [
    pytest.param(name, way, n_layers, marks=pytest.mark.slow if n_layers == 4 else ())
    for name in architectures
    if architectures[name].any_size
    for way in sorted(architectures[name].offers & {"grid", "whole"})
    for n_layers in (1, 2, 3, 4)
]


def net_of(name, way, n_layers, channels=1, extra=0):
    """A net from picture to picture and its architecture; no weight is negative, so that ReLU cuts no path."""
    arch = architectures[name](shape=(channels, 32, 32), extra=extra, n_layers=n_layers, n_nodes=4)
    random = torch.Generator().manual_seed(0)
    with torch.random.fork_rng(devices=[]):
        net = arch.whole() if way == "whole" else nn.Sequential(arch.encoder(3, grid=True), arch.decoder(3, grid=True))
    for parameter in net.parameters():
        fan = max(1, parameter[0].numel())
        parameter.data = torch.rand(parameter.shape, generator=random, dtype=torch.float64) * 2 / fan
    return net.double(), arch


def measured(net, arch):
    """Pixels, each way, from an output pixel to the furthest input pixel whose gradient is not 0."""
    side = 2 * (-(-arch.reach // arch.stride) + 2) * arch.stride
    middle = side // 2 // arch.stride * arch.stride
    x = torch.rand((3, arch.shape[0], side, side), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x.requires_grad_()
    out, found = net(x), 0
    for phase in range(arch.stride):
        place = middle + phase
        (gradient,) = torch.autograd.grad(out[..., place, place].sum(), x, retain_graph=True)
        rows, cols = gradient.abs().sum((0, 1)).nonzero(as_tuple=True)
        found = max(found, int((rows - place).abs().max()), int((cols - place).abs().max()))
    return found


@pytest.mark.parametrize(("name", "way", "n_layers"), NETS)
def test_no_output_pixel_depends_on_more_than_the_declared_reach(name, way, n_layers):
    net, arch = net_of(name, way, n_layers)
    found = measured(net, arch)
    assert found <= arch.reach, f"declared {arch.reach}, measured {found}"
    # A reach that is declared far too large would be safe and slow.
    assert arch.reach - found <= 2 * arch.stride, f"declared {arch.reach}, measured {found}"


@pytest.mark.parametrize("size", [(1, 40), (40, 1), (1, 1), (32, 48), (45, 31)])
@pytest.mark.parametrize(("name", "way", "n_layers"), NETS)
def test_tiles_equal_the_whole_at_every_depth(name, way, n_layers, size):
    net, arch = net_of(name, way, n_layers, channels=3)
    pixels = torch.rand((2, 3, *size), generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    whole = through(net, pixels, stride=arch.stride, reach=None)
    parts = through(net, pixels, stride=arch.stride, reach=arch.reach, tile=2 * arch.stride)
    torch.testing.assert_close(parts, whole, rtol=1e-9, atol=0)


@pytest.mark.parametrize(("name", "way", "n_layers"), NETS)
def test_a_net_of_any_size_keeps_the_size_of_its_input(name, way, n_layers):
    net, arch = net_of(name, way, n_layers, channels=2, extra=1)
    for height, width in ((arch.stride, 3 * arch.stride), (2 * arch.stride, arch.stride)):
        out = net(torch.rand((1, 3, height, width), dtype=torch.float64))
        assert out.shape == (1, 2, height, width)


@pytest.mark.parametrize("name", [n for n in architectures if "grid" in architectures[n].offers])
def test_one_code_position_stands_for_one_stride_of_pixels(name):
    for n_layers in (1, 2, 3):
        arch = architectures[name](shape=(1, 32, 32), n_layers=n_layers, n_nodes=4)
        code = arch.encoder(5, grid=True)(torch.rand(1, 1, 4 * arch.stride, 2 * arch.stride))
        assert code.shape == (1, 5, 4, 2)
