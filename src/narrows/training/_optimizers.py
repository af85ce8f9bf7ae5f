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
_FAN_IN = 512
"""Inputs of a fully connected layer, up to which its weights learn at the full rate."""


def learning_rate_at(step: int, total: int, config: TrainingConfig) -> float:
    """Linear from 0 over the warm-up, then half a cosine. Loshchilov & Hutter 2017, arXiv:1608.03983."""
    warmup = min(config.warmup, total // 10)
    if step < warmup:
        return config.rate * (step + 1) / (warmup + 1)
    done = (step - warmup) / max(1, total - warmup)
    return config.rate * (_LAST_SHARE + (1 - _LAST_SHARE) * 0.5 * (1 + math.cos(math.pi * done)))


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
            turn: torch.optim.AdamW(_groups(module, owned_, config.weight_decay), lr=config.rate, fused=fused)
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
            group["lr"] = rate * group["share"]
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
        """Back from a checkpoint; state that the checkpoint lacks is forgotten.

        All goes to where the parameter is, as the fused step reads it there; other ones count steps on the processor.
        """
        for turn, optimizer in self.each.items():
            fused = bool(optimizer.param_groups[0]["fused"])
            for number, parameter in enumerate(self.parameters[turn]):
                prefix = f"{turn}.{number}."
                state = {}
                for name, value in tensors.items():
                    if name.startswith(prefix):
                        name = name.removeprefix(prefix)
                        like = parameter if value.shape == parameter.shape and value.dim() else value
                        device = parameter.device if fused or name != "step" else "cpu"
                        state[name] = torch.empty_like(like, dtype=value.dtype, device=device).copy_(value)
                if state:
                    optimizer.state[parameter] = state
                else:
                    optimizer.state.pop(parameter, None)


def _groups(module: nn.Module, parameters: list[nn.Parameter], decay: float) -> list[dict[str, Any]]:
    """Decay for matrices and kernels; none for biases, scales and other single rows. Wide matrices learn more slowly.

    Adam moves every weight by about the rate, so a node's sum moves with the number of its inputs: beyond `_FAN_IN` of
    them the rate falls in proportion. Yang et al. 2022, arXiv:2203.03466, table 3.
    """
    fan_in = {id(layer.weight): layer.in_features for layer in module.modules() if isinstance(layer, nn.Linear)}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for parameter in parameters:
        share = min(1.0, _FAN_IN / fan_in.get(id(parameter), 1))
        groups.setdefault((decay if parameter.dim() >= 2 else 0.0, share), []).append(parameter)
    return [{"params": group, "weight_decay": wd, "share": share} for (wd, share), group in groups.items()]
