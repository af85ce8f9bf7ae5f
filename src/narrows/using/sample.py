"""Fitting a prior on the codes of a trained model, so that new examples can be drawn from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor

from narrows._contract import Batch, DataFacts
from narrows._errors import BadData
from narrows.model.build import make_prior
from narrows.model.model import Model
from narrows.training.config import TrainingConfig
from narrows.training.loop import Supply, train
from narrows.training.seeds import generator

_RATE = 1e-3
"""Highest learning rate of priors that are trained, unless said otherwise."""
_STEPS = 2000
"""Of priors that learn by gradient, 256 codes each, unless said otherwise: one to three minutes on two cores."""
_HELD_OUT = 0.1
"""Of the codes: they choose the best of the averaged weights."""


def fit_prior(
    model: Model,
    codes: Tensor,
    name: str,
    *,
    seed: int = 0,
    options: dict[str, object] | None = None,
    config: TrainingConfig | None = None,
    progress: Callable[[dict[str, Any]], None] | None = None,
) -> None:
    """Fit the prior `name` on the codes of training examples (as `Model.encode` gives them: n D, or n D h w) and keep
    it in the model, in the place of another. `Model.draw` then draws from it, and it is saved with the model.
    `progress` is told the events of the training, where the prior learns by gradient.

    Example: `fit_prior(model, model.encode(pictures), "mixture", options={"components": 20})`.
    Raises UnknownName, BadOption, BadPairing, NotSupported, BadData.
    """
    wanted = model.code_shape
    if wanted is not None and tuple(codes.shape[1:]) != wanted:
        raise BadData(f"codes of shape {tuple(codes.shape)} came; this model's are (n, {', '.join(map(str, wanted))})")
    if len(codes) < 2:
        raise BadData(f"{len(codes)} codes came; a prior is fitted on 2 or more, better thousands")
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # `torch.manual_seed` would set those of GPUs too, for good
        prior, taken = make_prior(model, name, options or {})
    if prior.accepts == "indices":
        codes = model.autoencoder.to_indices(codes)  # type: ignore[operator]
    elif not torch.isfinite(codes).all():
        raise BadData("there are codes that are not numbers; the model is broken, so fit it anew")
    prior = prior.to(model.autoencoder.offset.dtype)
    config = config or TrainingConfig(steps=_STEPS, batch_size=min(256, len(codes)), seed=seed, precision="32-true")
    config = replace(config, learning_rate=config.learning_rate or _RATE)
    order = torch.randperm(len(codes), generator=generator(seed, "prior split"))
    held = codes[order[: round(_HELD_OUT * len(codes))]]
    learned = codes[order[len(held) :]]

    def facts() -> DataFacts:
        # A closed form has nothing to choose by held-out codes, so it takes all.
        some = learned if prior.turns else codes
        return DataFacts(len(some), some.double().mean(0), some, generator(seed, "prior facts"))

    def supply(rows: Tensor) -> Supply:
        return Supply(len(rows), lambda indices, step: Batch(rows[indices], rows[indices]))

    train(prior, supply(learned), supply(held) if len(held) else None, config, facts=facts, progress=progress)
    model.prior = prior.requires_grad_(False).eval()
    model.card["prior"] = {"name": name, "options": taken}
