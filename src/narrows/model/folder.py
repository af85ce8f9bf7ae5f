"""A model is a folder: `model.safetensors`, `model.json`, `README.md`. Never a pickle, never code.

The card and every tensor's checksum also stand in the safetensors file's metadata, so that this one file is enough
and a single changed bit is known. Loading builds the net without memory first and compares what the card promises
with what the file holds, so a hostile card cannot make the program allocate what is not there.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from narrows._errors import BadModelFile, CannotWrite, NarrowsError
from narrows._files import make_folder, refuse_to_overwrite, write_atomically
from narrows.model import card as cards
from narrows.model.build import build
from narrows.model.model import Model

WEIGHTS, CARD, README = "model.safetensors", "model.json", "README.md"
_COMING = ".model.json.coming"
"""The card of the model that is about to take another's place."""
_CENTRED, _CENTRE = 2, "encoder.mean"
"""The first format in which encoders hold the mean of their inputs; before, it is 0."""
_BESIDE = 3
"""The first format in which convolutions may have a linear map beside them; before, they have none."""
_SHARED, _DRAWS = 4, "autoencoder.decoder.linear.weight"
"""The first format in which a decoder's linear map is handed a share of the code; before, all of it."""


def to_bytes(model: Model) -> bytes:
    """The whole model as the bytes of one safetensors file."""
    skipped = tuple(f"autoencoder.{name}." for name in model.autoencoder.training_only)
    state = model.state_dict()
    tensors = {n: t.detach().cpu().contiguous() for n, t in state.items() if not n.startswith(skipped or ("\0",))}
    if model.card.get("stored") == cards.HALF:
        tensors = {name: tensor.half() if tensor.dtype == torch.float32 else tensor for name, tensor in tensors.items()}
    text = cards.dump(model.card)
    sums = {name: _checksum(tensor) for name, tensor in tensors.items()}
    header = {
        "card": text,
        "card_sha256": hashlib.sha256(text.encode()).hexdigest(),
        "checksums": json.dumps(sums, sort_keys=True),
    }
    return _in_order(safetensors.torch.save(tensors, header))


def from_bytes(data: bytes, where: str = "these bytes") -> Model:
    """The model in the bytes of a safetensors file. Raises BadModelFile for anything but a whole one."""
    header = _header(data, where)
    card = cards.parse(header.get("card", ""), where)
    if header.get("card_sha256") != hashlib.sha256(header["card"].encode()).hexdigest():
        raise BadModelFile(f"{where} has a damaged card; get the model anew")
    try:
        tensors = safetensors.torch.load(data)
        sums = json.loads(header.get("checksums", "null"))
    except (ValueError, TypeError, safetensors.SafetensorError) as error:
        raise BadModelFile(f"{where} is damaged ({error}); get the model anew") from error
    if not isinstance(sums, dict) or sums != {name: _checksum(tensor) for name, tensor in tensors.items()}:
        raise BadModelFile(f"{where} has damaged weights: a checksum does not fit; get the model anew")
    if card.get("stored") == cards.HALF:
        tensors = {
            name: tensor.float() if tensor.dtype == torch.float16 else tensor for name, tensor in tensors.items()
        }
    return _filled(card, tensors, where)


def save(model: Any, folder: str | Path, *, readme: str = "", force: bool = False) -> Path:
    """Write the folder of a model, as `make` or `narrows.load` gave it.

    Raises WouldOverwrite when a model stands there and `force` is not given; CannotWrite.
    """
    model, folder = getattr(model, "model", model), Path(folder)
    make_folder(folder)
    for name in (WEIGHTS, CARD, README):
        refuse_to_overwrite(folder / name, force)
    # The weights last: a folder without them is not taken for a model. Where a model stands, its card must fit its
    # weights whenever this is cut short, so the new one only lies ready until the new weights are there.
    stands = (folder / WEIGHTS).exists()
    write_atomically(folder / README, readme.encode())
    write_atomically(folder / (_COMING if stands else CARD), cards.dump(model.card).encode())
    write_atomically(folder / WEIGHTS, to_bytes(model))
    if stands:
        try:
            os.replace(folder / _COMING, folder / CARD)
        except OSError as error:
            raise CannotWrite(f"{folder / CARD} could not be written ({error.strerror or error})") from error
    return folder


