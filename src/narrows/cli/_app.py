"""The app: every verb in its place. Made anew for each command line, which costs a few milliseconds."""

from __future__ import annotations

from typing import Annotated

import typer
from typer.core import TyperGroup

from narrows.cli import _auto, _compare, _export, _fit, _looking, _restore, _sweep, _using
from narrows.cli._verb import ARGV, INTERRUPTED, verb

_NAMES = {"help_option_names": ["--help", "-h"], "max_content_width": 110}


class _Verbs(TyperGroup):
    """Lists verbs in the order in which they were added, and remembers the command line as it came."""

    def parse_args(self, ctx, args):  # type: ignore[no-untyped-def]  # its types moved between Typer's versions
        ctx.meta[ARGV] = tuple(args)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx):  # type: ignore[no-untyped-def]
        return list(self.commands)


def build() -> typer.Typer:
    """Every verb; those of tasks are read from the task files."""
    app = typer.Typer(
        name="narrows",
        cls=_Verbs,
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help: half the time, and it can be piped
        context_settings=_NAMES,
        help=__doc__ and "Autoencoders for people with pictures. NARROWS_PATH names folders with parts of your own.",
    )
    app.callback()(_version)
    fixed = {
        "fit": _fit.make_fit(), "reconstruct": _using.reconstruct, "encode": _using.encode, "decode": _using.decode,
        "sample": _using.sample, "interpolate": _using.interpolate, "traverse": _using.traverse,
        "restore": _restore.restore, "auto": _auto.auto,
        "size": _sweep.make_size(), "tune": _sweep.make_tune(), "compare": _compare.compare,
        "export": _export.export,
        "evaluate": _looking.evaluate, "info": _looking.info, "kinds": _looking.kinds, "tasks": _looking.tasks,
        "models": _looking.models, "demo": _looking.demo,
    }  # fmt: skip
    verbs = {"fit": fixed.pop("fit")}
    verbs |= {name: work for name, work in _restore.task_verbs().items() if name not in {"fit", *fixed}}
    for name, work in {**verbs, **fixed}.items():
        app.command(name, context_settings=_NAMES)(verb(work))
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        from narrows import __version__

        typer.echo(__version__)
        raise typer.Exit


def _version(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Autoencoders for people with pictures."""


def run(argv: list[str]) -> int:
    """One command line to its exit code."""
    try:
        build()(args=argv, prog_name="narrows")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0
