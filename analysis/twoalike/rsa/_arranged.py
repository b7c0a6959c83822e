"""Each person's dissimilarities from multi-arrangement, with the evidence on each pair."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from twoalike.design import ArrangedTrial, pair_evidence, rescaled_average
from twoalike.judgments import JUDGED, Arrangement, RdmTable, trials_of
from twoalike.study import TwoalikeError

type Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class ArrangedRdms:
    """Dissimilarities of several people, and what is known of each pair.

    Attributes
    ----------
    rdms
        NaN where a person never saw a pair together.
    evidence
        Sum of squared distances on the screen, in arena diameters; 0 where never seen, shape
        (participants, m, m).
    """

    rdms: RdmTable
    evidence: Floats


def arranged_rdms(arrangements: pd.DataFrame, ids: Sequence[str] | None = None) -> ArrangedRdms:
    """Average each person's trials, weighted by evidence and brought to one scale.

    Main and repeated trials count.

    Parameters
    ----------
    arrangements
        Table of arrangements.
    ids
        Objects, in the order wanted; the table's own by default.

    Raises
    ------
    TwoalikeError
        If an object placed is not among ``ids``, or no main trial is there.

    References
    ----------
    Kriegeskorte and Mur (2012), doi:10.3389/fpsyg.2012.00245
    """
    trials, names = trials_of(arrangements, ids)
    by_person: dict[str, list[Arrangement]] = {}
    for trial in trials:
        if trial.trial_type in JUDGED:
            by_person.setdefault(trial.participant, []).append(trial)
    if not by_person:
        raise TwoalikeError(
            f"arrangements: expected trials of type {' or '.join(JUDGED)}, found none among "
            f"{len(trials)}."
        )
    values, evidence = [], []
    for own in by_person.values():
        placed = [ArrangedTrial(trial.items, trial.positions) for trial in own]
        values.append(rescaled_average(placed, len(names)).dissimilarities)
        evidence.append(pair_evidence(placed, len(names)))
    return ArrangedRdms(RdmTable(np.stack(values), names, tuple(by_person)), np.stack(evidence))
