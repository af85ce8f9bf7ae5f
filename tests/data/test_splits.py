"""The split follows content: stable when files are added, duplicates and groups on one side."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from narrows import BadData
from narrows.data.splits import content_hash, split

few = settings(max_examples=30, derandomize=True, deadline=None)


def _sides(keys: list[str], **options: object) -> list[int]:
    side = [-1] * len(keys)
    for number, indices in enumerate(split(keys, **options)):  # type: ignore[arg-type]
        for index in indices.tolist():
            assert side[index] == -1
            side[index] = number
    assert -1 not in side
    return side


@few
@given(st.lists(st.text(max_size=4), min_size=1, max_size=60), st.floats(0, 0.4), st.floats(0, 0.4))
def test_every_key_has_one_side_and_no_asked_for_side_is_empty(keys: list[str], first: float, second: float) -> None:
    wanted = 1 + sum(share > 0 for share in (first, second))
    if len(set(keys)) < wanted:
        with pytest.raises(BadData, match=f"at least {wanted} are needed"):
            split(keys, (first, second))
        return
    sides = _sides(keys, shares=(first, second))
    assert 0 in sides and (1 in sides) == (first > 0) and (2 in sides) == (second > 0)
    assert all(sides[a] == sides[b] for a in range(len(keys)) for b in range(a) if keys[a] == keys[b])


def test_sides_stay_when_files_are_added_or_reordered() -> None:
    keys = [content_hash(str(i).encode()) for i in range(600)]
    before = dict(zip(keys[:300], _sides(keys[:300]), strict=True))
    after = dict(zip(reversed(keys), _sides(keys[::-1]), strict=True))
    assert all(after[key] == side for key, side in before.items())


def test_shares_are_about_what_was_asked_for() -> None:
    sizes = [len(side) for side in split([str(i) for i in range(10_000)], (0.1, 0.05))]
    assert sizes[1] == pytest.approx(1000, rel=0.1) and sizes[2] == pytest.approx(500, rel=0.15)


def test_groups_of_given_places_lie_where_they_are_put() -> None:
    groups = [f"page {i}" for i in range(200)]
    places = {group: 1 - (i + 0.5) / 200 for i, group in enumerate(groups)}
    sides = _sides([str(i) for i in range(200)], groups=groups, places=places)
    assert sides == [0] * 170 + [2] * 10 + [1] * 20
    with pytest.raises(BadData, match="2 different pages or pictures came"):
        split(["a", "b"], groups=groups[:2], places=places)


def test_a_group_stays_together() -> None:
    groups = [str(i // 10) for i in range(300)]
    sides = _sides([str(i) for i in range(300)], groups=groups)
    assert all(len({sides[i] for i in range(300) if groups[i] == g}) == 1 for g in set(groups))
    assert set(sides) == {0, 1, 2}


def test_a_duplicate_in_two_groups_ties_them_together() -> None:
    for extra in range(40):  # whatever the places of two groups are, one shared picture joins their sides
        keys = [f"{g}-{i}" for g in range(20) for i in range(3)]
        groups = [str(g + 100 * extra) for g in range(20) for _ in range(3)]
        keys[0] = keys[4] = keys[58] = "the same picture"
        sides = _sides(keys, groups=groups)
        assert len({sides[0], sides[3], sides[4], sides[57], sides[58]}) == 1


def test_too_few_groups_are_refused_by_that_name() -> None:
    with pytest.raises(BadData, match="2 different groups came; at least 3"):
        split(["a", "b", "c", "d"], groups=["x", "x", "y", "y"])


def test_a_hash_names_bytes_shape_and_type() -> None:
    array = np.arange(12, dtype=np.uint8)
    hashes = {
        content_hash(array), content_hash(array.reshape(3, 4)), content_hash(array.reshape(4, 3)),
        content_hash(array.astype(np.uint16)), content_hash(array.tobytes()),
    }  # fmt: skip
    assert len(hashes) == 5
    assert content_hash(array.reshape(3, 4).T) == content_hash(array.reshape(3, 4).T.copy())
