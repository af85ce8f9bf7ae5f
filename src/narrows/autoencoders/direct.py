"""Direct: no code at all, picture to picture through a whole net. For restoration, where a bottleneck only costs.

It is here so that every task can be trained both ways and the report can set an autoencoder beside it.
"""

from __future__ import annotations

from torch import Tensor

from narrows._contract import AbstractArchitecture, AbstractAutoencoder, Batch, DataFacts, Step
from narrows.nn.losses import AbstractLoss


class Direct(AbstractAutoencoder):
    """`restore` is the net; there is nothing to encode, and `code_size` is refused."""

    needs = frozenset({"whole"})
    gives = frozenset()
    link = "identity"

    def __init__(self, *, net: AbstractArchitecture, loss: AbstractLoss) -> None:
        super().__init__(net=net, loss=loss)
        self.net = net.whole()

    def start(self, facts: DataFacts) -> None:
        """Nothing to set: a whole net begins as the identity, so the offset stays 0."""

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        return {"loss": self.loss(self.net(batch.x), batch.target, batch.weight).mean()}

    def restore(self, x: Tensor) -> Tensor:
        return self.loss.output(self.net(x))
