"""Raw rows of the pair-rating and free-sorting tasks as tables of ratings and sortings."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from twoalike.judgments._columns import PAIR
from twoalike.judgments._rated import ratings_table, sortings_table
from twoalike.judgments._raw import LastTrials, Rule, known_order, raw_sessions, whole_trials
from twoalike.judgments._raw_choices import check_verdicts
from twoalike.study import TwoalikeError

_RATING = ("stimulus_1", "stimulus_2", "response", "scale_points")
_SORTING = ("n_items", "stimulus", "pile", "pile_name")
_TRIAL = ("trial_index", "trial_type", "response_time")


def read_raw_ratings(
    raw: str | Path, objects: Sequence[str] | None = None, unusable: Rule | None = None
) -> pd.DataFrame:
    """Read all pair-rating trials of a BIDS data set.

    Trials without a rating (timed out) are left out, and counted in
    ``table.attrs["n_without_choice"]``. Practice and catch trials are kept, with their
    ``trial_type``; only attention checks may show an image beside itself.

    Parameters, attributes and errors are those of :func:`twoalike.judgments.read_raw`.
    """
    sessions, excluded = raw_sessions(raw, "pair-rating", (*_TRIAL, *_RATING), unusable)
    parts, last = [], LastTrials()
    for session in sessions:
        rows = session.rows[session.rows["response"].notna()]
        columns = {
            "item_a": rows["stimulus_1"],
            "item_b": rows["stimulus_2"],
            "rating": rows["response"],
            "scale_points": pd.to_numeric(rows["scale_points"]),
            "correct": check_verdicts(session.text)[rows.index],
        }
        parts.append(last.add(session, rows, columns))
    rows = pd.concat(parts, ignore_index=True)
    if not len(rows):
        raise TwoalikeError(f"{len(sessions)} sessions, but no trial has a rating", where=raw)
    seen = pd.unique(pd.concat([rows[name] for name in PAIR], ignore_index=True))
    table = ratings_table(dict(rows), known_order(list(seen), objects, raw), raw)
    table.attrs["n_without_choice"] = sum(len(one.rows) for one in sessions) - len(rows)
    table.attrs["n_torn"] = sum(one.torn for one in sessions)
    table.attrs["excluded"] = excluded
    return table


def read_raw_sortings(
    raw: str | Path, objects: Sequence[str] | None = None, unusable: Rule | None = None
) -> pd.DataFrame:
    """Read all free-sorting trials of a BIDS data set.

    Objects without a pile, and trials of which fewer than two objects have one, are left out and
    counted in ``table.attrs`` (``n_without_choice``, in objects); so is a last trial that a power
    cut tore (``n_torn``; resuming the session shows it again).

    Parameters and errors are those of :func:`twoalike.judgments.read_raw`.
    """
    sessions, excluded = raw_sessions(raw, "free-sorting", (*_TRIAL, *_SORTING), unusable)
    parts, last = [], LastTrials()
    without, torn = 0, 0
    for session in sessions:
        trial = session.rows["trial_index"].to_numpy(np.int64)
        whole = whole_trials(session, trial)
        piled = whole & session.rows["pile"].notna().to_numpy()
        kept = piled & (np.bincount(trial, piled, minlength=1)[trial] >= 2)
        without += int((whole & ~kept).sum())
        torn += int(session.torn or not whole.all())
        rows = session.rows[kept]
        columns = {"item": rows["stimulus"], "pile": rows["pile"], "pile_name": rows["pile_name"]}
        parts.append(last.add(session, rows, columns))
    rows = pd.concat(parts, ignore_index=True)
    if not len(rows):
        raise TwoalikeError(f"{len(sessions)} sessions, but nothing was sorted", where=raw)
    table = sortings_table(
        dict(rows), known_order(list(pd.unique(rows["item"])), objects, raw), raw
    )
    table.attrs |= {"n_without_choice": without, "n_torn": torn, "excluded": excluded}
    return table
