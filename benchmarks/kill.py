"""kill -9 at any moment, then the same command again: are the final weights the same bits?

    python benchmarks/kill.py --work FOLDER --jobs 2

Real processes train a small denoising autoencoder on drawn data for at least 30 s, with two micro-batches and
averaged weights, and are killed: at 100 moments uniform over the process's own clock, from its first import to its
end; at 30 instructions between opening a checkpoint's temporary file and the flush of its folder; and ten of them
five times in a row. Each is then resumed by the same command until it ends, and its weights are compared, byte for
byte, with those of the run that nobody killed. FOLDER keeps what is done already: the same command goes on.
"""

from __future__ import annotations

import argparse
import builtins
import hashlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import Any

_INSTRUCTIONS = 8
"""Of one atomic write: opened, half written, and before and after each of three calls; the last is the folder's
fsync, which is over then, so seven are between."""
_CHECKPOINT_MINUTES = 0.02
_TICK = os.sysconf("SC_CLK_TCK")
Result = dict[str, Any]


# The process that is killed


def run(folder: Path, steps: int, die_at: tuple[int, int] | None) -> None:
    """Train in `folder` to the end, leaving `final.safetensors`; with `die_at`, SIGKILL within that write."""
    import safetensors.torch
    import torch

    from narrows._contract import Batch, Step
    from narrows.model.build import make
    from narrows.training.config import TrainingConfig
    from narrows.training.loop import Supply, train
    from narrows.training.runs import Run
    from narrows.training.seeds import generator

    torch.set_num_threads(1)
    if die_at is not None:
        _die_within_a_write(*die_at)
    drawn = generator(0, "data")
    pictures = (torch.rand((4096, 4), generator=drawn) @ torch.rand((4, 64), generator=drawn)).div_(4).view(-1, 1, 8, 8)
    # Other first weights where there is a checkpoint: all that a resumed run is must come from its folder.
    seed = os.getpid() if list(folder.glob("checkpoint-*")) else 0
    model = make(shape=(1, 8, 8), kind="denoising", architecture="mlp", code_size=8, n_nodes=(64, 32), seed=seed)

    def supply(rows: torch.Tensor) -> Supply:
        def batch(indices: torch.Tensor, step: Step) -> Batch:
            return model.batch(rows[indices], step)

        return Supply(len(rows), batch)

    config = TrainingConfig(
        steps=steps, batch_size=32, micro_batch=16, ema=0.999, device="cpu", precision="32-true",
        checkpoint_minutes=_CHECKPOINT_MINUTES,
    )  # fmt: skip
    with Run.open(folder) as kept:
        began, worked = time.perf_counter(), time.process_time()
        train(model.autoencoder, supply(pictures[:3840]), supply(pictures[3840:]), config, run=kept)
    seconds, worked = time.perf_counter() - began, time.process_time() - worked
    safetensors.torch.save_file(model.autoencoder.state_dict(), folder / "final.safetensors")
    print(json.dumps({"seconds": seconds, "worked": worked, "cpu": time.process_time()}))


