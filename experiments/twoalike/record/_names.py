"""BIDS names of a run and where its files stand in the data set."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from twoalike.study import TwoalikeError
from twoalike.tables import ODD_ONE_OUT

_ZEROS = re.compile(r"(?<!\d)0+(?=\d)")
LABEL = re.compile(r"[0-9a-zA-Z+]+")
_NAME = re.compile(
    r"sub-(?P<participant>[^_]+)_ses-(?P<session>\d+)_task-(?P<task>[^_]+)_run-(?P<run>\d+)_beh\.tsv"
)


def participant_label(text: str) -> str:
    """Check the code of a participant and return it.

    A code needs a digit: that refuses most first names, the commonest slip that makes a data
    set identify a person.

    Raises
    ------
    TwoalikeError
        If it is no BIDS label, or looks like a name or an e-mail address.

    Examples
    --------
    >>> participant_label("007")
    '007'
    """
    advice = "Use a code such as 001, and keep the list of who is who outside the study."
    if "@" in text:
        raise TwoalikeError(f"participant {text}: looks like an e-mail address. {advice}")
    if text.startswith("sub-") and LABEL.fullmatch(text[4:]):
        raise TwoalikeError(f"participant {text}: leave out sub-, as in {text[4:]}.")
    if not LABEL.fullmatch(text):
        raise TwoalikeError(
            f"participant {text!r}: expected letters and digits only (a BIDS label). {advice}"
        )
    if not any(mark.isdigit() for mark in text):
        raise TwoalikeError(f"participant {text}: has no digit, so may be a name. {advice}")
    return text


def same_but_for_zeros(code: str, others: Iterable[str]) -> str | None:
    """First of other codes that differs from ``code`` in leading zeros of a number only.

    To people, 1 and 001 are the same participant; in file names they are two.

    Examples
    --------
    >>> same_but_for_zeros("1", ["002", "001"]), same_but_for_zeros("10", ["1", "10"])
    ('001', None)
    """
    bare = _ZEROS.sub("", code)
    return next(
        (other for other in others if other != code and _ZEROS.sub("", other) == bare), None
    )


@dataclass(frozen=True)
class RunName:
    """Which run of whom; every path of a run is defined here, once."""

    participant: str
    session: int
    task: str = ODD_ONE_OUT
    run: int = 1

    @property
    def stem(self) -> str:
        """File name without suffix and ending."""
        return f"sub-{self.participant}_ses-{self.session:02d}_task-{self.task}_run-{self.run:02d}"

    @property
    def _folder(self) -> str:
        return f"sub-{self.participant}/ses-{self.session:02d}"

    def rows(self, root: Path) -> Path:
        """Raw table, one row a trial."""
        return root / self._folder / "beh" / f"{self.stem}_beh.tsv"

    def sidecar(self, root: Path) -> Path:
        """Sidecar: describes the raw table's columns and the screen."""
        return root / self._folder / "beh" / f"{self.stem}_beh.json"

    def events(self, root: Path) -> Path:
        """Table of what happened within trials, where the task keeps one."""
        return root / self._folder / "beh" / f"{self.stem}_events.tsv"

    def _source(self, root: Path, ending: str) -> Path:
        # BIDS validators refuse unknown files everywhere but in folders such as this one.
        return root / "sourcedata" / self._folder / f"{self.stem}_{ending}"

    def manifest(self, root: Path) -> Path:
        """Manifest: how the run was made, seed, versions, stimuli, screen, start and end."""
        return self._source(root, "manifest.json")

    def trials(self, root: Path) -> Path:
        """Trial list as it was shown."""
        return self._source(root, "trials.tsv")

    def answers(self, root: Path) -> Path:
        """Answers outside the trials: consent, form, debriefing."""
        return self._source(root, "answers.tsv")

    def log(self, root: Path) -> Path:
        """Log of what happened besides the trials, one JSON object a line."""
        return self._source(root, "log.jsonl")

    def rescue(self, root: Path, file: Path, number: int) -> Path:
        """Rescue file for a lost file of this run; ``number`` counts from 1."""
        kind = file.stem.rpartition("_")[2]
        return self._source(root, f"{kind}_rescue-{number}{file.suffix}")

    def rescues(self, root: Path, file: Path) -> list[Path]:
        """Existing rescue files for a lost file of this run, in order."""
        first = self.rescue(root, file, 1)
        start, _, end = first.name.rpartition("1")
        found = {
            int(digits): path
            for path in first.parent.glob(f"{start}*{end}")
            if (digits := path.name.removeprefix(start).removesuffix(end)).isdecimal()
        }
        return [found[number] for number in sorted(found)]

    @classmethod
    def parse(cls, path: Path) -> "RunName":
        """Read the name of a raw table.

        Raises
        ------
        TwoalikeError
            If the file is not named like one.
        """
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise TwoalikeError(
                f"{path}: expected a raw table named sub-<id>_ses-<nn>_task-<task>_run-<nn>_beh"
                ".tsv. Restore its name."
            )
        return cls(match["participant"], int(match["session"]), match["task"], int(match["run"]))


def find_runs(root: Path, task: str = "*", participant: str = "*") -> tuple[Path, ...]:
    """Raw tables of trials in a data set, in the order of their names.

    Parameters
    ----------
    task, participant
        Labels; all if left out.
    """
    pattern = f"sub-{participant}/ses-*/beh/sub-*_task-{task}_run-*_beh.tsv"
    return tuple(sorted(root.glob(pattern)))
