"""Settings of trial lists: what all have, and those of choices other than odd-one-out."""

from typing import Literal

from pydantic import Field

from twoalike.study._settings import Strict

PRACTICE: int = Field(default=4, ge=0, description="practice trials before the main ones")
PRACTICE_CHECKS: int = Field(
    default=0,
    ge=0,
    description="practice trials before those with a right answer, chosen like attention checks; "
    "feedback says whether the answer was right (practice.feedback of the protocol)",
)
EXCLUDE: dict[str, list[str]] = Field(
    default_factory=dict,
    description="objects never shown, by manifest column: {species = ['kora'], id = ['x1']}",
)
RANDOM_SHARE: float = Field(
    default=0.2,
    ge=0,
    le=1,
    description="adaptive: share of trials kept random, an honest test set for any model",
)
PAIR_REPEATS: int = Field(
    default=1,
    ge=1,
    description="coverage: every pair of objects at least so often, over all sessions that are "
    "designed together; trials left over are random",
)


class Listed(Strict):
    """Settings of trial lists, from which the number of trials of a session follows."""

    @property
    def n_judged(self) -> int:
        """Number of main trials, attention checks and repeats of a session."""
        return self._sum("trials", "pairs", "catch", "repeats")

    @property
    def n_listed(self) -> int:
        """Number of all trials of a session with its practice."""
        return self.n_judged + self._sum("practice", "practice_checks")

    def _sum(self, *names: str) -> int:
        return sum(int(getattr(self, name, 0)) for name in names)


class ChoiceListConfig(Listed):
    """What one session of a task of choices shows."""

    sampler: Literal["random", "coverage", "adaptive", "list"] = Field(
        default="random",
        description="how trials are chosen. random; coverage: every pair of objects, in few "
        "trials; adaptive: where the posterior expects to learn most; list: your own lists in "
        "design/",
    )
    trials: int = Field(default=120, ge=1, description="main trials a session")
    practice: int = PRACTICE
    practice_checks: int = PRACTICE_CHECKS
    catch: int = Field(default=0, ge=0, description="attention checks spread over the session")
    repeats: int = Field(
        default=0, ge=0, description="main trials shown a second time, every image at another place"
    )
    trials_per_block: int = Field(
        default=60, ge=1, description="trials of a block; a break comes between two blocks"
    )
    pair_repeats: int = PAIR_REPEATS
    random_share: float = RANDOM_SHARE
    exclude: dict[str, list[str]] = EXCLUDE


class AnchoredConfig(ChoiceListConfig):
    """Which references and candidates one session of the anchored-choice task shows."""

    sampler: Literal["random", "coverage", "adaptive", "list"] = Field(
        default="random",
        description="how trials are chosen. random; coverage: every pair of objects as reference "
        "and candidate, each of the two equally often the reference; adaptive: where the posterior "
        "expects to learn most; list: your own lists in design/",
    )
    catch: int = Field(
        default=0,
        ge=0,
        description="attention checks spread over the session: one candidate is of the "
        "reference's kind, the other of a far one",
    )
    repeats: int = Field(
        default=0,
        ge=0,
        description="main trials shown a second time, the candidates on the other sides",
    )


class _Items(Strict):
    n_items: int = Field(default=4, ge=3, le=6, description="images of a trial")


class ManyConfig(ChoiceListConfig, _Items):  # the bases in this order put n_items first
    """Which sets of images one session of a choice among many shows."""

    sampler: Literal["random", "coverage", "adaptive", "list"] = Field(
        default="random",
        description="how trials are chosen. random; coverage: every pair of objects together, in "
        "about as few trials as possible; adaptive: where the posterior expects to learn most; "
        "list: your own lists in design/",
    )


class OddOneOfManyConfig(ManyConfig):
    """Which sets of images one session of the odd-one-of-many task shows."""

    catch: int = Field(
        default=0,
        ge=0,
        description="attention checks spread over the session: all images but one are of one "
        "category, the finest that has so many, and the odd one is of another coarsest category",
    )


class MostAlikePairConfig(ManyConfig):
    """Which sets of images one session of the most-alike-pair task shows."""

    catch: int = Field(
        default=0,
        ge=0,
        description="attention checks spread over the session: two images are of one finest "
        "category, the others of different ones in other coarsest categories",
    )
