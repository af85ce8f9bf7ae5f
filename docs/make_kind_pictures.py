"""Draw the pictures of docs/kinds, each made by its kind: `make pictures`, or only some of them:

    python docs/make_kind_pictures.py sparse vqvae

Nets learn anew each time, from scikit-learn's handwritten digits (8x8 pixels); `direct` and `sparse` from photographs
that come with scikit-image and are free of rights. About half a minute a kind on one core. What is shown was not
learned from, or is new. What stands where in a picture is said on the kind's page.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits

import narrows
from narrows._registry import kinds
from narrows.autoencoders._gaussian import sample, split
from narrows.training.config import TrainingConfig
from narrows.training.seeds import generator
from narrows.using.sample import fit_prior
from narrows.using.walks import traverse

FOLDER = Path(__file__).parent / "kinds" / "pictures"
SEED = 0
HELD_OUT = 397
"""Of 1,797 digits; the rest is learned from."""
COLUMNS = 14
ZOOM, GAP = 4, 2
"""Pixels that one of a digit is enlarged to, and pixels between two digits."""
PAPER = np.array([96, 116, 160]) / 255
"""Between the digits, which are grey; seen on light and on dark pages."""
PALETTE = np.array([
    [230, 60, 60], [255, 150, 40], [250, 230, 60], [120, 220, 70], [40, 170, 110], [60, 220, 230], [70, 130, 250],
    [150, 90, 240], [240, 120, 230], [250, 250, 250], [120, 30, 30], [130, 80, 20], [120, 110, 30], [50, 100, 30],
    [20, 80, 60], [30, 100, 110],
]) / 255  # fmt: skip


class Workshop:
    """The digits, and one way to fit. `steps` takes the place of every budget."""

    def __init__(self, steps: int | None = None) -> None:
        found: Any = load_digits()
        order = np.random.default_rng(SEED).permutation(len(found.images))
        pictures, labels = (found.images[order] / 16).astype(np.float32), found.target[order]
        self.learned, self.labels = pictures[HELD_OUT:], labels[HELD_OUT:]
        others = labels[:HELD_OUT]
        rounds = [int((others[:number] == label).sum()) for number, label in enumerate(others)]
        self.others = pictures[np.lexsort((others, rounds))]
        """Held out; in rounds from 0 to 9."""
        self.shown = self.others[:COLUMNS]
        self.steps = steps

    def fit(self, kind: str, steps: int, data: Any = None, **settings: Any) -> narrows.LoadedModel:
        """A net of this kind that has seen the learned digits, or `data`, for so many steps."""
        chosen = {"loss": "mse", "precision": "32-true", "held_out": 0.0, "validation": 0.0, "seed": SEED}
        data = self.learned if data is None else data
        return narrows.fit(data, kind=kind, steps=self.steps or steps, **{**chosen, **settings}).model

    def fit_prior(self, model: narrows.LoadedModel, name: str, steps: int = 800, **options: Any) -> None:
        """Onto the codes of the learned digits."""
        config = TrainingConfig(steps=self.steps or steps, batch_size=128, seed=SEED, precision="32-true")
        codes = torch.from_numpy(model.encode(self.learned))
        fit_prior(model.model, codes, name, seed=SEED, options=options, config=config)


# A picture for each kind


def aae(at: Workshop) -> np.ndarray:
    model = at.fit("aae", 3000, code_size=2, options={"weight": 0.05})
    codes = model.encode(at.learned)
    drawn = np.random.default_rng(SEED).standard_normal(codes.shape)
    maps = points(codes, PALETTE[at.labels], (-3, 3)), points(drawn, np.full((len(drawn), 3), 0.7), (-3, 3))
    return beside(*maps, sheet(*lines(model.sample(36, seed=1), 6)))


def betatc(at: Workshop) -> np.ndarray:
    model = at.fit("betatc", 3000, code_size=8, options={"beta": 4.0})
    inside: Any = model.model.autoencoder
    codes, told = torch.from_numpy(model.encode(at.learned)), inside.code_kl(torch.from_numpy(at.learned)[:, None])
    values = told.mean(0).argsort(descending=True)[:5].tolist()
    begin = torch.from_numpy(model.encode(at.others[[3, 0]]))
    walks = [traverse(model.model, codes, one, steps=COLUMNS, values=values).results[:, :, 0].numpy() for one in begin]
    return sheet(*walks[0], None, *walks[1])


def contractive(at: Workshop) -> np.ndarray:
    some = at.others[:10].repeat(100, 0)
    noisy = some + 0.1 * np.random.default_rng(SEED).standard_normal(some.shape).astype(np.float32)
    colours = np.concatenate([np.full((len(at.learned), 3), 0.35), PALETTE[:10].repeat(100, 0)])
    maps = []
    for kind, options in (("undercomplete", {}), ("contractive", {"weight": 0.01})):
        model = at.fit(kind, 2000, code_size=2, options=options)
        codes = np.concatenate([model.encode(at.learned), model.encode(noisy)])
        low, high = np.quantile(codes, [0.005, 0.995], axis=0)
        maps.append(points((codes - low) / (high - low), colours, (-0.1, 1.1)))
    return beside(*maps)


def denoising(at: Workshop) -> np.ndarray:
    hidden = at.shown * (np.random.default_rng(SEED).random(at.shown.shape) >= 0.3)
    twin = at.fit("undercomplete", 2500, code_size=16)
    model = at.fit("denoising", 2500, code_size=16, options={"amount": 0.6})
    back = (net.reconstruct(hidden.astype(np.float32)) for net in (twin, model))
    return sheet(hidden, None, *back, None, at.shown)


def direct(at: Workshop) -> np.ndarray:
    learned = [np.rint(255 * photo).astype(np.uint8) for photo in (photograph("coffee"), photograph("astronaut"))]
    model = at.fit(
        "direct", 1200, learned, task="denoise", options={"level": 25}, n_nodes=(16, 32), batch_size=16, patch=32,
        learning_rate=3e-3,
    )  # fmt: skip
    clean = photograph("chelsea")[60:172, 130:242].astype(np.float32)
    noisy = clean + 25 / 255 * np.random.default_rng(SEED).standard_normal(clean.shape).astype(np.float32)
    return sheet(np.stack([noisy, model.restore(noisy[None, None])[0, 0], clean]), zoom=2)


def fsq(at: Workshop) -> np.ndarray:
    model = at.fit("fsq", 1500, architecture="conv", n_nodes=16, code_size=3, batch_size=64, options={"levels": 5})
    at.fit_prior(model, "autoregressive", depth=2, nodes=64)
    new = model.sample(COLUMNS, seed=1)[:, 0]

    def as_colours(digits: np.ndarray) -> np.ndarray:
        return 0.5 + 0.5 * model.encode(digits).transpose(0, 2, 3, 1)  # levels go from -1 to 1

    return sheet(at.shown, as_colours(at.shown), model.reconstruct(at.shown), None, new)


def hierarchical(at: Workshop) -> np.ndarray:
    model = at.fit("hierarchical", 4000, code_size=10, options={"levels": 2, "warmup": 0.5})
    inside: Any = model.model.autoencoder
    random, rows = generator(SEED, "picture"), []
    for top in inside.draw(6, random)[:, inside.parts["level 2"]]:
        mean, log_var = inside.down[0](top).detach().chunk(2)
        noise = torch.randn(COLUMNS, len(mean), generator=random)
        below = mean + (0.5 * log_var).exp() * noise
        rows.append(model.decode(torch.cat([below, top.expand(COLUMNS, -1)], 1))[:, 0])
    return sheet(*rows)


def iwae(at: Workshop) -> np.ndarray:
    model = at.fit("iwae", 2500, code_size=16, options={"samples": 5})
    inside: Any = model.model.autoencoder
    digits = torch.from_numpy(at.shown)[:, None]
    with torch.no_grad():
        weights = inside.log_weights(digits, digits, 5, generator(SEED, "picture")).softmax(0)
        cloud, random = split(inside.encoder(digits)), generator(SEED, "picture")
        draws = torch.stack([model.model.decode(sample(*cloud, random))[:, 0] for _ in range(5)])  # the same ones
    order = weights.argsort(0, descending=True)
    share = weights.gather(0, order)[..., None, None]
    seen = draws.take_along_dim(order[..., None, None], 0) * (share / share[:1]).sqrt()
    return sheet(at.shown, None, *seen.numpy(), None, *lines(model.sample(2 * COLUMNS, seed=1), COLUMNS))


def rae(at: Workshop) -> np.ndarray:
    model = at.fit("rae", 2500, code_size=8)
    rows: list[np.ndarray | None] = []
    for prior, options in (("normal", {}), ("mixture", {"components": 30})):
        at.fit_prior(model, prior, **options)
        rows += [None, *lines(model.sample(2 * COLUMNS, seed=1), COLUMNS)]
    return sheet(*rows[1:])


def sparse(at: Workshop) -> np.ndarray:
    units = 7 * COLUMNS
    learned, other = (patches(*names) for names in (("camera", "chelsea"), ("coffee",)))
    model = at.fit("sparse", 3000, learned, n_layers=1, code_size=units, options={"k": 6}, learning_rate=3e-3)
    nothing = model.decode(np.zeros(units, np.float32))
    alone = (model.decode(np.eye(units, dtype=np.float32)) - nothing)[:, 0]
    strength = np.abs(alone).max((1, 2))
    order = (model.encode(learned).mean(0) * strength).argsort()[::-1]
    drawn = 0.5 + 0.5 * alone / np.maximum(strength, 1e-6)[:, None, None]
    return sheet(*lines(drawn[order], COLUMNS), None, other[:COLUMNS], model.reconstruct(other[:COLUMNS]))


def undercomplete(at: Workshop) -> np.ndarray:
    back = [at.fit("undercomplete", 2000, code_size=size).reconstruct(at.shown) for size in (2, 4, 8, 16)]
    return sheet(at.shown, None, *back)


def vampprior(at: Workshop) -> np.ndarray:
    model = at.fit("vampprior", 2500, code_size=8, options={"pseudo_inputs": 40})
    inside: Any = model.model.autoencoder
    mean, log_var = (part[:COLUMNS].detach() for part in inside._components())
    random = generator(SEED, "picture")
    near = [mean + (0.5 * log_var).exp() * torch.randn(mean.shape, generator=random) for _ in range(3)]
    pseudo = inside.pseudo_inputs[:COLUMNS, 0].detach().numpy()
    return sheet(pseudo, None, *(model.decode(codes)[:, 0] for codes in near))


def variational(at: Workshop) -> np.ndarray:
    model = at.fit("variational", 3000, code_size=2)
    across, down = (torch.special.ndtri(torch.linspace(0.02, 0.98, count)) for count in (COLUMNS, 8))
    plane = torch.stack(torch.meshgrid(down, across, indexing="ij"), -1)
    return sheet(*(model.decode(row)[:, 0] for row in plane))


def vqvae(at: Workshop) -> np.ndarray:
    model = at.fit("vqvae", 1500, architecture="conv", n_nodes=16, code_size=8, batch_size=64, options={"codebook": 16})
    at.fit_prior(model, "autoregressive", depth=2, nodes=64)
    inside: Any = model.model.autoencoder
    numbers = inside.to_indices(torch.from_numpy(model.encode(at.shown))).numpy()
    new = model.sample(COLUMNS, seed=1)[:, 0]
    return sheet(at.shown, PALETTE[numbers], model.reconstruct(at.shown), None, new)


def wae(at: Workshop) -> np.ndarray:
    model = at.fit("wae", 4000, code_size=8)
    new = lines(model.sample(2 * COLUMNS, seed=1), COLUMNS)
    return sheet(at.shown, model.reconstruct(at.shown), None, *new)


DRAWN_BY = {
    draw.__name__: draw
    for draw in (
        aae, betatc, contractive, denoising, direct, fsq, hierarchical, iwae, rae, sparse, undercomplete, vampprior,
        variational, vqvae, wae,
    )
}  # fmt: skip


# Photographs


def photograph(name: str) -> np.ndarray:
    """H W in [0, 1], grey: one of scikit-image's, by its name."""
    from skimage import data

    found = getattr(data, name)() / 255
    return found.mean(2) if found.ndim == 3 else found


