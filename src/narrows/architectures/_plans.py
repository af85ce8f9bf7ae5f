"""Shared arithmetic of plans: n_layers and n_nodes in whatever form they came, to a width for every layer."""

from __future__ import annotations

from collections.abc import Callable

from narrows._contract import Plan
from narrows._errors import BadOption

_MOST_NODES, _MOST_LAYERS = 65_536, 100


def halving(first: int, count: int, floor: int = 1) -> tuple[int, ...]:
    """`count` widths, each half of the one before, none under `floor`."""
    return tuple(max(first >> number, floor) for number in range(count))


def doubling(first: int, count: int, ceiling: int = 512) -> tuple[int, ...]:
    """`count` widths, each twice the one before, growing to `ceiling` at most (or `first`, when that is more)."""
    return tuple(min(first << number, max(first, ceiling)) for number in range(count))


def refuse_other_widths(n_layers: object, n_nodes: object) -> None:
    """Raise BadOption for what are no whole numbers."""
    if n_layers is not None and (isinstance(n_layers, bool) or not isinstance(n_layers, int)):
        raise BadOption(f"n_layers={n_layers!r}; it takes a whole number, such as --n-layers 4")
    each = n_nodes if isinstance(n_nodes, tuple) else () if n_nodes is None else (n_nodes,)
    if any(isinstance(width, bool) or not isinstance(width, int) for width in each):
        raise BadOption(f"n_nodes={n_nodes!r}; it takes a whole number, or one for each layer: --n-nodes 512,256")


def refuse_too_many(layers: int) -> None:
    """Raise BadOption for a net that is too deep."""
    if layers > _MOST_LAYERS:
        raise BadOption(
            f"n_layers={layers}: more than {_MOST_LAYERS} layers cannot be trained here, such as --n-layers 4"
        )


def widths_from(
    n_layers: int | None,
    n_nodes: int | tuple[int, ...] | None,
    *,
    default_layers: tuple[int, str],
    default_first: tuple[int, str],
    rule: Callable[[int, int], tuple[int, ...]],
) -> Plan:
    """A plan whose last layer gives the code, so that `n_nodes` names one layer fewer than `n_layers`.

    Raises BadOption for contradictions and for numbers out of range.
    """
    reasons: dict[str, str] = {}
    refuse_other_widths(n_layers, n_nodes)
    if isinstance(n_nodes, tuple):
        widths = n_nodes
        refuse_too_many(len(widths) + 1)
        if n_layers is not None and n_layers != len(widths) + 1:
            raise BadOption(
                f"n_layers={n_layers} contradicts n_nodes={widths}: the last layer gives the code, so {len(widths)} "
                f"widths make {len(widths) + 1} layers; give one of the two"
            )
    else:
        layers, first = n_layers, n_nodes
        if layers is None:
            layers, reasons["n_layers"] = default_layers
        if layers < 1:
            raise BadOption(f"n_layers={layers}: there is at least the layer that gives the code, such as --n-layers 4")
        refuse_too_many(layers)
        if first is None:
            first, reasons["n_nodes"] = default_first
        widths = rule(first, layers - 1) if first >= 1 else (first,)
    for width in widths:
        if isinstance(width, bool) or not isinstance(width, int) or not 1 <= width <= _MOST_NODES:
            raise BadOption(f"n_nodes={n_nodes}: each layer has 1 to {_MOST_NODES} nodes, such as --n-nodes 512,256")
    return Plan(len(widths) + 1, widths, reasons)
