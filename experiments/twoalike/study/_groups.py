"""Groups of people that a study compares, as ``study.toml`` names them."""

import re
from collections import Counter
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from twoalike.study._settings import Strict

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class GroupsConfig(Strict):
    """Groups of people; each participant is in one, from the first session on."""

    names: tuple[str, ...] = Field(
        default=(),
        description="two or more, such as ['experts', 'novices'], in letters, digits, - and _; "
        "empty: the study has no groups",
    )
    assignment: Literal["balanced", "operator"] = Field(
        default="balanced",
        description="who puts a new participant into a group. balanced: twoalike, into one of the "
        "smallest groups, drawn from seed and code; operator: you, when the first session starts",
    )
    protocols: dict[str, dict[str, str]] = Field(
        default_factory=dict,
        description="files with the keys of a protocol that differ in a group, by group and task: "
        "{experts = {odd-one-out = 'protocols/experts.toml'}}",
    )

    @field_validator("names")
    @classmethod
    def _named_once(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not _NAME.fullmatch(name):
                raise ValueError(f"names: expected letters, digits, - and _, found {name!r}")
        twice = [name for name, n in Counter(map(str.lower, names)).items() if n > 1]
        if twice or len(names) == 1:
            found = f"{twice[0]!r} twice" if twice else repr(names[0])
            raise ValueError(f"names: expected two or more groups, each named once, found {found}")
        return names

    @model_validator(mode="after")
    def _protocols_of_groups(self) -> Self:
        if unknown := [group for group in self.protocols if group not in self.names]:
            known = f"one of {', '.join(self.names)}" if self.names else "no group, names is empty"
            raise ValueError(f"protocols: expected {known}, found {unknown[0]!r}")
        return self
