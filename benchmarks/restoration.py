"""The other restoring tasks on the field's test sets, beside the classical filters.

    python benchmarks/restoration.py unjpeg --data DATA      BSD68 grey, JPEG of quality 10 by Pillow
    python benchmarks/restoration.py sharpen --data DATA     Set12, Gaussian blur of 0.8, 1.6, 2.4 pixels + noise of 2
    python benchmarks/restoration.py upscale --data DATA     Set12, reduced bicubically to half, to 8 bits
    python benchmarks/restoration.py brighten --data DATA    LOL's eval15, nothing taken from the truth
    python benchmarks/restoration.py inpaint --data DATA     Kodak24, the middle 256x256, three sorts of holes

Results are clamped and rounded to 8 bits; PSNR over the whole picture (`inpaint`: over the holes), averaged over
pictures. Settings of filters are chosen on 24 training photographs (train400, or LOL's training pairs); Wiener and
Richardson-Lucy are told the width of the blur, and only how strongly they sharpen is chosen. Models are blind.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from _results import data_folder, report, threads
from PIL import Image
from torch import Tensor

from narrows.measuring.classical import all_filters
from narrows.measuring.metrics import METRICS, psnr
from narrows.nn.degrade import gaussian, resize
from narrows.training.seeds import generator
from narrows.using.restore import model_for, restore_tensor

WIDTHS = (0.8, 1.6, 2.4)
STRENGTHS = {
    "wiener_deconvolution": (0.0003, 0.001, 0.003, 0.006, 0.01, 0.02, 0.03, 0.06, 0.1, 0.3),
    "richardson_lucy": (1, 2, 3, 5, 8, 12, 18, 30, 50),
}
"""Noise ratios, and rounds, of filters that are told the width."""
_TRAINING = 24
_SIDE = 256
"""Of the pictures that are inpainted."""

Net = Callable[..., Tensor]
"""C H W -> C H W, with the task's options."""


def opened(path: Path, mode: str = "L") -> Tensor:
    """C H W in [0, 1]."""
    with Image.open(path) as photo:
        pixels = torch.from_numpy(np.array(photo.convert(mode))).float() / 255
    return pixels[None] if mode == "L" else pixels.permute(2, 0, 1)


def grey(folder: Path, count: int | None = None) -> list[Tensor]:
    """The grey pictures of a folder."""
    return [opened(path) for path in sorted(folder.glob("*.png"))[:count]]


def rounded(picture: Tensor) -> Tensor:
    """To 8 bits."""
    return (picture.clamp(0, 1) * 255).round() / 255


def score(result: Tensor, clean: Tensor) -> float:
    """PSNR in dB."""
    return float(psnr(rounded(result)[None], clean[None]))


def by_model(task: str, model: Any, careful: bool = False) -> Net:
    """The shipped model, or the given one."""

    def net(picture: Tensor, **options: Any) -> Tensor:
        return restore_tensor(model_for(task, len(picture), model), picture[None], careful=careful, **options)[0]

    return net


def tuned(name: str, pairs: list[tuple[Tensor, Tensor]], width: float | None = None) -> Any:
    """The setting of a filter that does best on training pairs; of those that know the width, where it is told."""
    candidate = all_filters()[name]
    settings = candidate.settings if width is None else [(width, strength) for strength in STRENGTHS[name]]
    return max(settings, key=lambda one: sum(score(candidate.apply(x, one), y) for x, y in pairs))


def compared(
    name: str, pairs: list[tuple[Tensor, Tensor]], learned: list[tuple[Tensor, Tensor]],
    net: Net, filters: tuple[str, ...], width: float | None = None, similar: bool = False,
) -> dict[str, Any]:  # fmt: skip
    """One row: the mean PSNR of the untouched picture, of each filter with its chosen setting, and of the network;
    the network's mean SSIM too, where it is asked for by `similar`."""
    row: dict[str, Any] = {"set": name, "pictures": len(pairs)}
    if pairs[0][0].shape == pairs[0][1].shape:
        row["untouched"] = float(np.mean([score(x, y) for x, y in pairs]))
    for one in filters:
        setting = tuned(one, learned, width)
        row[one] = float(np.mean([score(all_filters()[one].apply(x, setting), y) for x, y in pairs]))
        row[f"{one} setting"] = str(setting)
    results = [(net(x), y) for x, y in pairs]
    row["network"] = float(np.mean([score(found, y) for found, y in results]))
    row = {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}
    if similar:
        of = METRICS["ssim"].of
        row["network SSIM"] = round(float(np.mean([float(of(rounded(x)[None], y[None])) for x, y in results])), 4)
    return row


def unjpeg(data: Path, net: Net) -> list[dict[str, Any]]:
    def stored(clean: Tensor) -> Tensor:
        file = io.BytesIO()
        Image.fromarray(np.uint8(clean[0].numpy() * 255 + 0.5)).save(file, "JPEG", quality=10)
        return torch.from_numpy(np.array(Image.open(file))).float()[None] / 255

    clean, learned = grey(data / "denoise" / "bsd68"), grey(data / "denoise" / "train400", _TRAINING)
    pairs, known = ([(stored(one), one) for one in some] for some in (clean, learned))
    return [compared("BSD68, JPEG quality 10", pairs, known, net, ("total_variation", "bilateral"))]


