"""What one step and one score are: batches in a fixed order, gradients in micro-batches, every turn's optimizer.

Nothing here knows how long a run is, where it saves or what happens when a step fails: that is the loop's.
"""

from __future__ import annotations

import functools
import logging
import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from narrows import _device
from narrows._contract import Batch, Pairs, Step, Trainable
from narrows._errors import TrainingFailed
from narrows.training import ranks
from narrows.training._ahead import Ahead
from narrows.training._averaging import Average
from narrows.training._optimizers import Optimizers
from narrows.training.config import TrainingConfig
from narrows.training.seeds import generator

_T = TypeVar("_T")

_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")
_MULTIPLICATIONS_FOR_HALF = 20_000_000
"""Rows at once, times the weights of all matrices, from which bf16 was faster: `choose_precision`."""


class Supply(NamedTuple):
    """Where batches come from: `make(indices, step)` gives one, for `count` examples.

    Where there is a `take`, it comes first: `take(indices, step)` reads the examples, and `make(examples, step)`
    damages them: on the GPU where one trains, while the processor takes those of the next steps.
    """

    count: int
    make: Callable[[Any, Step], Batch]
    take: Callable[[Tensor, Step], Any] | None = None
    """-> a Tensor, or `Pairs`, by the indices and the step's generator alone: beside a GPU other threads call it, for
    steps that may never come."""


