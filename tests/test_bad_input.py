"""Broken things that people hand over: each gets one sentence that says what came, what is accepted and what to type.

A case is what is broken, how it is made, the call, the error, and words that its sentence must hold. Nothing of the
user's may change: every file below the case's folder is the same before and after.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import shutil
import struct
import time
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from PIL import Image

import narrows
from narrows import (
    BadData,
    BadModelFile,
    BadOption,
    BadPairing,
    BadPicture,
    BadRun,
    CannotWrite,
    NarrowsError,
    NotSupported,
    UnknownName,
    WouldOverwrite,
)  # fmt: skip
from narrows._files import temporary_of
from narrows.data import reading
from narrows.data.images import open_photo, save_photo
from narrows.model.folder import from_bytes, to_bytes
from narrows.model.folder import load as load_model

RANDOM = np.random.default_rng(3)
PICTURES = RANDOM.integers(0, 256, (20, 8, 8), dtype=np.uint8)
ROWS = RANDOM.normal(size=(40, 6))


class Case(NamedTuple):
    make: Callable[[Path], Any]
    """Puts the broken thing below a folder, and gives what is handed to `call`."""
    call: Callable[[Any], Any]
    error: type[NarrowsError]
    words: tuple[str, ...]


def fit(data: Any, **more: Any) -> Any:
    return narrows.fit(data, **({"steps": 2, "code_size": 2, "n_layers": 2, "n_nodes": 8} | more))


def given(value: Any) -> Callable[[Path], Any]:
    return lambda place: value


def _file(name: str, data: bytes | str) -> Callable[[Path], Path]:
    def make(place: Path) -> Path:
        (place / name).write_bytes(data.encode() if isinstance(data, str) else data)
        return place / name

    return make


def _folder(*files: Callable[[Path], Any]) -> Callable[[Path], Path]:
    def make(place: Path) -> Path:
        for file in files:
            file(place)
        return place

    return make


def _png(name: str = "a.png", seed: int = 0) -> Callable[[Path], Path]:
    out = io.BytesIO()
    Image.fromarray(PICTURES[seed]).save(out, "PNG")
    return _file(name, out.getvalue())


def _jpeg(share: float) -> Callable[[Path], Path]:
    out = io.BytesIO()
    Image.fromarray(np.kron(PICTURES[0], np.ones((16, 16), np.uint8))).save(out, "JPEG")
    return _file("a.jpg", out.getvalue()[: int(share * len(out.getvalue()))])


def _claiming(width: int, height: int, depth: int = 8) -> bytes:
    """A PNG whose header claims a size that its data do not hold."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")


def _link(name: str, to: str) -> Callable[[Path], Path]:
    def make(place: Path) -> Path:
        (place / name).symlink_to(to)
        return place / name

    return make


def _pipe(place: Path) -> Path:
    os.mkfifo(place / "a.png")
    return place / "a.png"


def _equal(place: Path) -> Path:
    for number in range(5):
        _png(f"{number}.png")(place)
    return place


def _npz(place: Path) -> Path:
    np.savez(place / "a.npz", one=ROWS, two=ROWS)
    return place / "a.npz"


