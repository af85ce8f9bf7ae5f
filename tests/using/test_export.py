"""A model as an ONNX file gives what the model gives, at sizes that the exporter never saw."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest
import torch

from narrows._errors import CannotWrite, NotSupported, UnknownName, WouldOverwrite
from narrows._registry import tasks
from narrows.using import export as exporting
from narrows.using.export import export, session, to_onnx
from narrows.using.loaded import LoadedModel


@pytest.fixture(scope="module")
def file(onnx, denoiser, tmp_path_factory):
    path = tmp_path_factory.mktemp("exported") / "denoise.onnx"
    return export(denoiser, path)


@pytest.mark.usefixtures("onnx")
@pytest.mark.parametrize("size", [(1, 4, 4), (1, 64, 4), (5, 20, 36)])
def test_the_file_gives_what_the_model_gives_at_any_size(denoiser, file, size):
    count, height, width = size
    picture, extra = torch.rand(count, 1, height, width), torch.rand(count, 1, height, width)
    found = session(file.path.read_bytes()).run(["restored"], {"picture": picture.numpy(), "extra": extra.numpy()})[0]
    with torch.no_grad():
        wanted = denoiser.autoencoder.restore(torch.cat([picture, extra], 1)).numpy()
    assert np.abs(wanted - picture.numpy()).max() > 1e-2  # else copying would do
    assert np.abs(found - wanted).max() <= 1e-4


@pytest.mark.usefixtures("onnx")
def test_what_was_written_was_compared_on_several_sizes(file):
    assert file.difference <= 1e-4
    assert len({size[2:] for size in file.sizes}) >= 3
    assert len({size[0] for size in file.sizes}) >= 3
    assert file.size == file.path.stat().st_size


@pytest.mark.usefixtures("onnx")
def test_the_file_says_what_a_program_must_know(denoiser, file):
    run = session(file.path.read_bytes())
    facts = json.loads(run.get_modelmeta().custom_metadata_map["narrows"])
    assert facts["task"] == "denoise"
    assert facts["stride"] == denoiser.net_facts.stride and facts["reach"] == denoiser.net_facts.reach
    assert "255/55" in facts["extra"]
    assert [one.name for one in run.get_inputs()] == list(file.inputs) == ["picture", "extra"]
    free = [side for side in run.get_inputs()[0].shape if isinstance(side, str)]
    assert len(free) == 3 and run.get_inputs()[0].shape[1] == 1


@pytest.mark.parametrize("name", list(tasks))
def test_tasks_that_tell_the_net_something_say_what(name):
    assert bool(tasks[name].extra) == bool(tasks[name].extra_meaning)


@pytest.mark.usefixtures("onnx")
def test_a_code_comes_out_too_and_only_the_batch_is_free_where_it_fixes_the_size(stirred):
    model = stirred(shape=(1, 8, 8), kind="undercomplete", architecture="mlp", code_size=3, n_nodes=8)
    run = session(to_onnx(model))
    pictures = torch.rand(5, 1, 8, 8)
    restored, code = run.run(["restored", "code"], {"picture": pictures.numpy()})
    assert np.abs(restored - model.reconstruct(pictures).numpy()).max() <= 1e-4
    assert np.abs(code - model.encode(pictures).numpy()).max() <= 1e-4


@pytest.mark.usefixtures("onnx")
def test_tables_go_in_and_out_in_their_own_units_with_missing_cells(stirred):
    model = stirred(shape=(4,), kind="undercomplete", architecture="mlp", code_size=2, n_nodes=8)
    rows = torch.randn(6, 4) * torch.tensor([1.0, 10, 100, 1000]) + 50
    model.standardise.learn(rows)
    rows[2, 1] = torch.nan
    restored, code = session(to_onnx(model)).run(None, {"rows": rows.numpy()})
    assert np.abs(restored - model.reconstruct(rows).numpy()).max() <= 1e-3
    assert np.abs(code - model.encode(rows).numpy()).max() <= 1e-4


@pytest.mark.usefixtures("onnx")
@pytest.mark.needs_shipped_models
def test_a_shipped_model_can_be_exported(tmp_path):
    from narrows.model import zoo
    from narrows.model.folder import load

    found = LoadedModel(load(next(iter(zoo.shipped().values())))).export(tmp_path / "deep" / "net.onnx")
    assert found.difference is not None and found.difference <= 1e-4


@pytest.mark.usefixtures("onnx")
def test_a_file_that_differs_from_the_model_is_not_written(denoiser, tmp_path, monkeypatch, stirred):
    other = stirred(shape=(1, 16, 16), task="denoise", n_nodes=(8, 8))
    other.autoencoder.net.tail.bias.data += 0.01
    data = to_onnx(other)
    monkeypatch.setattr(exporting, "to_onnx", lambda model: data)
    with pytest.raises(NotSupported, match=r"differs from the model by 0\.01"):
        export(denoiser, tmp_path / "net.onnx")
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("onnx")
def test_without_onnxruntime_the_file_is_written_and_was_not_compared(denoiser, tmp_path, monkeypatch):
    monkeypatch.setattr(exporting, "_is_there", lambda name: name != "onnxruntime")
    found = export(denoiser, tmp_path / "net.onnx")
    assert found.path.exists() and found.difference is None and found.sizes == ()


def test_without_the_packages_one_is_told_what_to_type(denoiser, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setattr(exporting, "_is_there", lambda name: name == "onnx")
    with pytest.raises(NotSupported, match=r"onnxscript not installed here; type: pip install 'narrows\[onnx\]'"):
        export(denoiser, tmp_path / "net.onnx")


def test_what_stands_there_is_kept(denoiser, tmp_path):
    (tmp_path / "net.onnx").write_text("mine")
    with pytest.raises(WouldOverwrite):
        export(denoiser, tmp_path / "net.onnx")
    assert (tmp_path / "net.onnx").read_text() == "mine"


def test_other_formats_are_refused_by_name(denoiser, tmp_path):
    with pytest.raises(UnknownName, match="tflite"):
        export(denoiser, tmp_path / "net.tflite", to="tflite")


@pytest.mark.usefixtures("onnx")
def test_a_folder_that_cannot_be_made_is_said(denoiser, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite):
        export(denoiser, tmp_path / "file" / "net.onnx")
