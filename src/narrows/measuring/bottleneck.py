"""The verdict: did the network beat the simple alternative, and how sure is that?"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from narrows.measuring.intervals import Interval, bootstrap_difference, bootstrap_ratio
from narrows.measuring.metrics import NOTHING

_WORDS = {
    "en": {
        "pictures": "pictures",
        "rows": "rows",
        "pairs": "pairs",
        "1 pictures": "picture",
        "1 rows": "row",
        "1 pairs": "pair",
        "codes": "On {n} held-out {what}, the network's error is {ratio} of PCA's at the same code size "
        "({code} values)",
        "net wins": "the network wins.",
        "pca wins": "PCA wins: it is simpler and faster, so use it, or give the network more data or time.",
        "undecided": "the interval holds 1, so no difference could be shown.",
        "both exact": "neither loses anything but rounding; PCA is simpler and faster, so use it.",
        "one alone": "one alone says nothing of others, so no difference could be shown.",
        "one group": "all are of one group, or one again and again, which says nothing of others, so no difference "
        "could be shown.",
        "gain": "On {n} held-out {what}, the network gains {gain} dB over the untouched input and {over} dB over the "
        "best classical filter ({filter})",
        "gain by truth": "By the truth (pictures: {n}), the network gains {gain} dB over what came and {over} dB over "
        "the best classical filter ({filter})",
        "gain estimated": "Estimated without truth (pictures: {n}), the network gains {gain} dB over what came and "
        "{over} dB over the best classical filter ({filter})",
        "filter better": "the classical filter does better here.",
        "filter wins": "the classical filter wins: use it, or give the network more data or time.",
        "undecided gain": "the interval holds 0, so no difference to the filter could be shown.",
        "relation": "On {n} held-out {what}, the network's error is {ratio} of that of {best}, the best of {many} "
        "simple alternatives",
        "regression wins": "the simple alternative wins: use it, or give the network more pairs or time.",
        "no gain": "the network does not improve the pictures: do not use it.",
        "undecided use": "the first interval holds 0, so it could not be shown that the pictures become better.",
        "undecided filter": "the filter does better, but it could not be shown that it makes the pictures better.",
    },
    "vi": {
        "pictures": "ảnh",
        "rows": "dòng",
        "pairs": "cặp",
        "1 pictures": "ảnh",
        "1 rows": "dòng",
        "1 pairs": "cặp",
        "codes": "Trên {n} {what} để riêng, sai số của mạng bằng {ratio} lần sai số của PCA với cùng kích thước mã "
        "({code} giá trị)",
        "net wins": "mạng thắng.",
        "pca wins": "PCA thắng: đơn giản và nhanh hơn, hãy dùng PCA, hoặc cho mạng thêm dữ liệu hay thời gian.",
        "undecided": "khoảng tin cậy chứa 1 nên chưa thấy được sự khác biệt.",
        "both exact": "cả hai không làm mất gì ngoài sai số làm tròn; PCA đơn giản và nhanh hơn, hãy dùng PCA.",
        "one alone": "chỉ một thì không nói lên điều gì về những cái khác, nên chưa thấy được sự khác biệt.",
        "one group": "tất cả là một nhóm, hoặc một cái lặp lại nhiều lần, không nói lên điều gì về những cái khác, nên "
        "chưa thấy được sự khác biệt.",
        "gain": "Trên {n} {what} để riêng, mạng tăng {gain} dB so với ảnh đầu vào và {over} dB so với bộ lọc cổ điển "
        "tốt nhất ({filter})",
        "gain by truth": "So với ảnh thật (số ảnh: {n}), mạng tăng {gain} dB so với ảnh ban đầu và {over} dB so với bộ "
        "lọc cổ điển tốt nhất ({filter})",
        "gain estimated": "Ước lượng khi không có ảnh thật (số ảnh: {n}), mạng tăng {gain} dB so với ảnh ban đầu và "
        "{over} dB so với bộ lọc cổ điển tốt nhất ({filter})",
        "filter better": "ở đây bộ lọc cổ điển tốt hơn.",
        "filter wins": "bộ lọc cổ điển thắng: hãy dùng nó, hoặc cho mạng thêm dữ liệu hay thời gian.",
        "undecided gain": "khoảng tin cậy chứa 0 nên chưa thấy được sự khác biệt với bộ lọc.",
        "relation": "Trên {n} {what} để riêng, sai số của mạng bằng {ratio} lần sai số của {best}, tốt nhất trong "
        "{many} cách đơn giản",
        "regression wins": "cách đơn giản thắng: hãy dùng nó, hoặc cho mạng thêm cặp ảnh hay thời gian.",
        "no gain": "mạng không làm ảnh tốt hơn: không nên dùng.",
        "undecided use": "khoảng tin cậy thứ nhất chứa 0 nên chưa thấy được là ảnh tốt lên.",
        "undecided filter": "bộ lọc tốt hơn, nhưng chưa thấy được là nó làm ảnh tốt lên.",
    },
}


class Verdict(NamedTuple):
    """Who won, whether that is decided at 95 %, and by how much."""

    winner: str
    """"network", the alternative's name, or "nobody"."""
    decided: bool
    ratio: Interval | None
    """Of errors, network over PCA, or over the best regression; for codes, and for pairs learned through one."""
    gain: Interval | None
    """In dB over the best filter; for restoration."""
    facts: dict[str, str]
    outcome: str
    template: str

    def sentence(self, lang: str = "en") -> str:
        """The verdict in words, "en" or "vi"."""
        words = _WORDS[lang]
        facts = self.facts if self.facts["n"] != "1" else self.facts | {"what": f"1 {self.facts['what']}"}
        facts = {name: words.get(value, value) for name, value in facts.items()}
        mark = "; " if lang == "vi" else ": "
        return words[self.template].format(**facts) + mark + words[self.outcome]