def _pickled(place: Path) -> Path:
    np.save(place / "a.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    return place / "a.npy"


def _columns(**changed: Any) -> np.ndarray:
    """The table with some cells changed."""
    rows = ROWS.copy()
    for name, value in changed.items():
        rows[:, int(name[1:])] = value
    return rows


IDX = bytes([0, 0, 8, 3]) + b"".join(n.to_bytes(4, "big") for n in PICTURES.shape) + PICTURES.tobytes()

DATA: dict[str, Case] = {
    # Folders and files
    "an empty folder": Case(_folder(), fit, BadData, ("holds no picture and no table", ".png", ".csv")),
    "nothing there": Case(lambda p: p / "gone", fit, BadData, ("gone does not exist", "give a folder")),
    "a name beyond what a disk holds": Case(lambda p: p / ("x" * 5000), fit, BadData, ("does not exist",)),
    "a name with a zero byte": Case(lambda p: f"{p}/a\0b", fit, BadData, ("does not exist",)),
    "one picture": Case(_folder(_png()), fit, BadData, ("one picture came", "at least 3")),
    "one picture as a file": Case(_png(), fit, BadData, ("one picture came", "at least 3")),
    "two pictures": Case(
        _folder(_png("a.png", 0), _png("b.png", 1)), fit, BadData, ("2 different pictures", "at least 3")
    ),
    "all pictures equal": Case(_equal, fit, BadData, ("all 5 pictures are equal", "nothing to learn")),
    "a folder of texts": Case(
        _folder(_file("a.txt", "hello"), _file("b.md", "hello")), fit, BadData, ("holds no picture", "a.txt", ".png")
    ),
    "a folder of hidden pictures": Case(_folder(_png(".a.png")), fit, BadData, ("holds no picture",)),
    "a folder whose pictures are all broken": Case(
        _folder(_file("a.png", "text"), _file("b.jpg", b"")), fit, BadData, ("none of the 2 pictures", "empty")
    ),
    "a folder of two tables": Case(
        _folder(_file("a.csv", "a\n1\n2\n"), _file("b.csv", "a\n1\n2\n")), fit, BadData, ("2 tables", "narrows fit")
    ),
    "a text file": Case(_file("notes.txt", "hello"), fit, BadData, ("notes.txt", "neither picture nor table")),
    "a pipe to learn from": Case(_pipe, fit, BadData, ("a.png", "not a file")),
    "a link that points at itself to learn from": Case(
        _link("a.png", "a.png"), fit, BadData, ("link that leads nowhere", "give a folder")
    ),
    "no data": Case(given(None), fit, BadData, ("neither data nor pairs came", "narrows fit DATA")),
    "an empty list": Case(given([]), fit, BadData, ("list came", "a path")),
    "a list of numbers": Case(given([1, 2, 3]), fit, BadData, ("int came", "NumPy arrays")),
    # One picture file
    "a 0-byte file": Case(_file("a.png", b""), open_photo, BadPicture, ("0 bytes", "get the file anew")),
    "a truncated JPEG": Case(_jpeg(0.6), open_photo, BadPicture, ("a.jpg", "truncated", "PNG, JPEG")),
    "a JPEG of its first bytes": Case(_jpeg(0.02), open_photo, BadPicture, ("a.jpg", "PNG, JPEG")),
    "a PNG that claims 60,000 x 60,000": Case(
        _file("a.png", _claiming(60_000, 60_000)), open_photo, BadPicture, ("claims", "megapixels", "cut it")
    ),
    "a 16-bit PNG that claims 60,000 x 60,000": Case(
        _file("a.png", _claiming(60_000, 60_000, 16)), open_photo, BadPicture, ("60000x60000", "178 megapixels")
    ),
    "a PNG that claims more than it holds": Case(
        _file("a.png", _claiming(4000, 4000)), open_photo, BadPicture, ("cannot be read as a picture",)
    ),
    "a PNG of no pixels": Case(_file("a.png", _claiming(0, 10)), open_photo, BadPicture, ("a.png",)),
    "a text file named .png": Case(
        _file("a.png", "hello, world"), open_photo, BadPicture, ("cannot be read as a picture", "TIFF, WebP")
    ),
    "a web page named .jpg": Case(
        _file("a.jpg", "<!DOCTYPE html><html></html>"), open_photo, BadPicture, ("cannot be read as a picture",)
    ),
    "a link that points at itself": Case(_link("a.png", "a.png"), open_photo, BadPicture, ("a.png", "picture")),
    "a link to nothing": Case(_link("a.png", "gone.png"), open_photo, BadPicture, ("does not exist",)),
    "a folder where a picture is expected": Case(
        lambda p: p, open_photo, BadPicture, ("is a folder", "one picture file", "photo.png")
    ),
    "a pipe": Case(_pipe, open_photo, BadPicture, ("no file", "give the path of a picture")),
    "a TIFF of its first bytes": Case(_file("a.tif", b"II*\0\x08\0\0\0"), open_photo, BadPicture, ("a.tif",)),
    # Tables
    "a table of text only": Case(
        _file("a.csv", "name,place\nAn,Hue\nBinh,Hanoi\n"), fit, BadData, ("no column of numbers", "name, place")
    ),
    "a table with infinities": Case(
        _file("a.csv", "a,b\n1,2\n3,inf\n5,6\n"), fit, BadData, ("infinities in b", "leave those cells empty")
    ),
    "an array with infinities": Case(given(_columns(c2=np.inf)), fit, BadData, ("infinities in column 3",)),
    "numbers too large to square": Case(given(_columns(c2=1e200)), fit, BadData, ("beyond 1e+30", "column 3")),
    "a table of one row": Case(_file("a.csv", "a,b\n1,2\n"), fit, BadData, ("has 1 row", "at least 3")),
    "a table of two different rows": Case(
        given(np.array([[0.0, 1], [1, 0], [0, 1]])), fit, BadData, ("2 different", "at least 3")
    ),
    "a table of equal rows": Case(given(np.ones((9, 4))), fit, BadData, ("same values in every row",)),
    "a table of no known cell": Case(given(np.full((9, 4), np.nan)), fit, BadData, ("no known cell",)),
    "a table of no columns": Case(given(np.ones((9, 0))), fit, BadData, ("no columns",)),
    "an empty table file": Case(_file("a.csv", ""), fit, BadData, ("is empty", "a row for each example")),
    "rows of unequal length": Case(_file("a.csv", "a,b\n1,2\n3\n"), fit, BadData, ("1 cells in line 3",)),
    "an array of text": Case(given(np.array([["a", "b"]] * 5)), fit, BadData, ("hold numbers",)),
    "an array of objects": Case(given(np.array([[[None]]] * 5)), fit, BadData, ("object", "hold numbers")),
    "an array of complex numbers": Case(given(ROWS + 1j), fit, BadData, ("complex128", "hold numbers")),
    "an .npz of two arrays": Case(_npz, fit, BadData, ("holds one, two", "name the array to learn from X")),
    "an .npy of Python objects": Case(_pickled, fit, BadData, ("pickles are never read",)),
    "a text named .npy": Case(_file("a.npy", "hello"), fit, BadData, ("cannot be read as a NumPy file",)),
    "an IDX file cut short": Case(
        _file("a-idx3-ubyte", IDX[:-9]), fit, BadData, ("says it holds", "get the file anew")
    ),
    "an IDX file of text": Case(_file("a-idx3-ubyte", "hello"), fit, BadData, ("no IDX file", "magic number")),
    "a gzipped IDX file cut short": Case(
        _file("a-idx3-ubyte.gz", gzip.compress(IDX)[:-20]), fit, BadData, ("cannot be read as an IDX file",)
    ),
    # Arrays of pictures
    "pictures with NaN": Case(
        given(np.where(PICTURES > 250, np.nan, PICTURES / 255.0)), fit, BadData, ("not numbers", "replace NaN")
    ),
    "pictures around -3": Case(given(PICTURES / 10.0 - 3), fit, BadData, ("from -3", "0 to 1")),
    "pictures beyond 16 bits": Case(given(PICTURES.astype(np.int64) * 1000), fit, BadData, ("65535",)),
    "one number": Case(given(np.float64(3)), fit, BadData, ("float64 came",)),
    "an array of five dimensions": Case(
        given(np.zeros((2, 2, 2, 2, 2))), fit, BadData, ("shape (2, 2, 2, 2, 2)", "N H W")
    ),
    "an array of no pictures": Case(given(np.zeros((0, 8, 8), np.uint8)), fit, BadData, ("shape (0, 8, 8)",)),
    "a picture in an array of one": Case(given(PICTURES[:1]), fit, BadData, ("one picture came",)),
}


def options(error: type[NarrowsError], *words: str, data: Any = PICTURES, **settings: Any) -> Case:
    return Case(given(data), lambda value: fit(value, **settings), error, words)


OPTIONS: dict[str, Case] = {
    "code size 0": options(BadOption, "code_size=0", "1 to 64", "--code-size", code_size=0),
    "code size -1": options(BadOption, "code_size=-1", "1 to 64", code_size=-1),
    "code size beyond the input": options(BadOption, "code_size=65", "1 to 64", code_size=65),
    "code size of a table beyond its columns": options(BadOption, "code_size=7", "1 to 6", data=ROWS, code_size=7),
    "code size as text": options(BadOption, "code_size='many'", "whole number", code_size="many"),
    "code size 2.5": options(BadOption, "code_size=2.5", "whole number", code_size=2.5),
    "an unknown kind": options(
        UnknownName, "no kind called 'variatonal'", "did you mean variational", kind="variatonal"
    ),
    "a kind that is a path": options(UnknownName, "no kind called '../../etc/passwd'", kind="../../etc/passwd"),
    "a kind that is private": options(UnknownName, "no kind called '_gaussian'", kind="_gaussian"),
    "an unknown task": options(UnknownName, "no task called 'denoize'", "did you mean denoise", task="denoize"),
    "an unknown architecture": options(
        UnknownName, "no architecture called 'resnt'", "did you mean resnet", architecture="resnt"
    ),
    "an unknown loss": options(UnknownName, "no loss called 'mze'", "did you mean mse", loss="mze"),
    "an unknown setting": options(UnknownName, "'codesize'", "did you mean code_size", codesize=3),
    "an unknown option of a kind": options(UnknownName, "'bata'", kind="variational", options={"bata": 2}),
    "a code for a kind without one": options(
        BadOption, "direct has no code", kind="direct", architecture="unet", code_size=3, task="denoise"
    ),
    "a pairing that cannot work": options(
        BadPairing, "undercomplete needs", "unet offers whole", "--arch", kind="undercomplete", architecture="unet"
    ),
    "a net for pictures on a table": options(
        BadPairing, "conv works on pictures", "table", data=ROWS, architecture="conv"
    ),
    "a task for pictures on a table": options(
        BadPairing, "denoise works on pictures", "table", data=ROWS, task="denoise"
    ),
    "a likelihood with a loss that is none": options(
        BadPairing, "variational needs a loss that is a density", "--loss mse", kind="variational", loss="charbonnier"
    ),
    "no layers": options(BadOption, "n_layers=0", n_layers=0),
    "-1 layers": options(BadOption, "n_layers=-1", n_layers=-1),
    "layers as text": options(BadOption, "n_layers='two'", n_layers="two"),
    "a million layers": options(BadOption, "n_layers=1000000", n_layers=1_000_000),
    "no nodes": options(BadOption, "n_nodes", n_nodes=0),
    "nodes as text": options(BadOption, "n_nodes", n_nodes="many"),
    "nodes for another number of layers": options(BadOption, "n_nodes", n_layers=2, n_nodes=(8, 8, 8, 8)),
    "two budgets": options(BadOption, "--epochs and --steps", "exactly one budget", steps=3, epochs=1),
    "no steps": options(BadOption, "steps=0", "above 0", steps=0),
    "minutes that never end": options(BadOption, "minutes=inf", steps=None, minutes=float("inf")),
    "minutes that are no number": options(BadOption, "minutes=nan", steps=None, minutes=float("nan")),
    "a batch of none": options(BadOption, "batch_size=0", batch_size=0),
    "a batch as text": options(BadOption, "batch_size='big'", batch_size="big"),
    "a negative learning rate": options(BadOption, "learning_rate=-0.1", learning_rate=-0.1),
    "an average that forgets nothing": options(BadOption, "ema=1", "below 1", ema=1.0),
    "a precision of another name": options(BadOption, "precision='half'", "32-true", precision="half"),
    "everything held out": options(BadOption, "held_out=1", "0 to below 0.9", held_out=1.0),
    "held out as text": options(BadOption, "held_out='some'", held_out="some"),
    "a size of 0": options(BadOption, "size=(0, 8)", "--size", size=(0, 8)),
    "a size of one number": options(BadOption, "size=", "--size", size=8),
    "0 channels": options(BadOption, "channels=0", "1 (grey)", channels=0),
    "a group that is no pattern": Case(
        lambda place: _folder(*(_png(f"{n}.png", n) for n in range(4)))(place),
        lambda place: fit(place, group_by="("),
        BadOption,
        ("--group-by '('", "it takes folder"),
    ),
    "beta that is negative": options(BadOption, "beta=-1", kind="variational", options={"beta": -1.0}),
    "a device that this machine has not": options(BadOption, "device='mps'", "--device cpu", device="mps"),
    "a device of another name": options(BadOption, "device='tpu9'", "cpu", device="tpu9"),
    "a model to begin with that is none": options(BadModelFile, "is no model", begin_with="/nowhere/model"),
}


# Models


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A tiny model folder for pictures, one for tables of six columns, one without a code."""
    place = tmp_path_factory.mktemp("models")
    settings: dict[str, dict[str, Any]] = {
        "picture": {"shape": (1, 8, 8), "kind": "undercomplete", "architecture": "mlp", "code_size": 2, "n_nodes": 8},
        "table": {"shape": (6,), "kind": "undercomplete", "architecture": "mlp", "code_size": 2, "n_nodes": 8},
        "direct": {"shape": (1, 16, 16), "task": "denoise", "n_layers": 2, "n_nodes": 8},
    }
    for name, options in settings.items():
        narrows.save(narrows.make(**options), place / name)
    return {name: place / name for name in settings}


def _changed(name: str, change: Callable[[Path], Any]) -> Callable[[Path, dict[str, Path]], Path]:
    def make(place: Path, saved: dict[str, Path]) -> Path:
        shutil.copytree(saved[name], place / "model")
        change(place / "model")
        return place / "model"

    return make


def _rewritten(card: Callable[[dict[str, Any]], Any], name: str = "picture") -> Callable[[Path, dict[str, Path]], Path]:
    """A model whose card was changed and which is consistent in everything else: sums, hashes, both copies."""

    def make(place: Path, saved: dict[str, Path]) -> Path:
        model = load_model(saved[name])
        card(model.card)
        return narrows.save(model, place / "model")

    return make


def _poisoned(value: float) -> Callable[[Path, dict[str, Path]], Path]:
    def make(place: Path, saved: dict[str, Path]) -> Path:
        model = load_model(saved["picture"])
        next(iter(model.parameters())).data.view(-1)[3] = value
        return narrows.save(model, place / "model")

    return make


def _edit(name: str, change: Callable[[bytes], bytes]) -> Callable[[Path], Any]:
    return lambda folder: (folder / name).write_bytes(change((folder / name).read_bytes()))


def _is_a_pickle(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(pickle.dumps({"weights": [1, 2, 3]}))


def _torch_pickle(folder: Path) -> None:
    torch.save({"weights": torch.ones(3)}, folder / "model.safetensors")


def _deep(data: bytes) -> bytes:
    header = b"[" * 200_000
    return len(header).to_bytes(8, "little") + header


def _set(*path: str, to: Any) -> Callable[[dict[str, Any]], Any]:
    def change(card: dict[str, Any]) -> None:
        for key in path[:-1]:
            card = card[key]
        card[path[-1]] = to

    return change


MODELS: dict[str, tuple[Callable[[Path, dict[str, Path]], Any], tuple[str, ...]]] = {
    "no model at all": (lambda p, _: p / "gone", ("is no model", "narrows fit")),
    "an empty folder as a model": (lambda p, _: p, ("is no model", "model.safetensors")),
    "a picture as a model": (lambda p, _: _png()(p), ("is no model", "pickles are never read")),
    "a truncated model": (
        _changed("picture", _edit("model.safetensors", lambda d: d[: len(d) // 2])),
        ("model.safetensors", "get the model"),
    ),
    "a model cut in its header": (_changed("picture", _edit("model.safetensors", lambda d: d[:100])), ("cut short",)),
    "an empty model file": (_changed("picture", _edit("model.safetensors", lambda d: b"")), ("cut short",)),
    "a model with something behind": (
        _changed("picture", _edit("model.safetensors", lambda d: d + b"x")),
        ("damaged",),
    ),
    "a model without model.json": (_changed("picture", lambda f: (f / "model.json").unlink()), ("lacks model.json",)),
    "a model without weights": (_changed("picture", lambda f: (f / "model.safetensors").unlink()), ("does not exist",)),
    "a model.json that disagrees": (
        _changed("picture", _edit("model.json", lambda d: d.replace(b'"mse"', b'"l1"'))),
        ("disagree", "get the model"),
    ),
    "a model.json of text": (_changed("picture", _edit("model.json", lambda d: b"hello")), ("no readable model card",)),
    "a model.json that is a list": (
        _changed("picture", _edit("model.json", lambda d: b"[]")),
        ("list where a model card",),
    ),
    "a model.json nested 100,000 deep": (
        _changed("picture", _edit("model.json", lambda d: b"[" * 100_000)),
        ("no readable model card",),
    ),
    "a header nested 200,000 deep": (_changed("picture", _edit("model.safetensors", _deep)), ("no narrows model",)),
    "a header that claims 2**60 bytes": (
        _changed("picture", _edit("model.safetensors", lambda d: (1 << 60).to_bytes(8, "little") + d[8:])),
        ("cut short",),
    ),
    "a model of other software": (
        _changed("picture", _edit("model.safetensors", lambda d: (2).to_bytes(8, "little") + b"{}")),
        ("no model card",),
    ),
    "a pickle renamed model.safetensors": (_changed("picture", _is_a_pickle), ("no narrows model",)),
    "a torch pickle renamed model.safetensors": (_changed("picture", _torch_pickle), ("no narrows model",)),
    "a newer format": (_rewritten(_set("format", to=99)), ("format 99", "pip install --upgrade narrows")),
    "a format of 0": (_rewritten(_set("format", to=0)), ("format",)),
    "an unknown kind in the card": (_rewritten(_set("kind", "name", to="quantum")), ("no kind called 'quantum'",)),
    "a kind that leads out of the package": (
        _rewritten(_set("kind", "name", to="../../../tmp/x")),
        ("no kind called",),
    ),
    "a task of the wrong type": (_rewritten(_set("task", to="denoise")), ("task=",)),
    "a kind without a name": (_rewritten(_set("kind", to={"options": {}})), ("kind=",)),
    "a huge shape": (_rewritten(_set("shape", to=[1, 1 << 24, 1 << 24])), ("model.safetensors",)),
    "a shape beyond all bounds": (_rewritten(_set("shape", to=[1, 1 << 60, 8])), ("has shape",)),
    "a shape of text": (_rewritten(_set("shape", to=["1", "8", "8"])), ("has shape",)),
    "a shape of another model": (_rewritten(_set("shape", to=[1, 9, 9])), ("its card says",)),
    "a form of another model": (_rewritten(_set("form", to="table")), ("has shape",)),
    "a form that is none": (_rewritten(_set("form", to="music")), ("form",)),
    "a huge code": (_rewritten(_set("kind", "options", "code_size", to=1 << 40)), ("code_size=1099511627776",)),
    "a code of text": (_rewritten(_set("kind", "options", "code_size", to="big")), ("code_size='big'",)),
    "a negative code": (_rewritten(_set("kind", "options", "code_size", to=-2)), ("code_size=-2",)),
    "options that nobody has": (_rewritten(_set("kind", "options", "exec", to="rm")), ("card that no model fits",)),
    "a billion layers": (_rewritten(_set("architecture", "options", "n_layers", to=10**9)), ("model.safetensors",)),
    "a million nodes": (
        _rewritten(_set("architecture", "options", "n_nodes", to=[8] * 100_000)),
        ("model.safetensors",),
    ),
    "nodes of text": (_rewritten(_set("architecture", "options", "n_nodes", to="abc")), ("model.safetensors",)),
    "an unknown loss in the card": (_rewritten(_set("loss", to="../loss")), ("no loss called",)),
    "an unknown link in the card": (_rewritten(_set("link", to="hyperlink")), ("model.safetensors",)),
    "a card without its data": (_rewritten(lambda card: card.pop("data")), ("lacks 'data'",)),
    "weights of NaN": (_poisoned(float("nan")), ("not numbers",)),
    "weights of infinity": (_poisoned(float("inf")), ("not numbers",)),
}


def using(name: str, call: Callable[[Any], Any], error: type[NarrowsError], *words: str) -> Any:
    return name, call, error, words


USES: dict[str, tuple[str, Callable[[Any], Any], type[NarrowsError], tuple[str, ...]]] = {
    "a table of another number of columns": using(
        "table", lambda m: m.encode(ROWS[:, :5]), BadData, "(40, 5)", "6 columns"
    ),
    "a 1-column table for a 6-column model": using(
        "table", lambda m: m.encode(ROWS[:, :1]), BadData, "(40, 1)", "6 columns"
    ),
    "rows of text": using("table", lambda m: m.encode([["a"] * 6]), BadData, "numbers"),
    "rows of infinity": using("table", lambda m: m.encode(_columns(c1=np.inf)), BadData, "infinit"),
    "a table of three dimensions": using("table", lambda m: m.encode(ROWS[None]), BadData, "(1, 40, 6)", "6 columns"),
    "a picture for a table's model": using("table", lambda m: m.restore(PICTURES[0]), NotSupported, "table"),
    "a picture of another size": using("picture", lambda m: m.encode(PICTURES[:, :7]), BadData, "(n, 1, 8, 8)"),
    "0-255 values where 0-1 is expected": using(
        "picture", lambda m: m.encode(PICTURES.astype(float)), BadData, "values from", "0 to 1", "divide by 255"
    ),
    "values from -1 to 1": using(
        "picture", lambda m: m.encode(PICTURES / 127.5 - 1), BadData, "values from -1", "0 to 1"
    ),
    "a picture of NaN": using("picture", lambda m: m.encode(np.full((8, 8), np.nan)), BadData, "not numbers"),
    "whole numbers of 64 bits": using("picture", lambda m: m.encode(PICTURES.astype(int)), BadData, "int64", "uint8"),
    "a path for a picture": using(
        "picture", lambda m: m.encode("a.png"), BadData, "the path 'a.png'", "PIL.Image.open"
    ),
    "nothing for a picture": using("picture", lambda m: m.encode(None), BadData, "NoneType came"),
    "an empty list of pictures": using("picture", lambda m: m.encode([]), BadData, "an empty list"),
    "pictures of two sizes": using(
        "picture", lambda m: m.encode([PICTURES[0], PICTURES[0, :5]]), BadData, "several sizes"
    ),
    "codes of another size": using("picture", lambda m: m.decode(np.zeros((2, 3))), BadData, "(2, 3)", "(n, 2)"),
    "codes of text": using("picture", lambda m: m.decode([["a", "b"]]), BadData, "numbers"),
    "a code where there is none": using("direct", lambda m: m.encode(np.zeros((16, 16))), NotSupported, "has no code"),
    "samples without a prior": using("picture", lambda m: m.sample(3), NotSupported, "no prior", "--kind variational"),
    "no samples": using("picture", lambda m: m.sample(0), BadOption, "n=0", "1 or more"),
    "a walk of one step": using(
        "picture", lambda m: m.interpolate(PICTURES[0], PICTURES[1], steps=1), BadOption, "steps=1", "2 or more"
    ),
    "strength 2": using("direct", lambda m: m.restore(PICTURES[0], strength=2), BadOption, "strength=2", "--strength"),
    "a level of -5": using("direct", lambda m: m.restore(PICTURES[0], level=-5), BadOption, "--level -5", "above 0"),
    "a level of 0": using("direct", lambda m: m.restore(PICTURES[0], level=0), BadOption, "--level 0", "left out"),
    "a level of text": using(
        "direct", lambda m: m.restore(PICTURES[0], level="high"), BadOption, "--level high", "such as 25"
    ),
    "an option that the task has not": using(
        "direct", lambda m: m.restore(PICTURES[0], sharpness=3), UnknownName, "'sharpness'"
    ),
    "a verb that is none": using(
        "direct", lambda m: narrows.restore(PICTURES[0], task="denoize"), UnknownName, "did you mean denoise"
    ),
    "a colour picture for a code of grey": using(
        "picture", lambda m: m.encode(RANDOM.random((8, 8, 3))), BadData, "(n, 1, 8, 8)"
    ),
}


def _snapshot(place: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for path in sorted(place.rglob("*")):
        name = str(path.relative_to(place))
        found[name] = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else "no file"
    return found


def _check(place: Path, call: Callable[[], Any], error: type[NarrowsError], words: tuple[str, ...]) -> None:
    before, began = _snapshot(place), time.perf_counter()
    with pytest.raises(NarrowsError) as caught:
        call()
    sentence = str(caught.value)
    assert isinstance(caught.value, error), f"{type(caught.value).__name__}: {sentence}"
    for word in words:
        assert word in sentence, sentence
    assert "\n" not in sentence and 20 < len(sentence) < 6000, sentence
    assert _snapshot(place) == before
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize("name", DATA)
def test_data(name: str, tmp_path: Path) -> None:
    case = DATA[name]
    thing = case.make(tmp_path)
    _check(tmp_path, lambda: case.call(thing), case.error, case.words)


@pytest.mark.parametrize("name", OPTIONS)
def test_options(name: str, tmp_path: Path) -> None:
    case = OPTIONS[name]
    thing = case.make(tmp_path)
    _check(tmp_path, lambda: case.call(thing), case.error, case.words)


@pytest.mark.parametrize("name", MODELS)
def test_model_folders(name: str, tmp_path: Path, saved: dict[str, Path]) -> None:
    make, words = MODELS[name]
    place = make(tmp_path, saved)
    _check(tmp_path, lambda: narrows.load(place), BadModelFile, words)


@pytest.mark.parametrize("name", USES)
def test_uses(name: str, tmp_path: Path, saved: dict[str, Path]) -> None:
    which, call, error, words = USES[name]
    model = narrows.load(saved[which])
    _check(saved[which], lambda: call(model), error, words)


# One bit, anywhere


@pytest.mark.parametrize("region", ["length", "header", "tensors", "model.json"])
def test_a_flipped_bit_is_known_wherever_it_is(region: str, tmp_path: Path, saved: dict[str, Path]) -> None:
    shutil.copytree(saved["picture"], tmp_path / "model")
    path = tmp_path / "model" / ("model.json" if region == "model.json" else "model.safetensors")
    whole = path.read_bytes()
    head = 8 + int.from_bytes(whole[:8], "little")
    start, end = {"length": (0, 8), "header": (8, head), "tensors": (head, len(whole)), "model.json": (0, len(whole))}[
        region
    ]
    random = np.random.default_rng(5)
    for place in sorted({start, end - 1, *random.integers(start, end, 120).tolist()}):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        if region == "model.json" and json.loads(whole) == _parsed(damaged):
            continue  # a blank that became another blank
        with pytest.raises(BadModelFile) as caught:
            narrows.load(tmp_path / "model")
        assert "model" in str(caught.value) and len(str(caught.value)) < 1000
    path.write_bytes(whole)
    narrows.load(tmp_path / "model")


def _parsed(data: bytes | bytearray) -> Any:
    try:
        return json.loads(bytes(data))
    except ValueError:
        return None


def test_no_value_in_a_card_brings_anything_but_a_sentence(tmp_path: Path, saved: dict[str, Path]) -> None:
    """Every leaf of the card, replaced by hostile values, in files whose sums and hashes all fit."""
    values = [None, True, -1, 0, 10**15, 2.5, float("nan"), "x", "../../x", [], [[]], {}, {"name": {}, "options": []}]
    whole = load_model(saved["picture"])
    original = json.dumps(whole.card)

    def leaves(card: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        items = card.items() if isinstance(card, dict) else enumerate(card) if isinstance(card, list) else ()
        return (
            [path, *(leaf for key, value in items for leaf in leaves(value, (*path, key)))]
            if path
            else [leaf for key, value in items for leaf in leaves(value, (key,))]
        )

    refused = 0
    for path in leaves(whole.card):
        for value in values:
            card = json.loads(original)
            part = card
            for key in path[:-1]:
                part = part[key]
            part[path[-1]] = value
            whole.card = card
            try:
                from_bytes(to_bytes(whole))
            except BadModelFile:
                refused += 1
    assert refused > 100


# Disks and permissions


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full disk is simulated by /dev/full")
@pytest.mark.parametrize("name", ["run.json", "model.json", "model.safetensors"])
def test_a_full_disk(name: str, tmp_path: Path) -> None:
    """The file that is about to be written is on a device that is always full."""
    folder = tmp_path / "out" / ("run" if "run" in name else "")
    folder.mkdir(parents=True)
    temporary_of(folder / name).symlink_to("/dev/full")
    with pytest.raises(CannotWrite, match=r"No space left on device.*unchanged: free some space"):
        fit(PICTURES, out=tmp_path / "out")
    assert not (tmp_path / "out" / "model.safetensors").exists()
    fit(PICTURES, out=tmp_path / "out")  # once there is space, the same call goes on
    assert narrows.load(tmp_path / "out").code_size == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a full disk is simulated by /dev/full")
def test_a_full_disk_leaves_the_picture_that_stood_there(tmp_path: Path) -> None:
    path = _png()(tmp_path)
    before = path.read_bytes()
    temporary_of(path).symlink_to("/dev/full")
    photo = open_photo(path)
    with pytest.raises(CannotWrite, match="No space left on device"):
        save_photo(photo.with_array(255 - photo.array), path, force=True)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["a.png"]


def test_unreadable_permissions(tmp_path: Path, as_nobody: Callable[[], Any], saved: dict[str, Path]) -> None:
    path = _png()(tmp_path)
    shutil.copytree(saved["picture"], tmp_path / "model")
    _file("t.csv", "a,b\n1,2\n3,4\n5,6\n")(tmp_path)
    for closed in (path, tmp_path / "model" / "model.safetensors", tmp_path / "t.csv"):
        closed.chmod(0o000)
    with as_nobody():
        with pytest.raises(BadPicture, match=r"a\.png may not be read .*change its permissions"):
            open_photo(path)
        with pytest.raises(BadModelFile, match=r"cannot be read \(Permission denied\)"):
            narrows.load(tmp_path / "model")
        with pytest.raises(BadData, match=r"t\.csv cannot be read \(Permission denied\)"):
            fit(tmp_path / "t.csv")


def test_a_place_that_may_not_be_written_to(tmp_path: Path, as_nobody: Callable[[], Any]) -> None:
    (tmp_path / "closed").mkdir(mode=0o555)
    (tmp_path / "closed" / "run").mkdir(mode=0o555)
    photo = open_photo(_png()(tmp_path))
    with as_nobody():
        with pytest.raises(CannotWrite, match=r"could not be written \(Permission denied\)"):
            save_photo(photo, tmp_path / "closed" / "b.png")
        with pytest.raises(CannotWrite, match="choose another with --out"):
            fit(PICTURES, out=tmp_path / "closed")
        with pytest.raises(CannotWrite, match="cannot be made"):
            fit(PICTURES, out=tmp_path / "closed" / "new")


def test_a_file_where_a_folder_should_go(tmp_path: Path) -> None:
    path = _png()(tmp_path)
    before = path.read_bytes()
    with pytest.raises(CannotWrite, match=r"cannot be made \(Not a directory\); choose another with --out"):
        fit(PICTURES, out=path)
    assert path.read_bytes() == before


def test_a_finished_model_is_not_written_over(tmp_path: Path) -> None:
    fit(PICTURES, out=tmp_path / "out")
    before = _snapshot(tmp_path)
    with pytest.raises(WouldOverwrite, match=r"choose another --out, or replace it with --force"):
        fit(PICTURES, out=tmp_path / "out")
    assert _snapshot(tmp_path) == before
    fit(PICTURES, out=tmp_path / "out", force=True)


def test_a_refusal_leaves_a_run_that_stood_there_as_it_was(tmp_path: Path) -> None:
    """Also with force: what is refused has not replaced anything, and the next call does not trip over it."""
    fit(PICTURES, out=tmp_path / "out")
    before = _snapshot(tmp_path)
    for settings in ({"kind": "variatonal"}, {"code_size": 99}, {"architecture": "unet", "kind": "undercomplete"}):
        with pytest.raises(NarrowsError):
            fit(PICTURES, out=tmp_path / "out", force=True, **settings)
    with pytest.raises(BadData):
        fit(tmp_path / "gone", out=tmp_path / "out", force=True)
    assert _snapshot(tmp_path) == before
    with pytest.raises(UnknownName):
        fit(PICTURES, out=tmp_path / "new", kind="variatonal")
    assert not (tmp_path / "new").exists()
    fit(PICTURES, out=tmp_path / "new", kind="variational")


def test_a_run_is_not_gone_on_with_by_other_data_or_settings(tmp_path: Path) -> None:
    def stop(event: dict[str, Any]) -> None:
        if event["event"] == "judging":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fit(PICTURES, out=tmp_path, progress=stop)
    with pytest.raises(BadRun, match="the run of other data"):
        fit(PICTURES[1:], out=tmp_path)
    with pytest.raises(BadRun, match=r"began with code_size=2; 3 came now: repeat the same command"):
        fit(PICTURES, out=tmp_path, code_size=3)


def test_a_folder_that_vanishes_while_the_run_goes_on(
    picture_folder: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = picture_folder(12)
    monkeypatch.setattr(reading, "memory_for_data", lambda: 10)  # so that pictures are read from the disk each time

    def vanish(happened: dict[str, Any]) -> None:
        if happened["event"] == "begin":
            shutil.rmtree(folder, ignore_errors=True)

    with pytest.raises(BadData, match=r"\.png vanished or changed .* put it back, then run the same command again"):
        fit(folder, out=tmp_path / "out", progress=vanish, batch_size=4)


def test_results_whose_folder_vanishes(tmp_path: Path) -> None:
    def vanish(happened: dict[str, Any]) -> None:
        if happened["event"] == "begin":
            shutil.rmtree(tmp_path / "out")

    with pytest.raises(CannotWrite, match="choose another"):
        fit(PICTURES, out=tmp_path / "out", progress=vanish, steps=40, evaluations=10)


# What must work


def test_names_in_vietnamese_and_emoji_and_blanks_work(tmp_path: Path) -> None:
    folder = tmp_path / "ảnh gia đình 🎆 (bản 2)" / "Tết Nguyên Đán"
    folder.mkdir(parents=True)
    for number in range(12):
        _png(f"ảnh số {number} 🐈.png", number)(folder)
    _file("ghi chú.txt", "xin chào")(folder)
    before = _snapshot(tmp_path)
    fitted = fit(tmp_path, out=tmp_path.parent / f"{tmp_path.name} mô hình 🧠", batch_size=4)
    assert fitted.folder is not None
    assert narrows.load(fitted.folder).encode(PICTURES).shape == (20, 2)
    assert _snapshot(tmp_path) == before
    shutil.rmtree(fitted.folder)


def test_a_constant_column_scores_with_numbers() -> None:
    """A peer gives infinite scores to every row here."""
    fitted = fit(_columns(c3=7.0))
    assert fitted.judgement is not None
    assert torch.isfinite(fitted.judgement.network.scores).all()
    assert np.isfinite(fitted.model.encode(ROWS)).all() and np.isfinite(fitted.model.reconstruct(ROWS)).all()


def test_missing_cells_and_a_row_of_nothing_score_with_numbers() -> None:
    rows = ROWS.copy()
    rows[::3, 2] = np.nan
    rows[5] = np.nan
    fitted = fit(rows)
    assert fitted.judgement is not None and torch.isfinite(fitted.judgement.network.errors).all()
    assert np.isfinite(fitted.model.reconstruct(rows)).all()


@pytest.mark.parametrize("count", [3, 5, 31])
@pytest.mark.parametrize("kind", ["undercomplete", "variational"])
@pytest.mark.parametrize("form", ["table", "pictures"])
def test_few_rows_are_few_and_no_crash(form: str, kind: str, count: int) -> None:
    """A peer crashes under 32 rows."""
    data = (
        ROWS[:count]
        if form == "table"
        else np.resize(PICTURES, (count, 8, 8)) ^ np.arange(count, dtype=np.uint8)[:, None, None]
    )
    fitted = fit(data, kind=kind)
    assert np.isfinite(fitted.model.encode(data)).all()


def test_floats_of_0_to_255_are_scaled_for_fitting_and_that_is_kept() -> None:
    """A peer learns from them as they are."""
    fitted = fit(PICTURES.astype(float))
    assert any("were divided by 255" in note for note in fitted.model.card["data"]["notes"])


def test_a_column_of_one_value_each_way_works() -> None:
    fitted = fit(ROWS[:, :1], code_size=1)
    assert fitted.model.encode(ROWS[:, :1]).shape == (40, 1)


# From the shell


def _shell(place: Path, saved: dict[str, Path]) -> dict[str, tuple[list[str], tuple[str, ...]]]:
    """What is typed, and words that the answer must hold."""
    _file("text.png", "hello")(place)
    _file("t.csv", "a,b\n1,2\n3,4\n5,inf\n")(place)
    _file("words.csv", "name,place\nAn,Hue\nBinh,Hanoi\n")(place)
    (place / "empty").mkdir()
    (place / "cats").mkdir()
    for number in range(6):
        _png(f"{number}.png", number)(place / "cats")
    shutil.copytree(saved["picture"], place / "broken")
    _edit("model.safetensors", lambda data: data[:-1] + bytes([data[-1] ^ 1]))(place / "broken")
    picture, cats, model = str(place / "cats" / "0.png"), str(place / "cats"), str(saved["picture"])
    return {
        "nothing there": (["fit", str(place / "gone")], ("gone does not exist", "give a folder")),
        "an empty folder": (["fit", str(place / "empty")], ("holds no picture",)),
        "a table with infinities": (["fit", str(place / "t.csv")], ("infinities in b",)),
        "a table of text": (["fit", str(place / "words.csv")], ("no column of numbers",)),
        "an unknown kind": (["fit", cats, "--kind", "variatonal"], ("did you mean variational",)),
        "an unknown task": (["fit", cats, "--task", "denoize"], ("did you mean denoise",)),
        "code size 0": (["fit", cats, "--code-size", "0"], ("code_size=0", "1 to 64")),
        "a pairing": (["fit", cats, "--kind", "undercomplete", "--arch", "unet"], ("unet offers whole",)),
        "two budgets": (["fit", cats, "--minutes", "1", "--epochs", "1"], ("exactly one budget",)),
        "a flipped byte": (
            ["encode", str(place / "broken"), picture, "--out", "codes.npy"],
            ("damaged", "get the model anew"),
        ),
        "no model": (["encode", str(place / "gone"), picture, "--out", "codes.npy"], ("is no model",)),
        "samples without a prior": (["sample", model, "--out", "new"], ("no prior", "--kind variational")),
        "a text named .png": (["restore", str(place / "text.png"), "--model", model], ("cannot be read as a picture",)),
    }


SHELL = [
    "nothing there", "an empty folder", "a table with infinities", "a table of text", "an unknown kind",
    "an unknown task", "code size 0", "a pairing", "two budgets", "a flipped byte", "no model",
    "samples without a prior", "a text named .png",
]  # fmt: skip


@pytest.mark.parametrize("name", SHELL)
def test_from_the_shell(
    name: str,
    tmp_path: Path,
    saved: dict[str, Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Exit code 1, the sentence as the last line on stderr, no traceback, and nothing left behind."""
    main = pytest.importorskip("narrows.cli").main
    monkeypatch.chdir(tmp_path)
    line, words = _shell(tmp_path, saved)[name]
    before = _snapshot(tmp_path)
    assert main(line) == 1
    said = capsys.readouterr().err
    last = said.strip().splitlines()[-1]
    assert last.startswith("narrows: ") and "Traceback" not in said, said
    for word in words:
        assert word in said, said
    assert _snapshot(tmp_path) == before


def test_there_are_at_least_sixty() -> None:
    assert len({*DATA, *OPTIONS, *MODELS, *USES}) >= 60
