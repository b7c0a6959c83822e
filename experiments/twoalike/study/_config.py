"""The content of ``study.toml``: who takes part in what, and who sees the data."""

import re
from collections import Counter
from typing import Annotated, Literal, Self

from pydantic import Field, field_validator, model_validator

from twoalike.study._lists import (
    AnchoredConfig,
    ArrangementConfig,
    DesignConfig,
    FreeSortingConfig,
    MostAlikePairConfig,
    OddOneOfManyConfig,
    PairRatingConfig,
)
from twoalike.study._outputs import Access
from twoalike.study._provenance import Seed
from twoalike.study._settings import Strict

type Order = Literal["fixed", "balanced", "random"]
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")
_ORDERS = (
    "balanced: orders of a Williams design, in which each comes at each place and after each other "
    "one equally often, shared out evenly over people; random: drawn for each participant; fixed: "
    "as listed"
)
_CODE = re.compile(r"[A-Za-z0-9_-]{0,64}")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9]\S*")


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


class OnlineConfig(Strict):
    """Who may take part in a browser, how long they may pause, and what they get at the end."""

    entry: Literal["open", "id", "link"] = Field(
        default="open",
        description="who may take part. open: everyone who knows the address; id: people whose "
        "address carries id_parameter; link: people with a one-time link (twoalike online links)",
    )
    id_parameter: str = Field(
        default="PROLIFIC_PID",
        description="part of the address that identifies a person, such as PROLIFIC_PID or "
        "workerId: who comes back with the same one goes on with the same session",
    )
    most: int = Field(
        default=0,
        ge=0,
        description="most people who take part or have completed; 0: as many as have a code",
    )
    return_hours: float = Field(
        default=24.0,
        gt=0,
        le=10_000,
        description="hours after the last answer within which a session may be continued; then it "
        "has expired, and its code goes to someone else if no trial was stored",
    )
    completion_code: str = Field(
        default="", description="shown at the end of a completed session, for the payment"
    )
    screened_out_code: str = Field(
        default="", description="shown to people who were screened out, if they are paid"
    )
    declined_code: str = Field(
        default="", description="shown to people who did not consent, for the recruiter's records"
    )
    completion_url: str = Field(
        default="",
        description="where the page leads after a completed session, and after another that has "
        "a code; {code} is the code: "
        "'https://app.prolific.com/submissions/complete?cc={code}'; empty: nowhere",
    )

    @field_validator("completion_code", "screened_out_code", "declined_code")
    @classmethod
    def _code_without_markup(cls, code: str) -> str:
        if not _CODE.fullmatch(code):
            raise ValueError(f"expected at most 64 letters, digits, - and _, found {code!r}")
        return code

    @field_validator("id_parameter")
    @classmethod
    def _parameter_of_an_address(cls, name: str) -> str:
        if not name or not _CODE.fullmatch(name):
            raise ValueError(f"id_parameter: expected letters, digits, - and _, found {name!r}")
        return name

    @field_validator("completion_url")
    @classmethod
    def _leads_by_https(cls, url: str) -> str:
        if url and not _ADDRESS.fullmatch(url):
            raise ValueError(f"completion_url: expected https://HOST/..., found {url!r}")
        return url


class ExclusionConfig(Strict):
    """When a session counts as unusable; declared beforehand, and raw data are never touched."""

    catch_accuracy: float = Field(
        default=0.9, ge=0, le=1, description="lowest share of attention checks answered right"
    )
    missed: int = Field(
        default=10, ge=0, description="most trials without a response, over the whole session"
    )
    careless: float | None = Field(
        default=None,
        ge=0.5,
        le=1,
        description="p_careless (twoalike participants) from which on fit leaves a participant "
        "out, all sessions; such as 0.99; left out: it leaves out nobody",
    )


class ShareConfig(Strict):
    """Columns of a copy for publication beside those that twoalike writes."""

    columns: tuple[str, ...] = Field(
        default=(),
        description='columns to publish, as "table.column", such as "participants.age", '
        '"form.hand" or "debrief.strategy"; answers of participants are published only if they are '
        "named here",
    )

    @field_validator("columns")
    @classmethod
    def _table_and_column(cls, columns: tuple[str, ...]) -> tuple[str, ...]:
        for name in columns:
            if not all(name.partition(".")):
                raise ValueError(f'expected "table.column", such as "form.hand", found "{name}"')
        return columns


class DataConfig(Strict):
    """Who may read participants' data."""

    access: Access = Field(
        default="owner",
        description="who may read data/raw and data/pilot on this computer: owner, group (the "
        "lab's group of users may also write), everyone (as the system has it); new files only",
    )


class StudyConfig(Strict):
    """The content of ``study.toml``."""

    schema_version: Literal[1] = Field(default=1, description="version of this file's format")
    title: str = Field(min_length=1, description="shown in the report and the data set")
    authors: list[str] = Field(default_factory=list, description="for dataset_description.json")
    license: str = Field(default="CC0", description="licence of the collected data")
    seed: Seed = Field(
        description="everything random in the study derives from it; keep it private: it reveals "
        "for which code a published trial list was made"
    )
    stimuli: str = Field(default="stimuli", description="folder of the stimulus set, in the study")
    objects_per_person: int = Field(
        default=0,
        ge=0,
        description="objects that each participant sees, a set of their own in all tasks and "
        "sessions, so that over people each object, and as far as possible each pair, is seen "
        "equally often; 0: all",
    )
    protocol: str = Field(
        default="protocols/odd_one_out.toml",
        description="protocol of the odd-one-out task, in the study",
    )
    arrangement_protocol: str = Field(
        default="protocols/multi_arrangement.toml",
        description="protocol of the multi-arrangement task, in the study",
    )
    design: DesignConfig = DesignConfig()
    exclusion: ExclusionConfig = ExclusionConfig()
    anchored: AnchoredConfig = AnchoredConfig()
    odd_one_of_many: OddOneOfManyConfig = OddOneOfManyConfig()
    most_alike_pair: MostAlikePairConfig = MostAlikePairConfig()
    arrangement: ArrangementConfig = ArrangementConfig()
    pair_rating: PairRatingConfig = PairRatingConfig()
    free_sorting: FreeSortingConfig = FreeSortingConfig()
    groups: GroupsConfig = GroupsConfig()
    sitting: SittingConfig = SittingConfig()
    conditions: tuple[Condition, ...] = Field(
        default=(),
        description="conditions within a session, each a table [[conditions]] with name, "
        "instruction, protocols, objects and tasks",
    )
    online: OnlineConfig = OnlineConfig()
    data: DataConfig = DataConfig()
    share: ShareConfig = ShareConfig()

    @field_validator("conditions")
    @classmethod
    def _named_once(cls, conditions: tuple[Condition, ...]) -> tuple[Condition, ...]:
        counts = Counter(condition.name.lower() for condition in conditions)
        if twice := [name for name, n in counts.items() if n > 1]:
            raise ValueError(f"expected each condition named once, found {twice[0]!r} twice")
        return conditions
