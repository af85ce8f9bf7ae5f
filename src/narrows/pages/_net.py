"""The network drawn layer by layer, from input to code and back, with what every layer gives, holds and costs."""

from __future__ import annotations

import math

from narrows.measuring.layers import Layer, layers_of, milliseconds, parameters_of
from narrows.model.model import Model
from narrows.pages._charts import Block, bar, hourglass
from narrows.pages._html import Child, Markup, folded, h, prose, section, table
from narrows.pages._numbers import count, many, number
from narrows.pages._words import Say

_MOST_UNFOLDED = 14


def net_section(model: Model, say: Say) -> Markup:
    """Drawing, whole cost, and the table of layers."""
    layers = layers_of(model)
    what = say("picture" if model.form == "picture" else "one row")
    summary = say(
        "net facts",
        parameters=count(parameters_of(model)),
        adds=many(sum(layer.multiply_adds for layer in layers)),
        ms=number(milliseconds(model)),
        what=what,
    )
    came = math.prod(model.shape)
    blocks = [Block(came, "input", f"{say('part input')}: {count(came)}")]
    blocks += [Block(layer.values, layer.part, f"{layer.name}: {count(layer.values)}", layer.grows) for layer in layers]
    drawn = layer_table(layers, model.shape, say)
    title = say("all layers", n=len(layers))
    return section(
        say("net"),
        prose(summary),
        h("figure", hourglass(blocks, described=summary), h("figcaption", say("net caption"))),
        prose(say("grows note"), class_="caption") if any(layer.grows for layer in layers) else None,
        _code_and_more(model, layers, say),
        drawn if len(layers) <= _MOST_UNFOLDED else folded(title, drawn),
        id_="net",
    )


def _code_and_more(model: Model, layers: list[Layer], say: Say) -> Markup | None:
    """Kinds whose encoder gives more than the code (a mean and a variance) say so, or the drawing would mislead."""
    given = next((layer.values for layer in layers if layer.part == "code"), None)
    code = None if model.code_shape is None else math.prod(model.code_shape)
    if code is None or given is None or given <= code:
        return None
    return prose(say("code and more", values=count(given), code=count(code)), class_="caption")


def layer_table(layers: list[Layer], shape: tuple[int, ...], say: Say) -> Markup:
    """A row for each layer; bars compare values and multiply-adds."""
    most_values = max([math.prod(shape), *(layer.values for layer in layers)])
    most_adds = max([1, *(layer.multiply_adds for layer in layers)])
    head = [say(key) for key in ("layer", "part", "gives", "values", "parameters", "multiply-adds")]
    rows: list[list[Child]] = [[say("part input"), "", _shape(shape), _barred(math.prod(shape), most_values), "", ""]]
    for layer in layers:
        part: Child = say(f"part {layer.part}")
        if layer.grows:
            part = [part, " ", h("span", f"\u25b2 {say('grows')}", class_="warn")]
        elif layer.part == "code":
            part = h("b", part)
        rows.append(
            [
                layer.name,
                part,
                _shape(layer.shape),
                _barred(layer.values, most_values),
                count(layer.parameters),
                _barred(layer.multiply_adds, most_adds),
            ]
        )
    return table(head, rows, numbers=(2, 3, 4, 5))


def _barred(value: int, most: int) -> list[Child]:
    return [count(value), bar(value / most)]


def _shape(shape: tuple[int, ...]) -> str:
    return " \u00d7 ".join(map(str, shape))
