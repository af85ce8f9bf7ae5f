"""The hyperparameters of a model that its pages tell, each with its reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def hyperparameters(card: Mapping[str, Any]) -> dict[str, Any]:
    """Name -> value: layers, nodes and the loss; how far pictures were moved and whether they were mirrored, where that
    was chosen or asked for."""
    net, trained = card["architecture"]["options"], card["training"]
    return {
        "n_layers": net.get("n_layers"),
        "n_nodes": ", ".join(map(str, net.get("n_nodes", ()))),
        "loss": card["loss"],
        **{name: trained[name] for name in ("shift", "mirror") if name in reasons_of(card) or trained.get(name)},
    }


def reasons_of(card: Mapping[str, Any]) -> Mapping[str, str]:
    """Name -> why the program chose it; what the user asked for has none."""
    return card["about"].get("reasons", {})
