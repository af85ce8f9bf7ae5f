"""Are new examples new? How near samples lie to what was learned from, beside how near held-out examples lie.

Two questions, because each alone can be fooled. *Nearer than real ones are*: the share of samples that lie nearer to
a training example than all but 1 % of held-out examples do; blurred samples pass for copies here, since a blur is
near to much. *Nearer to what was learned*: how often a sample's nearest neighbour among training and held-out examples
together is a training one, beside the share that chance gives it; a blur is as near to both. Only where both say so
are samples called copies. The idea of the second is the three-sample test of Meehan et al. 2020 (arXiv:2004.05675).
Unusual: samples that share a nearest neighbour count once for its interval, for blurs all lie near the same few
examples, and which side those are on is one accident, not hundreds.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

from narrows._errors import BadData
from narrows.measuring.intervals import Interval, bootstrap
from narrows.training.seeds import generator

LEVEL = 0.01
"""Of the held-out distances: nearer than this quantile is nearer than real examples are."""
_DISTANCES_AT_ONCE = 1 << 24

_WORDS = {
    "en": {
        "copies": "{share} of the {n} samples lie nearer to a training example than 99 % of held-out examples do, and "
        "their nearest neighbour is a training example in {training} of cases ({chance} by chance): the model has "
        "learned examples by heart",
        "near": "{share} of the {n} samples lie nearer to a training example than 99 % of held-out examples do, but "
        "held-out ones are as near (the nearest is a training one in {training} of cases, {chance} by chance): smooth "
        "rather than copied",
        "few": "{share} of the {n} samples lie nearer to a training example than 99 % of held-out examples do, and "
        "their nearest neighbour is a training example in {training} of cases ({chance} by chance): too few samples to "
        "tell whether they are copies; draw more (--n)",
        "new": "{share} of the {n} samples lie nearer to a training example than 99 % of held-out examples do (1 % "
        "would by chance, and up to {most} beside as few as {held}): no sign that examples were learned by heart",
    },
    "vi": {
        "copies": "{share} trong {n} mẫu sinh ra gần một mẫu huấn luyện hơn 99 % số mẫu để riêng, và láng giềng gần "
        "nhất là mẫu huấn luyện trong {training} trường hợp (ngẫu nhiên: {chance}): mô hình đã học thuộc lòng",
        "near": "{share} trong {n} mẫu sinh ra gần một mẫu huấn luyện hơn 99 % số mẫu để riêng, nhưng chúng cũng gần "
        "mẫu để riêng như vậy ({training}, ngẫu nhiên: {chance}): mẫu mờ chứ không phải sao chép",
        "few": "{share} trong {n} mẫu sinh ra gần một mẫu huấn luyện hơn 99 % số mẫu để riêng, và láng giềng gần nhất "
        "là mẫu huấn luyện trong {training} trường hợp (ngẫu nhiên: {chance}): quá ít mẫu để biết có phải bản sao hay "
        "không; hãy sinh thêm (--n)",
        "new": "{share} trong {n} mẫu sinh ra gần một mẫu huấn luyện hơn 99 % số mẫu để riêng (ngẫu nhiên là 1 %, và "
        "có thể tới {most} khi chỉ có {held} mẫu để riêng): không có dấu hiệu học thuộc lòng",
    },
}


class Memorisation(NamedTuple):
    """What `check_memorisation` found. Distances are root mean square, in the data's units."""

    distances: Tensor
    """N: of each sample to its nearest training example."""
    nearest: Tensor
    """N, int64: which training example that is."""
    held_out: Tensor
    """M: the same distance of each held-out example."""
    threshold: float
    """The 1 % quantile of the held-out distances, or the one that was given."""
    nearer: Interval
    """Share of samples below the threshold."""
    to_training: Interval
    """Share of samples whose nearest neighbour, training and held-out examples together, is a training one."""
    chance: float
    """What that share would be for samples that know neither."""
    outcome: str
    """"copies", "near", "few" (too few samples to tell one from the other), or "new"."""

    def sentence(self, lang: str = "en") -> str:
        """What it means, "en" or "vi"."""
        return _WORDS[lang][self.outcome].format(
            share=_percent(self.nearer.value), n=len(self.distances), training=_percent(self.to_training.value),
            chance=_percent(self.chance), held=len(self.held_out), most=_percent(_by_chance(len(self.held_out))),
        )  # fmt: skip


def check_memorisation(
    samples: Tensor, training: Tensor, held_out: Tensor, *, threshold: float | None = None, seed: int = 0
) -> Memorisation:
    """N samples beside K training and M held-out examples, all *shape (a table's standardised, with no cell missing).

    `threshold` is a distance to be used in place of the held-out examples' 1 % quantile. Raises BadData where one of
    the three is empty.
    """
    counts = {"samples": len(samples), "training examples": len(training), "held-out examples": len(held_out)}
    for name, count in counts.items():
        if not count:
            raise BadData(f"no {name} came; whether samples are copies is seen beside training and held-out examples")
    distances, nearest = nearest_of(samples, training)
    to_held_out, beside = nearest_of(samples, held_out)
    reference, _ = nearest_of(held_out, training)
    found = float(reference.quantile(LEVEL)) if threshold is None else threshold
    nearer = bootstrap((distances < found).float(), generator=generator(seed, "memorisation"))
    to_training = _share_by_neighbour(distances < to_held_out, nearest, beside)
    chance = len(training) / (len(training) + len(held_out))
    if nearer.low <= (_by_chance(len(held_out)) if threshold is None else LEVEL):
        outcome = "new"
    elif to_training.low > chance:
        outcome = "copies"
    else:  # that held-out ones are as near is seen where they are the nearest of some
        outcome = "near" if to_training.value < 1 else "few"
    return Memorisation(distances, nearest, reference, found, nearer, to_training, chance, outcome)


def _by_chance(held_out: int) -> float:
    """The largest share of samples, at 97.5 %, that lie nearer than the 1 % quantile of so few held-out examples, where
    they are like these: order statistics of even numbers are beta distributed."""
    from scipy.stats import beta

    below = 1 + LEVEL * (held_out - 1)
    return float(beta.ppf(0.975, below, held_out + 1 - below))


def _share_by_neighbour(to_training: Tensor, nearest: Tensor, beside: Tensor) -> Interval:
    """The share of N yeses, with Wilson's interval (1927) for as many draws as there are different neighbours."""
    neighbour = torch.where(to_training, nearest, -1 - beside)
    sizes = torch.unique(neighbour, return_counts=True)[1].double()
    count = float(sizes.sum().square() / sizes.square().sum())  # of groups of unequal sizes
    share, z = float(to_training.double().mean()), 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z / (1 + z * z / count) * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    return Interval(share, middle - half, middle + half)


def nearest_of(points: Tensor, members: Tensor) -> tuple[Tensor, Tensor]:
    """(root mean square distance, number) of the member nearest to each point: N each. Memory stays bounded."""
    flat, others = points.flatten(1).float(), members.flatten(1).float()
    squares = others.square().sum(1)
    distances, numbers = [], []
    for part in flat.split(max(1, _DISTANCES_AT_ONCE // len(others))):
        # |p|^2 is the same for every member, so it decides nothing.
        number = (squares - 2 * part @ others.T).argmin(1)
        numbers.append(number)
        distances.append((part - others[number]).square().mean(1).sqrt())  # exact, also for a copy
    return torch.cat(distances), torch.cat(numbers)


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"
