"""A model folder comes back bit for bit; whatever is not whole, or not safe, is refused in one sentence."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import safetensors.torch
import torch

import narrows
from narrows._errors import BadModelFile, CannotWrite, WouldOverwrite
from narrows.model.build import make
from narrows.model.folder import CARD, README, WEIGHTS, from_bytes, load, save, to_bytes


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return save(make(shape=(1, 8, 8), code_size=4, n_nodes=(16,)), tmp_path / "model", readme="# A model\n")


@pytest.mark.parametrize(
    "settings",
    [
        {"shape": (1, 8, 8)},
        {"shape": (3, 9, 7), "kind": "variational", "architecture": "conv", "n_nodes": 4},
        {"shape": (4,), "kind": "denoising"},
        {"shape": (1, 16, 16), "task": "denoise", "n_nodes": (8, 8)},
    ],
)
def test_a_saved_model_comes_back_bit_for_bit(settings, tmp_path):
    model = make(**settings)
    again = load(save(model, tmp_path / "m"))
    assert again.card == model.card
    x = torch.rand((2, *settings["shape"]))
    assert torch.equal(again.reconstruct(x), model.reconstruct(x))
    assert to_bytes(again) == to_bytes(model)


def test_the_folder_holds_three_files_and_no_pickle(folder):
    assert sorted(path.name for path in folder.iterdir()) == sorted([WEIGHTS, CARD, README])
    assert (folder / README).read_text() == "# A model\n"


def test_a_loaded_model_asks_for_no_gradient(folder):
    assert not any(parameter.requires_grad for parameter in load(folder).parameters())
    assert not load(folder).training


def test_a_standing_model_is_not_written_over_without_force(folder):
    before = (folder / WEIGHTS).read_bytes()
    other = make(shape=(1, 8, 8), seed=5)
    with pytest.raises(WouldOverwrite, match="--force"):
        save(other, folder)
    assert (folder / WEIGHTS).read_bytes() == before
    save(other, folder, force=True)
    assert load(folder).card == other.card


class Killed(BaseException):
    """Nothing in the program expects this."""


def dying_at(count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process dies just before its file number `count`, from 0, takes its place."""
    own, left = os.replace, [count]

    def replace(source, target):
        if not left[0]:
            raise Killed
        left[0] -= 1
        own(source, target)

    monkeypatch.setattr(os, "replace", replace)


@pytest.mark.parametrize("moment", range(4))
def test_a_kill_while_a_model_is_replaced_leaves_the_old_one_or_the_new_one(folder, moment, monkeypatch):
    old, new = load(folder), make(shape=(1, 8, 8), seed=5, code_size=3)
    with monkeypatch.context() as dying, pytest.raises(Killed):
        dying_at(moment, dying)
        save(new, folder, force=True)
    assert to_bytes(load(folder)) in (to_bytes(old), to_bytes(new))
    save(new, folder, force=True)
    assert to_bytes(load(folder)) == to_bytes(new)
    assert sorted(path.name for path in folder.iterdir()) == sorted([WEIGHTS, CARD, README])


def test_a_card_that_was_edited_is_noticed_also_after_a_kill(folder, monkeypatch):
    """What lies ready for the next model excuses no card but the old one until that model is there."""
    with monkeypatch.context() as dying, pytest.raises(Killed):
        dying_at(2, dying)
        save(make(shape=(1, 8, 8), seed=5), folder, force=True)
    (folder / CARD).write_bytes((folder / CARD).read_bytes() + b" ")
    with pytest.raises(BadModelFile, match="disagree"):
        load(folder)


@pytest.mark.parametrize("moment", range(3))
def test_a_kill_while_the_first_model_is_written_leaves_none(tmp_path, moment, monkeypatch):
    with monkeypatch.context() as dying, pytest.raises(Killed):
        dying_at(moment, dying)
        save(make(shape=(4,)), tmp_path / "m")
    with pytest.raises(BadModelFile, match="is no model"):
        load(tmp_path / "m")
    assert load(save(make(shape=(4,)), tmp_path / "m", force=True)).shape == (4,)


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CannotWrite, match="--out"):
        save(make(shape=(4,)), tmp_path / "file" / "model")


@pytest.mark.parametrize("part", [0.02, 0.3, 0.6, 0.97])
def test_one_changed_bit_anywhere_is_noticed(folder, part):
    data = bytearray((folder / WEIGHTS).read_bytes())
    data[int(len(data) * part)] ^= 0x10
    with pytest.raises(BadModelFile):
        from_bytes(bytes(data))


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.999])
def test_a_file_cut_short_is_refused(folder, part):
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[: int(len(data) * part)])
    with pytest.raises(BadModelFile, match=WEIGHTS):
        load(folder)


def test_a_card_beside_the_weights_that_was_edited_is_noticed(folder):
    card = json.loads((folder / CARD).read_text())
    card["scores"] = {"psnr": 99.0}
    (folder / CARD).write_text(json.dumps(card))
    with pytest.raises(BadModelFile, match="disagree"):
        load(folder)


def test_a_folder_without_its_card_is_refused_but_the_file_alone_is_enough(folder):
    (folder / CARD).unlink()
    with pytest.raises(BadModelFile, match=CARD):
        load(folder)
    assert load(folder / WEIGHTS).code_size == 4


@pytest.mark.parametrize("name", ["model.pt", "model.pkl", "model.bin"])
def test_a_pickle_is_never_opened(tmp_path, name):
    class Bomb:
        def __reduce__(self):
            return (Path(tmp_path / "ran").touch, ())

    (tmp_path / name).write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(BadModelFile, match="pickles are never read"):
        load(tmp_path / name)
    (tmp_path / name).rename(tmp_path / WEIGHTS)
    with pytest.raises(BadModelFile):
        load(tmp_path / WEIGHTS)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("path", ["nothing", "empty"])
