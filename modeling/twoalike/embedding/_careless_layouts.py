"""Who arranged carelessly: log-probabilities of layouts, pace and moves for each kind of person.

=========  ==========================  ===================  ====================================
kind       layouts                     pace                 images moved again
=========  ==========================  ===================  ====================================
careful    views of the embedding,     a person's           Beta(1, 3)
           with noise
guessing   any, with equal density     a person's, too fast a person's, or hardly any: Beta(1, 30)
position   views of the seats, or any  the same             the same
automatic  of the embedding, or any    too fast or regular  hardly any
=========  ==========================  ===================  ====================================

The density of a layout's shape is that of the model (:mod:`twoalike.embedding._layouts`), relative
to the uniform one: zero for a random layout. A person's noise is unknown, up to that of somebody
whose layouts are half noise, and integrated over :data:`NOISES`; so is the posterior of the
embedding, by the mean over draws. Who drags images from their seats straight in leaves a layout
that is a view of the ring of seats. Pace is the duration of a trial for each image placed.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.special import betaln, logsumexp
from scipy.stats import norm

from twoalike.embedding._careless_times import ARRANGING, by_kind, log_times
from twoalike.embedding._judged import labels_of, none_known
from twoalike.embedding._layouts import FEWEST
from twoalike.embedding._posterior import Posterior
from twoalike.judgments import trial_numbers
from twoalike.study import Booleans, Floats, Integers
from twoalike.tables import JUDGED

LAYOUT_EVIDENCE = ("layouts", "pace", "moves")
NOISES = np.geomspace(0.08, 1.0, 14)
"""Noise of careful people, as a share of the embedding's standard deviation."""
LOG_NOISE, LOG_NOISE_SD = np.log(0.35), 0.5
SEAT_NOISES = np.geomspace(0.03, 0.5, 8)
"""Noise of layouts that are views of the seats, as a share of the ring's; log-uniform."""
AGAIN, HARDLY = (1.0, 3.0), (1.0, 30.0)
"""Beta: share of the images that a person moves more than once, and that the careless move."""
LAYOUT_DRAWS = 50


@dataclass(frozen=True)
class Arranged:
    """What one person did: layouts (k, 2) of norm 1, the objects of each, seats in radians.

    ``pace`` (T,) are log seconds an image of all trials; ``moved`` images are known to have been
    moved, ``again`` of them more than once.
    """

    items: list[Integers]
    places: list[Floats]
    seats: list[Floats]
    pace: Floats
    moved: int
    again: int


def layout_evidence(
    posterior: Posterior, table: pd.DataFrame, people: list[str]
) -> tuple[Floats, Booleans]:
    """Log-probabilities of what each person did, (people, kinds, evidence), and which is known.

    Main and repeated trials count, without objects that the posterior does not know.
    """
    used = table[table["trial_type"].isin(JUDGED)]
    known = used["participant"].isin(people) & used["item"].isin(posterior.ids)
    if not known.any():
        arrangers = labels_of(posterior, "arranger")
        raise none_known(posterior, "placements", len(used), arrangers)
    posterior = posterior.thinned(LAYOUT_DRAWS)
    rows = used[known]
    of_person = dict(iter(rows.groupby(rows["participant"].astype(str), observed=True)))
    log_p = np.zeros((len(people), 4, len(LAYOUT_EVIDENCE)))
    there = np.zeros((len(people), len(LAYOUT_EVIDENCE)), dtype=bool)
    for place, name in enumerate(people):
        if name in of_person:
            done = arranged(of_person[name], posterior.ids)
            log_p[place] = _log_evidence(done, views_of(posterior, name)).T
            there[place] = [bool(done.items), len(done.pace) > 0, done.moved > 0]
    return log_p, there


