"""From the triplets of a session to its trial list: checks, repeats, order, places, blocks."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from twoalike.design._catch import catch_triplets
from twoalike.design._chosen import Chosen
from twoalike.design._list import COLUMNS, typed
from twoalike.design._order import plan_order, session_order
from twoalike.design._positions import Places, balanced_places, catch_places, other_places
from twoalike.design._triplets import Triplets
from twoalike.study import DesignConfig, TwoalikeError
from twoalike.tables import POSITIONS


def assemble(
    shown: pd.DataFrame,
    levels: Sequence[str],
    config: DesignConfig,
    practice: Chosen,
    main: Chosen,
    rng: np.random.Generator,
    *,
    avoid: Triplets | None = None,
) -> pd.DataFrame:
    """Trial list of a session that shows ``practice`` and ``main``.

    Over the main trials each object is within one of equally often at each place. Repeats come
    at least ten trials after the first showing, with every object at a new place.

    Parameters
    ----------
    shown
        The m objects: ``id`` and category columns.
    levels
        Names of the category columns, coarse to fine.
    config
        Numbers of checks and repeats, and order.
    practice, main
        Triplets of indices into ``shown``.
    rng
        Source of randomness.
    avoid
        Further triplets that attention checks keep clear of.

    Returns
    -------
    As :func:`twoalike.design.read_trial_list` gives it. Practice is block 1; a break is due
    between two later blocks.

    Raises
    ------
    TwoalikeError
        If the categories allow too few checks or the session is too short for its repeats.
    """
    parts = [practice.triplets, main.triplets, *([] if avoid is None else [avoid])]
    used = {tuple(row) for row in np.concatenate(parts).tolist()}
    try:
        easy, easy_odd = catch_triplets(shown[list(levels)], config.practice_checks, used, rng)
        catch, odd = catch_triplets(shown[list(levels)], config.catch, used, rng)
        order, blocks = _order(config, len(main), rng)
    except ValueError as error:
        raise TwoalikeError(f"design: {error} Change the numbers in [design].") from error
    ids = shown["id"].tolist()
    rows = _answered_lines(ids, "practice", easy, easy_odd, (), rng)
    rows += _lines(ids, "practice", practice, balanced_places(practice.triplets, len(ids), rng))
    n_practice = len(rows)
    places = balanced_places(main.triplets, len(ids), rng)
    by_kind = {
        "main": _lines(ids, "main", main, places),
        "repeat": _lines(ids, "repeat", main, other_places(places, rng)),
        "catch": _answered_lines(ids, "catch", catch, odd, config.catch_sides, rng),
    }
    first = {}
    for kind, index in order:
        row = by_kind[kind][index]
        if kind == "main":
            first[index] = len(rows) + 1
        if kind == "repeat":
            row["repeat_of"] = first[index]
        rows.append(row)
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    table["trial_index"] = np.arange(1, len(table) + 1)
    started = int(n_practice > 0)
    table["block_index"] = [1] * n_practice + [block + started for block in blocks]
    return typed(table)


def _order(
    config: DesignConfig, main: int, rng: np.random.Generator
) -> tuple[list[tuple[str, int]], list[int]]:
    """Order of the trials after practice, and the block of each, from 1."""
    if config.plan:
        return plan_order(config.plan, rng)
    order = session_order(main, config.catch, config.repeats, rng)
    return order, [1 + at // config.trials_per_block for at in range(len(order))]


def _lines(ids: Sequence[str], kind: str, chosen: Chosen, places: Places) -> list[dict[str, Any]]:
    lines = []
    for at, (triplet, place) in enumerate(
        zip(chosen.triplets.tolist(), places.tolist(), strict=True)
    ):
        names = [ids[item] for item in triplet]
        score = float(chosen.scores[at])
        lines.append(
            {
                "trial_type": kind,
                "triplet_id": triplet_id(names),
                **{f"stimulus_{k + 1}": name for k, name in enumerate(names)},
                **{f"position_{k + 1}": POSITIONS[at] for k, at in enumerate(place)},
                "sampler": chosen.samplers[at],
                "sampler_score": None if np.isnan(score) else score,
                "condition": chosen.conditions[at],
            }
        )
    return lines


def _answered_lines(
    ids: Sequence[str],
    kind: str,
    triplets: Triplets,
    odd: np.ndarray,
    sides: Sequence[int],
    rng: np.random.Generator,
) -> list[dict[str, Any]]:
    """Trials that have a right answer: attention checks, and practice with feedback."""
    # The categories, and no sampler, chose them; the column wants a word all the same.
    rows = _lines(ids, kind, Chosen.of(triplets, "random"), catch_places(odd, rng, sides))
    for row, item in zip(rows, odd.tolist(), strict=True):
        row["expected_odd"] = item + 1
    return rows


def triplet_id(names: Sequence[str]) -> str:
    """Id of a triplet that depends on its objects only, not on their order or on the study.

    Examples
    --------
    >>> triplet_id(["a", "b", "c"]) == triplet_id(["c", "a", "b"])
    True
    """
    return "t" + hashlib.sha256("\t".join(sorted(names)).encode()).hexdigest()[:12]
