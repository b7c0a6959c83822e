"""A study: the content of ``study.toml``, and where the files of its folder are."""

import html
import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    field_validator,
    model_validator,
)

from twoalike.study._errors import TwoalikeError, counted, one_of
from twoalike.study._lists import (
    AnchoredConfig,
    ArrangementConfig,
    DesignConfig,
    FreeSortingConfig,
    MostAlikePairConfig,
    OddOneOfManyConfig,
    PairRatingConfig,
)
from twoalike.study._outputs import Access, check_readable
from twoalike.study._provenance import Seed
from twoalike.study._settings import Strict, formed, load_toml

type Order = Literal["fixed", "balanced", "random"]
_ORDERS = (
    "balanced: orders of a Williams design, in which each comes at each place and after each other "
    "one equally often, shared out evenly over people; random: drawn for each participant; fixed: "
    "as listed"
)
type Name = Annotated[str, formed("[A-Za-z0-9][A-Za-z0-9_-]*", "letters, digits, - and _")]
type Code = Annotated[str, formed("[A-Za-z0-9_-]{0,64}", "at most 64 letters, digits, - and _")]
type Language = Annotated[str, formed("[a-z]{2,3}", "the code of a language, such as en")]
type Address = Annotated[str, formed(r"(https?://[A-Za-z0-9]\S*)?", "https://HOST/...")]


def _several(what: str) -> AfterValidator:
    """Check that there are none, or two and more, each named once, whatever the case."""

    def check(names: tuple[str, ...]) -> tuple[str, ...]:
        twice = [name for name, n in Counter(map(str.lower, names)).items() if n > 1]
        if twice or len(names) == 1:
            found = f"{twice[0]!r} twice" if twice else repr(names[0])
            raise ValueError(f"expected two or more {what}, each named once, found {found}")
        return names

    return AfterValidator(check)


class SittingConfig(Strict):
    """Tasks of one sitting, run one after the other, and the order of what comes in parts."""

    tasks: Annotated[tuple[str, ...], _several("tasks")] = ()
    """two or more, such as ['odd-one-out', 'multi-arrangement'], for twoalike run without a task;
    empty: it runs odd-one-out"""
    order: Order = Field(default="balanced", description=f"order of the tasks. {_ORDERS}")
    condition_order: Order = "balanced"
    """order of the conditions of a task; the same choices"""


class Condition(Strict):
    """A condition that every participant does: a part of the session with its own instruction."""

    name: Name
    """letters, digits, - and _, such as shape"""
    instruction: dict[
        str, Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    ] = Field(default_factory=dict)
    """pages shown before the part, behind the instruction of the task, by language: {en = ['Judge
    by shape.'], de = ['Urteilen Sie nach der Form.']}"""
    protocols: dict[str, str] = Field(default_factory=dict)
    """files with the keys of a protocol that differ, by task: {odd-one-out =
    'protocols/shape.toml'}"""
    objects: dict[str, list[str]] = Field(default_factory=dict)
    """the only objects shown, by manifest column: {domain = ['animal']}; empty: all"""
    tasks: tuple[str, ...] = ()
    """the only tasks that have this condition; empty: all"""


class GroupsConfig(Strict):
    """Groups of people; each participant is in one, from the first session on."""

    names: Annotated[tuple[Name, ...], _several("groups")] = ()
    """two or more, such as ['experts', 'novices'], in letters, digits, - and _; empty: the study
    has no groups"""
    assignment: Literal["balanced", "operator"] = "balanced"
    """who puts a new participant into a group. balanced: twoalike, into one of the smallest groups,
    drawn from seed and code; operator: you, when the first session starts"""
    protocols: dict[str, dict[str, str]] = Field(default_factory=dict)
    """files with the keys of a protocol that differ in a group, by group and task: {experts =
    {odd-one-out = 'protocols/experts.toml'}}"""

    @model_validator(mode="after")
    def _protocols_of_groups(self) -> Self:
        if unknown := [group for group in self.protocols if group not in self.names]:
            known = f"one of {', '.join(self.names)}" if self.names else "no group, names is empty"
            raise ValueError(f"protocols: expected {known}, found {unknown[0]!r}")
        return self


