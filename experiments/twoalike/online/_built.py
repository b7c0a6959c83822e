"""Checks of single records against the participant's steps, and the built study that has them.

A record can be wrong in two ways. It may contradict the participant's file: a step that does not
exist, a place that was not shown, a list of the wrong length. This is checked here, before the
store. Or it may not follow from the records before it; :mod:`twoalike.online._store` checks that.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import NamedTuple

from twoalike.online._blocks import Block, spliced
from twoalike.online._compile import is_adaptive
from twoalike.online._records import (
    MOST_BYTES,
    Answers,
    ArrangementResult,
    ChoiceResult,
    Ending,
    Item,
    Record,
    end_of,
)
from twoalike.online._session import (
    ArrangementsStep,
    BlockStep,
    OnlineSession,
    Part,
    Person,
    QuestionStep,
    Step,
    TrialStep,
)
from twoalike.online._site import OnlineStudy, read_built
from twoalike.study import Study


class Refusal(Exception):
    """A refused request; ``error`` is sent to the page, ``reason`` goes to the log."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(reason)
        self.error, self.reason = error, reason


class StepShape(NamedTuple):
    """What a record of a step may contain."""

    kind: str
    """``page``, ``question``, ``trial`` or ``arrangements``."""
    before: int = 0
    """Trials of choices in the part before it; all of them have been answered by then."""
    measure: str = ""
    trial_index: int = 0
    answers: frozenset[str] = frozenset()
    """Places that may be chosen."""
    ids: frozenset[str] = frozenset()


class PartShape(NamedTuple):
    """Steps of a part, and how many of them are trials of choices."""

    steps: tuple[StepShape, ...]
    n_trials: int


class Checked(NamedTuple):
    """A record that fits its step, with the values that the store needs."""

    n: int
    part: int
    step: int
    body: str
    """Canonical JSON: what is stored, and compared if it comes again."""
    time: float
    """Last time in it, s of the part's clock."""
    before: int
    """Trials of choices in the part before its step."""
    choices: int
    """Trials of choices in it, 0 or 1."""
    arrangement: int | None
    """``trial_index`` of an arrangement."""
    answers: bool
    """Whether it contains the answer to a trial or a question, which a step has once."""
    fast: bool
    trial: int | None
    """``trial_index`` of a choice."""
    position: str | None
    """Place that was chosen."""
    end: str | None
    """How the part ended, in its last record."""
    last: bool
    """Whether the part is the last one."""
    n_trials: int
    """Trials of choices in the whole part."""
    arranges: bool
    """Whether the part has arrangements."""


@dataclass(frozen=True, eq=False)
class BuiltStudy:
    """A study compiled for the browser, in its folder ``online``."""

    page: OnlineStudy

    @classmethod
    def load(cls, root: str | Path) -> "BuiltStudy":
        """Open what ``twoalike online build`` made of a study."""
        return cls(read_built(root))

    @property
    def study(self) -> Study:
        """The study."""
        return self.page.study

    @property
    def session(self) -> OnlineSession:
        """What session.json holds."""
        return self.page.session

    @property
    def site(self) -> Path:
        """Folder that is served."""
        return self.page.folder

    @cached_property
    def groups(self) -> dict[str, str]:
        """Group of people of each participant; empty for a study without groups."""
        people = self.session.participants
        if not self.study.config.groups.names:
            return dict.fromkeys(people, "")
        return {who: self.page.person(who).group for who in people}

    def person(self, participant: str) -> Person:
        """Read what a participant does."""
        return self.page.person(participant)

    @property
    def is_adaptive(self) -> bool:
        """Whether trials are chosen while a session runs."""
        return is_adaptive(self.study)

    def n_trials(self, part: Part) -> int:
        """Count the trials of choices in a part, those not chosen yet too."""
        if any(isinstance(step, BlockStep) for step in part.steps):
            return self.study.config.design.n_listed
        return sum(isinstance(step, TrialStep) for step in part.steps)

    def parts(self, participant: str, blocks: tuple[str, ...] = ()) -> tuple[PartShape, ...]:
        """Return what each part of a participant allows.

        ``blocks`` were chosen for their session; steps behind the first that was not are missing.
        """
        return _parts(self, participant, blocks)