def patches(*names: str, count: int = 8000, side: int = 10) -> np.ndarray:
    """N H W: squares of photographs, of mean 0.5 and of one contrast; those with hardly any are left out."""
    random, photos, found = np.random.default_rng(SEED), [photograph(name) for name in names], []
    for number in range(count):
        photo = photos[number % len(photos)]
        top, left = (random.integers(length - side) for length in photo.shape)
        found.append(photo[top : top + side, left : left + side])
    patch = np.stack(found) - np.mean(found, (1, 2), keepdims=True)
    spread = patch.std((1, 2), keepdims=True)
    seen = spread[:, 0, 0] > 0.04
    return (0.5 + 0.15 * patch[seen] / spread[seen]).clip(0, 1).astype(np.float32)


# Putting pictures together: H W 3 in [0, 1]


def lines(pictures: np.ndarray, columns: int) -> list[np.ndarray]:
    """N [1] H W -> rows of so many."""
    flat = pictures.reshape(-1, *pictures.shape[-2:])
    return [flat[start : start + columns] for start in range(0, len(flat), columns)]


def sheet(*rows: np.ndarray | None, zoom: int = ZOOM) -> np.ndarray:
    """Rows of N H W or N H W 3 below each other, every pixel a square; None leaves room. Rows of smaller pictures are
    enlarged to the size of the others."""
    side = zoom * max(row.shape[1] for row in rows if row is not None)
    found = []
    for row in rows:
        if row is None:
            found.append(np.zeros((2 * GAP, 0, 3)))
            continue
        coloured = row if row.ndim == 4 else row[..., None].repeat(3, -1)
        times = side // row.shape[1]
        found.append(beside(*coloured.repeat(times, 1).repeat(times, 2)))
    wide = max(line.shape[1] for line in found)
    whole = [on_paper(line, (0, GAP), (0, wide - line.shape[1])) for line in found]
    return on_paper(np.concatenate(whole), (GAP, 0), (GAP, GAP))


