"""Settings of the trial lists of ratings of pairs and of free sorting."""

from typing import Any, Literal

from pydantic import Field, field_validator

from twoalike.study._choice_lists import EXCLUDE, RANDOM_SHARE, Listed
from twoalike.study._settings import Strict


class PairRatingConfig(Listed):
    """Which pairs one session of the pair-rating task shows."""

    sampler: Literal["random", "coverage", "adaptive", "list"] = Field(
        default="random",
        description="how pairs are chosen. random; coverage: every pair of objects, shared out "
        "over the sessions that are designed together; adaptive: where the posterior expects to "
        "learn most; list: your own lists in design/",
    )
    pairs: int = Field(
        default=150, ge=1, description="main pairs a session; all of them where there are fewer"
    )
    practice: int = Field(
        default=6,
        ge=0,
        description="practice pairs before the main ones, so that people know the range to rate",
    )
    catch: int = Field(
        default=0,
        ge=0,
        description="attention checks spread over the session, in turn two identical images and, "
        "where the manifest has categories, two of far categories; right in the upper, or lower, "
        "half of the scale",
    )
    repeats: int = Field(
        default=0, ge=0, description="main pairs shown a second time, the other way round"
    )
    trials_per_block: int = Field(
        default=50, ge=1, description="trials of a block; a break comes between two blocks"
    )
    pair_repeats: int = Field(
        default=1,
        ge=1,
        description="coverage: every pair of objects so often, over all sessions that are "
        "designed together; trials left over are random",
    )
    random_share: float = RANDOM_SHARE
    exclude: dict[str, list[str]] = EXCLUDE


class FreeSortingConfig(Strict):
    """Which images one session of the free-sorting task shows."""

    sampler: Literal["random", "coverage", "list"] = Field(
        default="random",
        description="how the images of a trial are chosen. random; coverage: sets in which every "
        "pair is together, shared out over the sessions that are designed together; list: your "
        "own lists in design/",
    )
    items: int = Field(
        default=24,
        ge=4,
        description="images a trial; all of them, in a single main trial, where there are no more",
    )
    trials: int = Field(default=6, ge=1, description="main trials a session")
    practice_items: int = Field(
        default=6, ge=0, description="images of the practice trial; 0: no practice"
    )
    repeats: int = Field(
        default=0,
        ge=0,
        description="main trials shown a second time at the end of the session, for reliability",
    )
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
