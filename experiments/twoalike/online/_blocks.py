"""Blocks of trials that the server chooses while a session runs, by the latest snapshot.

A block is chosen once, when its session reaches it, and stored. Nothing is fitted here, so that no
participant waits for a fit; before the first snapshot, triplets are random. A block depends only on
study, snapshot, participant and its number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pandas as pd
from pydantic import Field

from twoalike.design import (
    TRIAL_LIST,
    TRIPLET_LISTS,
    checks_before,
    participant_number,
    shown_objects,
    with_adaptive_block,
)
from twoalike.online._records import Name, Sent, Sha256
from twoalike.online._session import BlockStep, ChoiceTrial, Part, Step, TrialStep
from twoalike.online._snapshots import CutOff, Snapshot, latest_snapshot, snapshot_folder
from twoalike.record import RunName
from twoalike.stimuli import StimulusSet
from twoalike.study import Study, TwoalikeError
from twoalike.tables import ODD_ONE_OUT, parse_text, typed
from twoalike.tasks import (
    Note,
    OddOneOut,
    Prepared,
    PreparedTriplets,
    Trial,
    as_text,
    count_judged,
    page_before,
    prepared_trials,
    trials_from_table,
)
from twoalike.tasks.odd_one_out import Choosing

_DECIMALS = 6
"""Of scores, as the column ``sampler_score`` has them."""


class Chooser(CutOff):
    """The snapshot that chose a block, with its data."""

    number: Annotated[int, Field(ge=1)]
    posterior: Sha256
    """Hash of the draws (:attr:`Snapshot.posterior`)."""


class Block(Sent):
    """A chosen block: the steps of the page, and the rows of the trial list."""

    kind: Literal["block"] = "block"
    session: Name
    part: Annotated[int, Field(ge=0, le=100)]
    block: Annotated[int, Field(ge=1)]
    snapshot: Chooser | None
    """None: chosen at random, since there was no snapshot yet."""
    rows: tuple[dict[str, str], ...]
    """Rows of the trial list, by column, as text."""
    steps: tuple[Step, ...]
    """Pages and trials that take the place of the :class:`BlockStep`."""

    def note(self, time: float) -> Note:
        """Return the note for the log: which snapshot chose the block; ``time`` in s of the run.

        ``records`` and ``trials`` are numbers of the fit, ``fitted`` is when it read them (UTC).
        """
        chooser = self.snapshot
        known = (
            {"snapshot": None}
            if chooser is None
            else {
                "snapshot": chooser.number,
                "records": chooser.records,
                "trials": chooser.trials,
                "fitted": chooser.time,
                "posterior": chooser.posterior,
            }
        )
        return Note("block", time, {"block": self.block, **known})


def block_table(blocks: Sequence[Block]) -> pd.DataFrame:
    """Trial list of a part's blocks, as :func:`twoalike.design.read_trial_list` gives it."""
    rows = [row for block in blocks for row in block.rows]
    text = pd.DataFrame(rows, columns=list(TRIAL_LIST.names))
    values, faults = parse_text(TRIAL_LIST, text)
    for fault in faults:
        raise fault.error(f"trials of session {blocks[0].session}")
    return typed(TRIAL_LIST, values)


def spliced(steps: Sequence[Step], blocks: Sequence[Block]) -> tuple[Step, ...]:
    """Replace block steps by the steps of chosen blocks; the others remain."""
    made = {one.block: one.steps for one in blocks}
    parts = (
        made.get(step.block, (step,)) if isinstance(step, BlockStep) else (step,) for step in steps
    )
    return tuple(step for part in parts for step in part)


def as_chosen(
    prepared: Sequence[Prepared], parts: Sequence[Part], study: Study, blocks: Sequence[Block]
) -> tuple[list[Prepared], list[Part]]:
    """Replace the placeholder trials and steps of an adaptive session by its chosen blocks."""
    sessions, pages = list(prepared), list(parts)
    for number, (one, part) in enumerate(zip(prepared, parts, strict=True)):
        if not any(isinstance(step, BlockStep) for step in part.steps):
            continue
        assert isinstance(one, PreparedTriplets)
        own = [block for block in blocks if block.part == number]
        sitting = replace(one.sitting, study=study)
        made = prepared_trials(
            PreparedTriplets, sitting, one.protocol, one.stimuli, block_table(own)
        )
        plan = replace(made.plan, n_trials=study.config.design.n_listed)
        sessions[number] = replace(made, settled=one.settled, plan=plan)
        pages[number] = part.model_copy(update={"steps": spliced(part.steps, own)})
    return sessions, pages


