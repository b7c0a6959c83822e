"""Trial lists of ratings of pairs: which two images, on which side, in what order."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations
from math import comb
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design._adaptive import Adapting
from twoalike.design._assemble import balanced_places, in_order, order_in_blocks
from twoalike.design._list import TRIAL_LIST, blocks_in_order, count_up, repeats_name_their_first
from twoalike.design._objects import kinds
from twoalike.design._triplets import Chosen, deal_covering, refuse_few_sessions
from twoalike.study import MISSING, Integers, PairRatingConfig, TwoalikeError
from twoalike.tables import TRIAL_TYPES, Column, Fault, Table, faults

PAIR = ("stimulus_1", "stimulus_2")
"""Columns of the two objects, in the order of the design."""
SIDES = ("left", "right")
"""Where the two images are shown."""
_PLACES = ("position_1", "position_2")


def _two_different(trials: pd.DataFrame) -> Iterator[Fault]:
    """Check that a pair has two objects, but for an attention check, and always two places."""
    same = (trials[PAIR[0]] == trials[PAIR[1]]) & (trials["trial_type"] != "catch")
    found = trials[PAIR[1]].tolist()
    yield from faults(same.to_numpy(), "two different objects", PAIR[1], found)
    same = trials[_PLACES[0]] == trials[_PLACES[1]]
    yield from faults(same.to_numpy(), "two places", _PLACES[1], trials[_PLACES[1]].tolist())


def _checks_have_an_answer(trials: pd.DataFrame) -> Iterator[Fault]:
    wrong = (trials["trial_type"] == "catch") & trials["expected_rating"].isna()
    found = [MISSING] * len(trials)
    yield from faults(wrong.to_numpy(), "an answer in a catch trial", "expected_rating", found)


PAIR_LIST = Table(
    "trial list",
    (
        TRIAL_LIST["trial_index"],
        TRIAL_LIST["block_index"],
        replace(
            TRIAL_LIST["trial_type"],
            levels=TRIAL_TYPES | {"catch": "attention check with an obvious answer"},
        ),
        *(
            Column(name, "string", f"Id of object {name[-1]} of the pair, in the design's order.")
            for name in PAIR
        ),
        *(
            Column(
                name,
                "string",
                f"Where stimulus_{name[-1]} was shown.",
                levels={side: f"{side} of the two" for side in SIDES},
            )
            for name in _PLACES
        ),
        Column(
            "expected_rating",
            "string",
            "The half of the scale that is right in a trial that has a right answer.",
            levels={"high": "two identical images", "low": "two images of far categories"},
            missing="a matter of judgment",
        ),
        TRIAL_LIST["repeat_of"],
        Column(
            "sampler",
            "string",
            "How the design chose the pair (random, coverage, adaptive, list; identical or "
            "categories in attention checks).",
        ),
    ),
    rows="trials",
    items=PAIR,
    checks=(
        count_up,
        blocks_in_order,
        _two_different,
        _checks_have_an_answer,
        repeats_name_their_first,
    ),
)
"""The trial list of the pair-rating task; the raw table has its columns as well."""


def balanced_pairs(
    m: int, n: int, rng: np.random.Generator, taken: Integers | None = None
) -> Integers:
    """Draw ``n`` distinct pairs, each of the objects that were shown least so far.

    Parameters
    ----------
    m
        Number of objects.
    taken
        Pairs that are not to come again, and count as shown; shape (k, 2).

    Returns
    -------
    Pairs, ascending, shape (n, 2); fewer where fewer are left.

    Examples
    --------
    >>> np.bincount(balanced_pairs(6, 9, np.random.default_rng(0)).ravel())
    array([3, 3, 3, 3, 3, 3])
    """
    before = np.empty((0, 2), dtype=np.int64) if taken is None else taken
    used = {tuple(row) for row in before.tolist()}
    shown = np.bincount(before.ravel(), minlength=m)
    rows: list[tuple[int, ...]] = []
    while len(rows) < n and len(used) < comb(m, 2):
        rare = np.argsort(shown + rng.random(m)).tolist()
        both = (tuple(sorted(pair)) for pair in combinations(rare, 2))
        row = next(pair for pair in both if pair not in used)
        used.add(row)
        rows.append(row)
        shown[list(row)] += 1
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


def _random(m: int, config: PairRatingConfig, rng: np.random.Generator) -> Chosen:
    return Chosen.of(_filling(None, m, config.pairs, rng), "random")


def _coverage_sessions(
    m: int, config: PairRatingConfig, sessions: int, rng: np.random.Generator
) -> list[Chosen]:
    """Choose pairs of sessions that together show every pair; those left over are random."""
    cover = np.tile(np.column_stack(np.triu_indices(m, 1)), (config.pair_repeats, 1))
    most = min(config.pairs, comb(m, 2))
    times = config.pair_repeats
    what = f"each pair of {m} objects {times} times"
    refuse_few_sessions("pair_rating", what, len(cover), most, sessions, least=times)
    return deal_covering(
        *(cover, most, sessions, m, rng), lambda taken, m, n, rng: balanced_pairs(m, n, rng, taken)
    )


def _assemble(
    shown: pd.DataFrame,
    levels: Sequence[str],
    config: PairRatingConfig,
    chosen: Chosen,
    rng: np.random.Generator,
    *,
    avoid: Integers | None = None,
    checks_before: int = 0,
) -> pd.DataFrame:
    """Trial list of a session, as :attr:`Adapting.assemble` describes."""
    main, samplers = chosen.triplets, chosen.samplers
    if config.repeats > len(main):
        raise TwoalikeError(
            f"pair_rating: asked for {config.repeats} repeats of {len(main)} main pairs. Lower "
            "pair_rating.repeats."
        )
    ids, m = shown["id"].tolist(), len(shown)
    try:
        order, blocks = order_in_blocks(config, len(main), rng)
    except ValueError as error:
        raise TwoalikeError(f"pair_rating: {error} Change the numbers in [pair_rating].") from error
    known = main if avoid is None else np.concatenate([main, avoid])
    practice = balanced_pairs(m, config.practice, rng, known)
    if len(practice) < config.practice:  # all pairs are main ones: some are seen in practice too
        practice = balanced_pairs(m, config.practice, rng)
    catch, kind = _checks(shown[list(levels)], m, config.catch, known, rng)
    right = [{"identical": "high", "categories": "low"}[one] for one in kind]
    places = balanced_places(main, m, rng)

    def rows(
        what: str, pairs: Integers, at: Integers, how: Sequence[str], answers: Sequence[str | None]
    ) -> list[dict[str, Any]]:
        return [
            {
                "trial_type": what,
                **{name: ids[item] for name, item in zip(PAIR, pair, strict=True)},
                **{name: SIDES[side] for name, side in zip(_PLACES, place, strict=True)},
                "expected_rating": answer,
                "sampler": sampler,
            }
            for pair, place, sampler, answer in zip(
                pairs.tolist(), at.tolist(), how, answers, strict=True
            )
        ]

    none, random = [None] * len(main), ["random"] * len(practice)
    by_kind = {
        "main": rows("main", main, places, samplers, none),
        "repeat": rows("repeat", main, 1 - places, samplers, none),
        "catch": rows("catch", catch, _any_side(len(catch), rng), kind, right),
    }
    easy = rows("practice", practice, _any_side(len(practice), rng), random, [None] * len(practice))
    return in_order(easy, by_kind, order, blocks, PAIR_LIST)


def _any_side(n: int, rng: np.random.Generator) -> Integers:
    return rng.permuted(np.tile([0, 1], (n, 1)), axis=1)


def _checks(
    levels: pd.DataFrame, m: int, n: int, main: Integers, rng: np.random.Generator
) -> tuple[Integers, list[str]]:
    """Attention checks, shape (n, 2), and whether each is ``identical`` or of far ``categories``.

    The two kinds take turns. Far pairs are none of the main ones; where there are no categories,
    or no such pair is left, all checks are identical.
    """
    used = {tuple(row) for row in main.tolist()}
    far = {
        tuple(sorted((item, other)))
        for near, others in (kinds(levels) if n else [])
        for item in near
        for other in rng.permutation(others)[: n + len(used)].tolist()
    } - used
    strangers = rng.permutation(np.array(sorted(far), dtype=np.int64).reshape(-1, 2))[: n // 2]
    n_same = n - len(strangers)
    rounds = [rng.permutation(m) for _ in range(1 + n_same // m)]
    twins = np.concatenate(rounds)[:n_same].astype(np.int64)
    pairs = np.concatenate([np.column_stack([twins, twins]), strangers])
    kind = ["identical"] * n_same + ["categories"] * len(strangers)
    order = rng.permutation(n)
    return pairs[order], [kind[at] for at in order]


def _require_pairs(config: PairRatingConfig, m: int) -> None:
    """Refuse numbers of pairs that leave nothing to choose among ``m`` objects."""
    if config.pairs >= comb(m, 2):
        raise TwoalikeError(
            f"pair_rating: asked for {config.pairs} pairs, and {m} objects have {comb(m, 2)}: "
            "there is nothing to choose. Lower pair_rating.pairs, or use another "
            "pair_rating.sampler."
        )


def _filling(taken: Integers | None, m: int, n: int, rng: np.random.Generator) -> Integers:
    pairs = balanced_pairs(m, n, rng, taken)
    return pairs[rng.permutation(len(pairs))]


PAIR_BLOCKS = Adapting(
    table="pair_rating",
    number="pairs",
    trial_list=PAIR_LIST,
    columns=PAIR,
    question=lambda config: None,
    require=_require_pairs,
    balanced=_filling,
    coverage=_coverage_sessions,
    random=_random,
    assemble=_assemble,
    again=True,
)
"""Sessions of the pair-rating task."""
