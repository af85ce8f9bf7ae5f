"""Another engine computes the net: the same picture to 1e-4, from a file that is kept."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import narrows
from narrows._errors import NotSupported, UnknownName
from narrows.using import engines, export
from narrows.using.restore import restore_tensor


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The user's cache, for this test alone."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    engines._sessions.clear()
    return tmp_path / "cache" / "narrows"


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """A cache that keeps what is exported: exporting takes seconds."""
    return tmp_path_factory.mktemp("kept")


@pytest.fixture
def exported_once(kept, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(kept))


@pytest.mark.usefixtures("onnx", "exported_once")
def test_both_engines_give_the_same_in_tiles_and_at_odd_sizes(denoiser):
    pixels = torch.rand(2, 3, 61, 45)
    one = restore_tensor(denoiser, pixels, tile=32, level=20)
    other = restore_tensor(denoiser, pixels, tile=32, level=20, engine="onnxruntime")
    assert float((one - pixels).abs().max()) > 1e-2
    assert float((one - other).abs().max()) <= 1e-4


@pytest.mark.usefixtures("onnx", "exported_once")
@pytest.mark.parametrize("size", [(1, 1), (1, 9), (3, 1)])
def test_the_smallest_pictures_pass(denoiser, size):
    picture = np.full(size, 100, np.uint8)
    one, other = (narrows.restore(picture, model=denoiser, engine=name) for name in engines.ENGINES)
    assert np.abs(one.astype(int) - other).max() <= 1


@pytest.mark.usefixtures("onnx")
def test_the_net_is_exported_once_and_kept_under_its_own_bytes(denoiser, cache, monkeypatch, stirred):
    pixels = torch.rand(1, 1, 8, 8)
    restore_tensor(denoiser, pixels, engine="onnxruntime")
    (kept,) = cache.iterdir()
    engines._sessions.clear()  # another process
    monkeypatch.setattr(engines, "to_onnx", lambda model: pytest.fail("exported again"))
    restore_tensor(denoiser, pixels, engine="onnxruntime")
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache.parent))
    other = stirred(shape=(1, 16, 16), task="denoise", n_nodes=(8, 8))
    other.autoencoder.net.tail.bias.data += 0.1
    restore_tensor(other, pixels, engine="onnxruntime")
    assert len(list(cache.iterdir())) == 2 and kept.exists()


@pytest.mark.usefixtures("onnx")
def test_a_damaged_file_in_the_cache_is_made_anew(denoiser, cache):
    pixels = torch.rand(1, 1, 8, 8)
    wanted = restore_tensor(denoiser, pixels, engine="onnxruntime")
    (kept,) = cache.iterdir()
    whole = kept.stat().st_size
    kept.write_bytes(b"no net")
    engines._sessions.clear()
    assert torch.equal(restore_tensor(denoiser, pixels, engine="onnxruntime"), wanted)
    assert kept.stat().st_size == whole


@pytest.mark.usefixtures("onnx")
def test_a_cache_that_cannot_be_written_costs_nothing_but_time(denoiser, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert restore_tensor(denoiser, torch.rand(1, 1, 8, 8), engine="onnxruntime").shape == (1, 1, 8, 8)


def test_a_formula_has_nothing_for_an_engine():
    with pytest.raises(NotSupported, match=r"blur is computed by a formula.*leave out --engine onnxruntime"):
        narrows.restore(np.zeros((8, 8)), task="blur", engine="onnxruntime")


def test_another_engine_is_refused_by_name(denoiser):
    with pytest.raises(UnknownName, match="no engine called 'tensorrt'; known: onnxruntime, torch"):
        restore_tensor(denoiser, torch.rand(1, 1, 8, 8), engine="tensorrt")


def test_an_engine_that_is_not_installed_says_what_to_type(denoiser, monkeypatch):
    monkeypatch.setattr(export, "_is_there", lambda name: False)
    with pytest.raises(NotSupported, match="onnxruntime not installed here; type: pip install"):
        restore_tensor(denoiser, torch.rand(1, 1, 8, 8), engine="onnxruntime")
