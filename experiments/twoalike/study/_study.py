"""A study: a folder with ``study.toml``, and where each stage finds and puts its files."""

import html
import re
from dataclasses import dataclass
from pathlib import Path

from twoalike.study._access import check_readable
from twoalike.study._config import StudyConfig
from twoalike.study._errors import TwoalikeError
from twoalike.study._settings import load_toml

_TASK = re.compile(r"_task-([^_]+)_")
_OBJECTS = "stimuli.tsv"
"""Name of the list of stimuli, one object a row."""
_PRODUCTS = ("choices", "arrangements", "posterior", "teacher", "student", "results", "report")
"""Outputs of the stages, by the stem of their usual name in ``derived/``."""


@dataclass(frozen=True, repr=False)
class Study:
    """A study folder with its settings; every path of the layout is defined here, once.

    In a notebook it shows its tasks, objects, participants, sessions and what was computed so far.
    """

    root: Path
    config: StudyConfig

    @classmethod
    def load(cls, root: str | Path) -> "Study":
        """Open the study in ``root``.

        Raises
        ------
        TwoalikeError
            If ``root`` is no folder with a valid ``study.toml``, or its data are closed to you.
        """
        root = Path(root)
        if not (root / "study.toml").is_file():
            raise TwoalikeError(
                where=root,
                expected="a study (a folder with study.toml)",
                found="none",
                remedy=f"Make one with: twoalike init {root}",
            )
        study = cls(root, load_toml(root / "study.toml", StudyConfig))
        for folder in (study.raw.parent, study.raw, study.pilot):
            check_readable(folder)
        return study

    @property
    def stimuli(self) -> Path:
        """Folder of the stimulus set."""
        return self.root / self.config.stimuli

    @property
    def protocol(self) -> Path:
        """Protocol of the odd-one-out task (TOML)."""
        return self.root / self.config.protocol

    def protocol_of(self, task: str) -> Path:
        """Protocol of a task (its BIDS label, such as ``oddoneout``).

        study.toml names those of the built-in tasks; that of another one is protocols/LABEL.toml.

        Raises
        ------
        ValueError
            If ``task`` is no label.
        """
        if not task.isalnum():
            raise ValueError(f"expected a label such as oddoneout, found {task!r}.")
        named = {
            "oddoneout": self.config.protocol,
            "multiarrangement": self.config.arrangement_protocol,
        }
        return self.root / named.get(task, f"protocols/{task}.toml")

    @property
    def raw(self) -> Path:
        """Root of the BIDS data set."""
        return self.root / "data" / "raw"

    @property
    def pilot(self) -> Path:
        """Root of the BIDS data set of pilot and dry runs, never mixed with real data."""
        return self.root / "data" / "pilot"

    @property
    def derived(self) -> Path:
        """Folder of everything computed from the raw data."""
        return self.root / "derived"

    @property
    def choices(self) -> Path:
        """Tidy odd-one-out and anchored judgments."""
        return self.derived / "choices.parquet"

    @property
    def arrangements(self) -> Path:
        """Tidy multi-arrangement trials."""
        return self.derived / "arrangements.parquet"

    @property
    def posterior(self) -> Path:
        """The fitted embedding."""
        return self.derived / "posterior.nc"

    def trial_list(self, task: str, participant: str, session: int) -> Path:
        """Trial list of one session (``task`` is the BIDS label, such as ``oddoneout``)."""
        name = f"sub-{participant}_ses-{session:02d}_task-{task}_trials.tsv"
        return self.root / "design" / name

    def __repr__(self) -> str:
        lines = (f"  {name}: {value}" for name, value in self._summary().items())
        return "\n".join([f"Study {self.config.title!r} in {self.root}", *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>"
            for name, value in {"folder": str(self.root), **self._summary()}.items()
        )
        return f"<table><caption>{html.escape(self.config.title)}</caption>{rows}</table>"

    def _summary(self) -> dict[str, str]:
        """Facts about the study by their name; only what the folder's listing shows is counted."""
        sessions = sorted(self.raw.glob("sub-*/ses-*"))
        tables = [path.name for path in self.raw.glob("sub-*/ses-*/beh/*_beh.tsv")]
        tasks = sorted({match[1] for name in tables if (match := _TASK.search(name))})
        computed = [name for name in _PRODUCTS if any(self.derived.glob(f"{name}*"))]
        objects = _n_rows(self.stimuli / _OBJECTS)
        return {
            "objects": str(objects) if objects else "no stimuli yet",
            "tasks": ", ".join(tasks) or "no data yet",
            "participants": str(len({path.parent.name for path in sessions})),
            "sessions": str(len(sessions)),
            "computed": ", ".join(computed) or "nothing yet",
        }


def _n_rows(table: Path) -> int:
    """Rows of a table without its header; 0 if there is none."""
    if not table.is_file():
        return 0
    with table.open("rb") as file:
        return max(0, sum(1 for line in file if line.strip()) - 1)
