"""The PyMC model: the one definition of the posterior, for both engines.

Lapses are partially pooled; log-temperatures sum to zero, since a common factor trades against
the scale of the embedding and the data cannot separate the two. Both may depend on covariates.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from twoalike.embedding._choices import Choices
from twoalike.embedding._dissimilarities import Dissimilarities
from twoalike.embedding._kind import Group, Kind, Unknown
from twoalike.embedding._layouts import Layouts
from twoalike.embedding._people import SLOPE, Covariates, Groups, add_weights
from twoalike.embedding._posterior_file import VARIABLES
from twoalike.embedding._priors import find_kernel, find_prior
from twoalike.embedding._ratings import Ratings
from twoalike.embedding._sortings import Sortings
from twoalike.embedding._terms import Term, find_term
from twoalike.judgments import JudgmentKind
from twoalike.study import Floats, TwoalikeError

KINDS: Mapping[JudgmentKind, type[Kind[Any]]] = {
    kind.kind: kind for kind in (Choices, Layouts, Dissimilarities, Ratings, Sortings)
}
"""Kinds of judgments, in the order in which they enter the model."""
ITEM = {"choices": "item_1", "dissimilarities": "item_a", "ratings": "item_a"}
"""Column whose categories are the objects of a table, where it is not ``item``."""


@dataclass(frozen=True)
class Data:
    """Judgments as indices.

    ``participants`` are those who chose, and with :meth:`everybody` all others too; without choices
    there is one, ``unknown``, about whom nothing is known. ``people`` are their groups, and
    ``covariates`` their covariates, if there are any.
    """

    ids: tuple[str, ...]
    participants: tuple[str, ...]
    kinds: tuple[Kind[Any], ...]
    people: Groups | None = None
    covariates: Covariates | None = None

    @classmethod
    def from_tables(
        cls, tables: Mapping[JudgmentKind, pd.DataFrame | None], terms: Sequence[str] = ()
    ) -> "Data":
        """Index judgments of all kinds, over the objects of any table; choices with terms."""
        found = {kind: table for kind in KINDS if (table := tables.get(kind)) is not None}
        listed = [table[ITEM.get(kind, "item")].cat.categories for kind, table in found.items()]
        ids = merged_order(*(map(str, names) for names in listed))
        kinds = tuple(KINDS[kind].from_table(table, ids) for kind, table in found.items())
        chose = [kind.people for kind in kinds if isinstance(kind, Choices)]
        data = cls(ids, chose[0] if chose else ("unknown",), kinds)
        if not terms:
            return data
        if "choices" not in found:
            raise TwoalikeError("`terms=...`: of choices only, found none", remedy="Leave it out.")
        learnt = (find_term(name).learn(data.choices.groups, found["choices"]) for name in terms)
        return data.with_choices(data.choices.with_terms(found["choices"], learnt))

    @property
    def choices(self) -> Choices:
        """Choices; without any, an empty table of them."""
        found = [kind for kind in self.kinds if isinstance(kind, Choices)]
        return found[0] if found else Choices(groups=(), people=(), ids=self.ids)

    @property
    def size(self) -> int:
        """Judgments, objects placed or sorted, and pairs with a dissimilarity or rating."""
        return sum(kind.size for kind in self.kinds)

    @property
    def groups(self) -> tuple[Group, ...]:
        """Groups of all kinds, in the order in which they enter the model."""
        return tuple(group for kind in self.kinds for group in kind.groups)

    @property
    def only_choices(self) -> bool:
        """Whether there are no judgments of another kind."""
        return all(isinstance(kind, Choices) for kind in self.kinds)

    def with_choices(self, choices: Choices) -> "Data":
        """Exchange the choices."""
        kinds = (choices if isinstance(kind, Choices) else kind for kind in self.kinds)
        return replace(self, kinds=tuple(kinds))

    def take(self, places: Any, *, others: bool = True) -> "Data":
        """Take some of the choices, and all other judgments or none."""
        found = self.with_choices(self.choices.take(places))
        return found if others else replace(found, kinds=(found.choices,))

    def everybody(self) -> "Data":
        """Add whoever gave other judgments to the participants, after who chose.

        Groups and covariates are kept only if nobody is added.
        """
        names = tuple(dict.fromkeys(person for kind in self.kinds for person in kind.people))
        if names == self.participants:
            return self
        return replace(self, participants=names, people=None, covariates=None)


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


def cheaper_whole(m: int, n: int) -> bool:
    """Whether n triplets are cheaper with the similarities of all m objects than with their own.

    Those of all pairs cost as much as those of m² / 30 gathered triplets.
    """
    return m**2 < 30 * n


type Stored = Mapping[str, tuple[str, ...]]
STORED: Stored = {name: variable.axes for name, variable in VARIABLES.items()}
"""Quantities of a draw that a posterior keeps whatever the prior, and their axes."""


@dataclass(frozen=True)
class Form:
    """What is fitted: dimensions, prior, similarity, and standardised features, (m, p), or None.

    ``weights``: whether people weigh the dimensions; ``terms`` are those of the choices.
    """

    dimensions: int
    prior: str
    similarity: str = "dot"
    features: Floats | None = None
    weights: bool = False
    terms: tuple[Term, ...] = ()

    @property
    def stored(self) -> Stored:
        """Quantities of a draw that the posterior keeps, and their axes."""
        found = {**STORED}
        for part in (find_prior(self.prior), *self.terms):
            found |= {name: tuple(axes.split()) for name, axes in part.stored.items()}
        return found

    def model(
        self,
        data: Data,
        batch: Sequence[Sequence[Any]] | None = None,
        sizes: Sequence[int] | None = None,
    ) -> Any:
        """Build the PyMC model of judgments.

        It has ``embedding``, ``temperature``, ``lapse`` and a potential for each group of each
        kind, such as ``choices_0``. ``batch`` has symbolic stand-ins for the arrays of each of
        ``data.groups``, of an engine that feeds minibatches of the ``sizes``.
        """
        model, x, temperature, lapse = self.unobserved(data)
        with model:
            self.add_judgments(data, x, (temperature, lapse), batch, sizes)
        return model

    def add_judgments(
        self,
        data: Data,
        x: Any,
        observers: tuple[Any, Any],
        batch: Sequence[Sequence[Any]] | None = None,
        sizes: Sequence[int] | None = None,
    ) -> None:
        """Add all judgments to the open model.

        ``observers`` are temperature and lapse of every participant, (P,) each.
        """
        import pymc as pm
        import pytensor.tensor as pt

        log_weight = pm.modelcontext(None)["log_weight"] if self.weights else None
        kernel = find_kernel(self.similarity)
        known = x, kernel, data.participants, pt, self.dimensions
        unknown = Unknown(*known, *observers, log_weight)
        stand_ins = None if batch is None else iter(batch)
        steps: Iterator[int] = iter(sizes or [group.size for group in data.groups])
        for kind in data.kinds:
            own = None if stand_ins is None else [next(stand_ins) for _ in kind.groups]
            kind.add(unknown, own, [next(steps) for _ in kind.groups])

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
        for kind in data.kinds:
            coords |= kind.labels
        if self.weights and data.people is not None:
            coords["group"] = list(data.people.names)
        if data.covariates is not None:
            coords["covariate"] = list(data.covariates.names)
        observers = observers or partial(pooled_observers, covariates=data.covariates)
        with pm.Model(coords=coords) as model:
            x = find_prior(self.prior).add(len(data.ids), self.dimensions, self.features)
            if self.weights:
                add_weights(data.people, data.covariates)
            return model, x, *observers(data.participants)

    def start(self, m: int, rng: np.random.Generator) -> dict[str, Floats]:
        """Where a fit to m objects starts, by name of the model's variables."""
        p = 0 if self.features is None else self.features.shape[1]
        return find_prior(self.prior).start(m, self.dimensions, p, rng)

    def start_at(self, x: Floats) -> dict[str, Floats]:
        """Where a fit starts whose embedding is x, (m, d), at first."""
        return find_prior(self.prior).start_at(x, self.features)


LOG_PRIOR = "log_prior_"
"""Begins the name of a variable's log prior density among the quantities of a draw."""


def prior_terms(model: Any) -> tuple[tuple[str, ...], list[Any]]:
    """Log prior density of each free variable, summed over its elements, symbolic.

    On the constrained space without Jacobians: what power-scaling the prior needs.
    """
    terms = model.logp(vars=model.free_RVs, jacobian=False, sum=False)
    names = tuple(f"{LOG_PRIOR}{variable.name}" for variable in model.free_RVs)
    return names, [term.sum() for term in terms]
