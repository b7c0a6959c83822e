"""Simulated arranging, sorting and rating of similarities that are seen through noise.

A person lays out few images at a time in the plane, so the layout is a two-dimensional picture
of distances that need more dimensions, and no two placements are alike. Distances come from the
observer's similarities, d_ij = sqrt(s_ii + s_jj - 2 s_ij); metric multidimensional scaling by
majorisation gives the plane; Gaussian noise stands for the hand. A rating is the rank of a pair's
similarity among all pairs. In sorting, a person puts together what is alike and stops where piles
would become too unlike: average linkage on noisy similarities, cut at a random number of piles,
does the same. Both are by the dot product by which the observer chooses: by distance, objects that
have little of anything would be alike.

References
----------
Kriegeskorte & Mur (2012), doi:10.3389/fpsyg.2012.00245: the same model of placement, noise of
.1 arena diameters. De Leeuw (1977): the majorisation of the stress (SMACOF).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from twoalike.design import (
    ArrangedTrial,
    PlannedArrangement,
    arrangement_rng,
    next_arrangement,
    pair_evidence,
)
from twoalike.observers._observer import SimulatedObserver
from twoalike.study import ArrangementConfig, Floats, Integers

_FILLED = 0.45
"""Radius of the layout before noise, arena diameters: it fills .9 of the arena."""
_REACH = 0.49
"""Centres stay this far inside, so that rounding to pixels puts none outside."""
_MOST_STEPS = 500
_STARTS = 8


@dataclass(frozen=True, kw_only=True)
class PlacementTimes:
    """How long an image takes: to look and think, then to drag it; lognormal, in s.

    The defaults give some 3 s an image.
    """

    pause_s: float = 1.8
    drag_s: float = 0.9
    sigma: float = 0.4

    def sample(self, rng: np.random.Generator) -> tuple[float, float]:
        """Pause before a drag, and duration of the drag, s."""
        pause, drag = np.exp(self.sigma * rng.standard_normal(2)) * (self.pause_s, self.drag_s)
        return float(pause), float(drag)


def _classical(distances: Floats) -> Floats:
    """Torgerson's solution in the plane: where majorisation starts."""
    n = len(distances)
    centring = np.eye(n) - 1 / n
    values, vectors = np.linalg.eigh(-0.5 * centring @ distances**2 @ centring)
    coordinates = np.zeros((n, 2))
    n_used = min(2, n)
    coordinates[:, :n_used] = vectors[:, ::-1][:, :n_used] * np.sqrt(
        np.maximum(values[::-1][:n_used], 0)
    )
    return coordinates


def _majorise(distances: Floats, points: Floats) -> tuple[Floats, float]:
    """Guttman transforms from ``points`` until the stress stays; the points and their stress."""
    n = len(distances)
    before = np.inf
    for _ in range(_MOST_STEPS):
        found = np.linalg.norm(points[:, None] - points[None], axis=-1)
        stress = float(((found - distances) ** 2).sum() / 2)
        if before - stress <= 1e-8 * (distances**2).sum():
            break
        before = stress
        ratio = np.divide(distances, found, out=np.zeros_like(found), where=found > 0)
        transform = np.diag(ratio.sum(axis=1)) - ratio
        points = transform @ points / n
    return points, stress


def flatten(distances: Floats, rng: np.random.Generator) -> Floats:
    """Place points in the plane, shape (n, 2), so that their distances are near those given.

    The best of a few starts, one of them Torgerson's solution.

    Examples
    --------
    >>> points = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    >>> distances = np.linalg.norm(points[:, None] - points[None], axis=-1)
    >>> flat = flatten(distances, np.random.default_rng(1))
    >>> np.linalg.norm(flat[:, None] - flat[None], axis=-1).round(3)[1]
    array([3., 0., 5.])
    """
    scale = float(distances.max())
    if scale == 0:
        return np.zeros((len(distances), 2))
    starts = [_classical(distances)]
    starts += [scale / 2 * rng.standard_normal((len(distances), 2)) for _ in range(_STARTS - 1)]
    solutions = [_majorise(distances, start) for start in starts]
    return min(solutions, key=lambda solution: solution[1])[0]


def _fill(points: Floats) -> Floats:
    """Move and scale points so that they fill the arena.

    The centre of the smallest circle around them is found by steps towards the furthest one
    (Badoiu & Clarkson, 2003).
    """
    centre = points.mean(axis=0)
    for step in range(1, 1000):
        furthest = points[np.argmax(((points - centre) ** 2).sum(axis=1))]
        centre = centre + (furthest - centre) / (step + 1)
    points = points - centre
    radius = float(np.linalg.norm(points, axis=1).max())
    return points * (_FILLED / radius) if radius > 0 else points


