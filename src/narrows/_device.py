"""What this machine can do: device, safe half precision, and the two memory settings that entry points make."""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
from collections.abc import Iterator

import torch

from narrows._errors import BadOption

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def best_device() -> str:
    """ "cuda", "mps" or "cpu": the fastest that works here."""
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def choose(device: str) -> str:
    """ "cpu", "cuda", "mps", or "auto" for the fastest -> one that works here. Raises BadOption."""
    if device == "auto":
        return best_device()
    works = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if not works.get(device, False):
        here = ", ".join(name for name, fine in works.items() if fine)
        raise BadOption(f"device={device!r} does not work on this machine; it takes auto, {here}: --device cpu")
    return device


def half_precision(device: str) -> str | None:
    """The half precision that this device has in hardware ("bf16-mixed"), or None.

    Without the hardware it is a trap: 0.9 GFLOP/s against 140 in fp32 was measured on an AVX2 processor.
    """
    if device == "cuda":
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else None
    if device == "cpu" and torch.backends.mkldnn.is_available():
        return "bf16-mixed" if torch.ops.mkldnn._is_mkldnn_bf16_supported() else None
    return None


def keep_freed_memory() -> None:
    """Let glibc keep freed buffers instead of returning them page by page; called by entry points only.

    About 40 % of a 512x512 forward pass was page faults before (measured; docs/log.md).
    """
    if not sys.platform.startswith("linux") or platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)
    libc.mallopt(_M_TRIM_THRESHOLD, 2000 << 20)


@contextlib.contextmanager
def threads(count: int | None) -> Iterator[None]:
    """With so many threads of the processor within; None: as many as there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(count or before)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def describe() -> dict[str, str | int]:
    """The machine in words, for cards and reports: nothing that identifies its owner."""
    return {
        "processor": _processor_name(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "threads": torch.get_num_threads(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "system": platform.system(),
        "python": platform.python_version(),
        "torch": torch.__version__,
    }


def _processor_name() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()