class Stepper:
    """A module with its optimizers and averages on their device, wrapped by Fabric; changes them one step at a time.

    `smaller(before, now)` is called when memory ran out at `before` examples at once and `now` are tried instead.
    """

    def __init__(
        self,
        module: Trainable,
        supply: Supply,
        config: TrainingConfig,
        batch_size: int,
        smaller: Callable[[int, int], None],
    ) -> None:
        from lightning_fabric import Fabric  # costs more than torch itself

        # Beside a GPU it says how to set torch's precision, which `precision` here does.
        logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
        self.module, self.supply, self.config, self.smaller = module, supply, config, smaller
        self._ahead: Ahead | None = None
        self.resize(batch_size)
        self._order: tuple[int, Tensor] | None = None
        ranks.join(config)
        device = _device.choose(config.device)
        convolutional = _is_convolutional(module)
        precision = choose_precision(config.precision, device, module, min(self.micro, batch_size))
        mixed = precision == "bf16-mixed"
        if mixed:
            from narrows.training._precision import KeepInputs
        self.fabric = Fabric(
            accelerator=device,
            devices=config.devices,
            strategy=_strategy(module, config),
            precision=None if mixed else precision,  # type: ignore[arg-type]
            plugins=[*_environment(config), *([KeepInputs("bf16-mixed", device)] if mixed else [])],
        )
        self._by_gpu = self.fabric.device.type == "cuda"  # elsewhere double precision or generators are missing
        self._ahead = Ahead(self._take_later) if self._by_gpu and supply.take is not None else None
        if config.devices > 1:
            self.fabric.launch()
        module.train()
        self.channels_last = convolutional
        if convolutional:
            module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizers = Optimizers(module, config, fused=device in ("cpu", "cuda"))
        self.wrapped, *ready = self.fabric.setup(module, *self.optimizers.each.values())
        self.optimizers.replace(ready)
        self.average = Average(module, config.ema)

    def resize(self, batch_size: int) -> None:
        """Take so many examples a step from here on."""
        self.batch_size = batch_size
        self.micro = self.config.micro_batch or batch_size
        if self._ahead is not None:
            self._ahead.forget()

    def take(self, index: int, total: int, rate: float) -> dict[str, float] | None:
        """Step number `index` (from 0) of `total`, for every turn, at learning rate `rate`.

        Gives every named loss, a critic's as "critic.name"; None when a loss or a gradient was not a number, and the
        state is then worthless. Raises TrainingFailed when memory does not suffice for one example.
        """
        rank = self.fabric.global_rank
        batch = self._examples(index, total)
        found: dict[str, float] = {}
        for number, turn in enumerate(self.module.turns):
            where = (index, total, rank, number)
            named = self._in_memory(functools.partial(self._gradients, batch, turn, where), len(batch.x))
            norm = self.optimizers.clip(turn, self.config.clip)
            numbers = dict(zip(named, torch.stack(list(named.values())).tolist(), strict=True))
            if not self.all_agree(math.isfinite(norm) and math.isfinite(numbers["loss"])):
                return None
            self.optimizers.step(turn, rate)
            found |= {name if turn == "main" else f"{turn}.{name}": value for name, value in numbers.items()}
        self.average.update(index + 1)
        return found

    def score(self, validation: Supply, index: int, total: int) -> float:
        """Mean validation loss of the averaged weights, with the same random numbers every time."""
        summed, count, size = 0.0, validation.count, self.batch_size

        def loss_of(batch: Batch, here: Step, seed: int) -> float:
            drawn = self._on_device(generator(self.config.seed, "held out loss", seed))
            parts, here = self._parts(batch), here._replace(generator=drawn)
            return sum(float(self.wrapped(part, "main", here)["loss"]) * len(part.x) for part in parts)

        self.module.eval()
        # no_grad, not inference_mode: contractive losses take a gradient inside.
        with torch.no_grad(), self.average.applied():
            for start in range(0, count, size):
                indices = torch.arange(start, min(start + size, count))
                drawn = generator(self.config.seed, "held out example", start)
                here = Step(index, total, self.supply.count, drawn, self.restore)
                batch = self._made(validation, _taken(validation, indices, here), here)
                summed += self._in_memory(functools.partial(loss_of, batch, here, start), len(batch.x))
        self.module.train()
        return self.mean(summed / count)

    def restore(self, x: Tensor) -> Tensor:
        """The module's `restore`, for tasks that learn without clean pictures; no gradient. What comes is where the
        task works, which need not be where the module does."""
        weights = next(self.module.parameters())  # in double precision these are not what pictures come in
        with torch.no_grad(), self.fabric.autocast():
            return self.module.restore(x.to(weights)).to(x.device)  # type: ignore[operator]

    def mean(self, value: float) -> float:
        """Over all processes, which must decide alike."""
        if self.fabric.world_size == 1:
            return value
        mean = self.fabric.all_reduce(torch.tensor(value, device=self.fabric.device), reduce_op="mean")
        assert isinstance(mean, Tensor)  # as what went in
        return float(mean)

    def most(self, number: int) -> int:
        """The largest over all processes."""
        if self.fabric.world_size == 1:
            return number
        found = self.fabric.all_reduce(torch.tensor(number, device=self.fabric.device), reduce_op="max")
        assert isinstance(found, Tensor)  # as what went in
        return int(found)

    def tensors(self) -> dict[str, Tensor]:
        """The live state, by group and name: not copies."""
        return {
            **{f"module.{name}": tensor for name, tensor in self.module.state_dict().items()},
            **{f"average.{name}": tensor for name, tensor in self.average.tensors().items()},
            **{f"optimizer.{name}": tensor for name, tensor in self.optimizers.tensors().items()},
        }

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Back to a state that `tensors` gave; nothing of the argument is kept."""
        self.module.load_state_dict(_group("module.", tensors))
        self.average.load(_group("average.", tensors))
        self.optimizers.load(_group("optimizer.", tensors))

    def _in_memory(self, work: Callable[[], _T], examples: int) -> _T:
        """What `work` gives, with smaller micro-batches until they fit in memory."""
        while True:
            try:
                return work()
            except RuntimeError as error:
                if not _is_out_of_memory(error):
                    raise
                before = min(self.micro, examples)
                if self.fabric.world_size > 1:  # the others wait for this very step
                    raise TrainingFailed(
                        f"memory does not suffice for {before} examples at once in each process; take --micro-batch "
                        f"{math.ceil(before / 2)}, with --force, or a smaller net (--n-nodes)"
                    ) from error
                if before <= 1:
                    raise TrainingFailed(
                        "memory does not suffice for one example; take a smaller net (--n-nodes) or smaller pictures"
                    ) from error
            # Outside of the handler, whose traceback held the activations.
            self.module.zero_grad(set_to_none=True)
            if self.fabric.device.type == "cuda":
                torch.cuda.empty_cache()
            self.micro = math.ceil(before / 2)
            self.smaller(before, self.micro)

    def _gradients(self, batch: Batch, turn: str, where: tuple[int, int, int, int]) -> dict[str, Tensor]:
        """Gradients of one turn's loss over the whole batch, in micro-batches. Clears *all* gradients first."""
        self.module.zero_grad(set_to_none=True)  # or a critic would step on the autoencoder's gradients
        index, total, rank, number = where
        whole, named = len(batch.x), {}
        for piece, part in enumerate(self._parts(batch)):
            losses = self.wrapped(part, turn, self._step(index, total, "loss", rank, number, piece))
            share = len(part.x) / whole
            self.fabric.backward(losses["loss"] * share if share != 1 else losses["loss"])
            for name, value in losses.items():
                value = value.detach() * share
                named[name] = named[name] + value if name in named else value
        return named

    def _parts(self, batch: Batch) -> list[Batch]:
        if len(batch.x) <= self.micro:
            return [batch]
        starts = range(0, len(batch.x), self.micro)
        rows = [slice(start, start + self.micro) for start in starts]
        return [Batch(batch.x[r], batch.target[r], None if batch.weight is None else batch.weight[r]) for r in rows]

    def _step(self, index: int, total: int, purpose: str, *where: int) -> Step:
        random = generator(self.config.seed, purpose, index, *where)
        random = self._on_device(random) if purpose == "loss" else random
        return Step(index, total, self.supply.count, random, self.restore)

    def _examples(self, index: int, total: int) -> Batch:
        """What step number `index` learns from. Beside a GPU, examples of the next steps are taken meanwhile."""
        step = self._step(index, total, "example", self.fabric.global_rank)
        if self._ahead is None:
            return self._made(self.supply, _taken(self.supply, self._indices(index), step), step)
        return self._made(self.supply, self._ahead.get(index, total), step)

    def _take_later(self, index: int) -> Callable[[], Any]:
        """The examples of step number `index`, where a GPU fetches them without waiting."""
        step, indices = self._step(index, 0, "example", self.fabric.global_rank), self._indices(index)
        return lambda: _mapped(_taken(self.supply, indices, step), Tensor.pin_memory)

    def _made(self, supply: Supply, examples: Any, step: Step) -> Batch:
        """On the device, and made there where it is a GPU."""
        if supply.take is not None and self._by_gpu:
            examples = _mapped(examples, lambda tensor: tensor.to(self.fabric.device, non_blocking=True))
            step = step._replace(generator=self._on_device(step.generator))
        return self._to_device(supply.make(examples, step))

    def _on_device(self, random: torch.Generator) -> torch.Generator:
        """The same seed where the losses draw."""
        if self.fabric.device.type == "cpu":
            return random
        return torch.Generator(device=self.fabric.device).manual_seed(random.initial_seed())

    def _indices(self, index: int) -> Tensor:
        """Which examples step number `index` learns from: a permutation a pass, wrapped around the edges. Of several
        processes each has its share."""
        wanted, count = self.batch_size, self.supply.count
        position, parts = index * wanted, []
        while wanted > 0:
            epoch, offset = divmod(position, count)
            if self._order is None or self._order[0] != epoch:
                self._order = epoch, torch.randperm(count, generator=generator(self.config.seed, "order", epoch))
            part = self._order[1][offset : offset + wanted]
            parts.append(part)
            wanted -= len(part)
            position += len(part)
        every = parts[0] if len(parts) == 1 else torch.cat(parts)
        return every[self.fabric.global_rank :: self.fabric.world_size]

    def _to_device(self, batch: Batch) -> Batch:
        x = self._moved(batch.x)
        target = x if batch.target is batch.x else self._moved(batch.target)
        return Batch(x, target, None if batch.weight is None else self._moved(batch.weight))

    def _moved(self, tensor: Tensor) -> Tensor:
        tensor = tensor.to(self.fabric.device)
        if self.channels_last and tensor.dim() == 4:
            return tensor.contiguous(memory_format=torch.channels_last)
        return tensor

    def all_agree(self, fine: bool) -> bool:
        """Whether this is so in every process, for one that steps while another goes back waits for ever."""
        if self.fabric.world_size == 1:
            return fine
        count = self.fabric.all_reduce(torch.tensor(float(fine), device=self.fabric.device), reduce_op="sum")
        return bool(count == self.fabric.world_size)


