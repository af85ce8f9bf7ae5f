"""What the recipes of shipped models share: their options, their photographs, and how a model is trained and enters the
package."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import narrows
from narrows.model.folder import load, save
from narrows.model.golden import write_golden
from narrows.model.zoo import place_of
from narrows.pages.fitted import readme

ROOT = Path(__file__).parents[1]
BERKELEY = "BSDS500, Berkeley: non-commercial research and education; 432 photographs, none of BSD68"


def options(about: str, steps: int) -> argparse.ArgumentParser:
    """The options that all recipes have; `about` is a recipe's text, and `steps` how many it takes unless told."""
    parser = argparse.ArgumentParser(description=about.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=steps)
    parser.add_argument("--ship", action="store_true", help="copy the finished model into the package")
    return parser


def photographs(data: Path) -> list[Path]:
    """The 432 photographs of BSDS500 that are not in BSD68."""
    folder = data / "color" / "bsds500"
    test = {Path(line).stem for line in (folder / "cbsd68.txt").read_text().split()}
    found = sorted(path for path in folder.glob("*/*.jpg") if path.stem not in test)
    assert len(found) == 432, f"{len(found)} photographs found"
    return found


def going_on(command: str, name: str, begin_with: str | None) -> str:
    """`command`, which makes `name`, going on from the model `begin_with`. Where that is an earlier `name`, what made
    it comes first, under a name of its own: the whole chain is what to type for the same model."""
    if begin_with is None:
        return command
    before = narrows.load(place_of(begin_with)).card["about"].get("command", "")
    if f" --out {name} " not in before:
        return f"{command} --begin-with {Path(begin_with).name}"
    earlier = f"{name}-{before.count(' --out ')}"
    return f"{before.replace(f' --out {name} ', f' --out {earlier} ')} && {command} --begin-with {earlier}"


def make(
    args: argparse.Namespace, name: str, terms: str, examples: Callable[[], dict[str, Any]], **settings: Any
) -> None:
    """Train the model, unless `args.out` holds it finished, and copy it into the package where that is asked for.
    `examples` gets ready what `narrows.fit` learns from, by the names of its arguments."""
    if not (args.out / "model.safetensors").exists():
        narrows.fit(**examples(), **settings, steps=args.steps, out=args.out, progress=told)
    if args.ship:
        ship(args.out, name, terms)


def ship(run: Path, name: str, terms: str) -> None:
    """Copy a finished model into the package at half precision, with the terms of its data in its card and its golden
    tensors beside."""
    target = ROOT / "src" / "narrows" / "model" / "weights" / name
    model = load(run)
    model.card["data"]["notes"] = [terms]
    model.card["stored"] = "float16"
    save(model, target, readme=readme(model), force=True)
    write_golden(load(target), target)
    print(f"shipped as {target}")


def told(event: dict[str, Any]) -> None:
    """Progress, one line of JSON an event; steps are too many."""
    if event["event"] != "step":
        print(json.dumps(event), flush=True)
