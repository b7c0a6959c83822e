"""Sittings (several tasks or conditions) and groups of people, as ``study.toml`` names them."""

import re
from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from twoalike.study._settings import Strict

type Order = Literal["fixed", "balanced", "random"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_ORDERS = (
    "balanced: orders of a Williams design, in which each comes at each place and after each other "
    "one equally often, shared out evenly over people; random: drawn for each participant; fixed: "
    "as listed"
)


class SittingConfig(Strict):
    """Tasks of one sitting, run one after the other, and the order of what comes in parts."""

    tasks: tuple[str, ...] = Field(
        default=(),
        description="two or more, such as ['odd-one-out', 'multi-arrangement'], for twoalike run "
        "without a task; empty: it runs odd-one-out",
    )
    order: Order = Field(default="balanced", description=f"order of the tasks. {_ORDERS}")
    condition_order: Order = Field(
        default="balanced", description="order of the conditions of a task; the same choices"
    )

    @field_validator("tasks")
    @classmethod
    def _each_task_once(cls, tasks: tuple[str, ...]) -> tuple[str, ...]:
        twice = [name for name, n in Counter(tasks).items() if n > 1]
        if twice or len(tasks) == 1:
            found = f"{twice[0]!r} twice" if twice else repr(tasks[0])
            raise ValueError(f"expected two or more tasks, each named once, found {found}")
        return tasks


class Condition(Strict):
    """A condition that every participant does: a part of the session with its own instruction."""

    name: str = Field(description="letters, digits, - and _, such as shape")
    instruction: dict[str, list[Annotated[str, Field(min_length=1)]]] = Field(
        default_factory=dict,
        description="pages shown before the part, behind the instruction of the task, by language: "
        "{en = ['Judge by shape.'], de = ['Urteilen Sie nach der Form.']}",
    )
    protocols: dict[str, str] = Field(
        default_factory=dict,
        description="files with the keys of a protocol that differ, by task: "
        "{odd-one-out = 'protocols/shape.toml'}",
    )
    objects: dict[str, list[str]] = Field(
        default_factory=dict,
        description="the only objects shown, by manifest column: {domain = ['animal']}; empty: all",
    )
    tasks: tuple[str, ...] = Field(
        default=(), description="the only tasks that have this condition; empty: all"
    )

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str) -> str:
        if not _NAME.fullmatch(name):
            raise ValueError(f"expected letters, digits, - and _, found {name!r}")
        return name

    @model_validator(mode="after")
    def _pages_are_given(self) -> Self:
        for language, pages in self.instruction.items():
            if not pages:
                raise ValueError(f"instruction.{language}: expected a page or more, found none")
        return self


def each_condition_once(conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
    """Return the conditions of a study."""
    counts = Counter(condition.name.lower() for condition in conditions)
    if twice := [name for name, n in counts.items() if n > 1]:
        raise ValueError(f"expected each condition named once, found {twice[0]!r} twice")
    return conditions


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
