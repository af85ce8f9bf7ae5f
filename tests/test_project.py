"""The files around the code agree with each other."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import narrows

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
ASKED = [
    Requirement(line)
    for lines in (PROJECT["dependencies"], *PROJECT["optional-dependencies"].values())
    for line in lines
]
PINNED = {
    name.lower().replace("_", "-"): version
    for name, version in re.findall(r"^([\w.-]+)==(\S+)$", (ROOT / "constraints.txt").read_text(), re.MULTILINE)
}


@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: asked.name)
def test_what_is_asked_for_is_pinned_within_its_bounds(asked):
    assert asked.name.lower() in PINNED, f"{asked.name} is not in constraints.txt"
    assert asked.specifier.contains(PINNED[asked.name.lower()])


def test_torch_is_bound_from_above():
    torch = next(asked for asked in ASKED if asked.name == "torch")
    assert any(bound.operator in ("<", "<=") for bound in torch.specifier)


def test_constraints_hold_only_pins_that_any_index_can_serve():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert all(re.match(r"#|[\w.-]+==[\w.]+$", line) for line in lines), "a path, an address or a local version"


def test_one_version_everywhere():
    assert PROJECT["version"] == narrows.__version__
    assert f"\nversion: {narrows.__version__}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"## {narrows.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_the_licence_is_apache_2_in_full():
    text = (ROOT / "LICENSE").read_text()
    assert PROJECT["license"] == "Apache-2.0" and "license: Apache-2.0" in (ROOT / "CITATION.cff").read_text()
    for part in ("Version 2.0, January 2004", "9. Accepting Warranty", "END OF TERMS AND CONDITIONS", "APPENDIX"):
        assert part in text


def test_no_file_of_the_project_names_a_package_index():
    files = ["pyproject.toml", "constraints.txt", "Makefile", ".ci/run", ".pre-commit-config.yaml", "README.md"]
    for name in files:
        text = (ROOT / name).read_text(encoding="utf-8")
        assert not re.search(r"index-url|find-links|pypi\.org|download\.pytorch", text), name