def judge_codes(
    network: Tensor, others: dict[str, Tensor], code_size: int, *, generator: torch.Generator, form: str = "picture",
    groups: Tensor | None = None,
) -> Verdict:  # fmt: skip
    """From N held-out errors of the network and of "PCA", in the same order; beside those of "mean" it is seen where
    both are nothing but rounding. `groups` as `bootstrap` takes them, here and below."""
    ratio = bootstrap_ratio(network, others["PCA"], generator=generator, groups=groups)
    facts = {
        "n": str(len(network)), "what": "pictures" if form == "picture" else "rows", "ratio": str(ratio),
        "code": str(code_size),
    }  # fmt: skip
    larger = max(float(network.mean()), float(others["PCA"].mean()))
    if "mean" in others and larger <= NOTHING * float(others["mean"].mean()):
        return Verdict("nobody", False, ratio, None, facts, "both exact", "codes")
    if ratio.high < 1:
        return Verdict("network", True, ratio, None, facts, "net wins", "codes")
    if ratio.low > 1:
        return Verdict("PCA", True, ratio, None, facts, "pca wins", "codes")
    return Verdict("nobody", False, ratio, None, facts, _open("undecided", ratio, len(network)), "codes")


def judge_relation(
    network: Tensor, others: dict[str, Tensor], *, generator: torch.Generator, groups: Tensor | None = None
) -> Verdict:
    """From N held-out errors of the network and of each simple alternative: the best of these, on these pairs, is the
    one to beat."""
    best = min(others, key=lambda name: float(others[name].mean()))
    ratio = bootstrap_ratio(network, others[best], generator=generator, groups=groups)
    facts = {"n": str(len(network)), "what": "pairs", "ratio": str(ratio), "best": best, "many": str(len(others))}
    if ratio.high < 1:
        return Verdict("network", True, ratio, None, facts, "net wins", "relation")
    if ratio.low > 1:
        return Verdict(best, True, ratio, None, facts, "regression wins", "relation")
    return Verdict("nobody", False, ratio, None, facts, _open("undecided", ratio, len(network)), "relation")


def judge_restoration(
    network: Tensor, untouched: Tensor, filters: dict[str, Tensor], *, generator: torch.Generator,
    groups: Tensor | None = None,
) -> Verdict:  # fmt: skip
    """From N held-out PSNRs, in dB, of the network, the input as it was, and each filter."""
    best = max(filters, key=lambda name: float(filters[name].mean()))
    gain = bootstrap_difference(network, untouched, generator=generator, groups=groups)
    over = bootstrap_difference(network, filters[best], generator=generator, groups=groups)
    own = bootstrap_difference(filters[best], untouched, generator=generator, groups=groups)
    return judge_gains(gain, over, own, best, len(network), "gain")


def judge_gains(gain: Interval, over: Interval, own: Interval, best: str, count: int, template: str) -> Verdict:
    """From decibels of the network over the untouched input and over the best filter, and of that over the untouched,
    of so many pictures. `template` begins the sentence: "gain" (held-out pictures), "gain by truth", "gain estimated".
    """
    facts = {"n": str(count), "what": "pictures", "gain": str(gain), "over": str(over), "filter": best}
    if over.high < 0 < own.low:
        outcome = "filter wins" if template == "gain" else "filter better"
        return Verdict(best, True, None, over, facts, outcome, template)
    if gain.high < 0:
        return Verdict("untouched", True, None, over, facts, "no gain", template)
    # To be better than the other is not enough: both may do harm.
    if over.high < 0:
        return Verdict("nobody", False, None, over, facts, "undecided filter", template)
    if over.low > 0 >= gain.low:
        return Verdict("nobody", False, None, over, facts, "undecided use", template)
    if over.low > 0:
        return Verdict("network", True, None, over, facts, "net wins", template)
    return Verdict("nobody", False, None, over, facts, _open("undecided gain", over, count), template)


def _open(outcome: str, interval: Interval, count: int) -> str:
    """Why nobody won."""
    return outcome if interval.is_known else "one alone" if count == 1 else "one group"
