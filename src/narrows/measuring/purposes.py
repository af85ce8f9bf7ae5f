"""Which kind for which purpose, and where PCA is enough: the sentences of a comparison."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from narrows.measuring.comparing import Row
from narrows.measuring.intervals import Interval, bootstrap_difference, bootstrap_ratio
from narrows.training.seeds import generator

_SAME = 1.1
"""Frechet distances within a tenth of each other are not told apart: they have no interval."""
_WORDS = {
    "en": {
        "error": "For the smallest error: {best}, with {best_value} of PCA's{tied}.",
        "error pca": "For the smallest error PCA is enough: {best}, the best kind, has {best_value} of its error.",
        "labels": "For codes that know the labels: {best}, with {best_value} wrong where PCA's codes have "
        "{pca_value}{tied}.",
        "labels pca": "For codes that know the labels PCA is enough: its codes have {pca_value} wrong, and those of "
        "{best}, the best kind, {best_value}.",
        "samples": "For new examples: {best}, at a Frechet distance of {best_value} where draws from PCA's codes have "
        "{pca_value}{tied}.",
        "samples pca": "For new examples PCA is enough: draws from its codes have a Frechet distance of {pca_value}, "
        "and those of {best}, the best kind, {best_value}.",
        "tied": "; no difference to {names} could be shown",
    },
    "vi": {
        "error": "Để có sai số nhỏ nhất: {best}, bằng {best_value} lần sai số của PCA{tied}.",
        "error pca": "Để có sai số nhỏ nhất, PCA là đủ: {best}, loại tốt nhất, có sai số bằng {best_value} lần của "
        "PCA.",
        "labels": "Để mã biết được nhãn: {best}, sai {best_value} trong khi mã của PCA sai {pca_value}{tied}.",
        "labels pca": "Để mã biết được nhãn, PCA là đủ: mã của PCA sai {pca_value}, còn mã của {best}, loại tốt nhất, "
        "sai {best_value}.",
        "samples": "Để sinh mẫu mới: {best}, khoảng cách Frechet {best_value} trong khi mẫu sinh từ mã PCA là "
        "{pca_value}{tied}.",
        "samples pca": "Để sinh mẫu mới, PCA là đủ: mẫu sinh từ mã của PCA có khoảng cách Frechet {pca_value}, còn của "
        "{best}, loại tốt nhất, là {best_value}.",
        "tied": "; chưa thấy được sự khác biệt với {names}",
    },
}


class Purpose(NamedTuple):
    """The best kind for one purpose."""

    purpose: str
    """"error", "labels" or "samples"."""
    best: str
    tied: list[str]
    """Kinds that could not be told from it."""
    pca_enough: bool
    """PCA could not be told from it, or is better."""
    best_value: str
    pca_value: str

    def sentence(self, lang: str = "en") -> str:
        """In words, "en" or "vi"."""
        words = _WORDS[lang]
        tied = words["tied"].format(names=", ".join(self.tied)) if self.tied else ""
        template = words[f"{self.purpose} pca" if self.pca_enough else self.purpose]
        return template.format(best=self.best, best_value=self.best_value, pca_value=self.pca_value, tied=tied)


def purposes(
    rows: list[Row], *, seed: int = 0, groups: Tensor | None = None, labelled_groups: Tensor | None = None
) -> list[Purpose]:
    """From the rows of some kinds, and those of "PCA" and "mean". Nothing for a purpose that was not measured.
    `groups`, and those of the examples with a label, are as `bootstrap` takes them."""
    pca = next(row for row in rows if row.name == "PCA")
    kinds = [row for row in rows if row.name not in ("PCA", "mean")]
    found = [_by_error(kinds, pca, seed, groups)] if kinds else []
    probed = [row for row in kinds if row.probe is not None]
    if probed and pca.probe is not None:
        found.append(_by_labels(probed, pca, seed, labelled_groups))
    drawn = [row for row in kinds if row.frechet is not None]
    if drawn and pca.frechet is not None:
        found.append(_by_samples(drawn, pca))
    return found


def _by_error(kinds: list[Row], pca: Row, seed: int, groups: Tensor | None) -> Purpose:
    best = min(kinds, key=lambda row: row.error.value)

    def ratio(other: Row) -> Interval:
        return bootstrap_ratio(best.errors, other.errors, generator=generator(seed, "compare"), groups=groups)

    tied = [row.name for row in kinds if row is not best and ratio(row).high >= 1]
    over = ratio(pca)
    return Purpose("error", best.name, tied, over.high >= 1, str(over), "1")


def _by_labels(kinds: list[Row], pca: Row, seed: int, groups: Tensor | None) -> Purpose:
    def rate(row: Row) -> float:
        return row.probe.value if row.probe is not None else 1.0

    def told_apart(one: Row, other: Row) -> bool:
        wrong = one.wrong if one.wrong is not None else torch.ones(1)
        others = other.wrong if other.wrong is not None else torch.ones(1)
        return bootstrap_difference(wrong, others, generator=generator(seed, "compare"), groups=groups).high < 0

    best = min(kinds, key=rate)
    tied = [row.name for row in kinds if row is not best and not told_apart(best, row)]
    value, pca_value = (f"{100 * rate(row):.3g} %" for row in (best, pca))
    return Purpose("labels", best.name, tied, not told_apart(best, pca), value, pca_value)


def _by_samples(kinds: list[Row], pca: Row) -> Purpose:
    def distance(row: Row) -> float:
        return row.frechet if row.frechet is not None else float("inf")

    best = min(kinds, key=distance)
    tied = [row.name for row in kinds if row is not best and distance(row) <= _SAME * distance(best)]
    enough = distance(pca) <= _SAME * distance(best)
    return Purpose("samples", best.name, tied, enough, f"{distance(best):.3g}", f"{distance(pca):.3g}")
