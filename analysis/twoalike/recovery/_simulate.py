"""A simulated study: a world drawn at random, trial lists of the design, people who choose.

Nobody knows the true space before the study; several are drawn, and a size is good enough if it
serves most of them. In a study of two groups, log weights of people are normal and sum to zero over
the dimensions, as in the model. The second group weighs one dimension more and all others a little
less, so that the sums stay zero and the difference, in standard deviations of people within groups,
is the effect that was asked for.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from math import comb, log
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np

from twoalike.choice import entropy, random_triplets
from twoalike.design import TRIPLET_LISTS, covering_bound, shown_objects
from twoalike.embedding import Posterior, choice_intervals, importance, select_objects
from twoalike.judgments import choices_table
from twoalike.observers import (
    SimulatedObserver,
    draw_population,
    hierarchical_embedding,
    sparse_embedding,
)
from twoalike.stimuli import StimulusSet
from twoalike.study import Booleans, DesignConfig, Floats, Integers, Study, TwoalikeError
from twoalike.tables import STIMULI

if TYPE_CHECKING:
    import pandas as pd

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
        return replace(self.observer, lapse=0.0).choice_probabilities(self.triplets)

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
        if path.suffix == ".nc":
            return _from_posterior(path, ids)
        known = SimulatedObserver.load(path)
        space = known.embedding[_rows(path, known.ids, ids)]
        observer = SimulatedObserver(ids, space, known.temperature, known.lapse)
        return WorldSource("observer", lambda rng: observer, path)
    table = stimuli.table[stimuli.table["id"].isin(ids)].reset_index(drop=True)
    shown = StimulusSet(stimuli.folder, table)

    def draw(rng: np.random.Generator) -> SimulatedObserver:
        if stimuli.levels:
            space = hierarchical_embedding(shown, rng, accuracy=accuracy)
        else:
            space = sparse_embedding(len(ids), rng, accuracy=accuracy)
        return SimulatedObserver(ids, space, lapse=LAPSE)

    return WorldSource("categories" if stimuli.levels else "sparse", draw)


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


INTERVAL = 0.95
"""Share of the posterior inside the intervals whose width is reported."""
LEVEL = 0.05
"""Of the tests of two groups."""

type Measure = Literal["regret", "width"]
type GroupTest = Literal["all", "dimension", "pair"]
"""Of all dimensions together, of any dimension, of any pair of objects."""
TESTS: tuple[GroupTest, ...] = get_args(GroupTest.__value__)


def planned_study(study: Study, trials: int) -> Study:
    """Give the study one session a person of ``trials`` main trials, and of its repeats.

    Practice and attention checks inform no fit and are left out.
    """
    design = study.config.design
    if design.sampler in ("adaptive", "list"):
        why = (
            "chooses as judgments come in" if design.sampler == "adaptive" else "has its own lists"
        )
        raise TwoalikeError(
            f"power simulates the samplers random, coverage and levels, found {design.sampler}, "
            f"which {why}. Name one of them: `sampler=random`."
        )
    none = {"practice": 0, "practice_checks": 0, "catch": 0, "catch_sides": [], "plan": []}
    settings = design.model_dump() | none | {"trials": trials}
    updated = study.config.model_copy(update={"design": DesignConfig.model_validate(settings)})
    return replace(study, config=updated)


def unit_of(study: Study) -> int:
    """Give the number of people that a design comes in multiples of."""
    design = study.config.design
    return max(design.lists_per_triplet, 1) if design.sampler == "levels" else 1


def fewest_people(study: Study, stimuli: StimulusSet) -> int:
    """Fewest people among whom a planned study can be shared out."""
    design = study.config.design
    if design.sampler != "coverage":
        return unit_of(study)
    m = len(shown_objects(stimuli, design))
    return -(-covering_bound(m, design.pair_repeats) // design.trials)


def collect(
    study: Study,
    stimuli: StimulusSet,
    world: World,
    participants: int,
    seed: tuple[int, ...],
    *,
    people_differ: bool,
    log_weight: Floats | None = None,
) -> "pd.DataFrame":
    """Simulate the choices of a whole study, as :func:`planned_study` gives it: a table of choices.

    ``participants`` people have one session each; they may differ in temperature and in their share
    of guesses, or be all typical, and weigh the dimensions by ``log_weight`` (participants, D).
    """
    rng = np.random.default_rng([*seed, 1])
    lists_seed = int(np.random.SeedSequence([*seed, 2]).generate_state(1)[0])
    seeded = replace(study, config=study.config.model_copy(update={"seed": lists_seed}))
    labels = [f"{number:03d}" for number in range(1, participants + 1)]
    tables = TRIPLET_LISTS.together(seeded, stimuli, labels, 1)
    people = _people(world.observer, participants, rng, differ=people_differ)
    if log_weight is not None:  # similarities are sum_k w_k x_ik x_jk
        people = [
            replace(person, embedding=person.embedding * np.exp(own / 2))
            for person, own in zip(people, log_weight, strict=True)
        ]
    place = {name: row for row, name in enumerate(world.observer.ids)}
    parts = [
        _choose(person, table, label, place, rng)
        for person, table, label in zip(people, tables, labels, strict=True)
    ]
    columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return choices_table(columns, list(world.observer.ids))


def _people(
    typical: SimulatedObserver, n: int, rng: np.random.Generator, *, differ: bool
) -> list[SimulatedObserver]:
    if not differ:
        return [typical] * n
    # Careless people are found by attention checks and replaced: none is simulated here.
    mean_lapse = typical.lapse or 0.5
    temperature, lapse = draw_population(n, rng, mean_lapse=mean_lapse, careless=0)
    lapse = lapse if typical.lapse else np.zeros(n)
    return [
        replace(typical, temperature=float(typical.temperature * t), lapse=float(guess))
        for t, guess in zip(temperature, lapse, strict=True)
    ]


def _choose(
    person: SimulatedObserver,
    trials: "pd.DataFrame",
    label: str,
    place: dict[str, int],
    rng: np.random.Generator,
) -> dict[str, np.ndarray]:
    triplets = np.stack([trials[item].map(place).to_numpy(np.int64) for item in STIMULI], axis=1)
    # Gumbel noise turns the largest log-probability into a draw of that probability.
    logs = np.log(np.maximum(person.choice_probabilities(triplets), 1e-300))
    chosen = 1 + np.argmax(logs + rng.gumbel(size=logs.shape), axis=1)
    columns = {f"item_{k + 1}": triplets[:, k] for k in range(3)}
    return columns | {
        "chosen": chosen,
        "participant": np.full(len(trials), label),
        "trial_type": trials["trial_type"].to_numpy(str),
    }


def score(posterior: Posterior, world: World) -> dict[str, float]:
    """Score a fit on the test triplets of a world, by its probabilities.

    ``regret`` is the mean Kullback-Leibler divergence from the true to the predicted probabilities,
    in nats: how much the expected log-loss on new triplets exceeds the oracle's; ``width`` the mean
    width of the 95 % intervals of choice probabilities, ``coverage`` the share of the true ones
    inside them.
    """
    rows = select_objects(posterior.ids, world.observer.ids)
    triplets, true = rows[world.triplets], world.probabilities
    guess = np.asarray(posterior.choice_probabilities(triplets), dtype=np.float64)
    low, high = choice_intervals(posterior, triplets, INTERVAL, lapse=False)
    ratio = np.log(np.maximum(true, 1e-300)) - np.log(guess)
    return {
        "regret": float((true * ratio).sum(axis=1).mean()),
        "width": float((high - low).mean()),
        "coverage": float(((low <= true) & (true <= high)).mean()),
    }


@dataclass(frozen=True, kw_only=True)
class GroupEffect:
    """How people, and two groups of them, differ in weights."""

    effect: float = 0.8
    """Difference of the groups' mean log weights, in standard deviations within groups."""
    spread: float = 0.4
    """Standard deviation of a person's log weights, before they are made to sum to zero."""
    dimension: int = 1
    """Which dimension differs, 1 the one that matters most for similarities."""

    def column(self, embedding: Floats) -> int:
        """Find the column of the dimension in an embedding, (m, D)."""
        d = embedding.shape[1]
        if d < max(self.dimension, 2):
            raise TwoalikeError(
                where=f"`dimension={self.dimension}`",
                expected=f"a dimension of a true space of {max(self.dimension, 2)} or more",
                found=str(d),
            )
        return int(
            np.argsort(-importance(embedding[None, None]), kind="stable")[self.dimension - 1]
        )

    def draw(self, second: Booleans, embedding: Floats, rng: np.random.Generator) -> Floats:
        """Draw log weights of people, (P, D), of whom ``second`` (P,) are in the second group."""
        d = embedding.shape[1]
        log_weight = self.spread * rng.standard_normal((len(second), d))
        log_weight -= log_weight.mean(axis=1, keepdims=True)
        shift = np.full(d, -1 / (d - 1))
        shift[self.column(embedding)] = 1
        within = self.spread * np.sqrt(1 - 1 / d)  # after the mean of d was taken away
        log_weight[second] += self.effect * within * shift
        return np.asarray(log_weight)


def most_like(world: World, column: int, posterior: Posterior) -> int:
    """Dimension of a fit that correlates most with a column of the true space."""
    true = world.observer.embedding[world.observer.rows(posterior.ids), column]
    fitted = posterior.embedding.mean(axis=0)
    correlation = np.corrcoef(true, fitted.T)[0, 1:]
    return int(np.argmax(np.nan_to_num(correlation)))
