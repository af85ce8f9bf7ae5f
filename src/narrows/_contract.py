"""The contracts that every kind, architecture and task keeps; nothing here does any work.

Shape letters, used in every docstring of the package: **B** batch, **C** channels, **H W** pixels, **h w** pixels
after striding, **D** code size, **K** codebook size, **L** patches. Pictures are float in [0, 1], B C H W; tables are
B D.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn


class Batch(NamedTuple):
    """What one step learns from. A NamedTuple, because Fabric cannot convert frozen dataclasses to half precision."""

    x: Tensor
    """B C+extra H W (or B D): what goes into the net."""
    target: Tensor
    """B C H W (or B D): what should come out."""
    weight: Tensor | None = None
    """B 1 H W (or B D), non-negative: where the loss counts. None is everywhere."""


@dataclass(frozen=True, eq=False)
class Pairs:
    """Pictures, each beside what should become of it: the examples of a task that is given pairs."""

    before: Tensor
    """B C H W"""
    after: Tensor
    """B c h w"""
    facts: dict[str, Tensor] = field(default_factory=dict)
    """What the task's `look` found in each whole picture `before`, of which these may be patches: B each."""

    def __len__(self) -> int:
        return len(self.before)

    def __getitem__(self, rows: Tensor | slice) -> Pairs:
        """Some of them, as of a tensor."""
        return Pairs(self.before[rows], self.after[rows], {name: value[rows] for name, value in self.facts.items()})


class Step(NamedTuple):
    """Where in the run a batch stands, and the only source of randomness it may draw from."""

    index: int
    total: int
    examples: int
    """Size of the training set."""
    generator: torch.Generator
    restore: Callable[[Tensor], Tensor] | None = None
    """The model as it stands, for tasks that learn without clean pictures."""


class DataFacts(NamedTuple):
    """What a module may know of the data before step 0, for its initial values."""

    examples: int
    mean: Tensor
    """Mean target: C H W, or D."""
    some: Tensor
    """Inputs as the net will see them, 1024 or so: B C+extra H W, or B D."""
    generator: torch.Generator
    targets: Tensor | None = None
    """What should come out for each of them: B C H W, or B D."""
    same: bool = True
    """Whether it is what goes in, in another state (clean, whole). Not so of pairs, which may be anything: their best
    regression fits the examples too well to begin with."""


