"""Conversion of a browser's sessions into raw data: each exactly once, completely or not at all.

A marker beside the raw data names the session that they were written from, with a hash of its
records. A session that has one is compared and left as it is.
"""

import gc
import os
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from twoalike.online._archive import (
    OURS,
    ArchivedSession,
    ReadSession,
    SessionLine,
    read_archive,
    records_sha256,
    source_lines,
)
from twoalike.online._blocks import block_table, spliced
from twoalike.online._compile import as_json, compile_person
from twoalike.online._erase import delete_session, finish_moves, fresh_staging, move_in
from twoalike.online._records import BlockStep, TrialOver
from twoalike.online._replay import KIND, Written, marker, replay_session
from twoalike.online._site import OnlineStudy, read_built
from twoalike.record import erased_marks, is_erased, remember_erased
from twoalike.registry import find_task
from twoalike.stimuli import stimuli_held
from twoalike.study import (
    Study,
    TwoalikeError,
    counted,
    hold_lock,
    progress,
    read_json,
    readable_by,
    sha256_file,
)
from twoalike.tasks import PreparedTrials, prepared_trials

_TABLES = ("_beh.tsv", "_events.tsv", "_answers.tsv")
"""Files of a session that nothing changes after it was written."""
_EACH = 50
"""Sessions that are worth another process: it takes as long to start."""
_CHILD = "from twoalike.online._fetch import stage_for_parent; stage_for_parent()"


@dataclass(kw_only=True)
class Fetched:
    """What a fetch found and wrote."""

    written: list[Written] = field(default_factory=list)
    """Sessions that became raw data."""
    n_unchanged: int = 0
    """Sessions that were there, and are the same."""
    n_open: int = 0
    """Sessions that are not over."""
    n_empty: int = 0
    """Sessions in which nothing was answered, or whose code went to somebody else."""
    problems: list[str] = field(default_factory=list)
    """Why sessions were not written, one line each."""
    notes: list[str] = field(default_factory=list)
    """What else there is to know, one line each."""
    withdrawn: list[Path] = field(default_factory=list)
    """Files of people who have withdrawn since they were fetched."""
    n_withdrawn: int = 0
    """Sessions that were withdrawn, fetched before or not; ``notes`` names them."""

    @property
    def display_error_ms(self) -> tuple[float, float] | None:
        """Median and 99th percentile of the display's errors; None without a trial.

        An error is how far the first frame of a trial was from the one it was planned for.
        """
        if not (errors := [error for one in self.written for error in one.errors]):
            return None
        low, high = np.percentile(np.abs(errors), [50, 99]) * 1000
        return round(float(low), 3), round(float(high), 3)


def fetch(
    study: Study | str | Path,
    source: str | Path | None = None,
    *,
    token: str = "",
    jatos: bool = False,
    unfinished: bool = False,
    delete_withdrawn: bool = False,
) -> Fetched:
    """Turn the sessions of a browser into raw data, as a window would have written them.

    Sessions that are over are written, each once. A session with a problem is left out, and the
    problem is reported; the others are written. Fetching again adds what is new and compares what
    is there.

    A result of JATOS, or a file in a folder, speaks for its own session only. A session counts as
    withdrawn if the server's store says so, or the one result that has all of its records.

    Parameters
    ----------
    study
        The study, or its folder, with the page that people saw.
    source
        Where the records are: the address of a server, its store (file or connection string), an
        archive, results that JATOS exported, or a folder of files. If left out, the store of
        twoalike online serve in STUDY-online.
    token
        Of the operator, or of JATOS' API.
    jatos
        ``source`` is the address of a JATOS server.
    unfinished
        Also write sessions that are not over. A later fetch adds their new trials.
    delete_withdrawn
        Delete the fetched data of people who have withdrawn since.
    """
    opened = study if isinstance(study, Study) else Study.load(study)
    built = read_built(opened)
    busy = "another process is fetching records of this study. Wait until it has ended."
    with hold_lock(opened.root / ".locks" / "fetch.lock", busy), stimuli_held():
        finish_moves(opened, built.studies)
        lines = source_lines(built, source, token=token, jatos=jatos)
        job = _Job(built, unfinished, delete_withdrawn)
        job.sort(*read_archive(lines))
        job.write()
    return job.found


type _Mark = dict[str, Any]
"""What the data set says of a session that was written, with its ``path``."""


