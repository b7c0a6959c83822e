"""Settings of trial lists, of all tasks."""

import math
import re
from functools import partial
from typing import Annotated, Any, Literal, Self

from pydantic import (
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    ValidationInfo,
    field_validator,
    model_validator,
)

from twoalike.study._settings import Strict, changed

PLAN_STEP = re.compile(r"(main|catch|repeat) ([1-9][0-9]*)|break")
"""A step of a plan: trials of one kind, or a break."""
EXCLUDE: dict[str, list[str]] = Field(
    default_factory=dict,
    description="objects never shown, by manifest column: {species = ['kora'], id = ['x1']}",
)
type Sampler = Literal["random", "coverage", "adaptive", "list"]


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


class LevelShares(Strict):
    """Shares of the three levels of similarity among the main trials; they sum to 1."""

    within: float = Field(default=0.4, ge=0, le=1)
    """three objects of one class (condition: fine)"""
    between: float = Field(default=0.4, ge=0, le=1)
    """objects of three classes (condition: coarse)"""
    boundary: float = Field(default=0.2, ge=0, le=1)
    """two of one class, one of another (boundary)"""

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.within + self.between + self.boundary
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise ValueError(f"the three shares must sum to 1, they sum to {total:g}")
        return self


class ChoiceListConfig(Listed):
    """What one session of a task of choices shows."""

    sampler: Sampler = "random"
    """how trials are chosen. random; coverage: every pair of objects together, in about as few
    trials as possible; adaptive: where the posterior expects to learn most; list: your own lists in
    design/"""
    trials: int = Field(default=120, ge=1)
    """main trials a session"""
    practice: NonNegativeInt = 4
    """practice trials before the main ones"""
    practice_checks: NonNegativeInt = 0
    """practice trials before those with a right answer, chosen like attention checks; feedback says
    whether the answer was right (practice.feedback of the protocol)"""
    catch: NonNegativeInt = 0
    """attention checks spread over the session"""
    repeats: NonNegativeInt = 0
    """main trials shown a second time, every image at another place"""
    trials_per_block: int = Field(default=60, ge=1)
    """trials of a block, about five minutes; a break comes between two blocks"""
    pair_repeats: int = Field(default=1, ge=1)
    """coverage: every pair of objects at least so often, over all sessions that are designed
    together; trials left over are random"""
    random_share: float = Field(default=0.2, ge=0, le=1)
    """adaptive: share of trials kept random, an honest test set for any model"""
    exclude: dict[str, list[str]] = EXCLUDE


_shared = partial(changed, ChoiceListConfig)


class DesignConfig(ChoiceListConfig):
    """Which triplets one session of the odd-one-out task shows."""

    sampler: Literal["random", "coverage", "levels", "adaptive", "list"] = "random"  # type: ignore[assignment]
    """how triplets are chosen. random; coverage: every pair of objects, in as few triplets as
    possible; levels: within a class, between classes, at a class boundary; adaptive: where the
    posterior expects to learn most; list: your own lists in design/"""
    trials: int = _shared("trials", 300)
    catch_sides: list[Annotated[int, Field(ge=0)]] = Field(default_factory=list)
    """attention checks with the odd one left, middle, right, summing to catch; empty: equally many,
    over all sessions of a participant"""
    repeats: int = _shared("repeats", 0, "main trials shown a second time, for reliability")
    plan: list[str] = Field(default_factory=list)
    """order of the session after practice, such as ['main 50', 'catch 2', 'break', 'main 50'];
    empty: blocks of trials_per_block, checks and repeats spread out"""
    level: str = ""
    """levels: column of the manifest that names the class; empty: the finest one in which a class
    has three images"""
    features: str = ""
    """levels: file of features in the study (.npz with ids and features) whose clusters are the
    classes; empty: classes are those of the manifest"""
    clusters: int = Field(default=20, ge=2)
    """levels: number of clusters made of the features (k-means)"""
    lists_per_triplet: NonNegativeInt = 0
    """levels: participants who judge each triplet, so that agreement can be measured; all of them
    are designed together. 0: each session draws its own triplets"""
    shares: LevelShares = LevelShares()
    """levels: shares of the three levels"""

    @field_validator("catch_sides")
    @classmethod
    def _sides_sum_to_catch(cls, sides: list[int], info: ValidationInfo) -> list[int]:
        catch = info.data.get("catch", 0)
        if sides and (len(sides) != 3 or sum(sides) != catch):
            raise ValueError(f"expected three numbers that sum to catch ({catch})")
        return sides

    @field_validator("plan")
    @classmethod
    def _plan_has_all_trials(cls, plan: list[str], info: ValidationInfo) -> list[str]:
        steps = [PLAN_STEP.fullmatch(step) for step in plan]
        if None in steps:
            wrong = plan[steps.index(None)]
            raise ValueError(f"{wrong!r} is no step such as 'main 50', 'catch 2' or 'break'")
        for kind, key in (("main", "trials"), ("catch", "catch"), ("repeat", "repeats")):
            planned = sum(int(step[2]) for step in steps if step and step[1] == kind)
            if plan and key in info.data and planned != info.data[key]:
                raise ValueError(f"has {planned} {kind} trials, but {key} is {info.data[key]}")
        return plan


