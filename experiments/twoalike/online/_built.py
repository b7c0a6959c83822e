"""The built study, and checks of records against what its participants are given.

A record can be wrong in two ways. It may contradict the participant's steps: a step that does not
exist, a place that was not shown, a list of the wrong length. Or it may not follow from the records
before it. Neither is stored.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import takewhile
from typing import Any, NamedTuple

from twoalike.online._blocks import Block, spliced
from twoalike.online._compile import is_adaptive
from twoalike.online._records import (
    Answers,
    ArrangementResult,
    ArrangementStep,
    BlockStep,
    ChoiceResult,
    Ending,
    Item,
    Part,
    QuestionStep,
    Record,
    Step,
    TrialStep,
    end_of,
)
from twoalike.online._site import OnlineStudy
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


@lru_cache(maxsize=2_000)
def parts_of(
    built: OnlineStudy, participant: str, bodies: tuple[str, ...] = ()
) -> tuple[PartShape, ...]:
    """Return what each part of a participant allows.

    ``bodies`` are the blocks chosen for their session, as JSON; steps behind the first block that
    is not among them are missing.
    """
    chosen = [Block.model_validate_json(body) for body in bodies]
    adaptive = is_adaptive(built.study)
    right = _right_of_blocks(chosen) if adaptive else _right_answers(built, participant)
    parts = [
        part.model_copy(
            update={"steps": spliced(part.steps, [one for one in chosen if one.part == n])}
        )
        for n, part in enumerate(built.person(participant).parts)
    ]
    return shapes_of(parts, right)


def shapes_of(
    parts: Sequence[Part], right: Mapping[tuple[int, int], str] | None = None
) -> tuple[PartShape, ...]:
    """Return what parts allow; ``right`` are the places of right answers, by part and trial."""
    shapes = []
    for number, part in enumerate(parts):
        known = list(takewhile(lambda one: not isinstance(one, BlockStep), part.steps))
        found, before = [], 0
        for step in known:
            shape = _shape(step, before)
            place = (right or {}).get((number, shape.trial_index), "")
            found.append(shape._replace(right=place))
            before += isinstance(step, TrialStep | ArrangementStep)
        n_trials = before if len(known) == len(part.steps) else None
        shapes.append(PartShape(tuple(found), n_trials))
    return tuple(shapes)


@lru_cache(maxsize=2_000)
def _right_answers(built: OnlineStudy, participant: str) -> dict[tuple[int, int], str]:
    """Places of the right answers to attention checks, by part and trial."""
    return {
        (number, trial.trial_index): trial.positions[trial.expected - 1]
        for number, prepared in enumerate(built.prepared(participant))
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


NEW: Mapping[str, Any] = {
    **dict.fromkeys(("n", "part", "over", "answered", "done"), 0),
    **dict.fromkeys(("trials", "fast", "checks", "right"), 0),
    "step": -1,
    "clock": 0.0,
    "part_end": None,
}
"""State of a session without a record."""


def following(
    state: Mapping[str, Any], record: Record, parts: tuple[PartShape, ...]
) -> dict[str, Any]:
    """State of a session after a record, which must fit its step and follow from the state before.

    ``parts`` are what the participant was given; the state has the columns of the store's table.
    """
    if not is_known(record, parts):
        raise Refusal("malformed", "no such step")
    part, same = parts[record.part], record.part == state["part"]
    step = part.steps[record.step]
    again = same and record.step == state["step"]  # what a step gave may take several records
    result, end = _checked_items(record.items, step)
    answers = result is not None or any(isinstance(item, Answers) for item in record.items)
    over = state["over"] if same else 0
    n_trials = int(result is not None)
    if same and state["part_end"] is not None:
        raise Refusal("malformed", "a record after the end of its part")
    if (same and record.step < state["step"]) or (again and state["answered"] and answers):
        raise Refusal("malformed", "a step that was answered before")
    if not same and (record.part != state["part"] + 1 or state["part_end"] != "completed"):
        raise Refusal("malformed", "a part before its turn")
    if not again and over != step.before:
        raise Refusal("malformed", "trials were left out")
    if end == "completed" and over + n_trials != part.n_trials:
        raise Refusal("malformed", "an end before the last trial")
    choice = result if isinstance(result, ChoiceResult) else None
    place = choice.answer.position if choice is not None and choice.answer is not None else None
    time = max(map(end_of, record.items), default=0.0)
    return {
        "n": record.n,
        "part": record.part,
        "step": record.step,
        "clock": max(time, state["clock"] if same else 0.0),
        "over": over + n_trials,
        "answered": int(answers or (again and bool(state["answered"]))),
        "part_end": end,
        "done": int(record.part == len(parts) - 1 and end == "completed"),
        "trials": state["trials"] + n_trials,
        "fast": state["fast"] + (choice is not None and choice.flag == "fast"),
        "checks": state["checks"] + (choice is not None and bool(step.right)),
        "right": state["right"] + (bool(step.right) and place == step.right),
    }


def _checked_items(
    items: tuple[Item, ...], step: StepShape
) -> tuple[ChoiceResult | ArrangementResult | None, str | None]:
    """Check items against their step; return the result among them and how the part ended."""
    results = [item for item in items if isinstance(item, ChoiceResult | ArrangementResult)]
    if any(isinstance(item, Ending) for item in items[:-1]):
        raise Refusal("malformed", "an ending that is not last")
    if len(results) > 1:
        raise Refusal("malformed", "two results")
    for item in items:
        if isinstance(item, Answers) and (step.kind, step.measure) != ("question", item.measure):
            raise Refusal("malformed", "answers to other questions")
    for result in results:
        kind = "trial" if isinstance(result, ChoiceResult) else "arrangement"
        if (step.kind, step.trial_index) != (kind, result.trial_index):
            raise Refusal("malformed", "the result of another trial")
        if isinstance(result, ArrangementResult):
            lists = (result.places, result.inside, result.seat_angles, result.handling)
            if result.items != step.shown or any(len(one) != len(step.shown) for one in lists):
                raise Refusal("malformed", "places of other objects")
        elif result.answer is not None and result.answer.position not in step.shown:
            raise Refusal("malformed", "a place that was not shown")
    last = items[-1] if items else None
    return next(iter(results), None), last.reason if isinstance(last, Ending) else None
