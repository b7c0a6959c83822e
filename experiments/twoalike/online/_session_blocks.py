"""The blocks of sessions on the server: each is chosen once, then stored and kept."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import pandas as pd
from sqlalchemy import Connection, insert

from twoalike.design import TRIPLET_LISTS
from twoalike.online._blocks import (
    Block,
    block_of_choices,
    block_table,
    check_adaptive,
    next_arrangement_block,
    next_block,
    spliced,
)
from twoalike.online._built import Refusal
from twoalike.online._compile import is_adaptive
from twoalike.online._places import find_session
from twoalike.online._records import ArrangementResult, Asked, BlockStep, Record
from twoalike.online._site import OnlineStudy
from twoalike.online._snapshots import Snapshot, latest_snapshot, snapshot_folder
from twoalike.online._store import BLOCKS, Store, over, stored_blocks, stored_records
from twoalike.record import RunName
from twoalike.stimuli import StimulusSet
from twoalike.study import Study
from twoalike.tables import ODD_ONE_OUT
from twoalike.tasks import OddOneOut


class NextChoices:
    """Chooses the blocks of an adaptive design; may be called from several threads."""

    def __init__(self, study: Study) -> None:
        check_adaptive(study)
        self._study = study
        self._stimuli = StimulusSet.load(study.stimuli, verify=False)
        self._latest: Snapshot | None = None

    def next(
        self,
        step: BlockStep,
        participant: str,
        number: int,
        before: Sequence[Block],
        protocol: OddOneOut,
        key: Mapping[str, Any],
    ) -> Block:
        """Choose a block of choices; ``number`` is that of the participant's session."""
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
        first, total = 0 if listed is None else len(listed), self._study.config.design.n_judged
        return block_of_choices(step, snapshot, table, first, total, protocol, key)

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


class SessionBlocks:
    """Gives the blocks of sessions: those in the store, else the next, which is stored first.

    May be called from several threads.
    """

    def __init__(self, built: OnlineStudy, store: Store) -> None:
        self._built, self._store = built, store
        self._choices = NextChoices(built.study) if is_adaptive(built.study) else None
        self._prepared = lru_cache(maxsize=500)(built.prepared)

    def give(self, session: str, asked: Asked) -> Block:
        """Return a block of a session: the stored one, or else the next, once it is stored."""
        with self._store.reading() as connection:
            row = find_session(connection, session)
            before = _of_part(connection, session, asked.part)
            results = _arrangements(connection, session, asked.part)
        if (known := _of_number(before, asked.block)) is not None:
            return known
        person = self._built.person(row["participant"])
        part = person.parts[asked.part] if asked.part < len(person.parts) else None
        steps = spliced(part.steps if part else (), before)
        step = next((one for one in steps if isinstance(one, BlockStep)), None)
        if part is None or step is None or step.block != asked.block:
            raise Refusal("malformed", "no such block, or not yet")
        key = {"session": session, "part": asked.part, "block": step.block}
        if step.task == "multi-arrangement":
            prepared = self._prepared(row["participant"])[asked.part]
            if len(results) < len(before):
                raise Refusal("malformed", "a block before the answers to the one before")
            made = next_arrangement_block(prepared, before, results, key)
        else:
            assert self._choices is not None
            protocol = OddOneOut.model_validate(self._built.session.protocols[part.protocol])
            who = (row["participant"], person.session)
            made = self._choices.next(step, *who, before, protocol, key)
        stored: Block = self._store.submit(lambda connection: _keep(connection, made)).result()
        return stored

    def again(self, session: str, number: int) -> bool:
        """Choose a lost block of arrangements again; whether there was one to be chosen."""
        with self._store.reading() as connection:
            participant = find_session(connection, session)["participant"]
            before = _of_part(connection, session, number)
            results = _arrangements(connection, session, number)
        parts = self._built.person(participant).parts
        steps = spliced(parts[number].steps, before) if number < len(parts) else ()
        blocks = [one for one in steps if isinstance(one, BlockStep)]
        if not blocks or blocks[0].task != "multi-arrangement" or len(results) < len(before):
            return False
        self.give(session, Asked(part=number, block=blocks[0].block))
        return True


def _arrangements(connection: Connection, session: str, part: int) -> list[ArrangementResult]:
    """Arrangements of one part of a session that are in the store, in order."""
    bodies = stored_records(connection, session, part)
    items = (item for body in bodies for item in Record.model_validate_json(body).items)
    return [item for item in items if isinstance(item, ArrangementResult)]


def _of_part(connection: Connection, session: str, part: int) -> list[Block]:
    """Blocks of one part of a session that are in the store."""
    found = (Block.model_validate_json(one) for one in stored_blocks(connection, session))
    return [block for block in found if block.part == part]


def _of_number(blocks: list[Block], number: int) -> Block | None:
    return next((block for block in blocks if block.block == number), None)


def _keep(connection: Connection, made: Block) -> Block:
    """Store a block, unless another request was first: then that one is returned."""
    ended = find_session(connection, made.session)["ended"]
    if ended is not None:
        raise over(ended)
    known = _of_number(_of_part(connection, made.session, made.part), made.block)
    if known is not None:
        return known
    key = {"session": made.session, "part": made.part, "block": made.block}
    connection.execute(insert(BLOCKS).values(**key, body=made.model_dump_json()))
    return made
