"""Which items the next trial of a multi-arrangement session shows, or why there is none.

A pure function of the settings, the trials submitted so far and the rng of the trial: a
session that is resumed, on the same day or weeks later, goes on as if it had not stopped.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from twoalike.design._evidence import ArrangedTrial, Floats, pair_evidence, rescaled_average
from twoalike.design._lift import Prospect, first_pair, grow_set
from twoalike.design._session import participant_number
from twoalike.study import ArrangementConfig

type EndReason = Literal["evidence", "time", "max_trials", "list"]


@dataclass(frozen=True, kw_only=True)
class EvidenceState:
    """Evidence before a trial, over all pairs of the design.

    Attributes
    ----------
    min_evidence, mean_evidence
        Smallest and mean evidence of a pair, squared arena diameters.
    progress
        Mean over pairs of the share of the evidence asked for, in [0, 1]: it never falls, and
        is 1 exactly where the session may stop.
    """

    min_evidence: float
    mean_evidence: float
    progress: float


@dataclass(frozen=True, kw_only=True)
class PlannedArrangement(EvidenceState):
    """The next trial.

    Attributes
    ----------
    items
        Indices of the items, in the order to seat them.
    scheduler
        How they were chosen: ``all``, ``random`` (a random set, where the first trial cannot
        hold all), ``lift_weakest``, or what the list says.
    session_progress
        Share of the session's main trials that is over, in [0, 1), by the criterion that will end
        them first: evidence (gained since the session's start), time, or their number.
    """

    items: tuple[int, ...]
    scheduler: str
    session_progress: float


@dataclass(frozen=True, kw_only=True)
class ArrangementEnd(EvidenceState):
    """No further trial.

    Attributes
    ----------
    reason
        ``evidence``: every pair has enough; ``time``: the session's minutes are spent;
        ``max_trials``: the session has had its trials; ``list``: the list is through.
    """

    reason: EndReason


def arrangement_rng(
    study_seed: int, participant: str, session: int, trial: int
) -> np.random.Generator:
    """Source of randomness of one trial of a multi-arrangement session.

    Parameters
    ----------
    study_seed
        Seed of the study, ``seed`` in ``study.toml``.
    participant
        Label of the participant.
    session
        Number of the session, from 1.
    trial
        Number of the main trial in the session, from 1; 0 is for the session's list.
    """
    words = [study_seed, participant_number(participant), session, trial]
    return np.random.default_rng(np.random.SeedSequence(words))


def next_arrangement(
    config: ArrangementConfig,
    m: int,
    done: Sequence[ArrangedTrial],
    rng: np.random.Generator,
    *,
    spent_s: float,
    in_session: int | None = None,
    listed: Sequence[tuple[Sequence[int], str]] | None = None,
) -> PlannedArrangement | ArrangementEnd:
    """Choose the items of the next main trial.

    Parameters
    ----------
    config
        Table ``[arrangement]`` of the study.
    m
        Number of items of the design, at least 3.
    done
        Main trials the participant submitted, of earlier sessions too, oldest first; items
        outside the arena left out. Practice and attention checks do not belong here.
    rng
        Made for this trial alone by :func:`arrangement_rng`, so that the choice does not
        depend on how often the session was resumed.
    spent_s
        Time within the session's submitted trials, in seconds.
    in_session
        How many of ``done`` belong to this session; all of them by default.
    listed
        Items and scheduler of each main trial of the session, for every scheduler but
        ``lift_weakest``.

    Returns
    -------
    The next trial, or why there is none. Enough evidence ends a session of ``lift_weakest``
    only; what a list asks for is shown.
    """
    if (listed is None) != (config.scheduler == "lift_weakest"):
        raise ValueError(f"scheduler {config.scheduler!r}: listed trials go with fixed designs.")
    evidence = pair_evidence(done, m, config.weight_floor)
    state = evidence_state(evidence, config.stop_evidence)
    number = len(done) if in_session is None else in_session
    reason = _end_reason(config, state, number, spent_s, None if listed is None else len(listed))
    if reason is not None:
        return ArrangementEnd(reason=reason, **vars(state))
    shares = _shares(config, number, spent_s)
    if listed is not None:
        items, scheduler = listed[number]
        seated = tuple(items)
        shares.append(number / len(listed))
    else:
        earlier = pair_evidence(done[: len(done) - number], m, config.weight_floor)
        begun = evidence_state(earlier, config.stop_evidence).progress
        shares.append((state.progress - begun) / (1 - begun))
        items, scheduler = _lifted(config, evidence, done, rng)
        seated = tuple(rng.permutation(items).tolist())
    return PlannedArrangement(
        items=seated, scheduler=scheduler, session_progress=max(shares), **vars(state)
    )


def evidence_state(evidence: Floats, stop: float) -> EvidenceState:
    """Summarise the evidence on all pairs.

    Parameters
    ----------
    evidence
        Shape (m, m), as :func:`twoalike.design.pair_evidence` gives it.
    stop
        Evidence at which a pair is known well enough.

    Examples
    --------
    >>> evidence_state(np.array([[0.0, 0.25], [0.25, 0.0]]), 0.5)
    EvidenceState(min_evidence=0.25, mean_evidence=0.25, progress=0.5)
    """
    pairs = evidence[np.triu_indices(len(evidence), 1)]
    return EvidenceState(
        min_evidence=float(pairs.min()),
        mean_evidence=float(pairs.mean()),
        progress=float(np.minimum(pairs / stop, 1.0).mean()),
    )


def _end_reason(
    config: ArrangementConfig, state: EvidenceState, number: int, spent_s: float, listed: int | None
) -> EndReason | None:
    if listed is not None and number >= listed:
        return "list"
    if listed is None and state.min_evidence >= config.stop_evidence:
        return "evidence"
    if config.max_trials and number >= config.max_trials:
        return "max_trials"
    if config.session_minutes and spent_s >= 60 * config.session_minutes:
        return "time"
    return None


def _shares(config: ArrangementConfig, number: int, spent_s: float) -> list[float]:
    """Shares of the allowed trials and of the allowed time that are over."""
    shares = [number / config.max_trials] if config.max_trials else []
    return [*shares, spent_s / (60 * config.session_minutes)] if config.session_minutes else shares


def _lifted(
    config: ArrangementConfig,
    evidence: Floats,
    done: Sequence[ArrangedTrial],
    rng: np.random.Generator,
) -> tuple[Sequence[int], str]:
    m = len(evidence)
    limit = min(config.max_items or m, m)
    if not evidence.any():
        # The scale of later trials hangs on the first, which shows as much as it may.
        if limit == m:
            return range(m), "all"
        return rng.choice(m, size=limit, replace=False).tolist(), "random"
    known = rescaled_average(done, m, config.weight_floor).dissimilarities
    pairs = np.triu_indices(m, 1)
    known = np.where(np.isnan(known), np.nanmedian(known[pairs]), known)
    prospect = Prospect(
        evidence=evidence,
        dissimilarities=known,
        exponent=config.evidence_exponent,
        floor=config.weight_floor,
        cost=config.cost_exponent,
    )
    pair = first_pair(evidence, config.first_pair, limit, rng)
    return grow_set(pair, prospect, limit, rng), "lift_weakest"