class OnlineConfig(Strict):
    """Who may take part in a browser, how long they may pause, and what they get at the end."""

    entry: Literal["open", "id", "link"] = "open"
    """who may take part. open: everyone who knows the address; id: people whose address carries
    id_parameter; link: people with a one-time link (twoalike online links)"""
    id_parameter: Annotated[str, formed("[A-Za-z0-9_-]{1,64}", "letters, digits, - and _")] = (
        "PROLIFIC_PID"
    )
    """part of the address that identifies a person, such as PROLIFIC_PID or workerId: who comes
    back with the same one goes on with the same session"""
    most: NonNegativeInt = 0
    """most people who take part or have completed; 0: as many as have a code"""
    return_hours: float = Field(default=24.0, gt=0, le=10_000)
    """hours after the last answer within which a session may be continued; then it has expired, and
    its code goes to someone else if no trial was stored"""
    reload: Literal["resume", "restart-block", "end"] = "resume"
    """what follows where the page is opened again after its first trial. resume: it goes on at the
    step where it was left; restart-block: at the first trial since a page or question, and answers
    to this block are stored only at its end; end: the session is over"""
    longest_absence: NonNegativeFloat = 0.0
    """minutes for which the page may be closed after its first trial; beyond them the session is
    over; 0: as long as return_hours allows"""
    completion_code: Code = ""
    """shown at the end of a completed session, for the payment"""
    screened_out_code: Code = ""
    """shown to people who were screened out, if they are paid"""
    interrupted_code: Code = ""
    """shown where a session is over because the page was left"""
    declined_code: Code = ""
    """shown to people who did not consent, for the recruiter's records"""
    completion_url: Address = ""
    """where the page leads after a completed session, and after another that has a code; {code} is
    the code: 'https://app.prolific.com/submissions/complete?cc={code}'; empty: nowhere"""


class ExclusionConfig(Strict):
    """When a session counts as unusable; declared beforehand, and raw data are never touched."""

    catch_accuracy: float = Field(default=0.9, ge=0, le=1)
    """lowest share of attention checks answered right"""
    missed: NonNegativeInt = 10
    """most trials without a response, over the whole session"""
    wrong_items: int | None = Field(default=None, ge=0)
    """most attention items among the questions of a session (expected) with another answer; left
    out: any number"""
    careless: float | None = Field(default=None, ge=0.5, le=1)
    """p_careless (twoalike participants) from which on fit leaves a participant out, all sessions;
    such as 0.99; left out: it leaves out nobody"""

    def of_items(self, n_wrong: int) -> str:
        """Why so many wrong attention items leave a session out; empty if they do not."""
        if self.wrong_items is None or n_wrong <= self.wrong_items:
            return ""
        return f"{counted(n_wrong, 'attention item')} wrong, {self.wrong_items} allowed"


class StopConfig(Strict):
    """When enough was collected; declared beforehand, and judged by each posterior in between."""

    similarity_interval: float | None = Field(default=None, gt=0)
    """mean width of the 90 % intervals of the similarities of all pairs, in standard deviations of
    these similarities, such as 1.0; where all limits are met collection ends: twoalike design
    refuses further blocks, twoalike online refit and fit say so"""
    dimension_interval: float | None = Field(default=None, gt=0)
    """the same of coordinates on a dimension; dimensions count by their importance"""
    group_interval: float | None = Field(default=None, gt=0)
    """the same of how similarities differ between groups; only a fit with these groups tells"""

    @property
    def limits(self) -> dict[str, float]:
        """Those that are declared, by name."""
        return {name: limit for name, limit in self if limit is not None}


class AdaptiveConfig(Strict):
    """What the fits that choose trials know beside the answers so far: files of the study.

    ``fit`` of the study uses them only where its own arguments name them.
    """

    features: str = ""
    """features of every object, such as "features.npz" of twoalike features; trials are then chosen
    for what people are expected to say beyond a learnt map of them; empty: none"""
    sources: tuple[str, ...] = ()
    """tables of choices by networks, language models or other studies (.parquet, twoalike import
    with a source)"""


class ShareConfig(Strict):
    """Columns of a copy for publication beside those that twoalike writes."""

    columns: tuple[
        Annotated[str, formed(r"[^.]+\..+", '"table.column", such as "form.hand"')], ...
    ] = ()
    """columns to publish, as "table.column", such as "participants.age", "form.hand" or
    "debrief.strategy"; answers of participants are published only if they are named here"""


class DataConfig(Strict):
    """Who may read participants' data."""

    access: Access = "owner"
    """who may read data/raw and data/pilot on this computer: owner, group (the lab's group of users
    may also write), everyone (as the system has it); new files only"""