@dataclass(frozen=True, eq=False)
class SimulatedArranger:
    """An observer at the arena."""

    observer: SimulatedObserver
    """Whose similarities are laid out, and whose hand shakes by ``placement_noise``."""
    times: PlacementTimes = field(default_factory=PlacementTimes)
    """How long it takes."""

    def distances(self, items: Sequence[str]) -> Floats:
        """Distances of the observer's space, shape (n, n)."""
        embedding = self.observer.embedding[self.observer.rows(items)]
        similarity = embedding @ embedding.T
        own = np.diag(similarity)
        squared = own[:, None] + own[None] - 2 * similarity
        np.fill_diagonal(squared, 0.0)
        return np.asarray(np.sqrt(np.maximum(squared, 0)))

    def arrange(self, items: Sequence[str], rng: np.random.Generator) -> Floats:
        """Places of items in arena units (diameter 1), all inside; shape (n, 2)."""
        points, angle = _fill(flatten(self.distances(items), rng)), rng.uniform(0, 2 * np.pi)
        # Turned and mirrored at random: up and left mean nothing.
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        points = points @ turn * (1, rng.choice([-1, 1]))
        points = points + self.observer.placement_noise * rng.standard_normal(points.shape)
        reach = np.linalg.norm(points, axis=1, keepdims=True)
        return np.asarray(points * np.minimum(1, _REACH / np.maximum(reach, _REACH)))


SECONDS_PER_PLACEMENT, SECONDS_PER_NEW_PLACEMENT = 2.1, 6.0
"""One person's session on Meadows, 118 images: 1,758 placements in 109 trials within 60 min
(sample data of rsatoolbox 0.3.2). New images take longer: 6 s each in the first trial there."""


@dataclass(frozen=True, kw_only=True)
class ArrangedSession:
    """Main trials of a simulated session."""

    sizes: tuple[int, ...]
    """Images of each trial."""
    n_objects: int
    """Different images among them."""
    pairs_shown: float
    pairs_known: float
    """``pairs_shown``, ``pairs_known``: Shares of the pairs that were placed together, and that
    have the evidence asked for, in this and all earlier sessions."""
    minutes: float
    """Time within the trials."""
    reason: str
    """Why there is no further trial: ``evidence``, ``time`` or ``max_trials``."""


def arranged_sessions(
    config: ArrangementConfig, ids: Sequence[str], arranger: SimulatedArranger, seed: int
) -> Iterator[ArrangedSession]:
    """Simulate the sessions of one participant, each going on with the evidence so far.

    ``config``: scheduler ``lift_weakest``, with some limit on trials, time or evidence. A placement
    takes :data:`SECONDS_PER_PLACEMENT`, that of an image not placed before in the session
    :data:`SECONDS_PER_NEW_PLACEMENT`.
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
            done.append(
                ArrangedTrial(np.array(planned.items), np.asarray(places, dtype=np.float64))
            )
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


_UNCERTAIN = 0.7
"""Entropy, in nats, that stands for the difficulty of a rating in the model of response times."""


@dataclass(frozen=True, eq=False)
class SimulatedRater:
    """An observer at a scale, who uses its whole length evenly."""

    observer: SimulatedObserver
    """Whose similarities are rated, with logistic noise of the width ``temperature`` and guesses
    in a share ``lapse`` of the trials."""

    @cached_property
    def _ranked(self) -> Floats:
        embedding = self.observer.embedding
        return np.sort((embedding @ embedding.T)[np.triu_indices(len(embedding), 1)])

    def rate(self, pair: Sequence[str], rng: np.random.Generator) -> tuple[float, float]:
        """Place on the scale, from 0 (nothing in common) to 1, and the response time in s.

        Two identical images are at 1.
        """
        one, other = self.observer.rows(pair)
        embedding, guess = self.observer.embedding, rng.random() < self.observer.lapse
        seen = embedding[one] @ embedding[other] + rng.logistic(scale=self.observer.temperature)
        place = float(np.searchsorted(self._ranked, seen) / len(self._ranked))
        if guess:
            place = float(rng.random())
        elif one == other:
            place = 1.0
        return place, self.observer.response_times.sample(_UNCERTAIN, rng)


@dataclass(frozen=True, eq=False)
class SimulatedSorter:
    """An observer at the piles."""

    observer: SimulatedObserver
    """Whose similarities are sorted, blurred by ``placement_noise`` relative to their range."""
    times: PlacementTimes = field(default_factory=PlacementTimes)
    """How long a move takes."""

    def sort(
        self, items: Sequence[str], n_piles: tuple[int, int], rng: np.random.Generator
    ) -> Integers:
        """Pile of each item, from 0, shape (n,); ``n_piles``: fewest and most allowed."""
        from scipy.cluster.hierarchy import average, fcluster

        n, observer = len(items), self.observer
        embedding = observer.embedding[observer.rows(items)]
        pairs = np.triu_indices(n, 1)
        similarity = (embedding @ embedding.T)[pairs]
        blur = observer.placement_noise * np.ptp(similarity) * rng.standard_normal(len(similarity))
        unlike = similarity.max() - similarity + blur
        fewest, most = min(n_piles[0], n), min(n_piles[1], n)
        wanted = round(float(np.sqrt(n) * np.exp(0.25 * rng.standard_normal())))
        wanted = min(max(wanted, fewest), most)
        tree = average(unlike - unlike.min())
        piles = fcluster(tree, wanted, criterion="maxclust").astype(np.int64) - 1
        # Ties in the tree may leave fewer piles than wanted; one image apart makes one more.
        while len(np.unique(piles)) < fewest:
            crowd = np.flatnonzero(piles == np.bincount(piles).argmax())
            piles[crowd[-1]] = piles.max() + 1
        for item in np.flatnonzero(rng.random(n) < observer.lapse):
            if (piles == piles[item]).sum() > 1:
                piles[item] = rng.integers(piles.max() + 1)
        return piles