def points(places: np.ndarray, colours: np.ndarray, ends: tuple[float, float], side: int = 101) -> np.ndarray:
    """N 2 and N 3 -> a black square with a point for each place in view, every pixel two by two."""
    found = np.zeros((side, side, 3))
    at = np.rint((places - ends[0]) / (ends[1] - ends[0]) * (side - 1))
    seen = ((at >= 0) & (at < side)).all(1)
    across, down = at[seen].astype(int).T
    found[down, across] = colours[seen]
    return on_paper(found.repeat(2, 0).repeat(2, 1), (GAP, GAP), (GAP, GAP))


def beside(*parts: np.ndarray) -> np.ndarray:
    """Pictures of one height side by side, with a gap between two."""
    return np.concatenate([on_paper(part, (0, 0), (GAP * (number > 0), 0)) for number, part in enumerate(parts)], 1)


def on_paper(picture: np.ndarray, high: tuple[int, int], wide: tuple[int, int]) -> np.ndarray:
    """With so many pixels of paper above and below, left and right."""
    paper = np.tile(PAPER, (picture.shape[0] + sum(high), picture.shape[1] + sum(wide), 1))
    paper[high[0] : high[0] + picture.shape[0], wide[0] : wide[0] + picture.shape[1]] = picture
    return paper


def main(words: Sequence[str] | None = None) -> None:
    """Draw the pictures that are named, or all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split(":")[0])
    parser.add_argument("names", nargs="*", metavar="KIND", help="all if none is named")
    parser.add_argument("--steps", type=int, help="of every net, instead of what suits it; to try")
    parser.add_argument("--out", type=Path, default=FOLDER)
    args = parser.parse_args(words)
    names = args.names or sorted(kinds.files())
    if unknown := set(names) - DRAWN_BY.keys():
        parser.error(f"no picture is drawn of {', '.join(sorted(unknown))}, but of {', '.join(DRAWN_BY)}")
    args.out.mkdir(parents=True, exist_ok=True)
    for name in names:
        pixels = np.rint(DRAWN_BY[name](Workshop(args.steps)).clip(0, 1) * 255).astype(np.uint8)
        Image.fromarray(pixels).quantize(256).save(args.out / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
