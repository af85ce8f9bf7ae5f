"""What every benchmark does at its end: print its table with the command, and write the same as JSON."""

from __future__ import annotations

import json
import math
import os
import shlex
import sys
from datetime import date
from pathlib import Path
from typing import Any

import torch

from narrows import _device

FOLDER = Path(__file__).parent / "results"


def data_folder(given: Path | None) -> Path:
    """`--data DIR`, or the environment variable NARROWS_DATA; ends the program when neither is there."""
    folder = given or (Path(os.environ["NARROWS_DATA"]) if os.environ.get("NARROWS_DATA") else None)
    if folder is None or not folder.is_dir():
        sys.exit(f"no data at {folder}: give --data DIR, or set NARROWS_DATA (docs/benchmarks.md says what lies there)")
    return folder


def report(name: str, rows: list[dict[str, Any]], **facts: Any) -> Path:
    """Print `rows` as a table and write them, with the command and the machine, to `results/NAME.json`."""
    command = "python benchmarks/" + " ".join(shlex.quote(part) for part in [Path(sys.argv[0]).name, *_hidden_data()])
    columns = list(dict.fromkeys(key for row in rows for key in row))
    texts = [[_text(row.get(column, "")) for column in columns] for row in rows]
    widths = [max(len(text) for text in column) for column in zip(columns, *texts, strict=True)]
    print(f"\n{command}")
    for line in [columns, ["-" * width for width in widths], *texts]:
        print(" | ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)))
    for key, value in facts.items():
        print(f"{key}: {value}")
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}.json"
    whole = {
        "benchmark": name, "command": command, "date": date.today().isoformat(), "machine": _device.describe(),
        "load": [round(load, 2) for load in os.getloadavg()], **facts, "rows": rows,
    }  # fmt: skip
    path.write_text(json.dumps(_finite(whole), indent=1, ensure_ascii=False, allow_nan=False) + "\n", encoding="utf-8")
    return path


def _finite(value: Any) -> Any:
    """JSON has no NaN and no infinity."""
    if isinstance(value, dict):
        return {name: _finite(each) for name, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def threads(count: int = 2) -> None:
    """As many threads as the published tables of this project use."""
    torch.set_num_threads(count)


def _hidden_data() -> list[str]:
    """The arguments, with this machine's own places left out of what is published."""
    arguments = sys.argv[1:]
    for option, shown in (("--data", "DATA"), ("--pythae-python", "PYTHON"), ("--out", "RUN"), ("--work", "RUN")):
        if option in arguments:
            arguments[arguments.index(option) + 1] = shown
    return arguments


def _text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
