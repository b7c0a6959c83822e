"""The PyMC model: the one definition of the posterior, for both engines.

Lapses are partially pooled; log-temperatures sum to zero, since a common factor trades against
the scale of the embedding and the data cannot separate the two. Both may depend on covariates.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd

from twoalike.choice import anchored_log_choice, log_choice
from twoalike.embedding._dissimilarities import (
    Dissimilarities,
    PairGroup,
    add_dissimilarities,
)
from twoalike.embedding._layouts import LayoutGroup, Layouts, add_layouts
from twoalike.embedding._parts import PRIORS, Kernel, find_kernel
from twoalike.embedding._people import SLOPE, Covariates, Groups, add_weights
from twoalike.embedding._ratings import RatingGroup, Ratings, add_ratings
from twoalike.embedding._sets import SetGroup, Sets, add_sets
from twoalike.embedding._sortings import SortingGroup, Sortings, add_sortings
from twoalike.embedding._times import Clocks, add_clocks
from twoalike.judgments import in_sets, object_index, participant_index, split_sets
from twoalike.study import Booleans, Floats, Integers


@dataclass(frozen=True)
class Data:
    """Judgments as indices.

    The columns of ``items`` (n, 3) are so ordered that the answer's place is fixed: the odd item
    last; or reference, chosen, other (where ``anchored``, (n,)). ``judge`` (n,) is the participant;
    ``people`` are the groups of the participants, and ``covariates`` their covariates, if there are
    any; ``times`` (n,) response times in s, where they are to inform the embedding, NaN if unknown.
    Participants are those who chose, and with :meth:`everybody` all others too. All this is of
    triplets; ``sets`` are choices among more items, whose judges are participants, too.
    """

    items: Integers
    judge: Integers
    anchored: Booleans
    ids: tuple[str, ...]
    participants: tuple[str, ...]
    layouts: Layouts | None = None
    dissimilarities: Dissimilarities | None = None
    ratings: Ratings | None = None
    sortings: Sortings | None = None
    people: Groups | None = None
    covariates: Covariates | None = None
    times: Floats | None = None
    sets: Sets | None = None

    @property
    def choices(self) -> int:
        """Choices among three items or more."""
        return len(self.items) + (0 if self.sets is None else self.sets.size)

    @property
    def size(self) -> int:
        """Judgments, objects placed or sorted, and pairs with a dissimilarity or rating."""
        placed = 0 if self.layouts is None else int(self.layouts.counts()[1].sum())
        pairs = 0 if self.dissimilarities is None else int(self.dissimilarities.pairs.sum())
        rated = 0 if self.ratings is None else self.ratings.n_ratings
        sorted_ = 0 if self.sortings is None else int(self.sortings.counts()[1].sum())
        return self.choices + placed + pairs + rated + sorted_

    @property
    def others(self) -> "tuple[Layouts | Dissimilarities | Ratings | Sortings, ...]":
        """What enters the model beside choices, in this order."""
        kinds = (self.layouts, self.dissimilarities, self.ratings, self.sortings)
        return tuple(kind for kind in kinds if kind is not None)

    @property
    def groups(self) -> tuple[LayoutGroup | PairGroup | RatingGroup | SortingGroup | SetGroup, ...]:
        """Groups of what enters the model beside triplets: other kinds, then larger sets."""
        of_sets = () if self.sets is None else self.sets.groups
        return (*(group for kind in self.others for group in kind.groups), *of_sets)

    def take(self, rows: Any, *, others: bool = True) -> "Data":
        """Take some of the triplets, and all other judgments or none."""
        return replace(
            self,
            items=self.items[rows],
            judge=self.judge[rows],
            anchored=self.anchored[rows],
            times=None if self.times is None else self.times[rows],
            layouts=self.layouts if others else None,
            dissimilarities=self.dissimilarities if others else None,
            ratings=self.ratings if others else None,
            sortings=self.sortings if others else None,
            sets=self.sets if others else None,
        )

    def everybody(self) -> "Data":
        """Add whoever gave other judgments to the participants, after who chose.

        Groups and covariates are kept only if nobody is added.
        """
        chose = self.participants if self.choices else ()
        others = [person for kind in self.others for person in kind.people]
        names = tuple(dict.fromkeys((*chose, *others)))
        if names == self.participants:
            return self
        return replace(self, participants=names, people=None, covariates=None)

    def places(self, people: Sequence[str]) -> Integers:
        """Look some of the participants up by name, shape (n,)."""
        return np.asarray(pd.Index(self.participants).get_indexer(pd.Index(people)))

    @classmethod
    def from_tables(
        cls,
        choices: pd.DataFrame | None,
        arrangements: pd.DataFrame | None,
        dissimilarities: pd.DataFrame | None = None,
        ratings: pd.DataFrame | None = None,
        sortings: pd.DataFrame | None = None,
    ) -> "Data":
        """Index judgments of all kinds, over the objects of any table.

        Without choices there is one participant, ``unknown``, about whom nothing is known.
        """
        tables = (
            *((choices, "item_1"), (arrangements, "item"), (dissimilarities, "item_a")),
            *((ratings, "item_a"), (sortings, "item")),
        )
        listed = [table[item].cat.categories for table, item in tables if table is not None]
        ids = merged_order(*(map(str, names) for names in listed))
        if choices is None:
            nobody = np.empty(0, dtype=np.int32)
            items = np.empty((0, 3), dtype=np.int32)
            data = cls(items, nobody, nobody.astype(bool), ids, ("unknown",))
        else:
            data = cls.from_choices(choices, ids)
        if arrangements is not None:
            data = replace(data, layouts=Layouts.from_arrangements(arrangements, ids))
        if dissimilarities is not None:
            pairs = Dissimilarities.from_table(dissimilarities, ids)
            data = replace(data, dissimilarities=pairs)
        if ratings is not None:
            data = replace(data, ratings=Ratings.from_table(ratings, ids))
        if sortings is not None:
            data = replace(data, sortings=Sortings.from_table(sortings, ids))
        return data

    @classmethod
    def from_choices(cls, choices: pd.DataFrame, ids: Sequence[str] | None = None) -> "Data":
        """Index a table of choices, into its own list of objects or into ``ids``."""
        judge, participants = participant_index(choices)
        larger = in_sets(choices)
        choices, more = split_sets(choices)
        triplets, chosen, ids = object_index(choices, ids)
        sets = Sets.from_table(more, judge[larger], ids) if larger.any() else None
        judge = judge[~larger] if larger.any() else judge
        anchored = (choices["kind"] == "anchored").to_numpy()
        rows = np.arange(len(triplets))
        others = np.stack([(chosen + 1) % 3, (chosen + 2) % 3], axis=1)
        odd_last = np.column_stack(
            [triplets[rows, others[:, 0]], triplets[rows, others[:, 1]], triplets[rows, chosen]]
        )
        other = np.where(chosen == 1, 2, 1)
        reference_first = np.column_stack(
            [triplets[:, 0], triplets[rows, chosen], triplets[rows, other]]
        )
        items = np.where(anchored[:, None], reference_first, odd_last)
        items, judge = items.astype(np.int32), judge.astype(np.int32)
        return cls(items, judge, anchored, tuple(ids), participants, sets=sets)


def merged_order(*lists: Iterable[str]) -> tuple[str, ...]:
    """Names of all lists, in an order that keeps that of each where they do not contradict.

    Two tasks of a study show parts of its manifest, whose order is the order everywhere.
    """
    merged: list[str] = []
    for names in lists:
        known, place = set(merged), 0
        for name in names:
            if name in known:
                place = merged.index(name) + 1
            else:
                merged.insert(place, name)
                place += 1
    return tuple(merged)


type Observers = Callable[[tuple[str, ...]], tuple[Any, Any]]
"""Adds observers to the open PyMC model: participants' labels -> temperature, lapse, (P,) each."""


