"""Randomness without state: every generator is seeded from what it is for, so resuming needs to restore none."""

from __future__ import annotations

import hashlib

import torch


def generator(seed: int, purpose: str, *where: int, device: str | torch.device = "cpu") -> torch.Generator:
    """A fresh generator for one purpose at one place (step, rank, ...) of one run; costs about 8 microseconds.

    Example: `generator(config.seed, "example", step, rank)`.
    """
    text = ":".join([str(seed), purpose, *map(str, where)])
    number = int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1
    return torch.Generator(device=device).manual_seed(number)
