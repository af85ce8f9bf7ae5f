"""The best classical filter for a task: the simple alternative to a restoring network, its setting chosen on training
pictures."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from narrows._contract import AbstractTask, Batch, Formula, Step
from narrows._errors import BadOption, NotSupported, UnknownName
from narrows._registry import tasks
from narrows.measuring.classical import ClassicalFilter, all_filters, filters_for
from narrows.measuring.classical._filter import label
from narrows.measuring.metrics import psnr

_CHOSEN_BY_SIDE = 192
"""Pixels: settings are chosen on the middles of pictures, which is quick and says the same."""
_FIRST = 6
"""Pictures that all settings of a filter are tried on; the best of each filter is then tried on all."""
_REACH = 48
"""Pixels around a tile that a filter sees: more than any of them looks at to any effect."""
DEFAULT = ("gaussian", "median", "non_local_means")


class ChosenFilter(NamedTuple):
    """The filter and setting that did best on the pictures it was chosen by."""

    name: str
    setting: Any
    apply: Callable[[Tensor], Tensor]
    """C H W -> C H W; with `sees_extra`, C+extra H W -> C H W."""
    psnr: float
    sees_extra: bool = False

    @property
    def label(self) -> str:
        """ "Gaussian 1.3": as people are told it."""
        return label(self.name, self.setting)


def best_filter(
    damaged: list[Tensor],
    clean: list[Tensor],
    names: Sequence[str] = DEFAULT,
    extras: list[Tensor] | None = None,
    *,
    slow: bool = False,
) -> ChosenFilter:
    """Choose among `names` (a task's `classical`) by mean PSNR on (training) pictures, C H W in [0, 1].

    `extras` are the channels beside each picture, extra H W, for filters that need them. `slow` lets those that take
    many seconds a picture take part. Raises UnknownName.
    """
    extras = extras or [d[:0] for d in damaged]
    seen = [(_middle(d), _middle(e), _middle(c)) for d, e, c in zip(damaged, extras, clean, strict=True)]
    best: ChosenFilter | None = None
    for candidate in filters_for(names, slow=slow) or filters_for(DEFAULT):
        setting = max(candidate.settings, key=lambda setting: _score(candidate, setting, seen[:_FIRST]))
        score = _score(candidate, setting, seen)
        if best is None or score > best.psnr:
            best = ChosenFilter(
                candidate.title, setting, _with_setting(candidate, setting), score, candidate.sees_extra
            )  # fmt: skip
    assert best is not None  # the default filters are always there
    return best


def read_filter(text: str, task: AbstractTask) -> tuple[ClassicalFilter, Any]:
    """ "bm3d" or "unsharp_mask=2,0.7" -> the filter and its setting, the middle one of its ladder where none is said.

    Raises UnknownName for filters that are none of the task's, NotSupported where a package is missing, BadOption.
    """
    name, marked, said = text.partition("=")
    mine = task.classical or DEFAULT
    if name not in mine:
        raise UnknownName.of(f"classical filter of {tasks.name_of(task)}", name, mine)
    if name not in all_filters():
        raise NotSupported(f"the package {name} is not installed: pip install {name}")
    one = all_filters()[name]
    if one.sees_extra:
        raise NotSupported(f"{name} fills what a mask hides and is no verb of its own: leave out --classical")
    usual = one.settings[len(one.settings) // 2]
    return one, _read_setting(text, said, name, usual) if marked else usual


def _read_setting(text: str, said: str, name: str, usual: Any) -> Any:
    """Numbers of the same kinds as the usual setting's."""
    like: tuple[Any, ...] = usual if isinstance(usual, tuple) else () if usual is None else (usual,)
    try:
        read = tuple(type(each)(part) for each, part in zip(like, said.split(","), strict=True))
    except ValueError:
        read = ()
    if not like or not read or not all(0 < number < 1e4 for number in read):
        if not like:
            raise BadOption(f"--classical {text}: {name} has no setting: --classical {name}")
        kind = "whole number" if isinstance(like[0], int) else "number"
        what = f"{len(like)} numbers, each" if len(like) > 1 else f"a {kind}"
        such = f"{name}={','.join(f'{each:g}' for each in like)}"
        raise BadOption(f"--classical {text}: {name} takes {what} above 0 and below 10000, such as --classical {such}")
    return read if isinstance(usual, tuple) else read[0]


class Filtered(AbstractTask):
    """A classical filter in the place of a task's network: what `restore_photo` takes as a model."""

    def __init__(self, task: AbstractTask, one: ClassicalFilter, setting: Any) -> None:
        super().__init__()
        self.filter, self.setting, self.scale, self.margin = one, setting, task.scale, task.margin  # type: ignore[misc]
        self.enlarge = task.enlarge  # type: ignore[method-assign]

    def example(self, pictures: Tensor, step: Step) -> Batch:
        """There is nothing to learn."""
        raise NotImplementedError

    def exact(self, **options: Any) -> Formula:
        if options:
            raise BadOption(f"--{next(iter(options))} is told the network; leave it out beside --classical")

        def apply(pixels: Tensor) -> Tensor:
            return torch.stack([self.filter.apply(one, self.setting).clamp(0, 1) for one in pixels])

        return Formula(apply, None if self.filter.whole else _REACH, together=True)


def _with_setting(candidate: ClassicalFilter, setting: Any) -> Callable[[Tensor], Tensor]:
    return lambda picture: candidate.apply(picture, setting)


def apply_filter(chosen: ChosenFilter, picture: Tensor, extra: Tensor) -> Tensor:
    """C H W and the channels beside it, extra H W -> C H W in [0, 1]."""
    return chosen.apply(_input(chosen.sees_extra, picture, extra)).clamp(0, 1)


def _input(sees_extra: bool, picture: Tensor, extra: Tensor) -> Tensor:
    return torch.cat([picture, extra]) if sees_extra else picture


def _score(candidate: ClassicalFilter, setting: Any, seen: list[tuple[Tensor, Tensor, Tensor]]) -> float:
    found = [
        float(psnr(candidate.apply(_input(candidate.sees_extra, d, e), setting).clamp(0, 1)[None], c[None]))
        for d, e, c in seen
    ]
    return sum(found) / len(found)


def _middle(picture: Tensor) -> Tensor:
    top, left = (max(0, (length - _CHOSEN_BY_SIDE) // 2) for length in picture.shape[1:])
    return picture[:, top : top + _CHOSEN_BY_SIDE, left : left + _CHOSEN_BY_SIDE].contiguous()
