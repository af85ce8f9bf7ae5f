"""The contract tests are worth something only if they fail: each kind here breaks one promise, and is caught."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

KIND = '''
"""A kind that breaks a promise."""
import torch
from torch import nn
from narrows._contract import AbstractAutoencoder

class Breaker(AbstractAutoencoder):
    """Undercomplete, but for one line."""

    def __init__(self, *, net, loss, code_size: int):
        super().__init__(net=net, loss=loss)
        self.encoder, self.decoder = net.encoder(code_size), net.decoder(code_size)
        self.steps = 0
        {init}

    def losses(self, batch, turn, step):
        code, weight = self.encode(batch.x), batch.weight
        {losses}
        return {{"loss": self.loss(self.decode_raw(code), batch.target, weight).mean()}}

    def encode(self, x):
        code = self.encoder(x)
        {encode}
        return code

    def decode_raw(self, code):
        return self.decoder(code) + self.offset
'''

BREAKERS = {
    "nothing": ({}, None),
    "batch": ({"encode": "code = code - code.mean(0, keepdim=True)"}, "a_row_does_not_depend_on_its_batch"),
    "random": ({"losses": "code = code + torch.randn_like(code)"}, "draw_only_from_the_generator"),
    "state": ({"losses": "self.steps += 1; code = code * (1 + self.steps % 7)"}, "goes_on_to_the_same_bits"),
    "buffer": (
        {"init": "self.register_buffer('seen', torch.zeros(()))", "losses": "self.seen += 1"},
        "changes_nothing",
    ),
    "unused": ({"init": "self.spare = nn.Linear(2, 2)"}, "gradients_reach_every_parameter"),
    "single": ({"encode": "code = code.float()"}, "single_and_double_precision"),
    "dropout": ({"init": "self.drop = nn.Dropout(0.5)"}, "own_generator_is_left"),
    "missing": ({"losses": "weight = None"}, "missing_cell_would_have_been"),
    "tripled": ({"encode": "code = torch.cat([code] * 3, 1)[..., :1].expand(-1, 5)"}, "shapes_are_what"),
    "uphill": (
        {"losses": "up = self.loss(self.decode_raw(code), batch.target).mean(); return {'loss': 2 * up.detach() - up}"},
        "the_loss_falls",
    ),
    "infinite": ({"losses": "return {'loss': self.loss(self.decode_raw(code), batch.target).mean(), 'more': code}"},
                 "finite_scalars"),
    "threads": (
        {"encode": "self.kept = code.sum(1, keepdim=True); __import__('time').sleep(1e-4); code = code + self.kept[0]"},
        "eight_threads",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def failures(tmp_path_factory):
    """The contract tests that fail, over all of these kinds at once, in a program of their own."""
    folder = tmp_path_factory.mktemp("kinds") / "autoencoders"
    folder.mkdir()
    for name, (changed, _) in BREAKERS.items():
        text = KIND.format(**({"init": "pass", "losses": "pass", "encode": "pass"} | changed))
        (folder / f"breaks_{name}.py").write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "pytest", str(Path(__file__).with_name("test_contracts.py")), "-m", "", "-rfE"]
    command += ["-k", "breaks and mlp and reconstruct", "-p", "no:cacheprovider", "--tb=no"]
    environment = {**os.environ, "NARROWS_PATH": str(folder.parent)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == 1, done.stdout[-2000:] + done.stderr[-2000:]
    return [line.removeprefix("FAILED ") for line in done.stdout.splitlines() if line.startswith("FAILED")]


@pytest.mark.slow
@pytest.mark.parametrize("name", BREAKERS)
def test_a_broken_promise_is_caught(name, failures):
    found = [line for line in failures if f"breaks_{name}-" in line]
    caught_by = BREAKERS[name][1]
    if caught_by is None:
        assert not found
    else:
        assert any(caught_by in line for line in found), found
