"""The power analysis of a study: its objects, its design, simulated people, our own fit."""

import hashlib
import json
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.design import shown_objects
from twoalike.embedding import FitConfig
from twoalike.recovery._collect import fewest_people, planned_study, unit_of
from twoalike.recovery._outcome import Outcome, simulate_study
from twoalike.recovery._result import PowerResult
from twoalike.recovery._search import SearchPlan, find_size
from twoalike.recovery._target import Target, make_target
from twoalike.recovery._world import World, WorldSource, draw_world, world_source
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import (
    SAFE_SEED,
    Study,
    TwoalikeError,
    progress,
    provenance,
    read_json,
    write_json,
)

KIND = "power"
PER_OBJECT = 10
"""Judgments an object that the search starts from."""
VI_STEPS = 1_500
"""With the 3,000 that ``vi`` takes by default, single fits of few judgments lose dimensions that
``nuts`` keeps: six studies of 30 objects and 1,200 judgments had .051 nats above the truth with
3,000, .042 with 1,500 and .042 with ``nuts``, which takes three times as long."""
FIT = FitConfig(engine="vi", steps=VI_STEPS)


@dataclass(frozen=True, kw_only=True)
class PowerConfig:
    """What is assumed and asked for.

    Attributes
    ----------
    trials
        Main trials a person; None: those of a session of the study.
    accuracy
        Accuracy of somebody who knows the space of a drawn world.
    people_differ
        Whether people differ in temperature and share of guesses.
    worlds
        Simulated worlds, 2 or more.
    assurance
        Share of studies to come that should reach the target.
    most
        Most participants.
    fit
        Settings of the fit.
    """

    trials: int | None = None
    accuracy: float = 0.69
    people_differ: bool = True
    worlds: int = 6
    assurance: float = 0.8
    most: int = 200
    fit: FitConfig = FIT

    def __post_init__(self) -> None:
        for option, value, fits, wanted in (
            ("--trials-per-person", self.trials, (self.trials or 0) >= 1, "a number from 1"),
            ("--accuracy", self.accuracy, 1 / 3 < self.accuracy < 1, "a share above 1/3, below 1"),
            ("--worlds", self.worlds, self.worlds >= 2, "a number from 2"),
            ("--assurance", self.assurance, 0 < self.assurance < 1, "a share between 0 and 1"),
            ("--most-participants", self.most, self.most >= 1, "a number from 1"),
        ):
            if value is not None and not fits:
                raise TwoalikeError(f"{option} {value:g}: expected {wanted}.")


@dataclass(eq=False)
class PowerAnalysis:
    """A study to be sized.

    Attributes
    ----------
    study
        The study; its seed seeds everything.
    config
        Assumptions.
    observer
        Observer (.npz) or posterior (.nc) that worlds come from, if any.
    """

    study: Study
    config: PowerConfig = field(default_factory=PowerConfig)
    observer: Path | None = None

    def __post_init__(self) -> None:
        trials = self.config.trials or self.study.config.design.trials
        self.planned = planned_study(self.study, trials)
        self.stimuli = StimulusSet.load(self.study.stimuli, verify=False)
        self.source: WorldSource = world_source(
            self.planned, self.stimuli, self.observer, self.config.accuracy
        )

    @property
    def seed(self) -> int:
        """Seed of the simulations: the study's if it is small, otherwise derived from it.

        ``power.json`` is published with the plan of a study; a large seed is kept private.
        """
        seed = self.study.config.seed
        if seed < SAFE_SEED:
            return seed
        return int(np.random.SeedSequence(seed).generate_state(1, np.uint32)[0])

    @cached_property
    def worlds(self) -> list[World]:
        """The worlds that are simulated."""
        return [draw_world(self.source, self.seed, k) for k in range(self.config.worlds)]

    @property
    def oracle(self) -> float:
        """Mean log-loss of one who knows the truth, nats."""
        return float(np.mean([world.oracle for world in self.worlds]))

    @cached_property
    def about(self) -> dict[str, Any]:
        """Provenance: all that a simulated study depends on but its size and world."""
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
        return provenance(KIND, seed=self.seed, inputs=inputs, config=config)

    def simulate(self, participants: int, world: int) -> Outcome:
        """Simulate a study, or read it from ``derived/power/`` where it was simulated before."""
        path = self._kept(participants, world)
        if path.is_file():
            return Outcome(**read_json(path, "simulated_study")["outcome"])
        outcome = simulate_study(
            self.planned,
            self.stimuli,
            self.worlds[world],
            world,
            participants,
            self.seed,
            self.config.fit,
            people_differ=self.config.people_differ,
        )
        write_json(path, self.about | {"kind": "simulated_study", "outcome": asdict(outcome)})
        return outcome

    def _kept(self, participants: int, world: int) -> Path:
        digest = hashlib.sha256(json.dumps(self.about, sort_keys=True).encode()).hexdigest()[:12]
        return self.study.derived / "power" / digest / f"{participants}-people_world-{world}.json"

    def run(self, target: Target) -> PowerResult:
        """Find the size of study with which most studies reach the target.

        Raises
        ------
        TwoalikeError
            If the target is out of reach.
        KeyboardInterrupt
            On Ctrl-C; the studies that are done are kept.
        """
        m = len(shown_objects(self.stimuli, self.planned.config.design))
        trials = self.planned.config.design.trials
        plan = SearchPlan(
            start=max(round(PER_OBJECT * m / trials), 1),
            fewest=fewest_people(self.planned, self.stimuli),
            most=self.config.most,
            unit=unit_of(self.planned),
            worlds=self.config.worlds,
            assurance=self.config.assurance,
        )
        try:
            with progress() as bar:
                task = bar.add_task("simulated studies", total=None, status="")

                def simulate(participants: int, world: int) -> Outcome:
                    said = f"{participants} × {trials} trials, world {world + 1} of {plan.worlds}"
                    bar.update(task, status=said)
                    outcome = self.simulate(participants, world)
                    bar.update(task, advance=1)
                    return outcome

                found = find_size(simulate, target, plan, self.seed)
        except KeyboardInterrupt as interrupt:
            raise KeyboardInterrupt(
                "the simulated studies that are done are kept, the same command goes on"
            ) from interrupt
        return PowerResult(self, target, found)

    def target(
        self,
        *,
        information: float | None = None,
        regret: float | None = None,
        log_loss: float | None = None,
        width: float | None = None,
    ) -> Target:
        """Give the target that was asked for; see :func:`make_target`."""
        return make_target(
            self.oracle, information=information, regret=regret, log_loss=log_loss, width=width
        )
