"""Write docs/cli.md from the command line's own help: `make reference`. A test fails when a verb is missing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from typer.main import get_command

HERE = Path(__file__).parent

HEAD = """\
# Commands

`narrows VERB ...`; `narrows --help` lists the verbs, `narrows VERB --help` the options of one, and
`narrows --version` tells the version. This page is written
by `make reference` from the same texts. The verbs of tasks (`denoise`, ...) are made from the task files, also from
files in `NARROWS_PATH` and from installed packages.

## What all verbs share

- `--json` puts one JSON object on stdout; words and progress then go to stderr. An error gives
  `{"error": {"type": ..., "message": ...}}`.
- An error is one sentence on stderr that begins with `narrows:`. `--debug` shows the traceback too.
- Nothing is replaced without `--force`, and an original is never written over at all. Where results would go is looked
  at before any work begins.
- Where some pictures of many cannot be done, they are listed with their reasons, the rest is done, and the exit code
  is 1.
- Verbs that make pictures better go on where they were stopped: the same command leaves out what is done already. The
  hidden file `.narrows-done.jsonl` in the folder of results says which results are whole and of what they were made
  (the picture, the options, the model, the version); whatever does not fit it is somebody's, and is never replaced
  without `--force`. Only one process writes to a folder at a time.
- Without `--out`, results go to a new place in the current folder, which is said.

| exit code | meaning |
|---|---|
| 0 | done |
| 1 | refused or failed, with a sentence; or some of the pictures failed |
| 2 | the command line itself is wrong: an unknown verb or option, a missing argument |
| 130 | stopped by Ctrl-C; a fit has saved everything and prints the command that goes on |
| 143 | stopped by SIGTERM; a fit has saved everything and prints the command that goes on |

| environment | meaning |
|---|---|
| `NARROWS_PATH` | folders, separated as in `PATH`, with `autoencoders/`, `architectures/` and `tasks/` of your own |
| `OMP_NUM_THREADS` | how many processor threads work, at most |
| `XDG_CACHE_HOME` | where `--engine onnxruntime` keeps exported nets, in `narrows/`; else `~/.cache` |
"""


def verb_text(name: str, command: Any) -> str:
    """One verb: how it is used, what it does, its options."""
    arguments = " ".join(
        f"{one.metavar or one.name.upper()}{'...' if one.nargs == -1 else ''}"
        for one in command.params
        if one.param_type_name == "argument"
    )
    rows = ["| option | meaning |", "|---|---|"]
    for one in command.params:
        if one.param_type_name == "option" and not one.hidden:
            names = ", ".join(f"`{option}`" for option in (*one.opts, *one.secondary_opts))
            rows.append(f"| {names} | {meaning(one)} |")
    usage = " ".join(filter(None, ("narrows", name, arguments, "[options]")))
    return "\n\n".join([f"## `narrows {name}`", f"```text\n{usage}\n```", paragraphs(command.help), "\n".join(rows)])


def meaning(option: Any) -> str:
    """An option's help, with its default where that is more than off."""
    text = " ".join((option.help or "").split())
    said = option.default is None or isinstance(option.default, (bool, tuple)) or "[default" in text
    if not said:
        text += f" [default: {getattr(option.default, 'value', option.default)}]"
    return text.replace("|", "&#124;").replace("[default: ", "(default `").replace("]", "`)", text.count("[default: "))


def paragraphs(text: str | None) -> str:
    """A docstring's paragraphs, each on one line."""
    return "\n\n".join(" ".join(one.split()) for one in (text or "").split("\n\n") if one.strip())


def page() -> str:
    """The whole page. Parts of one's own are left out."""
    os.environ.pop("NARROWS_PATH", None)
    from narrows import cli

    verbs = get_command(cli.app).commands  # type: ignore[attr-defined]  # a group
    return "\n\n".join([HEAD.strip(), *(verb_text(name, command) for name, command in verbs.items())]) + "\n"


if __name__ == "__main__":
    (HERE / "cli.md").write_text(page(), encoding="utf-8")
