"""A study to be simulated: its design, what is assumed of people, and what was simulated before."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.embedding import FitConfig
from twoalike.jobs import SlurmConfig, Task, run_tasks
from twoalike.recovery._simulate import planned_study
from twoalike.recovery._world import WorldSource, world_source
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import SAFE_SEED, Study, TwoalikeError, provenance, read_json, write_json

VI_STEPS = 1_500
"""With the 3,000 that ``vi`` takes by default, single fits of few judgments lose dimensions that
``nuts`` keeps: six studies of 30 objects and 1,200 judgments had .051 nats above the truth with
3,000, .042 with 1,500 and .042 with ``nuts``, which takes three times as long."""


def check_range(name: str, value: float | None, fits: bool, wanted: str) -> None:
    """Refuse a setting that is given and out of range."""
    if value is not None and not fits:
        raise TwoalikeError(where=f"`{name}={value:g}`", expected=wanted)


@dataclass(frozen=True, kw_only=True)
class Assumptions:
    """What every power analysis assumes, and with what assurance it answers."""

    trials_per_person: int | None = None
    accuracy: float = 0.69
    people_differ: bool = True
    assurance: float = 0.8
    most_participants: int = 200
    fit: FitConfig

    def __post_init__(self) -> None:
        trials, most = self.trials_per_person, self.most_participants
        accuracy, assurance = self.accuracy, self.assurance
        check_range("trials_per_person", trials, (trials or 0) >= 1, "a number from 1")
        within = 1 / 3 < accuracy < 1
        check_range("accuracy", accuracy, within, "a share above 1/3, below 1")
        check_range("assurance", assurance, 0 < assurance < 1, "a share between 0 and 1")
        check_range("most_participants", most, most >= 1, "a number from 1")


@dataclass(eq=False)
class Planned[C: Assumptions](ABC):
    """A study, the worlds that it may meet, and its simulations in ``derived/power/``."""

    study: Study
    """The study; its seed seeds everything."""
    config: C
    """Assumptions."""
    observer: str | Path | None = None
    """Observer (.npz) or posterior (.nc) that worlds come from, if any."""

    def __post_init__(self) -> None:
        trials = self.config.trials_per_person or self.study.config.design.trials
        self.planned = planned_study(self.study, trials)
        self.stimuli = StimulusSet.load(self.study.stimuli, verify=False)
        self.source: WorldSource = world_source(
            self.planned, self.stimuli, self.observer, self.config.accuracy
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was made from: a job makes the rest, which may be large, anew."""
        return type(self), (self.study, self.config, self.observer)

    @property
    def trials(self) -> int:
        """Main trials a person."""
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
    def about(self) -> dict[str, Any]:
        """Provenance: all that a simulated study depends on but its size and number."""

    def described(self, kind: str, **more: Any) -> dict[str, Any]:
        """Give the provenance of what is common to all analyses, and of ``more`` settings."""
        inputs = {"stimuli": self.study.stimuli / MANIFEST}
        if self.source.path is not None:
            inputs["observer"] = self.source.path
        config = {
            "design": self.planned.config.design.model_dump(mode="json"),
            "worlds_from": self.source.kind,
            "accuracy": self.config.accuracy,
            "people_differ": self.config.people_differ,
            "fit": self.config.fit.model_dump(mode="json", exclude={"seed"}),
        }
        return provenance(kind, seed=self.seed, inputs=inputs, config=config | more)

    def outcomes[O](
        self,
        kind: str,
        outcome: type[O],
        make: Mapping[str, Callable[[Path], object]],
        title: str,
        slurm: SlurmConfig | None = None,
    ) -> list[O]:
        """Read outcomes from their files; those that are missing are simulated first."""
        digest = hashlib.sha256(json.dumps(self.about, sort_keys=True).encode()).hexdigest()[:12]
        folder = self.study.derived / "power" / digest
        tasks = [Task(folder / f"{name}.json", one) for name, one in make.items()]
        run_tasks(tasks, slurm=slurm, folder=folder / "slurm", title=title)
        return [outcome(**read_json(task.output, kind)["outcome"]) for task in tasks]

    def write(self, kind: str, outcome: Any, path: Path) -> None:
        """Write the outcome, a dataclass, of one simulated study."""
        write_json(path, self.about | {"kind": kind, "outcome": asdict(outcome)})
