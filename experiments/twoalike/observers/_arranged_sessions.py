"""What sessions of lift-the-weakest come to: a simulated person arranges, set after set."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from twoalike.design import (
    ArrangedTrial,
    PlannedArrangement,
    arrangement_rng,
    next_arrangement,
    pair_evidence,
)
from twoalike.observers._arranging import SimulatedArranger
from twoalike.study import ArrangementConfig

SECONDS_PER_PLACEMENT, SECONDS_PER_NEW_PLACEMENT = 2.1, 6.0
"""One person's session on Meadows, 118 images: 1,758 placements in 109 trials within 60 min
(sample data of rsatoolbox 0.3.2). New images take longer: 6 s each in the first trial there."""


@dataclass(frozen=True, kw_only=True)
class ArrangedSession:
    """Main trials of a simulated session.

    Attributes
    ----------
    sizes
        Images of each trial.
    n_objects
        Different images among them.
    pairs_shown, pairs_known
        Shares of the pairs that were placed together, and that have the evidence asked for, in
        this and all earlier sessions.
    minutes
        Time within the trials.
    reason
        Why there is no further trial: ``evidence``, ``time`` or ``max_trials``.
    """

    sizes: tuple[int, ...]
    n_objects: int
    pairs_shown: float
    pairs_known: float
    minutes: float
    reason: str


def arranged_sessions(
    config: ArrangementConfig, ids: Sequence[str], arranger: SimulatedArranger, seed: int
) -> Iterator[ArrangedSession]:
    """Simulate the sessions of one participant, each going on with the evidence so far.

    Parameters
    ----------
    config
        Table ``[arrangement]`` of the study, scheduler ``lift_weakest``, with some limit on
        trials, time or evidence.
    ids
        Objects of the design, at least 3.
    arranger
        Who arranges them; a placement takes :data:`SECONDS_PER_PLACEMENT`, that of an image not
        placed before in the session :data:`SECONDS_PER_NEW_PLACEMENT`.
    seed
        Seed of sets and hand.

    Yields
    ------
    Sessions 1, 2, ...
    """
    hand = np.random.default_rng(seed)
    done: list[ArrangedTrial] = []
    pairs = np.triu_indices(len(ids), 1)
    number = 0
    while True:
        number += 1
        before, spent_s = len(done), 0.0
        placed: set[int] = set()
        while True:
            planned = next_arrangement(
                config,
                len(ids),
                done,
                arrangement_rng(seed, "simulated", number, len(done) - before + 1),
                spent_s=spent_s,
                in_session=len(done) - before,
            )
            if not isinstance(planned, PlannedArrangement):
                break
            places = arranger.arrange([ids[at] for at in planned.items], hand)
            done.append(ArrangedTrial(np.array(planned.items), places))
            n_new = len(set(planned.items) - placed)
            placed |= set(planned.items)
            spent_s += n_new * SECONDS_PER_NEW_PLACEMENT
            spent_s += (len(planned.items) - n_new) * SECONDS_PER_PLACEMENT
        evidence = pair_evidence(done, len(ids), config.weight_floor)[pairs]
        yield ArrangedSession(
            sizes=tuple(len(trial.items) for trial in done[before:]),
            n_objects=len(placed),
            pairs_shown=float((evidence > 0).mean()),
            pairs_known=float((evidence >= config.stop_evidence).mean()),
            minutes=spent_s / 60,
            reason=planned.reason,
        )
