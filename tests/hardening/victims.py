"""Studies to attack, and what is true of them whatever the software says.

What a session took for finished is known from notes that its process writes outside the study;
what is on the disk is read here as plain text, not by the readers that are under attack.
"""

import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.conftest import write_study
from tests.end_to_end.forks import Forks, Report

TASKS = ("odd-one-out", "multi-arrangement")
WHO = "901"
SHORT = Path(__file__).with_suffix(".toml").read_text(encoding="utf-8")
LONG = SHORT.replace("trials = 8", "trials = 50").replace("max_trials = 4", "max_trials = 80")
SPEED = {"odd-one-out": "10", "multi-arrangement": "20"}
"""Times real speed: slow enough to be killed within a trial."""


@dataclass(frozen=True)
class Finding:
    """What one try came to.

    Attributes
    ----------
    what
        Describes the try.
    lost
        Finished trials that no file holds, though the attack did not erase them.
    misled
        False reports, and faults that were not reported.
    """

    what: str
    lost: Sequence[int] = ()
    misled: Sequence[str] = ()


@dataclass
class Victim:
    """One participant's session in a study of its own, and the trials it has finished.

    Attributes
    ----------
    folder
        Holds the study, and beside it what an attack moves away.
    finished
        Number of each finished trial, what its lines of the raw table begin with, and what the
        journal holds of it, from the session's notes; a trial that was shown again is there again.
    """

    forks: Forks
    folder: Path
    task: str
    window: bool = False
    finished: list[tuple[int, tuple[str, ...], str]] = field(default_factory=list)

    @property
    def root(self) -> Path:
        """The study."""
        return self.folder / "study"

    @property
    def raw(self) -> Path:
        """Its raw data."""
        return self.root / "data" / "raw"

    def file(self, ending: str, who: str = WHO, run: int = 1) -> Path:
        """File of a session, by the end of its name."""
        name = f"sub-{who}_ses-01_task-{self.task.replace('-', '')}_run-{run:02d}_{ending}"
        if ending in ("manifest.json", "trials.tsv", "journal.jsonl"):
            return self.raw / "sourcedata" / f"sub-{who}" / "ses-01" / name
        return self.raw / f"sub-{who}" / "ses-01" / "beh" / name

    @property
    def table(self) -> Path:
        """The raw table."""
        return self.file("beh.tsv")

    def sit(self, *words: str, who: str = WHO, **faults: Any) -> Report:
        """Run the session, or go on with it, and note what it finishes."""
        screen = "--windowed" if self.window else "--no-window"
        session = ("run", str(self.root), "--task", self.task, "--participant", who)
        report = self.forks.command(self.root, *session, "--simulate", screen, *words, **faults)
        if who == WHO:
            self.finished += [
                (index, lines, report.journal[index]) for index, lines in report.lines.items()
            ]
        return report

    def sit_through(self, *words: str, who: str = WHO) -> Report:
        """Run the session, which must reach its end."""
        report = self.sit(*words, who=who)
        if report.status:
            raise RuntimeError(f"a sound session failed: {report.said}")
        return report

    def n_trials(self) -> int:
        """Trials in the journal."""
        path = self.file("journal.jsonl")
        return path.read_bytes().count(b'"what": "trial"') if path.exists() else 0

    def missing(self) -> list[int]:
        """Finished trials that the raw table does not hold exactly once under its name."""
        text = self.table.read_text(errors="replace") if self.table.is_file() else ""
        rows = [f"{row}\t" for row in text.split("\n")]
        return [
            index
            for index, lines, _ in self.finished
            if any(sum(row.startswith(f"{line}\t") for row in rows) != 1 for line in lines)
        ]

    def not_recorded(self) -> list[int]:
        """Finished trials that the journal does not hold exactly once."""
        path = self.file("journal.jsonl")
        text = path.read_text(errors="replace") if path.is_file() else ""
        return [index for index, _, said in self.finished if text.count(said) != 1]

    def gone(self) -> list[int]:
        """Finished trials that no file of the folder holds."""
        held = b"\n".join(path.read_bytes() for path in self.folder.rglob("*") if path.is_file())
        return [
            index
            for index, lines, said in self.finished
            if said.encode() not in held and not all(line.encode() in held for line in lines)
        ]

    def check(self, name: str) -> Report:
        """Run ``validate``, ``fit`` or ``share`` on the study."""
        more = ("--out", str(self.folder / "shared")) if name == "share" else ()
        report = self.forks.command(self.root, name, str(self.root), *more)
        shutil.rmtree(self.folder / "shared", ignore_errors=True)
        shutil.rmtree(self.root / "derived", ignore_errors=True)
        return report

    def accepted(self, *names: str) -> list[str]:
        """Which of these commands take the study without a word about its sessions."""
        reports = {name: self.check(name) for name in names}
        return [
            f"{name} accepts it"
            for name, report in reports.items()
            if not report.status and not re.search(r"sub-9\d\d|participants? 9\d\d", report.said)
        ]

    def refused(self) -> list[str]:
        """What ``validate`` says against a study that nothing is wrong with."""
        report = self.check("validate")
        return [f"validate: {report.said.strip()[-300:]}"] if report.status else []


def unclear(report: Report) -> list[str]:
    """What is wrong with how a command that could not do its job has ended."""
    lines = [line for line in report.said.splitlines() if line.startswith("twoalike: ")]
    if report.status != 1 or len(lines) != 1 or "Traceback" in report.said:
        return [f"ended with status {report.status}: {report.said.strip()[-200:]!r}"]
    return []


@dataclass
class Bench:
    """Where attacks are tried: each on a study of its own, in a folder of its own."""

    forks: Forks
    folder: Path

    @contextmanager
    def victim(self, task: str, design: str = SHORT, *, window: bool = False) -> Iterator[Victim]:
        """A study whose session has not begun."""
        with TemporaryDirectory(dir=self.folder) as folder:
            write_study(Path(folder) / "study", design)
            yield Victim(self.forks, Path(folder), task, window)

    @contextmanager
    def copy(self, whole: Victim) -> Iterator[Victim]:
        """A copy of a study and of what was finished in it."""
        with TemporaryDirectory(dir=self.folder) as folder:
            shutil.copytree(whole.root, Path(folder) / "study")
            yield replace(whole, folder=Path(folder), finished=list(whole.finished))