def _taken(supply: Supply, indices: Tensor, step: Step) -> Any:
    """What `make` is given."""
    return indices if supply.take is None else supply.take(indices, step)


def _mapped(examples: Any, change: Callable[[Tensor], Tensor]) -> Any:
    """A tensor, or every tensor of pairs."""
    if isinstance(examples, Pairs):
        facts = {name: change(value) for name, value in examples.facts.items()}
        return Pairs(change(examples.before), change(examples.after), facts)
    return change(examples)


def _strategy(module: Trainable, config: TrainingConfig) -> str:
    """Where several turns share the module, none uses all of its weights."""
    if config.devices == 1:
        return "auto"
    return "ddp" if len(module.turns) == 1 else "ddp_find_unused_parameters_true"


def _environment(config: TrainingConfig) -> list[Any]:
    """Said outright, for a batch system's own would be found first."""
    if config.devices == 1:
        return []
    from lightning_fabric.plugins.environments import TorchElasticEnvironment

    return [TorchElasticEnvironment()]


def choose_precision(asked: str, device: str, module: Trainable, rows: int) -> str:
    """ "32-true", "64-true" or "bf16-mixed": what was asked for, or what "auto" means for `rows` examples at once.

    bf16 where the device has it in hardware and it was seen to bring the same quality sooner. On MNIST at batch 128
    and one thread, processor seconds for the same steps and the held-out squared error: 784-512-256-32, four passes,
    18.5 s and 5.420 in 32 bits, 10.7 s and 5.425 in bf16; `conv`, one and a half passes, 76.7 s and 7.07 against
    50.8 s and 7.10. Small nets lose by it, up to half of their speed: below 2e7 multiplications a step of matrices
    there was no gain. Tables stay in 32 bits: pictures have 8 bits to lose, as bf16 has, and columns more.
    """
    if asked != "auto":
        return asked
    if next(module.parameters()).dtype == torch.float64:
        return "64-true"
    matrices = sum(layer.weight.numel() for layer in module.modules() if isinstance(layer, nn.Linear))
    of_pictures = len(getattr(module, "shape", ())) == 3
    pays = _is_convolutional(module) or (of_pictures and rows * matrices >= _MULTIPLICATIONS_FOR_HALF)
    return (_device.half_precision(device) if pays else None) or "32-true"


def _is_convolutional(module: nn.Module) -> bool:
    return any(isinstance(layer, nn.Conv2d) for layer in module.modules())


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or any(words in str(error).lower() for words in _OUT_OF_MEMORY)


def _group(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
