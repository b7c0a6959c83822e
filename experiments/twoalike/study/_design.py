"""Settings of the design of odd-one-out trials, and of the rule that excludes sessions."""

import math
import re
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from twoalike.study._strict import Strict


class LevelShares(Strict):
    """Shares of the three levels of similarity among the main trials; they sum to 1."""

    within: float = Field(
        default=0.4, ge=0, le=1, description="three objects of one class (condition: fine)"
    )
    between: float = Field(
        default=0.4, ge=0, le=1, description="objects of three classes (condition: coarse)"
    )
    boundary: float = Field(
        default=0.2, ge=0, le=1, description="two of one class, one of another (boundary)"
    )

    @model_validator(mode="after")
    def _sum_to_one(self) -> Self:
        total = self.within + self.between + self.boundary
        if not math.isclose(total, 1, abs_tol=1e-6):
            raise ValueError(f"the three shares must sum to 1, they sum to {total:g}")
        return self


PLAN_STEP = re.compile(r"(main|catch|repeat) ([1-9][0-9]*)|break")
"""A step of a plan: trials of one kind, or a break."""


class DesignConfig(Strict):
    """Which triplets one session of the odd-one-out task shows."""

    sampler: Literal["random", "coverage", "levels", "adaptive", "list"] = Field(
        default="random",
        description="how triplets are chosen. random; coverage: every pair of objects, in as few "
        "triplets as possible; levels: within a class, between classes, at a class boundary; "
        "adaptive: where the posterior expects to learn most; list: your own lists in design/",
    )
    trials: int = Field(default=300, ge=1, description="main trials a session")
    practice: int = Field(default=4, ge=0, description="practice trials before the main ones")
    practice_checks: int = Field(
        default=0,
        ge=0,
        description="practice trials before those that have a right answer, drawn as attention "
        "checks are: the participant is told (practice.feedback of the protocol)",
    )
    catch: int = Field(default=0, ge=0, description="attention checks spread over the session")
    catch_sides: list[Annotated[int, Field(ge=0)]] = Field(
        default_factory=list,
        description="attention checks with the odd one left, middle, right, summing to catch; "
        "empty: equally many, over all sessions of a participant",
    )
    repeats: int = Field(
        default=0, ge=0, description="main trials shown a second time, for reliability"
    )
    trials_per_block: int = Field(
        default=60,
        ge=1,
        description="trials of a block, about five minutes; a break comes between two blocks",
    )
    plan: list[str] = Field(
        default_factory=list,
        description="order of the session after practice, such as ['main 50', 'catch 2', "
        "'break', 'main 50']; empty: blocks of trials_per_block, checks and repeats spread out",
    )
    pair_repeats: int = Field(
        default=1,
        ge=1,
        description="coverage: every pair of objects at least so often, over all sessions that "
        "are designed together; trials left over are random",
    )
    level: str = Field(
        default="",
        description="levels: column of the manifest that names the class; empty: the finest one "
        "in which a class has three images",
    )
    features: str = Field(
        default="",
        description="levels: file of features in the study (.npz with ids and features) whose "
        "clusters are the classes; empty: classes are those of the manifest",
    )
    clusters: int = Field(
        default=20, ge=2, description="levels: number of clusters made of the features (k-means)"
    )
    lists_per_triplet: int = Field(
        default=0,
        ge=0,
        description="levels: participants who judge each triplet, so that agreement can be "
        "measured; all of them are designed together. 0: each session draws its own triplets",
    )
    random_share: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="adaptive: share of trials kept random, an honest test set for any model",
    )
    exclude: dict[str, list[str]] = Field(
        default_factory=dict,
        description="objects never shown, by manifest column: {species = ['kora'], id = ['x1']}",
    )
    shares: LevelShares = Field(
        default=LevelShares(), description="levels: shares of the three levels"
    )

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


class ExclusionConfig(Strict):
    """When a session counts as unusable; declared beforehand, and raw data are never touched."""

    catch_accuracy: float = Field(
        default=0.9, ge=0, le=1, description="lowest share of attention checks answered right"
    )
    missed: int = Field(
        default=10, ge=0, description="most trials without a response, over the whole session"
    )
