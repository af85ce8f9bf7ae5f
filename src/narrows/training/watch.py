"""What goes wrong without an error: codes that say nothing, codebooks and units that nobody uses, a game that is lost.

It is seen in the losses that kinds name, whatever the kind: `kl_per_value` and `kl_1`, `kl_2`, ... (nats), `dead` and
`codebook_use` (shares), `critic.right` (the share that a critic tells apart) with `known` (what that costs the
encoder). A kind that logs one of these names is watched.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

FROM, TO_GAME = 0.2, 0.3
"""Share of a run before which nothing is said: untrained encoders say nothing yet, codebooks are just being found,
and a critic always leads at first."""
LEAST_KL = 0.01
"""Nats a code value."""
LEAST_CODEBOOK, MOST_DEAD, MOST_RIGHT, MOST_KNOWN = 0.1, 0.5, 0.98, 4.0


_KL, _LEVEL = "the code says almost nothing of the input", "level {} of the code says almost nothing"
_CODEBOOK, _DEAD = "most of the codebook is not used", "half of the units or more are dead"
_CRITIC = "the critic has won"
_SAID = re.compile(rf"step \d+: ({'|'.join((_KL, _LEVEL.format('[0-9]+'), _CODEBOOK, _DEAD, _CRITIC))}) \(")


class Warned(NamedTuple):
    """One thing that goes wrong."""

    mark: str
    """A clause that is the same whatever the numbers."""
    sentence: str
    """The mark with its numbers, and what to try."""


def watch(named: Mapping[str, float], share: float) -> list[Warned]:
    """From the mean named losses of some steps, at `share` (0 to 1) of the run."""
    if share < FROM:
        return []
    found = []
    kl = named.get("kl_per_value")
    if kl is not None and kl < LEAST_KL:
        found.append(Warned(_KL, f"{_KL} ({kl:.2g} nats a value); a lower beta, a longer warm-up or free bits help"))
    for name, value in named.items():
        level = re.fullmatch(r"kl_(\d+)", name)
        if level and value < LEAST_KL:
            mark = _LEVEL.format(level[1])
            found.append(Warned(mark, f"{mark} ({value:.2g} nats); fewer levels, a longer warm-up or free bits help"))
    use = named.get("codebook_use")
    if use is not None and use < LEAST_CODEBOOK:
        found.append(Warned(_CODEBOOK, f"{_CODEBOOK} ({use:.1%} is); a smaller codebook, or more data, helps"))
    dead = named.get("dead")
    if dead is not None and dead >= MOST_DEAD:
        found.append(Warned(_DEAD, f"{_DEAD} ({dead:.1%}); fewer units, a larger k or a lower learning rate helps"))
    right, known = named.get("critic.right"), named.get("known")
    if share >= TO_GAME and right is not None and known is not None and right > MOST_RIGHT and known > MOST_KNOWN:
        told = f"{_CRITIC} (it is right in {right:.1%}), so codes drift from the prior; a lower learning rate helps"
        found.append(Warned(_CRITIC, told))
    return found


def said(remarks: Iterable[str]) -> set[str]:
    """The marks of the warnings among a run's remarks, each of which begins with its step."""
    return {found[1] for found in map(_SAID.match, remarks) if found}
