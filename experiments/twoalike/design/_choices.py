"""The trial list of a session of choices or ratings: main trials, practice, checks, repeats, order.

One path for all tasks that show k images and ask something about them: an odd-one-out trial is a
set of three, a rating a pair, an anchored choice has one of its three as reference. What a task has
of its own is in its :class:`~twoalike.design.ListDesign`: the table, the question, and the checks.
"""

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import Question
from twoalike.design._checks import (
    alike_pair_checks,
    anchored_checks,
    odd_one_checks,
    rating_checks,
)
from twoalike.design._dealing import chosen, coverage_sessions, objects_of
from twoalike.design._design import ListDesign, Session, checks_before, session_rng
from twoalike.design._form import Sets, TrialForm, Used, balanced_trials
from twoalike.design._levels import level_practice, level_session, level_sessions, study_classes
from twoalike.design._order import (
    any_places,
    balanced_places,
    check_places,
    dealt_sides,
    order_in_blocks,
    other_places,
)
from twoalike.design._tables import (
    ALIKE_PAIR_LIST,
    ANCHORED_LIST,
    ODD_OF_MANY_LIST,
    PAIR_LIST,
    TRIAL_LIST,
    typed,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import Integers, Study, TwoalikeError
from twoalike.tables import (
    ANCHORED_CHOICE,
    MOST_ALIKE_PAIR,
    ODD_ONE_OF_MANY,
    ODD_ONE_OUT,
    PAIR_RATING,
)


def choice_lists(
    design: ListDesign,
    study: Study,
    stimuli: StimulusSet,
    sessions: Sequence[Session],
    shared: np.random.Generator,
) -> list[pd.DataFrame]:
    """Make trial lists without a posterior, as :attr:`ListDesign.make` describes."""
    config, seed = design.settings(study), study.config.seed
    shown = design.shown(stimuli, config)
    form, m, n = design.trial_form(config), len(shown), getattr(config, design.number)
    if config.sampler == "adaptive":
        raise TwoalikeError(
            f"{design.table}: the adaptive sampler chooses by a posterior. Name it: "
            "`posterior=P.nc`."
        )
    require_trials(design, config, m)
    rngs = [session_rng(seed, *session) for session in sessions]
    classes = None
    if config.sampler == "coverage":
        repeats = config.pair_repeats
        mains = coverage_sessions(form, m, n, repeats, len(sessions), shared, design.table)
    elif config.sampler == "levels":
        classes = study_classes(study, shown, stimuli.levels)
        people = len({label for label, _ in sessions})
        mains = (
            level_sessions(classes, config, people, len(sessions) // people, shared)
            if config.lists_per_triplet
            else [level_session(classes, config, rng) for rng in rngs]
        )
    else:  # random trials favour no hypothesis and test any model
        n = min(n, form.count(m))
        mains = [chosen(balanced_trials(m, n, rng, form), "random") for rng in rngs]
    return [
        session_list(
            *(design, shown, stimuli.levels, config, main, rng),
            before=checks_before(*session, config.catch),
            classes=classes,
        )
        for main, rng, session in zip(mains, rngs, sessions, strict=True)
    ]


def require_trials(design: ListDesign, config: Any, m: int) -> None:
    """Refuse more trials than ``m`` objects have, and more repeats than main trials."""
    form, table, number = design.trial_form(config), design.table, design.number
    n, available = getattr(config, number), form.count(m)
    if n + config.practice > available and not design.again:
        raise TwoalikeError(
            f"{table}: asked for {n} main and {config.practice} practice trials, but {m} objects "
            f"have only {available} {form.noun}. Lower {table}.{number} or add stimuli."
        )
    if config.repeats > min(n, available):
        raise TwoalikeError(
            f"{table}: asked for {config.repeats} repeats of {min(n, available)} main trials. "
            f"Lower {table}.repeats."
        )


def session_list(
    design: ListDesign,
    shown: pd.DataFrame,
    levels: Sequence[str],
    config: Any,
    main: pd.DataFrame,
    rng: np.random.Generator,
    *,
    avoid: Sets | None = None,
    before: int | None = None,
    classes: Integers | None = None,
) -> pd.DataFrame:
    """Trial list of a session that shows the chosen trials ``main``.

    Over the main trials each object is within one of equally often at each place. Repeats come at
    least ten trials after the first showing, with every object at a new place. Practice and checks
    are none of the main trials, nor of the trials ``avoid``, shape (n, k).

    Parameters
    ----------
    before
        Attention checks of the participant's earlier sessions, where the places of right answers
        take turns; None: from a random one.
    classes
        Classes of the objects, shape (m,), where practice is drawn by levels.
    """
    form, m, kinds = design.trial_form(config), len(shown), shown[list(levels)]
    trials = objects_of(main)
    used: Used = {
        tuple(row) for part in (trials, avoid) if part is not None for row in part.tolist()
    }
    checks = design.checks
    assert checks is not None
    try:
        practice = _practice(design, config, m, used, rng, classes)
        n_easy = getattr(config, "practice_checks", 0)
        easy, easy_right = checks(kinds, n_easy, used, rng, form.items)
        catch, right = checks(kinds, config.catch, used, rng, form.items)
        order, blocks = order_in_blocks(config, len(main), rng)
    except ValueError as error:
        raise TwoalikeError(
            f"{design.table}: {error} Change the numbers in [{design.table}]."
        ) from error
    ids = shown["id"].to_numpy(dtype=object)
    parts = [
        _rows(design, ids, "practice", easy, _right_places(easy_right, form, rng), easy_right),
        _rows(
            design, ids, "practice", practice, balanced_places(objects_of(practice), m, rng, form)
        ),
    ]
    places = balanced_places(trials, m, rng, form)
    parts += [
        _rows(design, ids, "main", main, places),
        _rows(design, ids, "repeat", main, other_places(places, form, rng)),
    ]
    sides = getattr(config, "catch_sides", None) or (
        [] if before is None else dealt_sides(config.catch, before, form)
    )
    parts.append(_rows(design, ids, "catch", catch, _right_places(right, form, rng, sides), right))
    table = _in_order(pd.concat(parts), len(easy) + len(practice), len(main), order, blocks)
    return typed(table.reindex(columns=list(design.form.names)), design.form)


def _practice(
    design: ListDesign,
    config: Any,
    m: int,
    used: Used,
    rng: np.random.Generator,
    classes: Integers | None,
) -> pd.DataFrame:
    """Practice trials that are not in ``used``, while enough are left or none may come again."""
    if classes is not None:
        return level_practice(classes, config, used, rng)
    form, n = design.trial_form(config), config.practice
    if design.again and form.count(m) - len(used) < n:
        n, used = min(n, form.count(m)), set()
    return chosen(form.draw(m, n, used, rng), "random")


def _right_places(
    right: np.ndarray, form: TrialForm, rng: np.random.Generator, sides: Sequence[int] = ()
) -> Integers:
    """Places of trials with a right answer: dealt where that is one of the images."""
    if form.items < 3 or right.shape[1] > 1:
        return any_places(len(right), form, rng)
    return check_places(right[:, 0] - 1, form, rng, sides)


def _rows(
    design: ListDesign,
    ids: np.ndarray,
    kind: str,
    trials: pd.DataFrame,
    places: Integers,
    right: np.ndarray | None = None,
) -> pd.DataFrame:
    names, columns = ids[objects_of(trials)], design.form.names
    at = np.array(list(design.form["position_1"].levels or range(1, 1 + names.shape[1])), object)
    rows: dict[str, Any] = {
        "trial_type": kind,
        "n_items": names.shape[1],
        **{f"stimulus_{k}": column for k, column in enumerate(names.T, start=1)},
        **{f"position_{k}": at[column] for k, column in enumerate(places.T, start=1)},
        **{
            name: trials[name].to_numpy(object)
            for name in ("sampler", "sampler_score", "condition")
        },
    }
    for name in columns:
        if name.endswith("_id"):
            rows[name] = [trial_id(row, design.prefix) for row in names.tolist()]
    if right is not None:
        expected = [name for name in columns if name.startswith("expected_")]
        rows |= dict(zip(expected, right.T.astype(object), strict=True))
    return pd.DataFrame(rows, index=range(len(trials)), dtype=object)


def trial_id(names: Sequence[str], prefix: str) -> str:
    """Id of a trial that depends on its objects only: on the reference (``a``), and the others."""
    first = int(prefix == "a")
    text = "\t".join([*names[:first], *sorted(names[first:])])
    return prefix + hashlib.sha256(text.encode()).hexdigest()[:12]


def _in_order(
    rows: pd.DataFrame,
    n_practice: int,
    n_main: int,
    order: Sequence[Session],
    blocks: Sequence[int],
) -> pd.DataFrame:
    start = {"main": n_practice, "repeat": n_practice + n_main, "catch": n_practice + 2 * n_main}
    at = [*range(n_practice), *(start[kind] + index for kind, index in order)]
    first = {index: n_practice + k for k, (kind, index) in enumerate(order, 1) if kind == "main"}
    again = [first[index] if kind == "repeat" else None for kind, index in order]
    practice_block = int(n_practice > 0)
    return rows.iloc[at].assign(
        trial_index=np.arange(1, len(at) + 1),
        block_index=[1] * n_practice + [block + practice_block for block in blocks],
        repeat_of=np.array([*[None] * n_practice, *again], dtype=object),
    )


_choices = partial(ListDesign, make=choice_lists)
TRIPLET_LISTS = _choices(
    label=ODD_ONE_OUT,
    table="design",
    form=TRIAL_LIST,
    question=lambda config: Question("odd_one_out", 3),
    checks=odd_one_checks,
    prefix="t",
)
"""Trial lists of the odd-one-out task."""
ANCHORED_LISTS = _choices(
    label=ANCHORED_CHOICE,
    table="anchored",
    form=ANCHORED_LIST,
    what="a trial list of anchored choices",
    question=lambda config: Question("anchored", 3),
    checks=anchored_checks,
    prefix="a",
)
"""Trial lists of the anchored-choice task."""
ODD_OF_MANY_LISTS = _choices(
    label=ODD_ONE_OF_MANY,
    table="odd_one_of_many",
    form=ODD_OF_MANY_LIST,
    what="a trial list of odd-one-of-many",
    question=lambda config: Question("odd_one_out", config.n_items),
    checks=odd_one_checks,
    prefix="s",
)
"""Trial lists of the odd-one-of-many task."""
ALIKE_PAIR_LISTS = _choices(
    label=MOST_ALIKE_PAIR,
    table="most_alike_pair",
    form=ALIKE_PAIR_LIST,
    what="a trial list of most-alike-pair",
    question=lambda config: Question("most_alike", config.n_items),
    checks=alike_pair_checks,
    prefix="s",
)
"""Trial lists of the most-alike-pair task."""
PAIR_LISTS = _choices(
    label=PAIR_RATING,
    table="pair_rating",
    number="pairs",
    form=PAIR_LIST,
    what="a trial list of ratings of pairs",
    checks=rating_checks,
    again=True,
)
"""Trial lists of the pair-rating task."""