def next_block(
    study: Study,
    stimuli: StimulusSet,
    snapshot: Snapshot | None,
    participant: str,
    session: int,
    block: int,
    before: pd.DataFrame | None,
    *,
    earlier: Sequence[pd.DataFrame] = (),
) -> pd.DataFrame:
    """Trial list of a session so far, and the next block behind it.

    The share ``random_share`` of the design's trials is drawn at random. Candidates of the others
    are drawn from the snapshot's pool, informative ones with higher probability, so that people who
    take part at the same time see different triplets; the choice among them is that of a window.

    Parameters
    ----------
    snapshot
        None: a random block.
    before
        Trial list so far; None before the first block.
    earlier
        Lists of the participant's earlier sessions; their triplets are not repeated.
    """
    config = study.config.design
    if snapshot is not None:
        snapshot.check_objects(shown_objects(stimuli, config))
    table = with_adaptive_block(
        stimuli,
        config,
        before,
        block,
        None if snapshot is None else snapshot.choices,
        np.random.default_rng([study.config.seed, participant_number(participant), session, block]),
        before=earlier,
        checks_before=checks_before(participant, session, config.catch),
        candidates=None if snapshot is None else snapshot.candidates,
    )
    table["sampler_score"] = table["sampler_score"].round(_DECIMALS)
    return table


class NextBlocks:
    """Chooses the blocks of a study's sessions; may be called from several threads."""

    def __init__(self, study: Study | str | Path) -> None:
        self._study = study if isinstance(study, Study) else Study.load(study)
        check_adaptive(self._study)
        self._stimuli = StimulusSet.load(self._study.stimuli, verify=False)
        self._latest: Snapshot | None = None

    def next(
        self,
        step: BlockStep,
        *,
        session: str,
        participant: str,
        number: int,
        part: int,
        before: Sequence[Block],
        protocol: Mapping[str, Any],
    ) -> Block:
        """Choose a block of a session, for the server to store and to show.

        ``session`` is the name of the online session, ``number`` that of the participant's; the
        stored blocks of this part come ``before``, and the block replaces ``step``.
        """
        self._latest = snapshot = latest_snapshot(snapshot_folder(self._study), self._latest)
        listed = block_table(before) if before else None
        table = next_block(
            self._study,
            self._stimuli,
            snapshot,
            participant,
            number,
            step.block,
            listed,
            earlier=self._earlier(participant, number),
        )
        total = self._study.config.design.n_judged
        n_before = 0 if listed is None else len(listed)
        return Block(
            session=session,
            part=part,
            block=step.block,
            snapshot=None if snapshot is None else _chooser(snapshot),
            rows=_rows(table.iloc[n_before:]),
            steps=_steps(step, table, n_before, total, OddOneOut.model_validate(dict(protocol))),
        )

    def _earlier(self, participant: str, number: int) -> list[pd.DataFrame]:
        """Read the lists of the person's earlier sessions that are in the study."""
        found = []
        for session in range(1, number):
            name = RunName(participant, session, ODD_ONE_OUT, 1)
            designed = self._study.trial_list(ODD_ONE_OUT, participant, session)
            for path in (designed, name.trials(self._study.raw)):
                if path.exists():
                    found.append(TRIPLET_LISTS.read(path, self._stimuli.ids))
                    break
        return found


def check_adaptive(study: Study) -> None:
    """Check that the trials of a study can be chosen while its sessions run."""
    config = study.config
    if config.design.sampler != "adaptive":
        raise TwoalikeError(
            where="design.sampler",
            expected="'adaptive'",
            found=repr(config.design.sampler),
            remedy='Set sampler = "adaptive" below [design] in study.toml.',
        )
    if config.conditions or config.objects_per_person:
        raise TwoalikeError(
            "the adaptive sampler chooses by all judgments of all objects",
            where="conditions" if config.conditions else "objects_per_person",
            remedy="Leave them out, or choose another design.sampler.",
        )


def _chooser(snapshot: Snapshot) -> Chooser:
    return Chooser(
        number=snapshot.number, posterior=snapshot.posterior, **snapshot.cut_off.model_dump()
    )


def _rows(table: pd.DataFrame) -> tuple[dict[str, str], ...]:
    text = as_text(table)
    return tuple(dict(zip(text.columns, row, strict=True)) for row in text.to_numpy().tolist())


def _steps(
    step: BlockStep, table: pd.DataFrame, first: int, total: int, protocol: OddOneOut
) -> tuple[Step, ...]:
    """Pages and trials of a block; ``first`` is the number of its first trial, from 0."""
    trials = trials_from_table(table)
    steps: list[Step] = []
    for number in range(first, len(trials)):
        page = None if number == 0 else page_before(protocol, trials, number, total)
        if page == "practice_end" and step.practice_end is not None:
            steps.append(step.practice_end)
        if page == "break" and step.pause is not None:
            done = count_judged(trials[:number])
            caption = protocol.texts.progress.format(done=done, total=total)
            filled = {"progress": (done, total), "caption": caption}
            steps.append(step.pause.model_copy(update=filled))
        steps.append(TrialStep(trial=choice_trial(trials[number], protocol)))
    return tuple(steps)


def choice_trial(trial: Trial, protocol: Choosing) -> ChoiceTrial:
    """Return what the page needs of a trial; checks and repeats look like main trials."""
    is_practice = trial.trial_type == "practice"
    return ChoiceTrial(
        trial_index=trial.trial_index,
        block_index=trial.block_index,
        trial_type="practice" if is_practice else "main",
        stimuli=trial.stimuli,
        positions=trial.positions,
        expected=trial.expected if is_practice and protocol.practice.feedback else None,
        anchored=trial.anchored,
    )