def load(path: str | Path) -> Model:
    """A model from its folder, or from its safetensors file alone. Runs no code, reads no pickle.

    Raises BadModelFile.
    """
    path = Path(path)
    file = path / WEIGHTS if path.is_dir() else path
    if not file.exists():
        raise BadModelFile(f"{path} is no model: {file} does not exist; a model is a folder that 'narrows fit' wrote")
    if file.suffix != ".safetensors":
        raise BadModelFile(f"{path} is no model: a model is a folder, or its file {WEIGHTS}; pickles are never read")
    try:
        data = file.read_bytes()
        beside = (path / CARD).read_bytes() if path.is_dir() and (path / CARD).exists() else None
        coming = (path / _COMING).read_bytes() if beside is not None and (path / _COMING).exists() else None
    except OSError as error:
        raise BadModelFile(f"{path} cannot be read ({error.strerror})") from error
    if path.is_dir() and beside is None:
        raise BadModelFile(f"{path} lacks {CARD}; restore it, or give {file} alone")
    if beside is not None:
        cards.parse(beside, str(path / CARD))  # for a better sentence where it is no card at all
        own = _header(data, str(file)).get("card", "").encode()
        # Byte by byte: a float has spare digits. Where a kill came between new weights and their card, that lies ready.
        if own not in (beside, coming):
            raise BadModelFile(f"{path / CARD} and {file} disagree; one of them was changed: get the model anew")
    return from_bytes(data, str(file))


def _header(data: bytes, where: str) -> dict[str, str]:
    """The metadata of a safetensors file: 8 bytes of length, then JSON."""
    try:
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or length > len(data) - 8 or length > 100 << 20:
            raise ValueError("it is cut short")
        metadata = json.loads(data[8 : 8 + length]).get("__metadata__")
        if not isinstance(metadata, dict):
            raise ValueError("it carries no model card")
        for value in metadata.values():
            if not isinstance(value, str):
                raise ValueError("what its header says is not all text")
            value.encode()  # raises for half a character, which JSON can hold
        return metadata
    except (ValueError, AttributeError, RecursionError) as error:
        raise BadModelFile(
            f"{where} is no narrows model ({error}); a model is a folder that 'narrows fit' wrote"
        ) from error


def _in_order(data: bytes) -> bytes:
    """The same file with its header sorted: safetensors writes metadata in random order, and the same model should be
    the same bytes, for whoever compares or caches them."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(json.loads(data[8:end]), sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    header += b" " * (-len(header) % 8)  # tensors begin at multiples of 8 bytes
    return len(header).to_bytes(8, "little") + header + data[end:]


def _filled(card: dict[str, Any], tensors: dict[str, Tensor], where: str) -> Model:
    if card["format"] < _BESIDE and card["architecture"]["name"] in ("conv", "resnet"):
        card["architecture"]["options"].setdefault("start", "random")
    try:
        with torch.device("meta"):
            model = build(card)
    except NarrowsError as error:
        raise BadModelFile(f"{where} cannot be built: {str(error)[:300]}") from error
    except (TypeError, ValueError, RuntimeError, KeyError, IndexError, AttributeError) as error:
        raise BadModelFile(f"{where} has a card that no model fits ({str(error)[:300]})") from error
    skipped = tuple(f"autoencoder.{name}." for name in model.autoencoder.training_only)
    wanted = {n: t for n, t in model.state_dict().items() if not n.startswith(skipped or ("\0",))}
    new = {n: t for n, t in wanted.items() if card["format"] < _CENTRED and n.endswith(_CENTRE)}
    _compare({n: t for n, t in wanted.items() if n not in new}, tensors, where)
    tensors = tensors | {name: torch.zeros(tensor.shape, dtype=tensor.dtype) for name, tensor in new.items()}
    if card["format"] < _SHARED and _DRAWS in tensors:
        decoder: Any = model.autoencoder.decoder
        tensors = tensors | {_DRAWS: tensors[_DRAWS] / decoder.share}
    model.card["format"] = cards.FORMAT
    model.load_state_dict(tensors, strict=not skipped, assign=True)
    for name in model.autoencoder.training_only:
        delattr(model.autoencoder, name)
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    return model.in_layout().eval()


def _compare(wanted: dict[str, Tensor], came: dict[str, Tensor], where: str) -> None:
    missing, beyond = wanted.keys() - came.keys(), came.keys() - wanted.keys()
    if missing or beyond:
        names = ", ".join(sorted(missing or beyond)[:3])
        raise BadModelFile(f"{where} {'lacks' if missing else 'holds more than its card says:'} {names}")
    for name, tensor in came.items():
        if tensor.shape != wanted[name].shape or tensor.dtype != wanted[name].dtype:
            raise BadModelFile(
                f"{where} has {name} as {tensor.dtype} {tuple(tensor.shape)}; its card says "
                f"{wanted[name].dtype} {tuple(wanted[name].shape)}"
            )
        if tensor.is_floating_point() and not torch.isfinite(tensor).all():
            raise BadModelFile(f"{where} has values in {name} that are not numbers")


def _checksum(tensor: Tensor) -> int:
    return zlib.crc32(tensor.view(-1).view(torch.uint8).numpy().data) if tensor.numel() else 0
