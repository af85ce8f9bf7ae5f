"""The public list: each name is there, is documented, and is the only way in."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import narrows
from narrows import _errors

PLACES = narrows._PLACES


@pytest.mark.parametrize("name", sorted(PLACES))
def test_a_public_name_resolves_to_the_thing_of_that_name(name):
    thing = getattr(narrows, name)
    assert thing.__name__ == name
    assert thing.__module__ == f"narrows.{PLACES[name]}"


@pytest.mark.parametrize("name", sorted(PLACES))
def test_a_public_name_says_what_it_is(name):
    thing = getattr(narrows, name)
    assert inspect.getdoc(thing), name
    if inspect.isclass(thing) and not issubclass(thing, Exception):
        for method, value in vars(thing).items():
            if not method.startswith("_") and (inspect.isfunction(value) or isinstance(value, property)):
                assert inspect.getdoc(value), f"{name}.{method}"


@pytest.mark.parametrize("name", [n for n in sorted(PLACES) if inspect.isfunction(getattr(narrows, n))])
def test_public_functions_say_their_types(name):
    signature = inspect.signature(getattr(narrows, name))
    assert signature.return_annotation is not inspect.Signature.empty
    assert all(p.annotation is not inspect.Parameter.empty for p in signature.parameters.values())


def test_the_list_is_what_dir_and_star_import_give():
    found: dict[str, object] = {}
    exec("from narrows import *", found)
    assert set(narrows.__all__) == found.keys() - {"__builtins__"} == set(dir(narrows))


def test_the_list_for_type_checkers_is_the_same():
    tree = ast.parse(Path(narrows.__file__).read_text(encoding="utf-8"))
    block = next(n for n in tree.body if isinstance(n, ast.If) and ast.unparse(n.test) == "TYPE_CHECKING")
    pairs = {(a.asname, n.module) for n in block.body if isinstance(n, ast.ImportFrom) for a in n.names}
    assert pairs == {(name, f"narrows.{place}") for name, place in PLACES.items()}


def test_every_error_is_public_and_descends_from_one():
    errors = {
        name
        for name, value in vars(_errors).items()
        if inspect.isclass(value) and issubclass(value, Exception) and not name.startswith("_")
    }
    assert errors <= set(narrows.__all__)
    assert all(issubclass(getattr(narrows, name), narrows.NarrowsError) for name in errors)
    for name in errors - {"NarrowsError", "RunStopped"}:
        parents = getattr(narrows, name).__mro__[1:]
        assert any(p.__module__ == "builtins" and p not in (Exception, BaseException, object) for p in parents), name


def test_a_name_that_is_not_there_is_refused_with_those_that_are():
    with pytest.raises(AttributeError, match="Autoencoder"):
        narrows.Autoencodr  # noqa: B018
