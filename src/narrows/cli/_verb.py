"""What every verb shares: `--json`, `--debug`, and one sentence instead of a traceback."""

from __future__ import annotations

import errno
import inspect
import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from narrows._errors import NarrowsError, RunStopped
from narrows.cli._output import Output
from narrows.cli._sharing import let_the_first_speak
from narrows.training.ranks import is_lost

ARGV = "narrows.argv"
"""Where the context keeps the command line as it came."""
INTERRUPTED = 130
_JSON = typer.Option("--json", help="One JSON object on stdout; words go to stderr.", show_default=False)
_DEBUG = typer.Option("--debug", help="Show the traceback of an error.", show_default=False)
_OUT_OF_MEMORY = ("out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory")

Work = Callable[..., dict[str, Any] | None]


def verb(work: Work) -> Callable[..., None]:
    """A command for Typer out of `work(out, ...)`, whose answer is the JSON object (None: nothing to say)."""

    def command(ctx: typer.Context, **given: Any) -> None:
        as_json, debug = given.pop("as_json"), given.pop("debug")
        out = Output(as_json, ctx.meta.get(ARGV, ()))
        try:
            out.result(work(out, **given))
        except (Exception, KeyboardInterrupt) as error:
            if debug or (isinstance(error, OSError) and error.errno == errno.EPIPE):
                raise
            if out.silent:
                let_the_first_speak(error, out)
            sentence, code = explain(error, out)
            if as_json:
                out.result({"error": {"type": type(error).__name__, "message": sentence}})
            out.note(f"narrows: {sentence}")
            raise typer.Exit(code) from None
        raise typer.Exit(out.exit_code)

    signature = inspect.signature(work, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    own = [one.replace(kind=keyword) for one in signature.parameters.values() if one.name != "out"]
    shared = [
        inspect.Parameter("as_json", keyword, default=False, annotation=Annotated[bool, _JSON]),
        inspect.Parameter("debug", keyword, default=False, annotation=Annotated[bool, _DEBUG]),
    ]
    context = inspect.Parameter("ctx", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=typer.Context)
    parameters = [context, *own, *shared]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    command.__doc__ = work.__doc__
    command.__name__ = work.__name__
    return command


def explain(error: BaseException, out: Output) -> tuple[str, int]:
    """The sentence and the exit code for whatever went wrong."""
    if isinstance(error, RunStopped):
        return f"{error}. Go on with:\n  {command_line(out.argv)}", 128 + error.signal_number
    if isinstance(error, KeyboardInterrupt):
        return "stopped", INTERRUPTED
    if isinstance(error, NarrowsError):
        return _on_one_line(error), 1
    text = _on_one_line(error)
    if is_lost(error):
        return "another process of this training has ended; look above for why, then run the same command again", 1
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _OUT_OF_MEMORY):
        return "memory does not suffice; take smaller pictures or a smaller net (--n-nodes), or close something", 1
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename else ""
        hint = "; free some space, or choose another place with --out" if error.errno == errno.ENOSPC else ""
        return f"{where}{error.strerror or text}{hint}", 1
    return f"unexpected {type(error).__name__} ({text[:200]}); --debug shows where: please report it", 1


def _on_one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def command_line(argv: tuple[str, ...]) -> str:
    """What to type to run the same again."""
    return shlex.join([*(["python", "-m", "narrows"] if as_module() else ["narrows"]), *argv])


def as_module() -> bool:
    """Whether this was started as `python -m narrows`."""
    return bool(sys.argv) and Path(sys.argv[0]).parts[-2:] == ("narrows", "__main__.py")


def warm_up() -> None:
    """To be called by verbs that compute, before they do: see `_device`. Costs torch."""
    from narrows import _device

    _device.keep_freed_memory()