def pooled_observers(
    participants: tuple[str, ...], covariates: Covariates | None = None
) -> tuple[Any, Any]:
    """Add temperature and lapse of every participant, symbolic, shape (P,) each."""
    import pymc as pm
    import pytensor.tensor as pt

    if len(participants) == 1:
        # One person's temperature is the scale of the embedding. Guesses and that scale are hard
        # to tell apart: a wide prior of lapses would let both grow.
        location = pm.Normal("lapse_location", -3.0, 0.5)
        lapse = pm.Deterministic("lapse", pm.math.sigmoid(location)[None], dims="participant")
        return pm.Deterministic("temperature", pt.ones(1), dims="participant"), lapse
    location = pm.Normal("lapse_location", -2.5, 1.0)
    spread = pm.HalfNormal("lapse_spread", 1.0)
    logit = location + spread * pm.Normal("lapse_offset", 0.0, 1.0, dims="participant")
    sd = pm.HalfNormal("temperature_spread", 0.5)
    log_temperature = pm.ZeroSumNormal("log_temperature", sd, dims="participant")
    if covariates is not None:
        z = covariates.standardised.astype(np.float32)
        logit = logit + z @ pm.Normal("lapse_slope", 0.0, SLOPE, dims="covariate")
        slope = pm.Normal("temperature_slope", 0.0, SLOPE, dims="covariate")
        log_temperature = log_temperature + z @ slope
    lapse = pm.Deterministic("lapse", pm.math.sigmoid(logit), dims="participant")
    return pm.Deterministic("temperature", pt.exp(log_temperature), dims="participant"), lapse


