"""Worlds that a study may meet: a true space, and the triplets on which a fit is scored.

Nobody knows the space before the study; several are drawn, and a size is good enough if it serves
most of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import comb, log
from pathlib import Path

import numpy as np

from twoalike.choice import entropy, random_triplets
from twoalike.design import shown_objects
from twoalike.embedding import Posterior
from twoalike.observers import SimulatedObserver, hierarchical_embedding, sparse_embedding
from twoalike.stimuli import StimulusSet
from twoalike.study import Floats, Integers, Study, TwoalikeError

CHANCE = log(3)
"""Log-loss of guessing, nats."""
TEST_TRIPLETS = 5_000
"""Triplets that a fit is scored on; all of them where there are not more."""
LAPSE = 0.03
"""Mean share of guesses of people in a drawn world."""

WORLDS = {
    "categories": "spaces drawn from the stimuli's categories",
    "sparse": "spaces of sparse qualities (the stimuli have no categories)",
    "observer": "the observer's space",
    "posterior": "draws of the posterior",
}
"""Where worlds come from, for a sentence."""

type DrawObserver = Callable[[np.random.Generator], SimulatedObserver]


@dataclass(frozen=True, eq=False)
class World:
    """A true space and its test triplets."""

    observer: SimulatedObserver
    """The typical participant: the space, the temperature, the share of guesses."""
    triplets: Integers
    """Indices into the observer's ids, shape (n, 3)."""

    @cached_property
    def probabilities(self) -> Floats:
        """True choice probabilities of the typical participant's choices that are no guesses."""
        sure = SimulatedObserver(
            self.observer.ids, self.observer.embedding, self.observer.temperature
        )
        return sure.choice_probabilities(self.triplets)

    @property
    def oracle(self) -> float:
        """Log-loss, in nats, of somebody who knows the true probabilities: their entropy."""
        return float(entropy(self.probabilities).mean())


@dataclass(frozen=True, eq=False)
class WorldSource:
    """Where worlds come from."""

    kind: str
    """``categories``, ``sparse``, ``observer`` or ``posterior``."""
    draw: DrawObserver
    """Gives a typical participant."""
    path: Path | None = None
    """The file it was read from, if any."""


def draw_world(source: WorldSource, seed: int, number: int) -> World:
    """Draw world ``number`` of a seed: always the same."""
    observer = source.draw(np.random.default_rng([seed, 1, number]))
    return World(observer, _triplets(len(observer.ids), np.random.default_rng([seed, 2, number])))


def _triplets(m: int, rng: np.random.Generator) -> Integers:
    if comb(m, 3) <= TEST_TRIPLETS:
        corners = np.indices((m, m, m)).reshape(3, -1).T
        return corners[(corners[:, 0] < corners[:, 1]) & (corners[:, 1] < corners[:, 2])]
    return random_triplets(m, TEST_TRIPLETS, rng)


def world_source(
    study: Study, stimuli: StimulusSet, path: str | Path | None, accuracy: float
) -> WorldSource:
    """Choose where worlds of the design's objects come from.

    An observer (.npz) is the world, of a posterior (.nc) of earlier judgments each draw is one;
    without a file, the categories, else sparse qualities. ``accuracy`` is that of somebody who
    knows the space, on random triplets of a drawn world.
    """
    ids = shown_objects(stimuli, study.config.design)
    path = None if path is None else Path(path)
    if path is not None:
        return _from_posterior(path, ids) if path.suffix == ".nc" else _from_observer(path, ids)
    if not stimuli.levels:

        def sparse(rng: np.random.Generator) -> SimulatedObserver:
            space = sparse_embedding(len(ids), rng, accuracy=accuracy)
            return SimulatedObserver(ids, space, lapse=LAPSE)

        return WorldSource("sparse", sparse)
    table = stimuli.table[stimuli.table["id"].isin(ids)].reset_index(drop=True)
    shown = StimulusSet(stimuli.folder, table)

    def categories(rng: np.random.Generator) -> SimulatedObserver:
        space = hierarchical_embedding(shown, rng, accuracy=accuracy)
        return SimulatedObserver(ids, space, lapse=LAPSE)

    return WorldSource("categories", categories)


def _from_observer(path: Path, ids: tuple[str, ...]) -> WorldSource:
    known = SimulatedObserver.load(path)
    rows = _rows(path, known.ids, ids)
    observer = SimulatedObserver(ids, known.embedding[rows], known.temperature, known.lapse)
    return WorldSource("observer", lambda rng: observer, path)


def _from_posterior(path: Path, ids: tuple[str, ...]) -> WorldSource:
    posterior = Posterior.load(path)
    kind = posterior.attrs.get("similarity", "dot")
    if kind != "dot":
        raise TwoalikeError(
            where=path,
            expected="a posterior whose similarity is a dot product",
            found=repr(kind),
            remedy="Observers are simulated by dot products: fit it with `similarity=dot`.",
        )
    rows = _rows(path, posterior.ids, ids)

    def draw(rng: np.random.Generator) -> SimulatedObserver:
        at = int(rng.integers(len(posterior.embedding)))
        space = posterior.embedding[at, rows].astype(np.float64)
        return SimulatedObserver(ids, space, lapse=float(posterior.typical_lapse[at]))

    return WorldSource("posterior", draw, path)


def _rows(path: Path, known: tuple[str, ...], ids: tuple[str, ...]) -> Integers:
    place = {name: row for row, name in enumerate(known)}
    unknown = [name for name in ids if name not in place]
    if unknown:
        raise TwoalikeError(
            f"{path}: expected all {len(ids)} objects of the design, {len(unknown)} are unknown "
            f"there, such as {unknown[0]!r}. Leave `observer=...` out, or design.exclude those."
        )
    return np.array([place[name] for name in ids], dtype=np.int64)