def arranged(rows: pd.DataFrame, ids: tuple[str, ...]) -> Arranged:
    """Take the trials of one person."""
    item = pd.Index(ids).get_indexer(pd.Index(rows["item"].astype(str)))
    places = rows[["x", "y"]].to_numpy(np.float64)
    seat = np.radians(rows["seat_angle"].to_numpy(np.float64))
    seconds, moves = (rows[name].to_numpy(np.float64) for name in ("response_time", "moves"))
    found, pace = Arranged([], [], [], np.empty(0), 0, 0), []
    number = trial_numbers(rows)
    for trial in range(number.max() + 1):
        own = np.flatnonzero(number == trial)
        if seconds[own[0]] > 0:
            pace.append(np.log(seconds[own[0]] / len(own)))
        centred = places[own] - places[own].mean(axis=0)
        if len(own) >= FEWEST and np.ptp(places[own], axis=0).max() > 1e-6:
            found.items.append(item[own])
            found.places.append(centred / np.linalg.norm(centred))
            found.seats.append(seat[own])
    moved = int((moves >= 1).sum())
    return Arranged(
        found.items, found.places, found.seats, np.array(pace), moved, int((moves > 1).sum())
    )


def views_of(posterior: Posterior, name: str) -> Floats:
    """Give what a person sees under each draw, (S, m, D): the embedding, or their own view."""
    x = posterior.embedding.astype(np.float64)
    if posterior.weights is None or name not in posterior.participants:
        return x
    log = posterior.weights.log[:, posterior.participants.index(name), None]
    return np.asarray(x * np.exp(log / 2))


def _log_evidence(done: Arranged, x: Floats) -> Floats:
    """Log-probability of each part of a person's arrangements for each kind, (evidence, kinds)."""
    seen, by_seat = _log_embedding(done, x), _log_seats(done)
    either = np.logaddexp([seen, by_seat], 0.0) - np.log(2)
    again, once = done.again, done.moved - done.again
    usual, hardly = (betaln(a + again, b + once) - betaln(a, b) for a, b in (AGAIN, HARDLY))
    person = np.logaddexp(usual, hardly) - np.log(2)
    return np.array(
        [
            [seen, 0.0, either[1], either[0]],
            by_kind(*log_times(done.pace, ARRANGING)),
            [usual, person, person, hardly],
        ]
    )


def _log_embedding(done: Arranged, x: Floats) -> float:
    """Of the layouts as views of an embedding, (S, m, D), relative to random layouts."""
    spread = ((x - x.mean(axis=1, keepdims=True)) ** 2).mean(axis=1).sum(axis=1)
    variance = NOISES**2 * spread[:, None] + 1e-6
    prior = norm.logpdf(np.log(NOISES), LOG_NOISE, LOG_NOISE_SD)
    total = np.zeros(variance.shape) + prior - logsumexp(prior) - np.log(len(x))
    for items, places in zip(done.items, done.places, strict=True):
        total += log_view(x[:, items], places, variance)
    return float(logsumexp(total))


def _log_seats(done: Arranged) -> float:
    """Of the layouts as views of the ring of seats; trials whose seats are unknown do not count."""
    total = np.full((1, len(SEAT_NOISES)), -np.log(len(SEAT_NOISES)))
    for places, angle in zip(done.places, done.seats, strict=True):
        if not np.isnan(angle).any():
            ring = np.stack([np.cos(angle), np.sin(angle)], axis=1)
            total += log_view(ring[None], places, SEAT_NOISES[None] ** 2)
    return float(logsumexp(total))


def log_view(z: Floats, places: Floats, variance: Floats) -> Floats:
    """Log-density of a layout's shape as a view of z, relative to the uniform one, (S, N).

    ``z`` (S, k, D) are coordinates, ``places`` (k, 2) centred and of norm 1, ``variance`` (S, N)
    that of the noise. It is that of the model, by singular values of the coordinates.
    """
    left, size, _ = np.linalg.svd(z - z.mean(axis=1, keepdims=True), full_matrices=False)
    share = ((left.swapaxes(1, 2) @ places) ** 2).sum(axis=2)[:, None]
    ratio = size[:, None] ** 2 / variance[:, :, None]
    explained = (share * ratio / (1 + ratio)).sum(axis=2)
    count = len(places) - 1
    return np.asarray(
        -np.log1p(ratio).sum(axis=2) - count * np.log(np.maximum(1 - explained, 1e-6))
    )
