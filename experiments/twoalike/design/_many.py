"""Trial lists of choices among k images: odd-one-of-many and most-alike-pair, k from 3 to 6.

An answer compares all pairs of the k images, so that coverage means every pair of objects together
on the screen. What the two tasks have apart are their checks, and what the right answer is.
"""

import hashlib
import math
from collections.abc import Sequence
from functools import partial
from math import comb
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import Question
from twoalike.design._adaptive import Adapting
from twoalike.design._assemble import (
    balanced_places,
    catch_places,
    in_order,
    order_in_blocks,
    other_places,
)
from twoalike.design._covering import covering_bound, covering_triplets, filling_triplets
from twoalike.design._many_checks import alike_pair_sets, odd_one_sets
from twoalike.design._many_list import ALIKE_PAIR_LIST, ODD_OF_MANY_LIST
from twoalike.design._session import refuse_too_many
from twoalike.design._subsets import covering_sets, schonheim_bound
from twoalike.design._triplets import (
    Chosen,
    Sets,
    balanced_triplets,
    deal_covering,
    fresh_triplets,
    refuse_few_sessions,
)
from twoalike.study import Integers, ManyConfig, TwoalikeError
from twoalike.tables import MANY_STIMULI

_TRIES = 20
"""Times that a further covering is looked for which shares no set with those before."""


def set_bound(m: int, size: int, repeats: int = 1) -> int:
    """Fewest sets of ``size`` objects that could show each pair of ``m`` so often.

    Examples
    --------
    >>> set_bound(20, 4), set_bound(20, 3)
    (35, 67)
    """
    if size == 3:
        return covering_bound(m, repeats)
    return schonheim_bound(m, size) * repeats


def pair_covering(m: int, size: int, repeats: int, rng: np.random.Generator) -> Sets:
    """Find distinct sets that show each pair of ``m`` objects ``repeats`` times or more.

    Returns
    -------
    Shape (n, size), ascending in each row, in random order. Of sets of four and more, some may be
    there to tie groups of trials together (see :func:`covering_sets`).

    Examples
    --------
    >>> pair_covering(6, 6, 1, np.random.default_rng(0))
    array([[0, 1, 2, 3, 4, 5]])
    """
    if size == 3 and repeats <= m - 2:
        return covering_triplets(m, repeats, rng)
    found: set[tuple[int, ...]] = set()
    for _ in range(repeats):
        further = None if size == 3 else _further_covering(m, size, found, rng)
        if further is None:
            raise ValueError(
                f"each pair of {m} objects cannot be shown {repeats} times in sets of {size} "
                "without showing a set twice."
            )
        found |= further
    return rng.permutation(np.array(sorted(found), dtype=np.int64))


def _further_covering(
    m: int, size: int, found: set[tuple[int, ...]], rng: np.random.Generator
) -> set[tuple[int, ...]] | None:
    """Find sets that show every pair, none of them found before; None if there seem to be none."""
    for _ in range(_TRIES):
        further = {tuple(items) for items in covering_sets(m, size, rng)}
        if not further & found:
            return further
    return None


def set_id(names: Sequence[str]) -> str:
    """Id of a set that depends on its objects only.

    Examples
    --------
    >>> set_id(["a", "b", "c", "d"]) == set_id(["d", "c", "b", "a"])
    True
    """
    return "s" + hashlib.sha256("\t".join(sorted(names)).encode()).hexdigest()[:12]


def _rows(
    ids: Sequence[str], kind: str, chosen: Chosen, places: Integers, answers: Integers | None = None
) -> list[dict[str, Any]]:
    """Make a row of each trial; ``answers`` are indices of the right ones, shape (n, 1 or 2)."""
    found = []
    for at, (items, where) in enumerate(
        zip(chosen.triplets.tolist(), places.tolist(), strict=True)
    ):
        names = [ids[item] for item in items]
        row: dict[str, Any] = {
            "trial_type": kind,
            "set_id": set_id(names),
            "n_items": len(names),
            **{f"stimulus_{k}": name for k, name in enumerate(names, start=1)},
            **{f"position_{k}": place + 1 for k, place in enumerate(where, start=1)},
            "sampler": chosen.samplers[at],
            "sampler_score": None if math.isnan(score := chosen.scores[at]) else float(score),
        }
        if answers is not None:
            right = (answers[at] + 1).tolist()
            keys = ["expected_odd"] if len(right) == 1 else ["expected_1", "expected_2"]
            row |= dict(zip(keys, right, strict=True))
        found.append(row)
    return found


