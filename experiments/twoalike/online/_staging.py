"""Raw data of many sessions, made on all processors: sessions do not depend on each other."""

import gc
import multiprocessing
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from itertools import repeat
from pathlib import Path

from twoalike.online._archive import ArchivedSession
from twoalike.online._blocks import as_chosen
from twoalike.online._compile import as_json, compile_person, is_adaptive
from twoalike.online._replay import Written, replay_session
from twoalike.online._session import Part
from twoalike.online._site import OnlineStudy, read_built
from twoalike.stimuli import stimuli_held
from twoalike.study import TwoalikeError, readable_by

_FEWEST = 50
"""Sessions from which on several processes are worth their start."""
_TOGETHER = 5
"""Sessions that a process takes at a time."""


def stage_sessions(
    built: OnlineStudy, sessions: Sequence[ArchivedSession], roots: Sequence[Path]
) -> Iterator[Written | str]:
    """Make the raw data of each session, in a data set of its own; yield them, or why not."""
    n_processes = min(os.cpu_count() or 1, len(sessions) // _TOGETHER)
    if len(sessions) < _FEWEST or n_processes < 2:
        yield from map(_stage, repeat(built), sessions, roots)
        return
    with ProcessPoolExecutor(
        n_processes,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=_begin,
        initargs=(built.study.root,),
    ) as pool:
        yield from pool.map(_stage_there, sessions, roots, chunksize=_TOGETHER)


_there: list[OnlineStudy] = []
"""The study, in a process that makes raw data."""
_held = ExitStack()


def _begin(root: Path) -> None:
    _held.enter_context(stimuli_held())
    _there.append(read_built(root))
    # What is loaded by now stays, and sessions leave few cycles: collections are rarely worth it.
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


def _stage_there(archived: ArchivedSession, root: Path) -> Written | str:
    return _stage(_there[0], archived, root)


def _stage(built: OnlineStudy, archived: ArchivedSession, root: Path) -> Written | str:
    """Make the raw data of one session, if the study still shows what its page was built from."""
    try:
        read = archived.read()
        code = str(read.head.participant)
        prepared, person = built.prepared(code), built.person(code)
        now = as_json(compile_person(built.studies[code], prepared))
        if now != (built.folder / "people" / f"{code}.json").read_bytes():
            raise archived.fault("the study shows something else now than the page that was built")
        parts: Sequence[Part] = person.parts
        if is_adaptive(built.study):
            prepared, parts = as_chosen(prepared, parts, built.studies[code], read.blocks)
        with readable_by(built.study.config.data.access):
            return replay_session(read, prepared, parts, root, built.session.version)
    except TwoalikeError as error:
        return str(error)
