"""What the recipes of shipped models share: their photographs, and how a finished model enters the package."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from narrows.model.folder import load, save
from narrows.model.golden import write_golden
from narrows.pages.fitted import readme

ROOT = Path(__file__).parents[1]
BERKELEY = "BSDS500, Berkeley: non-commercial research and education; 432 photographs, none of BSD68"


def photographs(data: Path) -> list[Path]:
    """The 432 photographs of BSDS500 that are not in BSD68."""
    folder = data / "color" / "bsds500"
    test = {Path(line).stem for line in (folder / "cbsd68.txt").read_text().split()}
    found = sorted(path for path in folder.glob("*/*.jpg") if path.stem not in test)
    assert len(found) == 432, f"{len(found)} photographs found"
    return found


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
