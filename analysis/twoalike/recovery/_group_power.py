"""How many people two groups need, for their comparison to find that they differ."""

from dataclasses import asdict, dataclass
from math import ceil, lcm
from pathlib import Path
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
import pandas as pd

from twoalike.design import study_with
from twoalike.embedding import FitConfig, compare_groups
from twoalike.recovery._planned import RANGES, VI_STEPS, Answer, Planned, Ranges, check_ranges
from twoalike.recovery._search import Difference, Share
from twoalike.recovery._simulate import (
    LEVEL,
    TESTS,
    WORLDS,
    GroupEffect,
    GroupTest,
    draw_world,
    fewest_people,
    most_like,
    unit_of,
)
from twoalike.study import Study, counted, one_of

FIT = FitConfig(quick=True, engine="vi", people="weights", steps=VI_STEPS, chains=2)
FEWEST = 6
"""Three people a group, which the comparison takes at least."""
PROBES = 10
"""Studies of a size while the neighbourhood of the answer is sought."""
_OF_EFFECT: Ranges = {
    **dict.fromkeys(("effect", "spread"), (lambda value: value > 0, "a number above 0")),
    "dimension": (lambda n: n >= 1, "a number from 1"),
}
_TESTS = {
    "all": "of all dimensions together",
    "dimension": "of any dimension",
    "pair": "of any pair of objects",
}


def group_power(
    study: Study | str | Path,
    *,
    effect: float = 0.8,
    spread: float = 0.4,
    dimension: int = 1,
    test: GroupTest = "all",
    studies: int = 40,
    trials_per_person: int | None = None,
    sampler: Literal["random", "coverage", "levels"] | None = None,
    observer: str | Path | None = None,
    accuracy: float = 0.69,
    people_differ: bool = True,
    assurance: float = 0.8,
    most_participants: int = 200,
    steps: int | None = None,
    seed: int | None = None,
) -> "GroupPowerResult":
    """Find how many participants a comparison of two groups needs, before anyone is invited.

    Whole studies of these objects are simulated as for :func:`power`, with two groups of the same
    size who weigh one dimension differently. Our fit with ``people="weights"`` and
    :func:`compare_groups` follow. The answer is the smallest number of people with which most
    studies find that the groups differ, at the 5 % level. Simulated studies are kept in
    ``derived/power/``, so that a call that was interrupted goes on, and another test, assurance or
    number of studies costs little more.

    Parameters
    ----------
    study
        The study, or its folder; objects that its design excludes are left out.
    effect
        Difference of the groups' mean log weights of one dimension, in standard deviations of
        people within groups, as a comparison of groups reports it; all other dimensions differ by
        an equal part of it in the other direction.
    spread
        Standard deviation of people's log weights within groups, that of every dimension.
    dimension
        Which dimension of the true space differs, 1 the one that matters most for similarities.
    test
        What is to differ: ``all`` dimensions taken together, any ``dimension``, or any ``pair`` of
        objects, the last two corrected for their number.
    studies
        Number of studies of the size that is recommended, each in a space of its own; sizes on the
        way have ten.
    trials_per_person, sampler, observer, accuracy, people_differ
        As for :func:`power`.
    assurance
        Share of studies that should find a difference.
    most_participants
        Where to give up; both groups together.
    steps
        Optimiser steps of each fit, 1,500 if None.
    seed
        Seed instead of one that follows from the study's.
    """
    check_ranges({"steps": steps}, {"steps": (lambda n: n >= 100, "a number from 100")})
    opened = study if isinstance(study, Study) else Study.load(study)
    return GroupPowerAnalysis(
        study=study_with(opened, seed=seed, sampler=sampler),
        observer=observer,
        effect=GroupEffect(effect=effect, spread=spread, dimension=dimension),
        test=test,
        studies=studies,
        trials_per_person=trials_per_person,
        accuracy=accuracy,
        people_differ=people_differ,
        assurance=assurance,
        most_participants=most_participants,
        fit=FIT.model_copy(update={"steps": steps or VI_STEPS}),
    ).run()