def _assemble(
    shown: pd.DataFrame,
    levels: Sequence[str],
    config: ManyConfig,
    main: Chosen,
    rng: np.random.Generator,
    *,
    pairs: bool,
    avoid: Sets | None = None,
    checks_before: int = 0,
) -> pd.DataFrame:
    """Trial list of a session; ``pairs``: of the most-alike-pair task.

    Otherwise as :attr:`Adapting.assemble` describes.
    """
    name = _table(pairs)
    ids, m, size = shown["id"].tolist(), len(shown), config.n_items
    parts = [main.triplets, *([] if avoid is None else [avoid])]
    used = {tuple(row) for row in np.concatenate(parts).tolist()}
    checks = alike_pair_sets if pairs else odd_one_sets
    try:
        easy, easy_right = checks(shown[list(levels)], config.practice_checks, used, rng, size)
        catch, right = checks(shown[list(levels)], config.catch, used, rng, size)
        practice = fresh_triplets(m, config.practice, used, rng, size)
        order, blocks = order_in_blocks(config, len(main), rng)
    except ValueError as error:
        raise TwoalikeError(f"{name}: {error} Change the numbers in [{name}].") from error

    def answered(kind: str, sets: Sets, answers: Integers) -> list[dict[str, Any]]:
        at: Integers
        if pairs:
            at = rng.permuted(np.tile(np.arange(size), (len(sets), 1)), axis=1)
        else:
            at = catch_places(answers[:, 0], rng, size=size)
        # The categories, and no sampler, chose them; the column wants a word all the same.
        return _rows(ids, kind, Chosen.of(sets, "random"), at, answers)

    before = answered("practice", easy, easy_right)
    before += _rows(
        ids, "practice", Chosen.of(practice, "random"), balanced_places(practice, m, rng)
    )
    places = balanced_places(main.triplets, m, rng)
    by_kind = {
        "main": _rows(ids, "main", main, places),
        "repeat": _rows(ids, "repeat", main, other_places(places, rng)),
        "catch": answered("catch", catch, right),
    }
    form = ALIKE_PAIR_LIST if pairs else ODD_OF_MANY_LIST
    return in_order(before, by_kind, order, blocks, form)


def _table(pairs: bool) -> str:
    """Table of study.toml with the settings."""
    return "most_alike_pair" if pairs else "odd_one_of_many"


def _random(m: int, config: ManyConfig, rng: np.random.Generator) -> Chosen:
    return Chosen.of(balanced_triplets(m, config.trials, rng, config.n_items), "random")


def _coverage_sessions(
    m: int, config: ManyConfig, sessions: int, rng: np.random.Generator, name: str
) -> list[Chosen]:
    """Choose main trials of sessions that together show each pair; those left over are random."""
    _require_room(m, config, sessions, set_bound(m, config.n_items, config.pair_repeats), name)
    try:
        cover = pair_covering(m, config.n_items, config.pair_repeats, rng)
    except ValueError as error:
        raise TwoalikeError(f"{name}: {error} Lower {name}.pair_repeats.") from error
    _require_room(m, config, sessions, len(cover), name)
    return deal_covering(cover, config.trials, sessions, m, rng, filling_triplets)


def _require_room(m: int, config: ManyConfig, sessions: int, needed: int, name: str) -> None:
    what = f"each pair of {m} objects {config.pair_repeats} times or more in sets of "
    what += f"{config.n_items}"
    refuse_few_sessions(name, what, needed, config.trials, sessions)


def _require_sets(config: ManyConfig, m: int, name: str) -> None:
    """Refuse numbers of trials that ``m`` objects do not allow."""
    available = comb(m, config.n_items)
    have = f"{m} objects have only {available} sets of {config.n_items}"
    refuse_too_many(config, name, available, have)


def _blocks(pairs: bool) -> Adapting:
    name = _table(pairs)
    return Adapting(
        table=name,
        trial_list=ALIKE_PAIR_LIST if pairs else ODD_OF_MANY_LIST,
        columns=MANY_STIMULI,
        question=lambda config: Question("most_alike" if pairs else "odd_one_out", config.n_items),
        require=partial(_require_sets, name=name),
        balanced=filling_triplets,
        coverage=partial(_coverage_sessions, name=name),
        random=_random,
        assemble=partial(_assemble, pairs=pairs),
    )


ODD_OF_MANY_BLOCKS, ALIKE_PAIR_BLOCKS = _blocks(False), _blocks(True)
"""Sessions of the odd-one-of-many and the most-alike-pair task."""
