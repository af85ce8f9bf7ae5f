"""What stands beside restored pictures when it is asked for: proof, the classical filter, a map of doubt, a page."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from narrows._errors import BadData, BadOption, CannotWrite, WouldOverwrite
from narrows.cli._fit import Language
from narrows.cli._output import Output
from narrows.cli._verb import command_line

Proved = Annotated[
    bool,
    typer.Option(
        "--proof", help="Say how much was gained, beside the best classical filter: by --truth, else estimated."
    ),
]
Truth = Annotated[
    Path | None,
    typer.Option("--truth", help="Folder of the true pictures under the same names, for --proof.", show_default=False),
]
Classical = Annotated[
    str | None,
    typer.Option(
        "--classical", metavar="FILTER", help="Use this classical filter instead of a network.", show_default=False
    ),
]  # fmt: skip
Mapped = Annotated[
    bool,
    typer.Option("--map", help="Beside each result, NAME.doubt.png: brighter where the network may have invented."),
]
Page = Annotated[
    Path | None,
    typer.Option("--page", help="An HTML page that shows before and after under a slider.", show_default=False),
]
Lang = Annotated[Language, typer.Option("--lang", help="Language of the page and of the proof.")]

_WHITE = 0.1
"""Disagreement, of the whole range, that is white in a map: 25 of 255."""


class Asked(NamedTuple):
    """What the user wants beside the results."""

    proof: bool = False
    truth: Path | None = None
    classical: str | None = None
    map: bool = False
    page: Path | None = None
    lang: Language = Language.en

    @classmethod
    def taken_from(cls, given: dict[str, Any]) -> Asked:
        """What of a verb's arguments is meant for here; they are taken out."""
        found = cls(**{name: given.pop(name) for name in cls._fields})
        return found._replace(proof=found.proof or found.truth is not None)

    def check(self, task: str, model: Any, force: bool, *, careful: bool = False, engine: str = "torch") -> None:
        """Everything that can be refused before a picture is looked for. Raises BadOption, BadData, NotSupported,
        UnknownName, WouldOverwrite."""
        from narrows.measuring.proof import check_estimate
        from narrows.using.doubt import model_with_doubt
        from narrows.using.restore import check_engine_for

        others = {
            f"--model {model}": model,
            "--map": self.map,
            "--careful": careful,
            f"--engine {engine}": engine != "torch",
        }
        if self.classical and any(others.values()):
            other = next(name for name, given in others.items() if given)
            raise BadOption(f"--classical {self.classical} takes the network's place; leave out {other}")
        if self.truth is not None and not self.truth.exists():
            raise BadData(f"--truth {self.truth} does not exist; give the folder of the true pictures")
        if self.proof and self.truth is None:
            check_estimate(task, model)
        if self.proof and self.classical:
            raise BadOption("--proof judges the network beside every filter; leave out --classical")
        if self.page is not None:
            if self.page.suffix.lower() not in (".html", ".htm"):
                raise BadOption(f"--page {self.page}; it takes the name of an HTML file, such as --page page.html")
            if self.page.is_dir():
                raise BadOption(f"--page {self.page} is a folder; give the name of a file, such as --page page.html")
            if not force and (self.page.exists() or self.page.is_symlink()):
                raise WouldOverwrite(
                    f"{self.page} exists already; choose another name with --page, or replace it with --force"
                )
        if self.map:
            model_with_doubt(task, 3, model)
        check_engine_for(task, model, engine)

    def check_files(self, jobs: Sequence[Any], roots: Sequence[str]) -> None:
        """The same, once it is known what will be restored; the page's folder is made. Raises BadData, CannotWrite."""
        from narrows.measuring.proof import truth_of

        if self.truth is not None:
            truth_of(jobs, roots, self.truth)
        if self.page is not None:
            folder = self.page.parent
            try:
                folder.mkdir(parents=True, exist_ok=True)
                why = "" if os.access(folder, os.W_OK) else "may not be written to"
            except OSError as error:
                why = f"cannot be made ({error.strerror or error})"
            if why:
                raise CannotWrite(f"{folder} {why}; choose another place for the page with --page")

    def filter(self, task: str, strength: float, options: dict[str, Any]) -> Callable[[Any], Any] | None:
        """What takes the network's place: a photo in, a photo out."""
        if self.classical is None:
            return None
        from narrows._registry import tasks
        from narrows.measuring.filters import Filtered, read_filter
        from narrows.using.restore import restore_photo

        own = tasks[task]()
        work = Filtered(own, *read_filter(self.classical, own))
        work.exact(**options)
        return lambda photo: restore_photo(work, photo, strength=strength)

    def deliver(
        self, out: Output, jobs: Sequence[Any], roots: Sequence[str], *, verb: str, task: str, model: Any, force: bool,
        strength: float, options: dict[str, Any],
    ) -> dict[str, Any]:  # fmt: skip
        """Judge, map and show what was restored. Gives what --json tells of it."""
        found: dict[str, Any] = {}
        planned, jobs = jobs, [job for job in jobs if job.target.exists()]
        if not jobs:
            return found
        proof = None
        if self.proof:
            proof, found["proof"] = self._prove(out, jobs, roots, task, model, strength, options)
        if self.map:
            found["maps"] = self._map(out, planned, task, model, force, options)
        if self.page is not None:
            from narrows.pages.before_after import Restored, write_before_after

            shown = [Restored(job.shown, job.source, job.target) for job in jobs]
            found["page"] = write_before_after(
                self.page, shown, verb=verb, proof=proof, lang=self.lang.value, command=command_line(out.argv)
            )
            out.say(f"{self.page}")
        return found

    def _prove(
        self, out: Output, jobs: Sequence[Any], roots: Sequence[str], task: str, model: Any, strength: float,
        options: dict[str, Any],
    ) -> tuple[Any, dict[str, Any] | None]:  # fmt: skip
        from narrows.cli._progress import counting
        from narrows.data.triage import printable
        from narrows.measuring.proof import MOST, prove, truth_of

        try:
            truth = None
            if self.truth is not None:
                truth, place = truth_of(jobs, roots, self.truth), printable(self.truth)
                if alone := [job.shown for job in jobs if job not in truth]:
                    some = f"{len(alone)} of {len(jobs)}, such as {alone[0]}"
                    out.note(f"not judged: {place} has none of the name of {some}")
            with counting(min(MOST, len(jobs) if truth is None else len(truth)), "judging") as tell:
                proof = prove(
                    jobs, task=task, model=model, truth=truth, strength=strength, options=options,
                    tell=lambda number, job: tell(number, job.shown),
                )  # fmt: skip
        except BadData as error:  # the results are there, and good: only nothing can be said of them
            out.note(f"narrows: no proof: {error}")
            return None, None
        for note in proof.notes:
            out.note(f"not judged: {note}")
        out.say(proof.verdict.sentence(self.lang.value))
        if proof.classical and proof.verdict.decided and proof.verdict.winner not in ("network", "untouched"):
            out.say(f"--classical {proof.classical}")
        return proof, {
            "estimated": proof.estimated, "verdict": proof.verdict.sentence(self.lang.value),
            "winner": proof.verdict.winner, "decided": proof.verdict.decided, "gain": proof.gain, "over": proof.over,
            "ssim": proof.ssim, "filter": proof.filter, "classical": proof.classical,
            "pictures": [one._asdict() for one in proof.pictures], "notes": list(proof.notes),
        }  # fmt: skip

    def _map(
        self, out: Output, jobs: Sequence[Any], task: str, model: Any, force: bool, options: dict[str, Any]
    ) -> list[Path]:
        import numpy as np

        from narrows.cli._progress import counting
        from narrows.data.images import Photo, save_photo
        from narrows.data.stacks import telling_page
        from narrows.using.doubt import doubt
        from narrows.using.files import maps_of

        made = []
        todo = [(job, target) for job, target in maps_of(jobs).items() if job.target.exists()]
        with counting(len(todo), "mapping") as tell:
            for number, (job, target) in enumerate(todo):
                tell(number, job.shown)
                if target.exists() and not force:
                    out.note(f"{target} is there already (--force makes it anew)")
                    continue
                found = doubt(telling_page(job.source), task=task, model=model, **options)
                pixels = (found / _WHITE).clamp(0, 1).mul(255).round().byte().numpy()[..., None]
                white = np.full(1, 255.0)
                made.append(save_photo(Photo(pixels, np.zeros(1), white), target, force=force))
        return made


def beside(
    *,
    proof: Proved = False,
    truth: Truth = None,
    classical: Classical = None,
    map: Mapped = False,
    page: Page = None,
    lang: Lang = Language.en,
) -> None:
    """The arguments of every verb that restores."""


def naming_filters(classical: inspect.Parameter, names: Sequence[str]) -> inspect.Parameter:
    """`--classical` of a verb whose network is set beside these."""
    said = typer.Option(
        "--classical", metavar="FILTER", show_default=False,
        help=f"Use a classical filter instead of a network, as NAME or NAME=SETTING: {', '.join(names)}.",
    )  # fmt: skip
    return classical.replace(annotation=Annotated[str | None, said])