def test_a_place_without_a_model_is_said(tmp_path, path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadModelFile, match="narrows fit"):
        load(tmp_path / path)


def forge(folder: Path, change: Callable[[dict, dict], Any]) -> bytes:
    """A file whose checksums are right but whose card or tensors somebody changed."""
    from narrows.model.folder import _checksum

    tensors = safetensors.torch.load_file(folder / WEIGHTS)
    card = json.loads((folder / CARD).read_text())
    change(card, tensors)
    text = json.dumps(card)
    header = {
        "card": text,
        "card_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "checksums": json.dumps({name: _checksum(tensor) for name, tensor in tensors.items()}),
    }
    return safetensors.torch.save(tensors, header)


_WEIGHT = "autoencoder.encoder.1.weight"


def _set(*path: str, to: Any) -> Callable[[dict, dict], None]:
    def change(card: dict, tensors: dict) -> None:
        at = card
        for key in path[:-1]:
            at = at[key]
        at[path[-1]] = to

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda card, tensors: tensors.pop(_WEIGHT),
        lambda card, tensors: tensors.update(more=torch.zeros(3)),
        lambda card, tensors: tensors.update({_WEIGHT: tensors[_WEIGHT][:-1].clone()}),
        lambda card, tensors: tensors.update({_WEIGHT: tensors[_WEIGHT].half()}),
        lambda card, tensors: tensors[_WEIGHT].fill_(torch.nan),
        lambda card, tensors: tensors[_WEIGHT].fill_(torch.inf),
        _set("kind", "name", to="os.system"),
        _set("kind", "name", to="../../evil"),
        _set("architecture", "name", to="unet"),
        _set("architecture", "options", to={}),
        _set("architecture", "options", to={"n_nodes": "16", "n_layers": 2}),
        _set("architecture", "options", to={"n_nodes": [1 << 30], "n_layers": 2}),
        _set("architecture", "options", to={"n_nodes": None, "n_layers": 2}),
        _set("kind", "options", to={"code_size": 1 << 40}),
        _set("kind", "options", to={"code_size": None}),
        _set("kind", "options", to={"code_size": 4, "unheard_of": 1}),
        _set("kind", "options", to={"code_size": 4, "net": 1}),
        _set("shape", to=[1, 1 << 20, 1 << 20]),
        _set("loss", to="../mse"),
        _set("link", to="exec"),
        _set("form", to="sound"),
    ],
)
def test_a_forged_file_is_refused_in_a_sentence_and_allocates_nothing(folder, change):
    with pytest.raises(BadModelFile) as caught:
        from_bytes(forge(folder, change), "forged")
    assert "\n" not in str(caught.value) and "forged" in str(caught.value)


@pytest.mark.parametrize("name", ["card", "card_sha256", "checksums", "more"])
@pytest.mark.parametrize("value", [{"a": 1}, [], 1, None, "half of a \ud800 character"])
def test_a_header_that_holds_anything_but_text_is_refused_in_a_sentence(folder, name, value):
    data = (folder / WEIGHTS).read_bytes()
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"][name] = value
    text = json.dumps(header).encode()
    (folder / WEIGHTS).write_bytes(len(text).to_bytes(8, "little") + text + data[end:])
    for place in (folder, folder / WEIGHTS):
        with pytest.raises(BadModelFile, match="is no narrows model"):
            load(place)


def test_a_card_with_half_a_character_is_refused_since_it_can_be_written_nowhere(folder):
    with pytest.raises(BadModelFile, match="no readable model card"):
        from_bytes(forge(folder, _set("about", to={"command": "narrows fit \ud800"})))


def test_the_net_is_built_without_memory_before_it_is_compared(folder, monkeypatch):
    from narrows.model import folder as module

    places = []
    own = module.build

    def watched(card):
        model = own(card)
        places.extend(tensor.device.type for tensor in model.state_dict().values())
        return model

    monkeypatch.setattr(module, "build", watched)
    load(folder)
    assert set(places) == {"meta"}


def test_a_forged_file_without_changes_is_read(folder):
    assert from_bytes(forge(folder, lambda card, tensors: None)).code_size == 4


def test_what_load_gave_can_be_saved_again(tmp_path):
    save(make(shape=(4,)), str(tmp_path / "first"))
    save(narrows.load(tmp_path / "first"), tmp_path / "again")
    assert (tmp_path / "first" / WEIGHTS).read_bytes() == (tmp_path / "again" / WEIGHTS).read_bytes()


def test_weights_stored_at_half_precision_take_half_the_bytes_and_are_used_as_floats(tmp_path):
    model = make(shape=(1, 8, 8), code_size=8, n_nodes=(64,))
    whole = len(to_bytes(model))
    model.card["stored"] = "float16"
    assert len(to_bytes(model)) < 0.6 * whole
    again = load(save(model, tmp_path / "m"))
    assert {value.dtype for value in again.state_dict().values()} == {torch.float32}
    x = torch.rand((4, 1, 8, 8), generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(again.reconstruct(x), model.reconstruct(x), atol=2e-3, rtol=0)
    assert to_bytes(again) == to_bytes(model)


def test_weights_are_not_stored_otherwise(tmp_path):
    model = make(shape=(1, 8, 8), code_size=4, n_nodes=(16,))
    model.card["stored"] = "int8"
    with pytest.raises(BadModelFile, match="stored='int8'"):
        from_bytes(to_bytes(model))
