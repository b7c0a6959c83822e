"""How many participants a study needs: its objects, its design, simulated people, our own fit."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from twoalike.design import shown_objects, study_with
from twoalike.embedding import WIDTHS, FitConfig
from twoalike.recovery._planned import VI_STEPS, Answer, Planned
from twoalike.recovery._search import STEP, LearningCurve, Target, make_target
from twoalike.recovery._simulate import (
    CHANCE,
    WORLDS,
    Measure,
    World,
    draw_world,
    score,
    unit_of,
)
from twoalike.study import Study, TwoalikeError, counted

PER_OBJECT = 10
"""Judgments an object that the search starts from."""
PROBES = 2
"""Worlds in which a size is tried while the target's neighbourhood is sought."""
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
    engine: Literal["auto", "nuts", "vi"] = "vi",
    steps: int | None = None,
    seed: int | None = None,
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

    Raises
    ------
    TwoalikeError
        If an argument is out of range, the target is out of reach, or a job fails; studies that
        are done are kept.
    """
    if steps is not None and (engine != "vi" or steps < 100):
        raise TwoalikeError(
            f"`steps={steps}`: expected 100 or more, with `engine=vi`. Leave it out."
        )
    opened = study if isinstance(study, Study) else Study.load(study)
    analysis = PowerAnalysis(
        study=study_with(opened, seed=seed, sampler=sampler),
        observer=observer,
        trials_per_person=trials_per_person,
        accuracy=accuracy,
        people_differ=people_differ,
        worlds=worlds,
        assurance=assurance,
        most_participants=most_participants,
        fit=FIT.model_copy(
            update={"engine": engine, "steps": steps or VI_STEPS if engine == "vi" else None}
        ),
    )
    target = make_target(
        analysis.oracle,
        information=target_information,
        regret=target_regret,
        log_loss=target_log_loss,
        width=target_width,
    )
    return analysis.run(target)


@dataclass(eq=False, kw_only=True)
class PowerAnalysis(Planned):
    """A study to be sized, in ``worlds``; see :func:`power`.

    A simulated study has the number of its ``world``, what :func:`score` finds, the ``oracle``'s
    log-loss, in nats, and whether the fit ``converged``.
    """

    kind = "power"
    study_kind = "simulated_study"
    file_name = "{}-people_world-{}"

    worlds: int = 6
    fit: FitConfig = FIT

    @cached_property
    def drawn(self) -> list[World]:
        """The worlds that are simulated."""
        return [draw_world(self.source, self.seed, k) for k in range(self.worlds)]

    @property
    def stop(self) -> dict[str, float]:
        """Limits of the rule ``[stop]`` of study.toml, by name; people here are in no groups."""
        limits = self.study.config.stop.limits
        return {name: limit for name, limit in limits.items() if name != "group_interval"}

    @property
    def settings(self) -> dict[str, Any]:
        return {"stop": [*self.stop]} if self.stop else {}

    @property
    def oracle(self) -> float:
        """Mean log-loss of one who knows the truth, nats."""
        return float(np.mean([world.oracle for world in self.drawn]))

    def _simulated(self, participants: int, number: int) -> dict[str, Any]:
        world, seeds = self.drawn[number], (self.seed, 3, number, participants)
        posterior, judgments, _ = self._fitted(world, participants, seeds)
        return {
            "world": number,
            "participants": participants,
            "judgments": judgments,
            **score(posterior, world),
            **{name: WIDTHS[name](posterior) for name in self.stop},
            "oracle": world.oracle,
            "converged": bool(posterior.verdict.predictions),
        }

    def run(self, target: Target) -> "PowerResult":
        """Find the size of study with which most studies reach the target."""
        m = len(shown_objects(self.stimuli, self.planned.config.design))
        start = max(round(PER_OBJECT * m / self.trials), 1)
        bounds = {"start": start, "studies": self.worlds, "probes": PROBES}
        return PowerResult(self, self._found(target, **bounds), target)


_HALF = "{value:,.0f} ({low:,.0f} to {high:,.0f})"


def _half(curve: LearningCurve, value: float) -> dict[str, float]:
    """Judgments with which half of such studies come to a value, with the interval."""
    low, high = curve.size_interval(value)
    return {"value": curve.size_at(value), "low": low, "high": high}


@dataclass(frozen=True, eq=False)
class PowerResult(Answer[PowerAnalysis]):
    """How many participants reach the target, and why."""

    columns = (
        "regret: log-loss on new triplets minus that of an observer who knows the truth, in nats; "
        "known: share of that observer's gain over guessing; width: mean width of the 95 % "
        "intervals of choice probabilities; hold: share of the true probabilities inside them."
    )
    target: Target

    @property
    def judgments(self) -> float:
        """Judgments with which the share asked for of studies to come reaches the target."""
        people, needed = self.found.participants, self.found.needed.median
        if needed < people / STEP:  # studies of smaller sizes speak against the curve
            needed = people
        return float(needed * self.at_recommended["judgments"].iloc[0] / people)

    def curve(self, measure: Measure) -> LearningCurve:
        """Learning curve of one of the measures."""
        return replace(self.target, measure=measure).curve(self.found.studies)

    @property
    def stopping(self) -> dict[str, Any]:
        """Rule of study.toml, and judgments at which half of such studies stop; none without."""
        if not (limits := self.analysis.stop):
            return {}
        studies = self.found.studies
        largest = (studies[[*limits]] / pd.Series(limits)).max(axis=1)  # 1 where a study ends
        curve = replace(self.target, measure="width").curve(studies.assign(width=largest))
        return {**limits, "judgments": _half(curve, 1.0)}

    def splits(self, trials: Sequence[int]) -> list[tuple[int, int]]:
        """Other ways to the same number of judgments: participants, trials a person."""
        design = self.analysis.planned.config.design
        unit, share = unit_of(self.analysis.planned), 1 + design.repeats / design.trials
        people = [-(-self.judgments // (t * share * unit)) * unit for t in trials]
        return [(max(int(n), unit), t) for n, t in zip(people, trials, strict=True)]

    def table(self) -> pd.DataFrame:
        """Tabulate the simulated studies by size, as text."""
        rows = []
        for size, of in self.found.studies.groupby("participants"):
            regret = of["regret"]
            known = 1 - regret.mean() / (CHANCE - of["oracle"].mean())
            row = {
                "people": str(size),
                "judgments": f"{of['judgments'].iloc[0]:,}",
                "regret": f"{regret.mean():.3f} ({regret.min():.3f}-{regret.max():.3f})",
                "known": f"{known:.0%}",
                "width": f"{of['width'].mean():.3f}",
                "hold": f"{of['coverage'].mean():.0%}",
                "reached": f"{self.target.reached(of)} of {len(of)}",
            }
            rows.append(row)
        return pd.DataFrame(rows)

    def answer(self) -> str:
        people = counted(self.found.participants, "participant")
        judgments = self.at_recommended["judgments"].iloc[0]
        return (
            f"{people} × {counted(self.analysis.trials, 'trial')} "
            f"({judgments:,} judgments) for {self.target.words}. "
            f"{self.session}"
        )

    def reasons(self) -> list[str]:
        config, studies, at = self.analysis, self.found.studies, self.at_recommended
        half = _half(self.curve(self.target.measure), self.target.value)
        others = ", ".join(f"{people} × {trials}" for people, trials in self.splits(_SESSIONS))
        people = "people differ" if config.people_differ else "people are alike"
        lines = [
            f"Simulated at that size: {self.target.reached(at)} of {len(at)} reach it. "
            f"{self.judgments:,.0f} judgments are enough for {config.assurance:.0%} of studies, "
            f"{_HALF.format(**half)} for half of them.",
            f"About as good, participants × trials: {others}.",
            f"Assumed: {WORLDS[self.analysis.source.kind]}, log-loss of one who knows it "
            f"{self.analysis.oracle:.3f}; {people}; fits by {config.fit.engine}.",
        ]
        if stop := self.stopping:
            ends = _HALF.format(**stop["judgments"])
            rule = " and ".join(f"{name} = {limit:g}" for name, limit in config.stop.items())
            lines.append(f"[stop] {rule} is expected to end half of them by {ends} judgments.")
        if config.study.config.stop.group_interval is not None:
            lines.append("[stop] group_interval is not simulated.")
        if doubtful := int((~studies["converged"]).sum()):
            which = f"{counted(doubtful, 'fit')} of {len(studies)}"
            lines.append(f"{which} had not converged: their scores count as they are.")
        return lines

    def to_json(self) -> dict[str, Any]:
        """Give everything, JSON-ready."""
        config, target, found = self.analysis, self.target, self.found
        at = self.at_recommended
        studies = found.studies.assign(log_loss=found.studies["oracle"] + found.studies["regret"])
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
                "trials_per_person": self.analysis.trials,
                "judgments": int(at["judgments"].iloc[0]),
                "reached": target.reached(at),
                "simulated": len(at),
            },
            "needed": {
                "judgments_assured": self.judgments,
                "judgments_half": _half(self.curve(target.measure), target.value),
            },
            "stop": self.stopping,
            "curves": {measure: self.curve(measure).to_json() for measure in ("regret", "width")},
            "studies": studies.to_dict("records"),
        }
