"""How the trial lists of a task are made: what a task has of its own, in one object; and its seeds.

What is random in a session follows from the study's seed, the participant and the session's number:
in whatever order lists are made, a lost list can be made again, and two participants never share
one by accident. Where sessions share their trials out among them, the whole call fixes them.
"""

import hashlib
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import Question
from twoalike.design._checks import Checks
from twoalike.design._form import TrialForm
from twoalike.design._levels import check_conditions, study_classes
from twoalike.design._objects import shown_table
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, Study, TwoalikeError
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
        """Error for a session whose list has to be made beforehand, and was not."""
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
