"""How the trial lists of a task are made: what a task has of its own, in one object; and its seeds.

What is random in a session follows from the study's seed, the participant and the session's number:
in whatever order lists are made, a lost list can be made again, and two participants never share
one by accident. Where sessions share their trials out among them, the whole call fixes them.

A design shows the manifest's objects but those excluded; of a condition, or of a person's set.
"""

import hashlib
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import Question
from twoalike.design._checks import Checks
from twoalike.design._dealing import object_sets
from twoalike.design._form import TrialForm
from twoalike.design._levels import check_conditions, study_classes
from twoalike.stimuli import StimulusSet
from twoalike.study import SAFE_SEED, DesignConfig, Strict, Study, StudyConfig, TwoalikeError
from twoalike.tables import Table, read_table

type Session = tuple[str, int]
"""Participant and number of a session."""
_TOGETHER = frozenset({"coverage", "adaptive", "list"})
"""How trials are chosen where a session's list cannot be made by itself."""


@dataclass(frozen=True, kw_only=True)
class ListDesign:
    """How the trial lists of a task are made; a task of the register names its own as ``lists``.

    A task shows k images and asks a ``question`` about them, or has lists of sets.
    """

    label: str
    """BIDS label of the task, in the names of its lists."""
    table: str
    """Table of study.toml with their settings, such as ``design``."""
    chooser: str = "sampler"
    """Its key for how trials are chosen; ``list`` means the study brings its lists."""
    number: str = "trials"
    """Its key for the number of main trials."""
    form: Table
    """Columns of a list, and what is checked of them."""
    what: str = "a trial list"
    """What the file should be, for messages."""
    make: Callable[
        ["ListDesign", Study, StimulusSet, Sequence[Session], np.random.Generator],
        list[pd.DataFrame],
    ]
    """``(design, study, stimuli, sessions, shared)``: lists of sessions, each from its own seed;
    ``shared`` is for what they share out."""
    question: Callable[[Any], Question | None] = lambda config: None
    """``(settings)``: what a trial asks about its objects; None: how alike the two are."""
    checks: Checks | None = None
    """Draws attention checks, and practice trials with a right answer."""
    prefix: str = ""
    """First letter of the ids of trials, where the list has a column for them."""
    again: bool = False
    """Whether trials may come again, in practice or in other sessions, where too few are left."""
    fixed: str = ""
    """Why no posterior can choose the trials, and what to use instead; empty: one can."""

    def read(self, path: Path, ids: Collection[str]) -> pd.DataFrame:
        """Read a list and check it (:func:`twoalike.tables.read_table`)."""
        return read_table(path, self.form, self.what, ids)

    def settings(self, study: Study) -> Any:
        """Return the settings of the lists in a study."""
        return getattr(study.config, self.table)

    def shown(self, stimuli: StimulusSet, config: Any) -> pd.DataFrame:
        """Rows of the manifest that the settings leave in, numbered from 0."""
        return shown_table(stimuli, config.exclude, self.table)

    def trial_form(self, config: Any) -> TrialForm:
        """Form of a main trial."""
        return TrialForm.of(self.question(config))

    def is_own(self, study: Study) -> bool:
        """Whether the study brings its lists."""
        return bool(getattr(self.settings(study), self.chooser) == "list")

    def is_adaptive(self, study: Study) -> bool:
        """Whether a posterior chooses the trials."""
        return bool(getattr(self.settings(study), self.chooser) == "adaptive")

    def alone(self, config: Any) -> bool:
        """Whether a session's list depends on no other's, so that it can be made by itself."""
        how = getattr(config, self.chooser)
        return how not in _TOGETHER and not (how == "levels" and config.lists_per_triplet)

    def one(
        self, study: Study, stimuli: StimulusSet, participant: str, session: int
    ) -> pd.DataFrame:
        """Make the list of one session that stands alone, always the same for a study."""
        if not self.alone(self.settings(study)):
            raise self._missing(study, participant, session)
        shared = group_rng(study.config.seed, [participant], session)
        return self.make(self, study, stimuli, [(participant, session)], shared)[0]

    def together(
        self, study: Study, stimuli: StimulusSet, participants: Sequence[str], sessions: int
    ) -> list[pd.DataFrame]:
        """Make, or read, the lists of ``sessions`` sessions of each participant.

        Returns
        -------
        All sessions of the first participant, then of the second, and so on.
        """
        wanted = [(who, number) for who in participants for number in range(1, sessions + 1)]
        if self.is_own(study):
            paths = (study.trial_list(self.label, *session) for session in wanted)
            return [self._own(study, stimuli, path) for path in paths]
        shared = group_rng(study.config.seed, participants, sessions)
        return self.make(self, study, stimuli, wanted, shared)

    def _own(self, study: Study, stimuli: StimulusSet, path: Path) -> pd.DataFrame:
        """Read a list that the study brings; its levels are those of the classes, if named."""
        table = self.read(path, stimuli.ids)
        config = self.settings(study)
        if isinstance(config, DesignConfig) and (config.level or config.features):
            classes = study_classes(study, stimuli.table, stimuli.levels)
            check_conditions(path, table, stimuli.ids, classes)
        return table

    def _missing(self, study: Study, participant: str, session: int) -> TwoalikeError:
        how = getattr(self.settings(study), self.chooser)
        remedies = {
            "list": f"Put your list there, or choose another {self.table}.{self.chooser} in "
            "study.toml.",
            "adaptive": "Make it with: twoalike design `sampler=adaptive` `posterior=...`.",
        }
        together = (
            f"Sessions of the {how} design share their trials out: make all of them with one call "
            "of twoalike design."
        )
        return TwoalikeError(
            where=study.trial_list(self.label, participant, session),
            expected="a trial list there",
            found="none",
            remedy=remedies.get(how, together),
        )