def similarities(
    x: Any, items: Any, kernel: Kernel, xp: ModuleType, *, matrix: bool, roots: Any = None
) -> tuple[Any, Any, Any]:
    """Similarities of each triplet's pairs, in PAIRS order, shape (n,) each.

    ``roots`` (n, d): by what the judge of each triplet multiplies the coordinates; not with
    ``matrix``, which is of all judges.
    """
    i, j, k = (items[:, column] for column in range(3))
    if matrix:
        m, squares = x.shape[0], (x**2).sum(axis=1)[:, None]
        flat = kernel.gram(squares, xp.dot(x, x.T), xp).ravel()
        # One gather: the gradient of three would fill and add up three matrices.
        found = flat[xp.stack([i * m + j, i * m + k, j * m + k])]
        return found[0], found[1], found[2]
    first, second, third = x[i], x[j], x[k]
    if roots is not None:
        first, second, third = first * roots, second * roots, third * roots
    return (
        kernel.symbolic(first, second, xp),
        kernel.symbolic(first, third, xp),
        kernel.symbolic(second, third, xp),
    )


def log_likelihood(
    x: Any,
    temperature: Any,
    lapse: Any,
    batch: tuple[Any, Any, Any],
    *,
    similarity: str,
    matrix: bool,
    xp: ModuleType,
    log_weight: Any = None,
    clocks: Clocks | None = None,
    times: Any = None,
) -> Any:
    """Log-probability of each judgment, and of its time if there are clocks, shape (n,).

    ``x`` (m, d) is the embedding, temperature and lapse are of every participant, (P,), ``batch``
    is ``items``, ``judge`` and ``anchored`` of :class:`Data`, the last None where no judgment has a
    reference. With ``matrix`` similarities are taken from the whole matrix, which is cheaper when
    all judgments are used and objects are few. ``log_weight`` (P, d), if participants weigh the
    dimensions, excludes it. ``times`` (n,) are in s.
    """
    items, judge, anchored = batch
    roots = None if log_weight is None else xp.exp(log_weight / 2)[judge]
    pairs = similarities(x, items, find_kernel(similarity), xp, matrix=matrix, roots=roots)
    noise, guess = temperature[judge], lapse[judge]
    logs = log_choice(pairs, noise, guess, xp=xp)[2]
    if anchored is not None:
        near = anchored_log_choice(pairs[:2], noise, guess, xp=xp)[0]
        logs = xp.where(anchored, near, logs)
    if clocks is None:
        return logs
    first, second, third = (side / noise for side in pairs)
    return logs + clocks.log_density((first, second, third), times, judge, anchored, xp)


def cheaper_whole(m: int, n: int) -> bool:
    """Whether n choices are cheaper with the similarities of all m objects than with their own.

    Those of all pairs cost as much as those of m² / 30 gathered triplets.
    """
    return m**2 < 30 * n


PER_DIMENSION = (
    "embedding",
    "slab_weight",
    "slab_scale",
    "location",
    "residual_scale",
    "feature_strength",
    "feature_weights",
    "log_weight",
    "group_log_weight",
    "weight_slope",
)
"""Quantities whose last axis is the dimension."""
STORED = (
    *PER_DIMENSION,
    "feature_decay",
    "temperature",
    "temperature_spread",
    "temperature_slope",
    "weight_spread",
    "weight_group_spread",
    "lapse",
    "lapse_location",
    "lapse_spread",
    "lapse_slope",
    "time_share",
    "time_location",
    "time_slope",
    "time_noise",
    "arrangement_noise",
    "arrangement_location",
    "arrangement_spread",
    "object_noise",
    "object_noise_location",
    "object_noise_spread",
    "pair_noise",
    "pair_noise_location",
    "pair_noise_spread",
    "rating_noise",
    "rating_location",
    "rating_spread",
    "rating_threshold",
    "rating_origin",
    "rating_unit",
    "sorting_noise",
    "sorting_location",
    "sorting_spread",
    "sorting_threshold",
    "sorting_origin",
    "sorting_unit",
)
"""Quantities of a draw that the posterior keeps."""


