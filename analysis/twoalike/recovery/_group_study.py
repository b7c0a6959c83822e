"""One simulated study of two groups: people who weigh the dimensions, the fit, and the test.

Log weights of people are normal and sum to zero over the dimensions, as in the model. The second
group weighs one dimension more and all others a little less, so that the sums stay zero and the
difference, in standard deviations of people within groups, is the effect that was asked for.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from twoalike.embedding import FitConfig, Posterior, compare_groups, fit_embedding, importance
from twoalike.recovery._simulate import collect
from twoalike.recovery._world import World
from twoalike.stimuli import StimulusSet
from twoalike.study import Booleans, Floats, Study, TwoalikeError

LEVEL = 0.05
"""Of the tests."""

type GroupTest = Literal["all", "dimension", "pair"]
"""Of all dimensions together, of any dimension, of any pair of objects."""
TESTS: tuple[GroupTest, ...] = get_args(GroupTest.__value__)


@dataclass(frozen=True, kw_only=True)
class GroupEffect:
    """How people, and two groups of them, differ in weights."""

    effect: float
    """Difference of the groups' mean log weights, in standard deviations within groups."""
    spread: float
    """Standard deviation of a person's log weights, before they are made to sum to zero."""
    dimension: int
    """Which dimension differs, 1 the one that matters most for similarities."""

    def column(self, embedding: Floats) -> int:
        """Find the column of the dimension in an embedding, (m, D).

        Raises
        ------
        TwoalikeError
            If it has fewer dimensions, or only one.
        """
        d = embedding.shape[1]
        if d < max(self.dimension, 2):
            raise TwoalikeError(
                where=f"`dimension={self.dimension}`",
                expected=f"a dimension of a true space of {max(self.dimension, 2)} or more",
                found=str(d),
            )
        return int(
            np.argsort(-importance(embedding[None, None]), kind="stable")[self.dimension - 1]
        )

    def draw(self, second: Booleans, embedding: Floats, rng: np.random.Generator) -> Floats:
        """Draw log weights of people, (P, D), of whom ``second`` (P,) are in the second group."""
        d = embedding.shape[1]
        log_weight = self.spread * rng.standard_normal((len(second), d))
        log_weight -= log_weight.mean(axis=1, keepdims=True)
        shift = np.full(d, -1 / (d - 1))
        shift[self.column(embedding)] = 1
        within = self.spread * np.sqrt(1 - 1 / d)  # after the mean of d was taken away
        log_weight[second] += self.effect * within * shift
        return np.asarray(log_weight)


@dataclass(frozen=True, kw_only=True)
class GroupOutcome:
    """Size of a simulated study of two groups, and what the comparison of these found."""

    study: int
    """Number of the study; each has a world of its own."""
    participants: int
    judgments: int
    """``participants``, ``judgments``: Size of the study, both groups together."""
    p_all: float
    p_dimension: float
    p_pair: float
    """``p_all``, ``p_dimension``, ``p_pair``: p-values of the tests, corrected for their number."""
    effect: float
    """Effect reported for the fitted dimension that is most like the one that differs."""

    def differs(self, test: GroupTest) -> bool:
        """Whether a test finds a difference at the 5 % level."""
        return bool(getattr(self, f"p_{test}") <= LEVEL)


def simulate_group_study(
    study: Study,
    stimuli: StimulusSet,
    world: World,
    number: int,
    participants: int,
    seed: int,
    config: FitConfig,
    effect: GroupEffect,
    *,
    people_differ: bool,
) -> GroupOutcome:
    """Design, collect, fit and compare: one study of ``participants``, half of them a group.

    Raises
    ------
    TwoalikeError
        If the stimuli do not allow the design, or the fit fails; the message names the study.
    """
    seeds = (seed, 6, number, participants)
    rng = np.random.default_rng([*seeds, 3])
    second = rng.permutation(np.arange(participants) % 2 == 1)
    weights = effect.draw(second, world.observer.embedding, rng)
    choices = collect(
        study, stimuli, world, participants, seeds, people_differ=people_differ, log_weight=weights
    )
    fit_seed = int(np.random.SeedSequence(seeds).generate_state(1)[0])
    names = ["second" if other else "first" for other in second]
    groups = {f"{person:03d}": name for person, name in enumerate(names, 1)}
    try:
        posterior = fit_embedding(choices, config=config.model_copy(update={"seed": fit_seed}))
        # Intervals are not asked for.
        result = compare_groups(posterior, groups, resamples=2, pairs=1, seed=fit_seed)
    except TwoalikeError as error:
        raise TwoalikeError(
            f"simulated study {number} of {participants} participants: {error}"
        ) from error
    (found,) = result["differences"]
    like = _most_like(world, effect.column(world.observer.embedding), posterior)
    sign = 1 if found["second"] == "second" else -1
    return GroupOutcome(
        study=number,
        participants=participants,
        judgments=len(choices),
        p_all=found["p"],
        p_dimension=min(row["p"] for row in found["dimensions"]),
        p_pair=min(row["p"] for row in found["pairs"]),
        effect=sign * found["dimensions"][like]["effect"],
    )


def _most_like(world: World, column: int, posterior: Posterior) -> int:
    """Dimension of a fit that correlates most with a column of the true space."""
    place = {name: row for row, name in enumerate(world.observer.ids)}
    true = world.observer.embedding[[place[name] for name in posterior.ids], column]
    fitted = posterior.embedding.mean(axis=0)
    correlation = np.corrcoef(true, fitted.T)[0, 1:]
    return int(np.argmax(np.nan_to_num(correlation)))