class Trainable(nn.Module, ABC):
    """What the one training loop trains: autoencoders and priors alike."""

    critics: ClassVar[tuple[str, ...]] = ()
    """Names of submodules that have an optimizer and a turn of their own."""
    training_only: ClassVar[tuple[str, ...]] = ()
    """Names of submodules that are in checkpoints but not in the shipped file."""

    @property
    def turns(self) -> tuple[str, ...]:
        """Who steps, in order. "main" owns every parameter that no critic owns; () means fitted in closed form."""
        return ("main", *self.critics)

    def start(self, facts: DataFacts) -> None:
        """Set initial values from the data. Called once before step 0; not on resume and not on load."""

    @abstractmethod
    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        """Named scalar losses: "loss" is stepped on, the rest is logged. Draws only from `step.generator`."""

    def forward(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        """Final: `losses`, so that wrappers of `forward` (Fabric, DDP) see every step."""
        return self.losses(batch, turn, step)


class Plan(NamedTuple):
    """The layers that an architecture will build, every default filled in."""

    n_layers: int
    n_nodes: tuple[int, ...]
    reasons: dict[str, str]
    """Option name to the reason for its default; empty for what the user said."""


class AbstractArchitecture(ABC):
    """A family of nets: builds encoders and decoders of any width, knows nothing of what a code means.

    `shape` is (C, H, W) for pictures or (D,) for tables; `extra` channels come beside the picture (a noise level, a
    mask) and are seen by the encoder only. `n_layers` counts the layers with weights on the way to the code, the
    last giving it; `n_nodes` names the width of the others.

    `target_shape` is what the decoder gives: `shape`, unless a net with a vector code is to turn pictures of one size
    or number of channels into pictures of another.
    """

    offers: ClassVar[frozenset[str]]
    """Of "vector", "grid", "whole"."""
    accepts: ClassVar[frozenset[str]]
    """Of "picture", "table"."""
    any_size: ClassVar[bool] = False
    """True where a picture of any size passes (grid and whole nets)."""

    def __init__(
        self,
        *,
        shape: tuple[int, ...],
        extra: int = 0,
        target_shape: tuple[int, ...] | None = None,
        n_layers: int | None = None,
        n_nodes: int | tuple[int, ...] | None = None,
    ) -> None:
        self.shape = tuple(shape)
        self.target_shape = self.shape if target_shape is None else tuple(target_shape)
        self.extra = extra
        plan = self.plan(self.shape, n_layers, n_nodes)
        self.n_nodes, self.n_layers = plan.n_nodes, plan.n_layers

    @classmethod
    @abstractmethod
    def plan(
        cls,
        shape: tuple[int, ...],
        n_layers: int | None = None,
        n_nodes: int | tuple[int, ...] | None = None,
        code_size: int | None = None,
    ) -> Plan:
        """Fill in what was not said, with the reason. `code_size` is a hint: no default is narrower than the code.

        Raises BadOption for numbers that make no net.
        """

    @property
    def stride(self) -> int:
        """Pixels from one code position to the next; sides are padded to a multiple of it."""
        return 1

    @property
    def reach(self) -> int | None:
        """Pixels, each way, that an output pixel depends on. None: on all, so the net is never tiled."""
        return None

    def encoder(self, n_out: int, grid: bool = False) -> nn.Module:
        """B C+extra H W -> B n_out, or B n_out h w for a grid. Where it has a method `learn_mean`, this is told
        some inputs before step 0 (`nn.blocks.Centred`)."""
        raise NotImplementedError

    def decoder(self, n_in: int, grid: bool = False) -> nn.Module:
        """B n_in, or B n_in h w -> B *target_shape (B C H W for a grid), unbounded."""
        raise NotImplementedError

    def whole(self) -> nn.Module:
        """B C+extra H W -> B C H W, unbounded."""
        raise NotImplementedError


class AbstractAutoencoder(Trainable):
    """A kind: what the code is and what the loss adds. Owns encoder, bottleneck and decoder.

    The base owns `offset`: raw = decoder(code) + offset, and `start` sets it so that an untrained decoder already
    gives the mean picture. Subclasses implement `encode`, `decode` and `losses` (kinds without a code: `restore`).
    """

    needs: ClassVar[frozenset[str]] = frozenset({"vector"})
    """What the architecture must offer."""
    needs_loss: ClassVar[frozenset[str]] = frozenset()
    """{"density"} for kinds that need a likelihood."""
    gives: ClassVar[frozenset[str]] = frozenset({"code"})
    """Of "code": encode and decode; "draw": draw(n, generator); "indices"; "likelihood": log_weights, and, where the
    prior has a factor for each value, code_kl(x) -> B D."""

    may_be_wider: ClassVar[bool] = False
    """True where a code of more values than the input makes sense: something else than its width narrows it."""

    net_options: ClassVar[Mapping[str, Any]] = MappingProxyType({})
    """What options of an architecture are for this kind unless said otherwise, where it has options of these names."""

    link: ClassVar[str] = "clamp"
    """How the decoder of *pictures* ends: "clamp" (a sigmoid under bce and logistic), or "identity" for nets that add
    to their input and codes whose units are to be read one by one."""

    bits: float | None = None
    """Of a code of indices: what one place of the grid takes. None where code values are real numbers."""

    offset: Tensor

    def __init__(self, *, net: AbstractArchitecture, loss: Any) -> None:
        super().__init__()
        self.loss = loss
        self.shape = net.shape
        # A vector code has one fixed picture size, so every pixel has a mean of its own; else every channel.
        out = net.target_shape
        per_value = out if "vector" in self.needs else (out[0], *(1 for _ in out[1:]))
        self.register_buffer("offset", torch.zeros(per_value))

    @property
    def active_values(self) -> int | None:
        """How many values of a code are not 0 at a time; None: any number."""
        return None

    def start(self, facts: DataFacts) -> None:
        """Let an untrained decoder give the mean of the data, and the encoder see what differs from it."""
        mean = facts.mean if facts.mean.shape == self.offset.shape else facts.mean.mean(dim=(1, 2), keepdim=True)
        self.offset.copy_(self.loss.link.raw(mean))
        for part in self.modules():
            if learn_mean := getattr(part, "learn_mean", None):
                learn_mean(facts.some)

    def encode(self, x: Tensor) -> Tensor:
        """B C+extra H W -> B D, or B D h w for a grid: the code that is kept, deterministic."""
        raise NotImplementedError

    def decode_raw(self, code: Tensor) -> Tensor:
        """B D (or B D h w) -> B C H W before the loss's link (logits, under bce)."""
        raise NotImplementedError

    def decode(self, code: Tensor) -> Tensor:
        """Final: B D (or B D h w) -> B C H W in the units of the data."""
        return self.loss.output(self.decode_raw(code))

    def restore(self, x: Tensor) -> Tensor:
        """B C+extra H W -> B C H W: in and out again. Kinds without a code have only this."""
        return self.decode(self.encode(x))


class Formula(NamedTuple):
    """What a task does without a net, where mathematics says what comes out."""

    apply: Callable[[Tensor], Tensor]
    """B C H W -> B C H W"""
    reach: int | None
    """Pixels, each way, that an output pixel depends on. None: on all."""
    together: bool = False
    """Whether all channels go through at once, else one by one."""


Window = Callable[[slice, slice], Tensor]
"""(rows, columns) of a picture, steps allowed -> B C h w in [0, 1]: only so much of it is in memory."""


class AbstractPrior(Trainable):
    """Where new codes are drawn from: a density fitted on the codes of the training examples, once these are final.

    `code_shape` is (D,), or (h, w) for a grid of indices, each below `count`. Codes are B D, or B h w of integers.
    In closed form (`turns` is ()) all is done in `start`, whose `facts.some` are all the codes.
    """

    accepts: ClassVar[str] = "vector"
    """"vector", or "indices" for grids."""

    def __init__(self, *, code_shape: tuple[int, ...], count: int | None = None) -> None:
        super().__init__()
        self.code_shape, self.count = tuple(code_shape), count

    @abstractmethod
    def draw(self, n: int, generator: torch.Generator) -> Tensor:
        """n new codes."""

    @abstractmethod
    def log_prob(self, codes: Tensor) -> Tensor:
        """B: the log density, or probability, of codes, in nats."""

    def losses(self, batch: Batch, turn: str, step: Step) -> dict[str, Tensor]:
        """Final: minus the mean log density."""
        return {"loss": -self.log_prob(batch.x).mean()}


class Traces(NamedTuple):
    """What was measured on somebody's damaged pictures, a row a picture: `measuring.damage` finds it."""

    noise: Tensor
    """N 2: slope and offset of the noise's variance over the value, both for values in [0, 1]."""
    quality: Tensor
    """N: the JPEG quality, 1 to 95; 100 where there is no trace of one."""
    blur: Tensor
    """N: pixels, the standard deviation of the Gaussian that it looks blurred by."""
    grain: Tensor
    """N: from one value to the next that occurs, for values in [0, 1]: 1/255 in 8 bits, next to 0 where any may be."""


class AbstractTask(nn.Module, ABC):
    """What a clean picture is turned into for training, and what is done with a user's picture.

    What a task learned of a folder lies in its buffers and travels in the model file.
    """

    metric: ClassVar[str] = "mse"
    """The name in `measuring.metrics` that the report leads with."""
    model: ClassVar[str | None] = None
    """The shipped model's name stem that the verb uses."""
    kind: ClassVar[str] = "direct"
    architecture: ClassVar[str] = "unet"
    extra: ClassVar[int] = 0
    """Channels beside the picture: noise level, mask."""
    extra_meaning: ClassVar[str] = ""
    """What they hold, in a sentence, for whoever runs the exported net elsewhere."""
    accepts: ClassVar[frozenset[str]] = frozenset({"picture"})
    """Of "picture", "table"."""
    learns_from: ClassVar[str] = "clean"
    """ "clean" pictures, which `example` damages, or "pairs"."""
    ways: ClassVar[tuple[str, ...]] = ("clean",)
    """What `--learn-from` takes, where the constructor has an option `learn_from`: "clean" pictures; "like", clean ones
    damaged as measured on others; and the task's own ways to do without clean pictures."""
    alone: ClassVar[bool] = False
    """True where a net can learn from the one picture that it is to restore (`--only-this`)."""
    takes_pairs: ClassVar[bool] = False
    """True where pairs of the user's can take the place of the damage that `example` does: the net is then shown what
    `prepare` makes of a picture, told what `look` finds in it, and should give its partner."""
    classical: ClassVar[tuple[str, ...]] = ("gaussian", "median", "non_local_means")
    """Names in `measuring.classical`: the filters that a net of this task is set beside."""
    scale: ClassVar[int] = 1
    """How many times as many pixels a side the result has as the user's picture. See `enlarge`."""
    margin: ClassVar[int] = 0
    """Pixels of the user's picture, each way, that `enlarge` looks at."""

    @property
    def has_truth(self) -> bool:
        """Whether the pictures that it trains on are what should come out: only then can truth judge."""
        return True

    def learn(self, traces: Traces) -> None:
        """Keep what was measured on damaged pictures, before training: the user's own, or those that clean ones are to
        be made like. Tasks that keep nothing ignore it."""

    @abstractmethod
    def example(self, pictures: Tensor, step: Step) -> Batch:
        """B C H W clean -> what to train on. Draws only from `step.generator`."""

    def prepare(self, photo: Tensor) -> Tensor:
        """B C H W as the user has it -> B C+extra H W for the net. Keyword arguments are the verb's options."""
        return photo

    def enlarge(self, photo: Tensor) -> Tensor:
        """B C h w -> B C h*scale w*scale, before `prepare`: so no net changes the size. Training pictures have it."""
        return photo

    def look(self, window: Window, size: tuple[int, int], **options: Any) -> dict[str, Any]:
        """What `prepare` must be told of the whole picture, (H, W) pixels of it, since it sees only a tile at a time.

        `options` are what the user gave. What this returns is handed to `prepare` beside them, under names of its
        options: a number, a tensor B (one value a picture), or a map: a tensor B C H W, B 1 H W or 1 1 H W, of which
        each tile gets its own part.
        """
        return {}

    def finish(self, ready: Tensor, result: Tensor) -> Tensor:
        """B C+extra H W as `prepare` made it, and B C H W that the net made of it -> B C H W for the user."""
        return result

    def exact(self, **options: Any) -> Formula | None:
        """How to do without a net, where a formula gives the result: used for a verb that is given no model."""
        return None