class StudyConfig(Strict):
    """The content of ``study.toml``."""

    schema_version: Literal[1] = 1
    """version of this file's format"""
    title: str = Field(min_length=1)
    """shown in the report and the data set"""
    authors: list[str] = Field(default_factory=list)
    """for dataset_description.json"""
    license: str = "CC0"
    """licence of the collected data"""
    languages: Annotated[tuple[Language, ...], _several("languages")] = ()
    """two or more languages that people may choose from, such as ['en', 'de']; texts of yours are
    then given by language, {en = '...', de = '...'}, and answers are stored as the first has them;
    empty: protocols say in which language they are"""
    seed: Seed
    """everything random in the study derives from it; keep it private: it reveals for which code a
    published trial list was made"""
    stimuli: str = "stimuli"
    """folder of the stimulus set, in the study"""
    objects_per_person: NonNegativeInt = 0
    """objects that each participant sees, a set of their own in all tasks and sessions, so that
    over people each object, and as far as possible each pair, is seen equally often; 0: all"""
    protocol: str = "protocols/odd_one_out.toml"
    """protocol of the odd-one-out task, in the study"""
    arrangement_protocol: str = "protocols/multi_arrangement.toml"
    """protocol of the multi-arrangement task, in the study"""
    design: DesignConfig = DesignConfig()
    exclusion: ExclusionConfig = ExclusionConfig()
    stop: StopConfig = StopConfig()
    adaptive: AdaptiveConfig = AdaptiveConfig()
    anchored: AnchoredConfig = AnchoredConfig()
    odd_one_of_many: OddOneOfManyConfig = OddOneOfManyConfig()
    most_alike_pair: MostAlikePairConfig = MostAlikePairConfig()
    arrangement: ArrangementConfig = ArrangementConfig()
    pair_rating: PairRatingConfig = PairRatingConfig()
    free_sorting: FreeSortingConfig = FreeSortingConfig()
    groups: GroupsConfig = GroupsConfig()
    sitting: SittingConfig = SittingConfig()
    conditions: tuple[Condition, ...] = ()
    """conditions within a session, each a table [[conditions]] with name, instruction, protocols,
    objects and tasks"""
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


_TASK = re.compile(r"_task-([^_]+)_")
_PRODUCTS = (
    *("choices", "arrangements", "ratings", "sortings"),
    *("posterior", "teacher", "student", "results", "report"),
)
"""Outputs of the stages, by the stem of their usual name in ``derived/``."""


