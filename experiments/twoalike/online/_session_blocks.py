"""What participants are given on the server: their steps, with the blocks chosen for them.

Each block is chosen once, then stored and kept.
"""

from collections.abc import Iterable
from functools import lru_cache

from sqlalchemy import Connection

from twoalike.online._blocks import (
    Block,
    block_table,
    choose_block,
    next_arrangement_block,
    spliced,
)
from twoalike.online._places import find_session
from twoalike.online._records import (
    ArrangementResult,
    Asked,
    BlockStep,
    PartShape,
    QuestionStep,
    Record,
    Refusal,
    shapes_of,
)
from twoalike.online._site import OnlineStudy
from twoalike.online._snapshots import Snapshot, latest_snapshot, snapshot_folder
from twoalike.online._store import Store, over, stored, write_line
from twoalike.planning import adaptive_designs
from twoalike.tasks import PreparedTriplets, Trial, trials_from_table


@lru_cache(maxsize=2_000)
def parts_of(
    built: OnlineStudy, participant: str, bodies: tuple[str, ...] = ()
) -> tuple[PartShape, ...]:
    """Return what each part of a participant allows, with the right answers to attention checks.

    ``bodies`` are the blocks chosen for their session, as JSON; steps behind the first block that
    is not among them are missing.
    """
    chosen = [Block.model_validate_json(body) for body in bodies]
    right = dict(_listed_right(built, participant))
    parts = []
    for number, part in enumerate(built.person(participant).parts):
        blocks = [one for one in chosen if one.part == number]
        parts.append(part.model_copy(update={"steps": spliced(part.steps, blocks)}))
        if any(block.rows for block in blocks):
            right |= _right(number, trials_from_table(block_table(blocks)))
    return shapes_of(parts, right)


@lru_cache(maxsize=2_000)
def _listed_right(
    built: OnlineStudy, participant: str
) -> dict[tuple[int, int | str], frozenset[int | str]]:
    """Right answers of listed trials: once a person, since every image is read for them.

    Those of attention items among the questions are by id.
    """
    right: dict[tuple[int, int | str], frozenset[int | str]] = {}
    parts = built.person(participant).parts
    for number, (prepared, part) in enumerate(zip(built.prepared(participant), parts, strict=True)):
        for step in (one for one in part.steps if isinstance(one, QuestionStep)):
            if step.measure != "consent":
                asked = prepared.questions(step.measure, step.columns)
                answers = {(number, name): asked[name].expected for name in step.columns}
                right |= {at: frozenset([one]) for at, one in answers.items() if one is not None}
        listed = not any(isinstance(step, BlockStep) for step in part.steps)
        if isinstance(prepared, PreparedTriplets) and listed:
            right |= _right(number, prepared.trials)
    return right


def _right(part: int, trials: Iterable[Trial]) -> dict[tuple[int, int | str], frozenset[int | str]]:
    return {
        (part, one.trial_index): frozenset(
            one.positions[one.stimuli.index(name)] for name in one.expected_stimuli
        )
        for one in trials
        if one.trial_type == "catch" and one.expected is not None
    }


class SessionBlocks:
    """Gives the blocks of sessions: those in the store, else the next, which is stored first.

    May be called from several threads.
    """

    def __init__(self, built: OnlineStudy, store: Store) -> None:
        self._built, self._store = built, store
        self._prepared = lru_cache(maxsize=500)(lambda page, code: built.pages[page].prepared(code))
        self._latest: Snapshot | None = None
        self._designs = adaptive_designs(built.study)

    def give(self, session: str, asked: Asked) -> Block:
        """Return a block of a session: the stored one, or else the next, once it is stored."""
        participant, before, results, step, page = self._reached(session, asked.part)
        for known in (block for block in before if block.block == asked.block):
            return known
        if step is None or step.block != asked.block:
            raise Refusal("malformed", "no such block, or not yet")
        key = {"session": session, "part": asked.part, "block": step.block, "task": step.task}
        if step.task == "multi-arrangement":
            if len(results) < len(before):
                raise Refusal("malformed", "a block before the answers to the one before")
            prepared = self._prepared(page.session.hash, participant)[asked.part]
            made = next_arrangement_block(prepared, before, results, key)
        else:
            design, number = self._designs[step.task], page.session.session
            name = page.person(participant).parts[asked.part].protocol
            protocol = design.task.protocol.model_validate(page.session.protocols[name])
            self._latest = snapshot = latest_snapshot(snapshot_folder(page.study), self._latest)
            who, earlier = (participant, number), design.earlier(participant, number)
            made = choose_block(design, snapshot, who, step, before, protocol, key, earlier)
        kept: Block = self._store.submit(lambda connection: _keep(connection, made)).result()
        return kept

    def again(self, session: str, part: int) -> bool:
        """Choose a lost block of arrangements again; whether there was one to be chosen."""
        _, before, results, step, _ = self._reached(session, part)
        if step is None or step.task != "multi-arrangement" or len(results) < len(before):
            return False
        self.give(session, Asked(part=part, block=step.block))
        return True

    def _reached(
        self, session: str, part: int
    ) -> tuple[str, list[Block], list[ArrangementResult], BlockStep | None, OnlineStudy]:
        """Participant, blocks and arrangements of a part so far, the next block, and the page."""
        with self._store.reading() as connection:
            row = find_session(connection, session)
            participant, page = str(row["participant"]), self._built.pages[row["protocol"]]
            before = _of_part(connection, session, part)
            bodies = stored(connection, session, "record", part)
        items = (item for body in bodies for item in Record.model_validate_json(body).items)
        parts = page.person(participant).parts
        steps = spliced(parts[part].steps, before) if part < len(parts) else ()
        step = next((one for one in steps if isinstance(one, BlockStep)), None)
        results = [item for item in items if isinstance(item, ArrangementResult)]
        return participant, before, results, step, page


def _of_part(connection: Connection, session: str, part: int) -> list[Block]:
    bodies = stored(connection, session, "block", part)
    return [Block.model_validate_json(body) for body in bodies]


def _keep(connection: Connection, made: Block) -> Block:
    """Store a block, unless another request was first: then that one is returned."""
    ended = find_session(connection, made.session)["ended"]
    if ended is not None:
        raise over(ended)
    for known in _of_part(connection, made.session, made.part):
        if known.block == made.block:
            return known
    write_line(connection, made.session, "block", made.part, made.block, made.model_dump_json())
    return made
