"""How big a code should be: from the errors of tried sizes to a sentence. Nothing here trains.

The rule has two steps, both shown in the sentence. *Good enough*: the smallest size whose held-out error is within
5 % of what every larger size reaches. Where the data have a floor of white noise, a larger code is allowed what it
gains by storing noise: one direction's variance for each value, the price that Mallows' Cp (1973) puts on a
parameter. *Cliff*: a net with just as many values as the data have dimensions is harder to train than a wider one, so
its error may still stand a little above the best. Where the data themselves say their dimension (`intrinsic`, local
PCA), and the curve falls off a cliff there and not after it, that is the size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor

from narrows.measuring.intervals import Interval, drawn_with
from narrows.measuring.metrics import NOTHING

TOLERANCE = 0.05
"""Share of error that a smaller code may have more than a larger one."""
_CLIFF = 2.0
"""The fall into the cliff's last value, over any later fall a value, both in logarithms."""
_FLAT = 0.02
"""A fall of the logarithm a value that is none: what comes after a cliff is taken to fall so much at least."""
_NEAR = 0.2
"""The cliff lies within this share of the data's own dimension, or within 1."""
_REPEATS = 400
_WORDS = {
    "en": {
        "within": "A code of {size} values, {interval}: on {n} held-out {what} its error is {error}, and no larger "
        "code tried ({largest} at most) is more than {tolerance} better",
        "cliff": "A code of {size} values, {interval}: the error on {n} held-out {what} falls {fall} times with the "
        "last of them and {later} times at most with any after it, and the data themselves have {dimension} dimensions",
        "decided": "decided.",
        "pca": "not decided: PCA with as many values has a smaller error, so the nets are not trained enough; give "
        "more --minutes, or use PCA.",
        "short": "not decided: the time sufficed for one round, so nothing says whether longer training changes the "
        "answer; give more --minutes.",
        "changed": "not decided: after half of the training the answer was {half}; give more --minutes.",
        "largest": "not decided: the largest code tried is the best; larger ones may be better still (--largest).",
        "whole": "not decided: no code smaller than the input will do.",
        "above": "not decided: it holds every direction that rises above the noise, and the error of smaller codes "
        "still falls; give more --minutes.",
        "wide": "not decided: the interval is wider than a third of the size each way; give more --minutes or data.",
    },
    "vi": {
        "within": "Mã gồm {size} giá trị, {interval}: trên {n} {what} để riêng, sai số là {error}, và không mã lớn hơn "
        "nào đã thử (tới {largest}) tốt hơn quá {tolerance}",
        "cliff": "Mã gồm {size} giá trị, {interval}: trên {n} {what} để riêng, sai số giảm {fall} lần với giá trị cuối "
        "và nhiều nhất {later} lần với mỗi giá trị sau đó, còn bản thân dữ liệu có {dimension} chiều",
        "decided": "đã kết luận được.",
        "pca": "chưa kết luận được: PCA với cùng số giá trị có sai số nhỏ hơn, tức mạng chưa được huấn luyện đủ; hãy "
        "tăng --minutes, hoặc dùng PCA.",
        "short": "chưa kết luận được: thời gian chỉ đủ cho một vòng, nên chưa biết huấn luyện lâu hơn có đổi câu "
        "trả lời không; hãy tăng --minutes.",
        "changed": "chưa kết luận được: khi huấn luyện được một nửa, câu trả lời là {half}; hãy tăng --minutes.",
        "largest": "chưa kết luận được: mã lớn nhất đã thử là tốt nhất; mã lớn hơn có thể còn tốt hơn (--largest).",
        "whole": "chưa kết luận được: không có mã nào nhỏ hơn đầu vào là đủ.",
        "above": "chưa kết luận được: mã này giữ mọi hướng vượt trên mức nhiễu, còn sai số của các mã nhỏ hơn vẫn đang "
        "giảm; hãy tăng --minutes.",
        "wide": "chưa kết luận được: khoảng tin cậy rộng hơn một phần ba kích thước về mỗi phía; hãy tăng --minutes "
        "hoặc thêm dữ liệu.",
    },
}
_EXAMPLES = {"en": {"picture": "pictures", "table": "rows"}, "vi": {"picture": "ảnh", "table": "dòng"}}


