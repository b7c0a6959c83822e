"""Checks of single records against the participant's steps, and the built study that has them.

A record can be wrong in two ways. It may contradict the participant's file: a step that does not
exist, a place that was not shown, a list of the wrong length. This is checked here, before the
store. Or it may not follow from the records before it; :mod:`twoalike.online._store` checks that.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import takewhile
from pathlib import Path
from typing import NamedTuple

from twoalike.online._blocks import Block, spliced
from twoalike.online._compile import is_adaptive
from twoalike.online._records import (
    MOST_BYTES,
    Answers,
    ArrangementResult,
    ArrangementStep,
    BlockStep,
    ChoiceResult,
    Ending,
    Item,
    OnlineSession,
    Part,
    Person,
    QuestionStep,
    Record,
    Step,
    TrialStep,
    end_of,
)
from twoalike.online._site import OnlineStudy, read_built
from twoalike.study import Study
from twoalike.tables import choice_columns
from twoalike.tasks import PreparedTriplets


class Refusal(Exception):
    """A refused request; ``error`` is sent to the page, ``reason`` goes to the log."""

    def __init__(self, error: str, reason: str) -> None:
        super().__init__(reason)
        self.error, self.reason = error, reason


class StepShape(NamedTuple):
    """What a record of a step may contain."""

    kind: str
    """``page``, ``question``, ``trial`` or ``arrangement``."""
    before: int = 0
    """Trials in the part before it; all of them have been answered by then."""
    measure: str = ""
    trial_index: int = 0
    shown: tuple[str, ...] = ()
    """Places that may be chosen, or objects to be arranged."""
    right: str = ""
    """Place of the right answer, of an attention check; the page does not have it."""


class PartShape(NamedTuple):
    """Steps of a part, up to trials that are not chosen yet, and how many of them are trials."""

    steps: tuple[StepShape, ...]
    n_trials: int | None
    """None while trials are to be chosen."""


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
    """Trials in the part before its step."""
    trials: int
    """Trials in it, 0 or 1."""
    answers: bool
    """Whether it contains the answer to a trial or a question, which a step has once."""
    fast: bool
    checks: int
    """Attention checks among the choices in it, 0 or 1."""
    right: int
    """Those with the right answer."""
    end: str | None
    """How the part ended, in its last record."""
    last: bool
    """Whether the part is the last one."""
    n_trials: int | None
    """Trials in the whole part; None while some are to be chosen."""


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
        """Whether choices are chosen while a session runs."""
        return is_adaptive(self.study)

    @cached_property
    def chooses(self) -> bool:
        """Whether any trials are chosen while a session runs."""
        parts = self.person(self.session.participants[0]).parts
        return any(isinstance(step, BlockStep) for part in parts for step in part.steps)

    def n_trials(self, part: Part) -> int | None:
        """Count the trials in a part, choices not chosen yet too; None if the answers decide."""
        blocks = [step for step in part.steps if isinstance(step, BlockStep)]
        if blocks:
            open_ended = blocks[0].task == "multi-arrangement"
            return None if open_ended else self.study.config.design.n_listed
        return sum(isinstance(step, TrialStep | ArrangementStep) for step in part.steps)

    def parts(self, participant: str, blocks: tuple[str, ...] = ()) -> tuple[PartShape, ...]:
        """Return what each part of a participant allows.

        ``blocks`` were chosen for their session; steps behind the first that was not are missing.
        """
        return _parts(self, participant, blocks)


@lru_cache(maxsize=2_000)
def _parts(built: BuiltStudy, participant: str, bodies: tuple[str, ...]) -> tuple[PartShape, ...]:
    chosen = [Block.model_validate_json(body) for body in bodies]
    right = _right_of_blocks(chosen) if built.is_adaptive else _right_answers(built, participant)
    shapes = []
    for number, part in enumerate(built.person(participant).parts):
        steps = spliced(part.steps, [block for block in chosen if block.part == number])
        known = [step for step in takewhile(lambda one: not isinstance(one, BlockStep), steps)]
        found, before = [], 0
        for step in known:
            shape = _shape(step, before)
            found.append(shape._replace(right=right.get((number, shape.trial_index), "")))
            before += isinstance(step, TrialStep | ArrangementStep)
        shapes.append(PartShape(tuple(found), before if len(known) == len(steps) else None))
    return tuple(shapes)


@lru_cache(maxsize=2_000)
def _right_answers(built: BuiltStudy, participant: str) -> dict[tuple[int, int], str]:
    """Places of the right answers to attention checks, by part and trial."""
    return {
        (number, trial.trial_index): trial.positions[trial.expected - 1]
        for number, prepared in enumerate(built.page.prepared(participant))
        if isinstance(prepared, PreparedTriplets)
        for trial in prepared.trials
        if trial.trial_type == "catch" and trial.expected is not None
    }


def _right_of_blocks(blocks: Sequence[Block]) -> dict[tuple[int, int], str]:
    """Places of the right answers, of an adaptive design."""
    return {
        (block.part, int(row["trial_index"])): row[f"position_{row[choice_columns(row)[1]]}"]
        for block in blocks
        for row in block.rows
        if row["trial_type"] == "catch" and row[choice_columns(row)[1]].isdecimal()
    }


def _shape(step: Step, before: int) -> StepShape:
    match step:
        case TrialStep(trial=trial):
            shown = trial.positions[trial.anchored :]
            return StepShape("trial", before, trial_index=trial.trial_index, shown=shown)
        case ArrangementStep(trial=arranged):
            index, shown = arranged.trial_index, arranged.items
            return StepShape("arrangement", before, trial_index=index, shown=shown)
        case QuestionStep():
            return StepShape("question", before, measure=step.measure)
        case _:
            return StepShape("page", before)


def is_known(record: Record, parts: tuple[PartShape, ...]) -> bool:
    """Whether the participant was given the step of a record."""
    return record.part < len(parts) and record.step < len(parts[record.part].steps)


def check_record(record: Record, parts: tuple[PartShape, ...]) -> Checked:
    """Check a record against what the participant was given."""
    if not is_known(record, parts):
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
    choice = next((one for one in results if isinstance(one, ChoiceResult)), None)
    answer = None if choice is None else choice.answer
    return Checked(
        n=record.n,
        part=record.part,
        step=record.step,
        body=body,
        time=max(map(end_of, record.items), default=0.0),
        before=step.before,
        trials=len(results),
        answers=bool(results) or any(isinstance(item, Answers) for item in record.items),
        fast=choice is not None and choice.flag == "fast",
        checks=int(choice is not None and bool(step.right)),
        right=int(answer is not None and answer.position == step.right),
        end=endings[0].reason if endings else None,
        last=record.part == len(parts) - 1,
        n_trials=part.n_trials,
    )


def _check_order(items: tuple[Item, ...]) -> None:
    if any(isinstance(item, Ending) for item in items[:-1]):
        raise Refusal("malformed", "an ending that is not last")


def _check_results(results: list[ChoiceResult | ArrangementResult], step: StepShape) -> None:
    if len(results) > 1:
        raise Refusal("malformed", "two results")
    for result in results:
        kind = "trial" if isinstance(result, ChoiceResult) else "arrangement"
        if (step.kind, step.trial_index) != (kind, result.trial_index):
            raise Refusal("malformed", "the result of another trial")
        if isinstance(result, ArrangementResult):
            n, shown = len(step.shown), result.items
            lists = (result.places, result.inside, result.seat_angles, result.handling)
            if shown != step.shown or any(len(one) != n for one in lists):
                raise Refusal("malformed", "places of other objects")
        elif result.answer is not None and result.answer.position not in step.shown:
            raise Refusal("malformed", "a place that was not shown")
