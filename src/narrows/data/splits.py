"""Who is learned from and who judges: decided by content, so that it stays when files are added.

Equal contents have equal hashes and so never lie on both sides.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from itertools import pairwise

import numpy as np
import torch
from torch import Tensor

from narrows._errors import BadData


def content_hash(content: bytes | np.ndarray) -> str:
    """32 hex digits that name these bytes; arrays also by their shape and type."""
    found = hashlib.blake2b(digest_size=16)
    if isinstance(content, np.ndarray):
        found.update(f"{content.shape}{content.dtype}".encode())
        found.update(np.ascontiguousarray(content).reshape(-1).view(np.uint8).data)  # as bytes, without a copy
    else:
        found.update(content)
    return found.hexdigest()


def split(
    keys: Sequence[str],
    shares: Sequence[float] = (0.1, 0.05),
    *,
    groups: Sequence[str] | None = None,
    places: Mapping[str, float] | None = None,
) -> tuple[Tensor, ...]:
    """Indices of the training side, then of one side for each share.

    Each key (or group) has a place in [0, 1) that follows from it alone; the first share takes the places from 0, the
    next from there on. Where a side would stay empty, the keys nearest to it in place move over. A share of 0 is empty
    on purpose. `places` has groups whose place is not drawn, such as pages of a stack. Raises BadData when there are
    fewer different keys than sides.
    """
    owners = list(keys) if groups is None else joined(keys, groups)
    given = places or {}

    def place(owner: str) -> float:
        return given[owner] if owner in given else _place(owner)

    different = sorted(set(owners), key=lambda owner: (place(owner), owner))
    wanted = [share for share in shares if share > 0]
    what = "pictures or rows" if groups is None else "pages or pictures" if given else "groups"
    if len(different) < len(wanted) + 1:
        raise BadData(
            f"{len(different)} different {what} came; at least {len(wanted) + 1} are needed, to learn from some and be "
            f"judged by others"
        )
    edges = np.cumsum([0.0, *shares])
    counts = [sum(low <= place(o) < high for o in different) for low, high in pairwise(edges)]
    for side, share in enumerate(shares):
        if share > 0 and counts[side] == 0:
            counts[side] = 1
    while sum(counts) >= len(different):  # leave at least one to learn from
        counts[counts.index(max(counts))] -= 1
    side_of: dict[str, int] = {}
    start = 0
    for side, count in enumerate(counts, start=1):
        side_of |= dict.fromkeys(different[start : start + count], side)
        start += count
    sides = [side_of.get(owner, 0) for owner in owners]
    return tuple(
        torch.tensor([i for i, s in enumerate(sides) if s == side], dtype=torch.long)
        for side in range(len(shares) + 1)
    )  # fmt: skip


def joined(keys: Sequence[str], groups: Sequence[str]) -> list[str]:
    """The groups, those that share a key taken as one: a duplicate in two groups may not lie on both sides."""
    leader = {group: group for group in groups}

    def find(group: str) -> str:
        while leader[group] != group:
            group = leader[group]
        return group

    first: dict[str, str] = {}
    for key, group in zip(keys, groups, strict=True):
        one, other = sorted((find(first.setdefault(key, group)), find(group)))
        leader[other] = one
    return [find(group) for group in groups]


def _place(key: str) -> float:
    """In [0, 1): even, and the same on every machine."""
    return (
        int.from_bytes(hashlib.blake2b(key.encode("utf-8", "surrogateescape"), digest_size=6).digest(), "big") / 2**48
    )
