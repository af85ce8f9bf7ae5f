"""Imports point down the floors of the house, and little is imported before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import narrows

HERE = Path(narrows.__file__).parent
FLOORS = [
    {"_errors"},
    {"_contract", "_registry", "_device", "_files"},
    {"nn", "data"},
    {"architectures", "tasks"},
    {"autoencoders", "priors"},
    {"model"},
    {"training"},
    {"using"},
    {"measuring"},
    {"pages"},
    {"_fit"},
    {"estimator", "sweep", "bulk", "comparison", "_demo", "alone"},
    {"__init__"},
    {"cli", "studio"},
    {"__main__"},
]
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
HEAVY = {
    "lightning_fabric", "sklearn", "skimage", "scipy", "ray", "optuna", "typer", "rich", "fastapi", "uvicorn",
    "matplotlib", "pandas", "cv2", "bm3d", "onnxruntime",
}  # fmt: skip
OWN_ROOM = {"estimator": {"sklearn"}, "cli": {"typer", "rich"}, "studio": {"fastapi", "uvicorn"}}
BELOW_TRAINING = {"torch", "numpy", "safetensors", "PIL"}
FILES = sorted(HERE.rglob("*.py"))


def room_of(path):
    return path.relative_to(HERE).with_suffix("").parts[0]


def imported(tree, at_module_level=False):
    """(dotted name, line) of every import; those under TYPE_CHECKING and, on request, inside functions left out."""
    waiting, found = list(tree.body), []
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: imports say the whole name"
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            waiting += node.orelse
        elif not (at_module_level and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))):
            waiting += ast.iter_child_nodes(node)
    return found


def parsed(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def names(path):
    return path.relative_to(HERE).as_posix()


def test_every_room_has_a_floor():
    assert {room_of(path) for path in FILES} <= FLOOR.keys()


@pytest.mark.parametrize("path", FILES, ids=names)
def test_imports_point_down_and_rooms_on_one_floor_do_not_know_each_other(path):
    own = room_of(path)
    for name, line in imported(parsed(path)):
        parts = name.split(".")
        if parts[0] != "narrows" or parts[1:2] == ["__version__"]:
            continue
        other = parts[1] if len(parts) > 1 and parts[1] in FLOOR else "__init__"
        assert other == own or FLOOR[other] < FLOOR[own], f"{names(path)}:{line}: {own} imports {name}"


@pytest.mark.parametrize("path", FILES, ids=names)
def test_heavy_modules_are_imported_where_they_are_used(path):
    allowed = OWN_ROOM.get(room_of(path), set())
    for name, line in imported(parsed(path), at_module_level=True):
        root = name.split(".")[0]
        late = path.name == "_precision.py" and root == "lightning_fabric"  # its one importer is a function of the loop
        assert root not in HEAVY - allowed or late, f"{names(path)}:{line}: {name} at module level"


@pytest.mark.parametrize("path", [p for p in FILES if FLOOR.get(room_of(p), 99) < FLOOR["training"]], ids=names)
def test_below_training_little_is_needed(path):
    for name, line in imported(parsed(path), at_module_level=True):
        root = name.split(".")[0]
        fine = root == "narrows" or root in sys.stdlib_module_names or root in BELOW_TRAINING
        assert fine, f"{names(path)}:{line}: {name} at module level"


def modules_after(code):
    """Names of the top-level modules that a fresh interpreter holds after `code`."""
    code += "; import sys; sys.stdout.write(' '.join({name.split('.')[0] for name in sys.modules}))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_import_narrows_costs_nothing_heavy():
    loaded = modules_after("import narrows")
    assert not loaded & (HEAVY | {"torch", "numpy"})


def test_listing_kinds_does_not_import_torch():
    assert "torch" not in modules_after("import narrows; narrows.list_kinds()")


def test_making_a_model_imports_neither_fabric_nor_scikit_learn():
    assert not modules_after("import narrows; narrows.make(shape=(4,))") & HEAVY


HELP = """
import sys
import narrows.cli
sys.argv = ["narrows", "--help"]
try:
    narrows.cli.main()
except SystemExit:
    pass
sys.stderr.write(f"torch: {'torch' in sys.modules}")
"""


@pytest.mark.skipif(not (HERE / "cli" / "__init__.py").exists(), reason="no command line in this checkout")
def test_help_does_not_import_torch():
    done = subprocess.run([sys.executable, "-c", HELP], capture_output=True, text=True)
    assert done.stderr.endswith("torch: False"), done.stderr
