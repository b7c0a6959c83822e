"""Response times of triplets: people take longer where they are less sure.

People differ more in speed than triplets do, so that each participant's mean log time is taken
off before times are averaged. Triplets judged once have only one person's time each; trials are
then correlated one by one, with the participant's mean taken off both sides (a partial
correlation of ranks).

Published for the Levels data (doi:10.1038/s41586-025-09631-6): the mean over responses of the log
time, nothing taken off and nothing left out, against the plug-in entropy of four votes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from twoalike.evaluation import centred_ranks, group_numbers

type Floats = npt.NDArray[np.float64]

SHORTEST_S, LONGEST_S = 0.2, 10.0
"""Shorter: nobody has seen three images. Longer: the published cut of a person's times."""
FEWEST_TIMES = 2
"""Times that make the mean time of a triplet; with one each, trials are looked at instead."""
PUBLISHED_SPEARMAN = {"coarse": 0.325, "fine": 0.364, "boundary": 0.443}
"""Spearman's correlation of people's entropy and mean log time in the Levels data."""


@dataclass(frozen=True)
class LogTimes:
    """Log response times of n choices.

    Attributes
    ----------
    centred
        ln of seconds minus the participant's mean, NaN where missing or implausible or the
        participant's only one, shape (n,).
    raw
        ln of seconds, NaN where missing or zero only, shape (n,).
    left_out
        Times by reason: ``missing``, ``short``, ``long``, ``only_one``.
    """

    centred: Floats
    raw: Floats
    left_out: dict[str, int]


def log_times(
    response_times: npt.ArrayLike,
    participants: npt.NDArray[np.integer],
    *,
    shortest_s: float = SHORTEST_S,
    longest_s: float = LONGEST_S,
) -> LogTimes:
    """Log response times without the participants' own speed.

    Parameters
    ----------
    response_times
        Seconds, NaN where missing, shape (n,).
    participants
        Who judged, shape (n,).
    shortest_s, longest_s
        Times outside are implausible; 0 and infinity keep all.

    Examples
    --------
    >>> found = log_times([1.0, 4.0, 2.0, 8.0, 30.0], np.array([0, 0, 1, 1, 1]))
    >>> found.centred.round(3), found.left_out["long"]
    (array([-0.693,  0.693, -0.693,  0.693,    nan]), 1)
    """
    seconds = np.asarray(response_times, dtype=np.float64)
    given = seconds > 0
    raw = np.log(seconds, out=np.full(len(seconds), np.nan), where=given)
    short, long = given & (seconds < shortest_s), given & (seconds > longest_s)
    used = given & ~short & ~long
    centred = within_participants(np.where(used, raw, np.nan), participants)
    return LogTimes(
        centred,
        raw,
        {
            "missing": int((~given).sum()),
            "short": int(short.sum()),
            "long": int(long.sum()),
            "only_one": int((used & np.isnan(centred)).sum()),
        },
    )


def within_participants(values: Floats, participants: npt.NDArray[np.integer]) -> Floats:
    """Values minus their participant's mean; NaN where a participant has only one, shape (n,)."""
    person = group_numbers(participants)
    known = ~np.isnan(values)
    n = np.bincount(person[known], minlength=int(person.max(initial=-1)) + 1)
    total = np.bincount(person[known], weights=values[known], minlength=len(n))
    mean = np.where(n > 1, total / np.maximum(n, 1), np.nan)
    return np.asarray(values - mean[person])


def partial_ranks(
    a: Floats, b: Floats, participants: npt.NDArray[np.integer]
) -> tuple[Floats, Floats]:
    """Ranks of two values of each choice, minus the participant's mean rank.

    Parameters
    ----------
    a, b
        NaN where not known, shape (n,) each.
    participants
        Who judged, shape (n,).

    Returns
    -------
    Shape (n,) each; NaN where either is not known or the participant has only one such choice.
    """
    known = ~(np.isnan(a) | np.isnan(b))
    ranks = []
    for values in (a, b):
        rank = np.full(len(values), np.nan)
        rank[known] = centred_ranks(values[known])
        ranks.append(within_participants(rank, participants))
    return ranks[0], ranks[1]