@dataclass(eq=False, kw_only=True)
class GroupPowerAnalysis(Planned):
    """A study of two groups to be sized; see :func:`group_power`.

    A simulated study has its number, p-values corrected for the number of dimensions and pairs, and
    the effect reported for the fitted dimension that is most like the one that differs.
    """

    kind = "group_power"
    study_kind = "simulated_group_study"
    file_name = "{}-people-in-groups_study-{}"
    ranges = RANGES | {
        "assurance": (lambda share: 0.2 <= share < 1, "a share from 0.2, below 1"),
        "studies": (lambda n: n >= 10, "a number from 10"),
    }

    effect: GroupEffect = GroupEffect()
    test: GroupTest = "all"
    studies: int = 40
    fit: FitConfig = FIT

    def __post_init__(self) -> None:
        one_of("test", self.test, TESTS)
        check_ranges(vars(self.effect), _OF_EFFECT)
        super().__post_init__()
        first = draw_world(self.source, self.seed, 0).observer.embedding
        self.effect.column(first)  # refuses a dimension that there is not
        self.dimensions = first.shape[1]

    @property
    def settings(self) -> dict[str, Any]:
        return asdict(self.effect)

    def _simulated(self, participants: int, number: int) -> dict[str, Any]:
        seeds = (self.seed, 6, number, participants)
        world = draw_world(self.source, self.seed, number)
        rng = np.random.default_rng([*seeds, 3])
        second = rng.permutation(np.arange(participants) % 2 == 1)
        weights = self.effect.draw(second, world.observer.embedding, rng)
        posterior, judgments, seed = self._fitted(world, participants, seeds, weights)
        names = ["second" if other else "first" for other in second]
        groups = {f"{person:03d}": name for person, name in enumerate(names, 1)}
        # Intervals are not asked for.
        result = compare_groups(posterior, groups, resamples=2, pairs=1, seed=seed)
        (found,) = result["differences"]
        like = most_like(world, self.effect.column(world.observer.embedding), posterior)
        sign = 1 if found["second"] == "second" else -1
        return {
            "study": number,
            "participants": participants,
            "judgments": judgments,
            "p_all": found["p"],
            "p_dimension": min(row["p"] for row in found["dimensions"]),
            "p_pair": min(row["p"] for row in found["pairs"]),
            "effect": sign * found["dimensions"][like]["effect"],
        }

    def run(self) -> "GroupPowerResult":
        """Find the size of study with which most studies find a difference."""
        bounds = {
            "start": two_sample_size(self.effect.effect, self.assurance),
            "fewest": max(FEWEST, fewest_people(self.planned, self.stimuli)),
            "unit": lcm(2, unit_of(self.planned)),
            "studies": self.studies,
            "probes": PROBES,
        }
        return GroupPowerResult(self, self._found(Difference(self.test), **bounds))


def two_sample_size(effect: float, power: float) -> int:
    """Give the people of two groups that a test of one mean takes, were weights known exactly."""
    normal = NormalDist()
    z = normal.inv_cdf(1 - LEVEL / 2) + normal.inv_cdf(power)
    return 2 * ceil(2 * (z / effect) ** 2)


@dataclass(frozen=True, eq=False)
class GroupPowerResult(Answer[GroupPowerAnalysis]):
    """How many participants, and why."""

    columns = (
        "all, dimension, pair: percentage of studies that differ at the 5 % level, with its 95 % "
        "interval, by the test of all dimensions together, of any dimension, of any pair of "
        "objects."
    )

    @property
    def power(self) -> Share:
        """Share of the simulated studies of the recommended size that find a difference."""
        return Difference(self.analysis.test).share(self.at_recommended)

    def table(self) -> pd.DataFrame:
        """Tabulate the simulated studies by size, as text."""
        rows = [
            {
                "people": f"2 × {of['participants'].iloc[0] // 2}",
                "judgments": f"{of['judgments'].iloc[0]:,}",
                "studies": str(len(of)),
            }
            | {test: str(Difference(test).share(of)) for test in TESTS}
            for _, of in self.found.studies.groupby("participants")
        ]
        return pd.DataFrame(rows)

    def answer(self) -> str:
        people = counted(self.found.participants // 2, "participant")
        judgments = self.at_recommended["judgments"].iloc[0]
        return (
            f"{people} in each of two groups × {counted(self.analysis.trials, 'trial')} "
            f"({judgments:,} judgments): {self.power} of such studies find a difference. "
            f"{self.session}"
        )

    def reasons(self) -> list[str]:
        config, found = self.analysis, self.found
        reported = self.at_recommended["effect"].mean()
        needed, people = found.needed, "differ" if config.people_differ else "are alike"
        return [
            f"Simulated at that size: {self.power.count} of {self.power.of} differ, by the test "
            f"{_TESTS[config.test]}. The curve through all sizes reaches {config.assurance:.0%} at "
            f"{needed.median:.0f} participants ({needed.low:.0f} to {needed.high:.0f}).",
            f"Assumed: dimension {config.effect.dimension} of {config.dimensions} differs by "
            f"{config.effect.effect:g} standard deviations of people within groups, reported as "
            f"{reported:.2f} on average; log weights of people vary by "
            f"{config.effect.spread:g}; {WORLDS[self.analysis.source.kind]}; people {people} in "
            "temperature and guesses.",
        ]

    def to_json(self) -> dict[str, Any]:
        """Give everything, JSON-ready."""
        config, found = self.analysis, self.found
        return self.analysis.about | {
            "assumptions": {
                "test": config.test,
                "level": LEVEL,
                "studies": config.studies,
                "assurance": config.assurance,
                "most_participants": config.most_participants,
            },
            "recommended": {
                "participants": found.participants,
                "per_group": found.participants // 2,
                "trials_per_person": self.analysis.trials,
                "judgments": int(self.at_recommended["judgments"].iloc[0]),
                **self.power.to_json(),
            },
            "needed": {"participants": asdict(found.needed)},
            "sizes": [
                {"participants": size}
                | {test: Difference(test).share(of).to_json() for test in TESTS}
                for size, of in found.studies.groupby("participants")
            ],
            "studies": found.studies.to_dict("records"),
        }
