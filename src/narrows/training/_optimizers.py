"""One AdamW a turn, fused; the schedule; and their state as plain tensors, since nothing here pickles."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from narrows._contract import Trainable
from narrows.training.config import TrainingConfig

_LAST_SHARE = 0.01
"""Of the highest learning rate, at the last step."""


def learning_rate_at(step: int, total: int, config: TrainingConfig) -> float:
    """Linear from 0 over the warm-up, then half a cosine. Loshchilov & Hutter 2017, arXiv:1608.03983."""
    warmup = min(config.warmup, total // 10)
    if step < warmup:
        return config.learning_rate * (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, total - warmup)
    return config.learning_rate * (_LAST_SHARE + (1 - _LAST_SHARE) * 0.5 * (1 + math.cos(math.pi * done)))


class Optimizers:
    """Turn name to optimizer. "main" owns every parameter that no critic owns."""

    def __init__(self, module: Trainable, config: TrainingConfig, *, fused: bool) -> None:
        self.parameters: dict[str, list[nn.Parameter]] = {}
        owned: set[int] = set()
        for critic in module.critics:
            self.parameters[critic] = list(module.get_submodule(critic).parameters())
            owned |= {id(p) for p in self.parameters[critic]}
        main = [p for p in module.parameters() if id(p) not in owned and p.requires_grad]
        self.parameters = {turn: self.parameters.get(turn, main) for turn in module.turns}
        self.each: dict[str, torch.optim.Optimizer] = {
            turn: torch.optim.AdamW(_groups(owned_, config.weight_decay), lr=config.learning_rate, fused=fused)
            for turn, owned_ in self.parameters.items()
        }

    def replace(self, ready: list[Any]) -> None:
        """Take the wrapped optimizers that Fabric gives back, in order."""
        self.each = dict(zip(self.each, ready, strict=True))

    @torch.no_grad()
    def clip(self, turn: str, most: float) -> float:
        """Scale one turn's gradients down to a norm of `most` (0: leave them); gives the norm that they had.

        A norm that is not a number says that a gradient is not; nothing is scaled then.
        """
        gradients = [p.grad for p in self.parameters[turn] if p.grad is not None]
        if not gradients:
            return 0.0
        norm = float(torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients))))
        if most and math.isfinite(norm) and norm > most:
            torch._foreach_mul_(gradients, most / norm)
        return norm

    def step(self, turn: str, rate: float) -> None:
        """Step one turn at learning rate `rate`."""
        for group in self.each[turn].param_groups:
            group["lr"] = rate
        self.each[turn].step()

    def tensors(self) -> dict[str, Tensor]:
        """State by "turn.parameter number.name"."""
        found = {}
        for turn, optimizer in self.each.items():
            for number, parameter in enumerate(self.parameters[turn]):
                for name, value in optimizer.state.get(parameter, {}).items():
                    found[f"{turn}.{number}.{name}"] = value
        return found

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Back from a checkpoint; state that the checkpoint lacks is forgotten."""
        for turn, optimizer in self.each.items():
            for number, parameter in enumerate(self.parameters[turn]):
                prefix = f"{turn}.{number}."
                state = {}
                for name, value in tensors.items():
                    if name.startswith(prefix):
                        like = parameter if value.shape == parameter.shape and value.dim() else value
                        state[name.removeprefix(prefix)] = torch.empty_like(like, dtype=value.dtype).copy_(value)
                if state:
                    optimizer.state[parameter] = state
                else:
                    optimizer.state.pop(parameter, None)


def _groups(parameters: list[nn.Parameter], decay: float) -> list[dict[str, Any]]:
    """Decay for matrices and kernels; none for biases, scales and other single rows."""
    wide = [p for p in parameters if p.dim() >= 2]
    rest = [p for p in parameters if p.dim() < 2]
    return [
        {"params": group, "weight_decay": wd} for group, wd in ((wide, decay), (rest, 0.0)) if group
    ]  # fmt: skip