def _source(*words: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence(words))


def session_rng(study_seed: int, participant: str, session: int) -> np.random.Generator:
    """Source of randomness of one participant's session."""
    return _source(study_seed, participant_number(participant), session)


def arrangement_rng(
    study_seed: int, participant: str, session: int, trial: int
) -> np.random.Generator:
    """Source of randomness of a main trial (from 1) of a simulated session; 0: of its list."""
    return _source(study_seed, participant_number(participant), session, trial)


def group_rng(seed: int, participants: Sequence[str], sessions: int) -> np.random.Generator:
    """Source of what sessions share out; other participants get another design."""
    return _source(seed, participant_number("\t".join(participants)), sessions, 1)


def session_secret(study_seed: int, participant: str, session: int) -> int:
    """Seed of one session that does not reveal the study's, 128 bits.

    Whoever arranges in a browser gets it: the study's seed would tell which trials of other
    tasks are attention checks.
    """
    words = f"{study_seed} {participant} {session}"
    return int.from_bytes(hashlib.sha256(words.encode()).digest()[:16], "big")


def participant_number(participant: str) -> int:
    """Turn a label into a number that seeds; Python's own hash differs between processes."""
    return int.from_bytes(hashlib.sha256(participant.encode()).digest()[:8], "big")


def checks_before(participant: str, session: int, catch: int) -> int:
    """Count the attention checks before a session, from a number that is the participant's own."""
    return participant_number(participant) + (session - 1) * catch


def shown_objects(stimuli: StimulusSet, config: Strict) -> tuple[str, ...]:
    """Objects that the settings of a task's lists leave in (``exclude``), in manifest order."""
    tables = StudyConfig.model_fields.items()
    name = next(key for key, field in tables if field.annotation is type(config))
    return tuple(shown_table(stimuli, config.exclude, name)["id"])  # type: ignore[attr-defined]