class _Job:
    def __init__(self, built: OnlineStudy, unfinished: bool, delete: bool) -> None:
        self.built, self.unfinished, self.delete = built, unfinished, delete
        self.raw, self.found = built.study.raw, Fetched()
        self.todo: list[tuple[ArchivedSession, _Mark | None]] = []
        paths = sorted(self.raw.glob("sourcedata/sub-*/ses-*/sub-*_online.json"))
        marks = [{"path": path, **read_json(path, KIND)} for path in paths]
        self.marks: dict[str, _Mark] = {str(one["session"]): one for one in marks}

    def sort(self, sessions: Sequence[ArchivedSession], problems: Sequence[str]) -> None:
        """Decide for each session of an archive what is to be done."""
        self.found.problems += problems
        erased, n_erased = erased_marks(self.built.study), 0
        by_code: dict[str, list[tuple[ArchivedSession, SessionLine]]] = {}
        for one in sessions:
            try:
                head = self._head(one)
                if head.ended == "withdrawn":
                    self._withdraw(one)
                    continue
            except TwoalikeError as error:
                self.found.problems.append(str(error))
                continue
            code = head.participant
            names = [code, None if one.session in self.marks else one.session]
            if any(is_erased(name, erased) for name in names if name is not None):
                n_erased += 1
            elif code is None:
                self.found.n_empty += 1
            elif head.ended is None and not self.unfinished:
                self.found.n_open += 1
            else:
                by_code.setdefault(code, []).append((one, head))
        if n_erased:
            left = counted(n_erased, "session")
            self.found.notes.append(f"left out: {left} of people who were erased")
        for code, own in by_code.items():
            try:
                self._decide(*self._one_of(code, own))
            except TwoalikeError as error:
                self.found.problems.append(str(error))

    def _head(self, archived: ArchivedSession) -> SessionLine:
        head, session = archived.head(), self.built.session
        if head.protocol not in self.built.pages:
            raise archived.fault(
                "was run with another page than the one in the study's folder online"
            )
        if head.participant not in (None, *session.participants):
            raise archived.fault(f"the page has no participant {head.participant}")
        return head

    def _one_of(
        self, code: str, sessions: Sequence[tuple[ArchivedSession, SessionLine]]
    ) -> tuple[ArchivedSession, SessionLine]:
        """Session of a code that was given to several people: the one that kept it."""
        if len(sessions) == 1:
            return sessions[0]
        first, *others = sorted(sessions, key=lambda one: _kept_the_code(one[0]), reverse=True)
        if _kept_the_code(others[0][0]) >= (1, 0):
            names = " and ".join(one.session for one, _ in (first, *others))
            raise TwoalikeError(f"two sessions have answers: {names}", where=f"participant {code}")
        for one, head in others:
            self.found.notes.append(
                f"session {one.session}: {head.ended or 'not over'}, without a trial; its code "
                f"{code} went to session {first[0].session}"
            )
        return first

    def _decide(self, archived: ArchivedSession, head: SessionLine) -> None:
        if not archived.has_records:
            self.found.n_empty += 1
            return
        mark = self.marks.get(archived.session)
        if mark is not None and self._is_unchanged(archived.read(), mark):
            self.found.n_unchanged += 1
            return
        self.todo.append((archived, self._owner(head) if mark is None else mark))

    def _is_unchanged(self, read: ReadSession, mark: _Mark) -> bool:
        """Whether a written session is what the archive has; False if the archive has more."""
        for name, digest in mark["files"].items():
            path = self.raw / name
            is_same = path.is_file() and sha256_file(path) == digest
            if name.endswith(_TABLES) and not is_same:
                raise TwoalikeError(
                    "is not what was fetched: it was changed or deleted",
                    where=path,
                    remedy="Restore it from a backup.",
                )
        _check_records(read, mark)
        same = bool(len(read.records) == mark["n_records"] and mark["ended"] == read.head.ended)
        if same or mark["ended"] is None:
            return same
        raise TwoalikeError(
            f"was {mark['ended']} when it was fetched, and has changed since",
            where=f"session {read.head.session}",
        )

    def _owner(self, head: SessionLine) -> _Mark | None:
        """Session without a trial whose code this one has; None if the place is free."""
        session, code = self.built.session.session, str(head.participant)
        path = marker(self.raw, code, session)
        if path.is_file():
            mark = next(one for one in self.marks.values() if one["path"] == path)
            if not mark["n_trials"]:
                return mark
            found = f"session {mark['session']} of a browser"
        else:
            folder = self.raw / f"sub-{code}" / path.parent.name
            runs = sorted(path.name for path in folder.glob("beh/*_beh.tsv"))
            labels = self.built.prepared(code) if runs else []
            own = {one.plan.name.rows(folder).name for one in labels}
            if not (same := [name for name in runs if name in own]):
                return None
            found = same[0]
        raise TwoalikeError(
            f"participant {code} has session {session} already: {found}",
            where=f"session {head.session}",
        )

    def _withdraw(self, archived: ArchivedSession) -> None:
        mark = self.marks.get(archived.session)
        if mark is not None and OURS not in archived.origins:
            _check_records(archived.read(), mark)  # only the person knows what was fetched
        self.found.n_withdrawn += 1
        self.found.notes.append(f"session {archived.session}: withdrawn")
        if mark is None:
            return
        files = self._files(mark)
        self.found.withdrawn += [self.raw / name for name in files]
        if self.delete:
            remember_erased(self.built.study, [str(mark["session"])])
            with readable_by(self.built.study.config.data.access):
                delete_session(self.raw, str(mark["participant"]), files)

    def _files(self, mark: _Mark) -> list[str]:
        return [*mark["files"], mark["path"].relative_to(self.raw).as_posix()]

    def write(self) -> None:
        """Make the raw data of all sessions, then move them in."""
        if not self.todo:
            return
        study = self.built.study
        folder = fresh_staging(study)
        moves: list[tuple[Path, str]] = []
        replaced: list[str] = []
        people: dict[str, str] = {}
        with progress() as bar:
            work = bar.add_task("sessions", total=len(self.todo), status="")
            given = [
                (archived, folder / f"{os.getpid()}-{number:06d}")
                for number, (archived, _) in enumerate(self.todo)
            ]
            staged = _staged(self.built, given)
            for made, (archived, root), (_, mark) in zip(staged, given, self.todo, strict=True):
                if isinstance(made, str):
                    self.found.problems.append(made)
                else:
                    self.found.written.append(made)
                    page = self.built.pages[archived.head().protocol]
                    people[made.participant] = page.study.language
                    moves += [(root / name, name) for name in made.files]
                    replaced += [] if mark is None else self._files(mark)
                bar.update(work, advance=1)
        if moves:
            move_in(study, self.built.studies, moves, people, replaced)


