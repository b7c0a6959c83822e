"""How each task's trial lists are designed, and whether a list still fits the study's settings.

A list outlives a change of study.toml, and would then show the participant what was wanted
before. Lists without a description of ours beside them are somebody's own and left alone.
"""

import shlex
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from twoalike.design._adaptive import TRIPLET_BLOCKS, Adapting, triplet_lists
from twoalike.design._anchored import ANCHORED_BLOCKS
from twoalike.design._arrangement_list import ARRANGEMENT_LIST, arrangement_lists
from twoalike.design._list import ANCHORED_LIST, TRIAL_LIST
from twoalike.design._many import ALIKE_PAIR_BLOCKS, ODD_OF_MANY_BLOCKS
from twoalike.design._many_list import ALIKE_PAIR_LIST, ODD_OF_MANY_LIST
from twoalike.design._object_sets import for_person
from twoalike.design._pairs import PAIR_BLOCKS, PAIR_LIST
from twoalike.design._part import in_condition
from twoalike.design._session import group_rng, own_trial_list, stands_alone
from twoalike.design._sortings import SORTING_LIST, sorting_lists
from twoalike.registry import find_task
from twoalike.stimuli import MANIFEST, StimulusSet
from twoalike.study import (
    Study,
    TwoalikeError,
    check_seed,
    describe_changes,
    read_json,
    read_seed,
    sha256_file,
)
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

_FEW = 5
"""Participants that a message names one by one."""


type Session = tuple[str, int]
"""Participant and number of a session."""


def _is_random(config: Any) -> bool:
    return bool(config.sampler == "random")


@dataclass(frozen=True, kw_only=True)
class ListDesign:
    """How the trial lists of a task are made; a task of the register names its own as ``lists``."""

    label: str
    """BIDS label of the task, in the names of its lists."""
    table: str
    """Table of study.toml with their settings, such as ``design``."""
    chooser: str = "sampler"
    """Its key for how trials are chosen; ``list`` means the study brings its lists."""
    make: Callable[[Study, StimulusSet, Sequence[Session], np.random.Generator], list[pd.DataFrame]]
    """``(study, stimuli, sessions, shared)``: lists of sessions, each from its own seed; ``shared``
    is the randomness of what sessions share out."""
    alone: Callable[[Any], bool] = _is_random
    """Whether a session's list depends on no other's, by the settings."""
    form: Table
    """Columns of a list, and what is checked of them."""
    what: str = "a trial list"
    """What the file should be, for messages."""
    read_own: Callable[[Study, StimulusSet, Path], pd.DataFrame] | None = None
    """``(study, stimuli, path)``: a list that the study brings, where more is checked of it."""
    adapting: Adapting | None = None
    """How sessions choose by a posterior, with the sampler ``adaptive``; None: they cannot."""
    fixed: str = "no posterior chooses the trials of this task"
    """Why they cannot, and what to use instead, in words."""

    def read(self, path: Path, ids: Collection[str]) -> pd.DataFrame:
        """Read a list and check it (:func:`twoalike.tables.read_table`)."""
        return read_table(path, self.form, self.what, ids)

    def settings(self, study: Study) -> Any:
        """Return the settings of the lists in a study."""
        return getattr(study.config, self.table)

    def is_own(self, study: Study) -> bool:
        """Whether the study brings its lists."""
        return bool(getattr(self.settings(study), self.chooser) == "list")

    def is_adaptive(self, study: Study) -> bool:
        """Whether a posterior chooses the trials."""
        return bool(getattr(self.settings(study), self.chooser) == "adaptive")

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
            paths = [study.trial_list(self.label, *session) for session in wanted]
            if self.read_own is None:
                return [self.read(path, stimuli.ids) for path in paths]
            return [self.read_own(study, stimuli, path) for path in paths]
        shared = group_rng(study.config.seed, participants, sessions)
        return self.make(study, stimuli, wanted, shared)

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
    make=triplet_lists,
    alone=stands_alone,
    form=TRIAL_LIST,
    read_own=own_trial_list,
    adapting=TRIPLET_BLOCKS,
)
"""Trial lists of the odd-one-out task."""
ANCHORED_LISTS = ListDesign(
    label=ANCHORED_CHOICE,
    table="anchored",
    make=ANCHORED_BLOCKS.lists,
    form=ANCHORED_LIST,
    what="a trial list of anchored choices",
    adapting=ANCHORED_BLOCKS,
)
"""Trial lists of the anchored-choice task."""
ODD_OF_MANY_LISTS = ListDesign(
    label=ODD_ONE_OF_MANY,
    table="odd_one_of_many",
    make=ODD_OF_MANY_BLOCKS.lists,
    form=ODD_OF_MANY_LIST,
    what="a trial list of odd-one-of-many",
    adapting=ODD_OF_MANY_BLOCKS,
)
"""Trial lists of the odd-one-of-many task."""
ALIKE_PAIR_LISTS = ListDesign(
    label=MOST_ALIKE_PAIR,
    table="most_alike_pair",
    make=ALIKE_PAIR_BLOCKS.lists,
    form=ALIKE_PAIR_LIST,
    what="a trial list of most-alike-pair",
    adapting=ALIKE_PAIR_BLOCKS,
)
"""Trial lists of the most-alike-pair task."""
ARRANGEMENT_LISTS = ListDesign(
    label=MULTI_ARRANGEMENT,
    table="arrangement",
    chooser="scheduler",
    make=arrangement_lists,
    alone=lambda config: config.scheduler != "list",
    form=ARRANGEMENT_LIST,
    what="a list of arrangement trials",
    fixed="no posterior chooses what is arranged: arrangement.scheduler = lift_weakest chooses the "
    "sets during the session, by the evidence of its own trials on each pair",
)
"""Trial lists of the multi-arrangement task: the fixed trials of a session."""
PAIR_LISTS = ListDesign(
    label=PAIR_RATING,
    table="pair_rating",
    make=PAIR_BLOCKS.lists,
    form=PAIR_LIST,
    what="a trial list of ratings of pairs",
    adapting=PAIR_BLOCKS,
)
"""Trial lists of the pair-rating task."""
SORTING_LISTS = ListDesign(
    label=FREE_SORTING,
    table="free_sorting",
    make=sorting_lists,
    form=SORTING_LIST,
    what="a list of sorting trials",
    fixed="what a sorting of many images is expected to tell is not computed: use "
    "free_sorting.sampler = random or coverage",
)
"""Trial lists of the free-sorting task."""