def _die_within_a_write(write: int, instruction: int) -> None:
    """SIGKILL at instruction 1 to 8 of atomic write number `write`; the first is run.json, then come checkpoints."""
    import narrows._files

    count = 0

    def passing() -> None:
        nonlocal count
        count += 1
        if count == _INSTRUCTIONS * (write - 1) + instruction:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any) -> Any:
            passing()
            result = function(*args)
            passing()
            return result

        return wrapped

    class Halving:
        """A file that is written in two halves, with a moment between them."""

        def __init__(self, *args: Any, **named: Any) -> None:
            self.file = builtins.open(*args, **named)  # noqa: SIM115 - closed by __exit__
            passing()

        def __enter__(self) -> Halving:
            return self

        def __exit__(self, *error: object) -> None:
            self.file.close()

        def __getattr__(self, name: str) -> Any:
            return getattr(self.file, name)

        def write(self, content: bytes) -> None:
            self.file.write(content[: len(content) // 2])
            self.file.flush()
            passing()
            self.file.write(content[len(content) // 2 :])

    narrows._files.open = Halving  # type: ignore[attr-defined]
    os.fsync, os.replace = around(os.fsync), around(os.replace)


# The processes that kill


def start(folder: Path, steps: int, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, __file__, "run", str(folder), str(steps), *more]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})


def to_the_end(folder: Path, steps: int) -> Result:
    """The same command until it ends: its clocks and the hash of its weights."""
    process = start(folder, steps)
    said, _ = process.communicate()
    if process.returncode != 0:
        sys.exit(f"a run that nobody killed ended with {process.returncode}; look into {folder}")
    return {**json.loads(said), "hash": hashlib.sha256((folder / "final.safetensors").read_bytes()).hexdigest()}


def killed_after(folder: Path, steps: int, cpu: float) -> bool:
    """Start, and kill once the process has worked for so many seconds of its own clock. False: it had ended before.

    Its own clock, not the wall's: other processes on the machine then change nothing about where it dies.
    """
    with start(folder, steps) as process:
        while process.poll() is None:
            text = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            if (int(text[11]) + int(text[12])) / _TICK >= cpu:
                time.sleep(random.uniform(0, 1 / _TICK))  # that clock ticks every 10 ms; die anywhere between
                process.kill()
                break
            time.sleep(0.002)
        process.communicate()
    return process.returncode == -signal.SIGKILL


def killed_within(folder: Path, steps: int, write: int, instruction: int) -> bool:
    """Start, and let it be killed within a write. False: it had fewer."""
    with start(folder, steps, "--die-at", str(write), str(instruction)) as process:
        process.communicate()
    return process.returncode == -signal.SIGKILL


def one_case(kind: str, number: int, work: Path, steps: int, reference: Result) -> Result:
    """Kill as `kind` says, resume to the end, compare."""
    draw = random.Random(f"{kind} {number}")
    folder, kills, moments = work / f"{kind}-{number:03}", 0, []
    while not kills:  # drawn again where the process had ended before its moment
        shutil.rmtree(folder, ignore_errors=True)
        if kind == "uniform":
            moments = [round(draw.uniform(0, reference["cpu"]), 2)]
            kills = int(killed_after(folder, steps, moments[0]))
        elif kind == "write":
            moments = [draw.randint(2, max(2, reference["writes"] // 2)), number % (_INSTRUCTIONS - 1) + 1]
            kills = int(killed_within(folder, steps, *moments))
        else:
            # Each time from the start of the process, through the imports, up to a fifth of the work.
            moments = [round(draw.uniform(reference["start"], reference["start"] + 0.2 * reference["worked"]), 2)
                       for _ in range(5)]  # fmt: skip
            kills = sum([killed_after(folder, steps, cpu) for cpu in moments])
    end = to_the_end(folder, steps)
    same = end["hash"] == reference["hash"]
    if same:
        shutil.rmtree(folder)
    return {"kind": kind, "number": number, "moments": moments, "kills": kills, "same": same}


def reference_run(work: Path, quick: bool) -> Result:
    """The run that nobody kills, of at least 30 s (2 s with `quick`): how long, how many writes, which bits."""
    wanted, steps = 2.0 if quick else 33.0, 500
    while True:
        folder = work / "reference"
        shutil.rmtree(folder, ignore_errors=True)
        found = to_the_end(folder, steps)
        if found["worked"] >= wanted:  # its own clock: a busy machine makes no run longer
            break
        steps = int(steps * min(20, 1.15 * wanted / found["worked"]))
    again = work / "reference-again"
    shutil.rmtree(again, ignore_errors=True)
    if to_the_end(again, steps)["hash"] != found["hash"]:
        sys.exit("two runs that nobody killed differ: nothing can be compared on this machine")
    writes = max(3, int(found["seconds"] / (60 * _CHECKPOINT_MINUTES)))
    return {**found, "steps": steps, "writes": writes, "start": found["cpu"] - found["worked"]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "narrows-kill")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--quick", action="store_true", help="a smoke run: 2 s of work, 4 + 4 + 1 cases")
    args = parser.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    kept = args.work / ("quick.json" if args.quick else "progress.json")
    progress: dict[str, Any] = json.loads(kept.read_text()) if kept.exists() else {"results": {}}
    if "reference" not in progress:
        progress["reference"] = reference_run(args.work, args.quick)
        kept.write_text(json.dumps(progress))
    reference, lock = progress["reference"], Lock()
    counts = {"uniform": 4, "write": 4, "five": 1} if args.quick else {"uniform": 100, "write": 30, "five": 10}
    left = [(k, n) for k, count in counts.items() for n in range(count) if f"{k}-{n}" not in progress["results"]]

    def work_on(case: tuple[str, int]) -> None:
        result = one_case(*case, args.work, reference["steps"], reference)
        with lock:
            progress["results"][f"{case[0]}-{case[1]}"] = result
            partial = kept.with_suffix(".part")
            partial.write_text(json.dumps(progress, indent=1))
            os.replace(partial, kept)
            print(f"{len(progress['results'])}/{sum(counts.values())} {result}", flush=True)

    with ThreadPoolExecutor(args.jobs) as pool:
        list(pool.map(work_on, left))
    _report("kill_quick" if args.quick else "kill", progress, counts)


def _report(name: str, progress: dict[str, Any], counts: dict[str, int]) -> None:
    from _results import report

    words = {
        "uniform": "moments uniform over the process", "five": "runs killed five times in a row",
        "write": "between opening a checkpoint's temporary file and the folder's fsync",
    }  # fmt: skip
    rows = []
    for kind in counts:
        found = [result for result in progress["results"].values() if result["kind"] == kind]
        rows.append({"killed": words[kind], "runs": len(found), "kills": sum(r["kills"] for r in found),
                     "final bits equal": sum(r["same"] for r in found)})  # fmt: skip
    reference = progress["reference"]
    report(
        name, rows, work_seconds=round(reference["worked"], 1),
        steps=reference["steps"], settings="two micro-batches, EMA 0.999, one thread",
        results=list(progress["results"].values()) if any(not r["same"] for r in progress["results"].values()) else [],
    )  # fmt: skip


if __name__ == "__main__":
    if sys.argv[1:2] == ["run"]:
        die_at = tuple(map(int, sys.argv[5:7])) if sys.argv[4:5] == ["--die-at"] else None
        run(Path(sys.argv[2]), int(sys.argv[3]), die_at)  # type: ignore[arg-type]
    else:
        main()
