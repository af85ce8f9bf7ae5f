"""The card: everything a model is, as JSON. It is written whole, defaults included, and read back without guessing."""

from __future__ import annotations

import json
from typing import Any

from narrows._errors import BadModelFile

FORMAT = 4
"""Rises when a reader of the old format would misread the new one. Since 2, encoders hold the mean of their inputs;
since 3, convolutions may have a linear map beside them; since 4, that of a decoder is handed a share of the code."""
_MOST_BYTES = 4 << 20

_FIELDS: dict[str, type | tuple[type, ...]] = {
    "format": int,
    "narrows": str,
    "form": str,
    "shape": list,
    "kind": dict,
    "architecture": dict,
    "task": dict,
    "loss": str,
    "link": str,
    "data": dict,
    "training": dict,
    "scores": dict,
    "about": dict,
}
_OPTIONAL = {"prior": dict, "target_shape": list, "stored": str}
"""Only in models that a prior was fitted for; in those that give pictures of another shape than they take; and in those
whose weights are kept in another precision than they are used in."""
HALF = "float16"
"""What `stored` may say: half the bytes, and weights rounded to 11 bits."""


def parse(text: str | bytes, where: str) -> dict[str, Any]:
    """Text to card. Raises BadModelFile for anything that is not a whole card of a known format."""
    if len(text) > _MOST_BYTES:
        raise BadModelFile(f"{where} has a card of {len(text)} bytes; a card has at most {_MOST_BYTES}")
    try:
        card = json.loads(text)
        dump(card).encode()  # raises for half a character, which JSON can hold
    except (ValueError, RecursionError) as error:
        raise BadModelFile(f"{where} is no readable model card ({error}); get the model folder anew") from error
    return check(card, where)


def check(card: Any, where: str) -> dict[str, Any]:
    """The card itself, when every field is there and of its type."""
    if not isinstance(card, dict):
        raise BadModelFile(f"{where} holds {type(card).__name__} where a model card (a JSON object) is expected")
    form = card.get("format")
    if isinstance(form, int) and form > FORMAT:
        raise BadModelFile(
            f"{where} has model format {form}, written by narrows {card.get('narrows', '?')}; this program reads up to "
            f"{FORMAT}: pip install --upgrade narrows"
        )
    if isinstance(form, int) and form < 1:
        raise BadModelFile(f"{where} has model format {form}; formats are 1 to {FORMAT}: get the model folder anew")
    for name, kind in _FIELDS.items():
        if name not in card:
            raise BadModelFile(f"{where} lacks {name!r}; every model card has it: get the model folder anew")
        if not isinstance(card[name], kind) or isinstance(card[name], bool):
            raise BadModelFile(f"{where} has {name}={card[name]!r:.80}, which is not what a model card holds")
    for name, kind in _OPTIONAL.items():
        if name in card and not isinstance(card[name], kind):
            raise BadModelFile(f"{where} has {name}={card[name]!r:.80}, which is not what a model card holds")
    if card.get("stored", HALF) != HALF:
        raise BadModelFile(f"{where} has stored={card['stored']!r:.80}; weights are stored as they are, or as {HALF}")
    for name in ("shape", "target_shape") if "target_shape" in card else ("shape",):
        shape = card[name]
        sized = len(shape) == (3 if card["form"] == "picture" else 1)
        if not sized or not all(isinstance(n, int) and not isinstance(n, bool) and 0 < n <= 1 << 24 for n in shape):
            raise BadModelFile(f"{where} has {name} {shape!r:.80}; a picture has [C, H, W], a table [D]")
    for part in ("kind", "architecture", "task", *(["prior"] if "prior" in card else [])):
        if not isinstance(card[part].get("name"), str) or not isinstance(card[part].get("options"), dict):
            raise BadModelFile(f"{where} has {part}={card[part]!r:.80}; it holds a name and options")
    code_size = card["kind"]["options"].get("code_size", 1)
    if isinstance(code_size, bool) or not isinstance(code_size, int) or not 1 <= code_size <= 1 << 24:
        raise BadModelFile(f"{where} has code_size={code_size!r:.80}; a code has 1 value or more")
    return card


def dump(card: dict[str, Any]) -> str:
    """Card to text: sorted, indented, the same bytes for the same card."""
    return json.dumps(card, indent=1, sort_keys=True, ensure_ascii=False)
