"""Trial lists of anchored choices: which reference, which two candidates, in what order.

An answer compares the two pairs that hold the reference, so that a trial shows two pairs and the
candidates are no pair. The triplets here have the reference first, then the candidates, ascending.
"""

import hashlib
from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import Question
from twoalike.design._adaptive import Adapting
from twoalike.design._assemble import balanced_places, in_order, lines, order_in_blocks
from twoalike.design._list import ANCHORED_LIST
from twoalike.design._objects import catch_triplets, kinds
from twoalike.design._session import refuse_too_many
from twoalike.design._triplets import Chosen, deal_covering, refuse_few_sessions
from twoalike.study import AnchoredConfig, Integers, TwoalikeError
from twoalike.tables import STIMULI

_LEFT, _MIDDLE, _RIGHT = range(3)
_TRIES = 200
"""Times that the candidates of a reference are paired anew where a pair came twice."""


def balanced_questions(
    m: int, n: int, rng: np.random.Generator, taken: Integers | None = None
) -> Integers:
    """Draw ``n`` distinct questions, each of the objects that were shown least so far.

    Parameters
    ----------
    m
        Number of objects.
    taken
        Questions that are not to come again, and count as shown; shape (k, 3).

    Returns
    -------
    Reference and candidates, shape (n, 3). With those taken each object is the reference within one
    of equally often, while there are enough questions left.

    Examples
    --------
    >>> drawn = balanced_questions(6, 12, np.random.default_rng(0))
    >>> np.bincount(drawn[:, 0])
    array([2, 2, 2, 2, 2, 2])
    """
    before = np.empty((0, 3), dtype=np.int64) if taken is None else taken
    used = {tuple(row) for row in before.tolist()}
    if n > 3 * comb(m, 3) - len(used):
        raise ValueError(f"asked for {n} questions, {3 * comb(m, 3) - len(used)} are left.")
    asked = np.bincount(before[:, 0], minlength=m)
    shown = np.bincount(before.ravel(), minlength=m)
    rows: list[tuple[int, ...]] = []
    while len(rows) < n:
        rare = np.argsort(shown + rng.random(m)).tolist()
        references = sorted(rare, key=lambda item: int(asked[item]))
        row = next(
            question
            for reference in references
            for pair in combinations((item for item in rare if item != reference), 2)
            if (question := (reference, *sorted(pair))) not in used
        )
        used.add(row)
        rows.append(row)
        asked[row[0]] += 1
        shown[list(row)] += 1
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def covering_questions(m: int, repeats: int, rng: np.random.Generator) -> Integers:
    """Questions that show each pair of objects, one of them the reference, ``repeats`` times.

    Each pair is given a direction, from the reference to the candidate, so that every object is
    the reference of about as many pairs; the candidates of a reference are then paired at random.
    An odd number of candidates would leave one alone, so one pair is turned round between each two
    objects that have one: at most one object needs a candidate more.

    Returns
    -------
    Reference and candidates, shape (n, 3), n = ceil(repeats m (m - 1) / 4). Objects are the
    reference about equally often.

    Examples
    --------
    >>> covering_questions(9, 1, np.random.default_rng(0)).shape
    (18, 3)
    """
    towards = _directed(m, repeats, rng)
    odd = rng.permutation(np.flatnonzero(towards.sum(axis=1) % 2)).tolist()
    for one, other in zip(odd[::2], odd[1::2], strict=False):
        source, end = (one, other) if towards[one, other] else (other, one)
        towards[source, end] -= 1
        towards[end, source] += 1
    if len(odd) % 2:
        last = odd[-1]
        others = np.delete(np.arange(m), last)
        towards[last, others[np.argmin(towards[last, others] + rng.random(m - 1))]] += 1
    parts = [_paired(reference, towards[reference], rng) for reference in range(m)]
    return rng.permutation(np.concatenate(parts))