class Tried(NamedTuple):
    """One size and what its nets reached."""

    size: int
    errors: Tensor
    """S N: squared error of each of S seeds on each of N held-out examples (the same ones for every size)."""
    half: float
    """Mean held-out error when half of the training was done; not a number where there was one round only."""
    trained: tuple[float, ...]
    """Mean error on training examples, of each seed."""
    falling: bool
    """Whether the error still fell when the time was over."""
    pca: float = math.nan
    """Mean held-out error of PCA at this size."""
    memorised: float = math.nan
    """Share of held-out examples whose reconstruction lies nearer to a training example than to themselves."""
    seconds: float = 0.0
    """Training time, all seeds together."""
    groups: Tensor | None = None
    """N: the group that each example is of, where some belong together (`intervals.bootstrap`)."""

    @property
    def error(self) -> float:
        """Mean held-out error of the seed that learned best: narrow codes fold where they begin badly, and the question
        is what a size can hold. Training error chooses, so held-out examples choose nothing."""
        return float(self.errors[self._best(range(len(self.trained)))].double().mean())

    @property
    def training(self) -> float:
        """Mean training error of that seed."""
        return min(self.trained)

    def _best(self, seeds: Iterable[int]) -> int:
        return min(seeds, key=lambda seed: self.trained[seed])

    def redrawn(self, times: Tensor, generator: torch.Generator) -> float:
        """The error of seeds drawn with replacement, every example counted so many `times`."""
        seeds = torch.randint(len(self.trained), (len(self.trained),), generator=generator).tolist()
        return float((self.errors[self._best(seeds)].double() * times).sum() / times.sum())


class SizeVerdict(NamedTuple):
    """The answer: a size, its 95 % interval over seeds and examples, and whether it is decided."""

    code_size: int
    interval: Interval
    decided: bool
    reason: str
    """"within" or "cliff": which step of the rule answered."""
    doubt: str
    """"decided", or what keeps it open: "pca", "short", "changed", "largest", "whole", "above", "wide"."""
    facts: dict[str, str]

    def sentence(self, lang: str = "en") -> str:
        """The verdict in words, "en" or "vi"."""
        words = _WORDS[lang]
        facts = self.facts | {"what": _EXAMPLES[lang][self.facts["form"]]}
        return f"{words[self.reason].format(**facts)}; {words[self.doubt].format(**facts)}"


def choose_size(
    sizes: Sequence[int], errors: Sequence[float], *, mean: float, noise: float = 0.0, dimension: Interval | None = None
) -> tuple[int, str]:
    """The rule alone: the size, and "within" or "cliff".

    `sizes` rise; `mean` is the error of no code at all, the mean example; `noise` what one code value gains by
    storing noise, in units of the error; `dimension` what the data say of themselves.
    """
    known = [max(error, NOTHING * mean) for error in errors]
    found = next(
        at
        for at, error in enumerate(known)
        if all(
            error <= (1 + TOLERANCE) * (other + noise * (size - sizes[at]))
            for size, other in zip(sizes[at + 1 :], known[at + 1 :], strict=True)
        )
    )
    if dimension is not None:
        falls = falls_per_value(sizes, errors, mean=mean)
        steep = {
            at: falls[at] / max(_FLAT, steepest_after(at, falls, errors, mean=mean))
            for at in range(len(sizes) - 1)
            if abs(sizes[at] - dimension.value) <= max(1, _NEAR * dimension.value)
        }
        cliff = max(steep, key=lambda at: steep[at], default=None)
        if cliff is not None and steep[cliff] >= _CLIFF:
            return sizes[cliff], "cliff"
    return sizes[found], "within"


