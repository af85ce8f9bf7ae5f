"""What every architecture's decoder gives: any value at all, at every depth."""

from __future__ import annotations

import pytest
import torch

from narrows._registry import architectures

SHAPES = {"picture": (1, 8, 8), "table": (6,)}
DECODERS = [
    pytest.param(name, form, way, id=f"{name}-{form}-{way}")
    for name in architectures
    for form in sorted(architectures[name].accepts)
    for way in sorted(architectures[name].offers & {"vector", "grid"})
]


@pytest.mark.parametrize("n_layers", [1, 2, 3])
@pytest.mark.parametrize(("name", "form", "way"), DECODERS)
def test_a_decoder_gives_values_of_both_signs_that_no_bound_holds(name, form, way, n_layers):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        arch = architectures[name](shape=SHAPES[form], n_layers=n_layers, n_nodes=4)
        decoder = arch.decoder(3, grid=way == "grid").double()
    code = torch.randn((64, 3), generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    code = code[..., None, None].expand(64, 3, 2, 2) if way == "grid" else code
    with torch.no_grad():
        out, further = decoder(code), decoder(1e6 * code)
    assert out.min() < 0 < out.max()
    assert further.min() < -1e3 and further.max() > 1e3
