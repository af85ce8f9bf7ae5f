"""Write docs/reference.md from the docstrings: `make reference`. A test fails when a name is missing there."""

from __future__ import annotations

import ast
import inspect
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import narrows
from narrows import _errors
from narrows._registry import Registry, architectures, kinds, priors, tasks
from narrows.nn.losses import LOSSES

HERE = Path(__file__).parent
HANDED_IN = {
    "self", "net", "loss", "code_size", "shape", "target_shape", "extra", "n_layers", "n_nodes", "code_shape", "count",
}  # fmt: skip
"""Constructor arguments that are not a part's own options."""

HEAD = """\
# Reference

Every public name, setting, part and error. This page is written by `make reference` from the docstrings; the commands
stand on [a page of their own](cli.md). Whatever is not listed here may change.

Pictures are float in [0, 1] inside. **B** batch, **C** channels, **H W** pixels, **D** code size.
"""


def first(text: str | None) -> str:
    """The first paragraph of a docstring on one line."""
    return " ".join(inspect.cleandoc(text or "").split("\n\n")[0].split())


def field_texts(cls: type) -> dict[str, str]:
    """Field name to the string that stands under it in the class's source."""
    body = ast.parse(textwrap.dedent(inspect.getsource(cls))).body[0]
    assert isinstance(body, ast.ClassDef)
    found, name = {}, ""
    for node in body.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            name = node.target.id
            found[name] = ""
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and name:
            found[name], name = first(str(node.value.value)), ""
        else:
            name = ""
    return found


def table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A Markdown table."""
    lines = [head, tuple("---" for _ in head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', '&#124;') for cell in line)} |" for line in lines)


def public_names() -> str:
    """Every name that `narrows` gives, errors apart."""
    parts = ["## Public names"]
    for name in narrows.__all__:
        thing = getattr(narrows, name)
        if name == "__version__" or (isinstance(thing, type) and issubclass(thing, BaseException)):
            continue
        parts += [f"### `narrows.{name}`", f"```text\n{name}{signature(thing)}\n```", paragraphs(thing)]
        if name == "fit":
            from narrows._fit import Fitted

            rows = [(f"`{field}`", text) for field, text in field_texts(Fitted).items()]
            parts += ["What it gives:", table(("field", "what it is"), rows)]
        if name in ("Autoencoder", "LoadedModel"):
            parts.append(table(("member", "what it does"), members(thing)))
    parts += ["`narrows.__version__` is the version, a string."]
    return "\n\n".join(parts)


def signature(thing: Any) -> str:
    """Parameters and their defaults, without annotations, wrapped."""
    parameters = [p.replace(annotation=inspect.Parameter.empty) for p in inspect.signature(thing).parameters.values()]
    line = str(inspect.Signature([p for p in parameters if p.name != "self"]))
    return "\n".join(textwrap.wrap(line, 110, subsequent_indent="    "))


def paragraphs(thing: Any) -> str:
    """A docstring up to its sections, as Markdown."""
    text = inspect.cleandoc(thing.__doc__ or "")
    return text.split("\nParameters\n---")[0].split("\nExamples\n---")[0].strip()


def members(cls: type) -> list[tuple[str, str]]:
    """Public methods and properties with their first sentence."""
    return [
        (f"`{name}`", first(value.__doc__ if not isinstance(value, property) else value.fget.__doc__))
        for name, value in vars(cls).items()
        if not name.startswith("_") and (inspect.isfunction(value) or isinstance(value, property))
    ]


def settings() -> str:
    """The fields of both settings classes."""
    from narrows._fit import FitSettings

    parts = ["## Settings of `narrows.fit`", "The budget is `minutes`, `epochs` or `steps`; one of them, or 5 minutes."]
    for title, cls in (("What is fitted", FitSettings), ("How it is trained", narrows.TrainingConfig)):
        texts = field_texts(cls)
        rows = []
        for name, value in cls.__dataclass_fields__.items():
            default = value.default if value.default.__class__.__name__ != "_MISSING_TYPE" else value.default_factory()
            rows.append((f"`{name}`", f"`{default!r}`", texts.get(name, "")))
        parts += [f"### {title}", table(("setting", "default", "meaning"), rows)]
    return "\n\n".join(parts)


def room(title: str, registry: Registry) -> str:
    """Every part of one room with its own options."""
    parts = [f"## {title}"]
    for name, path in sorted(registry.files().items()):
        cls = registry[name]
        summary = first(ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))))
        parts += [f"### `{name}`", summary, first(cls.__doc__)]
        options = [one for one in keyword_only(cls) if one.name not in HANDED_IN]
        verb = keyword_only(cls.prepare) if hasattr(cls, "prepare") else []
        for words, found in (("Options in training", options), ("Options in use", verb)):
            if found:
                parts.append(f"{words}: {', '.join(f'`{p.name}` (default `{p.default!r}`)' for p in found)}.")
    return "\n\n".join(parts)


def keyword_only(made: Callable[..., Any]) -> list[inspect.Parameter]:
    """What options are: never `*args` and `**kwargs` of a class that has no constructor of its own."""
    return [one for one in inspect.signature(made).parameters.values() if one.kind is inspect.Parameter.KEYWORD_ONLY]


def losses() -> str:
    """Every loss, and `auto`."""
    rows = [(f"`{name}`", first(cls.__doc__)) for name, cls in LOSSES.items()]
    rows.append(("`auto`", "`bce` where nearly all values are near 0 or 1, else `mse`; the choice is reported."))
    return "\n\n".join(["## Losses", table(("loss", "what it is"), rows)])


def errors() -> str:
    """The tree of errors."""
    found = [
        cls
        for cls in vars(_errors).values()
        if isinstance(cls, type) and issubclass(cls, _errors.NarrowsError) and cls.__module__ == _errors.__name__
    ]
    rows = []
    for cls in found:
        also = [base.__name__ for base in cls.__bases__ if base is not _errors.NarrowsError]
        rows.append((f"`{cls.__name__}`", ", ".join(f"`{name}`" for name in also) or "-", first(cls.__doc__)))
    text = "A message is one sentence or two: what came, what is accepted, what to type."
    return "\n\n".join(["## Errors", text, table(("error", "is also a", "when"), rows)])


def main() -> None:
    parts = [
        HEAD.strip(), public_names(), settings(), room("Kinds", kinds), room("Architectures", architectures),
        room("Tasks", tasks), room("Priors", priors), losses(), errors(),
    ]  # fmt: skip
    (HERE / "reference.md").write_text("\n\n".join(parts) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