class AnchoredConfig(ChoiceListConfig):
    """Which references and candidates one session of the anchored-choice task shows."""

    sampler: Sampler = _shared(
        "sampler",
        "random",
        "how trials are chosen. random; coverage: every pair of objects as reference "
        "and candidate, each of the two equally often the reference; adaptive: where the posterior "
        "expects to learn most; list: your own lists in design/",
    )
    catch: int = _shared(
        "catch",
        0,
        "attention checks spread over the session: one candidate is of the "
        "reference's kind, the other of a far one",
    )
    repeats: int = _shared(
        "repeats",
        0,
        "main trials shown a second time, the candidates on the other sides",
    )


class _Items(Strict):
    n_items: int = Field(default=4, ge=3, le=6)
    """images of a trial"""


class OddOneOfManyConfig(ChoiceListConfig, _Items):  # the bases in this order put n_items first
    """Which sets of images one session of the odd-one-of-many task shows."""

    catch: int = _shared(
        "catch",
        0,
        "attention checks spread over the session: all images but one are of one "
        "category, the finest that has so many, and the odd one is of another coarsest category",
    )


class MostAlikePairConfig(ChoiceListConfig, _Items):
    """Which sets of images one session of the most-alike-pair task shows."""

    catch: int = _shared(
        "catch",
        0,
        "attention checks spread over the session: two images are of one finest "
        "category, the others of different ones in other coarsest categories",
    )