@dataclass(frozen=True)
class Form:
    """What is fitted: dimensions, prior, similarity, and standardised features, (m, p), or None.

    ``weights``: whether people weigh the dimensions.
    """

    dimensions: int
    prior: str
    similarity: str = "dot"
    features: Floats | None = None
    weights: bool = False

    def model(
        self,
        data: Data,
        batch: tuple[Any, Any, Any, Any] | None = None,
        group_batch: Sequence[tuple[Any, ...]] | None = None,
        *,
        matrix: bool = False,
    ) -> Any:
        """Build the PyMC model of judgments.

        It has ``embedding``, ``temperature``, ``lapse`` and the potentials ``choices`` and, where
        there are other judgments, ``arrangements_0`` and on, then ``dissimilarities_0`` and on,
        then ``sets_0`` and on, one a group. ``batch`` and ``group_batch`` are symbolic
        stand-ins for the judgments, and for the arrays of each of ``data.groups``, of an engine
        that feeds minibatches; with ``matrix`` each of these is large enough for similarities to be
        taken from the whole matrix.
        """
        import pymc as pm
        import pytensor.tensor as pt

        anchored = data.anchored if data.anchored.any() else None
        *columns, times = batch or (data.items, data.judge, anchored, data.times)
        model, x, temperature, lapse = self.unobserved(data)
        with model:
            matrix = matrix or (batch is None and cheaper_whole(len(data.ids), len(data.items)))
            log_weight = model["log_weight"] if self.weights else None
            clocks = (
                None
                if data.times is None
                else add_clocks(data.times, data.judge, len(data.participants))
            )
            logs = log_likelihood(
                x,
                temperature,
                lapse,
                tuple(columns),
                similarity=self.similarity,
                matrix=matrix and not self.weights,
                xp=pt,
                log_weight=log_weight,
                clocks=clocks,
                times=times,
            )
            pm.Potential("choices", logs.sum())
            self.add_others(data, x, (temperature, lapse), log_weight, group_batch)
        return model

    def add_others(
        self,
        data: Data,
        x: Any,
        observers: tuple[Any, Any],
        log_weight: Any = None,
        batch: Sequence[Sequence[Any]] | None = None,
        *,
        observed: bool = False,
    ) -> None:
        """Add all but triplets to the open model, as potentials or observed.

        ``observers`` are temperature and lapse of every participant, (P,) each.
        """
        left = None if batch is None else list(batch)

        def part(groups: Sequence[Any]) -> Any:
            """Take the stand-ins of a kind's groups, in their order."""
            return None if left is None else [left.pop(0) for _ in groups]

        how: dict[str, Any] = {"observed": observed}
        for kind in data.others:
            how["log_weight"] = None if log_weight is None else log_weight[data.places(kind.people)]
            own = part(kind.groups)
            if isinstance(kind, Layouts):
                add_layouts(x, kind, self.dimensions, own, **how)
            elif isinstance(kind, Dissimilarities):
                add_dissimilarities(x, kind, self.similarity, own, **how)
            elif isinstance(kind, Ratings):
                add_ratings(x, kind, self.similarity, own, **how)
            else:
                add_sortings(x, kind, self.similarity, own, **how)
        if (sets := data.sets) is not None:
            how["log_weight"] = log_weight
            add_sets(x, sets, self.similarity, *observers, part(sets.groups), **how)

    def unobserved(
        self, data: Data, observers: Observers | None = None
    ) -> tuple[Any, Any, Any, Any]:
        """Build the PyMC model without judgments: it, and embedding, temperature and lapse.

        With ``weights`` it has a variable ``log_weight`` as well, (P, d).
        """
        import pymc as pm

        coords = {
            "object": list(data.ids),
            "participant": list(data.participants),
            "dimension": list(range(self.dimensions)),
        }
        for kind in data.others:
            coords |= kind.labels
        if self.weights and data.people is not None:
            coords["group"] = list(data.people.names)
        if data.covariates is not None:
            coords["covariate"] = list(data.covariates.names)
        observers = observers or partial(pooled_observers, covariates=data.covariates)
        with pm.Model(coords=coords) as model:
            x = PRIORS[self.prior].add(len(data.ids), self.dimensions, self.features)
            if self.weights:
                add_weights(data.people, data.covariates)
            return model, x, *observers(data.participants)

    def start(self, m: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Where a fit to m objects starts, by name of the model's variables."""
        p = 0 if self.features is None else self.features.shape[1]
        return PRIORS[self.prior].start(m, self.dimensions, p, rng)

    def start_at(self, x: Floats) -> dict[str, Floats]:
        """Where a fit starts whose embedding is x, (m, d), at first."""
        return PRIORS[self.prior].start_at(x, self.features)


LOG_PRIOR = "log_prior_"
"""Begins the name of a variable's log prior density among the quantities of a draw."""


def prior_terms(model: Any) -> tuple[tuple[str, ...], list[Any]]:
    """Log prior density of each free variable, summed over its elements, symbolic.

    On the constrained space without Jacobians: what power-scaling the prior needs.
    """
    terms = model.logp(vars=model.free_RVs, jacobian=False, sum=False)
    names = tuple(f"{LOG_PRIOR}{variable.name}" for variable in model.free_RVs)
    return names, [term.sum() for term in terms]
