"""What narrows does, shown on data that installed dependencies carry: handwritten digits, and a photograph."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from narrows._errors import BadData
from narrows._files import make_folder, refuse_to_overwrite
from narrows._fit import Fitted, fit
from narrows.measuring.filters import best_filter
from narrows.measuring.metrics import psnr
from narrows.model import zoo
from narrows.model.folder import load
from narrows.pages.demo import DemoDigits, DemoPhoto, write_demo_page
from narrows.training.seeds import generator
from narrows.using.restore import restore_tensor
from narrows.using.sample import fit_prior

_LEVEL = 25.0
"""Noise put on the photograph: standard deviation in units of 1/255."""
_CODE_SIZE = 8
"""Of the digits' 64 values."""
_WALKS, _STEPS = 4, 9
_NEW = 10
"""Digits that are drawn."""
_WORDS = {
    "en": {
        "photo": "Photograph with noise {level:g}: {noisy:.1f} dB; denoised by {model} in {seconds:.1f} s: "
        "{restored:.1f} dB; by the best classical filter ({filter}): {filtered:.1f} dB",
        "none": "Photograph: no denoiser ships with this copy of narrows, so the page shows the digits alone",
    },
    "vi": {
        "photo": "Ảnh chụp có nhiễu {level:g}: {noisy:.1f} dB; {model} khử nhiễu trong {seconds:.1f} s: "
        "{restored:.1f} dB; bộ lọc cổ điển tốt nhất ({filter}): {filtered:.1f} dB",
        "none": "Ảnh chụp: bản narrows này không kèm mô hình khử nhiễu nên trang chỉ có phần chữ số",
    },
}


class Demo(NamedTuple):
    """What `run_demo` made."""

    page: Path
    model: Path
    verdict: str
    photo: str
    """The photograph's numbers in a sentence, or why there are none."""


def run_demo(
    out: Path,
    *,
    lang: str = "en",
    seconds: float = 20,
    force: bool = False,
    command: str = "",
    progress: Callable[[dict[str, Any]], None] | None = None,
    say: Callable[[str], None] | None = None,
) -> Demo:
    """Fit an autoencoder on scikit-learn's digits for so many seconds, denoise a photograph with the shipped model,
    and write `out/index.html`. Raises WouldOverwrite unless `force`, CannotWrite."""
    say = say or _silent
    page = out / "index.html"
    refuse_to_overwrite(page, force)
    make_folder(out)
    say(f"fitting an autoencoder on 1797 handwritten digits ({seconds:g} s)")
    pictures = _digits()
    fitted = fit(
        pictures, code_size=_CODE_SIZE, minutes=seconds / 60, out=out / "digits-model", force=force, lang=lang,
        command=command, progress=progress,
    )  # fmt: skip
    photo = _photo(say)
    write_demo_page(page, digits=_shown(fitted, pictures), photo=photo, lang=lang)
    assert fitted.folder is not None and fitted.judgement is not None  # it was given, and a tenth is held out
    return Demo(page, fitted.folder, fitted.judgement.verdict.sentence(lang), _sentence(photo, lang))


def _digits() -> np.ndarray:
    """1797 8 8, float32 in [0, 1]."""
    from sklearn.datasets import load_digits

    digits: Any = load_digits()
    return (digits.images / 16).astype(np.float32)


def _shown(fitted: Fitted, pictures: np.ndarray) -> DemoDigits:
    """What the page asks of the fit, with walks between digits that were held out, and digits that are drawn."""
    assert fitted.judgement is not None  # a tenth is held out
    held_out = fitted.judgement.network.targets
    walks = [
        torch.from_numpy(fitted.model.interpolate(held_out[2 * row], held_out[2 * row + 1], steps=_STEPS))
        for row in range(_WALKS)
    ]
    model = fitted.model.model
    fit_prior(model, model.encode(torch.from_numpy(pictures)[:, None]), "mixture")
    return DemoDigits(
        model=model,
        judgement=fitted.judgement,
        walks=torch.stack(walks),
        new=model.draw(_NEW, generator(0, "demo")).clamp(0, 1),
        seconds=fitted.history.seconds,
        report=fitted.report,
        command="narrows fit my-pictures/ --out my-model",
    )


def _photo(say: Callable[[str], None]) -> DemoPhoto | None:
    """A photograph with noise, restored; in colour where a model for colour ships. None without a model."""
    shipped = zoo.shipped()
    name = next((name for name in ("denoise-colour", "denoise-grey") if name in shipped), None)
    if name is None:
        return None
    say(f"denoising a photograph with {name}")
    model = load(shipped[name])
    clean, other = (_sample(file, model.shape[0]) for file in ("china.jpg", "flower.jpg"))
    noisy, other_noisy = _with_noise(clean, 1), _with_noise(other, 2)
    began = time.perf_counter()
    restored = restore_tensor(model, noisy[None])[0]
    seconds = time.perf_counter() - began
    chosen = best_filter([other_noisy], [other])  # its setting must not be chosen by the picture it is judged on
    return DemoPhoto(
        name="china.jpg",
        clean=clean,
        noisy=noisy,
        restored=restored,
        filtered=chosen.apply(noisy).clamp(0, 1),
        filter=f"{chosen.name} {chosen.setting:g}",
        level=_LEVEL,
        seconds=seconds,
        model=name,
        command="narrows denoise photo.jpg",
    )


def _sample(file: str, channels: int) -> Tensor:
    """C H W in [0, 1]: one of scikit-learn's two photographs."""
    from sklearn.datasets import load_sample_image

    from narrows.data.fitting import convert_channels

    pixels = torch.from_numpy(np.array(load_sample_image(file))).permute(2, 0, 1).float() / 255
    if channels not in (1, 3):
        raise BadData(f"a model of {channels} channels came; the demo's photographs are grey or in colour")
    return convert_channels(pixels, channels)


def _with_noise(clean: Tensor, number: int) -> Tensor:
    """As a file would hold it: clipped, and in 256 steps."""
    random = generator(0, "demo noise", number)
    noise = torch.randn(clean.shape, generator=random) * (_LEVEL / 255)
    return (clean + noise).clamp(0, 1).mul(255).round() / 255


def _sentence(photo: DemoPhoto | None, lang: str) -> str:
    words = _WORDS[lang]
    if photo is None:
        return words["none"]

    def dB(picture: Tensor) -> float:
        return float(psnr(picture[None], photo.clean[None]))

    return words["photo"].format(
        level=photo.level, model=photo.model, seconds=photo.seconds, filter=photo.filter, noisy=dB(photo.noisy),
        restored=dB(photo.restored), filtered=dB(photo.filtered),
    )  # fmt: skip


def _silent(line: str) -> None:
    """Nobody is told."""
