"""What the files of kinds, architectures and tasks say of themselves, read with `ast`: nothing is imported.

A verb's help is the first line of its file's docstring. Its options are the keyword-only arguments of `prepare`, each
explained by the line `name: text` of that method's docstring.
"""

from __future__ import annotations

import ast
import importlib.util
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from narrows._registry import Registry

REQUIRED = object()
"""The default of an option that has none."""
UNKNOWN = object()
"""A value that only running the file would tell."""
HANDED_IN = frozenset({"self", "net", "loss", "code_size", "shape", "target_shape", "extra", "n_layers", "n_nodes"})
"""Arguments of constructors that are not a part's own options."""
_CONTRACT = Path(__file__).parents[1] / "_contract.py"


class Option(NamedTuple):
    """A keyword-only argument, or a field of a dataclass."""

    name: str
    type: str
    """As it is written: "float | None"."""
    default: Any
    """The value, REQUIRED, or UNKNOWN."""
    help: str


class Part(NamedTuple):
    """A kind, an architecture or a task, as its file shows it."""

    name: str
    help: str
    """First line of the file's docstring; what is wrong with the file, where it cannot be read."""
    facts: dict[str, Any]
    """The class's constants (`needs`, `offers`, `metric`, ...), its contract's defaults filled in."""
    constructor: tuple[Option, ...]
    """The part's own options in training."""
    prepare: tuple[Option, ...]
    """A task's options in use."""


def parts_of(registry: Registry) -> list[Part]:
    """Every part of a registry, sorted by name."""
    files, points = registry.files(), registry.entry_points()
    found = []
    for name in sorted({*files, *points}):
        if name in files:
            found.append(_part(name, files[name], None, registry.base))
            continue
        module, _, cls = points[name].value.partition(":")
        path = source_of(module)
        found.append(
            _part(name, path, cls or None, registry.base) if path else Part(name, f"from {module}", {}, (), ())
        )
    return found


def source_of(module: str) -> Path | None:
    """The file of a module that could be imported, found without importing even its parents."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if spec is None or (not rest and spec.origin is None):
        return None
    if not rest:
        return Path(spec.origin or "")
    for place in spec.submodule_search_locations or ():
        stem = Path(place, *rest)
        for path in (stem.with_suffix(".py"), stem / "__init__.py"):
            if path.is_file():
                return path
    return None


def _part(name: str, path: Path, class_name: str | None, base: str) -> Part:
    try:
        tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:  # a broken file of somebody's must not break --help
        return Part(name, f"({path} cannot be read: {error})", {}, (), ())
    help_line = (ast.get_docstring(tree) or "").split("\n", 1)[0]
    constants = constants_of(tree)
    cls = _class_of(tree, class_name, base)
    if cls is None:
        return Part(name, help_line, contract_defaults(base), (), ())
    facts = contract_defaults(base) | {k: v for k, v in constants_of(cls).items() if v is not UNKNOWN}
    own = [option for option in _keyword_only(cls, "__init__", constants) if option.name not in HANDED_IN]
    return Part(name, help_line, facts, tuple(own), tuple(_keyword_only(cls, "prepare", constants)))


def _class_of(tree: ast.Module, class_name: str | None, base: str) -> ast.ClassDef | None:
    """The class of that name, else the public one that descends from `base`, else the only public one."""
    classes = [node for node in tree.body if isinstance(node, ast.ClassDef)]
    if class_name is not None:
        return next((cls for cls in classes if cls.name == class_name), None)
    public = [cls for cls in classes if not cls.name.startswith("_")]
    direct = [cls for cls in public if any(ast.unparse(parent).split(".")[-1] == base for parent in cls.bases)]
    return direct[0] if len(direct) == 1 else public[0] if len(public) == 1 else None


def contract_defaults(base: str) -> dict[str, Any]:
    """The constants of a contract's class."""
    tree = ast.parse(_CONTRACT.read_bytes())
    cls = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == base)
    return {name: value for name, value in constants_of(cls).items() if value is not UNKNOWN}


def constants_of(node: ast.Module | ast.ClassDef) -> dict[str, Any]:
    """Names that are set to a plain value; UNKNOWN where it would have to be computed."""
    found: dict[str, Any] = {}
    for line in node.body:
        if isinstance(line, ast.Assign) or (isinstance(line, ast.AnnAssign) and line.value is not None):
            for target in line.targets if isinstance(line, ast.Assign) else [line.target]:
                if isinstance(target, ast.Name):
                    found[target.id] = _value(line.value, found)
    return found


def _value(node: ast.expr | None, names: Mapping[str, Any]) -> Any:
    """A literal, a name whose value is known, or a frozenset of literals."""
    if isinstance(node, ast.Name):
        return names.get(node.id, UNKNOWN)
    if isinstance(node, ast.Call) and ast.unparse(node.func) == "frozenset":
        return frozenset(_value(node.args[0], names)) if node.args else frozenset()
    try:
        return ast.literal_eval(node)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return UNKNOWN


def _keyword_only(cls: ast.ClassDef, method: str, names: Mapping[str, Any]) -> list[Option]:
    found = next((n for n in cls.body if isinstance(n, ast.FunctionDef) and n.name == method), None)
    if found is None:
        return []
    helps = texts_of(ast.get_docstring(found) or "")
    options = []
    for argument, default in zip(found.args.kwonlyargs, found.args.kw_defaults, strict=True):
        value = REQUIRED if default is None else _value(default, names)
        written = "str" if argument.annotation is None else ast.unparse(argument.annotation)
        options.append(Option(argument.arg, written, value, helps.get(argument.arg, "")))
    return options


def texts_of(docstring: str) -> dict[str, str]:
    """`name: text` paragraphs of a docstring; a text goes on until an empty line or the next name."""
    found: dict[str, str] = {}
    name = ""
    for line in docstring.splitlines():
        start = re.match(r"\s*(\w+): (.+)", line)
        if start:
            name = start[1]
            found[name] = start[2].strip()
        elif not line.strip():
            name = ""
        elif name:
            found[name] += " " + line.strip()
    return found


def fields_of(path: Path, class_name: str) -> list[Option]:
    """The fields of a dataclass in a file, each with the text that stands under it."""
    tree = ast.parse(path.read_bytes())
    names = constants_of(tree)
    cls = next(node for node in tree.body if isinstance(node, ast.ClassDef) and node.name == class_name)
    found: list[Option] = []
    for line in cls.body:
        if isinstance(line, ast.AnnAssign) and isinstance(line.target, ast.Name):
            default = REQUIRED if line.value is None else _value(line.value, names)
            found.append(Option(line.target.id, ast.unparse(line.annotation), default, ""))
        elif isinstance(line, ast.Expr) and isinstance(line.value, ast.Constant) and found and not found[-1].help:
            found[-1] = found[-1]._replace(help=" ".join(str(line.value.value).split()))
        elif isinstance(line, ast.FunctionDef):
            break
    return found
