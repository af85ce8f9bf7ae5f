"""Several processes that train one model: which of them this is, and waiting for each other.

Each has the environment that `torchrun` gives: RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR, MASTER_PORT. The first alone
writes, judges and speaks.
"""

from __future__ import annotations

import atexit
import contextlib
import os

from narrows._errors import BadOption
from narrows.training.config import TrainingConfig

_NAMES = ("RANK", "LOCAL_RANK", "WORLD_SIZE")
_ended_well = False
"""Whether the last training of this process came to its end, as that of the others will."""


def launched() -> bool:
    """Whether a launcher started this process as one of several. Costs no torch."""
    return all(os.environ.get(name, "").isdigit() for name in _NAMES)


def leads(config: TrainingConfig) -> bool:
    """Whether this process is the one that writes, judges and speaks."""
    return config.devices == 1 or not launched() or os.environ["RANK"] == "0"


def join(config: TrainingConfig) -> None:
    """Meet the others, where `config.devices` are more than one; once is enough. Raises BadOption."""
    global _ended_well
    wanted = config.devices
    if wanted == 1:
        return
    _ended_well = False
    if not launched():
        raise BadOption(
            f"devices={wanted} came, and this is one process alone; from the shell: narrows fit DATA --devices "
            f"{wanted}; a script of your own: torchrun --standalone --nproc-per-node {wanted} SCRIPT.py"
        )
    came = int(os.environ["WORLD_SIZE"])
    if came != wanted:
        raise BadOption(
            f"devices={wanted} came, and the launcher started {came} (WORLD_SIZE); they must be equal: --devices "
            f"{came}, or torchrun --nproc-per-node {wanted}"
        )
    import torch
    import torch.distributed as dist

    from narrows import _device

    device = _device.choose(config.device)
    there = {"cpu": wanted, "cuda": torch.cuda.device_count()}.get(device, 1)
    if there < wanted:
        raise BadOption(f"devices={wanted} came, and this machine has {there} of {device}: --devices {there}")
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if device == "cuda" else "gloo")
        atexit.register(_leave)


def wait(config: TrainingConfig) -> None:
    """Until every process is here."""
    if config.devices > 1:
        import torch
        import torch.distributed as dist

        dist.all_reduce(torch.zeros(1))  # not `barrier`, which with NCCL needs a device


def end_well(config: TrainingConfig) -> None:
    """The training is over, and at the end of the program the processes wait for each other."""
    global _ended_well
    _ended_well = config.devices > 1


def _leave() -> None:
    """Together, where all went well: a process that leaves others behind makes them abort, now and then."""
    import torch
    import torch.distributed as dist

    if dist.is_initialized():
        if _ended_well:
            with contextlib.suppress(RuntimeError):  # another has ended already
                dist.all_reduce(torch.zeros(1))
        dist.destroy_process_group()


def is_lost(error: BaseException) -> bool:
    """Whether this is what a process sees when another one has ended."""
    text = str(error).lower()
    gone = ("connection closed", "connection reset", "connection refused", "remote process exited", "broken pipe")
    return isinstance(error, RuntimeError) and any(words in text for words in gone)