def _staged(
    built: OnlineStudy, given: Sequence[tuple[ArchivedSession, Path]]
) -> Iterator[Written | str]:
    """Yield what became of sessions, in order, each with the new folder for its raw data.

    Many are dealt to processes; Python's own pools would run a caller's script again in each.
    """
    n = min(os.cpu_count() or 1, len(given) // _EACH)
    if n < 2:
        yield from (_stage(built, *one) for one in given)
        return
    command: Any = [sys.executable, "-P", "-c", _CHILD]
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with ExitStack() as stack:
        # In sessions of their own: a Ctrl-C ends this process, and its end ends them.
        started = (subprocess.Popen(command, **pipes, start_new_session=True) for _ in range(n))
        children: list[Any] = [stack.enter_context(child) for child in started]
        for number, child in enumerate(children):
            with suppress(BrokenPipeError), child.stdin:
                pickle.dump((built, given[number::n]), child.stdin)
        for number, one in enumerate(given):
            try:
                yield pickle.load(children[number % n].stdout)
            except (EOFError, pickle.UnpicklingError):  # it was ended: do without it
                shutil.rmtree(one[1], ignore_errors=True)
                yield _stage(built, *one)


def stage_for_parent() -> None:
    """Make raw data of the sessions that come by the standard input."""
    made = sys.stdout.buffer
    with redirect_stdout(sys.stderr), stimuli_held(), suppress(BrokenPipeError):
        built, given = pickle.load(sys.stdin.buffer)
        gc.freeze()  # they stay: looking for cycles among them takes long
        for one in given:
            pickle.dump(_stage(built, *one), made)
            made.flush()


def _stage(built: OnlineStudy, archived: ArchivedSession, root: Path) -> Written | str:
    try:
        return _made(built, archived, root)
    except TwoalikeError as error:
        return str(error).replace(f"{root}/", "")


def _made(built: OnlineStudy, archived: ArchivedSession, root: Path) -> Written:
    """Make the raw data of one session, if the study still shows what its page has.

    Blocks that a server chose take the place of the placeholders of an adaptive session.
    """
    read = archived.read()
    built = built.pages[read.head.protocol]
    code = str(read.head.participant)
    study, prepared, person = built.studies[code], built.prepared(code), built.person(code)
    now = as_json(compile_person(study, prepared))
    if now != (built.folder / "people" / f"{code}.json").read_bytes():
        raise archived.fault("the study shows something else now than the page that was built")
    parts = list(person.parts)
    for number, (one, part) in enumerate(zip(prepared, parts, strict=True)):
        if not any(isinstance(step, BlockStep) for step in part.steps):
            continue
        own = [block for block in read.blocks if block.part == number]
        parts[number] = part.model_copy(update={"steps": spliced(part.steps, own)})
        if isinstance(one, PreparedTrials):
            sitting, table = replace(one.sitting, study=study), block_table(own)
            made = prepared_trials(type(one), sitting, one.protocol, one.stimuli, table)
            n_trials = find_task(part.task).lists.settings(study).n_listed
            plan = replace(made.plan, n_trials=n_trials)
            prepared[number] = replace(made, settled=one.settled, plan=plan)
    with readable_by(built.study.config.data.access):
        return replay_session(read, prepared, parts, root, built.session.version)


def _check_records(read: ReadSession, mark: _Mark) -> None:
    n = int(mark["n_records"])
    if len(read.records) < n or records_sha256(read.records[:n]) != mark["records_sha256"]:
        raise TwoalikeError(
            "differs from what was fetched before; nothing was changed",
            where=f"session {read.head.session}",
        )


def _kept_the_code(archived: ArchivedSession) -> tuple[int, int]:
    """Rank of a session among those with the same code: has trials, has records."""
    with suppress(TwoalikeError):  # reported when its turn comes
        records = archived.read().records
        items = (item for one in records for item in one.items)
        return int(any(isinstance(item, TrialOver.__value__) for item in items)), len(records)
    return 1, 0
