"""How many participants a study needs: its objects, its design, simulated people, our own fit."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from twoalike.design import shown_objects, study_with
from twoalike.embedding import FitConfig
from twoalike.jobs import SlurmConfig
from twoalike.recovery._curve import LearningCurve, fit_curve
from twoalike.recovery._planned import VI_STEPS, Assumptions, Planned, check_range
from twoalike.recovery._search import FoundSize, SearchPlan, Target, find_size, make_target
from twoalike.recovery._simulate import Measure, Outcome, fewest_people, simulate_study, unit_of
from twoalike.recovery._world import CHANCE, WORLDS, World, draw_world
from twoalike.study import Study, TwoalikeError, counted

if TYPE_CHECKING:
    import pandas as pd

KIND = "power"
STUDY = "simulated_study"
PER_OBJECT = 10
"""Judgments an object that the search starts from."""
FIT = FitConfig(quick=True, engine="vi", steps=VI_STEPS)
_SESSIONS = (100, 200, 300, 500)
"""Main trials a person of other ways to collect the same."""


def power(
    study: Study | str | Path,
    *,
    target_information: float | None = None,
    target_regret: float | None = None,
    target_log_loss: float | None = None,
    target_width: float | None = None,
    trials_per_person: int | None = None,
    sampler: Literal["random", "coverage", "levels"] | None = None,
    observer: str | Path | None = None,
    accuracy: float = 0.69,
    people_differ: bool = True,
    worlds: int = 6,
    assurance: float = 0.8,
    most_participants: int = 200,
    engine: Literal["vi", "nuts", "auto"] = "vi",
    steps: int | None = None,
    seed: int | None = None,
    slurm: SlurmConfig | None = None,
) -> "PowerResult":
    """Find how many participants a study needs, before anyone is invited.

    Whole studies of these objects are simulated: trial lists of the study's design, people who
    answer from a space drawn at random, and our fit. Each is scored on new triplets against the
    true choice probabilities. The answer is the smallest number of participants with which most
    studies reach the target. Simulated studies are kept in ``derived/power/``, so that a call that
    was interrupted goes on.

    Parameters
    ----------
    study
        The study, or its folder; what its design excludes is left out.
    target_information
        Share of the attainable gain in log-loss over guessing to be reached, 0.9 by default.
    target_regret
        Instead: how much the log-loss on new triplets may exceed that of an observer who knows the
        truth, in nats.
    target_log_loss
        Instead: log-loss on new triplets, in nats; guessing has 1.099.
    target_width
        Instead: mean width of the 95 % intervals of choice probabilities.
    trials_per_person
        Main trials of each person; those of one session in study.toml if left out.
    sampler
        Use this sampler instead of the study's.
    observer
        The space of the simulated people: an observer (.npz), or the posterior (.nc) of a pilot, of
        which each draw is used. If left out, spaces are drawn at random: from the categories of the
        stimuli or, without categories, by giving each object some of many qualities.
    accuracy
        How predictable people are in a random space: the accuracy of an observer who knows it.
    people_differ
        Whether people differ in how noisy their choices are and in how often they guess (3 % on
        average). People excluded by attention checks do not count as participants.
    worlds
        Number of spaces to simulate.
    assurance
        Share of studies that should reach the target.
    most_participants
        Largest number of participants to try.
    engine
        Engine of the fits. ``vi``, stopped early, comes as close to the truth as ``nuts`` (which a
        fit uses for small studies) in a third of the time.
    steps
        Steps of each ``vi`` fit, 1,500 if left out; with fewer it is faster, but needs more people.
    seed
        Use this seed instead of one derived from the study's.
    slurm
        What each simulated study asks of a SLURM cluster, on which all studies of a step of the
        search then run at the same time; None: one after the other, in this process. The answer
        is the same.

    Raises
    ------
    TwoalikeError
        If an argument is out of range, the target is out of reach, or a job fails.
    KeyboardInterrupt
        On Ctrl-C; the studies that are done are kept.
    """
    if steps is not None and (engine != "vi" or steps < 100):
        raise TwoalikeError(
            f"`steps={steps}`: expected 100 or more, with `engine=vi`. Leave it out."
        )
    opened = study if isinstance(study, Study) else Study.load(study)
    vi_steps = steps or VI_STEPS if engine == "vi" else None
    config = PowerConfig(
        trials_per_person=trials_per_person,
        accuracy=accuracy,
        people_differ=people_differ,
        worlds=worlds,
        assurance=assurance,
        most_participants=most_participants,
        fit=FitConfig(quick=True, engine=engine, steps=vi_steps),
    )
    analysis = PowerAnalysis(study_with(opened, seed=seed, sampler=sampler), config, observer)
    target = make_target(
        analysis.oracle,
        information=target_information,
        regret=target_regret,
        log_loss=target_log_loss,
        width=target_width,
    )
    return analysis.run(target, slurm)


@dataclass(frozen=True, kw_only=True)
class PowerConfig(Assumptions):
    """Assumptions and assurance of a power analysis; see :func:`power`."""

    worlds: int = 6
    fit: FitConfig = FIT

    def __post_init__(self) -> None:
        super().__post_init__()
        check_range("worlds", self.worlds, self.worlds >= 2, "a number from 2")


@dataclass(eq=False)
class PowerAnalysis(Planned[PowerConfig]):
    """A study to be sized."""

    config: PowerConfig = field(default_factory=PowerConfig)

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
        return self.described(KIND)

    def simulate(
        self, wanted: Sequence[tuple[int, int]], slurm: SlurmConfig | None = None
    ) -> list[Outcome]:
        """Simulate studies, or read them from ``derived/power/`` where they were simulated before.

        Parameters
        ----------
        wanted
            Numbers of participants and of worlds.
        slurm
            What each study asks of a cluster; None: they are simulated in this process.
        """
        make = {
            f"{people}-people_world-{world}": partial(self.simulate_one, people, world)
            for people, world in wanted
        }
        sizes = " and ".join(f"{people:,}" for people in sorted({people for people, _ in wanted}))
        title = f"studies of {sizes} × {self.trials} trials"
        return self.outcomes(STUDY, Outcome, make, title, slurm)

    def simulate_one(self, participants: int, world: int, path: Path) -> None:
        """Simulate one study and write it."""
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
        self.write(STUDY, outcome, path)

    def run(self, target: Target, slurm: SlurmConfig | None = None) -> "PowerResult":
        """Find the size of study with which most studies reach the target.

        Raises
        ------
        TwoalikeError
            If the target is out of reach.
        KeyboardInterrupt
            On Ctrl-C; the studies that are done are kept.
        """
        m = len(shown_objects(self.stimuli, self.planned.config.design))
        trials = self.trials
        plan = SearchPlan(
            start=max(round(PER_OBJECT * m / trials), 1),
            fewest=fewest_people(self.planned, self.stimuli),
            most=self.config.most_participants,
            unit=unit_of(self.planned),
            worlds=self.config.worlds,
            assurance=self.config.assurance,
        )
        found = find_size(partial(self.simulate, slurm=slurm), target, plan, self.seed)
        return PowerResult(self, target, found)


@dataclass(frozen=True, eq=False)
class PowerResult:
    """How many participants, and why."""

    analysis: PowerAnalysis
    """What was simulated."""
    target: Target
    """What was to be reached."""
    found: FoundSize
    """The size."""

    @property
    def trials(self) -> int:
        """Main trials a person."""
        return self.analysis.trials

    @property
    def at_recommended(self) -> list[Outcome]:
        """Simulated studies of the recommended size."""
        return [o for o in self.found.outcomes if o.participants == self.found.participants]

    @property
    def n_reached(self) -> int:
        """How many of them reach the target."""
        value = self.target.value
        return sum(o.value(self.target.measure) <= value for o in self.at_recommended)

    def curve(self, measure: Measure) -> LearningCurve:
        """Learning curve of one of the measures."""
        if measure == self.target.measure:
            return self.found.curve
        rng = np.random.default_rng([self.analysis.seed, 5])
        return fit_curve(self.found.outcomes, measure, rng)

    def splits(self, trials: Sequence[int]) -> list[tuple[int, int]]:
        """Other ways to the same number of judgments: participants, trials a person."""
        design = self.analysis.planned.config.design
        unit, share = unit_of(self.analysis.planned), 1 + design.repeats / design.trials
        people = [-(-self.found.judgments // (t * share * unit)) * unit for t in trials]
        return [(max(int(n), unit), t) for n, t in zip(people, trials, strict=True)]

    def table(self) -> "pd.DataFrame":
        """Tabulate the simulated studies by size, as text.

        Returns
        -------
        Columns ``people``, ``judgments``; ``regret``: log-loss on new triplets above the truth's,
        nats, mean and range; ``known``: share of the truth's gain over guessing that is reached;
        ``width`` of the 95 % intervals of choice probabilities; ``hold``: share of the truth
        inside them; ``reached``: how many reach the target.
        """
        import pandas as pd

        sizes = sorted({outcome.participants for outcome in self.found.outcomes})
        return pd.DataFrame([self._row(size) for size in sizes])

    def _row(self, size: int) -> dict[str, str]:
        found = [outcome for outcome in self.found.outcomes if outcome.participants == size]
        regret = np.array([outcome.regret for outcome in found])
        known = 1 - regret.mean() / (CHANCE - np.mean([outcome.oracle for outcome in found]))
        values = [outcome.value(self.target.measure) for outcome in found]
        return {
            "people": str(size),
            "judgments": f"{found[0].judgments:,}",
            "regret": f"{regret.mean():.3f} ({regret.min():.3f}-{regret.max():.3f})",
            "known": f"{known:.0%}",
            "width": f"{np.mean([outcome.width for outcome in found]):.3f}",
            "hold": f"{np.mean([outcome.coverage for outcome in found]):.0%}",
            "reached": f"{sum(value <= self.target.value for value in values)} of {len(found)}",
        }

    def answer(self) -> str:
        """Name the size, and the time that a session takes."""
        from twoalike.planning import first_session_duration

        planned, stimuli = self.analysis.planned, self.analysis.stimuli
        people = counted(self.found.participants, "participant")
        return (
            f"{people} × {counted(self.trials, 'trial')} "
            f"({self.at_recommended[0].judgments:,} judgments) for {self.target.words}. A session "
            "takes four people out of five "
            f"{first_session_duration(planned, stimuli, 'odd-one-out')}."
        )

    def reasons(self) -> list[str]:
        """Give what the answer rests on, and other ways to the same number of judgments."""
        config, found = self.analysis.config, self.found
        low, high = found.curve.size_interval(self.target.value)
        half = found.curve.size_at(self.target.value)
        others = ", ".join(f"{people} × {trials}" for people, trials in self.splits(_SESSIONS))
        people = "people differ" if config.people_differ else "people are alike"
        lines = [
            f"Simulated at that size: {self.n_reached} of {len(self.at_recommended)} reach it. "
            f"{found.judgments:,.0f} judgments are enough for {config.assurance:.0%} of studies, "
            f"{half:,.0f} ({low:,.0f} to {high:,.0f}) for half of them.",
            f"About as good, participants × trials: {others}.",
            f"Assumed: {WORLDS[self.analysis.source.kind]}, log-loss of one who knows it "
            f"{self.analysis.oracle:.3f}; {people}; fits by {config.fit.engine}.",
        ]
        doubtful = sum(not outcome.converged for outcome in found.outcomes)
        if doubtful:
            which = f"{counted(doubtful, 'fit')} of {len(found.outcomes)}"
            lines.append(f"{which} had not converged: their scores count as they are.")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Give everything, JSON-ready."""
        config, target, found = self.analysis.config, self.target, self.found
        low, high = found.curve.size_interval(target.value)
        at = self.at_recommended
        return self.analysis.about | {
            "assumptions": {
                "worlds": config.worlds,
                "assurance": config.assurance,
                "most_participants": config.most_participants,
                "oracle_log_loss": self.analysis.oracle,
                "chance_log_loss": CHANCE,
            },
            "target": asdict(target),
            "recommended": {
                "participants": found.participants,
                "trials_per_person": self.trials,
                "judgments": at[0].judgments,
                "reached": self.n_reached,
                "simulated": len(at),
            },
            "needed": {
                "judgments_assured": found.judgments,
                "judgments_half": {
                    "value": found.curve.size_at(target.value),
                    "low": low,
                    "high": high,
                },
            },
            "curves": {measure: self.curve(measure).to_json() for measure in ("regret", "width")},
            "studies": [outcome.to_json() for outcome in found.outcomes],
        }

    def _repr_html_(self) -> str:
        from html import escape

        lines = "".join(f"<p>{escape(line)}</p>" for line in (self.answer(), *self.reasons()))
        return f"{self.table().to_html(index=False)}{lines}"