def sharpen(data: Path, net: Net) -> list[dict[str, Any]]:
    def blurred(clean: list[Tensor], width: float) -> list[tuple[Tensor, Tensor]]:
        random = generator(0, "noise", round(10 * width))
        soft = [gaussian(one[None], width)[0] for one in clean]
        return [
            (rounded(x + 2 / 255 * torch.randn(x.shape, generator=random)), one)
            for x, one in zip(soft, clean, strict=True)
        ]

    clean, learned = grey(data / "denoise" / "set12"), grey(data / "denoise" / "train400", _TRAINING)
    filters = ("wiener_deconvolution", "richardson_lucy")
    rows = [
        compared(f"Set12, blur {width}", blurred(clean, width), blurred(learned, width), net, filters, width)
        for width in WIDTHS
    ]
    keys = ("untouched", *filters, "network")
    mean = {key: round(float(np.mean([row[key] for row in rows])), 3) for key in keys}
    return [*rows, {"set": "mean of the three", "pictures": len(clean), **mean}]


def upscale(data: Path, net: Net) -> list[dict[str, Any]]:
    clean = grey(data / "denoise" / "set12")
    pairs = [(rounded(resize(one[None], 0.5)[0]), one) for one in clean]
    enlarged = [(resize(x[None], 2)[0], y) for x, y in pairs]
    row = compared("Set12, x2", pairs, [], net, ())
    row["bicubic"] = round(float(np.mean([score(x, y) for x, y in enlarged])), 3)
    return [row]


def brighten(data: Path, net: Net) -> list[dict[str, Any]]:
    def scenes(name: str) -> list[tuple[Tensor, Tensor]]:
        folder = data / "lowlight" / name
        files = sorted((folder / "low").iterdir(), key=lambda path: int(path.stem))
        return [(opened(path, "RGB"), opened(folder / "high" / path.name, "RGB")) for path in files]

    pairs, learned = scenes("lol_eval15"), scenes("lol_train_half")[::20]
    row = compared("LOL eval15", pairs, learned, net, ("exposures", "gamma", "clahe", "equalise"), similar=True)
    # What not knowing the exposure costs: as some tables have it, scaled to the mean of the truth.
    known = [score(found * (y.mean() / found.mean()), y) for found, y in ((rounded(net(x)), y) for x, y in pairs)]
    return [row | {"network, with the truth's mean": round(float(np.mean(known)), 3)}]


def holes(sort: str, random: np.random.Generator) -> Tensor:
    """1 H W of 0 and 1 (missing)."""
    missing = np.zeros((_SIDE, _SIDE), bool)
    if sort == "every tenth pixel":
        missing = random.random(missing.shape) < 0.1
    elif sort == "scratches 3 pixels wide":
        for _ in range(8):
            begin, end = random.uniform(0, _SIDE, (2, 2))
            along = np.rint(begin + (end - begin) * np.linspace(0, 1, 4 * _SIDE)[:, None]).astype(int)
            for dy in (-1, 0, 1):
                for dx in (-1, 0, 1):
                    missing[tuple((along + np.array([dy, dx])).clip(0, _SIDE - 1).T)] = True
    else:
        for top, left in random.integers(0, _SIDE - 16, (12, 2)):
            missing[top : top + 16, left : left + 16] = True
    return torch.from_numpy(missing)[None].float()


def inpaint(data: Path, net: Net) -> list[dict[str, Any]]:
    corner = [(512 - _SIDE) // 2, (768 - _SIDE) // 2]
    rows = []
    for sort in ("every tenth pixel", "scratches 3 pixels wide", "squares of 16 pixels"):
        found: dict[str, list[float]] = {}
        for number, path in enumerate(sorted((data / "color" / "kodak24").glob("*.png"))):
            photo = opened(path, "RGB")
            top, left = corner if photo.shape[1] < photo.shape[2] else corner[::-1]
            clean = photo[:, top : top + _SIDE, left : left + _SIDE]
            missing = holes(sort, np.random.default_rng(number))
            spoilt = torch.cat([torch.where(missing > 0, 0.5, clean), missing])
            results = {one: all_filters()[one].apply(spoilt, None) for one in ("harmonic", "biharmonic")}
            results["network"] = net(spoilt[:3], mask=missing[None])
            for name, result in results.items():
                error = ((rounded(result) - clean).square() * missing).sum() / 3 / missing.sum()
                found.setdefault(name, []).append(float(-10 * error.log10()))
        rows.append({"holes": sort, **{name: round(float(np.mean(each)), 2) for name, each in found.items()}})
    return rows


TASKS = {"inpaint": inpaint, "unjpeg": unjpeg, "sharpen": sharpen, "upscale": upscale, "brighten": brighten}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("task", choices=TASKS)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--model", type=Path, help="a model folder instead of the shipped one")
    parser.add_argument("--careful", action="store_true", help="each picture through the model in eight ways")
    args = parser.parse_args()
    threads()
    rows = TASKS[args.task](data_folder(args.data), by_model(args.task, args.model, args.careful))
    name = "_".join(["restoration", args.task, *["careful"] * args.careful, *["other"] * bool(args.model)])
    report(name, rows)


if __name__ == "__main__":
    main()