def refused_tasks(study: Study, stimuli: StimulusSet, tasks: Iterable[str]) -> list[str]:
    """Report which tasks no participant could do, one line each, by designing a first session.

    That is no fault of a study, which may use the other task only. Lists that are made
    beforehand are not judged: own ones, those of an adaptive design, and those of sessions that
    share their triplets out.

    Parameters
    ----------
    tasks
        Names of tasks.
    """
    reasons = {task: _refusal(study, stimuli, task) for task in tasks}
    return [f"{task} cannot be run as it is: {why}" for task, why in reasons.items() if why]


def _refusal(study: Study, stimuli: StimulusSet, task: str) -> str:
    lists: ListDesign | None = find_task(task).lists
    if lists is None or not lists.alone(lists.settings(study)):
        return ""
    try:
        for name in study.conditions_of(task) or ("",):
            person = for_person(replace(study, object_set=1), stimuli)
            own = in_condition(person, stimuli, name) if name else person
            lists.one(own, stimuli, "001", 1)
    except TwoalikeError as error:
        return str(error)
    return ""


def study_with(
    study: Study, *, seed: int | None = None, sampler: str | None = None, table: str = "design"
) -> Study:
    """Give a study another seed or another sampler of triplets; None leaves it as it is.

    Parameters
    ----------
    table
        Table of study.toml with the sampler.
    """
    check_seed(seed)
    settings = getattr(study.config, table)
    known = get_args(type(settings).model_fields["sampler"].annotation)
    if sampler is not None and sampler not in known:
        raise TwoalikeError(
            where=f"`sampler={sampler}`", expected=f"one of {', '.join(known)}", found=repr(sampler)
        )
    if sampler is not None:
        settings = settings.model_copy(update={"sampler": sampler})
    updates = {table: settings} | ({} if seed is None else {"seed": seed})
    return replace(study, config=study.config.model_copy(update=updates))


