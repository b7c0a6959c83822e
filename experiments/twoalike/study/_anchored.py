"""Settings of the trial lists of the anchored-choice task."""

from typing import Any, Literal

from pydantic import Field, field_validator

from twoalike.study._settings import Strict


class AnchoredConfig(Strict):
    """Which references and candidates one session of the anchored-choice task shows."""

    sampler: Literal["random", "coverage", "list"] = Field(
        default="random",
        description="how trials are chosen. random; coverage: every pair of objects as reference "
        "and candidate, each of the two equally often the reference; list: your own lists in "
        "design/",
    )
    trials: int = Field(default=120, ge=1, description="main trials a session")
    practice: int = Field(default=4, ge=0, description="practice trials before the main ones")
    practice_checks: int = Field(
        default=0,
        ge=0,
        description="practice trials before those with a right answer, chosen like attention "
        "checks; feedback says whether the answer was right (practice.feedback of the protocol)",
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
    trials_per_block: int = Field(
        default=60, ge=1, description="trials of a block; a break comes between two blocks"
    )
    pair_repeats: int = Field(
        default=1,
        ge=1,
        description="coverage: every pair of objects at least so often, over all sessions that "
        "are designed together; trials left over are random",
    )
    exclude: dict[str, list[str]] = Field(
        default_factory=dict,
        description="objects never shown, by manifest column: {species = ['kora'], id = ['x1']}",
    )

    @field_validator("sampler", mode="before")
    @classmethod
    def _no_information_yet(cls, sampler: Any) -> Any:
        if sampler == "adaptive":
            raise ValueError(
                'expected "random", "coverage" or "list", found "adaptive": the expected '
                "information is defined for the odd-one-out task only"
            )
        return sampler