@dataclass(frozen=True, repr=False)
class Study:
    """A study folder with its settings; every path of the layout is defined here, once.

    In a notebook it shows its tasks, objects, participants, sessions and what was computed so far.
    """

    root: Path
    config: StudyConfig
    group: str = ""
    """Group of people whose protocols hold; empty: the study's own protocols hold."""
    condition: str = ""
    """Condition that the session is in; empty: in none."""
    language: str = ""
    """Language of what the participant reads; empty: the first of the study's."""
    object_set: int = 0
    """Number of the participant's set of objects, from 1; with 0 all objects are shown."""
    task_order: tuple[str, ...] = ()
    condition_order: tuple[str, ...] = ()
    """``task_order``, ``condition_order``: Tasks of a sitting, and conditions, in the order of the
    participant; empty: in none."""

    @classmethod
    def load(cls, root: str | Path) -> "Study":
        """Open the study in ``root``."""
        root = Path(root)
        if not (root / "study.toml").is_file():
            raise TwoalikeError(
                where=root,
                expected="a study (a folder with study.toml)",
                found="none",
                remedy=f"Make one with: twoalike init {root}",
            )
        study = cls(root, load_toml(root / "study.toml", StudyConfig))
        for folder in (study.raw.parent, study.raw, study.pilot):
            check_readable(folder)
        return study

    @property
    def stimuli(self) -> Path:
        """Folder of the stimulus set."""
        return self.root / self.config.stimuli

    @property
    def known(self) -> dict[str, Any]:
        """What the fits that choose trials know beside the answers, as arguments of ``fit``."""
        of, found = self.config.adaptive, dict[str, Any]()
        if of.features:
            found["features"] = self.root / of.features
        if of.sources:
            found["sources"] = [self.root / name for name in of.sources]
        return found

    @property
    def protocol(self) -> Path:
        """Protocol of the odd-one-out task (TOML)."""
        return self.root / self.config.protocol

    def protocol_of(self, task: str) -> Path:
        """Protocol of a task (its BIDS label, such as ``oddoneout``).

        study.toml may name two of them; that of another package is protocols/LABEL.toml.
        """
        named = {
            "oddoneout": self.config.protocol,
            "anchoredchoice": "protocols/anchored_choice.toml",
            "oddoneofmany": "protocols/odd_one_of_many.toml",
            "mostalikepair": "protocols/most_alike_pair.toml",
            "multiarrangement": self.config.arrangement_protocol,
            "pairrating": "protocols/pair_rating.toml",
            "freesorting": "protocols/free_sorting.toml",
        }
        return self.root / named.get(task, f"protocols/{task}.toml")

    def protocols_over(self, task: str) -> dict[str, Path]:
        """Files with the keys of a task's protocol (its BIDS label) that differ, by their role.

        Those of the study's group come first, then those of its condition.
        """
        own = self.own_condition
        files = {
            "protocol_of_group": self.config.groups.protocols.get(self.group, {}),
            "protocol_of_condition": own.protocols if own is not None else {},
        }
        return {
            role: self.root / file
            for role, named in files.items()
            for name, file in named.items()
            if name.replace("-", "") == task
        }

    @property
    def own_condition(self) -> Condition | None:
        """Settings of the condition that the session is in; None if it is in none."""
        return next((one for one in self.config.conditions if one.name == self.condition), None)

    @property
    def run(self) -> int:
        """Number of a run in its session: that of its condition in study.toml, else 1."""
        own = self.own_condition
        return 1 if own is None else 1 + self.config.conditions.index(own)

    def conditions_of(self, task: str) -> tuple[str, ...]:
        """Conditions of a task (its name), in the order of the participant."""
        named = {one.name: one.tasks for one in self.config.conditions}
        order = self.condition_order or tuple(named)
        return tuple(name for name in order if not named[name] or task in named[name])

    def for_group(self, group: str) -> "Study":
        """Return the study as a group of people does it."""
        remedy = "Groups are named in the table [groups] of study.toml."
        return replace(self, group=one_of("group", group, self.config.groups.names, remedy))

    def in_language(self, language: str) -> "Study":
        """Return the study in one of its languages."""
        remedy = "Languages are named in study.toml."
        names = self.config.languages
        return replace(self, language=one_of("language", language, names, remedy))

    def in_condition(self, name: str) -> "Study":
        """Return the study in a condition, with the settings of the study."""
        names = [condition.name for condition in self.config.conditions]
        remedy = "Conditions are the tables [[conditions]] of study.toml."
        return replace(self, condition=one_of("condition", name, names, remedy))

    @property
    def raw(self) -> Path:
        """Root of the BIDS data set."""
        return self.root / "data" / "raw"

    @property
    def pilot(self) -> Path:
        """Root of the BIDS data set of pilot and dry runs, never mixed with real data."""
        return self.root / "data" / "pilot"

    @property
    def derived(self) -> Path:
        """Folder of everything computed from the raw data."""
        return self.root / "derived"

    @property
    def choices(self) -> Path:
        """Tidy odd-one-out and anchored judgments."""
        return self.derived / "choices.parquet"

    @property
    def arrangements(self) -> Path:
        """Tidy multi-arrangement trials."""
        return self.derived / "arrangements.parquet"

    @property
    def posterior(self) -> Path:
        """The fitted embedding."""
        return self.derived / "posterior.nc"

    def trial_list(self, task: str, participant: str, session: int) -> Path:
        """Trial list of one session (``task`` is the BIDS label, such as ``oddoneout``)."""
        name = f"sub-{participant}_ses-{session:02d}_task-{task}"
        run = f"_run-{self.run:02d}" if self.condition else ""
        return self.root / "design" / f"{name}{run}_trials.tsv"

    def __repr__(self) -> str:
        lines = (f"  {name}: {value}" for name, value in self._summary().items())
        return "\n".join([f"Study {self.config.title!r} in {self.root}", *lines])

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th>{name}</th><td>{html.escape(value)}</td></tr>"
            for name, value in {"folder": str(self.root), **self._summary()}.items()
        )
        return f"<table><caption>{html.escape(self.config.title)}</caption>{rows}</table>"

    def _summary(self) -> dict[str, str]:
        """Facts about the study by their name; only what the folder's listing shows is counted."""
        sessions = sorted(self.raw.glob("sub-*/ses-*"))
        tables = [path.name for path in self.raw.glob("sub-*/ses-*/beh/*_beh.tsv")]
        tasks = sorted({match[1] for name in tables if (match := _TASK.search(name))})
        computed = [name for name in _PRODUCTS if any(self.derived.glob(f"{name}*"))]
        listed = self.stimuli / "stimuli.tsv"
        lines = listed.read_bytes().split(b"\n") if listed.is_file() else []
        objects = max(0, sum(bool(line.strip()) for line in lines) - 1)
        return {
            "objects": str(objects or "no stimuli yet"),
            "tasks": ", ".join(tasks) or "no data yet",
            "participants": str(len({path.parent.name for path in sessions})),
            "sessions": str(len(sessions)),
            "computed": ", ".join(computed) or "nothing yet",
        }
