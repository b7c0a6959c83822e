"""Blocks of trials that the server chooses while a session runs, by the answers so far.

A block is chosen once, when its session reaches it, and stored. Of choices and ratings it depends
only on study, latest snapshot, participant and its number. Nothing is fitted here, so that no
participant waits for a fit; before the first snapshot, trials are random. Of arrangements it is the
trial that the window would show next, so that the same answers give the same block again.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import pandas as pd
from pydantic import Field

from twoalike.online import _records as sent
from twoalike.online._compile import ROOMY, arrangement, listed_trial, page_step
from twoalike.online._snapshots import CutOff, Snapshot
from twoalike.planning import AdaptiveDesign
from twoalike.registry import find_task
from twoalike.tables import parse_text, typed
from twoalike.tasks import (
    Note,
    PageActivity,
    Prepared,
    Protocol,
    as_text,
    count_judged,
    frame,
    page_before,
    trials_from_table,
)
from twoalike.tasks.multi_arrangement import (
    ArrangementResult,
    ArrangementTrial,
    Ending,
    Handling,
    PreparedArrangements,
    pages_between,
    submitted,
)

_DECIMALS = 6
"""Of scores, as the column ``sampler_score`` has them."""
_NOTED = {"snapshot": "number", "records": "records", "trials": "trials", "fitted": "time"}
"""What the log has of the snapshot that chose a block."""


class Chooser(CutOff):
    """The snapshot that chose a block, with its data."""

    number: Annotated[int, Field(ge=1)]
    posterior: sent.Sha256
    """Hash of the draws (:attr:`Snapshot.posterior`)."""


class Block(sent.Sent):
    """A chosen block: the steps of the page, and the rows of the trial list."""

    kind: Literal["block"] = "block"
    session: sent.Name
    part: sent.PartIndex
    block: Annotated[int, Field(ge=1)]
    task: str = "odd-one-out"
    snapshot: Chooser | None = None
    """None: chosen at random, since there was no snapshot yet."""
    rows: tuple[dict[str, str], ...] = ()
    """Rows of the trial list, by column, as text."""
    arranged: ArrangementTrial | None = None
    """The trial, of arrangements; None after the last one."""
    ended: dict[str, str | float] | None = None
    """After the last one: why there is no further main trial, as the log has it."""
    steps: tuple[sent.Step, ...]
    """Pages and trials that take the place of the :class:`BlockStep`."""

    def note(self, time: float) -> Note:
        """Return the note for the log: which snapshot chose the block; ``time`` in s of the run."""
        detail: dict[str, object] = {"block": self.block, "snapshot": None}
        if self.snapshot is not None:
            detail |= {name: getattr(self.snapshot, field) for name, field in _NOTED.items()}
            detail["posterior"] = self.snapshot.posterior
        return Note("block", time, detail)


def block_table(blocks: Sequence[Block]) -> pd.DataFrame:
    """Trial list of a part's blocks, as reading its file gives it."""
    form = find_task(blocks[0].task).lists.form
    rows = [row for block in blocks for row in block.rows]
    values, faults = parse_text(form, pd.DataFrame(rows, columns=list(form.names)))
    for fault in faults:
        raise fault.error(f"trials of session {blocks[0].session}")
    return typed(form, values)


def spliced(steps: Sequence[sent.Step], blocks: Sequence[Block]) -> tuple[sent.Step, ...]:
    """Replace block steps by the steps of chosen blocks; the others remain."""
    made = {one.block: one.steps for one in blocks}
    found: list[sent.Step] = []
    left = list(reversed(steps))
    while left:
        step = left.pop()
        if isinstance(step, sent.BlockStep) and step.block in made:
            left += reversed(made[step.block])
        else:
            found.append(step)
    return tuple(found)


def choose_block(
    design: AdaptiveDesign,
    snapshot: Snapshot | None,
    person: tuple[str, int],
    step: sent.BlockStep,
    before: Sequence[Block],
    protocol: Protocol,
    key: Mapping[str, Any],
    earlier: Sequence[pd.DataFrame] = (),
) -> Block:
    """Choose a block of trials of a ``person`` (code and number of their session).

    ``before`` are the blocks of the part so far, ``key`` names session, part, block
    and task.
    """
    listed = block_table(before) if before else None
    if snapshot is not None and design.task.label not in snapshot.objects:
        snapshot = None
    scored = None if snapshot is None else snapshot.scored(design)
    table = design.block(scored, *person, step.block, listed, earlier)
    if "sampler_score" in table:
        table["sampler_score"] = table["sampler_score"].round(_DECIMALS)
    first, total = 0 if listed is None else len(listed), design.settings.n_judged
    trials = trials_from_table(table)
    steps: list[sent.Step] = []
    for number in range(first, len(trials)):
        page = None if number == 0 else page_before(protocol, trials, number, total)
        if page == "practice_end" and step.practice_end is not None:
            steps.append(step.practice_end)
        if page == "break" and step.pause is not None:
            done = count_judged(trials[:number])
            caption = protocol.texts.progress.format(done=done, total=total)
            filled = {"progress": (done, total), "caption": caption}
            steps.append(step.pause.model_copy(update=filled))
        steps.append(sent.TrialStep(trial=listed_trial(trials[number], protocol)))
    chooser = None
    if snapshot is not None:
        known: Any = {"number": snapshot.number, "posterior": snapshot.posterior}
        chooser = Chooser(**known, **snapshot.cut_off.model_dump())
    rows: Any = as_text(table.iloc[first:]).to_dict("records")
    return Block(**key, snapshot=chooser, rows=tuple(rows), steps=tuple(steps))


def next_arrangement_block(
    prepared: Prepared,
    before: Sequence[Block],
    results: Sequence[sent.ArrangementResult],
    key: Mapping[str, Any],
) -> Block:
    """Choose the next arrangement by all those that are over, as the window's script does."""
    assert isinstance(prepared, PreparedArrangements)
    trials = [block.arranged for block in before if block.arranged is not None]
    done = [submitted(arranged(*one)) for one in zip(trials, results, strict=True)]
    arranging = replace(prepared.arranging, done=done)
    planned = arranging.following()
    if planned is None:
        return Block(**key, ended=arranging.end(), steps=())
    trial, protocol = arranging.trial(planned), prepared.protocol
    pages: list[sent.Step] = []
    if done:
        roomy = frame(protocol.screen, ROOMY.size)
        shown = pages_between(protocol, roomy, arranging, trial)
        pages = [page_step(page) for page in shown if isinstance(page, PageActivity)]
    following = sent.BlockStep(block=key["block"] + 1, task="multi-arrangement")
    steps = (*pages, sent.ArrangementStep(trial=arrangement(trial)), following)
    return Block(**key, arranged=trial, steps=steps)


def arranged(trial: ArrangementTrial, item: sent.ArrangementResult) -> ArrangementResult:
    """Return the result of a trial as the window has it, from what the page sent."""
    return ArrangementResult(trial=trial, **placed_fields(item))


def placed_fields(item: sent.PlacedResult) -> dict[str, Any]:
    """Return the fields of a window's result that the page sent."""
    values = item.model_dump(exclude={"kind", "trial_index", "items", "planned_onset"})
    handling = tuple(Handling(**one) for one in values.pop("handling"))
    return {**values, "handling": handling, "ending": Ending(**values["ending"])}
