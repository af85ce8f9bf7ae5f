"""`--devices N`: the same command line in N processes, which share each batch.

They get what `torchrun` would give them. It is not used itself, because it ends in 1 whatever its processes end in
(130 and 143 tell a stopped run from a failed one), and prints a traceback under what they said.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from narrows._errors import RunStopped
from narrows.cli._output import Output
from narrows.training.ranks import is_lost

_SECONDS_TO_SPEAK = 5.0
"""What failed in all processes is told by the first; one that failed alone is heard after so long."""
_SECONDS_TO_END = 20.0
_SHARED = "NARROWS_SHARED"
"""Set in the environment of the processes: the end of a pipe that nobody writes to, and that closes with the parent."""
_AS_SCRIPT = "import sys; from narrows.cli import main; sys.exit(main())"


def is_first() -> bool:
    """Whether this is the process that speaks for all."""
    return os.environ.get("RANK", "0") == "0"


def end_if_shared(code: int) -> None:
    """End here and now where `share` started this process: everything is written, and what the process group leaves
    behind made some abort while Python ended."""
    if _SHARED in os.environ:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def end_with_the_parent() -> None:
    """Stop, as after SIGTERM, when the process that `share` runs in is there no more: killed, it cannot say so."""
    if _SHARED not in os.environ:
        return

    def wait() -> None:
        os.read(int(os.environ[_SHARED]), 1)
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def share(argv: Sequence[str], count: int, as_module: bool) -> int:
    """Run the command line in `count` processes; gives the exit code. Ctrl-C and SIGTERM reach each of them."""
    program = [sys.executable, *(["-m", "narrows"] if as_module else ["-c", _AS_SCRIPT]), *argv]
    threads = str(max(1, (os.cpu_count() or 1) // count))
    until, held = os.pipe()
    shared = {
        "OMP_NUM_THREADS": threads, "TORCH_CPP_LOG_LEVEL": "ERROR", **os.environ,
        _SHARED: str(until), "WORLD_SIZE": str(count), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(_free_port()),
    }  # fmt: skip
    started: list[subprocess.Popen[bytes]] = []
    with _passing_on(started):
        for number in map(str, range(count)):
            own = {**shared, "RANK": number, "LOCAL_RANK": number}
            # A session of its own: else Ctrl-C came twice, from the terminal and from here.
            started.append(subprocess.Popen(program, env=own, start_new_session=True, pass_fds=(until,)))
        try:
            while not any(one.poll() for one in started) and any(one.poll() is None for one in started):
                time.sleep(0.05)
            failed = [one.returncode for one in started if one.poll()]  # those that ended by themselves
        finally:
            _end(started)
            os.close(held)
            os.close(until)
    code = started[0].returncode if started[0].returncode in failed else next(iter(failed), 0)
    return 128 - code if code < 0 else code


def let_the_first_speak(error: BaseException, out: Output) -> None:
    """Wait to be ended with the first process; when that goes on, the error is this one's alone and is told."""
    time.sleep(_SECONDS_TO_SPEAK)
    out.silent = isinstance(error, (RunStopped, KeyboardInterrupt)) or is_lost(error)


def _end(started: Sequence[subprocess.Popen[bytes]]) -> None:
    for one in started:
        if one.poll() is None:
            one.terminate()
    deadline = time.monotonic() + _SECONDS_TO_END
    for one in started:
        with contextlib.suppress(subprocess.TimeoutExpired):
            one.wait(max(0.0, deadline - time.monotonic()))
        if one.poll() is None:
            one.kill()
            one.wait()


@contextlib.contextmanager
def _passing_on(started: Sequence[subprocess.Popen[bytes]]) -> Iterator[None]:
    def pass_on(number: int, frame: Any) -> None:
        for one in started:
            one.send_signal(number)

    before = {number: signal.signal(number, pass_on) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, signal.SIG_DFL if handler is None else handler)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])
