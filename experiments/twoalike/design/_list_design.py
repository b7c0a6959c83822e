"""How the trial lists of each task are designed: what a task has of its own, in one object."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import Question
from twoalike.design._checks import (
    Checks,
    alike_pair_checks,
    anchored_checks,
    odd_one_checks,
    rating_checks,
)
from twoalike.design._choices import choice_lists, random_trials, require_trials, session_list
from twoalike.design._form import TrialForm
from twoalike.design._levels import check_conditions, study_classes
from twoalike.design._list import (
    ALIKE_PAIR_LIST,
    ANCHORED_LIST,
    ODD_OF_MANY_LIST,
    PAIR_LIST,
    TRIAL_LIST,
)
from twoalike.design._objects import shown_table
from twoalike.design._seeds import group_rng
from twoalike.design._set_list import (
    ARRANGEMENT_LIST,
    SORTING_LIST,
    arrangement_lists,
    sorting_lists,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import DesignConfig, Study, TwoalikeError
from twoalike.tables import (
    ANCHORED_CHOICE,
    FREE_SORTING,
    MOST_ALIKE_PAIR,
    MULTI_ARRANGEMENT,
    ODD_ONE_OF_MANY,
    ODD_ONE_OUT,
    PAIR_RATING,
    Table,
    read_table,
)

type Session = tuple[str, int]
"""Participant and number of a session."""
type SetLists = Callable[
    [Study, StimulusSet, Sequence[Session], np.random.Generator], list[pd.DataFrame]
]
_TOGETHER = frozenset({"coverage", "adaptive", "list"})
"""How trials are chosen where a session's list cannot be made by itself."""


@dataclass(frozen=True, kw_only=True)
class ListDesign:
    """How the trial lists of a task are made; a task of the register names its own as ``lists``.

    A task shows k images and asks a ``question`` about them, or has lists of sets (``sets``).
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
    question: Callable[[Any], Question | None] = lambda config: None
    """``(settings)``: what a trial asks about its objects; None: how alike the two are."""
    checks: Checks | None = None
    """Draws attention checks, and practice trials with a right answer."""
    prefix: str = ""
    """First letter of the ids of trials, where the list has a column for them."""
    again: bool = False
    """Whether trials may come again, in practice or in other sessions, where too few are left."""
    sets: SetLists | None = None
    """``(study, stimuli, sessions, shared)``: lists of sets, one row an image."""
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
        return self.make(study, stimuli, [(participant, session)], shared)[0]

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
        return self.make(study, stimuli, wanted, shared)

    def make(
        self,
        study: Study,
        stimuli: StimulusSet,
        sessions: Sequence[Session],
        shared: np.random.Generator,
    ) -> list[pd.DataFrame]:
        """Make lists of sessions, each from its own seed; ``shared`` is for what they share out."""
        make = self.sets or partial(choice_lists, self)
        return make(study, stimuli, sessions, shared)

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


TRIPLET_LISTS = ListDesign(
    label=ODD_ONE_OUT,
    table="design",
    form=TRIAL_LIST,
    question=lambda config: Question("odd_one_out", 3),
    checks=odd_one_checks,
    prefix="t",
)
"""Trial lists of the odd-one-out task."""
ANCHORED_LISTS = ListDesign(
    label=ANCHORED_CHOICE,
    table="anchored",
    form=ANCHORED_LIST,
    what="a trial list of anchored choices",
    question=lambda config: Question("anchored", 3),
    checks=anchored_checks,
    prefix="a",
)
"""Trial lists of the anchored-choice task."""
ODD_OF_MANY_LISTS = ListDesign(
    label=ODD_ONE_OF_MANY,
    table="odd_one_of_many",
    form=ODD_OF_MANY_LIST,
    what="a trial list of odd-one-of-many",
    question=lambda config: Question("odd_one_out", config.n_items),
    checks=odd_one_checks,
    prefix="s",
)
"""Trial lists of the odd-one-of-many task."""
ALIKE_PAIR_LISTS = ListDesign(
    label=MOST_ALIKE_PAIR,
    table="most_alike_pair",
    form=ALIKE_PAIR_LIST,
    what="a trial list of most-alike-pair",
    question=lambda config: Question("most_alike", config.n_items),
    checks=alike_pair_checks,
    prefix="s",
)
"""Trial lists of the most-alike-pair task."""
PAIR_LISTS = ListDesign(
    label=PAIR_RATING,
    table="pair_rating",
    number="pairs",
    form=PAIR_LIST,
    what="a trial list of ratings of pairs",
    checks=rating_checks,
    again=True,
)
"""Trial lists of the pair-rating task."""
ARRANGEMENT_LISTS = ListDesign(
    label=MULTI_ARRANGEMENT,
    table="arrangement",
    chooser="scheduler",
    form=ARRANGEMENT_LIST,
    what="a list of arrangement trials",
    sets=arrangement_lists,
    fixed="no posterior chooses what is arranged: arrangement.scheduler = lift_weakest chooses the "
    "sets during the session, by the evidence of its own trials on each pair",
)
"""Trial lists of the multi-arrangement task: the fixed trials of a session."""
SORTING_LISTS = ListDesign(
    label=FREE_SORTING,
    table="free_sorting",
    form=SORTING_LIST,
    what="a list of sorting trials",
    sets=sorting_lists,
    fixed="what a sorting of many images is expected to tell is not computed: use "
    "free_sorting.sampler = random or coverage",
)
"""Trial lists of the free-sorting task."""


def random_trial_list(
    stimuli: StimulusSet, config: DesignConfig, rng: np.random.Generator
) -> pd.DataFrame:
    """Design a session of random triplets, which favour no hypothesis and test any model.

    No triplet comes twice but for the repeats. Over the main trials each object is shown
    within one of equally often, and within one of equally often at each place.

    Returns
    -------
    Trial list, one row a trial in the order shown; columns as in
    :data:`twoalike.design.TRIAL_LIST`.
    """
    shown, form = TRIPLET_LISTS.shown(stimuli, config), TRIPLET_LISTS.trial_form(config)
    require_trials(TRIPLET_LISTS, config, len(shown))
    main = random_trials(len(shown), config.trials, form, rng)
    return session_list(TRIPLET_LISTS, shown, stimuli.levels, config, main, rng)