def check_list_is_current(
    study: Study, stimuli: StimulusSet, task: str, participant: str, session: int
) -> None:
    """Check that a session's trial list, if there is one, was made with the present settings.

    Settings that do not change the list may change, where the list can be made again to see it.

    Parameters
    ----------
    task
        Name of the task, or its BIDS label.
    """
    lists: ListDesign | None = find_task(task).lists
    path = study.trial_list(find_task(task).label, participant, session)
    beside = path.with_suffix(".json")
    if lists is None or not path.exists() or not beside.exists() or lists.is_own(study):
        return
    about = read_json(beside, "trial_list")
    if "design" not in about["config"]:  # made by another tool
        return
    options = about["config"].get("options", {})
    seed, sampler = read_seed(options.get("seed", study.config.seed)), options.get("sampler")
    meant = study_with(study, seed=seed)
    if sampler is not None:
        meant = study_with(meant, sampler=sampler, table=lists.table)
    changes = describe_changes(_before(about, meant, lists), _now(about, meant, lists))
    if not changes:
        return
    if lists.alone(lists.settings(meant)):
        again = lists.one(meant, stimuli, participant, session)
        if lists.read(path, stimuli.ids).equals(again):
            return
    # The blocks of an adaptive session are made by the session itself.
    remedy = (
        "move the list away, the session makes its own"
        if "blocks" in about["config"]
        else f"make the list again: {_command(meant, find_task(task).name, about)}"
    )
    raise TwoalikeError(
        f"{path}: made with other settings than the study has now ({changes}). Restore them, or "
        f"{remedy}"
    )


def _before(about: Mapping[str, Any], study: Study, lists: ListDesign) -> dict[str, Any]:
    """Seed, settings and checksums that a list was made with."""
    # A key that a later version brought had its default.
    defaults = type(lists.settings(study))().model_dump(mode="json")
    settings = {**defaults, **about["config"]["design"]}
    digests = {_named(entry): entry["sha256"][:8] for entry in _own_inputs(about).values()}
    return {"seed": read_seed(about["seed"]), lists.table: settings, **digests}


def _now(about: Mapping[str, Any], study: Study, lists: ListDesign) -> dict[str, Any]:
    """Seed, settings and checksums that it would be made with now."""
    features = study.root / study.config.design.features
    files = {"stimuli": study.stimuli / MANIFEST, "features": features}
    digests = {
        _named(entry): sha256_file(files[role])[:8] if files[role].is_file() else None
        for role, entry in _own_inputs(about).items()
    }
    settings = lists.settings(study).model_dump(mode="json")
    return {"seed": study.config.seed, lists.table: settings, **digests}


def _own_inputs(about: Mapping[str, Any]) -> dict[str, Any]:
    """Keep inputs that are the study's own; a posterior may be gone since it chose the triplets."""
    return {role: it for role, it in about["inputs"].items() if role in ("stimuli", "features")}


def _named(entry: Mapping[str, Any]) -> str:
    return f"checksum of {entry['file']}"


def _command(meant: Study, task: str, about: Mapping[str, Any]) -> str:
    """Command that makes the list again, with those it shares its triplets out with."""
    made_with = about["config"]
    options = made_with.get("options", {})
    who = made_with.get("participants", [made_with["participant"]])
    named = " ".join(who) if len(who) <= _FEW else f"{who[0]} ... {who[-1]} (all {len(who)} again)"
    words = [f"twoalike design {shlex.quote(str(meant.root))}", f"`task={task}`"]
    words.append(f"`participants={named}`")
    if (sessions := made_with.get("sessions", made_with["session"])) > 1:
        words.append(f"`sessions={sessions}`")
    if "sampler" in options:
        words.append(f"`sampler={options['sampler']}`")
    if find_task(task).lists.is_adaptive(meant):
        words.append("`posterior=P.nc`")
    if "seed" in options or read_seed(about["seed"]) != meant.config.seed:
        words.append(f"`seed={meant.config.seed}`")
    return " ".join([*words, "`overwrite=True`"])