def shown_table(
    stimuli: StimulusSet, exclude: Mapping[str, Sequence[str]], name: str
) -> pd.DataFrame:
    """Rows of the manifest that ``exclude`` leaves, numbered from 0.

    Messages call the settings ``name``, their table in ``study.toml``.
    """
    table = stimuli.table
    keep = pd.Series(True, index=table.index)
    for named in _named(stimuli, exclude, f"{name}.exclude"):
        keep &= ~named
    shown = table[keep].reset_index(drop=True)
    if len(shown) < 3:
        raise TwoalikeError(
            f"{name}: {len(shown)} of {len(table)} objects are left after {name}.exclude; a "
            "trial needs three."
        )
    return shown


def _named(
    stimuli: StimulusSet, rules: Mapping[str, Sequence[str]], where: str
) -> list["pd.Series[bool]"]:
    """Which objects have one of the values, by rule: a column of the manifest and its values."""
    table, columns = stimuli.table, ("id", *stimuli.levels)
    for column, values in rules.items():
        if column not in columns:
            raise TwoalikeError(
                where=where, expected=f"one of the columns {', '.join(columns)}", found=repr(column)
            )
        if unknown := sorted(set(values) - set(table[column])):
            raise TwoalikeError(
                f"{where}: {column} {unknown[0]!r} is not in the manifest of {stimuli.folder}. "
                "Check the spelling."
            )
    return [table[column].isin(values) for column, values in rules.items()]


def in_condition(study: Study, stimuli: StimulusSet, name: str) -> Study:
    """Return the study as a condition within a session does it.

    It shows the condition's objects only, and draws from a seed of its own: two conditions that
    show the same objects would otherwise show the same trials in the same order.
    """
    there = study.in_condition(name)
    own = there.own_condition
    assert own is not None
    words = np.random.SeedSequence([study.config.seed, there.run]).generate_state(2, np.uint64)
    # As hard to guess as the study's own, which is what ``share`` judges it by.
    high = 0 if study.config.seed < SAFE_SEED else int(words[1])
    config = study.config.model_copy(update={"seed": (high << 64) + int(words[0])})
    there = replace(there, config=config)
    if not own.objects:
        return there
    keep = pd.Series(True, index=stimuli.table.index)
    where = f"{study.root / 'study.toml'}: conditions, {name}, objects"
    for named in _named(stimuli, own.objects, where):
        keep &= named
    return _only(there, stimuli, stimuli.table["id"][keep].tolist())


def for_person(study: Study, stimuli: StimulusSet) -> Study:
    """Return the study with the objects of a participant's set only."""
    size, number = study.config.objects_per_person, study.object_set
    if not (size and number):
        return study
    check_set_size(study, stimuli)
    n = 1 << (number - 1).bit_length()  # so that the sets of many people are made a few times only
    chosen = object_sets(len(stimuli.ids), size, n, study.config.seed)[number - 1]
    return _only(study, stimuli, {stimuli.ids[item] for item in chosen.tolist()})


def check_set_size(study: Study, stimuli: StimulusSet) -> None:
    """Refuse sets that are larger than the stimuli, or too small for a trial."""
    size, m = study.config.objects_per_person, len(stimuli.ids)
    if size and not 3 <= size <= m:
        raise TwoalikeError(
            where=f"{study.root / 'study.toml'}: objects_per_person",
            expected=f"0, or 3 to {m} (as many as there are stimuli)",
            found=str(size),
        )


def _only(study: Study, stimuli: StimulusSet, shown: Collection[str]) -> Study:
    """Return the study with all objects but those ``shown`` excluded, from any task's design."""
    hidden = [name for name in stimuli.ids if name not in shown]
    updates = {}
    for key in type(study.config).model_fields:
        table = getattr(study.config, key)
        if isinstance(table, Strict) and "exclude" in type(table).model_fields:
            left_out = table.exclude  # type: ignore[attr-defined]
            ids = list(dict.fromkeys([*left_out.get("id", []), *hidden]))
            exclude = {**left_out, "id": ids} if ids else left_out
            updates[key] = table.model_copy(update={"exclude": exclude})
    return replace(study, config=study.config.model_copy(update=updates))
