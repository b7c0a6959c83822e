"""A study to be simulated: its design, what is assumed of people, and what was simulated before."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from html import escape
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from twoalike.embedding import FitConfig, Posterior, fit_embedding
from twoalike.recovery._search import FoundSize, SearchPlan, Wanted, find_size
from twoalike.recovery._simulate import (
    World,
    WorldSource,
    collect,
    fewest_people,
    planned_study,
    unit_of,
    world_source,
)
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import (
    SAFE_SEED,
    Floats,
    Study,
    TwoalikeError,
    progress,
    provenance,
    read_json,
    write_json,
)

VI_STEPS = 1_500
"""With the 3,000 that ``vi`` takes by default, single fits of few judgments lose dimensions that
``nuts`` keeps: six studies of 30 objects and 1,200 judgments had .051 nats above the truth with
3,000, .042 with 1,500 and .042 with ``nuts``, which takes three times as long."""


type Ranges = dict[str, tuple[Callable[[Any], bool], str]]
RANGES: Ranges = {
    "trials_per_person": (lambda n: n >= 1, "a number from 1"),
    "accuracy": (lambda share: 1 / 3 < share < 1, "a share above 1/3, below 1"),
    "assurance": (lambda share: 0 < share < 1, "a share between 0 and 1"),
    "most_participants": (lambda n: n >= 1, "a number from 1"),
    "worlds": (lambda n: n >= 2, "a number from 2"),
}
"""What settings have to be: whether a value is, and in words."""


def check_ranges(settings: Mapping[str, Any], ranges: Ranges = RANGES) -> None:
    """Refuse a setting that is given and out of range."""
    for name, (fits, wanted) in ranges.items():
        if (value := settings.get(name)) is not None and not fits(value):
            raise TwoalikeError(where=f"`{name}={value:g}`", expected=wanted)


@dataclass(eq=False, kw_only=True)
class Planned(ABC):
    """A study, what is assumed of it, and its simulations in ``derived/power/``.

    ``kind``, ``study_kind`` and ``file_name`` are what the results and a simulated study are, and
    its file by participants and number. The seed of the study seeds everything; worlds come from
    the ``observer`` (.npz) or posterior (.nc), if there is one.
    """

    kind: ClassVar[str]
    study_kind: ClassVar[str]
    file_name: ClassVar[str]
    ranges: ClassVar[Ranges] = RANGES

    study: Study
    observer: str | Path | None = None
    trials_per_person: int | None = None
    accuracy: float = 0.69
    people_differ: bool = True
    assurance: float = 0.8
    most_participants: int = 200
    fit: FitConfig

    def __post_init__(self) -> None:
        check_ranges(vars(self), self.ranges)
        trials = self.trials_per_person or self.study.config.design.trials
        self.planned = planned_study(self.study, trials)
        self.stimuli = StimulusSet.load(self.study.stimuli, verify=False)
        self.source: WorldSource = world_source(
            self.planned, self.stimuli, self.observer, self.accuracy
        )

    @property
    def trials(self) -> int:
        return self.planned.config.design.trials

    @property
    def seed(self) -> int:
        """Seed of the simulations: the study's if it is small, otherwise derived from it.

        The result is published with the plan of a study; a large seed is kept private.
        """
        seed = self.study.config.seed
        if seed < SAFE_SEED:
            return seed
        return int(np.random.SeedSequence(seed).generate_state(1, np.uint32)[0])

    @property
    @abstractmethod
    def settings(self) -> dict[str, Any]:
        """What its simulated studies depend on beside what is common to all analyses."""

    @cached_property
    def about(self) -> dict[str, Any]:
        """Provenance: all that a simulated study depends on but its size and number."""
        inputs = {"stimuli": self.study.stimuli / MANIFEST}
        if self.source.path is not None:
            inputs["observer"] = self.source.path
        config = {
            "design": self.planned.config.design.model_dump(mode="json"),
            "worlds_from": self.source.kind,
            "accuracy": self.accuracy,
            "people_differ": self.people_differ,
            "fit": self.fit.model_dump(mode="json", exclude={"seed"}),
        }
        return provenance(self.kind, seed=self.seed, inputs=inputs, config=config | self.settings)

    def simulate(self, participants: int, number: int) -> pd.DataFrame:
        """Simulate the first studies of a size, or read them in ``derived/power/``: a row each."""
        digest = hashlib.sha256(json.dumps(self.about, sort_keys=True).encode()).hexdigest()[:12]
        folder = self.study.derived / "power" / digest
        paths = [folder / f"{self.file_name.format(participants, k)}.json" for k in range(number)]
        title = f"studies of {participants:,} × {self.trials} trials"
        try:
            with progress() as bar:
                shown = bar.add_task(title, total=number, status="")
                for one, path in enumerate(paths):
                    if not path.exists():
                        outcome = self._simulated(participants, one)
                        write_json(path, self.about | {"kind": self.study_kind, "outcome": outcome})
                    bar.update(shown, advance=1)
        except KeyboardInterrupt as interrupt:
            kept = "what is done is kept, the same command goes on"
            raise KeyboardInterrupt(kept) from interrupt
        return pd.DataFrame([read_json(path, self.study_kind)["outcome"] for path in paths])

    @abstractmethod
    def _simulated(self, participants: int, number: int) -> dict[str, Any]:
        """Simulate one study: its number, ``participants``, ``judgments``, and its outcome."""

    def _fitted(
        self,
        world: World,
        participants: int,
        seeds: tuple[int, ...],
        log_weight: Floats | None = None,
    ) -> tuple[Posterior, int, int]:
        """Fit of a simulated study, its judgments and its seed; what fails names the study."""
        choices = collect(
            self.planned,
            self.stimuli,
            world,
            participants,
            seeds,
            people_differ=self.people_differ,
            log_weight=log_weight,
        )
        seed = int(np.random.SeedSequence(seeds).generate_state(1)[0])
        try:
            config = self.fit.model_copy(update={"seed": seed})
            return fit_embedding(choices, config=config), len(choices), seed
        except TwoalikeError as error:
            where = f"simulated study of {participants} participants, number {seeds[2]}"
            raise TwoalikeError(f"{where}: {error}") from error

    def _found(self, wanted: Wanted, **bounds: int) -> FoundSize:
        """Find the size; ``bounds`` are those of the search that the design does not give."""
        least = fewest_people(self.planned, self.stimuli)
        bounds = {"fewest": least, "unit": unit_of(self.planned), **bounds}
        plan = SearchPlan(most=self.most_participants, assurance=self.assurance, **bounds)
        return find_size(self.simulate, wanted, plan)


@dataclass(frozen=True, eq=False)
class Answer[A: Planned](ABC):
    """How many participants, and why."""

    columns: ClassVar[str]
    """What the columns of :meth:`table` hold."""

    analysis: A
    found: FoundSize

    @property
    def at_recommended(self) -> pd.DataFrame:
        """Simulated studies of the recommended size."""
        studies = self.found.studies
        return studies[studies["participants"] == self.found.participants]

    @property
    def session(self) -> str:
        """Say how long a session takes."""
        from twoalike.planning import first_session_duration

        planned, stimuli = self.analysis.planned, self.analysis.stimuli
        took = first_session_duration(planned, stimuli, "odd-one-out")
        return f"A session takes four people out of five {took}."

    @abstractmethod
    def table(self) -> pd.DataFrame:
        """Tabulate the simulated studies by size, as text."""

    @abstractmethod
    def answer(self) -> str:
        """Name the size, and the time that a session takes."""

    @abstractmethod
    def reasons(self) -> list[str]:
        """Give what the answer rests on."""

    def _repr_html_(self) -> str:
        lines = "".join(f"<p>{escape(line)}</p>" for line in (self.answer(), *self.reasons()))
        return f"{self.table().to_html(index=False)}{lines}"