class ArrangementConfig(Strict):
    """Which sets of images one session of the multi-arrangement task shows.

    Evidence is in squared arena diameters: a pair placed at distance d (arena diameter = 1)
    gains max(d, weight_floor)² (doi:10.3389/fpsyg.2012.00245).
    """

    scheduler: Literal["lift_weakest", "full", "covering", "list"] = "lift_weakest"
    """lift_weakest: sets that raise the weakest evidence, chosen during the session; full: all
    images each trial; covering: fixed sets that show each pair together; list: from a file in
    design/"""
    first_pair: Literal["zero_reach", "weakest"] = "zero_reach"
    """pair a set grows from; zero_reach: the shown pair whose images lack most pairs, else any
    (larger sets, two thirds of the trials); weakest: the pair with least evidence, as published in
    2012"""
    evidence_exponent: PositiveFloat = 10.0
    """utility of evidence W is 1 - exp(-exponent W); published value"""
    weight_floor: float = Field(default=0.2, gt=0, le=1)
    """distance, in arena diameters, below which a pair gains no less evidence; published value: 25
    such pairs weigh as one across the arena"""
    stop_evidence: PositiveFloat = 0.5
    """evidence at which a pair is known well enough, squared arena diameters; published value:
    utility .993"""
    cost_exponent: float = Field(default=1.5, ge=0, le=3)
    """a trial of n images costs n to this power; published value; 1.2 makes larger sets and fewer
    trials"""
    max_items: NonNegativeInt = 20
    """most images a lift_weakest trial; 0: no limit; 20 leave room between images of a tenth of the
    arena on their ring of seats, and are placed in one to three minutes"""
    session_minutes: NonNegativeFloat = 60.0
    """no new trial after so many minutes within submitted trials, pauses not counted; 0: no limit;
    people tire, and evidence carries over to the next session"""
    max_trials: NonNegativeInt = 0
    """most main trials a session; 0: no limit but evidence and time"""
    full_trials: int = Field(default=1, ge=1)
    """full: trials, each with all images"""
    covering_size: int = Field(default=12, ge=4)
    """covering: images a trial; fewer than 4 cannot link the scales of trials"""
    practice_items: NonNegativeInt = 5
    """images of the one practice trial, or all where there are fewer; 0: none"""
    catch: NonNegativeInt = 0
    """attention checks after the main trials: up to three images of one finest category and up to
    three of another coarsest category"""
    exclude: dict[str, list[str]] = EXCLUDE

    @model_validator(mode="after")
    def _sets_of_three_or_more(self) -> Self:
        for key in ("max_items", "practice_items"):
            if getattr(self, key) in {1, 2}:
                raise ValueError(f"{key} must be 0 or at least 3: one distance says nothing")
        return self


class PairRatingConfig(Listed):
    """Which pairs one session of the pair-rating task shows."""

    sampler: Sampler = _shared(
        "sampler",
        "random",
        "how pairs are chosen. random; coverage: every pair of objects, shared out "
        "over the sessions that are designed together; adaptive: where the posterior expects to "
        "learn most; list: your own lists in design/",
    )
    pairs: int = Field(default=150, ge=1)
    """main pairs a session; all of them where there are fewer"""
    practice: int = _shared(
        "practice",
        6,
        "practice pairs before the main ones, so that people know the range to rate",
    )
    catch: int = _shared(
        "catch",
        0,
        "attention checks spread over the session, in turn two identical images and, "
        "where the manifest has categories, two of far categories; right in the upper, or lower, "
        "half of the scale",
    )
    repeats: int = _shared("repeats", 0, "main pairs shown a second time, the other way round")
    trials_per_block: int = _shared(
        "trials_per_block", 50, "trials of a block; a break comes between two blocks"
    )
    pair_repeats: int = _shared(
        "pair_repeats",
        about="coverage: every pair of objects so often, over all sessions that are designed "
        "together; trials left over are random",
    )
    random_share: float = _shared("random_share")
    exclude: dict[str, list[str]] = EXCLUDE


class FreeSortingConfig(Strict):
    """Which images one session of the free-sorting task shows."""

    sampler: Literal["random", "coverage", "list"] = "random"
    """how the images of a trial are chosen. random; coverage: sets in which every pair is together,
    shared out over the sessions that are designed together; list: your own lists in design/"""
    items: int = Field(default=24, ge=4)
    """images a trial; all of them, in a single main trial, where there are no more"""
    trials: int = Field(default=6, ge=1)
    """main trials a session"""
    practice_items: NonNegativeInt = 6
    """images of the practice trial; 0: no practice"""
    repeats: NonNegativeInt = 0
    """main trials shown a second time at the end of the session, for reliability"""
    exclude: dict[str, list[str]] = EXCLUDE

    @field_validator("sampler", mode="before")
    @classmethod
    def _no_information_yet(cls, sampler: Any) -> Any:
        if sampler == "adaptive":
            raise ValueError(
                'expected "random", "coverage" or "list", found "adaptive": what a sorting of many '
                "images is expected to tell is not computed"
            )
        return sampler

    @field_validator("practice_items")
    @classmethod
    def _enough_to_sort(cls, n: int) -> int:
        if n in {1, 2}:
            raise ValueError("practice_items must be 0 or at least 3: two images make no piles")
        return n
