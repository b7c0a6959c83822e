"""The blocks of adaptive sessions on the server: each is chosen once, then stored and kept."""

from typing import Annotated

from pydantic import Field
from sqlalchemy import Connection, insert

from twoalike.online._blocks import Block, NextBlocks
from twoalike.online._built import BuiltStudy, Refusal
from twoalike.online._places import find_session
from twoalike.online._records import Sent
from twoalike.online._session import BlockStep
from twoalike.online._store import BLOCKS, Store, over, stored_blocks


class Asked(Sent):
    """The block that a page has come to."""

    part: Annotated[int, Field(ge=0, le=100)]
    block: Annotated[int, Field(ge=1, le=100_000)]


class SessionBlocks:
    """Gives the blocks of sessions: those in the store, else the next, which is stored first."""

    def __init__(self, built: BuiltStudy, store: Store) -> None:
        self._built, self._store = built, store
        self._next = NextBlocks(built.study) if built.is_adaptive else None

    def give(self, session: str, asked: Asked) -> Block:
        """Return a block of a session: the stored one, or else the next, once it is stored."""
        with self._store.reading() as connection:
            row = find_session(connection, session)
            before = _of_part(connection, session, asked.part)
        if (known := _of_number(before, asked.block)) is not None:
            return known
        person = self._built.person(row["participant"])
        steps = person.parts[asked.part].steps if asked.part < len(person.parts) else ()
        waiting = [step for step in steps if isinstance(step, BlockStep)][len(before) :]
        if self._next is None or not waiting or waiting[0].block != asked.block:
            raise Refusal("malformed", "no such block, or not yet")
        made = self._next.next(
            waiting[0],
            session=session,
            participant=row["participant"],
            number=person.session,
            part=asked.part,
            before=before,
            protocol=self._built.session.protocols[person.parts[asked.part].protocol],
        )
        stored: Block = self._store.submit(lambda connection: _keep(connection, made)).result()
        return stored


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