def _directed(m: int, repeats: int, rng: np.random.Generator) -> Integers:
    """How often each pair has each direction, shape (m, m): evenly, and evenly over objects."""
    towards = np.full((m, m), repeats // 2, dtype=np.int64)
    if repeats % 2:
        # Round a circle, each object points to the half of them that follow it.
        place = rng.permutation(m)
        ahead = (place[None, :] - place[:, None]) % m
        across = (2 * ahead == m) & (place[:, None] < m // 2)
        towards += (2 * ahead < m) | across
    np.fill_diagonal(towards, 0)
    return towards


def _paired(reference: int, counts: Integers, rng: np.random.Generator) -> Integers:
    """Pair the candidates of a reference, no two pairs the same, shape (n, 3)."""
    candidates = np.repeat(np.arange(len(counts)), counts)
    for _ in range(_TRIES):
        pairs = np.sort(rng.permutation(candidates).reshape(-1, 2), axis=1)
        if (pairs[:, 0] < pairs[:, 1]).all() and len(np.unique(pairs, axis=0)) == len(pairs):
            return np.column_stack([np.full(len(pairs), reference), pairs])
    raise ValueError(
        f"pair_repeats asks for {len(candidates)} candidates of one reference among "
        f"{len(counts) - 1} objects, which cannot be paired without asking a question twice."
    )


def _checks(
    levels: pd.DataFrame, n: int, used: set[tuple[int, ...]], rng: np.random.Generator
) -> tuple[Integers, Integers]:
    """Questions with a right answer, shape (n, 3), and the candidate (1, 2) that it is, (n,)."""
    rows: list[tuple[int, ...]] = []
    right: list[int] = []
    tried: set[tuple[int, ...]] = set()
    total = sum(comb(len(near), 2) * len(far) for near, far in kinds(levels))
    while len(rows) < n:
        if len(tried) == total:
            raise ValueError(
                f"asked for {n} attention checks, the categories and the main trials allow "
                f"{len(rows)}: each needs two objects of one finest category and one of another "
                "coarsest category, and is no main trial."
            )
        triplet, far = catch_triplets(levels, 1, tried, rng)
        items: list[int] = triplet[0].tolist()
        stranger = items.pop(int(far[0]))
        for reference, twin in rng.permutation([items, items[::-1]]).tolist():
            question = (reference, *sorted((twin, stranger)))
            if question not in used:
                used.add(question)
                rows.append(question)
                right.append(question.index(twin, 1))
                break
    return np.array(rows, dtype=np.int64).reshape(-1, 3), np.array(right, dtype=np.int64)


def _check_places(right: Integers, first: int, rng: np.random.Generator) -> Integers:
    """Places with the right answer left and right in turn, from ``first``, in random order."""
    side = rng.permutation((first + np.arange(len(right))) % 2)
    places = np.empty((len(right), 3), dtype=np.int64)
    rows = np.arange(len(right))
    places[:, 0] = _MIDDLE
    places[rows, right] = np.where(side == 0, _LEFT, _RIGHT)
    places[rows, 3 - right] = np.where(side == 0, _RIGHT, _LEFT)
    return places


def question_id(names: Sequence[str]) -> str:
    """Id of a reference with two candidates, in either order.

    Examples
    --------
    >>> question_id(["a", "b", "c"]) == question_id(["a", "c", "b"]) != question_id(["b", "a", "c"])
    True
    """
    reference, *candidates = names
    text = "\t".join([reference, *sorted(candidates)])
    return "a" + hashlib.sha256(text.encode()).hexdigest()[:12]


def _assemble(
    shown: pd.DataFrame,
    levels: Sequence[str],
    config: AnchoredConfig,
    main: Chosen,
    rng: np.random.Generator,
    *,
    avoid: Integers | None = None,
    checks_before: int = 0,
) -> pd.DataFrame:
    """Trial list of a session, as :attr:`Adapting.assemble` describes."""
    ids, m, first = shown["id"].tolist(), len(shown), checks_before % 2
    parts = [main.triplets, *([] if avoid is None else [avoid])]
    used = {tuple(row) for row in np.concatenate(parts).tolist()}
    try:
        easy, easy_right = _checks(shown[list(levels)], config.practice_checks, used, rng)
        catch, right = _checks(shown[list(levels)], config.catch, used, rng)
        taken = np.array(sorted(used), dtype=np.int64).reshape(-1, 3)
        practice = balanced_questions(m, config.practice, rng, taken)
        order, blocks = order_in_blocks(config, len(main), rng)
    except ValueError as error:
        raise TwoalikeError(f"anchored: {error} Change the numbers in [anchored].") from error
    places = _sides(main.triplets, m, rng)

    def rows(kind: str, chosen: Chosen, at: Integers) -> list[dict[str, Any]]:
        return lines(ids, kind, chosen, at, question_id)

    def answered(kind: str, questions: Integers, answers: Integers) -> list[dict[str, Any]]:
        # The categories, and no sampler, chose them; the column wants a word all the same.
        at = _check_places(answers, first, rng)
        made = rows(kind, Chosen.of(questions, "random"), at)
        return [
            row | {"expected_response": int(answer) + 1}
            for row, answer in zip(made, answers, strict=True)
        ]

    warm_up = Chosen.of(practice, "random")
    before = answered("practice", easy, easy_right)
    before += rows("practice", warm_up, _sides(practice, m, rng))
    by_kind = {
        "main": rows("main", main, places),
        "repeat": rows("repeat", main, 2 - places),  # the middle stays where it is
        "catch": answered("catch", catch, right),
    }
    return in_order(before, by_kind, order, blocks, ANCHORED_LIST)


def _sides(questions: Integers, m: int, rng: np.random.Generator) -> Integers:
    """Places with each object left and right equally often, within one, shape (n, 3)."""
    start = np.tile([_MIDDLE, _LEFT, _RIGHT], (len(questions), 1))
    start[:, 1:] = rng.permuted(start[:, 1:], axis=1)
    return balanced_places(questions, m, rng, start)


def _random(m: int, config: AnchoredConfig, rng: np.random.Generator) -> Chosen:
    return Chosen.of(rng.permutation(balanced_questions(m, config.trials, rng)), "random")


def _coverage_sessions(
    m: int, config: AnchoredConfig, sessions: int, rng: np.random.Generator
) -> list[Chosen]:
    """Choose main trials of sessions that together show each pair; those left over are random."""
    try:
        cover = covering_questions(m, config.pair_repeats, rng)
    except ValueError as error:
        raise TwoalikeError(f"anchored: {error} Lower anchored.pair_repeats.") from error
    what = f"each pair of {m} objects {config.pair_repeats} times or more"
    refuse_few_sessions("anchored", what, len(cover), config.trials, sessions)
    return deal_covering(cover, config.trials, sessions, m, rng, _filling)


def _require_questions(config: AnchoredConfig, m: int) -> None:
    """Refuse numbers of trials that ``m`` objects do not allow."""
    available = 3 * comb(m, 3)
    have = f"{m} objects allow only {available} different ones"
    refuse_too_many(config, "anchored", available, have)


def _filling(taken: Integers, m: int, n: int, rng: np.random.Generator) -> Integers:
    return balanced_questions(m, n, rng, taken)


ANCHORED_BLOCKS = Adapting(
    table="anchored",
    trial_list=ANCHORED_LIST,
    columns=STIMULI,
    question=lambda config: Question("anchored", 3),
    require=_require_questions,
    balanced=_filling,
    coverage=_coverage_sessions,
    random=_random,
    assemble=_assemble,
)
"""Sessions of the anchored-choice task."""
