"""What a sweep has tried, in Optuna's journal: finished trials are kept, the unfinished one goes on.

A trial's weights and errors lie in a folder of its own, and are on the disk before the journal says that it is done.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from narrows._errors import BadRun, NotSupported, WouldOverwrite
from narrows._files import write_atomically
from narrows.training.seeds import generator

_JOB, _JOURNAL = "sweep.json", "trials.log"


class Trials:
    """The trials of a sweep over sizes: (code size, seed, round) to what was found."""

    def __init__(self, folder: Path, job: dict[str, Any], force: bool, minutes: float) -> None:
        self.folder, self.job, self.minutes = folder, job, minutes
        self.study = open_study(folder, job, force, name="size", budget=minutes)
        self.found: dict[tuple[int, int, int], dict[str, Any]] = {}
        for one in self.study.get_trials(deepcopy=False):
            if one.state.name == "COMPLETE":
                key = one.params["code_size"], one.params["seed"], one.params["round"]
                self.found[key] = dict(one.user_attrs)

    @property
    def seconds(self) -> float:
        """Training time of all that is finished."""
        return sum(one["seconds"] for one in self.found.values())

    def place(self, code_size: int, seed: int, number: int) -> Path:
        """The folder of one trial."""
        return self.folder / "trials" / f"size-{code_size}-seed-{seed}-round-{number}"

    def keep(self, key: tuple[int, int, int], error: float, facts: dict[str, Any]) -> None:
        """A finished trial, in one record."""
        import optuna

        spaces = {
            "code_size": optuna.distributions.IntDistribution(1, 65_536, log=True),
            "seed": optuna.distributions.IntDistribution(0, 1 << 30),
            "round": optuna.distributions.IntDistribution(0, 64),
        }
        params = dict(zip(spaces, key, strict=True))
        self.study.add_trial(
            optuna.trial.create_trial(params=params, distributions={**spaces}, value=error, user_attrs=facts)
        )
        self.found[key] = facts

    def end(self) -> None:
        """Nothing is left to do."""
        end_study(self.folder, self.job, self.minutes)


def open_study(folder: Path, job: dict[str, Any], force: bool, *, name: str, budget: float) -> Any:
    """The Optuna study of a folder, begun or gone on with. `budget` is what more of goes on from a finished sweep:
    minutes, or trials.

    Raises NotSupported without Optuna, WouldOverwrite where the folder's sweep is finished, BadRun where it is
    another; `force` begins anew in both cases.
    """
    optuna = need_optuna()
    stored, job = folder / _JOB, plain(job)
    before = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else None
    done = before is not None and before.get("budget", 0) >= budget and before.get("done")
    if before is not None and not force:
        if before["job"] != job:
            raise BadRun(
                f"{folder} is another sweep: its {_difference(before['job'], job)}; repeat the same command to go on, "
                f"begin anew with --force, or take another --out"
            )
        if done:
            raise WouldOverwrite(
                f"{folder} holds a finished sweep; choose another --out, replace it with --force, or go on from it "
                f"with more than {before['budget']:g} {'minutes' if name == 'size' else 'trials'}"
            )
    if before is not None and (done or before["job"] != job):
        _forget(folder)
    write_atomically(stored, json.dumps({"job": job, "budget": budget}, indent=1).encode())
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / _JOURNAL)))
    return optuna.create_study(storage=storage, study_name=name, load_if_exists=True)


def end_study(folder: Path, job: dict[str, Any], budget: float) -> None:
    """So much of a sweep is finished."""
    write_atomically(folder / _JOB, json.dumps({"job": plain(job), "budget": budget, "done": True}, indent=1).encode())


def _difference(before: Any, now: Any, name: str = "") -> str:
    """The first thing that is not the same, as "epochs is 3, and 5 came"."""
    if isinstance(before, dict) and isinstance(now, dict):
        other = next(key for key in (*now, *before) if before.get(key) != now.get(key))
        return _difference(before.get(other), now.get(other), other)
    return "data are others" if name == "data" else f"{name} is {before}, and {now} came"


def sampler_at(seed: int, number: int) -> Any:
    """What draws trial number `number`: seeded anew for each, so that going on draws what was not drawn before."""
    from optuna.samplers import TPESampler

    return TPESampler(seed=generator(seed, "tune", number).initial_seed() % (1 << 32), n_startup_trials=6)


def plain(values: dict[str, Any]) -> dict[str, Any]:
    """As JSON gives them back."""
    return json.loads(json.dumps(values))


def _forget(folder: Path) -> None:
    """Trials of another sweep: only files that a sweep writes."""
    (folder / _JOURNAL).unlink(missing_ok=True)
    for place in (folder / "trials").glob("*-*") if (folder / "trials").is_dir() else ():
        for path in place.iterdir():
            path.unlink()
        place.rmdir()


def need_optuna() -> Any:
    """Optuna, made quiet. Raises NotSupported where it is not installed."""
    try:
        import optuna
    except ImportError as error:
        raise NotSupported("a sweep needs Optuna; install it with: pip install 'narrows[sweep]'") from error
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
