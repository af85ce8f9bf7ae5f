"""The command line: `narrows VERB ...`. It translates words to calls and results to words, and knows no more.

`narrows --help` costs no torch: the verbs of tasks are made by reading the task files, and what works is imported
when a verb is at work. Typer itself is imported when `main` is called.
"""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from typing import Any


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line (the process's own, unless given) and give its exit code.

    0: done. 1: refused, or some pictures could not be done. 2: the command line itself is wrong. 130: Ctrl-C.
    143: SIGTERM.
    """
    from narrows.cli._app import run
    from narrows.cli._sharing import end_if_shared, end_with_the_parent

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names of files may hold what a terminal cannot show
            stream.reconfigure(errors="backslashreplace")
    end_with_the_parent()
    code = run(list(sys.argv[1:] if argv is None else argv))
    end_if_shared(code)
    return code


def __getattr__(name: str) -> Any:
    if name == "app":  # made anew each time: NARROWS_PATH may have changed
        from narrows.cli._app import build

        return build()
    raise AttributeError(f"module 'narrows.cli' has no attribute {name!r}")
