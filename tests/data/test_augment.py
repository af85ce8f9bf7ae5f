from __future__ import annotations

import torch

from narrows.data.augment import mirror, move


def test_every_move_is_a_shift_of_whole_pixels_with_repeated_edges():
    picture = torch.arange(30.0).reshape(1, 1, 5, 6)
    pictures = picture.expand(64, 2, 5, 6)
    moved = move(pictures, 2, torch.Generator().manual_seed(0))
    rows, cols = torch.arange(5), torch.arange(6)
    shifts = {
        (dy, dx): picture[0, 0][(rows + dy).clamp(0, 4)[:, None], (cols + dx).clamp(0, 5)[None]]
        for dy in range(-2, 3)
        for dx in range(-2, 3)
    }
    seen = set()
    for one in moved:
        assert torch.equal(one[0], one[1])
        seen |= {way for way, wanted in shifts.items() if torch.equal(one[0], wanted)}
        assert any(torch.equal(one[0], wanted) for wanted in shifts.values())
    assert len(seen) > 15


def test_no_move_is_no_copy():
    pictures = torch.rand(2, 1, 4, 4)
    assert move(pictures, 0, torch.Generator()) is pictures


def test_about_half_of_the_pictures_are_mirrored():
    pictures = torch.rand(200, 3, 4, 5)
    found = mirror(pictures, torch.Generator().manual_seed(0))
    flipped = [torch.equal(one, before.flip(2)) for one, before in zip(found, pictures, strict=True)]
    same = [torch.equal(one, before) for one, before in zip(found, pictures, strict=True)]
    assert all(a != b for a, b in zip(flipped, same, strict=True))
    assert 70 < sum(flipped) < 130
