"""A study: a folder with ``study.toml``, its settings, and where its files are."""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from twoalike.study._config import Condition, StudyConfig
from twoalike.study._errors import TwoalikeError
from twoalike.study._outputs import check_readable
from twoalike.study._settings import load_toml

_TASK = re.compile(r"_task-([^_]+)_")
_OBJECTS = "stimuli.tsv"
"""Name of the list of stimuli, one object a row."""
_PRODUCTS = (
    *("choices", "arrangements", "ratings", "sortings"),
    *("posterior", "teacher", "student", "results", "report"),
)
"""Outputs of the stages, by the stem of their usual name in ``derived/``."""


def _check_name(what: str, name: str, names: Sequence[str], remedy: str) -> None:
    """Refuse a group, or a condition, that the study does not have."""
    if name not in names:
        expected = f"one of {', '.join(names)}" if names else f"no {what}"
        raise TwoalikeError(
            where=f"`{what}={name}`", expected=expected, found=repr(name), remedy=remedy
        )


@dataclass(frozen=True, repr=False)
class Study:
    """A study folder with its settings; every path of the layout is defined here, once.

    In a notebook it shows its tasks, objects, participants, sessions and what was computed so far.
    """

    root: Path
    config: StudyConfig
    group: str = ""
    """Group of people whose protocols hold; empty: the study's own protocols hold."""
    condition: str = ""
    """Condition that the session is in; empty: in none."""
    object_set: int = 0
    """Number of the participant's set of objects, from 1; with 0 all objects are shown."""
    task_order: tuple[str, ...] = ()
    condition_order: tuple[str, ...] = ()
    """``task_order``, ``condition_order``: Tasks of a sitting, and conditions, in the order of the
    participant; empty: in none."""

    @classmethod
    def load(cls, root: str | Path) -> "Study":
        """Open the study in ``root``."""
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

        study.toml may name two of them; that of another package is protocols/LABEL.toml.
        """
        named = {
            "oddoneout": self.config.protocol,
            "anchoredchoice": "protocols/anchored_choice.toml",
            "oddoneofmany": "protocols/odd_one_of_many.toml",
            "mostalikepair": "protocols/most_alike_pair.toml",
            "multiarrangement": self.config.arrangement_protocol,
            "pairrating": "protocols/pair_rating.toml",
            "freesorting": "protocols/free_sorting.toml",
        }
        return self.root / named.get(task, f"protocols/{task}.toml")

    def protocols_over(self, task: str) -> dict[str, Path]:
        """Files with the keys of a task's protocol (its BIDS label) that differ, by their role.

        Those of the study's group come first, then those of its condition.
        """
        own = self.own_condition
        files = {
            "protocol_of_group": self.config.groups.protocols.get(self.group, {}),
            "protocol_of_condition": own.protocols if own is not None else {},
        }
        return {
            role: self.root / file
            for role, named in files.items()
            for name, file in named.items()
            if name.replace("-", "") == task
        }

    @property
    def own_condition(self) -> Condition | None:
        """Settings of the condition that the session is in; None if it is in none."""
        return next((one for one in self.config.conditions if one.name == self.condition), None)

    @property
    def run(self) -> int:
        """Number of a run in its session: that of its condition in study.toml, else 1."""
        own = self.own_condition
        return 1 if own is None else 1 + self.config.conditions.index(own)

    def conditions_of(self, task: str) -> tuple[str, ...]:
        """Conditions of a task (its name), in the order of the participant."""
        named = {one.name: one.tasks for one in self.config.conditions}
        order = self.condition_order or tuple(named)
        return tuple(name for name in order if not named[name] or task in named[name])

    def for_group(self, group: str) -> "Study":
        """Return the study as a group of people does it."""
        remedy = "Groups are named in the table [groups] of study.toml."
        _check_name("group", group, self.config.groups.names, remedy)
        return replace(self, group=group)

    def in_condition(self, name: str) -> "Study":
        """Return the study in a condition, with the settings of the study."""
        names = [condition.name for condition in self.config.conditions]
        remedy = "Conditions are the tables [[conditions]] of study.toml."
        _check_name("condition", name, names, remedy)
        return replace(self, condition=name)

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
        name = f"sub-{participant}_ses-{session:02d}_task-{task}"
        run = f"_run-{self.run:02d}" if self.condition else ""
        return self.root / "design" / f"{name}{run}_trials.tsv"

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