@lru_cache(maxsize=2_000)
def _parts(built: BuiltStudy, participant: str, bodies: tuple[str, ...]) -> tuple[PartShape, ...]:
    chosen = [Block.model_validate_json(body) for body in bodies]
    shapes = []
    for number, part in enumerate(built.person(participant).parts):
        blocks = [block for block in chosen if block.part == number]
        steps = tuple(_shapes(spliced(part.steps, blocks)))
        shapes.append(PartShape(steps, built.n_trials(part)))
    return tuple(shapes)


def _shapes(steps: Iterable[Step]) -> Iterator[StepShape]:
    before = 0
    for step in steps:
        if isinstance(step, BlockStep):  # those behind it are numbered once it is chosen
            return
        yield _shape(step, before)
        before += isinstance(step, TrialStep)


def _shape(step: Step, before: int) -> StepShape:
    match step:
        case TrialStep(trial=trial):
            return StepShape(
                "trial",
                before,
                trial_index=trial.trial_index,
                answers=frozenset(trial.positions[trial.anchored :]),
            )
        case ArrangementsStep():
            return StepShape("arrangements", before, ids=frozenset(step.ids))
        case QuestionStep():
            return StepShape("question", before, measure=step.measure)
        case _:
            return StepShape("page", before)


def check_record(record: Record, parts: tuple[PartShape, ...]) -> Checked:
    """Check a record against what the participant was given."""
    if record.part >= len(parts) or record.step >= len(parts[record.part].steps):
        raise Refusal("malformed", "no such step")
    part = parts[record.part]
    step = part.steps[record.step]
    results = [item for item in record.items if isinstance(item, ChoiceResult | ArrangementResult)]
    endings = [item for item in record.items if isinstance(item, Ending)]
    _check_order(record.items)
    _check_results(results, step)
    for item in record.items:
        if isinstance(item, Answers) and (step.kind, step.measure) != ("question", item.measure):
            raise Refusal("malformed", "answers to other questions")
    body = record.model_dump_json()
    if len(body) > MOST_BYTES:
        raise Refusal("too_large", "record")
    result = results[0] if results else None
    choice = result if isinstance(result, ChoiceResult) else None
    answer = None if choice is None else choice.answer
    return Checked(
        n=record.n,
        part=record.part,
        step=record.step,
        body=body,
        time=max(map(end_of, record.items), default=0.0),
        before=step.before,
        choices=int(choice is not None),
        arrangement=result.trial_index if isinstance(result, ArrangementResult) else None,
        answers=choice is not None or any(isinstance(item, Answers) for item in record.items),
        fast=choice is not None and choice.flag == "fast",
        trial=None if choice is None else choice.trial_index,
        position=None if answer is None else answer.position,
        end=endings[0].reason if endings else None,
        last=record.part == len(parts) - 1,
        n_trials=part.n_trials,
        arranges=any(one.kind == "arrangements" for one in part.steps),
    )


def _check_order(items: tuple[Item, ...]) -> None:
    if any(isinstance(item, Ending) for item in items[:-1]):
        raise Refusal("malformed", "an ending that is not last")


def _check_results(results: list[ChoiceResult | ArrangementResult], step: StepShape) -> None:
    if len(results) > 1:
        raise Refusal("malformed", "two results")
    match results:
        case [ChoiceResult() as result]:
            if step.kind != "trial" or result.trial_index != step.trial_index:
                raise Refusal("malformed", "the result of another trial")
            if result.answer is not None and result.answer.position not in step.answers:
                raise Refusal("malformed", "a place that was not shown")
        case [ArrangementResult() as result]:
            if step.kind != "arrangements":
                raise Refusal("malformed", "an arrangement in another step")
            _check_arrangement(result, step.ids)


def _check_arrangement(result: ArrangementResult, ids: frozenset[str]) -> None:
    n = len(result.items)
    if len(set(result.items)) < n or not ids.issuperset(result.items):
        raise Refusal("malformed", "objects that are not the participant's")
    lists = (result.places, result.inside, result.seat_angles, result.handling, result.order)
    if any(len(one) != n for one in lists) or sorted(result.order) != list(range(n)):
        raise Refusal("malformed", "lists that do not fit the objects")