def falls_per_value(sizes: Sequence[int], errors: Sequence[float], *, mean: float) -> list[float]:
    """How much the logarithm of the error falls for each value that a size has more than the one before it; once
    nothing is lost, not any more."""
    known = [max(error, NOTHING * mean, 1e-30) for error in (mean, *errors)]
    steps = zip(pairwise(known), pairwise((0, *sizes)), strict=True)
    return [math.log(old / error) / (size - smaller) for (old, error), (smaller, size) in steps]


def steepest_after(at: int, falls: Sequence[float], errors: Sequence[float], *, mean: float) -> float:
    """The largest fall beyond a size. The fall to an error of nothing is left out: a code as wide as its input has one
    whatever the data are, for nets begin at PCA, and beside a fall without end no cliff could be seen."""
    later = zip(falls[at + 1 :], errors[at + 1 :], strict=True)
    return max([0.0, *(fall for fall, error in later if error > NOTHING * mean)])


def judge_size(
    tried: Sequence[Tried],
    *,
    mean: float,
    form: str,
    generator: torch.Generator,
    noise: float = 0.0,
    dimension: Interval | None = None,
    values: int | None = None,
) -> SizeVerdict:
    """From two or more tried sizes, in rising order, to the verdict. `values` are those of the input; with `noise`, its
    directions above the noise: a code may need all of these, and more would hold nothing but noise.

    Seeds and held-out examples are drawn anew together, the same ones for every size, for the interval.
    """
    sizes, errors = [one.size for one in tried], [one.error for one in tried]

    def rule(each: Sequence[float]) -> tuple[int, str]:
        return choose_size(sizes, each, mean=mean, noise=noise, dimension=dimension)

    size, reason = rule(errors)
    drawn = sorted(rule(values)[0] for values in _redrawn(tried, generator))
    low, high = drawn[int(0.025 * len(drawn))], drawn[min(len(drawn) - 1, int(0.975 * len(drawn)))]
    interval = Interval(float(size), float(min(low, size)), float(max(high, size)))
    before, _ = rule([error if math.isnan(one.half) else one.half for one, error in zip(tried, errors, strict=True)])
    at = sizes.index(size)
    falls = falls_per_value(sizes, errors, mean=mean)
    doubt = "decided"
    needs_all = noise > 0 and size == values
    if at == len(tried) - 1 and reason == "within" and not needs_all:
        doubt = "whole" if size == values else "largest"
    elif tried[at].pca < errors[at] and errors[at] > NOTHING * mean:
        doubt = "pca"
    elif math.isnan(tried[at].half):
        doubt = "short"
    elif not interval.low <= before <= interval.high and abs(before - size) > max(1, size // 8):
        doubt = "changed"
    elif needs_all and any(one.falling for one in tried[:at] if not math.isnan(one.half)):
        doubt = "above"
    elif max(interval.high - size, size - interval.low) > max(1, size / 3):
        doubt = "wide"
    facts = {
        "size": str(size), "interval": f"[{interval.low:.0f}, {interval.high:.0f}]", "n": str(tried[0].errors.shape[1]),
        "error": f"{errors[at]:.3g}", "largest": str(sizes[-1]), "tolerance": f"{TOLERANCE:.0%}", "half": str(before),
        "fall": f"{math.exp(falls[at]):.3g}", "later": f"{math.exp(steepest_after(at, falls, errors, mean=mean)):.3g}",
        "dimension": f"{dimension.value:.0f}" if dimension else "", "form": form,
    }  # fmt: skip
    return SizeVerdict(size, interval, doubt == "decided", reason, doubt, facts)


def _redrawn(tried: Sequence[Tried], generator: torch.Generator) -> list[list[float]]:
    """_REPEATS times the mean error of every size, of seeds and examples (or groups of them) drawn with replacement."""
    which = drawn_with(tried[0].groups, tried[0].errors.shape[1])
    count = int(which.max()) + 1
    found = []
    for _ in range(_REPEATS):
        times = torch.bincount(torch.randint(count, (count,), generator=generator), minlength=count)[which]
        found.append([one.redrawn(times, generator) for one in tried])
    return found
