"""Settings of the multi-arrangement task: which images each trial shows, and when it is enough."""

from typing import Literal, Self

from pydantic import Field, model_validator

from twoalike.study._strict import Strict


class ArrangementConfig(Strict):
    """Which sets of images one session of the multi-arrangement task shows.

    Evidence is in squared arena diameters: a pair placed at distance d (arena diameter = 1)
    gains max(d, weight_floor)² (doi:10.3389/fpsyg.2012.00245).
    """

    scheduler: Literal["lift_weakest", "full", "covering", "list"] = Field(
        default="lift_weakest",
        description="lift_weakest: sets that raise the weakest evidence, chosen during the "
        "session; full: all images each trial; covering: fixed sets that show each pair "
        "together; list: from a file in design/",
    )
    first_pair: Literal["zero_reach", "weakest"] = Field(
        default="zero_reach",
        description="pair a set grows from; zero_reach: the shown pair whose images lack most "
        "pairs, else any (larger sets, two thirds of the trials); weakest: the pair with least "
        "evidence, as published in 2012",
    )
    evidence_exponent: float = Field(
        default=10.0,
        gt=0,
        description="utility of evidence W is 1 - exp(-exponent W); published value",
    )
    weight_floor: float = Field(
        default=0.2,
        gt=0,
        le=1,
        description="distance, in arena diameters, below which a pair gains no less evidence; "
        "published value: 25 such pairs weigh as one across the arena",
    )
    stop_evidence: float = Field(
        default=0.5,
        gt=0,
        description="evidence at which a pair is known well enough, squared arena diameters; "
        "published value: utility .993",
    )
    cost_exponent: float = Field(
        default=1.5,
        ge=0,
        le=3,
        description="a trial of n images costs n to this power; published value; 1.2 makes larger "
        "sets and fewer trials",
    )
    max_items: int = Field(
        default=20,
        ge=0,
        description="most images a lift_weakest trial; 0: no limit; 20 leave room between images "
        "of a tenth of the arena on their ring of seats, and are placed in one to three minutes",
    )
    session_minutes: float = Field(
        default=60.0,
        ge=0,
        description="no new trial after so many minutes within submitted trials, pauses not "
        "counted; 0: no limit; people tire, and evidence carries over to the next session",
    )
    max_trials: int = Field(
        default=0, ge=0, description="most main trials a session; 0: no limit but evidence and time"
    )
    full_trials: int = Field(default=1, ge=1, description="full: trials, each with all images")
    covering_size: int = Field(
        default=12,
        ge=4,
        description="covering: images a trial; fewer than 4 cannot link the scales of trials",
    )
    practice_items: int = Field(
        default=5,
        ge=0,
        description="images of the one practice trial, or all where there are fewer; 0: none",
    )
    catch: int = Field(
        default=0,
        ge=0,
        description="attention checks after the main trials: up to three images of one finest "
        "category and up to three of another coarsest category",
    )
    exclude: dict[str, list[str]] = Field(
        default_factory=dict,
        description="objects never shown, by manifest column: {species = ['kora'], id = ['x1']}",
    )

    @model_validator(mode="after")
    def _sets_of_three_or_more(self) -> Self:
        for key in ("max_items", "practice_items"):
            if getattr(self, key) in {1, 2}:
                raise ValueError(f"{key} must be 0 or at least 3: one distance says nothing")
        return self
