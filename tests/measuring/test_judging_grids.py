"""Codes that are grids, and sparse ones, beside PCA: with as many values in the whole code, at the size that judges."""

from __future__ import annotations

import pytest
import torch

import narrows
from narrows.measuring.judge import judge
from narrows.model.build import make


def pictures(count, height, width, channels=1):
    draw = torch.Generator().manual_seed(0)
    causes = torch.rand(count, 3, generator=draw) @ torch.rand(3, channels * height * width, generator=draw) / 3
    return list(causes.view(count, channels, height, width))


@pytest.mark.parametrize(("side", "places"), [((8, 8), 16), ((9, 7), 20)])
def test_pca_has_as_many_values_as_the_whole_grid(side, places):
    model = make(shape=(1, *side), kind="fsq", architecture="conv", code_size=1, n_layers=2, n_nodes=4)
    rows = pictures(40, *side)
    found = judge(model, rows[:30], rows[:5], rows[30:])
    assert model.code_values == places
    assert f"({places} values)" in found.verdict.sentence()
    assert float(found.alternatives["PCA"].errors.mean()) < 1e-6  # three causes: that many values hold them all


def test_pca_has_as_many_values_as_a_sparse_code_has_active_ones():
    options = {"k": 2}
    model = make(shape=(1, 4, 4), kind="sparse", code_size=30, n_layers=2, n_nodes=30, options=options)
    rows = pictures(40, 4, 4)
    found = judge(model, rows[:30], rows[:5], rows[30:])
    assert "(2 values)" in found.verdict.sentence()
    assert float(found.alternatives["PCA"].errors.mean()) > 1e-6  # of three causes


def test_photographs_are_judged_on_patches_of_one_size(picture_folder):
    folder = picture_folder(count=20, height=70, width=90)
    settings = {"kind": "fsq", "steps": 2, "batch_size": 4, "held_out": 0.3, "patch": 16, "n_nodes": (4, 4)}
    found = narrows.fit(folder, **settings)
    assert found.judgement is not None
    assert {tuple(x.shape) for x in found.judgement.network.targets} == {(1, 16, 16)}
    assert "(64 values)" in found.judgement.verdict.sentence()  # 4 values at 4 x 4 places


def test_a_grid_of_another_size_than_its_own_goes_there_and_back():
    model = make(shape=(1, 8, 8), kind="vqvae", architecture="conv", n_layers=2, n_nodes=4, options={"codebook": 8})
    code = model.encode(torch.rand(2, 1, 13, 10))
    assert code.shape == (2, 16, 7, 5)
    assert model.decode(code).shape == (2, 1, 14, 10)
    assert model.reconstruct(torch.rand(2, 1, 13, 10)).shape == (2, 1, 13, 10)
